"""umqtt.simple asks for `ubinascii`; a board has both names."""

from binascii import *  # noqa: F403
