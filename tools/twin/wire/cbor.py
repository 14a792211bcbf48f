"""What does CBOR from a device say, with no more work than its bytes are worth? RFC 8949.

A value to which others refer, to those others again, has more items than anybody has memory for:
tags 25 and 256 (stringref), 28 and 29 (value sharing) are refused. So are patterns and mails
(section 3.4.5.3), which would be compiled and parsed, and integers of more than 64 bytes.
"""

import io
from collections.abc import Callable
from typing import Any, NoReturn

import cbor2

_REFUSED = (25, 28, 29, 35, 36, 256)
_LONGEST = 64  # bytes of an integer


def loads(payload: bytes) -> Any:
    """The value that these bytes are. raises: ValueError for what is no CBOR, or is refused."""
    stream = io.BytesIO(payload)
    try:
        value = cbor2.CBORDecoder(stream, semantic_decoders=_DECODERS).decode()
    except Exception as error:  # which ones there are is its own affair
        raise ValueError(str(error)) from None
    if stream.read(1):
        raise ValueError("something follows its end")
    return value


def _refuse(_value: Any, _immutable: bool) -> NoReturn:
    raise ValueError


def _positive(data: bytes, _immutable: bool) -> int:
    """Tag 2; section 3.4.3."""
    if len(data) > _LONGEST:
        raise ValueError
    return int.from_bytes(data, "big")


_DECODERS: dict[int, Callable[[Any, bool], Any]] = {
    **dict.fromkeys(_REFUSED, _refuse),
    2: _positive,
    3: lambda data, immutable: -1 - _positive(data, immutable),
}
