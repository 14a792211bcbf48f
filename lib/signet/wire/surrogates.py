"""How do bytes become UTF-8 that were not?

JSON writes a character beyond U+FFFF as two escapes, a pair of surrogates (RFC 8259 section 7), of
which MicroPython makes two characters; UTF-8 has none (RFC 3629 section 3).  Loaded where there
are some, and forgotten: see modules.call.
"""

_UNKNOWN = b"\xef\xbf\xbd"  # U+FFFD
_LEAST = (0, 0, 0x80, 0x800, 0x10000)  # what takes so many bytes


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
    high = None  # the surrogate that was before, for which U+FFFD stands at the end of `out`
    at = 0
    while at < len(data):
        byte, size, code = data[at], 1, 0
        if byte == 92 and json:  # \
            size = 2
            if data[at + 1 : at + 2] == b"u":
                size = 6
                code = int(data[at + 2 : at + 6], 16)
        elif byte > 0xBF:
            size = 2 + (byte > 0xDF) + (byte > 0xEF)
            code = byte & (0x7F >> size)
            for follower in data[at + 1 : at + size]:
                code = code << 6 | follower & 63
            if not _LEAST[size] <= code < 0x110000:
                high, code = None, 0xDC00  # as bad as a lone one
        piece = data[at : at + size]
        at += size
        before, high = high, None
        if 0xD800 <= code < 0xDC00:
            piece, high = _UNKNOWN, code
        elif 0xDC00 <= code < 0xE000:
            piece = _UNKNOWN
            if before is not None:
                code += (before - 0xD800 << 10) + 0x2400
                out[-3:] = b""
                piece = bytearray((240 | code >> 18,))
                for shift in (12, 6, 0):
                    piece.append(128 | code >> shift & 63)
        out.extend(piece)
    return bytes(out)
