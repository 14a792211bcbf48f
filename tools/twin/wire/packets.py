"""What do the bytes of an MQTT 3.1 / 3.1.1 control packet mean, and which bytes say it?

Sans-I/O: bytes in, values out; no socket, no clock. Section numbers are those of MQTT 3.1.1
(OASIS, 2014). Everything a peer can get wrong raises `MalformedError`, never anything else.
"""

from __future__ import annotations

from dataclasses import dataclass

from tools.twin.wire.fields import Body, MalformedError, data, text

CONNECT, CONNACK, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP = 1, 2, 3, 4, 5, 6, 7
SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK, PINGREQ, PINGRESP, DISCONNECT = 8, 9, 10, 11, 12, 13, 14

# Section 3.1.2.1: protocol name by level. 3 is MQTT 3.1, 4 is MQTT 3.1.1.
LEVELS = {3: "MQIsdp", 4: "MQTT"}

# Section 2.2.2: the flag bits each packet of a client must carry, and the exact length of its
# body where there is only one. PUBLISH flags have meaning and are checked in `Publish.parse`.
FROM_CLIENT: dict[int, tuple[int | None, int | None]] = {
    CONNECT: (0, None),
    PUBLISH: (None, None),
    PUBACK: (0, 2),
    PUBREC: (0, 2),
    PUBREL: (2, 2),
    PUBCOMP: (0, 2),
    SUBSCRIBE: (2, None),
    UNSUBSCRIBE: (2, None),
    PINGREQ: (0, 0),
    DISCONNECT: (0, 0),
}

REFUSED_FILTER = 0x80  # Section 3.9.3: the return code "Failure" of a SUBACK


class UnsupportedLevelError(Exception):
    """The peer speaks a protocol level that this codec does not (CONNACK 1, section 3.1.2.2)."""


class TooLargeError(Exception):
    """A packet longer than the reader may take; `size` is its remaining length in bytes."""

    def __init__(self, size: int) -> None:
        super().__init__(f"packet of {size} bytes")
        self.size = size


@dataclass(slots=True)
class Packet:
    """One control packet: its type (1..14), its four flag bits, its body after the length."""

    kind: int
    flags: int
    body: bytes

    def encode(self) -> bytes:
        """The packet as bytes, ready for the wire."""
        return encode(self.kind, self.flags, self.body)

    def packet_id(self) -> int:
        """The packet id of an acknowledgement, whose body begins with it (section 2.3.1)."""
        return int.from_bytes(self.body[:2], "big")


class Decoder:
    """Cuts a byte stream into packets; give it whatever arrived, in any pieces.

    `limit` is the largest remaining length in bytes that it accepts (section 2.2.3).
    """

    def __init__(self, limit: int = 268_435_455) -> None:
        self.limit = limit
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Packet]:
        """Packets completed by `data`. Raises MalformedError; before the body, TooLargeError."""
        buffer = self._buffer
        buffer += data
        packets: list[Packet] = []
        start = 0
        while True:
            header = _header(buffer, start)
            if header is None:
                break
            body_at, length = header
            if length > self.limit:
                raise TooLargeError(length)
            if len(buffer) < body_at + length:
                break
            first = buffer[start]
            start = body_at + length
            packets.append(Packet(first >> 4, first & 15, bytes(buffer[body_at:start])))
        if start:
            del buffer[:start]
        return packets


def take(buffer: bytearray) -> Packet | None:
    """Cut the first packet off; None while it is not whole. raises: MalformedError."""
    header = _header(buffer, 0)
    if header is None or len(buffer) < sum(header):
        return None
    first, body = buffer[0], bytes(buffer[header[0] : sum(header)])
    del buffer[: sum(header)]
    return Packet(first >> 4, first & 15, body)


