"""How does a new certificate take the old one's place without the Link's doing?

A Session around the board's own: it logs in with the new certificate when its time has come, keeps
it when that worked, or goes back to the old one.  A board has it only while there is a new one.
"""

from signet import clock, modules
from signet.errors import Lost

_TRIAL = "signet.certificate.trial"


def resume(session, config, log, state, over):
    """Takes up what a deep sleep or a power cut has interrupted; arguments as of OnTrial.

    Returns:
        OnTrial, or the session where there is nothing to try.
    """
    arguments = config["cert"], log, state
    found = modules.call("signet.certificate.pending", "resume", *arguments)
    if not found:
        return session
    return OnTrial(session, config, found[0], clock.Deadline(found[1] * 1000), log, state, over)


def renew(session, config, cert, key, next_trial, log, state, over, opened):
    """Takes a new certificate; returns OnTrial.

    Args:
        cert, key: see renewal.begin. opened: bool, the session is open. The rest as of OnTrial;
            a session that is one is over.
    """
    if hasattr(session, "own"):  # the one before is over
        if session.trying:
            session.close()
        session = session.own
    arguments = config, cert, key, state
    renewal = modules.call("signet.certificate.renewal", "begin", *arguments)
    trial = OnTrial(session, config, renewal, next_trial, log, state, over)
    trial.opened = opened
    return trial


class OnTrial:
    """A Session, see cloud/session.py; what is not here is that of the one within.

    Args:
        session: the board's own, which stays in `own`.
        config: dict from config.load; its "trust" is the new one's during a trial.
        renewal: see renewal.begin.
        next_trial: clock.Deadline of the first trial.
        log: function of one str.
        state: device.state.State; None where nobody holds it.
        over: function of (session, clock.Deadline before which no other is to be tried, name and
            values of an event), called once, at the end.
    """

    def __init__(self, session, config, renewal, next_trial, log, state, over):
        self.own = session
        self._config = config
        self._renewal = renewal
        self.next_trial = next_trial
        self._log = log
        self._state = state
        self._over = over
        self._old = None  # the old one's context: a board might find no memory to make it again
        self._worked = None  # True: the old one was logged in just before
        self._doubt = None  # why a trial failed, while the old one is to show if it is the network
        self.opened = False

    def __getattr__(self, name):
        return getattr(self.own, name)

    @property
    def trying(self):
        """bool, it is the new one that logs in."""
        return self._old is not None

    def pending(self, timeout_ms):
        """bool, there is a trial, or will be within ms (int)."""
        under_way = self._old is not None or self._doubt is not None
        return under_way or self.next_trial.remaining_ms() <= timeout_ms

    def begin(self, deadline):
        """See cloud/session.py."""
        if not self.next_trial.expired():
            self.own.begin(deadline)
            return
        event = self._try(deadline)
        if event is not None:
            raise event[1]

    def _try(self, deadline):
        """Begins to log in with the new one; returns the event where that fails at once."""
        self._old = self._config["trust"]
        try:
            self._config["trust"] = modules.call(_TRIAL, "context", self._config, self._renewal)
            self.own.begin(deadline)
        except Exception as error:
            return self._lost(error)
        return None

    def poll(self, timeout_ms):
        """See cloud/session.py."""
        if self.opened and self.next_trial.expired():
            self.close()  # first: the heap does not hold both
            self._worked = True
            return self._try(clock.Deadline(self._config["open_timeout_s"] * 1000))
        event = self.own.poll(timeout_ms)
        if event is None or event[0] not in ("opened", "lost"):
            return event
        self.opened = event[0] == "opened"
        if self._old is not None:
            return self._passed() if self.opened else self._lost(event[1])
        return event if self._doubt is None else self._shown(event)

    def close(self):
        """See cloud/session.py; the old certificate is in use again."""
        self.own.close()
        self.opened, self._worked, self._doubt = False, None, None
        if self._old is not None:
            self._config["trust"], self._old = self._old, None

    def _passed(self):
        try:
            outcome = modules.call(_TRIAL, "keep", self._config, self._renewal)
        except Exception as error:
            return self._lost(error)
        self._old = None
        self._log(self._ended(*outcome))
        return ("opened",)  # perhaps once more: what was in flight is handed over again

    def _lost(self, error):
        """Goes back to the old one; returns the event, None where that is tried at once."""
        worked = self._worked
        self.close()
        line = self._judge(error, worked)
        if line is not None:
            return ("lost", Lost(line), ())
        self._doubt = error
        try:
            self.own.begin(clock.Deadline(self._config["open_timeout_s"] * 1000))
        except Exception as failure:
            return self._shown(("lost", failure, ()))
        return None

    def _shown(self, event):
        """The old one shows whether it was the network."""
        self._log(self._judge(self._doubt, self.opened))
        self._doubt = None
        return event

    def _judge(self, error, worked):
        """Returns the line of the log; None where the old one has to be tried first."""
        arguments = self._config, self._renewal, error, worked, self._state
        return self._ended(*modules.call(_TRIAL, "failed", *arguments))

    def _ended(self, line, event, values, wait_s):
        """Takes an outcome of trial.py; returns the line of the log."""
        self.next_trial = clock.Deadline(wait_s * 1000)
        if event is not None:
            self._over(self.own, self.next_trial, event, values)
        return line
