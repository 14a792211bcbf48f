"""What does a session over HTTP meet: which server answers it, with what, and what time is it?

Everything of lib/signet runs but the socket: the session, its HttpClient, the codec. A `Server`
takes each request apart and sends the next reply of its script, byte for byte.
"""

import gc

from signet import clock, modules
from signet.cloud import dial, http_session
from signet.errors import Lost, Refused, SignetError

gc.threshold(1024)  # what stays lies close together

CLOSE = (b"",)
SILENCE = b""
_KEPT_BYTES = 4096  # of a body; no more than counted otherwise
SECRET = "s3cr3t-that-nobody-may-see"
START_MS = 1_800_000_000_000  # 2027, Unix time


class Time:
    """A clock that moves only when somebody waits."""

    ticks = 0
    unix_ms = START_MS
    is_set = True

    @classmethod
    def sleep(cls, ms):
        cls.ticks += ms
        cls.unix_ms += ms


clock.ticks_ms = lambda: Time.ticks
clock.ticks_add = lambda ticks, delta: ticks + delta
clock.ticks_diff = lambda later, earlier: later - earlier
clock.sleep_ms = Time.sleep
clock.unix_ms = lambda: Time.unix_ms
clock.is_set = lambda: Time.is_set


def reply(status, body="", *headers):
    """Returns a whole reply, as bytes; headers: lines."""
    if isinstance(body, str):
        body = body.encode()
    lines = ["HTTP/1.1 {} Status".format(status)]
    lines.extend(headers)
    if status != 204:
        lines.append("Content-Length: {}".format(len(body)))
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class Request:
    """One that came; body is None where it is long, size its length."""

    def __init__(self, head, connection):
        self._head = head  # all in one: a heap holds many
        self.connection = connection
        self.size = int(self.headers["Content-Length"])
        self.body = None

    @property
    def line(self):
        return self._head.split(b"\r", 1)[0].decode()

    @property
    def path(self):
        return self.line.split(" ")[1]

    @property
    def headers(self):
        headers = {}
        for line in self._head.decode().split("\r\n")[1:]:
            name, _, value = line.partition(": ")
            assert name not in headers, name
            headers[name] = value
        return headers


class Server:
    """Answers from `replies`, in order.

    Each is bytes; a tuple of bytes, after which it closes; or SILENCE. An error is raised by the
    next connect.

    Attributes:
        requests: list of Request.
        opened: int, connections.
        deadline: until when the last one had to be there.
    """

    def __init__(self, replies=()):
        self.replies = list(replies)
        self.requests = []
        self.opened = 0
        self.deadline = None

    def connect(self, config, deadline):
        if self.replies and isinstance(self.replies[0], Exception):
            raise self.replies.pop(0)
        self.opened += 1
        self.deadline = deadline
        return _Channel(self)


class _Channel:
    busy = False

    def __init__(self, server):
        self._server = server
        self._number = server.opened
        self._head = b""
        self._request = None
        self._left = 0
        self._answer = b""
        self._closed = False

    def write(self, data):
        data = bytes(data)
        count = len(data)
        if self._request is None:
            self._head += data
            end = self._head.find(b"\r\n\r\n")
            if end < 0:
                return count
            self._request = request = Request(self._head[:end], self._number)
            data = self._head[end + 4 :]
            self._head = b""
            self._left = request.size
            if request.size <= _KEPT_BYTES:
                request.body = b""
        if self._request.body is not None:
            self._request.body += data
        self._left -= len(data)
        assert self._left >= 0, "more than Content-Length"
        if not self._left:
            self._take(self._request)
            self._request = None
        return count

    def _take(self, request):
        server = self._server
        server.requests.append(request)
        assert server.replies, "no reply in the script to " + request.line
        answer = server.replies.pop(0)
        self._closed = isinstance(answer, tuple)
        self._answer += answer[0] if self._closed else answer

    def readinto(self, buffer):
        if self._answer:
            count = min(len(buffer), len(self._answer))
            buffer[:count] = self._answer[:count]
            self._answer = self._answer[count:]
            return count
        return 0 if self._closed else None

    def wait(self, events, deadline):
        if self._answer or self._closed or events & 4:
            return 1
        Time.sleep(deadline.remaining_ms())
        return 0

    def close(self):
        self._closed = True

    end = close  # the server's side


