"""How does a Session run over HTTP?  The same for every cloud; a cloud's http.py knows the words.

One request at a time over a connection that is kept.  A report counts as handed over when the
cloud's answer says so.  A cloud's session adds:

    _begin(deadline)    has a token, or gets one; may be left out
    _encode(report)     (path, headers, body) of a report
    _judge(reply)       the cloud's message id, str or None; raises what the answer means
    _renewable, _renew  codes of a Refused that a new token mends, and how to get one
    _first()            sends a request of its own before the next report, if it has one
    _other(reply)       the event of the reply to such a request, or None

Source: RFC 9110 section 15 for the status codes.
"""

import os

from micropython import const

from signet import clock
from signet.client.http import HttpClient
from signet.cloud.dial import connect, load
from signet.cloud.session import Session
from signet.errors import (
    Lost,
    ProtocolError,
    Refused,
    Rejected,
    SignetError,
    Throttled,
    TimedOut,
)

LARGEST = const(131_072)  # bytes of a report, at Alibaba and at Watson
WANTED = ("retry-after",)

_OPEN_MS = const(30_000)
_LONGEST_WAIT_S = const(3600)
_MISSES = const(3)  # of an answer to one report, until others have their turn
_REPORT_IS_BAD = (400, 413, 414, 415, 422)
_BUSY = (408, 425, 429)
_MEANINGS = {
    400: "the body is not what the cloud takes",
    401: "the cloud misses the credentials",
    403: "the cloud refuses the credentials",
    404: "no such path",
    405: "no such method",
    413: "too large",
    415: "the content type is not supported",
    429: "too many requests",
    503: "the cloud is busy",
}


def retry_after_ms(reply):
    """Returns what the Retry-After header asks for (int), 0 without one."""
    text = reply.headers.get("retry-after", "")
    return min(int(text), _LONGEST_WAIT_S) * 1000 if text.isdigit() and len(text) < 9 else 0


def check_status(reply, what, is_plain, hint=""):
    """Raises what a status other than 2xx means.

    Args:
        reply: wire.http.Reply.
        what: str, which request, for the error.
        is_plain: bool, True for a request whose path device.json alone decides: if that is not
            there, this is a wrong server; else the report may be to blame.
        hint: str, what to check when the cloud refuses the credentials.
    Raises:
        Rejected: the report can never be taken.
        Refused: the identity, or the server, is a wrong one.
        Throttled: not now.
    """
    status = reply.status
    if 200 <= status < 300:
        return
    text = "{}: HTTP status {} {}".format(what, status, _MEANINGS.get(status, "")).strip()
    if status >= 500 or status in _BUSY:
        raise Throttled(text, retry_after_ms(reply))
    if status in (401, 403):
        raise Refused(text + hint, status)
    if status in _REPORT_IS_BAD or (status == 404 and not is_plain):
        raise Rejected(text, status)
    raise Refused(text + "; does another server answer? check `host` and `address`", status)


def _unsendable(error):
    return Rejected("cannot be sent: {}; is its file open?".format(error))


