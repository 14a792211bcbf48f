"""What in a record is a decision of the twin, and how is it told?"""

import json
import re
from collections.abc import Callable
from typing import Any

from tools.twin.trace.file import Record
from tools.twin.trace.stable import stable, text_of
from tools.twin.wire import cbor, packets
from tools.twin.wire.packets import Packet, Publish

_LONGEST, _BEFORE = 160, 40
_CBOR_FORMAT = 60
_TOLD_EVENTS = ("refused", "rejected")
_NOT_PLAYED = re.compile(
    r"DTLS: |HTTP 400: |HTTP 408: |HTTP 404: no subprotocol|.* \(close \d+\)$"  # of WebSocket
)


def is_decision(record: Record) -> bool:
    """Whether the twin decided it, and a replay can bring it about again."""
    what = record["what"]
    if what == "event":
        text = record["text"]
        return record["kind"] in _TOLD_EVENTS and _NOT_PLAYED.match(text) is None
    if what in ("packet", "http"):
        return bool(record["direction"] == "down")
    if what == "coap":
        empty = record["code"] == "0.00" and record["type"] == "ACK"
        return record["direction"] == "down" and not record["again"] and not empty
    return what in ("login", "refused", "closed", "message", "marked", "command")


def kind(record: Record) -> tuple[Any, ...]:
    """What would be in its place if the twin decided otherwise."""
    what = record["what"]
    if what in ("message", "event", "command"):
        device = stable(record["device"])
        return what, record["cloud"], device, record.get("direction"), record.get("kind")
    if what == "packet":
        return what, record["name"]
    return (what,)


def normal(record: Record) -> tuple[Any, ...]:
    """What has to be the same in two runs."""
    what = record["what"]
    rest: tuple[Any, ...]
    if what == "packet":
        rest = _packet(record)
    elif what == "message":
        payload = record["payload"]
        text = text_of(bytes.fromhex(payload["hex"])) if isinstance(payload, dict) else payload
        flags = ("qos", "retain", "dup", "status")
        texts = [stable(each) for each in (record["topic"], text, record["reason"])]
        rest = (*texts, *(record[name] for name in flags))
    elif what == "http":
        body = stable(text_of(bytes.fromhex(record["body_hex"])))
        rest = (record["status"], body, *_headers(record))
    elif what == "coap":
        rest = record["type"], record["code"], _coap_payload(record)
        rest += tuple((number, stable(str(value))) for number, value in record["options"])
    else:
        names = {
            "login": ("device", "kind", "client_id", "keepalive_s", "clean", "policy"),
            "refused": ("device", "code", "mistake", "reason"),
            "closed": ("reason",),
            "event": ("text",),
            "command": ("name",),
            "marked": ("id", "status"),
        }[what]
        rest = tuple(
            stable(record[name]) if isinstance(record[name], str) else record[name]
            for name in names
        )
    return (*kind(record), *rest)


def _coap_payload(record: Record) -> str | int:
    """As a text; of one that is encrypted, with a key of this run, how long it is."""
    payload = bytes.fromhex(record["payload_hex"])
    if coap_value(record["options"], payload) is None:
        try:
            payload.decode()
        except UnicodeDecodeError:
            return len(payload)
    return stable(coap_text(record))


def _headers(record: Record) -> list[tuple[str, str]]:
    return sorted((name.lower(), stable(text)) for name, text in record["headers"].items())


def _packet(record: Record) -> tuple[Any, ...]:
    """As bytes; but where the broker chose the packet id, without that."""
    data = bytes.fromhex(record["bytes"])
    if record["name"] == "PUBLISH":
        publish = published(data)
        payload = stable(text_of(publish.payload))
        return stable(publish.topic), payload, publish.qos, publish.retain, publish.dup
    return () if record["name"] == "PUBREL" else (data,)


def published(data: bytes) -> Publish:
    """The PUBLISH of a record. raises: MalformedError."""
    packet = packets.take(bytearray(data))
    assert packet is not None
    return Publish.parse(packet)


def taken(data: bytes) -> Packet | None:
    """The packet of a record; None for what is none."""
    return packets.take(bytearray(data))


def coap_text(record: Record) -> str:
    """The payload of a CoAP message, for a person."""
    payload = bytes.fromhex(record["payload_hex"])
    value = coap_value(record["options"], payload)
    return text_of(payload) if value is None else json.dumps(value, default=repr)


def coap_value(options: list[list[Any]], payload: bytes) -> Any:
    """What JSON or CBOR says; None for what is neither."""
    formats = [value for number, value in options if number == 12]
    try:
        if formats == [chr(_CBOR_FORMAT)]:
            return cbor.loads(payload)
        return json.loads(payload)
    except (ValueError, RecursionError):
        return None


def told(record: Record) -> str:
    """A decision in a few words."""
    return _TOLD[record["what"]](record)


def shortened(then: str, now: str) -> tuple[str, str]:
    """Two texts for a person: where they are long, from shortly before they differ."""
    pairs = enumerate(zip(stable(then), stable(now), strict=False))
    differs = next((at for at, (a, b) in pairs if a != b), 0)
    start = max(0, differs - _BEFORE) if max(len(then), len(now)) > _LONGEST else 0
    return _cut(stable(then) if start else then, start), _cut(stable(now) if start else now, start)


def _cut(text: str, start: int) -> str:
    end = start + _LONGEST
    return ("..." if start else "") + text[start:end] + ("..." if len(text) > end else "")


def _told_packet(record: Record) -> str:
    data, name = bytes.fromhex(record["bytes"]), record["name"]
    if name == "PUBLISH":
        publish = published(data)
        return f"PUBLISH {publish.topic}: {text_of(publish.payload)}"
    if name in ("CONNACK", "SUBACK"):
        return f"{name} {data[-1]}"
    return name or f"{len(data)} bytes that are no packet"


def _told_message(record: Record) -> str:
    text = f"message {record['direction']} {record['topic']}: {record['status']}"
    text += f", {record['reason']}" if record["reason"] else ""
    return text if isinstance(record["payload"], dict) else f"{text} ({record['payload']})"


def _told_refused(record: Record) -> str:
    code = record["code"]
    return f"{'no CONNACK' if code is None else f'CONNACK {code}'}: {record['reason']}"


_TOLD: dict[str, Callable[[Record], str]] = {
    "opened": lambda _: "opened",
    "packet": _told_packet,
    "message": _told_message,
    "http": lambda each: f"HTTP {each['status']} {text_of(bytes.fromhex(each['body_hex']))}",
    "coap": lambda each: f"CoAP {each['code']} {coap_text(each)}",
    "refused": _told_refused,
    "login": lambda each: f"let in as {each['device']}",
    "closed": lambda each: f"closed: {each['reason']}",
    "event": lambda each: f"{each['kind']}: {each['text']}",
    "marked": lambda each: f"message {each['status']}",
    "command": lambda each: f"command {each['name']}",
}
