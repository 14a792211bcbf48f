"""Which of two notifications is the fresher one, and when does an observation end?

RFC 7641 for a client. Sans I/O; client/coap_observe.py registers and deregisters.
"""

from micropython import const

_OBSERVE = const(6)
_MAX_AGE = const(14)
_HALF = const(0x80_0000)  # 2^23
_STALE_MS = const(128_000)  # 3.4

REGISTER = (_OBSERVE, b"")  # 2: 0 is the empty value
DEREGISTER = (_OBSERVE, b"\1")


def fresher(new, new_ms, old, old_ms):
    """Returns True when a notification is fresher than the one before it (3.4).

    Args:
        new, old: int, 0 to 2^24-1, values of Observe.
        new_ms, old_ms: int, when they came, in ms of one clock.
    """
    return old < new < old + _HALF or new + _HALF < old or new_ms > old_ms + _STALE_MS


class Observation:
    """What is known of one observed resource.

    Attributes:
        active: bool, False once the server has ended it (3.2), or never began it (3.1).
        until_ms: int, when the last representation ends to be fresh (3.3.1): time to refresh.
    """

    def __init__(self):
        self.active = False
        self.until_ms = 0

    def take(self, message, now_ms):
        """Takes a response to a registration, or a notification.

        Returns:
            bool, True when its representation is news.
        """
        # The first counts (RFC 7252 section 5.4.5).
        options = dict(reversed(list(message.options)))
        observe = options.get(_OBSERVE)
        if observe is None or message.code >> 5 != 2:
            self.active = False
            return True
        number = int.from_bytes(observe[-3:], "big")  # 3.4: the three least significant bytes
        news = not self.active or fresher(number, now_ms, self._newest, self._newest_ms)
        if news:
            self.active = True
            self._newest = number
            self._newest_ms = now_ms
            max_age_s = int.from_bytes(options.get(_MAX_AGE, b"<")[-4:], "big")  # 60 by default
            self.until_ms = now_ms + max_age_s * 1000
        return news
