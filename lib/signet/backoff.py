"""How long is it wise to wait before the next try?

EnOS blocks a device for five minutes after four connects in two minutes, and two boards with one
client id throw each other out for ever.  So the wait begins at `retry_s` (20 s), grows twofold up
to eight times that, with jitter, and begins anew only after a connection has lasted.
"""

from micropython import const

from signet.errors import ConfigError, Refused, Throttled

LONGEST_MS = const(3_600_000)  # no wait is longer
_LASTED_MS = const(120_000)  # a connection that lasted so long was a good one
_STOLEN_MS = const(10_000)  # closed so soon after login, twice running: somebody else's login?
_DOUBLINGS = const(3)  # of the wait after Lost
_REFUSED_FIRST = const(4)  # Refused begins with as many doublings (320 s),
_REFUSED_DOUBLINGS = const(7)  # and grows on


class Backoff:
    """Counts what failed; reads no clock.

    Args:
        first_ms: int, the first wait.
    """

    def __init__(self, first_ms):
        self._first_ms = first_ms
        self._failures = self._short_lives = 0

    def lived(self, ms):
        """Takes that a connection has lived so long, ms (int).

        Returns:
            bool, True when it ended so soon again that another login may have ended it.
        """
        self.lasts(ms)
        self._short_lives = self._short_lives + 1 if 0 <= ms < _STOLEN_MS else 0
        return self._short_lives > 1

    def lasts(self, ms):
        """Takes that a connection has stood for ms (int)."""
        if ms > _LASTED_MS:
            self._failures = self._short_lives = 0

    def wait_ms(self, error, chance):
        """Returns the ms to wait, and waits longer the next time.

        Args:
            error: what failed.
            chance: int, 0 to 255, at random: a fleet must not come back at once.
        """
        refused = isinstance(error, (Refused, ConfigError))
        if refused:
            self._failures = max(self._failures, _REFUSED_FIRST)
        ms = self._first_ms << self._failures
        self._failures = min(self._failures + 1, _REFUSED_DOUBLINGS if refused else _DOUBLINGS)
        if isinstance(error, Throttled) and error.retry_after_ms:
            ms = error.retry_after_ms
        ms = min(ms, LONGEST_MS)
        return ms + ms // 2 * chance // 255
