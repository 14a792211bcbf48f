"""Which number has Watson for the end of a connection, and for a login that it refuses?

Sources: the platform's docs (`applications/mqtt.md`, close codes of `/mon`); for those of topics
its opened proxy, eclipse/amlen `pxmqtt.c`: facts only, no code.
"""

import enum

from tools.twin.clouds.values import Ending


class CloseCode(enum.IntEnum):
    """Watson's numbers."""

    NORMAL = 0
    CLOSED_BY_CLIENT = 91
    CLOSED_BY_SERVER = 92
    KEEPALIVE = 160
    NO_CERTIFICATE = 169
    OTHER_CERTIFICATE = 170
    NOT_AUTHORIZED = 180
    WRONG_TOPIC = 276
    TOO_LARGE = 287
    ID_REUSED = 288


_ENDINGS = {
    Ending.GOODBYE: CloseCode.NORMAL,
    Ending.CLIENT: CloseCode.CLOSED_BY_CLIENT,
    Ending.SERVER: CloseCode.CLOSED_BY_SERVER,
    Ending.SILENCE: CloseCode.KEEPALIVE,
    Ending.REPLACED: CloseCode.ID_REUSED,
    Ending.TOPIC: CloseCode.WRONG_TOPIC,
    Ending.FOREIGN: CloseCode.NOT_AUTHORIZED,
    Ending.SIZE: CloseCode.TOO_LARGE,
}
# Of a login; keys of Watson's `connack`.
_MISTAKES = {
    "no certificate": CloseCode.NO_CERTIFICATE,
    "other certificate": CloseCode.OTHER_CERTIFICATE,
}


def close_code(why: Ending | str) -> CloseCode:
    """The number of an ending, or of the mistake of a login."""
    if isinstance(why, Ending):
        return _ENDINGS[why]
    return _MISTAKES.get(why, CloseCode.NOT_AUTHORIZED)
