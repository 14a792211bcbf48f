"""How do the platforms write JSON and client ids?"""

import json
import math
from collections.abc import Mapping
from typing import Any, NoReturn


def _number(text: str) -> float:
    if math.isinf(value := float(text)):
        raise ValueError("a number beyond what a double holds")
    return value


def _constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


_JSON = json.JSONDecoder(parse_float=_number, parse_constant=_constant)
_ROOM = 100  # by so many levels may be deeper what is made of a value, and then be written


def encode(value: Mapping[str, Any]) -> bytes:
    """JSON as the platforms send it: no spaces, UTF-8."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def decode(payload: bytes) -> Any:
    """The JSON value of a payload, as RFC 8259 has it. raises: ValueError."""
    text = payload.decode()
    try:
        value = _JSON.decode(text)
        if payload.count(b"[") + payload.count(b"{") > _ROOM:
            json.loads("[" * _ROOM + text + "]" * _ROOM)
    except RecursionError:
        raise ValueError("nested too deep") from None
    if b"\\u" in payload:
        json.dumps(value, ensure_ascii=False).encode()  # half a surrogate pair is no text
    return value


def parameters(client_id: str) -> tuple[str, dict[str, str]]:
    """Split `id|name=value,...|` or `id||` (EnOS, Alibaba). raises: ValueError; it says why."""
    name, bar, rest = client_id.partition("|")
    if not bar or not rest.endswith("|"):
        raise ValueError("client id is not of the form `id|name=value,...|`")
    if not 1 <= len(name) <= 64:
        raise ValueError("client id has not 1 to 64 characters before the first `|`")
    options: dict[str, str] = {}
    for item in rest[:-1].split(",") if rest != "|" else ():
        key, equals, value = item.partition("=")
        if not equals or not key:
            raise ValueError(f"client id holds {item!r} where `name=value` belongs")
        options[key] = value
    return name, options
