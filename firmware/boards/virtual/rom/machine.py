"""What does the virtual board's `machine` offer?  The ESP32's names, as far as signet uses them.

docs/library/machine.rst; numbers as on the ESP32 port.  What a chip keeps in silicon (reset
cause, watchdog, RTC memory) is kept by the bridge (tools/board/bridge.py).
"""

import io
import time

import _bridge
from micropython import const
from uctypes import bytearray_at
from umachine import *  # noqa: F403

_HARD = const(72)
_SLEEP = const(68)
_WATCH = const(87)
_FEED = const(70)
_MEMORY = const(77)

PWRON_RESET = 1
HARD_RESET = 2
WDT_RESET = 3
DEEPSLEEP_RESET = 4
SOFT_RESET = 5


class _Memory:
    """Words of memory by address.  The unix port's own mem32 would open the host's /dev/mem."""

    def __init__(self, size):
        self._size = size

    def __getitem__(self, address):
        return int.from_bytes(bytearray_at(address, self._size), "little")

    def __setitem__(self, address, value):
        mask = (1 << 8 * self._size) - 1
        bytearray_at(address, self._size)[:] = (value & mask).to_bytes(self._size, "little")


mem8 = _Memory(1)
mem16 = _Memory(2)
mem32 = _Memory(4)


def reset():
    """Resets the board like its reset button.  Never returns."""
    _bridge.leave(_HARD)


def soft_reset():
    """Starts the board's program anew.  Never returns."""
    raise SystemExit


def reset_cause():
    """Returns why the board started: one of the *_RESET numbers."""
    return _bridge.cause


def unique_id():
    """Returns the same 6 bytes on every virtual board, a locally administered address."""
    return b"\x02\x00\x5e\x00\x53\x01"


def freq():
    """Returns the clock of the board that this one stands for, in Hz."""
    return 160_000_000


def deepsleep(time_ms=0):
    """Switches off; starts anew after `time_ms`, 0 for never.  Never returns."""
    _bridge.leave(_SLEEP, time_ms or -1)


def lightsleep(time_ms):
    """Pauses for `time_ms`."""
    time.sleep_ms(time_ms)


class WDT:
    """A watchdog: the board restarts unless fed within `timeout` ms.  It cannot be stopped."""

    def __init__(self, id=0, timeout=5000):
        if id != 0:
            raise ValueError("invalid WDT id")
        if timeout <= 0:
            raise ValueError("WDT timeout too short")
        _bridge.ask(_WATCH, timeout)

    def feed(self):
        """Gives the program another `timeout` ms."""
        _bridge.tell(_FEED)


class RTC:
    """The clock (the host's, which goes on as it does) and memory that outlives deep sleep."""

    def datetime(self, value=None):
        """Returns (year, month, day, weekday, hours, minutes, seconds, microseconds) in UTC."""
        if value is not None:
            return None
        t = time.gmtime()
        return t[0], t[1], t[2], t[6], t[3], t[4], t[5], 0

    def memory(self, data=None):
        """Returns the bytes kept, or keeps `data` (at most 2048 bytes)."""
        if data is not None:
            if len(data) > 2048:
                raise ValueError("buffer too long")
            _bridge.memory = bytes(data)
            _bridge.ask(_MEMORY, len(data), _bridge.memory)
            return None
        return _bridge.memory


class UART(io.IOBase):
    """The line to the modem that the board was started with; without one nobody is there."""

    def __init__(self, id, baudrate=115200, **settings):
        if id != 1:
            raise ValueError("UART({}) does not exist".format(id))
        self._line = line = _bridge.uart
        if line:
            import ffi

            self._number = line.fileno()
            self._ioctl = ffi.open(None).func("i", "ioctl", "iip")

    def any(self):
        """Returns how many bytes can be read now."""
        if not self._line:
            return 0
        count = bytearray(4)
        self._ioctl(self._number, 0x541B, count)  # FIONREAD, ioctl_tty(2)
        return int.from_bytes(count, "little")

    def read(self, count=None):
        """Returns at most `count` bytes, or all that are there; None when there are none."""
        return self._line.read(self.any() if count is None else count) if self.any() else None

    def readinto(self, buffer, count=None):
        """Fills `buffer`, or `count` bytes of it; returns how many, or None."""
        if not self.any():
            return None
        return self._line.readinto(buffer if count is None else memoryview(buffer)[:count])

    def write(self, data):
        """Sends bytes; returns how many went, or None when none can go now."""
        return self._line.write(data) if self._line else len(data)

    def ioctl(self, request, argument):
        """So that select.poll can wait for it: the file descriptor."""
        if request == 3:
            return 0  # nothing comes from nobody
        return self._number if request == 10 and self._line else -22  # EINVAL


class Pin:
    """A pin wired to nothing: it reads what was written."""

    IN = 1
    OUT = 3
    PULL_UP = 2
    PULL_DOWN = 1
    _levels = {}

    def __init__(self, id, mode=-1, pull=-1, value=None):
        self._id = id
        if value is not None:
            self.value(value)

    def value(self, level=None):
        """Returns the level, or sets it."""
        if level is not None:
            self._levels[self._id] = int(bool(level))
            return None
        return self._levels.get(self._id, 0)

    __call__ = value

    def on(self):
        """Sets the level to 1."""
        self.value(1)

    def off(self):
        """Sets the level to 0."""
        self.value(0)
