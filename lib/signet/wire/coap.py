"""Which bytes make a CoAP message, and which bytes are none?

RFC 7252 section 3, whose words the names are; the numbers beside a rule are its sections.
Who may send what, and when, is exchange.py's business.
"""

from micropython import const

from signet.errors import ProtocolError

# Types (3)
CON = 0
NON = 1
ACK = 2
RST = 3

# Codes (12.1)
EMPTY = 0
GET = 1
POST = 2
PUT = 3

# Option numbers, for who asks through client/coap.py (12.2; RFC 7641; RFC 7959)
OBSERVE = 6
URI_PATH = 11
BLOCK2 = 23
BLOCK1 = 27

_MARKER = const(255)  # before the payload (3)
_MAX_LENGTH = const(65_804)  # of an option value: 269 + 65535 (3.1)
_RESERVED_CLASSES = const(0b1100_0010)  # 1, 6 and 7 (4.2, 12.1)


class Message:
    """One CoAP message (3).

    Args:
        type: int, CON, NON, ACK or RST.
        code: int, 0 to 255, but not of the reserved classes 1, 6 and 7.
        message_id: int, 0 to 65535.
        token: bytes, at most 8.
        options: sequence of (number int 0 to 65535, value bytes of at most 65804). They are sent
            by number; equal numbers stay in the order given.
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


def uint(number):
    """Returns an option value in the shortest form, so 0 is empty (3.2).

    Raises:
        ValueError: not 0 to 2^32-1.
    """
    _check("uint", number, 0xFFFFFFFF)
    return number.to_bytes(4, "big").lstrip(b"\0")


def malformed(what):
    """Returns the ProtocolError that says what a peer did."""
    return ProtocolError("the peer broke CoAP: " + what)


def encode(message):
    """Returns a Message as bytes; raises ValueError as encode_into does."""
    size = 13 + len(message.payload)
    for option in message.options:
        size += 5 + len(option[1])
    buffer = bytearray(size)
    return bytes(memoryview(buffer)[: encode_into(buffer, message)])


def encode_into(buffer, message):
    """Writes a Message into a buffer and returns its length in bytes.

    Allocates nothing: bytes are copied one by one, since a slice would be an object on the heap.

    Args:
        buffer: bytearray or memoryview; on an error its content is undefined.
    Raises:
        ValueError: the buffer is too small, or the message is not as `Message` says.
    """
    code, token = message.code, message.token
    options, payload = message.options, message.payload
    _check("type", message.type, 3)
    _check("code", code, 255)
    _check("message id", message.message_id, 65_535)
    _check("token length", len(token), 8)
    if _RESERVED_CLASSES >> (code >> 5) & 1:
        raise ValueError("reserved class")
    if not code and (token or options or payload):
        raise ValueError("Empty with more")
    try:
        buffer[0] = 0x40 | message.type << 4 | len(token)
        buffer[1] = code
        buffer[2] = message.message_id >> 8
        buffer[3] = message.message_id & 255
        at = _write_options(buffer, _copy(buffer, 4, token), options)
        if payload:
            buffer[at] = _MARKER
            at = _copy(buffer, at + 1, payload)
    except IndexError:
        raise ValueError("buffer too small")
    return at


def _check(name, number, most):
    if not 0 <= number <= most:
        raise ValueError("{} {} is not 0 to {}".format(name, number, most))


def _copy(buffer, at, data):
    for byte in data:
        buffer[at] = byte
        at += 1
    return at


def _write_options(buffer, at, options):
    """Writes options by number: in one pass if they come so, else in one pass for each number."""
    ordered = True
    previous = 0
    for number, value in options:
        _check("option number", number, 65_535)
        _check("option length", len(value), _MAX_LENGTH)
        if number < previous:
            ordered = False
        previous = number
    wanted = previous = 0
    while wanted < 65_536:
        following = 65_536
        for number, value in options:
            if ordered or number == wanted:
                delta = number - previous
                size = len(value)
                buffer[at] = _nibble(delta) << 4 | _nibble(size)
                at = _extend(buffer, at + 1, delta)
                at = _copy(buffer, _extend(buffer, at, size), value)
                previous = number
            elif wanted < number < following:
                following = number
        wanted = following
    return at


def _nibble(number):
    """What stands in the first byte of an option for a delta or a length (3.1)."""
    return number if number < 13 else 13 if number < 269 else 14


def _extend(buffer, at, number):
    """Writes what of a delta or a length does not fit there: 0, 1 or 2 bytes (3.1)."""
    if number < 13:
        return at
    number -= 13
    if number > 255:
        number -= 256
        buffer[at] = number >> 8
        at += 1
    buffer[at] = number & 255
    return at + 1


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
    size = len(datagram)
    options = []
    number = 0
    try:
        first, code, message_id = datagram[0], datagram[1], datagram[2] << 8 | datagram[3]
        at = 4 + (first & 15)
        if first >> 6 != 1:
            raise malformed("version")
        if at > 12:
            raise malformed("token length")
        if _RESERVED_CLASSES >> (code >> 5) & 1:
            raise malformed("reserved class")
        if not code and (at > 4 or size > 4):
            raise malformed("Empty with more")
        if at > size:
            raise IndexError
        token = datagram[4:at]
        while at < size:
            byte = datagram[at]
            at += 1
            if byte == _MARKER:
                if at == size:
                    raise malformed("no payload")
                break
            delta, length = byte >> 4, byte & 15
            number += _number(datagram, at, delta)
            if delta > 12:
                at += delta - 12
            value = at + max(length - 12, 0)
            at = value + _number(datagram, at, length)
            if number > 65_535:
                raise malformed("option number {}".format(number))
            if at > size:
                raise IndexError
            options.append((number, datagram[value:at]))
    except IndexError:
        raise malformed("cut off")
    return Message(first >> 4 & 3, code, message_id, token, options, datagram[at:])


def _number(datagram, at, nibble):
    """The delta or length that a nibble and the bytes after it stand for (3.1)."""
    if nibble < 13:
        return nibble
    if nibble == 13:
        return 13 + datagram[at]
    if nibble == 15:
        raise malformed("15 in an option")
    return 269 + (datagram[at] << 8 | datagram[at + 1])
