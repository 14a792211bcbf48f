"""Which replies does an HTTP server send, whole and damaged?  RFC 9112's grammar, from a tape.

A tape is bytes that decide: hypothesis searches among them, a seed replays them. Zeros choose the
plainest, so a failure that hypothesis has made small is a plain reply with one oddity.
"""

import re
from collections.abc import Sequence
from typing import TypeVar

WANTED = ("retry-after", "x-commandid", "content-type")

_T = TypeVar("_T")


def _table(*lines: str) -> list[bytes]:
    return [part.encode("latin-1") for line in lines for part in line.split("|")]


_STATUS = _table("200|200|401|503|204|304|429|600|999")
_ODD_STATUS = _table("101|100|099|000|20|2000|2O0|-20| 200|")
_VERSIONS = _table(*("HTTP/1.1",) * 8, *("HTTP/1.0",) * 3, "HTTP/1.2")
_ODD_VERSIONS = _table("HTTP/2.0|HTTP/0.9|http/1.1|HTTP/1.10|HTTP/11|HTTP/1,1|")
_REASONS = _table(" OK| || Not Found| \xe6\xb0\xb4| a\tb|  two  | \x01\x7f")
_INTERIM = _table("100|102|103|199")
_NAMES = _table(
    "Retry-After|X-commandId|Content-Type|Date|Server|Connection",
    "retry-after|CONTENT-TYPE|X!#$%&'*+-.^_`~9z|Retry-After-|ETag|Upgrade",
)
_VALUES = _table(
    'text/plain; charset=utf-8|120||a|a  b|"a,b", c|a:b|0',
    "close|Keep-Alive|keep-alive, CLOSE|not-close|\xc3\xa9|\xff|a\x01b",
)
_FRAMING = re.compile(rb"(?i)content-length|transfer-encoding")
_SPACES = _table(" | | ||  |\t| \t ")
_CODINGS = _table("chunked|Chunked|CHUNKED")
_ODD_CODINGS = _table('gzip|identity|gzip, chunked|chunked, chunked||xchunked|"chunked"|,chunked')
_ODD_LENGTHS = _table(
    "-1|+5|5 5|5,5|5, 5|5, 6|0x5|5.0||,|5,|\xb2|05|_5|5_0|five",
    "99999999999999999999|999999999999999999999|4294967296|2147483648",
)
_EXTENSIONS = _table('||;a|;a=b|;a="b;c"| |\t| ;a|; a = b|x|;\xff')
_SIZES = _table("%x|%X|0%x|0000%x|+%x|0x%x|-%x| %x|_%x|", "0" * 18 + "%x", "0" * 20 + "%x")
_INSERTED = _table(
    "\r|\n|\r\n| |\t|\0|:|,|0|5|;|\v|\f|\x80|\x7f|\r\n |\r\n\r\n",
    '"|(|)|/|<|=|>|?|@|[|\\|]|{|}',
    "Content-Length: 3\r\n|Transfer-Encoding: chunked\r\n",
)


class Tape:
    """Takes decisions from bytes, zeros when they are used up."""

    def __init__(self, data: bytes) -> None:
        self._data = iter(data)

    def below(self, limit: int) -> int:
        """A number below `limit`, which is 1 to 65536."""
        number = next(self._data, 0)
        if limit > 128:
            return (number * 256 + next(self._data, 0)) * limit >> 16
        return number * limit >> 8

    def pick(self, values: Sequence[_T]) -> _T:
        """One of them, the first ones when the tape has run out."""
        return values[self.below(len(values))]

    def one_in(self, count: int) -> bool:
        """True for one of `count`."""
        return self.below(count) == count - 1


def reply(tape: Tape) -> bytes:
    """Interim replies, a head and a body: right for the most part, a few oddities beside."""
    end = b"\n" if tape.one_in(8) else b"\r\n"
    framing, body = tape.pick(_FRAMINGS)(tape, end)
    interim = b""
    while tape.one_in(6):
        fields = _fields(tape, end) if tape.one_in(3) else b""
        fields += _field(tape, b"Content-Length", b"2", end) if tape.one_in(4) else b""
        interim += b"HTTP/1.1 " + tape.pick(_INTERIM) + b" Wait" + end + fields + end
    version = tape.pick(_ODD_VERSIONS if tape.one_in(24) else _VERSIONS)
    status = tape.pick(_ODD_STATUS if tape.one_in(24) else _STATUS)
    first = version + b" " + status + tape.pick(_REASONS) + end
    before, after = _fields(tape, end), _fields(tape, end)
    rest = b"HTTP/1.1 200 OK\r\n" if tape.one_in(12) else b""
    return interim + first + before + framing + after + end + body + rest


def _fields(tape: Tape, end: bytes) -> bytes:
    fields = b""
    for _ in range(tape.below(4)):
        value = tape.pick(_VALUES)
        if tape.one_in(8):
            value += end + tape.pick((b" ", b"\t", b"  ")) + tape.pick(_VALUES)
        fields += _field(tape, tape.pick(_NAMES), value, end)
    return fields


