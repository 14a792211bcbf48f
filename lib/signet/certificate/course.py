"""What course does the renewal of a certificate take, from the new file to the old one's end?

Loaded by a board only while it has a new certificate to try.  It tells what is to be done; who
connects is somebody else.
"""

from micropython import const

from signet import clock, modules

_TRIAL = "signet.certificate.trial"
_AGAIN_S = const(300)  # at least, from one trial to the next


def resume(config, log, state):
    """Returns the Course that a deep sleep or a power cut has interrupted; None without one."""
    arguments = config["cert"], log, state
    found = modules.call("signet.certificate.pending", "resume", *arguments)
    return found and Course(config, found[0], found[1], log, state)


class Course:
    """One new certificate, until it has taken the old one's place or is given up.

    Args:
        config: dict from config.load; its "trust" is the new one's during a trial.
        renewal: see renewal.begin.
        due_s: int, seconds until the first trial.
        log: function of one str.
        state: device.state.State; None where nobody holds it.
    Attributes:
        worked: bool, the old one was connected when the trial began; None: nobody knows.
        doubt: an error; None. Whether the old one logs in now is to say if it was the network's.
        event: (name, values), what is to be reported once it is over; None before.
    """

    def __init__(self, config, renewal, due_s, log, state):
        self._config = config
        self._renewal = renewal
        self._log = log
        self._state = state
        self._old = None  # a board that gave it up might find no memory to make it again
        self.next_trial = clock.Deadline(due_s * 1000)
        self.worked = self.doubt = self.event = None

    def begin(self):
        """The login that follows is the new one's. Raises what trial.context does."""
        self.next_trial = clock.Deadline(_AGAIN_S * 1000)
        self._old = self._config["trust"]
        self._config["trust"] = modules.call(_TRIAL, "context", self._config, self._renewal)

    def stop(self):
        """The old one is in use again."""
        if self._old is not None:
            self._config["trust"], self._old = self._old, None

    def passed(self):
        """The new one has logged in and takes the old one's place. Raises what trial.keep does."""
        line, *self.event = modules.call(_TRIAL, "keep", self._config, self._renewal)
        self._old = None
        self._log(line)

    def failed(self, error, worked):
        """The new one has not logged in.

        Args:
            error: why not.
            worked: bool, the old one does; None: nobody knows.
        Returns:
            str, for the log; None when the old one has to be tried first, at once.
        """
        self.doubt = self.worked = None
        arguments = self._config, self._renewal, error, worked, self._state
        line, event, values, wait_s = modules.call(_TRIAL, "failed", *arguments)
        if wait_s == 0:
            self.doubt = error
            return None
        if event is None:
            self.next_trial = clock.Deadline(wait_s * 1000)
        else:
            self.event = event, values
        return line
