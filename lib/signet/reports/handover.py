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
        at: int, the key that went alone last.
        alive: bool, something else was carried since the last miss of one that goes alone.
        beside: dict of key to Report, answers and files.
        single: int, the greatest key of those that go one by one, whatever the cloud takes; below
            0: not known yet.
        flight: list of the keys that a session has.
        deadline: clock.Deadline, nothing is handed over before.
        stored: int, reports that the cloud has acknowledged.
    """

    def __init__(self, outbox, retry_s, log):
        self.outbox = outbox
        self.retry_s = retry_s
        self.log = log
        self.flight = []
        self.passed = 0
        self.again = []
        self.at = 0
        self.tries = {}
        self.alive = False
        self.beside = {}
        self._last_id = 0
        self._made = None  # (keys, Report), several as one, until the session takes it
        self.single = -1 if outbox.stored else 0
        self.deadline = clock.Deadline(0)
        self.stored = 0

    def __len__(self):
        outbox = self.outbox
        return outbox.stored + len(outbox.waiting) + len(self.beside)

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
        """A session begins anew; what the last one had may have gone, under its own id."""
        self.single = max([self.single] + self.flight)
        self.flight = []
        self._made = None
        self.passed = 0
        self.again = []

    def submit(self, session):
        """Hands over what the session takes now."""
        flight, waiting = self.flight, len(self)
        while waiting > len(flight) < session.window and self.deadline.expired():
            key = self._choose()
            if key is None:
                return
            keys = (key,)
            try:
                report = self.beside.get(key) or self.outbox.get(key)
                if report is None:
                    self.outbox.done(key)  # damaged
                    continue
                if session.batch and waiting > len(flight) + session.window and key > self.single:
                    self._together(session, key)
                if self._made is not None:
                    keys, report = self._made
                    key = tuple(keys)
                if not session.submit(key, report, waiting <= len(flight) + len(keys)):
                    return
                flight += keys
                error = None
            except Exception as reason:  # whatever it is, but of memory, the report is to blame
                error = reason if isinstance(reason, MemoryError) else Rejected(str(reason))
            self._made = None
            self.passed = max(self.passed, keys[-1])
            if error is not None:
                self._in_trouble("failed", key, error)

    def _together(self, session, key):
        """Makes one message of several reports."""
        if self.single < 0:  # of what a start finds so many may have gone before, by their own ids
            self.single = key + session.window - 1
        if self._made is None and key > self.single:
            try:
                made = session.batch(self, key)
                if len(made[0]) > 1:
                    self._made = made
                else:
                    self.single = key
            except MemoryError:
                self.single = self.outbox.next_key

    def _choose(self):
        """Returns the key of the next report to go, or None."""
        misses, flight = self.outbox.misses, self.flight
        if misses and flight and misses.get(flight[0], 0) >= _ALONE:  # it goes alone
            return None
        key = self._in_this_pass()
        if not key:
            self.passed = 0
            self.again = []
            key = self._in_this_pass()
        if key or flight or not misses:
            return key
        return self._in_trouble("alone")

    def _in_this_pass(self):
        misses, flight = self.outbox.misses, self.flight
        key = self.beside and self._beside()
        if key:
            return key
        opened = self.outbox.open
        while len(opened) < _READ or self.passed < opened[-1][0]:
            key = self.outbox.after(self.passed)
            if not key or not (key in flight or misses.get(key, 0) >= _ALONE):
                return key
            self.passed = key
        return None  # too many that do not go have been read

    def _beside(self):
        for key in sorted(self.beside, reverse=True):
            not_now = key in self.flight or key in self.again
            if not not_now and self.outbox.misses.get(key, 0) < _ALONE:
                return key
        return None

    def acked(self, key, id):
        """The cloud has the report `key` (int, or several), and calls it id (str or None)."""
        self.alive = True
        for each in key if isinstance(key, tuple) else (key,):
            if each in self.flight:
                self.flight.remove(each)
            if each < 0:
                is_report = self._went(each)
            elif self.outbox.done(each):
                is_report = True
            else:
                continue
            self.tries.pop(each, None)
            self.outbox.counts[1] += is_report
            self.stored += is_report
            what = ("report %d" % each if is_report else "answer") + " stored"
            self.log(what + " as " + id if id else what)

    def _went(self, key):
        """Forgets an answer, or a file; is it a file?"""
        self.outbox.misses.pop(key, None)
        report = self.beside.pop(key, None)
        return report is not None and hasattr(report.body, "seek")

    def failed(self, key, error):
        """The report `key` (int, or several) came to nothing, and the session goes on."""
        for each in key if isinstance(key, tuple) else (key,):
            if each in self.flight:
                self.flight.remove(each)
        if not isinstance(key, tuple):
            self.single = max(self.single, key)
        self._in_trouble("failed", key, error)

    def lost(self, keys, error):
        """The connection ended with these on the wire."""
        if keys:
            self._in_trouble("lost", keys, error)
        self.opened()

    def _in_trouble(self, function, *arguments):
        try:
            return modules.call("signet.reports.trouble", function, self, *arguments)
        except MemoryError:  # for its code
            self.deadline = clock.Deadline(_AGAIN_MS)