def _header(buffer: bytearray, start: int) -> tuple[int, int] | None:
    """Where the body begins and how long it is; None while the header is incomplete."""
    length = 0
    for index in range(4):
        at = start + 1 + index
        if at >= len(buffer):
            return None
        length |= (buffer[at] & 0x7F) << (7 * index)
        if buffer[at] < 0x80:
            return at + 1, length
    raise MalformedError("remaining length is longer than four bytes")


@dataclass(slots=True)
class Will:
    """The message to publish when the client is lost (section 3.1.2.5)."""

    topic: str
    payload: bytes
    qos: int
    retain: bool


@dataclass(slots=True, repr=False)
class Connect:
    """A CONNECT packet (section 3.1). No repr: it carries the password."""

    level: int
    client_id: str
    clean_session: bool
    keepalive_s: int
    will: Will | None
    user: str | None
    password: bytes | None

    @classmethod
    def parse(cls, body: bytes) -> Connect:
        """Reads the body of a CONNECT. Raises MalformedError or UnsupportedLevelError."""
        fields = Body(body)
        name = fields.text("the protocol name")
        level = fields.number(1, "the protocol level")
        if name not in LEVELS.values():
            raise MalformedError("protocol name is neither MQTT nor MQIsdp")
        if LEVELS.get(level) != name:
            raise UnsupportedLevelError(f"{name} level {level}")
        flags = fields.number(1, "the connect flags")
        keepalive_s = fields.number(2, "the keep alive")
        will_qos = flags >> 3 & 3
        if flags & 1:
            raise MalformedError("reserved connect flag is set")
        if will_qos == 3 or (not flags & 4 and flags & 0x38):
            raise MalformedError("will flags contradict each other")
        if flags & 0x40 and not flags & 0x80:
            raise MalformedError("password without user name")
        client_id = fields.text("the client id")
        will = None
        if flags & 4:
            topic, payload = fields.text("the will topic"), fields.data("the will message")
            will = Will(topic, payload, will_qos, bool(flags & 0x20))
        user = fields.text("the user name") if flags & 0x80 else None
        password = fields.data("the password") if flags & 0x40 else None
        if not fields.finished:
            raise MalformedError("bytes after the last field of CONNECT")
        return cls(level, client_id, bool(flags & 2), keepalive_s, will, user, password)

    def encode(self) -> bytes:
        """The CONNECT as bytes."""
        flags = 2 * self.clean_session
        tail = text(self.client_id)
        if self.will is not None:
            flags |= 4 | self.will.qos << 3 | 0x20 * self.will.retain
            tail += text(self.will.topic) + data(self.will.payload)
        if self.user is not None:
            flags |= 0x80
            tail += text(self.user)
        if self.password is not None:
            flags |= 0x40
            tail += data(self.password)
        head = text(LEVELS[self.level]) + bytes((self.level, flags))
        return encode(CONNECT, 0, head + self.keepalive_s.to_bytes(2, "big") + tail)


@dataclass(slots=True)
class Publish:
    """A PUBLISH packet (section 3.3); `packet_id` is 0 with QoS 0."""

    topic: str
    payload: bytes
    qos: int = 0
    retain: bool = False
    dup: bool = False
    packet_id: int = 0

    @classmethod
    def parse(cls, packet: Packet) -> Publish:
        """Reads a PUBLISH. Raises MalformedError."""
        qos = packet.flags >> 1 & 3
        dup = bool(packet.flags & 8)
        if qos == 3:
            raise MalformedError("QoS 3")
        if dup and not qos:
            raise MalformedError("DUP with QoS 0")
        fields = Body(packet.body)
        topic = fields.text("the topic")
        if not topic or "+" in topic or "#" in topic:
            raise MalformedError("topic that is empty or holds a wildcard")  # section 3.3.2.1
        packet_id = fields.packet_id() if qos else 0
        return cls(topic, fields.body[fields.at :], qos, bool(packet.flags & 1), dup, packet_id)

    def encode(self) -> bytes:
        """The PUBLISH as bytes."""
        flags = self.dup << 3 | self.qos << 1 | self.retain
        head = text(self.topic)
        if self.qos:
            head += self.packet_id.to_bytes(2, "big")
        return encode(PUBLISH, flags, head + self.payload)


