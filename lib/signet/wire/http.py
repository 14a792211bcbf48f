"""Which bytes are an HTTP request's head, and which reply do these bytes hold?

RFC 9110 and 9112; the numbers beside a rule are sections of RFC 9112. For a client that sends no
HEAD and no CONNECT. No socket and no clock.

    reply = Reply(("retry-after",))
    while not reply.done:
        reply.feed(what_has_come)       # or reply.end() when the peer has closed
"""

from micropython import const

from signet.errors import Lost, ProtocolError

_LINE_BYTES = const(1024)
_HEAD_BYTES = const(8192)
_DIGITS = const(20)  # of a number

_NOT_IN_PATH = const(b'"#%<>?[\\]^`{|}')
_NOT_IN_TOKEN = const(b'"(),/:;<=>?@[\\]{}')
_FRAMING = const(("content-length", "transfer-encoding", "connection"))


def _visible(text, but):
    """Returns True when all of `text` (bytes) is from "!" to "~", and none of it in `but`."""
    for byte in text:  # noqa: SIM110  a generator would allocate
        if not 32 < byte < 127 or byte in but:
            return False
    return True


def quote(text):
    """Returns `text` (str) with what may not stand in a path percent-encoded; "/" stays.

    UTF-8; unreserved, sub-delims, ":", "@" and "/" stay as they are (RFC 3986 section 3.3).
    """
    data = text.encode()
    if _visible(data, _NOT_IN_PATH):
        return text
    return "".join(
        [chr(byte) if _visible((byte,), _NOT_IN_PATH) else "%{:02X}".format(byte) for byte in data]
    )


def _plain(text, what, first=33):
    data = text.encode()  # characters of a str would stay in the heap for good, as qstrs
    if data and (min(data) < first or max(data) > 126):
        raise ValueError("HTTP {}: not plain ASCII".format(what))
    return data


def head(method, path, host, headers, length, content=b""):
    """Returns the bytes of a request before its content (3, 3.2.1, 6.2), and that of a short one.

    Args:
        method: str, for example "POST".
        path: str that begins with "/", percent-encoded, with a query if there is one.
        host: str for the Host header: a name, with ":port" unless that is the scheme's own.
        headers: sequence of (name str, value str), without Host and Content-Length.
        length: int, bytes of content.
        content: bytes, what of it follows at once.
    Raises:
        ValueError: a part is not ASCII, or could split a line. The value is not shown.
    """
    parts = []
    for text, behind in ((method, b" "), (path, b" HTTP/1.1\r\nHost: "), (host, b"\r\n")):
        parts += (_plain(text, "method, path or host"), behind)
    for name, value in headers:
        parts += (_plain(name, "header's name"), b": ")
        parts += (_plain(value, "header " + name, 32), b"\r\n")
    parts += (b"Content-Length: %d\r\n\r\n" % length, content)
    return b"".join(parts)


def _malformed(what):
    return ProtocolError("the peer broke HTTP: " + what)


