"""Which report goes next?

The session says what happened to it (cloud/session.py), and trouble.py what becomes of one that
does not go.  The answers to commands, and reports that are files, wait in the heap beside the
outbox, under keys below 0; the rule is the same.
"""

from micropython import const

from signet import clock, modules
from signet.errors import Rejected

_ALONE = const(3)  # misses, see trouble.py
_AGAIN_MS = const(1000)  # after memory was missing
_ANSWERS = const(8)
_ROOM = const(2048)  # bytes of answers; one may have four times as many
_READ = const(64)  # reports that may be read from flash and not done


class Handover:
    """Hands what waits to a session.

    Args:
        outbox: reports.outbox.Outbox.
        retry_s: int, the first wait of a report that is put off.
        log: function of one str.
    Attributes:
        outbox, retry_s, log: see above.
        passed: int, the greatest key that had its turn in this pass.
        tries: dict of key to [int, int], how often it was put off, or answered badly.
        again: list of the keys that had their turn in this pass and were put off.
        alive: bool, something else was carried since the last miss of one that goes alone.
        beside: dict of key to Report, answers and files.
        deadline: clock.Deadline, nothing is handed over before.
        stored: int, reports that the cloud has acknowledged.
    """

    def __init__(self, outbox, retry_s, log):
        self.outbox = outbox
        self.retry_s = retry_s
        self.log = log
        self._flight = []  # keys
        self._at = 0  # the key that went alone last
        self.passed = 0
        self.again = []
        self.tries = {}
        self.alive = False
        self.beside = {}
        self._last_id = 0
        self.deadline = clock.Deadline(0)
        self.stored = 0

    def __len__(self):
        return len(self.outbox) + len(self.beside)

    def put(self, report):
        """Takes the answer to a command, or a file; returns its key (int), None for no room."""
        is_file = hasattr(report.body, "seek")
        used = 0 if is_file else len(report.body)
        for other in self.beside.values():
            used += 0 if hasattr(other.body, "seek") else len(other.body)
        most = _ROOM if self.beside else 4 * _ROOM
        if len(self.beside) >= _ANSWERS or used > most:
            return None
        self.outbox.counts[0] += is_file  # an answer is no report
        self._last_id -= 1
        self.beside[self._last_id] = report
        return self._last_id

    def opened(self):
        """A session begins anew, with nothing in flight."""
        self._flight = []
        self.passed = 0
        self.again = []

    def submit(self, session):
        """Hands over what the session takes now."""
        while len(self._flight) < session.window and self.deadline.expired():
            key = self._choose()
            if key is None:
                return
            try:
                report = self.beside.get(key) or self.outbox.get(key)
                if report is None:
                    self.outbox.done(key)  # damaged
                    continue
                last = len(self) <= len(self._flight) + 1
                if not session.submit(key, report, last):
                    return
                self._flight.append(key)
                self.passed = max(self.passed, key)
            except Exception as error:  # whatever it is, but of memory, the report is to blame
                if not isinstance(error, MemoryError):
                    error = Rejected(str(error))
                self.passed = max(self.passed, key)
                self._in_trouble("failed", key, error)

    def _choose(self):
        """Returns the key of the next report to go, or None."""
        misses, flight = self.outbox.misses, self._flight
        if flight and misses.get(flight[0], 0) >= _ALONE:  # it goes alone
            return None
        for _ in range(2):  # in this pass, or in the next
            for key in sorted(self.beside, reverse=True):
                if key not in flight + self.again and misses.get(key, 0) < _ALONE:
                    return key
            key = self._next(self.passed)
            while key and (key in flight or misses.get(key, 0) >= _ALONE):
                self.passed = key
                key = self._next(key)
            if key:
                return key
            self.passed = 0
            self.again = []
        alone = None
        if flight:
            return alone
        for other, count in misses.items():
            turn = other <= self._at, other  # each in its turn: another may be to blame
            if count >= _ALONE and (alone is None or turn < (alone <= self._at, alone)):
                alone = other
        if alone and alone > 0 and self.outbox.after(alone - 1) != alone:
            misses.pop(alone)  # it was dropped
            return None
        self._at = alone or 0
        return alone

    def _next(self, key):
        """As of the outbox; the pass ends where too many that do not go have been read."""
        opened = self.outbox.open
        if len(opened) >= _READ and key >= opened[-1][0]:
            return None
        return self.outbox.after(key)

    def acked(self, key, id):
        """The cloud has the report `key` (int), and calls it id (str or None)."""
        if key in self._flight:
            self._flight.remove(key)
        self.alive = True
        is_report = True
        if key < 0:
            self.outbox.misses.pop(key, None)
            answer = self.beside.pop(key, None)
            is_report = answer is not None and hasattr(answer.body, "seek")
        elif not self.outbox.done(key):
            return
        self.tries.pop(key, None)
        self.outbox.counts[1] += is_report
        self.stored += is_report
        self.log("report {} stored{}".format(key, " as " + id if id else ""))

    def failed(self, key, error):
        """The report `key` (int) came to nothing, and the session goes on."""
        if key in self._flight:
            self._flight.remove(key)
        self._in_trouble("failed", key, error)

    def lost(self, keys, error):
        """The connection ended with these on the wire."""
        if keys:
            self._in_trouble("lost", keys, error)
        self.opened()

    def _in_trouble(self, function, *arguments):
        try:
            modules.call("signet.reports.trouble", function, self, *arguments)
        except MemoryError:  # for its code
            self.deadline = clock.Deadline(_AGAIN_MS)
