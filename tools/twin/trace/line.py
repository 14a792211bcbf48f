"""How does one connection of a trace go on in a replay: what it sends now, and what it learns?"""

import re
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, TypeVar

from aiocoap import Message  # type: ignore[import-untyped]

from tools.twin.clouds.proof import Again, Asked, Then
from tools.twin.registry import mask
from tools.twin.trace import compare
from tools.twin.trace.ends import End
from tools.twin.trace.file import Record
from tools.twin.trace.follow import Key
from tools.twin.trace.stable import renamed, text_of
from tools.twin.wire import packets
from tools.twin.wire.fields import MalformedError
from tools.twin.wire.packets import Connect, Packet, UnsupportedLevelError

_TOKENS = re.compile(rb'"[\w-]*token"\s*:\s*"([^"]+)"', re.IGNORECASE)
_RETRY_AFTER = re.compile(rb"[?&]retry-after=(\d{1,2})\b")
_LATE_S = 0.5
_MOST_NAMES, _MOST_SENT, _MOST_TOKENS = 500, 500, 10_000
_URI_PATH, _URI_PORT = 11, 7
_HOP = ("content-length", "transfer-encoding", "expect")


_K = TypeVar("_K")
_V = TypeVar("_V")


class Newest(OrderedDict[_K, _V]):
    """Of what is put there only the newest. most: how many."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most

    def __setitem__(self, key: _K, value: _V) -> None:
        super().__setitem__(key, value)
        self.move_to_end(key)
        if len(self) > self._most:
            self.popitem(last=False)


class Tokens:
    """What was given out in the trace, by its number there, and what is in its place now.

    ports: of doors, likewise.
    """

    def __init__(self) -> None:
        self.texts: Newest[str, str] = Newest(_MOST_TOKENS)
        self.ports: dict[int, int] = {}
        # of CoAP: what was agreed on, and what the numbers of requests began with, then and now
        self.keys: Newest[str, tuple[Any, int, int]] = Newest(_MOST_TOKENS)

    def put(self, text: str) -> str:
        """A text with what is covered in it, as far as it is known."""
        return mask.COVERED.sub(lambda found: self.texts.get(found[1], found[0]), text)


class Line:
    """One connection. key: that of the new one, once it is known. failed: why there is none.

    over: whether it is, in the trace. since: `Awaited.under_way` when the board left.
    told: how many packets and requests by HTTP went out.
    """

    def __init__(self, again: Again, tokens: Tokens) -> None:
        self.key: Key | None = None
        self.end: End | None = None
        self.failed = ""
        self.over = False
        self.since: int | None = None
        self.told = 0
        self._told = 0, 0
        self._again = again
        self._tokens = tokens
        self._names: Newest[str, str] = Newest(_MOST_NAMES)
        self._ids: Newest[bytes, bytes] = Newest(_MOST_SENT)
        self._sent: Newest[int, bytes] = Newest(_MOST_SENT)

    # MQTT

    def packet(self, record: Record, then: Then) -> bytes:
        """The bytes of a packet, with what has another name now."""
        data = bytes.fromhex(record["bytes"])
        name = record["name"]
        try:
            packet = compare.taken(data) if name else None
            if packet is None:
                return data
            if name == "CONNECT":
                return self._connect(packet, then)
            if name == "PUBLISH":
                return self._publish(packet)
        except (MalformedError, UnsupportedLevelError):
            return data
        if name in ("PUBACK", "PUBREC", "PUBCOMP"):
            packet.body = self._ids.get(packet.body[:2], packet.body[:2]) + packet.body[2:]
        return packet.encode()

    def pause_s(self, ms: int) -> float:
        """How long it waited until then, because it had been told to."""
        (told_ms, wait_s), self._told = self._told, (0, 0)
        return min((ms - told_ms) / 1000, wait_s + _LATE_S) if wait_s else 0.0

    def _connect(self, packet: Packet, then: Then) -> bytes:
        connect = Connect.parse(packet.body)
        if mask.COVERED.search((connect.password or b"").decode("latin-1")):
            connect.password = self._again.password(connect, then) or connect.password
        return connect.encode()

    def _publish(self, packet: Packet) -> bytes:
        publish = packets.Publish.parse(packet)
        for old, new in self._names.items():
            publish.topic = publish.topic.replace(old, new)
            publish.payload = publish.payload.replace(old.encode(), new.encode())
        publish.payload = self._again.payload(publish.topic, publish.payload)
        return publish.encode()

    def learn(self, then: Record, now: Record) -> None:
        """What is another's name in what came down, and which packet id it has."""
        if then["what"] != "packet":
            return
        old, new = bytes.fromhex(then["bytes"]), bytes.fromhex(now["bytes"])
        if found := _RETRY_AFTER.search(old):
            self._told = then["ms"], int(found[1])
        if then["name"] == "PUBREL":
            self._ids[old[-2:]] = new[-2:]
        if then["name"] != "PUBLISH":
            return
        before, after = compare.published(old), compare.published(new)
        if before.qos:
            self._ids[before.packet_id.to_bytes(2, "big")] = after.packet_id.to_bytes(2, "big")
        for a, b in ((before.topic, after.topic), _texts(before.payload, after.payload)):
            for name, new_name in renamed(a, b).items():
                self._names[name] = new_name

    # HTTP

    def request(self, record: Record, then: Then) -> bytes:
        """A request as bytes."""
        if self.end is not None:
            self.end.got.clear()
        put = self._tokens.put
        headers = {n: put(v) for n, v in record["headers"].items() if n.lower() not in _HOP}
        asked = Asked(put(record["path"]), bytes.fromhex(record["body_hex"]), headers)
        self._again.request(asked, then)
        body = put(asked.body.decode("latin-1")).encode("latin-1")
        lines = [f"{record['method']} {asked.path} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in asked.headers.items()]
        lines += [f"content-length: {len(body)}", "", ""]
        return "\r\n".join(lines).encode("utf-8", "surrogateescape") + body

    def given(self, record: Record) -> bool:
        """Take the tokens of a reply; False while they have not come in."""
        covered = _TOKENS.findall(bytes.fromhex(record["body_hex"]))
        if not covered or self.end is None:
            return True
        values = _TOKENS.findall(b"".join(self.end.got))
        if len(values) < len(covered):
            return False
        for old, new in zip(covered, values, strict=False):
            if found := mask.COVERED.fullmatch(old.decode()):
                self._tokens.texts[found[1]] = new.decode()
        return True

    # CoAP

    def datagram(self, record: Record, then: Then) -> bytes:
        """A message as bytes; one that came again as it went before, b"" if it did not yet."""
        if record["again"]:
            return self._sent.get(record["mid"], b"")
        options = [(number, self._option(number, value)) for number, value in record["options"]]
        payload = bytes.fromhex(record["payload_hex"])
        path = "/".join(text_of(value) for number, value in options if number == _URI_PATH)
        keys, before, after, covered = None, 0, 0, ""
        for _, value in options:
            if (found := mask.COVERED.fullmatch(value.decode("latin-1"))) is not None:
                covered = found[1]
        if covered in self._tokens.keys:
            keys, before, after = self._tokens.keys[covered]
        if keys is not None and record.get("seq_hex") is not None:
            text, seq = bytes.fromhex(record["seq_hex"]), record["seq"]
            if seq is not None:
                moved = seq - before + after if seq > before else min(seq, after)
                text = str(moved).encode()
            cipher = self._again.encrypted(keys, text)
            options = [(n, cipher if n == self._again.seq_option else v) for n, v in options]
        if keys is not None and record["plain_hex"] is not None:
            payload = self._again.encrypted(keys, bytes.fromhex(record["plain_hex"]))
        asked = Asked(path, payload)
        self._again.request(asked, then)
        put = self._tokens.put
        options = [(n, put(v.decode("latin-1")).encode("latin-1")) for n, v in options]
        mid = record["mid"].to_bytes(2, "big")
        if record["type"] in ("ACK", "RST"):
            mid = self._ids.get(mid, mid)
        sent = _encoded(record, mid, options, asked.body)
        self._sent[record["mid"]] = sent
        return sent

    def _option(self, number: int, value: str | Mapping[str, str]) -> bytes:
        """Uri-Port names this twin's port where it named that of the other one."""
        raw = value.encode() if isinstance(value, str) else bytes.fromhex(value["hex"])
        port = int.from_bytes(raw, "big")
        if number == _URI_PORT and port in self._tokens.ports:
            return self._tokens.ports[port].to_bytes(2, "big")
        return raw

    def answered(self, then: Record, now: Record) -> bool:
        """Take what a reply brings; False while it has not come in."""
        self._ids[then["mid"].to_bytes(2, "big")] = now["mid"].to_bytes(2, "big")
        old = compare.coap_value(then["options"], bytes.fromhex(then["payload_hex"]))
        covered = mask.COVERED.fullmatch(str(old.get("token"))) if isinstance(old, dict) else None
        if covered is None or self.end is None:
            return True
        mark = now["mid"].to_bytes(2, "big") + bytes.fromhex(now["token"])
        came = [data for data in self.end.got if data[2 : 2 + len(mark)] == mark]
        if not came:
            return False
        new = compare.coap_value(then["options"], Message.decode(came[-1]).payload)
        self._tokens.texts[covered[1]] = str(new["token"])
        keys = self._again.keys(new, then["device"] or "")
        if keys is not None:
            before, after = (int(each.get("seqOffset", 0)) for each in (old, new))
            self._tokens.keys[covered[1]] = keys, before, after
        return True


def _texts(old: bytes, new: bytes) -> tuple[str, str]:
    return text_of(old), text_of(new)


_TYPES = {"CON": 0, "NON": 1, "ACK": 2, "RST": 3}


def _encoded(
    record: Record, mid: bytes, options: list[tuple[int, bytes]], payload: bytes
) -> bytes:
    """RFC 7252, section 3."""
    token = bytes.fromhex(record["token"])
    detail = record["code"].split(".")
    code = int(detail[0]) << 5 | int(detail[1])
    made = bytearray((1 << 6 | _TYPES[record["type"]] << 4 | len(token), code))
    made += mid + token
    before = 0
    for number, value in options:
        delta, more = _extended(number - before)
        length, longer = _extended(len(value))
        made += bytes((delta << 4 | length,)) + more + longer + value
        before = number
    return bytes(made) + (b"\xff" + payload if payload else b"")


def _extended(value: int) -> tuple[int, bytes]:
    if value < 13:
        return value, b""
    if value < 269:
        return 13, bytes((value - 13,))
    return 14, (value - 269).to_bytes(2, "big")
