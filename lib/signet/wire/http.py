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

_NO_TOKEN = b'"(),/:;<=>?@[\\]{}'  # RFC 9110 section 5.6.2
_NO_PATH = b'"#%<>?[\\]^`{|}'  # RFC 3986 section 3.3


def _visible(data, but=b""):
    """Returns True when all of `data` is from "!" to "~", and none of it in `but`."""
    for byte in data:
        if not 32 < byte < 127 or byte in but:
            return False
    return True


def quote(text):
    """Returns `text` (str) with what may not stand in a path percent-encoded; "/" stays.

    UTF-8; unreserved, sub-delims, ":", "@" and "/" stay as they are (RFC 3986 section 3.3).
    """
    path = ""
    for byte in text.encode():
        path += chr(byte) if _visible((byte,), _NO_PATH) else "%{:02X}".format(byte)
    return path


def _check(what, text):
    if not _visible(text.encode()):
        raise ValueError("HTTP {}: a blank, or not plain ASCII".format(what))


def head(method, path, host, headers, length):
    """Returns the bytes of a request before its content (3, 3.2.1, 6.2).

    Args:
        method: str, for example "POST".
        path: str that begins with "/", percent-encoded, with a query if there is one.
        host: str for the Host header: a name, with ":port" unless that is the scheme's own.
        headers: sequence of (name str, value str), without Host and Content-Length.
        length: int, bytes of content.
    Raises:
        ValueError: a part is not ASCII, or could split a line. The value is not shown.
    """
    _check("method, path or host", method + path + host)
    text = "{} {} HTTP/1.1\r\nHost: {}\r\n".format(method, path, host)
    for name, value in headers:
        _check("header " + name, name + value.replace(" ", ""))
        text += "{}: {}\r\n".format(name, value)
    return "{}Content-Length: {}\r\n\r\n".format(text, length).encode()


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
        self.status = self._head = self._left = 0
        self.body = bytearray()
        self.done = self.began = False
        self._line = bytearray()
        self._next = self._parse().send
        self._next(None)

    def feed(self, data):
        """Takes the bytes that came: bytes, bytearray or memoryview.

        Raises:
            ProtocolError: they are no reply, or one beyond the limits: 1024 bytes for a line,
                8192 for a head with its interim replies and trailers, `limit` for the content.
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
                if self._sink:
                    self._sink(view[:count])
                elif len(self.body) + count > self._limit:
                    raise _malformed("too long")
                else:
                    self.body.extend(view[:count])
                self._left = left - count
                if left == count:
                    self._left = self._next(None)
            else:
                count = 0
                for byte in view:
                    count += 1
                    if byte == 10 or count > _LINE_BYTES:
                        break
                self._line.extend(view[:count])
                if len(self._line) > _LINE_BYTES:
                    raise _malformed("too long")
                if byte == 10:
                    line = bytes(self._line)
                    self._line = bytearray()
                    self._left = self._next(line[:-1])
            view = view[count:]

    def end(self):
        """Tells that the peer has closed; raises Lost when the reply is not whole."""
        if self._left < 0:
            self.done = True
        if not self.done:
            raise Lost("the reply was cut short" if self.began else "closed by the peer")

    def _parse(self):
        """Yields how many bytes are content: below 0 all until the close, 0 for none.

        After 0 it is sent the next line without its LF.
        """
        while True:  # interim replies are skipped (RFC 9110 section 15.2)
            line = self._text((yield 0))  # status-line (4)
            digits = line[7:8] + line[9:12]
            rest = line[:7] + line[8:9] + line[12:13]
            if len(digits) < 4 or not digits.isdigit() or rest.rstrip(b" ") != b"HTTP/1.":
                raise _malformed("status line")
            status = int(digits[1:])
            if status < 100 or status == 101:  # nobody asked for an upgrade
                raise _malformed("status line")
            self.keep_alive = digits[:1] > b"0"
            self.headers = {}
            self._length = None
            self._chunked = False
            yield from self._fields()
            if status >= 200:
                break
        self.status = status
        # 6.3
        if status in (204, 304):
            pass
        elif self._chunked:
            while True:  # 7.1
                line = yield 0
                size = line[:-1].split(b";", 1)[0].rstrip(b" \t")
                if line[-1:] != b"\r" or not size or size.strip(b"0123456789abcdefABCDEF"):
                    raise _malformed("chunk")
                size = int(size, 16)
                if not size:
                    break
                yield size
                if (yield 0) != b"\r":
                    raise _malformed("chunk")
            yield from self._fields()
        elif self._length is None:
            self.keep_alive = False
            yield -1
        elif int(self._length):
            yield int(self._length)
        self.done = True
        yield 0

    def _text(self, line):
        """Returns a line of a head or trailer without its CR."""
        self._head += len(line) + 1
        if self._head > _HEAD_BYTES:
            raise _malformed("too long")
        if line[-1:] == b"\r":
            line = line[:-1]
        for byte in b"\0\r\v\f":
            if byte in line:
                raise _malformed("control character")
        return line

    def _fields(self):
        """Takes the lines of a head or trailer up to the empty one."""
        field = b""
        while True:
            line = self._text((yield 0))
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
        name, colon, value = line.partition(b":")
        if not name or not colon or not _visible(name, _NO_TOKEN):
            raise _malformed("field line")
        if self.status:
            return  # a trailer
        name = name.decode().lower()
        value = value.strip(b" \t")
        wrong = False
        for part in value.lower().split(b","):
            part = part.strip()
            if name == "content-length":  # 6.3: the same number several times is one number
                wrong = self._length not in (None, part) or not part.isdigit()
                self._length = part
            elif name == "transfer-encoding":
                wrong = self._chunked or part != b"chunked"
                self._chunked = True
            elif name == "connection" and part == b"close":
                self.keep_alive = False
            if wrong:
                raise _malformed(name)
        if name in self._wanted:
            text = self.headers[name] + ", " if name in self.headers else ""
            for byte in value:
                text += chr(byte)
            self.headers[name] = text
