"""Which errors can signet raise, and what should be done about each?

Every error names its cure by its class, so a caller decides without reading text:

    ConfigError     mend device.json; the message names key, rule and example
    Refused         the cloud says no to this identity: do not hammer it
    Untrusted       a Refused: the server could not prove who it is; check ca, host, clock
    Throttled       the cloud says not now: wait `retry_after_ms`
    Lost            the network failed: back off and try again
    TimedOut        a Lost: nothing came in time, the stream itself is still usable
    ProtocolError   the peer broke the format: drop the message or the connection
    Rejected        this one report is bad: set it aside, go on with the next

No message ever holds a secret, a token or a password.
"""


class SignetError(Exception):
    """Root of all errors that signet raises on purpose. `code`: of the peer, or None."""

    def __init__(self, text, code=None):
        self.code = code
        super().__init__(text)


class ConfigError(SignetError):
    """device.json must be mended.

    Args:
        key: name of the key in device.json, or of the missing thing.
        rule: str, what is wrong and what is expected.
        example: a value that would be right, or None. Never a real secret.
    """

    def __init__(self, key, rule, example=None):
        self.key = key
        self.rule = rule
        self.example = example
        text = "{}: {}".format(key, rule)
        if not key.endswith(".json"):
            text = "device.json: " + text
        if example is not None:
            text += "; for example {}".format(example)
        super().__init__(text)


class Refused(SignetError):
    """The cloud refused this identity. `code` is the cloud's own number, or None."""


class Untrusted(Refused):
    """The server's certificate is not the one expected. Nothing was sent to it."""


class Throttled(SignetError):
    """The cloud asked to wait. `retry_after_ms` says for how long, 0 if it did not.

    `code` is the cloud's own number where it may be the report's fault, else None.
    """

    def __init__(self, text, retry_after_ms=0, code=None):
        self.retry_after_ms = retry_after_ms
        super().__init__(text, code)


class Lost(SignetError):
    """The network or the connection failed; nothing is wrong with what was sent.

    `code` is 0 when the peer closed the connection instead of answering a login, else None.
    """


class TimedOut(Lost):
    """A deadline passed. The stream is still in step and can be read again."""


class ProtocolError(SignetError):
    """The peer sent bytes that its protocol does not allow."""


class Rejected(SignetError):
    """The cloud, or a limit, refused one report. `code` is the cloud's number, or None."""
