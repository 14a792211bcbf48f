"""Which reports has the cloud not acknowledged yet, and where do they wait through a power cut?

    report -> a list in the heap -> segments on flash (flash.py) -> the cloud

What waits goes to flash in one append when the oldest of it has waited `flash_after_s`, when it is
too much for the heap, and when the link is closed: on a good link never.  The code for it is
loaded from the start: later, an old heap may have no place for it.
"""

from micropython import const

from signet import clock, modules
from signet.device import files
from signet.reports import flash, keep

_ROOM = const(2048)  # bytes of reports in the heap,
_OBJECT = const(160)  # of them for each report beside its body: see room.shrink
_BLOCK = const(4096)  # what flash erases at once
_AGAIN_MS = const(60_000)  # after flash could not be written
_SOON_MS = const(5000)  # after there was no memory for it
_MANY = const(64)  # reports, and their count is noted when nothing else is to be
_FULL = const("signet.reports.room")
_DEAD = const("signet.reports.dead")


class Outbox:
    """Holds reports until they are acknowledged.  Keys rise and never repeat.

    Args:
        limit: int, bytes of flash that they may take.
        drops_oldest: bool; when that is full, True drops the oldest segment of reports, False
            refuses new ones.
        timeout_ms: int, how long a report waits in the heap; 0: not at all.
        log: function of one str.
        folder: str, on flash.
    Attributes:
        counts: list of int: accepted, acknowledged, sent again, dropped, set aside, places of
            damage; kept on flash with each append.
        misses: dict of key to int, how often nobody acknowledged that report.
        flash_used: int, bytes.
        ids: list of int, CRC-32 of the ids of the last commands.
        The others belong to flash.py, where they are explained.
    """

    def __init__(self, limit, drops_oldest, timeout_ms, log, folder="outbox"):
        self.limit = limit
        self.drops_oldest = drops_oldest
        self.log = log
        self.folder = folder
        self.waiting = []  # in the heap
        self._used = 0  # by those, or more
        self._timeout_ms = timeout_ms
        self._deadline = clock.Deadline(0)  # no sooner is flash written that could not be
        modules.call("signet.reports.restore", "restore", self)
        self._noted = self.counts[0]
        if files.exists(folder + "/retry"):  # somebody at a desk has mended what was wrong
            self._try(modules.call, _DEAD, "retry", self)

    def __len__(self):
        """How many wait; after a power cut it may say too many until they have been read."""
        return self.stored + len(self.waiting)

    def __iter__(self):
        key = self.after(0)
        while key is not None:
            yield self.get(key)
            key = self.after(key)

    def put(self, report):
        """Takes a report.

        Args:
            report: messages.Report, not of a file; it gets its `key`.
        Returns:
            int, its key; None when the outbox is full and the new report is the one to go.
        Raises:
            ValueError: it is larger than the outbox.
            MemoryError: it is not taken.
        """
        size = len(report.body) + len(report.topic or "")
        if (size > _ROOM or not self.drops_oldest) and not self._may_take(size):
            return None
        report.key = key = self.next_key
        report.since = clock.ticks_ms()
        self.waiting.append(report)
        self.counts[0] += 1
        self.next_key = key + 1
        self._used = used = self._used + size + _OBJECT
        if used > _ROOM + _OBJECT or not self._timeout_ms:
            self._spill(report)
        return key

    def _may_take(self, size):
        if size > self.limit - 2 * _BLOCK and size > _ROOM:
            raise ValueError("a report of {} bytes is more than outbox_bytes take".format(size))
        more = _BLOCK if size < _ROOM else 2 * _BLOCK + size  # with what is in the heap
        if self.drops_oldest or self.flash_used + more <= self.limit:
            return True
        self.counts[0] += 1
        self.dropped(1, "new")
        return False

    def _spill(self, report):
        """Writes to flash what is too much for the heap, when the last that came was `report`."""
        self._used = 0  # what has gone since was in it
        for other in self.waiting:
            self._used += len(other.body) + len(other.topic or "") + _OBJECT
        too_much = self._used > _ROOM + _OBJECT
        if not too_much and self._timeout_ms:
            return
        kept = self.keep()
        if isinstance(kept, MemoryError):
            if report in self.waiting:  # else it was written before memory ran out
                self.waiting.remove(report)
                self.counts[0] -= 1
                raise kept
        elif kept is not True and too_much:
            self._try(modules.call, _FULL, "make", self, kept)

    def dropped(self, count, kind):
        """Counts reports that go for want of room, and says so; kind: str, "oldest" or "new"."""
        self.counts[3] += count
        self.log("outbox full: dropped the {} {} reports".format(count, kind))

    def after(self, key):
        """Returns the key of the oldest report whose key (int) is greater, or None."""
        if self.stored:
            found = flash.after(self, key)
            if found:
                return found
        for report in self.waiting:
            if report.key > key:
                return report.key
        return None

    def get(self, key):
        """Returns the Report `key` (int), None where it is gone."""
        for report in self.waiting:
            if report.key == key:
                return report
        return flash.get(self, key) if self.stored else None

    def done(self, key):
        """Forgets the report `key` (int); returns False when it was dropped before."""
        self.misses.pop(key, None)
        for report in self.waiting:
            if report.key == key:
                self.waiting.remove(report)
                self._used -= len(report.body) + _OBJECT
                return True
        return bool(self.stored) and flash.done(self, key)

    def set_aside(self, key, reason, report=None):
        """Keeps a report on flash, out of the way of the others.

        Args:
            key: int; below 0 or None for one that was never in here.
            reason: str.
            report: messages.Report; None for the one in here.
        Returns:
            bool, False when it could not be written, and waits where it was.
        """
        return self._try(modules.call, _DEAD, "bury", self, key, reason, report) is True

    @property
    def dead(self):
        """list of (key, reason str, Report) of the last that were set aside, oldest first."""
        return modules.call(_DEAD, "read", self)

    def retry(self):
        """Puts back what was set aside; returns how many (int)."""
        return modules.call(_DEAD, "retry", self)

    def step(self):
        """Writes to flash what has waited long enough in the heap, and that all is done.

        Returns:
            ms until there may be more to write (int).
        """
        if not self._deadline.expired():
            return _AGAIN_MS
        if self.is_done:
            self._try(keep.end, self)
        if not self.waiting:
            return _AGAIN_MS
        waited_ms = clock.ticks_diff(clock.ticks_ms(), self.waiting[0].since)
        if waited_ms >= self._timeout_ms:
            self.keep()
        return max(self._timeout_ms - waited_ms, 0)

    def close(self):
        """Writes to flash what waits and what is done; raises nothing."""
        if self.is_done:
            self._try(keep.end, self)
        if self.waiting or self.stored or self.counts[0] - self._noted >= _MANY:
            self.keep()

    def keep(self):
        """Writes what waits in the heap to flash, and a note of what is done; raises nothing."""
        kept = self._try(keep.keep, self)
        if kept is True:
            self._noted = self.counts[0]
        elif not kept:
            self._deadline = clock.Deadline(_AGAIN_MS)
        return kept

    def knows(self, id):
        """Was the command of this id (str) executed already?  It counts as such from now on."""
        return self._try(keep.knows, self, id) is True

    def _try(self, function, *arguments):
        """Calls what writes to flash; returns what that does, or the error that it raises."""
        try:
            try:
                return function(*arguments)
            except MemoryError:
                return modules.lend(function, *arguments)
        except (OSError, MemoryError) as error:
            memory = isinstance(error, MemoryError)
            try:
                self._deadline = clock.Deadline(_SOON_MS if memory else _AGAIN_MS)
                self.log("not written to flash: {!r}; a reset costs what waits".format(error))
            except MemoryError:  # for a line of the log
                pass
            return error