class HttpSession(Session):
    """The Session contract of DESIGN over HTTP.

    Args:
        config: dict from config.load.
        log: function of one str.
    Attributes:
        window: 1.
        takes_files: True, a report with a topic may be a file, open for reading.
    """

    window = 1
    takes_files = True
    _renewable = ()
    _sink = None  # for what comes with the answer to a report, where nobody reads it

    def __init__(self, config, log):
        self._config = config
        self._log = log
        host, port = config["host"], config["port"]
        if port != (443 if config["tls"] else 80):
            host += ":" + str(port)
        load(config)
        self._client = HttpClient(self._connect, host, config["timeout_s"] * 1000)
        self._key = None  # of the report under way,
        self._report = None  # and itself
        self._id = int.from_bytes(os.urandom(4), "big")  # a reboot must not repeat one
        self._is_plain = True
        self._renewed = self._opened = False

    def _connect(self, deadline):
        return connect(self._config, deadline)

    def _begin(self, deadline):
        pass

    def _first(self):
        """Sends a request that goes before the next report; returns whether there is one."""
        return False

    def begin(self, deadline):
        """As `open`, which still waits."""
        self.open(deadline)
        self._opened = True

    def open(self, deadline):
        """Connects, and proves who we are where that takes a request of its own.

        Args:
            deadline: clock.Deadline of connect and TLS; an answer of the cloud has `timeout_s`.
        Raises:
            Refused, Untrusted: identity or certificate; says what to check.
            Throttled, Lost, ProtocolError: see errors.
        """
        try:
            self._begin(deadline)
            self._client.open(deadline)
        except Exception:  # memory may have run out: nothing half open may stay
            self.close()
            raise

    def submit(self, key, report, last=False):
        """Hands one report to the wire.

        Args:
            key: int, the caller's name for it.
            report: messages.Report; its values may be a file where it has a topic.
            last: bool, no other report waits; of no use here.
        Returns:
            bool, False while another request is under way. Takes longer, up to 30 s and
                `timeout_s`, when the server has closed the connection or the token is too old.
        Raises:
            Rejected: this report can never be sent; says why.
            Refused, Throttled, Lost, ProtocolError: no token, or the network failed; not taken.
        """
        if self._key is not None:
            return self._key == key
        if self._client.busy:
            return False
        try:
            self._begin(clock.Deadline(_OPEN_MS))
            self._client.open(clock.Deadline(_OPEN_MS))
            if self._first():
                return False
        except (MemoryError, OSError) as error:  # not this report's fault
            self._client.close()
            raise Lost("no connection: {}".format(error))
        if report.id is None:
            self._id = (self._id + 1) & 0xFFFFFFFF
            report.id = str(self._id)
        self._is_plain = report.topic is None and report.event is None
        self._renewed = False
        self._send(report)
        self._key, self._report = key, report
        return True

    def _send(self, report):
        path, headers, body = self._encode(report)
        try:
            size = body.seek(0, 2) if hasattr(body, "seek") else len(body)
            if size > LARGEST:
                raise Rejected("{} bytes are more than this cloud takes".format(size))
            self._client.request(path, headers, body, WANTED, self._sink)
        except (OSError, ValueError) as error:  # the network says Lost: so it is the report
            self._client.close()
            raise _unsendable(error)

    def poll(self, timeout_ms):
        """Waits for one event.

        Args:
            timeout_ms: int, 0 to only look.  Takes longer when the token has to be renewed, or
                the request sent once more over a new connection.
        Returns:
            ("acked", key, the cloud's message id as str or None), ("failed", key, error),
            ("lost", error) or None.
        """
        if self._opened:
            self._opened = False
            return ("opened",)
        try:
            reply = self._client.poll(timeout_ms)
            if reply is None:
                return None
            return self._other(reply) if self._key is None else self._answered(reply)
        except (TimedOut, ProtocolError) as error:
            if self._report is not None:
                self._report.misses += 1
                if self._report.misses >= _MISSES:
                    return self._ended(Throttled(str(error)), True)
            return self._ended(error)
        except SignetError as error:
            return self._ended(error)
        except (OSError, ValueError) as error:  # it was to be sent once more
            return self._ended(_unsendable(error), self._key is not None)

    def _answered(self, reply):
        try:
            message_id = self._judge(reply)
        except Refused as error:
            if error.code not in self._renewable or self._renewed:
                raise
            self._renewed = True
            self._renew()
            self._send(self._report)
            return None
        except (Rejected, Throttled) as error:
            return self._ended(error, True)
        return self._ended(None, True, message_id)

    def _ended(self, error, answered=False, message_id=None):
        """Forgets the report under way; returns the event."""
        key = self._key
        self._key = self._report = None
        if error is None:
            return ("acked", key, message_id)
        return ("failed", key, error) if answered else ("lost", error)

    def reply(self, command, value):
        """No cloud wants an answer to a command by this way."""

    def close(self):
        """Closes the connection; what is in flight stays in the caller's hands."""
        self._client.close()
        self._key = self._report = None
