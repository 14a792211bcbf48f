"""Which token of Alibaba's counts, by CoAP and HTTPS, and what of it outlives a reset?

It lives for seven days.  `state` keeps it as `token`, `expires` (Unix ms; absent when the clock
was not set) and, by CoAP with AES, `random` and `offset`.  What `/auth` is asked and grants is in
auth.py and grant.py, each loaded for a login, and forgotten.

Sources: Alibaba "Establish communication over the CoAP protocol"; "Establish connections over
HTTP".
"""

from micropython import const

from signet import clock
from signet.modules import call

_LIFE_MS = const(604_800_000)  # seven days
_AUTH = const("signet.cloud.alibaba.auth")
_GRANT = const("signet.cloud.alibaba.grant")


class Token:
    """The token of one device.

    Args:
        config: dict from config.load.
        log: function of one str.
        state: device.state.State.
    Attributes:
        values: dict with `token` (str), by CoAP with AES also `random` (str) and `offset` (int);
            None while there is none to use.
    """

    def __init__(self, config, log, state):
        self._config, self._state, self._log = config, state, log
        self.values = None
        if state.values.get("crc") != config["crc"]:  # of another device.json
            state.keep({"crc": config["crc"], "token": None, "address": None}, log)

    def find(self):
        """Takes the one that is kept; what was granted since, and not kept, is forgotten.

        Returns:
            bool, False where there is none, or it is too old.
        """
        kept = self._state.values
        left_ms = _LIFE_MS
        if clock.is_set() and "expires" in kept:
            left_ms = kept["expires"] - clock.unix_ms()
        # A time too far off was counted from a clock that was wrong.
        self.values = kept if "token" in kept and 0 < left_ms <= _LIFE_MS else None
        return self.values is not None

    def request(self, seq=None):
        """Builds the body that asks `/auth` for a token, bytes; seq: see auth.request."""
        unix_ms = clock.unix_ms() if clock.is_set() else None
        return call(_AUTH, "request", self._config, unix_ms, seq)

    def take(self, answer, encrypted=False):
        """Takes the token that `/auth` has granted; `keep` makes it outlive a reset.

        Args:
            answer: dict, what the answer's JSON says.
            encrypted: bool, True by CoAP with AES.
        Raises:
            ProtocolError: it is not as the document says.
        """
        values = call(_GRANT, "read", answer, encrypted)
        values["expires"] = clock.unix_ms() + _LIFE_MS if clock.is_set() else None
        self.values = values
        self._log("authenticated")

    @property
    def is_kept(self):
        """bool, the token has proved itself."""
        return self.values is self._state.values

    def keep(self, changes):
        """Keeps a token that has proved itself, and `changes` (dict) beside it, in one write."""
        if not self.is_kept:
            changes.update(self.values)
            self.values = self._state.values
        if changes:
            self._state.keep(changes, self._log)

    def drop(self):
        """Forgets a token that the cloud does not take."""
        self.values = None
        if "token" in self._state.values:
            self._state.keep({"token": None}, self._log)
