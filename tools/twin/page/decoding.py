"""What does a payload say: in which format is it, and which numbers are in it?

By its bytes and its topic alone, whichever cloud it is of. Alink JSON: help.aliyun.com document
89301. Measurepoints: EnOS, "Upstream messages". {"d": values, "ts": time}: Watson's events.
"""

import contextlib
import datetime
import json
import math
import re
from dataclasses import dataclass, field
from typing import Any

from tools.twin.wire import cbor
from tools.ui import visible

SUMMARY = 120
"""Characters that a summary has at most."""

_MOST_VALUES = 64
_DEEPEST = 8  # level at which numbers are found
_NESTED = 100
_NAME = 100  # characters
_LARGEST = 10**18
_LATEST_MS = 1 << 53  # more is no time, and JavaScript would not know it

_EVENT = re.compile(r"/(?:thing/event|evt)/([^/]+)/")
_REPORTS = ("property", "status", "report")  # events that are a board's usual reports


@dataclass(slots=True)
class Decoded:
    """A payload, taken apart.

    format: "measurepoints", "Alink JSON", "CBOR", "JSON", "text" or "bytes". value: see `plain`;
    None of text and bytes. values: numbers by name, nested ones with dots.
    times: milliseconds since 1970 of those that say when they were taken.
    """

    format: str
    value: Any = None
    values: dict[str, float] = field(default_factory=dict)
    times: dict[str, int] = field(default_factory=dict)
    summary: str = ""


def content(payload: str | dict[str, str]) -> bytes:
    """The bytes of a payload as `Store.messages` has it."""
    return payload.encode() if isinstance(payload, str) else bytes.fromhex(payload["hex"])


def parse(payload: bytes) -> tuple[str, Any]:
    """Its format, "JSON", "CBOR", "text" or "bytes", and its value; of text and bytes None."""
    try:
        text = payload.decode()
    except UnicodeDecodeError:
        with contextlib.suppress(ValueError, RecursionError):
            value = plain(cbor.loads(payload))
            if isinstance(value, dict | list):  # a single byte is nearly always some value
                return "CBOR", value
        return "bytes", None
    try:
        return "JSON", json.loads(text)
    except (ValueError, RecursionError):
        return "text", None


def decode(topic: str, payload: bytes) -> Decoded:
    """What a payload on that topic says; anything can be decoded, if only as bytes."""
    form, value = parse(payload)
    if form == "text":
        return Decoded(form, summary=_cut(payload.decode()))
    if form == "bytes":
        return Decoded(form, summary=_cut(payload[:SUMMARY].hex()))
    return _structured(topic, form, value)


def _structured(topic: str, form: str, value: Any) -> Decoded:
    decoded = Decoded(form, value)
    if not isinstance(value, dict):
        decoded.summary = _cut(_text(value))
        return decoded
    params = value.get("params")
    alink = "params" in value and ("method" in value or "version" in value)
    answer = "code" in value and not alink
    time_ms = None
    root: Any = value
    if alink:
        root = params
        if isinstance(params, dict):
            time_ms = _milliseconds(params.get("time"))
            for name in ("measurepoints", "events"):
                if isinstance(params.get(name), dict):
                    root = params[name]
        if form == "JSON":
            is_enos = isinstance(params, dict) and "measurepoints" in params
            decoded.format = "measurepoints" if is_enos else "Alink JSON"
    elif "d" in value and value.keys() <= {"d", "ts"}:
        root, time_ms = value["d"], _milliseconds(value.get("ts"))
    if not answer:
        event = _EVENT.search(topic)
        name = event[1] if event and event[1] not in _REPORTS else ""
        _collect(decoded, name, root, time_ms, 0)
    pairs = " ".join(f"{name}={_number(number)}" for name, number in decoded.values.items())
    if answer:
        said = value.get("message")
        pairs = f"{value['code']} {said if isinstance(said, str) else ''}".strip()
    decoded.summary = _cut(pairs or _text(root))
    return decoded


def _collect(decoded: Decoded, name: str, value: Any, time_ms: int | None, depth: int) -> None:
    """Note the numbers in a value, by name."""
    if len(decoded.values) >= _MOST_VALUES or depth > _DEEPEST or len(name) > _NAME:
        return
    if isinstance(value, int | float) and not isinstance(value, bool):
        if not -_LARGEST < value < _LARGEST:  # a float may be no number, too
            return
        decoded.values[name or "value"] = value
        if time_ms is not None:
            decoded.times[name or "value"] = time_ms
    elif isinstance(value, dict):
        if "value" in value and value.keys() <= {"value", "time", "quality"}:
            own_ms = _milliseconds(value.get("time"))
            _collect(decoded, name, value["value"], own_ms or time_ms, depth + 1)
            return
        for key, item in value.items():
            _collect(decoded, f"{name}.{key}" if name else key, item, time_ms, depth + 1)


def _milliseconds(value: Any) -> int | None:
    """The time that a payload says, as a number of milliseconds or as ISO 8601."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value < _LATEST_MS:
        return value
    if isinstance(value, str):
        with contextlib.suppress(ValueError, OverflowError):
            moment = datetime.datetime.fromisoformat(value)
            return int(moment.replace(tzinfo=moment.tzinfo or datetime.UTC).timestamp() * 1000)
    return None


def plain(value: Any, depth: int = 0) -> Any:
    """A value as JSON has it, for any reader of JSON. raises: RecursionError: nested too deep."""
    if depth > _NESTED:
        raise RecursionError
    match value:
        case dict():
            return {_key(name): plain(item, depth + 1) for name, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [plain(item, depth + 1) for item in value]
        case bool() | None | str():
            return value
        case int():
            return value if abs(value) < 1 << 64 else str(value)
        case float():
            return value if math.isfinite(value) else str(value)
        case bytes():
            return {"hex": value.hex()}
        case _:
            return str(value)


def _key(name: Any) -> str:
    return name if isinstance(name, str) else str(name)


def _number(number: float) -> str:
    return f"{number:.6g}" if isinstance(number, float) else str(number)


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _cut(text: str) -> str:
    """The beginning of a text, without what would command a terminal."""
    shown = text[: SUMMARY + 1]
    shown = shown if shown.isprintable() else visible(shown)
    return shown if len(shown) <= SUMMARY else shown[: SUMMARY - 1] + "…"