def parse_subscribe(body: bytes) -> tuple[int, list[tuple[str, int]]]:
    """Packet id and (filter, QoS) pairs of a SUBSCRIBE (section 3.8). Raises MalformedError."""
    fields = Body(body)
    packet_id = fields.packet_id()
    filters: list[tuple[str, int]] = []
    while not fields.finished:
        name = fields.text("a topic filter")
        qos = fields.number(1, "a requested QoS")
        if qos > 2:
            raise MalformedError("requested QoS above 2")
        filters.append((_well_formed(name), qos))
    if not filters:
        raise MalformedError("SUBSCRIBE without a topic filter")
    return packet_id, filters


def parse_unsubscribe(body: bytes) -> tuple[int, list[str]]:
    """Packet id and the filters of an UNSUBSCRIBE (section 3.10). Raises MalformedError."""
    fields = Body(body)
    packet_id = fields.packet_id()
    filters = []
    while not fields.finished:
        filters.append(_well_formed(fields.text("a topic filter")))
    if not filters:
        raise MalformedError("UNSUBSCRIBE without a topic filter")
    return packet_id, filters


def _well_formed(name: str) -> str:
    """Section 4.7.1: `#` only as the last level, `+` only as a whole level."""
    levels = name.split("/")
    for index, level in enumerate(levels):
        if "#" in level and (level != "#" or index != len(levels) - 1):
            raise MalformedError("topic filter with '#' that is not its last level")
        if "+" in level and level != "+":
            raise MalformedError("topic filter with '+' that is not a whole level")
    if not name:
        raise MalformedError("empty topic filter")
    return name


def check_from_client(packet: Packet) -> None:
    """Raises MalformedError unless a client may send a packet with this type, flags and length."""
    try:
        flags, length = FROM_CLIENT[packet.kind]
    except KeyError:
        raise MalformedError(f"packet type {packet.kind} from a client") from None
    if flags is not None and packet.flags != flags:
        raise MalformedError(f"packet type {packet.kind} with flags {packet.flags}")
    if length is not None and len(packet.body) != length:
        raise MalformedError(f"packet type {packet.kind} with {len(packet.body)} bytes")


def encode(kind: int, flags: int, body: bytes) -> bytes:
    """Fixed header and body (section 2.2)."""
    remaining = len(body)
    head = bytearray((kind << 4 | flags,))
    while True:
        remaining, digit = divmod(remaining, 128)
        head.append(digit | 0x80 if remaining else digit)
        if not remaining:
            return bytes(head) + body


def connack(code: int, session_present: bool = False) -> bytes:
    """CONNACK with a return code of section 3.2.2.3."""
    return encode(CONNACK, 0, bytes((session_present, code)))


def subscribe(packet_id: int, filters: list[tuple[str, int]]) -> bytes:
    """SUBSCRIBE for (filter, QoS) pairs."""
    body = b"".join(text(name) + bytes((qos,)) for name, qos in filters)
    return encode(SUBSCRIBE, 2, packet_id.to_bytes(2, "big") + body)


def suback(packet_id: int, codes: bytes) -> bytes:
    """SUBACK with one granted QoS, or REFUSED_FILTER, for each filter."""
    return encode(SUBACK, 0, packet_id.to_bytes(2, "big") + codes)


def unsubscribe(packet_id: int, filters: list[str]) -> bytes:
    """UNSUBSCRIBE for these filters."""
    return encode(UNSUBSCRIBE, 2, packet_id.to_bytes(2, "big") + b"".join(map(text, filters)))


def unsuback(packet_id: int) -> bytes:
    """UNSUBACK."""
    return encode(UNSUBACK, 0, packet_id.to_bytes(2, "big"))
