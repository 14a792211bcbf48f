"""umqtt.simple asks for `usocket`; a board has both names."""

from socket import *  # noqa: F403
