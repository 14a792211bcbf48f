"""How do reports reach the cloud whatever happens to the network, and commands the board?

One Link owns one Session (cloud/session.py).  `poll` does everything, step by step: connects,
hands over what the outbox holds, hears commands, notices a dead link, backs off and tries again.
It never raises for what the network or the cloud does; it says so in one line of the log and goes
on.

    closed --begin--> opening --opened--> open --lost--> closed

A new certificate is tried by a session of its own: certificate/on_trial.py.
"""

import gc
import os

from micropython import const

from signet import clock, modules
from signet.errors import Lost, Rejected, SignetError, Untrusted
from signet.reports import messages
from signet.reports.handover import Handover

_CLOSED = const(0)
_OPENING = const(1)
_OPEN = const(2)

_NETWORK_MS = const(30_000)
_LOOK_MS = const(100)  # how often to look whether the network is up
_OFTEN = const(1024)  # bytes that are taken until garbage is collected, at least
_AGAIN_MS = const(60_000)  # after memory was missing for the code of what was due


class Link:
    """Hands over reports and hears commands, through any Session.

    Args:
        session: see cloud/session.py.
        config: dict from config.load.
        outbox: reports.outbox.Outbox: what waits, was dropped, was set aside.
        board: object with network_up(timeout_ms) -> bool, asked before each connection, and
            set_clock() -> bool, once a day and when a certificate failed by its dates; None where
            both are somebody else's business.
        log: function of one str.
        state: device.state.State, the session's too; None where that keeps nothing.
    Attributes:
        on_command: function of one messages.Command; returns a dict or None for the answer.
        connected: bool.
        busy: bool, after a `poll`: another may do more at once.
        wake: function without arguments that `report` calls; None.
        report_interval_ms, deep_sleep: what device.json says, for the device program.
        outbox: see above.
        last_error: str, why the connection was lost last; None.
    """

    _threshold = None  # gc's, while there is another because one of them has no connection

    def __init__(self, session, config, outbox, board=None, log=print, state=None):
        self._session = session
        self.board = board
        self._log = log
        self._config = config
        self._kept = state
        self.report_interval_ms = config["report_interval_s"] * 1000
        self.deep_sleep = config["deep_sleep"]
        self.outbox = outbox
        self._handover = Handover(outbox, config["retry_s"], log)
        self._past = [0, 0]  # see backoff.lost
        self.on_command = self.wake = None
        self.busy = False
        self._to(_CLOSED)
        self._next_try = self._next_trial = self._next_look = clock.Deadline(0)
        self._looked = {}  # see daily.run
        self._connections, self.last_error = 0, None
        self._network = None  # until when it may take to come up, while it does
        if config.get("renewal"):  # there is a `cert`.new
            from signet.certificate import on_trial

            arguments = session, config, log, state, self._renewed
            self._session = self._ask(on_trial.resume, *arguments) or session

    @property
    def handed_over(self):
        """int, reports that the cloud has acknowledged since the board started."""
        return self._handover.stored

    def _to(self, state):
        self._state = state
        self._since = clock.ticks_ms()
        self.connected = state == _OPEN
        if state == _OPENING and Link._threshold is None:
            # What waits lies close together then, and there is room for the file that it goes to.
            Link._threshold = gc.threshold()
            gc.threshold(max(_OFTEN, gc.mem_free() >> 3))
        elif state == _OPEN:
            self._collect_as_before()

    def _collect_as_before(self):
        if Link._threshold is not None:
            gc.threshold(Link._threshold)
            Link._threshold = None

    def report(self, values, topic=None, event=None, device=None):
        """Takes a report; `poll` hands it over. Never waits.

        Args:
            values: dict of name to value, stamped with the time of this call; or bytes; or, by
                way http and without deep sleep, a file open for reading in binary, which must
                stay open until the report is stored: it may be larger than the heap.
            topic: str, to publish `values` as they are.
            event: str, the name of an event in the cloud, instead of a plain report.
            device: (type id, device id) whose report it is: of a gateway, or an application.
        Returns:
            int, the report's key in the log; None when the outbox is full and keeps the old ones,
                or when it is set aside at once: a value has no form in JSON.
        Raises:
            ValueError: says what is wrong with the arguments.
            MemoryError: it is not taken.
        """
        plain = topic is None and event is None and device is None and isinstance(values, dict)
        if not plain:
            takes_files = not self.deep_sleep and self._session.takes_files
            has_role = self._config.get("role", "device") != "device"
            values = messages.check(values, topic, event, device, takes_files, has_role)
        time_ms = clock.stamp()
        try:
            report = messages.Report(values, time_ms, topic, event, device)
        except Rejected as error:
            arguments = self.outbox, values, time_ms, topic, event, device, error
            modules.call("signet.reports.dead", "refuse", *arguments)
            return None
        if isinstance(report.body, bytes):
            key = self.outbox.put(report)
        else:  # a file
            key = self._handover.put(report)
        if self.wake is not None:
            self.wake()
        return key

    @property
    def waiting(self):
        """int, how many reports, and answers to commands, the cloud does not have yet."""
        outbox = self.outbox  # as len(self._handover), without a call: programs ask often
        return outbox.stored + len(outbox.waiting) + len(self._handover.beside)

    @property
    def counters(self):
        """dict: what became of reports, kept on flash with them; and what this start has seen."""
        seen = self.waiting, self._connections, self.last_error
        return modules.call("signet.daily", "counters", self.outbox, seen)

    def poll(self, timeout_ms=0):
        """Works on the link; raises nothing that network or cloud do.

        Args:
            timeout_ms: int, how long, less than 2**29; 0 does one step: it may take longer than
                50 ms to look up a name, to compute one message of a handshake, to collect garbage
                and to ask the board for its network or the time, and for nothing else.
        """
        deadline = clock.Deadline(timeout_ms)
        self._turn(deadline)
        while not deadline.expired():
            self._turn(deadline)

    def flush(self, timeout_ms):
        """Works until the cloud has every report.

        Args:
            timeout_ms: int, how long at most, less than 2**29.
        Returns:
            bool, False when the time was too short; at once where the next try is too far off,
                so call `poll` before you flush again.
        """
        deadline = clock.Deadline(timeout_ms)
        clock.waited()
        left_ms = deadline.remaining_ms()
        while left_ms and not self._idle(left_ms):
            self._turn(deadline)
            left_ms = deadline.remaining_ms()
        return not self.waiting

    def _idle(self, timeout_ms):
        """Is there nothing to do in that time?  A board that sleeps deeply need not stay awake."""
        if self._state == _OPENING:
            return False
        if self._session.pending(timeout_ms):
            return not self.connected and self._next_try.remaining_ms() > timeout_ms
        return not self.waiting or self.due_ms() > timeout_ms

    def close(self):
        """Says goodbye, and writes to flash what waits; a later `poll` connects again."""
        self._drop()
        self._next_try = clock.Deadline(0)
        self.outbox.close()
        self._collect_as_before()

    def renew(self, cert, key=None):
        """Takes a new certificate, tries it in a `poll`, keeps it if it works: renewal.begin.

        For a board whose device.json has `cert`: no other need have certificate/.
        """
        from signet.certificate import on_trial

        arguments = self._next_trial, self._log, self._kept, self._renewed, self.connected
        session = self._session
        self._session = getattr(session, "own", session)  # the one before is over
        self._session = on_trial.renew(session, self._config, cert, key, *arguments)

    def _renewed(self, session, next_trial, event, values):
        """A trial is over: tells the cloud where the outbox has room; an application cannot."""
        self._session, self._next_trial = session, next_trial
        modules.forget("signet.certificate.on_trial")
        if "application" not in self._config.get("role", ""):
            self.report(values, event=event)

    @property
    def opening(self):
        """bool, a connection is being opened, or the network."""
        return self._state == _OPENING or self._network is not None

    def readable(self):
        """Returns the socket whose bytes are all that `poll` waits for, or None."""
        return None if self._state == _CLOSED else self._session.readable()

    def due_ms(self):
        """Returns how long until the next try to connect, or to hand over (int, ms); 0: now."""
        if self._state == _OPENING:
            return 0
        wait = self._handover.deadline if self.connected else self._next_try
        return wait.remaining_ms()

    def run(self):
        """Returns a coroutine that works on the link for ever; see aio.run."""
        from signet import aio

        return aio.run(self)

    def _turn(self, deadline):
        clock.waited()
        self.busy = False
        try:
            timeout_ms = min(deadline.remaining_ms(), self.outbox.step())
            if self._state == _CLOSED:
                event = self._begin(timeout_ms)
            else:
                if self.connected:
                    self._look()
                    self._handover.submit(self._session)
                    wait_ms = self._handover.deadline.remaining_ms()
                    timeout_ms = min(timeout_ms, wait_ms or timeout_ms)
                event = self._session.poll(timeout_ms)
                self.busy = event is not None or self._session.busy
                while event is not None and event[0] == "acked":  # all before the next reports
                    self._handover.acked(event[1], event[2])
                    more = self._session.busy and not deadline.expired()
                    event = self._session.poll(0) if more else None
            if event is not None:
                self.busy = True
                self._handle(event)
        except Exception as error:  # a session's, in spite of its contract, or no memory
            try:
                self._handover.opened()
                self._lost(error)
            except MemoryError:  # for a line of the log
                self._next_try = clock.Deadline(self._config["retry_s"] * 1000)

    def _begin(self, timeout_ms):
        if not self._next_try.expired():
            clock.sleep_ms(min(timeout_ms, self._next_try.remaining_ms(), 500))
            return None
        if self.board is not None:
            if self._network is None:
                self._network = clock.Deadline(_NETWORK_MS)
            up = self._ask(self.board.network_up, 0)
            if not up:
                if up is None or self._network.expired():
                    return ("lost", Lost("no network yet"), ())
                clock.sleep_ms(min(timeout_ms, _LOOK_MS))
                return None
            self._network = None
        self._look()
        self._to(_OPENING)  # what fails from here on is its
        self._session.begin(clock.Deadline(self._config.get("open_timeout_s", 30) * 1000))
        self.busy = True
        return None

    def _look(self):
        """Does what is due now and then."""
        if self._next_look.expired() or clock.proved == 1:
            clock.proved = clock.proved and clock.proved | 2  # where there is no memory, later
            arguments = self, self.board, self._config, self._log, self._kept, self._looked
            wait_ms = self._ask(modules.call, "signet.daily", "run", *arguments)
            self._next_look = clock.Deadline(wait_ms or _AGAIN_MS)

    def _ask(self, function, *arguments):
        """Calls what may raise anything, a board's drivers; None when it does."""
        try:
            return function(*arguments)
        except Exception as error:
            self._log("board: {}: {}".format(type(error).__name__, error))
            return None

    def _handle(self, event):
        kind = event[0]
        if kind == "failed":
            self._handover.failed(event[1], event[2])
        elif kind == "command":
            self._obey(event[1])
        elif kind == "opened":
            self._opened()
        elif kind == "alive":
            self._handover.alive = True
        else:
            self._handover.lost(event[2], event[1])
            self._lost(event[1])

    def _obey(self, command):
        name = command.name
        known = command.id is not None and "{} {}".format(command.topic, command.id)
        if known and self.outbox.knows(known):
            self._log("command {} came twice; it was executed before".format(name))
            return
        if self.on_command is None and command.kind != "command":
            return  # what an application hears asks for nothing
        try:
            if self.on_command is None:
                raise NotImplementedError("this board takes no commands")
            result = self.on_command(command)
            self._log("{} {}: {}".format(command.kind, name, result))
        except Exception as error:  # the device program's own: the link must go on
            text = "{} {} failed: {}: {}"
            self._log(text.format(command.kind, name, type(error).__name__, error))
            result = error
        try:
            try:
                answer = self._session.answer(command, result)
            except Rejected as error:  # it has no form
                answer = self._session.answer(command, error)
            if answer is None or self._handover.put(answer):
                return
            error = "too many wait"
        except (SignetError, MemoryError) as reason:
            error = reason
        self._log("command {}: answer not sent: {}".format(name, error))

    def _opened(self):
        self._to(_OPEN)
        self._connections += 1
        self._handover.opened()
        self._log("connected")

    def _drop(self):
        """Closes the session, whatever it does."""
        self._network = None
        if self._state != _CLOSED:
            self._to(_CLOSED)
            self._ask(self._session.close)

    def _lost(self, error):
        lived_ms = None
        if self.connected:
            lived_ms = clock.ticks_diff(clock.ticks_ms(), self._since)
        self._drop()
        is_exclusive = self._session.is_exclusive
        arguments = (
            self._past,
            self._config["retry_s"],
            lived_ms,
            error,
            os.urandom(1)[0],
            is_exclusive,
        )
        found = self._ask(modules.call, "signet.backoff", "lost", *arguments)
        soon_ms = self._config["retry_s"] * 1000  # without memory for that
        wait_ms, line, self.last_error = found or (soon_ms, repr(error), None)
        self._next_try = clock.Deadline(wait_ms)
        self._log(line)
        if clock.doubted and isinstance(error, Untrusted):  # a board may sleep before it tries
            self._looked.pop("clock", None)
            self._next_look = clock.Deadline(0)
            self._look()
