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
_LENGTH_DIGITS = const(20)

# What comes next; from _SIZE to _CHUNK_END a line must end with CR LF (7.1), not only LF (2.2)
_STATUS = const(0)
_FIELD = const(1)
_TRAILER = const(2)
_SIZE = const(3)
_CHUNK_END = const(4)
_CONTENT = const(5)  # so many bytes of content
_UNTIL_CLOSE = const(6)

_NO_TOKEN = b'"(),/:;<=>?@[\\]{}'  # RFC 9110 section 5.6.2
_NO_PATH = b'"#%<>?[\\]^`{|}'  # RFC 3986 section 3.3


def _visible(data, but=b"", first=33):
    """Returns True when `data` is not empty, from `first` to 126, and none of `but`."""
    for byte in data:
        if not first <= byte < 127 or byte in but:
            return False
    return len(data) > 0


def quote(text):
    """Returns `text` (str) with what may not stand in a path percent-encoded; "/" stays.

    UTF-8; unreserved, sub-delims, ":", "@" and "/" stay as they are (RFC 3986 section 3.3).
    """
    return "".join(
        [
            chr(byte) if 32 < byte < 127 and byte not in _NO_PATH else "%{:02X}".format(byte)
            for byte in text.encode()
        ]
    )


def head(method, path, host, headers, length):
    """Returns the bytes of a request before its content (3, 3.2.1, 6.2).

    Args:
        method: str, for example "POST".
        path: str that begins with "/", percent-encoded, with a query if there is one.
        host: str for the Host header: a name, with ":port" unless that is the scheme's own.
        headers: sequence of (name str, value str), without Host and Content-Length.
        length: int, bytes of content.
    Raises:
        ValueError: a part is not ASCII or could split a header. The value is not shown.
    """
    if not _visible(method.encode(), _NO_TOKEN):
        raise ValueError("HTTP method: not a token")
    if path[:1] != "/" or not _visible(path.encode()):
        raise ValueError("HTTP path: must begin with / and be percent-encoded")
    lines = ["{} {} HTTP/1.1\r\nHost: {}\r\n".format(method, path, host)]
    if not _visible(host.encode()):
        raise ValueError("HTTP host: a blank, or not ASCII")
    for name, value in headers:
        if not _visible(name.encode(), _NO_TOKEN):
            raise ValueError("HTTP header: its name is not a token")
        if value and not _visible(value.encode(), b"", 32):
            raise ValueError("HTTP header {}: not printable ASCII".format(name))
        lines.append("{}: {}\r\n".format(name, value))
    lines.append("Content-Length: {}\r\n\r\n".format(length))
    return "".join(lines).encode()


def _malformed(what):
    return ProtocolError("the peer broke HTTP: " + what)


