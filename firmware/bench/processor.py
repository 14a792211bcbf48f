"""How long has this program run, and how long has it waited for a processor?  Linux says so.

Source: Documentation/scheduler/sched-stats.rst of Linux, /proc/PID/schedstat.
"""


class Processor:
    """What the kernel counts for this program, in microseconds; 0 where it does not say."""

    def __init__(self):
        self._buffer = bytearray(80)
        try:
            self._file = open("/proc/self/schedstat", "rb")  # noqa: SIM115  as long as this lives
        except OSError:
            self._file = None

    @property
    def says(self):
        """bool, the kernel says so."""
        return self._file is not None

    def _field(self, index):
        if self._file is None:
            return 0
        self._file.seek(0)
        self._file.readinto(self._buffer)
        return int(self._buffer.split()[index]) // 1000

    def used_us(self):
        """Returns how long it has run."""
        return self._field(0)

    def queued_us(self):
        """Returns how long it was ready to run, while others ran."""
        return self._field(1)