class Reply:
    """One reply, taken apart as its bytes come, in pieces of any size.

    Read as h11 does, the measure of the tests: LF alone ends a line of a head, folded lines are
    joined by a blank, the reason may be missing, a status is 100 to 999 but not 101 (nobody asked
    for an upgrade). Otherwise than h11: blanks may stand before a chunk's
    extension (7.1.1), but no control character in it (2.2); what a trailer says is
    ignored, though its lines must be field lines.
    Nobody can tell whether content that lasts until the close was cut short, over TLS neither:
    MicroPython does not say whether the peer ended TLS or only TCP.

    Args:
        wanted: lower-case names of the headers to keep.
        limit: int, most bytes of content to keep. More is an error, but for a status from 300
            on, where the rest is left out.
        sink: function of one bytes-like, called with each piece of the content; it must not keep
            the piece. Then `limit` does not count and `body` stays empty.
    Attributes:
        status: int, 0 until it is known.
        headers: dict of the wanted ones that came, lower-case str -> str (each byte a character);
            repeated ones are joined by ", ".
        body: bytearray, the content.
        done: bool, the reply is whole.
        keep_alive: bool, when done: another request may go over this connection (9.3).
        began: bool, a byte has come.
    """

    def __init__(self, wanted=(), limit=2048, sink=None):
        self.wanted = wanted
        self.limit = limit
        self.sink = sink
        self.status = self._left = self.head = 0
        self.body = bytearray()
        self.done = self.began = self.keep_alive = False
        self.line = bytearray()  # of which the end has not come
        self.send = self._parse().send
        self.send(None)

    def feed(self, data):
        """Takes the bytes that came: bytes, bytearray or memoryview.

        Raises:
            ProtocolError: they are no reply, or one beyond the limits: 1024 bytes for a line,
                8192 for a head with its interim replies, 8192 for a trailer, `limit` for content.
        """
        view = memoryview(data)
        while view:
            self.began = True
            if self.done:
                self.keep_alive = False  # out of step
                return
            count = len(view)
            left = self._left
            if left:
                if 0 < left < count:
                    count = left
                if self.sink:
                    self.sink(view[:count])
                elif len(self.body) + count <= self.limit:
                    self.body.extend(view[:count])
                elif self.status < 300:
                    raise _malformed("content too long")
                else:
                    self.limit = 0  # a page about an error: the rest is left out
                self._left = left - count
                if left == count:
                    self._left = self.send(None)
            else:
                count = 0
                for byte in view:
                    count += 1
                    if byte == 10 or count > _LINE_BYTES:
                        break
                self.head += count
                if len(self.line) + count > _LINE_BYTES:
                    raise _malformed("line too long")
                if self.head > _HEAD_BYTES:
                    raise _malformed("head too long")
                if byte != 10:
                    self.line.extend(view[:count])
                else:
                    self._left = self.send(self._line(view, count))
            view = view[count:]

    def _line(self, view, count):
        """Returns the line that `count` bytes of `view` end, without its end: one copy of it."""
        if self.line:
            self.line.extend(view[:count])
            view = memoryview(self.line)
            count = len(view)
            self.line = bytearray()
        count -= 1
        self.crlf = count > 0 and view[count - 1] == 13
        line = bytes(view[: count - self.crlf])
        for byte in b"\0\r\v\f":
            if byte in line:
                raise _malformed("control character")
        return line

    def end(self):
        """Tells that the peer has closed; raises Lost when the reply is not whole."""
        if not self.done and self._left >= 0:
            raise Lost("the reply was cut short" if self.began else "closed by the peer")
        self.done = True
        self.keep_alive = False

    def _parse(self):
        """Yields how many bytes of content come next, below 0 for all until the close.

        After it has yielded 0 it is sent the next line, without its end.
        """
        status = 0
        while status < 200:  # interim replies are skipped (RFC 9110 section 15.2)
            self.headers = {}
            self.length = self._chunked = None
            line = yield 0  # status-line (4)
            digits = line[5:6] + line[7:8] + line[9:12]
            rest = line[:5] + line[6:7] + line[8:9] + line[12:13]
            status = 0
            if len(digits) == 5 and digits.isdigit() and rest.rstrip(b" ") == b"HTTP/.":
                status = int(digits[2:])
            if status < 100 or status == 101:  # nobody asked for an upgrade
                raise _malformed("status line")
            self.keep_alive = digits >= b"11"
            yield from self._fields()
        self.status = status
        if status in (204, 304):  # 6.3
            pass
        elif self._chunked:
            while True:  # 7.1
                line = (yield 0).split(b";", 1)[0].rstrip(b" \t")
                # a single LF ends only a line of a head (2.2)
                if (
                    line.strip(b"0123456789ABCDEFabcdef")
                    or not line
                    or line[_DIGITS:]
                    or not self.crlf
                ):
                    raise _malformed("chunk")
                self.head = 0
                left = int(line, 16)
                if not left:
                    break
                yield left
                if (yield 0) or not self.crlf:
                    raise _malformed("chunk")
            yield from self._fields()
        else:
            left = int(self.length or -1)
            if left:
                yield left
        self.done = True
        yield 0

    def _fields(self):
        """Takes the lines of a head or trailer up to the empty one."""
        field = b""
        while True:
            line = yield 0
            if line[:1] in (b" ", b"\t"):  # obs-fold (5.2)
                if not field:
                    raise _malformed("field line")
                field += b" " + line.lstrip(b" \t")
            else:
                if field:
                    self._take(field)
                if not line:
                    return
                field = line

    def _take(self, line):
        """field-line (5)."""
        at = line.find(b":")
        name = line[: max(at, 0)]
        if not name or not _visible(name, _NOT_IN_TOKEN):
            raise _malformed("field line")
        name = name.decode().lower()
        if self.status or not (name in self.wanted or name in _FRAMING):
            return  # a trailer, or not asked for
        value = line[at + 1 :].strip(b" \t")
        for part in value.lower().split(b","):
            part = part.strip()
            if name == "content-length":  # 6.3: the same number several times is one number
                if (self.length or part) != part or not part.isdigit() or part[_DIGITS:]:
                    raise _malformed(name)
                self.length = part
            elif name == "transfer-encoding":
                if self._chunked or part != b"chunked":
                    raise _malformed(name)
                self._chunked = True
            elif name == "connection" and part == b"close":
                self.keep_alive = False
        if name in self.wanted:
            text = self.headers[name] + ", " if name in self.headers else ""
            for byte in value:
                text += chr(byte)
            self.headers[name] = text
