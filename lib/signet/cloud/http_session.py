"""How does a Session run over HTTP?  The same for every cloud; a dialect knows the words.

A dialect is a small object that does no I/O:

    encode(report)        (path, headers, body); Rejected for what can never be sent
    judge(reply, report)  the cloud's message id, str or None; raises what the answer means
    sink                  where the content of that answer goes; None: it is kept
    due(report_waits)     is there a request of its own that goes before the next report?
    ask(report_waits)     that request: arguments of HttpClient.request
    logs_in               bool, it is not open before that is answered
    heard(reply)          the event of the answer to it, or None; raises what loses the session
    next_ask              clock.Deadline of the next such request, None where none is due by time
    lapsed(code)          may the report go again once, after such a request?
    batch(handover, key)  see cloud/session.py; or None

One request at a time over a connection that is kept.  A report counts as handed over when the
cloud's answer says so.  What is due when the session begins is asked before it is open, or opens
its connection at least; where nothing is due, no byte goes without a report.
"""

from micropython import const

from signet.client.http import HttpClient
from signet.cloud.dial import connect, load
from signet.cloud.session import Session
from signet.errors import Lost, ProtocolError, Refused, Rejected, SignetError, Throttled
from signet.modules import call

_LARGEST = const(131_072)  # bytes of a report, at Alibaba and at Watson
WANTED = ("retry-after", "date")


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
        Throttled: not now. Lost: this is none of the cloud's answers.
    """
    if not 200 <= reply.status < 300:
        call("signet.cloud.http_status", "refuse", reply, what, is_plain, hint)


_NO_MEMORY = ("lost", Lost("no memory"), ())  # made while there is some


def _unsendable(error):
    return Rejected("cannot be sent: {}; is its file open?".format(error))


def is_plain(report):
    """Returns True for a report whose path device.json alone decides: see `check_status`."""
    return report.topic is None and report.event is None


class HttpSession(Session):
    """The Session contract over HTTP: see session.py.

    Args:
        config: dict from config.load.
        dialect: see above.
    """

    takes_files = True

    def __init__(self, config, dialect):
        self._dialect = dialect
        self.batch = dialect.batch
        host, port = config["host"], config["port"]
        if port != (443 if config["tls"] else 80):
            host += ":" + str(port)
        load(config)
        self._client = HttpClient(
            lambda deadline: connect(config, deadline),
            host,
            config["timeout_s"] * 1000,
            config["open_timeout_s"] * 1000,
        )
        self.close()

    def begin(self, deadline):
        """Begins to open; `poll` does the rest.

        Args:
            deadline: clock.Deadline of connect and TLS; an answer of the cloud has `timeout_s`.
        """
        self.close()
        self._client.open_by = deadline
        if self._dialect.due(True):
            self._ask(True)
        self._state = "opening"

    def submit(self, key, report, last=False):
        """Takes one report; `poll` sends it.

        Args:
            key: int, the caller's name for it.
            report: messages.Report; its body may be a file.
            last: bool, no other report waits; of no use here.
        Returns:
            bool, False while it is not open, or another request goes first.
        Raises:
            Rejected: this report can never be sent; says why.
        """
        if self._key is not None:
            return self._key == key
        if self._state != "open" or self._client.reply:
            return False
        if self._dialect.due(True):
            self._waits = True
            return False
        self._renewed = False
        try:
            self._send(report)
        except Exception as error:
            if isinstance(error, (Rejected, MemoryError)):
                raise
            raise _unsendable(error)
        self._key, self._report = key, report
        return True

    def _send(self, report):
        path, headers, body = self._dialect.encode(report)
        size = body.seek(0, 2) if hasattr(body, "seek") else len(body)
        if size > _LARGEST:
            raise Rejected("{} bytes are more than this cloud takes".format(size))
        self._client.request(path, headers, body, WANTED, self._dialect.sink)

    def poll(self, timeout_ms):
        """Works on what is under way; returns one event or None: see session.py."""
        try:
            try:
                return self._poll(timeout_ms)
            except Exception as error:
                return self._failed(error)
        except MemoryError:
            self.close()
            return _NO_MEMORY

    def _poll(self, timeout_ms):
        client, dialect = self._client, self._dialect
        if self._state == "open" and not client.reply:
            waits, self._waits = self._waits, False
            if dialect.due(waits):
                self._ask(waits)
            elif dialect.next_ask:
                timeout_ms = min(timeout_ms, dialect.next_ask.remaining_ms())
        reply = event = None
        if client.reply or self._state != "opening":
            reply = client.poll(timeout_ms)
        if reply:
            if not self._asking:
                return self._answered(reply)
            event = dialect.heard(reply)
            self._asking = False
            if self._report:
                self._send(self._report)
        waits = client.state == "opening" or (self._asking and dialect.logs_in)
        if self._state == "opening" and not waits:
            self._state = "open"
            client.open_by = None
            return ("opened",)
        return event

    def _ask(self, report_waits):
        try:
            request = self._dialect.ask(report_waits)
        except MemoryError:  # without the connection there is more
            self._client.close()
            request = self._dialect.ask(report_waits)
        self._client.request(*request)
        self._asking = True

    def _answered(self, reply):
        try:
            message_id = self._dialect.judge(reply, self._report)
        except Refused as error:
            if self._renewed or not self._dialect.lapsed(error.code):
                self._done()  # the device is refused, not the report
                raise
            self._renewed = True
            self._ask(True)
            return None
        except (Rejected, Throttled, ProtocolError) as error:
            return ("failed", self._done(), error)
        return ("acked", self._done(), message_id)

    def _done(self):
        key = self._key
        self._key = self._report = None
        return key

    def _failed(self, error):
        """Makes an event of an error: of the report's, or of the end of the session."""
        if isinstance(error, MemoryError):
            raise error
        report = None if self._asking else self._report
        if report and isinstance(error, ValueError):  # its file's
            error = _unsendable(error)
        elif not isinstance(error, SignetError):
            error = Lost("no connection: {}".format(error))
        if report and isinstance(error, Rejected):
            return ("failed", self._done(), error)
        keys = [self._key] if report and self._client.began else ()
        self.close()
        return ("lost", error, keys)

    @property
    def busy(self):
        """bool, `poll(0)` has more to do at once, which no socket shows."""
        return self._waits or self._client.busy

    def readable(self):
        """Returns the socket that shows when bytes come, or None."""
        return self._client.readable()

    def close(self):
        """Closes the connection, and forgets what is in flight."""
        self._client.close()
        self._state = "closed"
        self._key = self._report = None
        self._asking = self._waits = False
