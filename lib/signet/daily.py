"""What does a board do once a day?  It sets its clock, and looks whose certificate expires."""

from micropython import const

from signet import clock, modules

_DAY_MS = const(86_400_000)
_LONGEST_MS = const(3_600_000)
_DOUBLINGS = const(8)  # of the wait after the clock could not be set
_AGAIN_MS = const(60_000)


class Daily:
    """Keeps the clock right.

    Args:
        config: dict from config.load.
        board: see link.Link.
        log: function of one str.
        state: device.state.State; None where nobody holds it.
    """

    def __init__(self, config, board, log, state):
        self._config = config
        self._board = board
        self._log = log
        self._state = state
        self._failures = 0
        self.next_sync = clock.Deadline(0)
        self.next_look = self.next_sync if config.get("expires") else None

    def look(self, room):
        """Does what is due.

        Args:
            room: int, how many events the outbox takes.
        Returns:
            list of (name, values), events to be reported; None mostly.
        """
        if self._board is not None and self.next_sync.expired():
            self._set_clock()
        if self.next_look is None or not self.next_look.expired():
            return None
        self.next_look = clock.Deadline(_DAY_MS)
        config = self._config
        soon = clock.unix_ms() // _DAY_MS + config["expiry_warning_days"]
        if clock.is_set() and config["expires"][0][0] // 86_400 > soon:
            return None
        arguments = config, self._log, self._state, room
        events = ask(self._log, modules.call, "signet.certificate.expiry", "look", *arguments)
        if events is None:
            self.next_look = clock.Deadline(_AGAIN_MS)
        return events

    def _set_clock(self):
        """Sets the clock once a day, and tries again after a while when that fails."""
        done = ask(self._log, self._board.set_clock)
        wait_ms = min(self._config["retry_s"] * 1000 << self._failures, _LONGEST_MS)
        self._failures = 0 if done else min(self._failures + 1, _DOUBLINGS)
        self.next_sync = clock.Deadline(_DAY_MS if done else wait_ms)
        if not done and not clock.is_set():
            self._log("the clock is not set; reports go without their time")


def ask(log, function, *arguments):
    """Calls one of the board's functions, whose drivers may raise anything; None when one does."""
    try:
        return function(*arguments)
    except Exception as error:
        log("board: {}: {}".format(type(error).__name__, error))
        return None
