"""How do reports reach the cloud whatever happens to the network, and commands the board?

One Link owns one Session.  `poll` does everything: connects, hands over what the outbox holds,
hears commands, notices a dead link, backs off and tries again.  It never raises for what the
network or the cloud does; it says so in one line of the log and goes on.

Back-off: EnOS blocks a device for five minutes after four connects in two minutes, and two boards
with one client id throw each other out for ever.  So the wait begins at `retry_s` (20 s), grows
twofold up to eight times that, with jitter, and begins anew only after a connection has lasted.
"""

import os

from micropython import const

from signet import clock, modules
from signet.errors import ConfigError, Lost, Refused, Rejected, SignetError, Throttled, Untrusted
from signet.reports.messages import Report
from signet.reports.outbox import Outbox

_NETWORK_MS = const(30_000)
_OPEN_MS = const(30_000)  # TCP and TLS; MQTT's login has 10 s more
_SYNC_MS = const(86_400_000)  # a day: how often the clock is set again
_LASTED_MS = const(120_000)  # a connection that lasted so long was a good one
_STOLEN_MS = const(10_000)  # closed so soon after login, twice running: somebody else's login?
_DOUBLINGS = const(3)  # of the wait after Lost
_REFUSED_FIRST = const(4)  # Refused begins with as many doublings (320 s),
_REFUSED_DOUBLINGS = const(7)  # and grows on
_OUTBOX = "signet.outbox"
_TOO_LARGE = const(3)  # attempts for which memory may be missing
_PUT_BACK = const(3)  # times of "not now" to a report, before the next has its turn
_SYNC_DOUBLINGS = const(8)  # of the wait after the clock could not be set
_LONGEST_MS = const(3_600_000)  # no wait is longer
_TRIAL_MS = const(300_000)  # at least, from one trial of a new certificate to the next

# What a session may raise; OSError and MemoryError where a port surprises us.
_TROUBLES = (SignetError, OSError, MemoryError)


