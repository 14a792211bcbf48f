"""What time is it, how long may this still take, and who is told while we wait?

Three clocks hide behind `time`: monotonic ticks that wrap (MicroPython `time.ticks_ms`), an
epoch that begins in 1970 or 2000 by port (docs/library/time.rst), and a clock that starts
in the past after every power loss.  Only integers here: a single-precision float cannot hold
a timestamp.
"""

import time

_YEAR_2000_S = 946_684_800  # Unix time of 2000-01-01, the epoch of the ESP32 port
_SIGNET_BORN_S = 1_735_689_600  # 2025-01-01: a clock that says less was never set

_epoch_offset_s = _YEAR_2000_S if time.gmtime(0)[0] == 2000 else 0

try:
    ticks_ms = time.ticks_ms
    ticks_diff = time.ticks_diff
    ticks_add = time.ticks_add
except AttributeError:  # CPython

    def ticks_ms():
        """Returns monotonic milliseconds."""
        return time.monotonic_ns() // 1_000_000

    def ticks_diff(later, earlier):
        """Returns `later - earlier` in ms."""
        return later - earlier

    def ticks_add(ticks, delta):
        """Returns `ticks` moved by `delta` ms."""
        return ticks + delta


# Called about once a second during every wait of signet; a board puts its watchdog's feed here.
while_waiting = None

WAIT_SLICE_MS = 500


class Deadline:
    """A point in time, at most 2**29 - 1 ms (6 days) ahead; look at it at least that often.

    Args:
        timeout_ms: int, milliseconds from now.
    """

    def __init__(self, timeout_ms):
        self._end = ticks_add(ticks_ms(), timeout_ms)

    def remaining_ms(self):
        """Returns the milliseconds left, 0 when the deadline has passed."""
        if self._end is not None:
            left = ticks_diff(self._end, ticks_ms())
            if left > 0:
                return left
            self._end = None  # for good: ticks wrap
        return 0

    def expired(self):
        """Returns True once the deadline has passed."""
        return not self.remaining_ms()


if hasattr(time, "sleep_ms"):
    sleep_ms = time.sleep_ms
else:  # CPython

    def sleep_ms(ms):
        """Sleeps for `ms` milliseconds."""
        time.sleep(ms / 1000)


def waited():
    """Tells the board that signet is alive but waiting."""
    if while_waiting is not None:
        while_waiting()


def unix_ms():
    """Returns Unix time in milliseconds as an int, on every port."""
    return time.time_ns() // 1_000_000 + _epoch_offset_s * 1000


def is_set():
    """Returns True when the clock shows a plausible date, not the one a board boots with."""
    return int(time.time()) + _epoch_offset_s >= _SIGNET_BORN_S


def iso8601(unix_time_ms):
    """Formats Unix milliseconds as RFC 3339 UTC text, for example 2026-11-20T07:00:00.250Z.

    For the years 1 to 9999: `time.gmtime` ends in 2038 where time_t has 32 bits.
    """
    days, ms = divmod(unix_time_ms, 86_400_000)
    days += 719_468  # since 0000-03-01, so that a leap day is the last of its year
    century = (4 * days + 3) // 146_097
    days += century - century // 4  # as if every fourth year had a leap day
    year = (4 * days + 3) // 1461
    days -= 1461 * year // 4
    month = (5 * days + 2) // 153
    days -= (153 * month + 2) // 5 - 1
    month += 3
    if month > 12:
        month -= 12
        year += 1
    seconds = ms // 1000
    return "{:04d}-{:02d}-{:02d}T{:02d}:{:02d}:{:02d}.{:03d}Z".format(
        year, month, days, seconds // 3600, seconds // 60 % 60, seconds % 60, ms % 1000
    )
