"""umqtt.simple asks for `ustruct`; a board has both names."""

from struct import *  # noqa: F403