class Link:
    """Hands over reports and hears commands, through any Session.

    Args:
        session: the Session contract of DESIGN.
        config: dict from config.load.
        board: object with network_up(timeout_ms) -> bool and set_clock() -> bool, asked before
            each connection; None where the network is somebody else's business.
        log: function of one str.
        state: device.state.State, the session's too; None where that keeps nothing.
    Attributes:
        on_command: function of one messages.Command; returns a dict or None for the answer.
        connected: bool.
        report_interval_ms, deep_sleep: what device.json says, for the device program.
        handed_over: int, reports that the cloud has acknowledged since the board started.
        outbox: what waits, was dropped, was set aside.
    """

    def __init__(self, session, config, board=None, log=print, state=None):
        self._session = session
        self._board = board
        self._log = log
        self._config = config
        self._state = state
        self._retry_ms = config["retry_s"] * 1000
        self.report_interval_ms = config["report_interval_s"] * 1000
        self.deep_sleep = config["deep_sleep"]
        self._takes_files = not self.deep_sleep and getattr(session, "takes_files", False)
        self.outbox = Outbox(config["outbox_limit"], config["drop"] == "oldest")
        if self.deep_sleep:
            from signet.reports import outbox_file

            outbox_file.restore(self.outbox, _OUTBOX)
        self.on_command = None
        self.connected = self._opening = False
        self._network = None
        self._more = False
        self.wake = None
        self.handed_over = 0
        self._submitted = 0  # the greatest key that the session has taken
        self._failures = self._sync_failures = self._short_lives = 0
        self._opened_at = 0
        self._stuck, self._times = None, 0  # the key that did not go, how many times running
        self._next_try = self._next_submit = self._next_sync = self._next_trial = clock.Deadline(0)
        self._next_look = self._next_try if config.get("expires") else None
        self._renewal = None  # or what renewal.begin returns
        if config.get("renewal"):  # there is a `cert`.new
            self._ask(modules.call, "signet.pending", "resume", self, self._state)

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
            int, the report's key in the log; None when the outbox is full and keeps the old ones.
        """
        if topic is not None and isinstance(values, str):
            values = values.encode()
        is_file = topic is not None and self._takes_files and hasattr(values, "seek")
        if not is_file and not isinstance(values, dict if topic is None else (bytes, bytearray)):
            text = "a report is a dict of values, or bytes with a topic; a file by http only, and"
            raise ValueError(text + " without deep sleep")
        if device is not None:
            if self._config.get("role", "device") == "device":
                raise ValueError("only a gateway reports for another device")
            if not isinstance(device, (tuple, list)) or [type(n) for n in device] != [str, str]:
                raise ValueError("a device is (type id, device id), two str")
        dropped = self.outbox.dropped
        time_ms = clock.unix_ms() if clock.is_set() else None
        key = self.outbox.put(Report(values, time_ms, topic, event, device))
        if self.wake is not None:
            self.wake()
        if self.outbox.dropped != dropped:
            self._log("outbox full: dropped the " + ("oldest report" if key else "newest report"))
        return key

    def poll(self, timeout_ms=0):
        """Works on the link; raises nothing that network or cloud do.

        Args:
            timeout_ms: int, how long, less than 2**29; 0 does only what can be done at once. While
                not connected, one attempt takes longer: network and TLS 30 s each, login 10 s.
        """
        deadline = clock.Deadline(timeout_ms)
        self._turn(deadline)
        while not deadline.expired():
            self._turn(deadline)

    def _turn(self, deadline):
        clock.waited()
        self._more = False
        active = self.connected or self._opening
        if self._renewal is not None and self._next_trial.expired() and not self._opening:
            self._try_renewal()
        elif active:
            if self.connected:
                self._keep_clock()
            self._work(deadline.remaining_ms())
        elif self._next_try.expired():
            self._connect()
            if not self._opening and self._network is not None:
                clock.sleep_ms(min(deadline.remaining_ms(), 100))
        else:
            clock.sleep_ms(min(deadline.remaining_ms(), self._next_try.remaining_ms(), 500))

    @property
    def busy(self):
        """bool, `poll(0)` may have more to do at once."""
        return self._more or (self._opening and self._session.busy)

    @property
    def opening(self):
        """bool, a connection is being opened, or the network."""
        return self._opening or self._network is not None

    def readable(self):
        """Returns the socket whose bytes `poll` waits for, or None."""
        return self._session.readable() if self.connected or self._opening else None

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
        while not deadline.expired():
            left_ms = deadline.remaining_ms()
            trial = self._renewal is not None and self._next_trial.remaining_ms() <= left_ms
            wait = self._next_submit if self.connected else self._next_try
            if self._opening:
                self._turn(deadline)
                continue
            late = wait.remaining_ms() > left_ms and not (trial and self.connected)
            if late or not (trial or len(self.outbox)):
                break  # a board that sleeps deeply need not stay awake for it
            self._turn(deadline)
        return not len(self.outbox)

    def close(self):
        """Says goodbye; a later `poll` connects again. With deep sleep, reports go to flash."""
        if self.connected or self._opening:
            self._session.close()
            self.connected = self._opening = False
        self._next_try = clock.Deadline(0)
        if self.deep_sleep:
            from signet.reports import outbox_file

            outbox_file.keep(self.outbox, _OUTBOX, self._log)

    def renew(self, cert, key=None):
        """Takes a new certificate, tries it in a `poll`, keeps it if it works: renewal.begin.

        For a board whose device.json has `cert`: no other need have renewal.py.
        """
        self._renewal = None  # the one before, if any
        arguments = self._config, cert, key, self._state
        self._renewal = modules.call("signet.renewal", "begin", *arguments)

    def _try_renewal(self):
        worked, self.connected = self.connected, False
        self._session.close()  # first: the heap does not hold both
        self._next_trial = clock.Deadline(_TRIAL_MS)
        self._ask(modules.call, "signet.trial", "run", self, worked)

    def _connect(self):
        try:
            self._begin()
        except _TROUBLES as error:
            if isinstance(error, Untrusted) and not clock.is_set():
                error = Lost("{}; the clock is not set".format(error))  # it passes by itself
            self._back_off("not connected", error)

    def _begin(self):
        if self._board is not None:
            if self._network is None:
                self._network = clock.Deadline(_NETWORK_MS)
            if not self._ask(self._board.network_up, 0):
                if self._network.expired():
                    self._network = None
                    raise Lost("no network")
                return
            self._network = None
        self._keep_clock()
        self._session.begin(clock.Deadline(_OPEN_MS))
        self._opening = True

    def _open(self):
        """Connects, however long it takes: for a trial of a certificate."""
        while not self.connected:
            if self._opening:
                event = self._session.poll(1000)
                if event is not None:
                    if event[0] == "lost":
                        self._opening = False
                        raise event[1]
                    self._opened()
            else:
                self._begin()

    def _opened(self):
        self._log("connected")
        self._opening, self.connected = False, True
        self._opened_at = clock.ticks_ms()
        self._submitted = 0  # the session knows which of them it has in flight already

    def _ask(self, function, *arguments):
        """Calls one of the board's functions, whose drivers may raise anything."""
        try:
            return function(*arguments)
        except Exception as error:
            self._log("board: {}: {}".format(type(error).__name__, error))
            return False

    def _keep_clock(self):
        """Sets the clock once a day, and tries again after a while when that fails."""
        if self._board is not None and self._next_sync.expired():
            done = self._ask(self._board.set_clock)
            wait_ms = min(self._retry_ms << self._sync_failures, _LONGEST_MS)
            self._sync_failures = 0 if done else min(self._sync_failures + 1, _SYNC_DOUBLINGS)
            self._next_sync = clock.Deadline(_SYNC_MS if done else wait_ms)
            if not done and not clock.is_set():
                self._log("the clock is not set; reports go without their time")
        if self._next_look is not None and self._next_look.expired():
            self._next_look = clock.Deadline(_SYNC_MS)
            soon = clock.unix_ms() // _SYNC_MS + self._config["expiry_warning_days"]
            if not clock.is_set() or self._config["expires"][0][0] // 86_400 <= soon:
                arguments = self, self._config, self._log, self._state
                self._ask(modules.call, "signet.expiry", "look", *arguments)

    def _work(self, timeout_ms):
        if self._failures and clock.ticks_diff(clock.ticks_ms(), self._opened_at) > _LASTED_MS:
            self._failures = self._short_lives = 0
        try:
            while self.connected and self._next_submit.expired():
                entry = self.outbox.after(self._submitted)
                if entry is None or not self._submit(entry):
                    break
                self._submitted = entry[0]
            if self.connected and not self._next_submit.expired():
                timeout_ms = min(timeout_ms, self._next_submit.remaining_ms())
            event = self._session.poll(timeout_ms)
        except _TROUBLES as error:
            event = ("lost", error)
        self._more = event is not None
        if event is None:
            return
        if event[0] == "acked":
            if self.outbox.remove(event[1]):
                self.handed_over += 1
                known = " as " + event[2] if event[2:] and event[2] else ""
                self._log("report {} stored{}".format(event[1], known))
        elif event[0] == "failed":
            if isinstance(event[2], Throttled):
                self._throttled(event[1], event[2])
            else:
                self._set_aside(event[1], event[2])
        elif event[0] == "command":
            self._obey(event[1])
        elif event[0] == "opened":
            self._opened()
        else:
            self._lost(event[1])

    def _throttled(self, key, error):
        """The cloud says "not now", to all reports or to this one: nobody knows."""
        times = self._count(key)
        wait_ms = error.retry_after_ms or self._retry_ms << min(times - 1, _DOUBLINGS)
        self._log("report {}: {}; sent again in {} s".format(key, error, wait_ms // 1000))
        self._next_submit = clock.Deadline(wait_ms)
        if times > _PUT_BACK and len(self.outbox) > 1:
            self.outbox.put_back(key)
        self._submitted = min(self._submitted, key - 1)

    def _count(self, key):
        self._times = self._times + 1 if self._stuck == key else 1
        self._stuck = key
        return self._times

    def _submit(self, entry):
        try:
            key, report = entry
            return self._session.submit(key, report, self.outbox.after(key) is None)
        except (Rejected, ValueError, TypeError, IndexError) as error:
            self._set_aside(entry[0], error)
        except MemoryError as error:
            if self._count(-entry[0]) < _TOO_LARGE:  # not among those that the cloud put off
                self._next_submit = clock.Deadline(self._retry_ms)
                return False
            self._set_aside(entry[0], error)  # or no other report would ever go
        return True

    def _set_aside(self, key, error):
        self.outbox.set_aside(key, error)
        self._log("report {} set aside: {}".format(key, error))

    def _obey(self, command):
        name = command.name
        try:
            if self.on_command is None:
                raise NotImplementedError("this board takes no commands")
            result = self.on_command(command)
            self._log("{} {}: {}".format(command.kind, name, result))
        except Exception as error:  # the device program's own: the link must go on
            self._log("command {} failed: {}: {}".format(name, type(error).__name__, error))
            result = error
        try:
            self._session.reply(command, result)
        except (SignetError, MemoryError) as error:
            self._log("command {}: answer not sent: {}".format(name, error))

    def _lost(self, error):
        self._session.close()
        if self._opening:
            self._opening = False
            if isinstance(error, Untrusted) and not clock.is_set():
                error = Lost("{}; the clock is not set".format(error))  # it passes by itself
            self._back_off("not connected", error)
            return
        self.connected = False
        lived_ms = clock.ticks_diff(clock.ticks_ms(), self._opened_at)
        self._short_lives = self._short_lives + 1 if 0 <= lived_ms < _STOLEN_MS else 0
        what = "connection lost"
        if self._short_lives > 1 and getattr(self._session, "is_exclusive", False):
            what += " again so soon (is another device using this identity?)"
        self._back_off(what, error)

    def _back_off(self, what, error):
        refused = isinstance(error, (Refused, ConfigError))
        if refused:
            self._failures = max(self._failures, _REFUSED_FIRST)
        wait_ms = self._retry_ms << self._failures
        self._failures = min(self._failures + 1, _REFUSED_DOUBLINGS if refused else _DOUBLINGS)
        if isinstance(error, Throttled) and error.retry_after_ms:
            wait_ms = error.retry_after_ms
        wait_ms = min(wait_ms, _LONGEST_MS)
        wait_ms += wait_ms // 2 * os.urandom(1)[0] // 255  # a fleet must not come back at once
        self._next_try = clock.Deadline(wait_ms)
        self._log("{}: {}; next try in {} s".format(what, error, wait_ms // 1000))
