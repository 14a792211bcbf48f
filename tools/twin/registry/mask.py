"""What of what goes over the wire may not stand in a record: passwords, tokens, signatures?

Each is covered in place by as many asterisks as it has bytes, so that lengths stay as they were.
"""

import re
from collections.abc import Mapping

_NAME = rb"[\w-]*(?:secret|password|token|signature|sign)"
_TEXT = re.compile(rb'("' + _NAME + rb'"\s*:\s*")((?:[^"\\]|\\.)+)', re.IGNORECASE)
_QUERY = re.compile(rb"([?&]" + _NAME + rb"=)([^&\s]+)", re.IGNORECASE)
# RFC 8949, section 3: a text is its length and its bytes; a name of at most 23, then a value.
_CBOR = re.compile(
    rb"[\x60-\x77](" + _NAME + rb")(?=([\x61-\x77]|\x78.|\x79..))", re.IGNORECASE | re.DOTALL
)
_HEADERS = ("authorization", "cookie", "password", "set-cookie")
"""Of HTTP: those whose value is or holds what proves who somebody is."""


def body(payload: bytes) -> bytes:
    """A payload: what JSON, a query or CBOR calls a secret, token, password or signature."""
    return _cbor(_QUERY.sub(_covered, _TEXT.sub(_covered, payload)))


def stars(value: bytes) -> bytes:
    """As many asterisks."""
    return b"*" * len(value)


def headers(given: Mapping[str, str]) -> dict[str, str]:
    """The headers of an HTTP message; names are kept, and of `Authorization` its scheme."""
    shown = {}
    for name, value in given.items():
        scheme, blank, rest = value.partition(" ")
        if name.lower() == "authorization" and blank:
            shown[name] = f"{scheme} {'*' * len(rest)}"
        else:
            shown[name] = "*" * len(value) if name.lower() in _HEADERS else value
    return shown


def _covered(found: re.Match[bytes]) -> bytes:
    return found[1] + stars(found[2])


def _cbor(payload: bytes) -> bytes:
    shown = bytearray(payload)
    for found in _CBOR.finditer(payload):
        head = found[2]
        if found.string[found.start()] - 0x60 != len(found[1]):
            continue
        length = head[0] - 0x60 if len(head) == 1 else int.from_bytes(head[1:], "big")
        start = found.end() + len(head)
        shown[start : start + length] = stars(payload[start : start + length])
    return bytes(shown)
