"""What time is it, how long may this still take, and who is told while we wait?

Three clocks hide behind `time`: monotonic ticks that wrap (MicroPython `time.ticks_ms`), an
epoch that begins in 1970 or 2000 by port (docs/library/time.rst), and a clock that starts
in the past after every power loss.  Only integers here: a single-precision float cannot hold
a timestamp.
"""

import time

from micropython import const

_YEAR_2000_S = const(946_684_800)  # Unix time of 2000-01-01, the epoch of the ESP32 port
_BORN_MS = const(1_735_689_600_000)  # 2025-01-01: a clock that says less was never set

epoch_s = _YEAR_2000_S if time.gmtime(0)[0] == 2000 else 0  # Unix time of `time`'s 0
doubted = False  # a certificate failed by its dates, or a day that was proved is all we know
# 1: a server has proved itself by its certificate since the clock was set; 3: daily.py is to note
# that, once; 2: it has.
proved = 0

sleep_ms = time.sleep_ms
ticks_ms = time.ticks_ms
ticks_diff = time.ticks_diff
ticks_add = time.ticks_add

# Called about once a second during every wait of signet; a board puts its watchdog's feed here.
while_waiting = None

WAIT_SLICE_MS = 500


class Deadline:
    """A point in time, at most 2**29 - 1 ms (6 days) ahead; look at it at least that often.

    Args:
        timeout_ms: int, milliseconds from now.
    """

    def __init__(self, timeout_ms):
        self._at = ticks_add(ticks_ms(), timeout_ms)

    def remaining_ms(self):
        """Returns the milliseconds left, 0 when the deadline has passed."""
        if self._at is not None:
            left = ticks_diff(self._at, ticks_ms())
            if left > 0:
                return left
            self._at = None  # for good: ticks wrap
        return 0

    def expired(self):
        """Returns True once the deadline has passed."""
        return self._at is None or not self.remaining_ms()


def waited():
    """Tells the board that signet is alive but waiting."""
    if while_waiting is not None:
        while_waiting()


def unix_ms():
    """Returns Unix time in milliseconds as an int, on every port."""
    return time.time_ns() // 1_000_000 + epoch_s * 1000


def is_set():
    """Returns True when the clock shows a plausible date, not the one a board boots with."""
    return stamp() is not None


def stamp():
    """Returns `unix_ms`; None while the clock is not set."""
    now_ms = unix_ms()
    return None if doubted or now_ms < _BORN_MS else now_ms
