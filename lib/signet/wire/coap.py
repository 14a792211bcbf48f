"""Which bytes make a CoAP message, and which bytes are none?

RFC 7252 section 3, whose words the names are; the numbers beside a rule are its sections.
Who may send what, and when, is exchange.py's business.
"""

from micropython import const

from signet.errors import ProtocolError

# Method codes and an option number, for who asks through client/coap.py (12.1, 12.2)
GET = 1
POST = 2
PUT = 3
URI_PATH = 11

_MARKER = const(255)  # before the payload (3)
_RESERVED_CLASSES = const(0b1100_0010)  # 1, 6 and 7 (4.2, 12.1)
_HEADER = const("type {}, code {}, message id {}, token of {} bytes")


class Message:
    """One CoAP message (3).

    Args:
        type: int, 0 CON, 1 NON, 2 ACK, 3 RST.
        code: int, 0 to 255, but not of the reserved classes 1, 6 and 7.
        message_id: int, 0 to 65535.
        token: bytes, at most 8.
        options: (number int 0 to 65535, value bytes of at most 65804), to be gone through as often
            as one likes. They are sent by number; equal numbers stay in the order given.
        payload: bytes; what is empty is not sent.
    An Empty message (code 0) has none of the last three.
    Attributes:
        cut: bool, its datagram was larger than the buffer: the payload is not whole (4.6).
    """

    cut = False

    def __init__(self, type, code, message_id, token=b"", options=(), payload=b""):
        self.type = type
        self.code = code
        self.message_id = message_id
        self.token = token
        self.options = options
        self.payload = payload


def malformed(what):
    """Returns the ProtocolError that says what a peer did."""
    return ProtocolError("the peer broke CoAP: " + what)


def encode_into(buffer, message):
    """Writes a Message into a buffer and returns its length in bytes.

    Allocates nothing: bytes are copied one by one, since a slice would be an object on the heap.

    Args:
        buffer: bytearray or memoryview; on an error its content is undefined.
    Raises:
        ValueError: the buffer is too small, or the message is not as `Message` says.
    """
    kind, code, message_id = message.type, message.code, message.message_id
    token, payload = message.token, message.payload
    size = len(token)
    wrong = kind | 3 != 3 or code | 255 != 255 or message_id | 65_535 != 65_535 or size > 8
    if wrong or _RESERVED_CLASSES >> (code >> 5) & 1:
        raise ValueError(_HEADER.format(kind, code, message_id, size))
    try:
        buffer[0] = 0x40 | kind << 4 | size
        buffer[1] = code
        buffer[2] = message_id >> 8
        buffer[3] = message_id & 255
        at = _write_options(buffer, _copy(buffer, 4, token), message.options)
        if payload:
            buffer[at] = _MARKER
            at = _copy(buffer, at + 1, payload)
    except IndexError:
        raise ValueError("buffer too small")
    if not code and at > 4:
        raise ValueError("Empty with more")
    return at


def _copy(buffer, at, data):
    for byte in data:
        buffer[at] = byte
        at += 1
    return at


def _write_options(buffer, at, options):
    """Writes options by number: in one pass if they come so, else in one pass for each number."""
    ordered = True
    previous = 0
    for number, _ in options:
        if not previous <= number < 65_536:
            ordered = False
        previous = number
    wanted = previous = 0
    while wanted < 65_536:
        following = 65_536
        for number, value in options:
            if ordered or number == wanted:
                delta = number - previous
                size = len(value)
                first = at
                at += 1
                if delta > 12:
                    at = _extend(buffer, at, delta)
                    delta = 13 if delta < 269 else 14
                if size > 12:
                    at = _extend(buffer, at, size)
                    size = 13 if size < 269 else 14
                buffer[first] = delta << 4 | size
                for byte in value:
                    buffer[at] = byte
                    at += 1
                previous = number
            elif wanted < number < following:
                following = number
            elif number | 65_535 != 65_535:
                raise ValueError("option number {}".format(number))
        wanted = following
    return at


def _extend(buffer, at, number):
    """Writes what of a delta or a length does not fit into 4 bits: 1 or 2 bytes (3.1)."""
    number -= 13
    if number > 255:
        number -= 256
        if number > 65_535:
            raise ValueError("option longer than 65804 bytes")
        buffer[at] = number >> 8
        at += 1
    buffer[at] = number & 255
    return at + 1


class _Options:
    """The options of a datagram, read from it each time that somebody goes through them."""

    def __init__(self, datagram, at):
        self._datagram, self._at = datagram, at

    def __iter__(self):
        found = []
        _walk(self._datagram, self._at, found)
        return iter(found)


def decode(datagram):
    """Returns the Message in a datagram, its options in the order of the wire.

    Codes of the reserved classes 1, 6 and 7 are refused here too: 4.2 and 4.3 ask to reject them
    just as a message format error. Class 3 is not reserved but unassigned (12.1), so it passes.

    Args:
        datagram: bytes or bytearray.
    Raises:
        ProtocolError: a message format error (3, 4.1), or an option number above 65535 (12.2).
    """
    datagram = bytes(datagram)
    try:
        first, code = datagram[0], datagram[1]
        at = 4 + (first & 15)
        if first >> 6 != 1 or at > 12 or _RESERVED_CLASSES >> (code >> 5) & 1:
            raise IndexError
        if not code and len(datagram) > 4:
            raise IndexError
        token, options = datagram[4:at], _Options(datagram, at)
        message_id = datagram[2] << 8 | datagram[3]
        at = _walk(datagram, at, None)
    except IndexError:
        raise malformed("message format error")
    return Message(first >> 4 & 3, code, message_id, token, options, datagram[at:])


def _walk(datagram, at, found):
    """Goes through the options; raises IndexError where they are no options.

    Args:
        at: int, where they begin.
        found: list that gets each (number, value), or None.
    Returns:
        int, where the payload begins.
    """
    size = len(datagram)
    number = 0
    while at < size:
        byte = datagram[at]
        at += 1
        if byte == _MARKER:
            datagram[at]  # there must be a payload
            return at
        delta = byte >> 4
        length = byte & 15
        if delta > 12:
            number += _extended(datagram, at, delta)
            at += delta - 12
        else:
            number += delta
        value = at
        if length > 12:
            value += length - 12
            length = _extended(datagram, at, length)
        at = value + length
        if number > 65_535:
            raise IndexError
        if found is not None:
            found.append((number, datagram[value:at]))
    if at > size:
        raise IndexError
    return at


def _extended(datagram, at, nibble):
    """The delta or length that a nibble above 12 and the bytes after it stand for (3.1)."""
    if nibble == 13:
        return 13 + datagram[at]
    if nibble == 15:
        raise IndexError
    return 269 + (datagram[at] << 8 | datagram[at + 1])
