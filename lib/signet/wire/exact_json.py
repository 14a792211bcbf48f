"""Which values have a form in JSON, which JSON and which text of a peer does a board take?

Exactly or not at all (RFC 8259): MicroPython would write nan, bytes and surrogates, and take
`{"a":1` for whole.  What is too large, or nested too deep, is refused before it is read.
"""

import json
import re

from micropython import const

from signet.errors import ProtocolError, Rejected
from signet.modules import call

_PLAIN = (int, str, bool, type(None))  # a bool of MicroPython is no int
_PAIRS = const('{}[]""')
_DEEPEST = const(8)  # the stack of a board is small
_LARGEST = const(4096)  # bytes
_LONGEST = const(256)  # characters of a member that is kept or printed
_EXACT_BITS = const(53)  # of an int that every reader of JSON keeps (RFC 7493 section 2.2)
# Control characters, line separators, what turns the direction of text, U+FFFE and U+FFFF; and
# what MicroPython decodes though it is no UTF-8: surrogates, what is longer than it must be, or
# beyond U+10FFFF.  It is compiled first: `re.sub` and `re.search` of MicroPython 1.25 do not hold
# what they compile themselves, and garbage collection takes it while they run.
_ODD = const(
    b"[^ -~\x80-\xff]|[\xc0\xc1].|\xc2[\x80-\x9f]|\xe0[\x80-\x9f].|\xe2\x80[\xa8-\xae]"
    b"|\xe2\x81[\xa6-\xa9]|\xed[\xa0-\xbf].|\xef\xbf[\xbe\xbf]|\xf0[\x80-\x8f].."
    b"|\xf4[\x90-\xbf]..|[\xf5-\xff]..."
)


def printable(text, limit=None):
    """Makes words fit for an error, a topic or a line of the log, where they forge no other.

    Args:
        text: str; anything else becomes "?", for a long number takes long to print.
        limit: int, characters.
    Returns:
        str, with "?" in place of what might command a terminal, or is no UTF-8.
    """
    if not isinstance(text, str):
        return "?"
    if limit is not None:
        text = text[:limit]
    data = text.encode("utf-8", "surrogatepass")
    if len(data) == len(text) and b"\x7f" not in data and min(data or b" ") > 31:
        return text  # quick, and mostly so
    return re.compile(_ODD).sub(b"?", data).decode()


def encode(data, json=True):
    """Makes UTF-8 (bytes) of what MicroPython takes for that, bytes: see surrogates.join."""
    escaped = json and data.find(b"\\u") >= 0
    if escaped or (data and max(data) > 127 and re.compile(_ODD).search(bytes(data))):
        return call("signet.wire.surrogates", "join", data, json)
    return data


def dumps(values):
    """Writes values as JSON (bytes), exactly or not at all.

    Raises:
        Rejected: a value has no form in JSON; names the key.
    """
    check(values if isinstance(values, dict) else (values,))
    text = json.dumps(values)
    data = text.encode()
    if len(data) == len(text) and b"\\u" not in data:  # quick, and mostly so
        return data
    return encode(data)


def check(value, source="report", limit=_DEEPEST):
    """Raises Rejected unless it is a dict or list that has a form in JSON; see `dumps`."""
    is_dict = isinstance(value, dict)
    if not is_dict and not isinstance(value, (list, tuple)):
        raise Rejected("{}: {!r} has no form in JSON".format(source, value))
    if not limit:
        raise Rejected("{}: nested deeper than {} levels".format(source, _DEEPEST))
    for item in value:
        name = source
        if is_dict:
            if not isinstance(item, str) or not item:
                raise Rejected("{}: key {!r} is not text".format(source, item))
            name = item
            item = value[name]
        # Nan and infinities have no difference.  What needs no call gets none.
        if not isinstance(item, _PLAIN) and not (isinstance(item, float) and item - item == 0):
            check(item, name, limit - 1)


def loads(payload, source):
    """Reads JSON from a peer.

    Args:
        payload: bytes.
        source: str, where it came from, for the error.
    Raises:
        ProtocolError: it is no JSON, cut off, of more than 4096 bytes, or nested deeper than 8.
    """
    if len(payload) > _LARGEST or is_deep(payload):
        raise ProtocolError("JSON too large, or nested too deep, on " + source)
    try:
        text = encode(payload).decode().strip()
        at = _PAIRS.find(text[:1])
        if at < 0 or text.endswith(_PAIRS[at + 1 : at + 2]):
            return json.loads(text)
    except (ValueError, UnicodeError, MemoryError):
        pass
    raise ProtocolError("no JSON on " + source)


def is_deep(payload):
    """bool, is JSON (bytes) nested deeper than 8 levels?"""
    if payload.count(b"[") + payload.count(b"{") <= _DEEPEST:  # quick, and mostly so
        return False
    limit = 0
    quoted = escaped = False
    for byte in payload:
        if quoted:
            quoted = escaped or byte != 34  # "
            escaped = byte == 92 and not escaped  # \
        elif byte == 34:
            quoted = True
        elif byte | 32 == 123:  # [ {
            limit += 1
            if limit > _DEEPEST:
                return True
        elif byte | 32 == 125:  # ] }
            limit -= 1
    return False


def parse(source, payload):
    """Reads a JSON object from a peer; arguments and errors as in `loads`; returns the dict."""
    body = loads(payload, source)
    if not isinstance(body, dict):
        raise ProtocolError("no JSON object on " + source)
    return body


def member(body, name, source, *kinds):
    """Returns a member of a peer's object that may be kept, counted with and printed.

    Args:
        body: dict from `parse`.
        name: str. source: str, for the error.
        kinds: int, for 0 to 2**53 - 1; str, for 256 characters at most, all of them printable.
    Raises:
        ProtocolError: it is missing, or another value.
    """
    value = body.get(name)
    good = type(value) in kinds
    if good and isinstance(value, str):
        good = len(value) <= _LONGEST and printable(value) == value
    elif good:
        good = not value >> _EXACT_BITS
    if not good:
        raise ProtocolError("{} on {} is missing or bad".format(name, source))
    return value