class Reply:
    """One reply, taken apart as its bytes come, in pieces of any size.

    Read as h11 does (the reference of the tests): LF alone ends a line of a head, folded lines
    are joined by a blank, the reason may be missing, a status is 100 to 999. Otherwise than h11:
    blanks before a chunk extension are allowed (7.1.1); a control character that splits lines is
    not allowed in one (2.2); a trailer's lines must be field lines, what they say is ignored.
    Without TLS nobody can tell whether content that lasts until the close was cut short.

    Args:
        wanted: lower-case names of the headers to keep.
        limit: int, most bytes of content to keep.
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
        self._wanted = wanted
        self._limit = limit
        self._sink = sink
        self.status = 0
        self.headers = {}
        self.body = bytearray()
        self.done = self.keep_alive = self.began = False
        self._state = _STATUS
        self._line = bytearray()
        self._field = b""  # the line before, until it is known whether it goes on
        self._head = 0  # bytes of all heads and trailers
        self._left = 0

    def feed(self, data):
        """Takes the bytes that came: bytes, bytearray or memoryview.

        Raises:
            ProtocolError: they are no reply, or one beyond the limits: 1024 bytes for a line,
                8192 for a head with its interim replies and trailers, `limit` for the content.
        """
        view = memoryview(data)
        at, end = 0, len(data)
        while at < end:
            self.began = True
            if self.done:
                self.keep_alive = False  # out of step
                return
            start = at
            if self._state >= _CONTENT:
                if self._state == _UNTIL_CLOSE:
                    self._left = end - at
                if not self._sink and len(self.body) + self._left > self._limit:
                    raise _malformed("content beyond {} bytes".format(self._limit))
                at = min(end, at + self._left)
                (self._sink or self.body.extend)(view[start:at])
                self._left -= at - start
                if not self._left and self._state == _CONTENT:
                    self._state = _CHUNK_END
                    self.done = not self._chunked
                continue
            byte = 0
            while at < end and byte != 10:
                byte = data[at]
                at += 1
            if self._state < _SIZE:
                self._head += at - start
            if len(self._line) + at - start > _LINE_BYTES or self._head > _HEAD_BYTES:
                raise _malformed("line or head too long")
            self._line.extend(view[start:at])
            if byte == 10:
                line = bytes(self._line)
                self._line = bytearray()
                self._take(line[:-1])

    def end(self):
        """Tells that the peer has closed; raises Lost when the reply is not whole."""
        if self._state == _UNTIL_CLOSE:
            self.done = True
        elif not self.done:
            raise Lost("the reply was cut short" if self.began else "closed by the peer")

    def _take(self, line):
        """Takes one line, its LF removed."""
        state = self._state
        if line[-1:] == b"\r":
            line = line[:-1]
        elif state >= _SIZE:
            raise _malformed("no CR LF around a chunk")
        for byte in b"\0\r\v\f":
            if byte in line:
                raise _malformed("control character")
        if state == _STATUS:
            self._take_status(line)
        elif state == _SIZE:
            self._take_size(line.split(b";", 1)[0].rstrip(b" \t"))
        elif state == _CHUNK_END:
            if line:
                raise _malformed("chunk longer than its size")
            self._state = _SIZE
        elif line[:1] in (b" ", b"\t"):  # obs-fold (5.2)
            if not self._field:
                raise _malformed("folded line without a field")
            self._field += b" " + line.lstrip(b" \t")
        else:
            if self._field:
                self._take_field(self._field)
            self._field = line
            if not line:
                self._head_ended()

    def _take_status(self, line):
        """status-line (4)."""
        digits = line[5:6] + line[7:8] + line[9:12]
        blanks = line[6:7] + line[8:9] + (line[12:13] or b" ")
        if line[:5] != b"HTTP/" or len(digits) < 5 or not digits.isdigit() or blanks != b".  ":
            raise _malformed("status line")
        self.status = status = int(digits[2:])
        if status < 100 or status == 101:  # nobody asked for an upgrade
            raise _malformed("status {}".format(status))
        self.keep_alive = digits[:2] >= b"11"
        self.headers = {}
        self._length = None
        self._chunked = False
        self._state = _FIELD

    def _take_field(self, line):
        """field-line (5)."""
        at = line.find(b":")
        name = line[: max(at, 0)]
        if not _visible(name, _NO_TOKEN):
            raise _malformed("field line")
        if self._state == _TRAILER:
            return
        name = str(name.lower(), "utf-8")
        value = line[at + 1 :].strip(b" \t")
        if name == "content-length":  # 6.3: the same number several times is one number
            for part in value.split(b","):
                part = part.strip()
                if not part.isdigit() or len(part) > _LENGTH_DIGITS:
                    raise _malformed("Content-Length")
                if self._length not in (None, part):
                    raise _malformed("two values of Content-Length")
                self._length = part
        elif name == "transfer-encoding":
            if self._chunked or value.lower() != b"chunked":
                raise _malformed("a transfer coding other than chunked")
            self._chunked = True
        elif name == "connection":
            for part in value.lower().split(b","):
                if part.strip() == b"close":
                    self.keep_alive = False
        if name in self._wanted:
            value = "".join([chr(byte) for byte in value])
            if name in self.headers:
                value = self.headers[name] + ", " + value
            self.headers[name] = value

    def _head_ended(self):
        """Which content follows (6.3)?"""
        if self._state == _TRAILER:
            self.done = True
        elif self.status < 200:
            self.status = 0
            self._state = _STATUS
        elif self.status in (204, 304):
            self.done = True
        elif self._chunked:
            self._state = _SIZE
        elif self._length:
            self._state = _CONTENT
            self._left = int(self._length)
            self.done = not self._left
        else:
            self._state = _UNTIL_CLOSE
            self.keep_alive = False

    def _take_size(self, size):
        """chunk-size (7.1)."""
        for byte in size:
            if byte not in b"0123456789abcdefABCDEF":
                size = b""
        if not 0 < len(size) <= _LENGTH_DIGITS:
            raise _malformed("chunk size")
        self._left = int(size, 16)
        self._state = _CONTENT if self._left else _TRAILER
