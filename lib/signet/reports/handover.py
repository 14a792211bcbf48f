"""Which report goes next, and what becomes of it?  One rule for every way in.

The session says what happened (cloud/session.py); what waits stays in the outbox until the cloud
has it, or it is set aside by name.
"""

from micropython import const

from signet import clock
from signet.errors import Throttled
from signet.reports import messages

_TOO_LARGE = const(3)  # attempts for which memory may be missing
_PUT_BACK = const(3)  # times of "not now" to a report, before the next has its turn
_DOUBLINGS = const(3)  # of the wait for a report that is put off


class Handover:
    """Hands what waits in an outbox to a session.

    Args:
        outbox: reports.outbox.Outbox.
        retry_ms: int, the first wait of a report that is put off.
        log: function of one str.
    Attributes:
        next_submit: clock.Deadline, nothing is handed over before.
        stored: int, reports that the cloud has acknowledged.
    """

    def __init__(self, outbox, retry_ms, log):
        self._outbox = outbox
        self._retry_ms = retry_ms
        self._log = log
        self._submitted = 0  # the greatest key that the session has taken
        self.next_submit = clock.Deadline(0)
        self.stored = 0

    def opened(self):
        """A session begins anew; it knows itself which reports it has in flight already."""
        self._submitted = 0

    def submit(self, session):
        """Hands over what the session takes now."""
        outbox = self._outbox
        while self.next_submit.expired():
            entry = outbox.after(self._submitted)
            if entry is None:
                return
            key, report = entry
            try:
                if not session.submit(key, report, outbox.after(key) is None):
                    return
            except MemoryError as error:
                report.shortages += 1
                if report.shortages < _TOO_LARGE:
                    self.next_submit = clock.Deadline(self._retry_ms)
                    return
                self._set_aside(key, error)  # or no other report would ever go
            except Exception as error:  # whatever it is, the report is to blame
                self._set_aside(key, error)
            self._submitted = key

    def acked(self, key, message_id):
        """The cloud has the report `key` (int), and calls it message_id (str or None)."""
        if self._outbox.remove(key):
            self.stored += 1
            self._log("report {} stored{}".format(key, " as " + message_id if message_id else ""))

    def failed(self, key, error):
        """The cloud does not take the report `key` (int): never, or not now, to it or to all."""
        if not isinstance(error, Throttled):
            self._set_aside(key, error)
            return
        entry = self._outbox.after(key - 1) or (None, None)
        report = entry[1] if entry[0] == key else messages.Report(None)  # it was dropped meanwhile
        wait_ms = error.retry_after_ms or self._retry_ms << min(report.delays, _DOUBLINGS)
        report.delays += 1
        self._log("report {}: {}; sent again in {} s".format(key, error, wait_ms // 1000))
        self.next_submit = clock.Deadline(wait_ms)
        if report.delays > _PUT_BACK and len(self._outbox) > 1:
            self._outbox.put_back(key)
            report.delays = 0
        self._submitted = min(self._submitted, key - 1)

    def _set_aside(self, key, error):
        self._outbox.set_aside(key, error)
        self._log("report {} set aside: {}".format(key, error))
