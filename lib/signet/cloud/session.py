"""What does a Link ask of a session, whatever the cloud and the way in?

    closed --begin--> opening --("opened",)--> open --("lost", ...) or close--> closed

    begin(deadline)          starts to open and returns at once, name look-up apart; what it raises
                             means that it is closed.
    poll(timeout_ms)         one event or None; never longer than told plus one step; poll(0) is
                             one step. Raises nothing, whatever comes.
    submit(key, report, last)  takes one report: True; False for not now, while not opened or while
                             anything waits to be sent. Raises Rejected, and MemoryError. Never
                             waits. Keeps nothing of it once it is on the wire, where it can.
    batch(handover, key)     None where the cloud has no form for several reports in one message,
                             else a function: (keys, Report with a topic) of that key and of what
                             goes with it, see reports/batch.py. A key that `submit` gets, and
                             that an event names, may be a tuple of keys then.
    answer(command, result)  returns the answer to a command as a Report with a topic, which is
                             handed over like any other; None where the cloud wants none. Raises
                             Rejected where `result` has no form. No I/O.
    close()                  never waits; valid in every state; forgets what is in flight.

Events, each told once:

    ("opened",)              after each `begin`, before any other but "lost".
    ("acked", key, message id)   stored by the cloud; its id, str or None.
    ("failed", key, error)   out of flight, the session still open. Rejected: never this report.
                             Throttled: not now, and no other either. ProtocolError: the cloud
                             answered, but what cannot be taken, or that it can do nothing with
                             this report now. MemoryError: no place to send it. Any other
                             (TimedOut): no answer in time.
    ("command", Command)
    ("alive",)               the peer has answered a ping.
    ("lost", error, keys)    closed; `begin` may follow. keys: of the reports on the wire that
                             nobody acknowledged; where memory ran out it may name none. All
                             that was in flight is forgotten.

One step is at most one record or datagram in and one flight out.  Only name look-up, one message
of a handshake, one garbage collection and one call into the board may take longer than 50 ms.
"""


class Session:
    """The contract's attributes, with what they are where a session says nothing else.

    Attributes:
        window: int, how many reports may be in flight.
        is_exclusive: bool, a second login of this identity ends the first.
        takes_files: bool, a report with a topic may be a file, open for reading.
        busy: bool, `poll(0)` has more to do at once, which no socket shows.
    """

    window = 1
    is_exclusive = False
    takes_files = False
    busy = False
    batch = None

    def answer(self, command, result):
        """Returns the answer to a command as a Report, or None: see above."""
        return

    def pending(self, timeout_ms):
        """bool, has it work of its own to do within that time (int)?"""
        return False

    def readable(self):
        """Returns the socket that shows when bytes come; None where none does, or not yet."""
        return