def _field(tape: Tape, name: bytes, value: bytes, end: bytes) -> bytes:
    colon = b" :" if tape.one_in(64) else b":"
    return name + colon + tape.pick(_SPACES) + value + tape.pick(_SPACES[3:]) + end


def _length(tape: Tape, end: bytes) -> tuple[bytes, bytes]:
    body = _text(tape, 60)
    name = tape.pick((b"Content-Length", b"content-length", b"CONTENT-LENGTH"))
    fields = _field(tape, name, b"%d" % len(body), end)
    if tape.one_in(8):
        fields += _field(tape, name, b"%d" % (len(body) + tape.below(2)), end)
    return fields, body


def _odd_length(tape: Tape, end: bytes) -> tuple[bytes, bytes]:
    return _field(tape, b"Content-Length", tape.pick(_ODD_LENGTHS), end), b"Hello"


def _chunked(tape: Tape, end: bytes) -> tuple[bytes, bytes]:
    body = b""
    for _ in range(tape.below(4)):
        body += _chunk(tape, _text(tape, 40) or b"a")
    body += tape.pick((b"0", b"0", b"000", b"0;a=b")) + b"\r\n"
    # h11 looks at framing in trailers, too, which a recipient ignores (RFC 9110 section 6.5.1).
    trailers = _FRAMING.sub(b"X-Odd", _fields(tape, end)) if tape.one_in(4) else b""
    fields = _field(tape, b"Transfer-Encoding", tape.pick(_CODINGS), end)
    return fields, body + trailers + end


def _chunk(tape: Tape, data: bytes) -> bytes:
    size, extension = tape.pick(_SIZES[:2]), b""
    if tape.one_in(6):
        size, extension = tape.pick(_SIZES), tape.pick(_EXTENSIONS)
    end = b"\n" if tape.one_in(24) else b"\r\n"
    return (size % len(data) if b"%" in size else size) + extension + end + data + b"\r\n"


def _odd_coding(tape: Tape, end: bytes) -> tuple[bytes, bytes]:
    _, body = _chunked(tape, end)
    return _field(tape, b"Transfer-Encoding", tape.pick(_ODD_CODINGS), end), body


def _both(tape: Tape, end: bytes) -> tuple[bytes, bytes]:
    length, _ = tape.pick((_length, _odd_length))(tape, end)
    coding, body = tape.pick((_chunked, _chunked, _odd_coding))(tape, end)
    return (length + coding, body) if tape.below(2) else (coding + length, body)


def _until_close(tape: Tape, _end: bytes) -> tuple[bytes, bytes]:
    return b"", _text(tape, 60)


_FRAMINGS = (
    *(*(_length,) * 9, *(_chunked,) * 9, *(_until_close,) * 2, _both, _odd_length, _odd_coding),
)


def _text(tape: Tape, size: int) -> bytes:
    return (tape.pick((b"{}", b"Hello ", b"\r\n", b"\0\xff", b"0\r\n\r\n")) * size)[
        : tape.below(size)
    ]


def damaged(tape: Tape, data: bytes) -> bytes:
    """The same with one to three mistakes, most of them where the tape says, in the head."""
    for _ in range(1 + tape.below(3)):
        head = data.find(b"\r\n\r\n") + 4
        limit = head if 4 < head < len(data) and tape.below(3) else len(data)
        place = tape.below(limit) if limit else 0
        data = tape.pick(_DAMAGES)(tape, data, place)
    return data


def _cut(_tape: Tape, data: bytes, place: int) -> bytes:
    return data[:place]


def _removed(tape: Tape, data: bytes, place: int) -> bytes:
    return data[:place] + data[place + 1 + tape.below(4) :]


def _inserted(tape: Tape, data: bytes, place: int) -> bytes:
    return data[:place] + tape.pick(_INSERTED) + data[place:]


def _flipped(tape: Tape, data: bytes, place: int) -> bytes:
    return (
        data[:place]
        + bytes(byte ^ 1 << tape.below(8) for byte in data[place : place + 1])
        + data[place + 1 :]
    )


def _replaced(tape: Tape, data: bytes, place: int) -> bytes:
    return data[:place] + bytes((tape.below(256),)) + data[place + 1 :]


def _doubled(tape: Tape, data: bytes, place: int) -> bytes:
    return data[:place] + data[place : place + 1 + tape.below(40)] + data[place:]


def _line_doubled(_tape: Tape, data: bytes, place: int) -> bytes:
    start, after = data.rfind(b"\n", 0, place) + 1, data.find(b"\n", place) + 1
    return data[:after] + data[start:after] + data[after:]


_DAMAGES = (_cut, _removed, _inserted, _inserted, _flipped, _replaced, _doubled, _line_doubled)


def cuts(tape: Tape, size: int) -> list[int]:
    """Where to cut a reply of `size` bytes into the pieces in which it comes."""
    how = tape.below(4)
    if how == 0 or size < 2:
        return []
    if how == 1:
        return list(range(1, size))
    return sorted({1 + tape.below(size - 1) for _ in range(1 + tape.below(6))})
