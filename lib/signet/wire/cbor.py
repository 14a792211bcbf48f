"""Which bytes are a value in CBOR, and which value are these bytes?

RFC 8949; the numbers beside a rule are its sections. Values are what JSON has, and bytes: None,
bool, int of 64 bits and its sign, float, str, bytes, list, dict. Not here: tags, undefined,
other simple values, indefinite lengths.
"""

from struct import pack, unpack

from micropython import const

from signet.errors import ProtocolError
from signet.wire.exact_json import encode

_FORMS = const((">e", ">f", ">d"))  # after 249, 250 and 251
_TO_SMALLEST = const(1 << 24)  # the smallest half float is 2^-24


def dumps(value):
    """Returns bytes, always the same for the same value (4.2.1).

    Integers and floats are as short as keeps the value, map keys are sorted by their bytes.

    Raises:
        ValueError: a part has no form: another type, or an int beyond 64 bits.
        RuntimeError: a list or dict that holds itself.
    """
    if value is None:
        return b"\xf6"
    if value is True:
        return b"\xf5"
    if value is False:
        return b"\xf4"
    if isinstance(value, int):
        return head(0, value) if value >= 0 else head(1, -1 - value)
    if isinstance(value, float):
        return _float(value)
    if isinstance(value, str):
        value = encode(value.encode("utf-8", "surrogatepass"), False)
        return head(3, len(value)) + value
    if isinstance(value, (bytes, bytearray)):
        return head(2, len(value)) + value
    if isinstance(value, (list, tuple)):
        return head(4, len(value)) + b"".join([dumps(item) for item in value])
    if isinstance(value, dict):
        # No key's bytes begin another key's, so pairs come in the order of their keys.
        pairs = sorted([dumps(key) + dumps(item) for key, item in value.items()])
        return head(5, len(pairs)) + b"".join(pairs)
    raise ValueError("CBOR has no form for a value of {}".format(type(value)))


def head(major, number):
    """Returns a major type (int) and its argument (int) in the fewest bytes (3)."""
    major <<= 5
    if number < 24:
        return bytes((major | number,))
    size = 1
    while number >> 8 * size:
        size *= 2
        major += 1
    if size > 8:
        raise ValueError("CBOR has no form for an int beyond 64 bits")
    return bytes((major | 24,)) + number.to_bytes(size, "big")


def _float(value):
    if value != value:
        return b"\xf9\x7e\0"
    small = value * _TO_SMALLEST
    if small and -1024 < small < 1024 and small == int(small):
        # A subnormal half: MicroPython 1.25 packs half of these wrong (0x0200 to 0x03ff).
        small = int(small)
        return b"\xf9" + (small if small > 0 else 0x8000 - small).to_bytes(2, "big")
    head = 249
    for form in _FORMS:
        try:
            body = pack(form, value)
            if unpack(form, body)[0] == value:
                break
        except OverflowError:  # MicroPython packs infinity or nonsense instead
            pass
        head += 1
    return bytes((head,)) + body


def loads(data, depth=8):
    """Returns the value in `data`.

    A port with single floats rounds a double.

    Args:
        data: bytes or bytearray, one data item.
        depth: int, how many arrays and maps may be inside each other.
    Raises:
        ProtocolError: not well-formed (5.3.1), bytes behind the item, a key twice or one that
            Python cannot have, nested deeper, or what this module does not know. A length is
            compared with the bytes that are left before anything is allocated for it.
    """
    data = bytes(data)
    value, end = _read(data, 0, depth)
    if end < len(data):
        raise _malformed("bytes behind the value")
    return value


def _malformed(what):
    return ProtocolError("the peer broke CBOR: " + what)


def _read(data, at, depth):
    """Returns the value that begins at `at`, and where the next begins."""
    if at >= len(data):
        raise _malformed("cut off")
    major, number = data[at] >> 5, data[at] & 31
    at += 1
    end = at
    if number > 23:
        if number > 27:
            raise _malformed("indefinite or reserved length")
        end += 1 << number - 24
        if end > len(data):
            raise _malformed("cut off")
        if major == 7 and number > 24:
            return unpack(_FORMS[number - 25], data[at:end])[0], end
        number = int.from_bytes(data[at:end], "big")
    if major < 2:
        return (-1 - number if major else number), end
    if major > 5:
        if major == 6 or not 20 <= number <= 22 or end > at:
            raise _malformed("tag or unknown simple value")
        return (False, True, None)[number - 20], end
    # A string has at least this many bytes left, an array as many, a map twice as many.
    if number > (len(data) - end) >> (major == 5):
        raise _malformed("cut off")
    if major < 4:
        at, end = end, end + number
        text = data[at:end]
        if major == 2:
            return text, end
        try:
            if encode(text, False) == text:
                return text.decode(), end
        except UnicodeError:
            pass
        raise _malformed("text that is not UTF-8")
    if not depth:
        raise _malformed("nested too deep")
    if major == 4:
        value = []
        for _ in range(number):
            item, end = _read(data, end, depth - 1)
            value.append(item)
        return value, end
    value = {}
    for _ in range(number):
        key, end = _read(data, end, depth - 1)
        if isinstance(key, (list, dict)) or key in value:
            raise _malformed("key twice, or list or map as key")
        value[key], end = _read(data, end, depth - 1)
    return value, end