def completed(config, changes):
    """Returns `config` with what every way by HTTP has, `changes`, and the identity's defaults."""
    name = "signet.cloud.{}.identity".format(config["cloud"])
    identity = __import__(name, None, None, ("*",))
    for key, value in (
        ("way", "http"),
        ("address", None),
        ("port", None),
        ("tls", True),
        ("insecure", False),
        ("trust", None),
        ("timeout_s", 15),
        ("open_timeout_s", 30),
        ("report_interval_s", 60),
        ("crc", 1),
    ):
        config[key] = value
    config.update(changes)
    if config["port"] is None:
        config["port"] = identity.PORTS["http"][config["tls"]]
    identity.check(config)
    modules.forget(name)  # as `signet.open` does
    return config


def start(module, config, *replies, state=None):
    """Returns (session, server), not begun; session.lines is the log, session.server the other."""
    http_session.connect = dial.connect = None  # the server of the test before goes
    gc.collect()
    server = Server(replies)
    http_session.connect = dial.connect = server.connect  # linked: the latter
    lines = []
    session = module.session(config, lines.append, state)
    session.lines = lines
    session.server = server
    return session, server


def begun(session, ms=30_000):
    """Begins to open; returns the first event."""
    session.begin(clock.Deadline(ms))
    return event_of(session)


def opens(session):
    """Begins, and it must open."""
    event = begun(session)
    assert event == ("opened",), event


def lost(session, error_class=SignetError):
    """Begins to open, which must fail; returns the error."""
    return ended(begun(session), error_class)


def ended(event, error_class, *keys):
    """The session must be lost, with these keys on the wire; returns the error."""
    kind, error, lost_keys = event
    assert kind == "lost" and isinstance(error, error_class), error
    assert tuple(lost_keys) == keys, lost_keys
    return error


def judged(event, error_class):
    """The report 1 must be told of; or, where it is not to blame, the session be lost."""
    if error_class is Refused:
        return ended(event, Refused)
    if error_class is Lost:
        return ended(event, Lost, 1)
    kind, key, error = event
    assert (kind, key) == ("failed", 1) and isinstance(error, error_class), event
    return error


def sent(session, report, key=1):
    """Submits a report and polls until the server has it; returns the Request."""
    requests = session.server.requests
    count = len(requests)
    assert session.submit(key, report)
    for _ in range(300):
        assert session.poll(0) is None
        if len(requests) > count:
            return requests[-1]
    raise AssertionError("not sent")


def event_of(session, ms=0):
    """Polls until there is an event, each time for so long; returns it."""
    for _ in range(300):
        event = session.poll(ms)
        if event is not None:
            return event
    raise AssertionError("no event")


def settle(session):
    """Polls until nothing is under way; there must be no event."""
    for _ in range(9):
        event = session.poll(0)
        assert event is None, event


def spend(session, ms):
    """Polls for so long; there must be no event."""
    end = Time.ticks + ms
    while Time.ticks < end:
        event = session.poll(end - Time.ticks)
        assert event is None, event


def outcome(session, report, key=1):
    """Submits a report; returns the event that ends it."""
    assert session.submit(key, report)
    return event_of(session)


def shown(event_or_error):
    """Returns the text of an error, which must not show what is secret."""
    text = str(event_or_error)
    for secret in (SECRET, "t0k3n"):
        assert secret not in text and secret not in repr(event_or_error), "a secret is shown"
    return text


class File:
    """A file of `size` bytes that takes no memory."""

    def __init__(self, size):
        self.size = size
        self.place = 0
        self.is_open = True

    def seek(self, place, whence=0):
        if not self.is_open:
            raise ValueError("closed")
        self.place = place + (self.size if whence == 2 else 0)
        return self.place

    def readinto(self, buffer):
        count = min(len(buffer), self.size - self.place)
        self.place += count
        return count


def flash_full(*arguments):
    raise SignetError("not saved: is the flash full?")
