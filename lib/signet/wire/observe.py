"""Which of two notifications is the fresher one, and when does an observation end?

RFC 7641 for a client. Sans I/O; client/coap_observe.py registers and deregisters.
"""

from micropython import const

from signet.wire import coap

_HALF = const(0x80_0000)  # 2^23
_STALE_MS = const(128_000)  # 3.4
_MAX_AGE = const(14)

REGISTER = (coap.OBSERVE, b"")  # 2: 0 is the empty value
DEREGISTER = (coap.OBSERVE, b"\1")


def fresher(new, new_ms, old, old_ms):
    """Returns True when a notification is fresher than the one before it (3.4).

    Args:
        new, old: int, 0 to 2^24-1, values of Observe.
        new_ms, old_ms: int, when they came, in ms of one clock.
    """
    return old < new < old + _HALF or new + _HALF < old or new_ms > old_ms + _STALE_MS


def option(message, number, default=None):
    """Returns option `number` of a message as an int; one that is too long counts as missing."""
    for each, value in message.options:
        if each == number and len(value) < 5:
            return coap.uint_value(value)
    return default


class Observation:
    """What is known of one observed resource.

    Attributes:
        active: bool, False once the server has ended it (3.2), or never began it (3.1).
        until_ms: int, when the last representation ends to be fresh (3.3.1): time to refresh.
    """

    def __init__(self):
        self.active = False
        self.until_ms = 0
        self._newest = self._newest_ms = None

    def take(self, message, now_ms):
        """Takes a response to a registration, or a notification.

        Returns:
            bool, True when its representation is news.
        """
        number = option(message, coap.OBSERVE)
        if number is None or message.code >> 5 != 2:
            self.active = False
            return True
        number &= 0xFF_FFFF  # 3.4: the three least significant bytes
        news = not self.active or fresher(number, now_ms, self._newest, self._newest_ms)
        if news:
            self.active = True
            self._newest = number
            self._newest_ms = now_ms
            self.until_ms = now_ms + option(message, _MAX_AGE, 60) * 1000
        return news
