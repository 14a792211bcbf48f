"""Which report goes next, and what becomes of it?  One rule for every way in.

    acknowledged                    it is gone
    Rejected                        set aside, by name, on flash
    Throttled                       all wait; after three times the next has its turn
    ProtocolError: an answer that   the next has its turn; the fourth time it is set aside
    cannot be taken
    MemoryError                     never its fault: soon again
    not acknowledged, or on the     a miss; from the third on the others pass, and it goes last and
    wire when the connection ended  alone; two more, if anything else was carried in between, and
                                    it is set aside: without that it is the network

The session says what happened (cloud/session.py).  The answers to commands, and reports that are
files, wait in the heap beside the outbox, under keys below 0; the rule is the same.
"""

import gc

from micropython import const

from signet import clock
from signet.errors import ProtocolError, Rejected, Throttled

_PUT_OFF = const(3)  # times of "not now", or of no memory, before the next has its turn
_TRIES = const(4)
_DOUBLINGS = const(3)  # of the wait for a report that is put off
_ALONE = const(3)  # misses
_MOST = const(5)  # misses
_SUSPECTS = const(32)
_MEMORY_MS = const(1000)
_ANSWERS = const(8)
_ROOM = const(2048)  # bytes of answers


class Handover:
    """Hands what waits to a session.

    Args:
        outbox: reports.outbox.Outbox.
        retry_ms: int, the first wait of a report that is put off.
        log: function of one str.
    Attributes:
        beside: dict of key to Report, answers and files.
        next_submit: clock.Deadline, nothing is handed over before.
        stored: int, reports that the cloud has acknowledged.
    """

    def __init__(self, outbox, retry_ms, log):
        self._outbox = outbox
        self._retry_ms = retry_ms
        self._log = log
        self._flight = []  # keys
        self._passed = 0  # the greatest key that had its turn in this pass
        self._tries = {}  # key: how often it was put off
        self._carried = False  # something else, since the last miss of one that goes alone
        self.beside = {}
        self._last_beside = 0
        self.next_submit = clock.Deadline(0)
        self.stored = 0

    def __len__(self):
        return len(self._outbox) + len(self.beside)

    def put_beside(self, report):
        """Takes the answer to a command, or a file; returns its key (int), None for no room."""
        used = 0 if hasattr(report.body, "seek") else len(report.body)
        for other in self.beside.values():
            used += 0 if hasattr(other.body, "seek") else len(other.body)
        if len(self.beside) >= _ANSWERS or (used > _ROOM and self.beside):
            return None
        self._last_beside -= 1
        self.beside[self._last_beside] = report
        return self._last_beside

    def opened(self):
        """A session begins anew, with nothing in flight."""
        self._flight = []
        self._passed = 0

    def alive(self):
        """The peer has shown that it is there, by more than a report."""
        self._carried = True

    def submit(self, session):
        """Hands over what the session takes now."""
        while self.next_submit.expired():
            key = self._choose()
            if key is None:
                return
            try:
                report = self.beside.get(key) or self._outbox.get(key)
                if report is None:
                    self._outbox.done(key)  # damaged
                    continue
                last = len(self) <= len(self._flight) + 1
                if not session.submit(key, report, last):
                    return
                self._flight.append(key)
            except MemoryError:
                self._no_memory(key)
            except Exception as error:  # whatever it is, the report is to blame
                self._set_aside(key, error)
            self._passed = max(self._passed, key)

    def _choose(self):
        """Returns the key of the next report to go, or None."""
        misses, flight = self._outbox.misses, self._flight
        if flight and misses.get(flight[0], 0) >= _ALONE:
            return None
        for key in sorted(self.beside, reverse=True):
            if key not in flight and misses.get(key, 0) < _ALONE:
                return key
        key = self._outbox.after(self._passed)
        while key and (key in flight or misses.get(key, 0) >= _ALONE):
            self._passed = key
            key = self._outbox.after(key)
        if key:
            return key
        self._passed = 0  # the next pass
        alone = None
        if flight:
            return alone
        for other, count in misses.items():
            if count >= _ALONE and (alone is None or (count, other) < (misses[alone], alone)):
                alone = other
        if alone and alone > 0 and self._outbox.after(alone - 1) != alone:
            misses.pop(alone)  # it was dropped
            alone = None
        return alone

    def acked(self, key, message_id):
        """The cloud has the report `key` (int), and calls it message_id (str or None)."""
        self._out(key)
        self._carried = True
        if key < 0:
            self._outbox.misses.pop(key, None)
            self.beside.pop(key, None)
        elif not self._outbox.done(key):
            return
        self._tries.pop(key, None)
        self._outbox.counts[1] += 1
        self.stored += 1
        self._log("report {} stored{}".format(key, " as " + message_id if message_id else ""))

    def failed(self, key, error):
        """The report `key` (int) came to nothing, and the session goes on; see above."""
        self._out(key)
        if isinstance(error, Rejected):
            self._set_aside(key, error)
        elif isinstance(error, MemoryError):
            self._no_memory(key)
        elif isinstance(error, (Throttled, ProtocolError)):
            self._put_off(key, error)
        else:
            self._outbox.counts[2] += 1
            self._missed(key, error)

    def lost(self, keys, error):
        """The connection ended with these on the wire."""
        self._outbox.counts[2] += len(keys)
        for key in keys:
            self._missed(key, error)
        self.opened()

    def _out(self, key):
        if key in self._flight:
            self._flight.remove(key)

    def _put_off(self, key, error):
        tries = self._tries.get(key, 0)
        if isinstance(error, ProtocolError) and tries + 1 >= _TRIES:
            self._set_aside(key, error)
            return
        self._outbox.counts[2] += 1
        wait_ms = getattr(error, "retry_after_ms", 0) or self._retry_ms << min(tries, _DOUBLINGS)
        self._log("report {}: {}; sent again in {} s".format(key, error, wait_ms // 1000))
        self.next_submit = clock.Deadline(wait_ms)
        self._tries[key] = tries + 1
        if isinstance(error, Throttled) and tries < _PUT_OFF:
            self._passed = min(self._passed, key - 1)  # it is the next again

    def _no_memory(self, key):
        self._out(key)
        gc.collect()
        tries = self._tries.get(key, 0)
        self._tries[key] = tries + 1
        if not tries % _PUT_OFF:  # the next has its turn
            self._log("no memory to send report {}; soon again".format(key))
        else:
            self._passed = min(self._passed, key - 1)
        self.next_submit = clock.Deadline(_MEMORY_MS << min(tries, _DOUBLINGS))

    def _missed(self, key, error):
        misses = self._outbox.misses
        count = misses.get(key, 0)
        if count >= _ALONE:
            if not self._carried:
                return
            self._carried = False
        elif key not in misses and len(misses) >= _SUSPECTS:
            return
        misses[key] = count + 1
        if count + 1 == _MOST:
            self._set_aside(key, error)
        elif count + 1 == _ALONE:
            self._log("report {}: {}, {} times; it goes last and alone".format(key, error, _ALONE))

    def _set_aside(self, key, error):
        self._tries.pop(key, None)
        if self._outbox.set_aside(key, str(error), self.beside.get(key)):
            self.beside.pop(key, None)
            self._log("report {} set aside: {}".format(key, error))
        else:  # flash cannot be written: it waits
            self.next_submit = clock.Deadline(self._retry_ms)
