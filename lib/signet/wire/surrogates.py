"""How do bytes become UTF-8 that were not?

JSON writes a character beyond U+FFFF as two escapes, a pair of surrogates (RFC 8259 section 7), of
which MicroPython makes two characters; UTF-8 has none (RFC 3629 section 3).  Loaded where there
are some, and forgotten: see modules.call.  A step for each of them, not for each byte: that would
be half a second for the 4 KB of a command on an ESP32.
"""

import re
from binascii import unhexlify

from micropython import const

_UNKNOWN = const(b"\xef\xbf\xbd")  # U+FFFD
# A pair; what is longer than it must be; a lone one; and what is beyond U+10FFFF.
_ODD = const(
    b"\xed[\xa0-\xaf].\xed[\xb0-\xbf].|[\xc0\xc1].|\xe0[\x80-\x9f].|\xed[\xa0-\xbf]."
    b"|\xf0[\x80-\x8f]..|\xf4[\x90-\xbf]..|[\xf5-\xff]..."
)


def join(data, json):
    """Joins pairs of surrogates; U+FFFD comes in place of a lone one, and of what is no UTF-8.

    Args:
        data: bytes or bytearray. json: bool, they may be escapes, too.
    Returns:
        bytes
    Raises:
        ValueError: an escape of JSON is none.
    """
    data, out = bytes(data), bytearray()
    start = at = 0
    while json:
        at = data.find(b"\\", at) + 2
        if at < 2:
            break
        if data[at - 1 : at] == b"u":
            high, low = unhexlify(data[at : at + 4])
            if high & 0xF8 == 0xD8:
                out.extend(data[start : at - 2])
                out.extend(bytes((0xED, 0x80 | (high & 15) << 2 | low >> 6, 0x80 | low & 63)))
                start = at + 4
            at += 4
    out.extend(data[start:])
    held = [None]

    def mended(match):
        pair = match.group(0)
        if len(pair) < 6:
            return _UNKNOWN
        code = ((pair[1] & 15) << 6 | pair[2] & 63) + 64  # without the 10 bits of the second
        low = (code & 3) << 4 | pair[4] & 15
        # `sub` of 1.25 reads it while garbage is collected, and does not hold it.
        held[0] = bytes((0xF0 | code >> 8, 0x80 | code >> 2 & 63, 0x80 | low, pair[5]))
        return held[0]

    return re.compile(_ODD).sub(mended, bytes(out))  # compiled first: see exact_json.py
