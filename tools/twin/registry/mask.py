"""What of what goes over the wire may not stand in a record: passwords, tokens, signatures?

Each is covered in place by `*7*****`: as many bytes as it had, and a number that is the same for
the same value in one run of a twin, so that one sees which token a request came with.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator, Mapping

COVERED = re.compile(r"\*(\d+)\*+")
"""What stands in place of a value: its number."""

_WORD = (
    rb"(?:secret|password|passwd|token|signature|sign"
    rb"|(?:secret|access|private|symmetric|primary|secondary|api)[_-]?key)"
)
_NAME = rb"[\w-]*" + _WORD
_TEXT = re.compile(rb'("' + _NAME + rb'"\s*:\s*")((?:[^"\\]|\\.)+)', re.IGNORECASE)
_QUOTED = re.compile(rb'(\\"' + _NAME + rb'\\"\s*:\s*\\")([^"\\]+)', re.IGNORECASE)  # JSON in JSON
_REPR = re.compile(rb"('" + _NAME + rb"'\s*:\s*b?')((?:[^'\\]|\\.)+)", re.IGNORECASE)  # of Python
# also a form, one Uri-Query of CoAP, a connection string of Azure
_QUERY = re.compile(rb"((?:^|[?&;\s])(?:" + _NAME + rb"|sig)=)([^&;\s]+)", re.IGNORECASE)
# What a person prints: name: value, name = 'value'; not what is covered already, nor nothing.
_PRINTED = re.compile(
    rb"((?<![\w-])" + _NAME + rb"""['"]?\s*[:=]\s*(?:b(?=['"]))?+['"]?+)(?!\*|None\b|null\b)"""
    rb"""((?<=['"])[^'"]+|[^\s'",;&)}\]]+)""",
    re.IGNORECASE,
)
_SAS = re.compile(rb"([ &]sig=)([^&\s]+)")  # of a "SharedAccessSignature ...": its secret part
# RFC 8949, section 3: a text or bytes are their length and they; the end of a name, then a value.
_CBOR = re.compile(
    _WORD + rb"(?=([\x41-\x57\x61-\x77]|[\x58\x78].|[\x59\x79]..))", re.IGNORECASE | re.DOTALL
)
_PIECES = (b"secret", b"passw", b"token", b"sig", b"key")
"""One of them is in each name above."""
_SECRET_NAME = re.compile(rb".*" + _WORD, re.IGNORECASE | re.DOTALL)
_STRINGS, _ARRAY, _MAP, _TAG = (2, 3), 4, 5, 6  # section 3.1
_HOLDERS = [bytes((first,)) for first in range(0x80, 0xE0)]  # arrays, maps, tags
_LONGEST_WORD = len(b"secondary_key")
_LONGEST_NAME = 23  # in CBOR's one byte of length
_HEADER = re.compile(rb".*(?:authorization|cookie|" + _WORD + rb")", re.IGNORECASE)

_numbers: dict[bytes, int] = {}


def body(payload: bytes) -> bytes:
    """A payload: what JSON, a query or CBOR calls a secret, token, password or signature."""
    if _may_name(payload):
        for each in (_TEXT, _QUOTED, _REPR, _QUERY):
            payload = each.sub(_covered, payload)
    return _cbor(payload)


def printed(line: str, secret: str) -> str:
    """What a board has printed, as `body`, and as a person writes names and values; its own
    secret is covered wherever it stands.
    """
    data = _PRINTED.sub(_covered, body(line.encode("utf-8", "surrogatepass")))
    if secret:
        data = data.replace(secret.encode(), cover(secret.encode()))
    return data.decode("utf-8", "replace")


def _may_name(payload: bytes) -> bool:
    """Whether looking for names is worth while: it costs ten times as much."""
    if not any(mark in payload for mark in (b'"', b"=", b"'")):
        return False
    lower = payload.lower()
    return any(piece in lower for piece in _PIECES)


def cover(value: bytes) -> bytes:
    """What stands in a record instead of a value."""
    digest = hashlib.blake2b(value, digest_size=16).digest()
    number = b"*%d*" % _numbers.setdefault(digest, len(_numbers) + 1)
    return (number if len(number) < len(value) else b"").ljust(len(value), b"*")


def password(value: bytes) -> bytes:
    """A password; of a shared access signature what is signed is shown."""
    if value.startswith(b"SharedAccessSignature "):
        shown, found = _SAS.subn(_covered, value)
        if found:
            return shown
    return cover(value)


def headers(given: Mapping[str, str]) -> dict[str, str]:
    """The headers of an HTTP message; Basic (RFC 7617) with its user: `Basic USER:*7***`."""
    return {
        name: _header(name.lower(), value) if _HEADER.fullmatch(name.encode()) else value
        for name, value in given.items()
    }


def _header(name: str, value: str) -> str:
    scheme, blank, rest = value.partition(" ")
    if name != "authorization" or not blank:
        return _text(value)
    if scheme.lower() == "basic":
        try:
            user, colon, token = base64.b64decode(rest, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return f"{scheme} {_text(rest)}"
        return f"{scheme} {user}:{_text(token)}" if colon else f"{scheme} {_text(rest)}"
    return f"{scheme} {password(rest.encode()).decode()}"


def _text(value: str) -> str:
    return cover(value.encode("utf-8", "surrogateescape")).decode()


def _covered(found: re.Match[bytes]) -> bytes:
    return found[1] + cover(found[2])


def _cbor(payload: bytes) -> bytes:
    if payload[:1] not in _HOLDERS:
        return payload
    spans: list[tuple[int, int]] = []
    try:
        whole = _item(payload, 0, spans) == len(payload)
    except (IndexError, ValueError, RecursionError):
        whole = False
    shown = bytearray(payload)
    covered = 0
    for begin, end in spans if whole else _likely(payload):
        if (start := max(begin, covered)) < end:  # what is malformed may have one in another
            covered = min(end, len(payload))
            shown[start:end] = cover(payload[start:end])
    return bytes(shown)


def _item(data: bytes, at: int, spans: list[tuple[int, int]]) -> int:
    """Where the item ends that begins there; the secrets in it are added to `spans`.

    raises: IndexError, ValueError where there is none, or none of known length.
    """
    kind, size, at = data[at] >> 5, data[at] & 0x1F, at + 1
    if size > 27:
        raise ValueError
    if size >= 24:
        width = 1 << (size - 24)
        size, at = int.from_bytes(data[at : at + width], "big"), at + width
    if kind in _STRINGS:
        return at + size
    if kind == _TAG:
        return _item(data, at, spans)
    for _ in range(size if kind in (_ARRAY, _MAP) else 0):
        start = at
        at = _item(data, at, spans)
        if kind == _MAP:
            value, at = at, _item(data, at, spans)
            name = data[max(start, value - _LONGEST_WORD) : value]
            if data[value] >> 5 in _STRINGS and _SECRET_NAME.fullmatch(name):
                spans.append((value + _head(data[value]), at))
    return at


def _head(first: int) -> int:
    """How many bytes come before a string."""
    size = first & 0x1F
    return 1 if size < 24 else 1 + (1 << (size - 24))


def _likely(payload: bytes) -> Iterator[tuple[int, int]]:
    """Where secrets may be in what is cut off, or malformed."""
    for found in _CBOR.finditer(payload):
        if not _is_name(payload, *found.span()):
            continue
        head = found[1]
        length = head[0] & 0x1F if len(head) == 1 else int.from_bytes(head[1:], "big")
        start = found.end() + len(head)
        yield start, start + length


def _is_name(payload: bytes, start: int, end: int) -> bool:
    """Whether a text of CBOR ends there, that begins with or before `start`."""
    first = max(0, end - _LONGEST_NAME - 1)
    return any(payload[at] == 0x60 + end - at - 1 for at in range(first, start))
