"""What does the journal get of one MQTT connection: its packets as bytes, without the password?"""

from collections.abc import Callable

from tools.twin.clouds.cloud import Cloud
from tools.twin.clouds.values import Way
from tools.twin.hub.tap import Tap
from tools.twin.registry import mask
from tools.twin.registry.journal import Journal
from tools.twin.wire import packets
from tools.twin.wire.fields import MalformedError
from tools.twin.wire.packets import Connect, Decoder, Packet, Publish, UnsupportedLevelError

_NAMES = (
    *("?", "CONNECT", "CONNACK", "PUBLISH", "PUBACK", "PUBREC", "PUBREL", "PUBCOMP"),
    *("SUBSCRIBE", "SUBACK", "UNSUBSCRIBE", "UNSUBACK", "PINGREQ", "PINGRESP", "DISCONNECT", "?"),
)

_BEFORE_SECRETS = 12  # bytes of a CONNECT: its fixed header, protocol, level and flags


class PacketTap(Tap):
    """A connection's records, its packets included."""

    def __init__(self, journal: Journal, cloud: Cloud, way: Way) -> None:
        super().__init__(journal, cloud, way)
        self._rests: dict[str, bytearray] = {}

    def decoder(self, limit: int) -> Decoder:
        """One for what comes from the device, which is noted on its way."""
        return _Noting(limit, self._noting("up"))

    def sending(self, send: Callable[[bytes], None]) -> Callable[[bytes], None]:
        """`send`, which writes to the device, but noted."""
        note = self._noting("down")

        def noted(data: bytes) -> None:
            note(data)
            send(data)

        return noted

    def ended(self) -> None:
        """The device has closed its side."""
        self.add("ended", device=self.device)

    def closed(self) -> None:
        """What came last may be no packet, or only its beginning."""
        for direction, rest in self._rests.items():
            if rest:
                unread = self.device is None or rest[0] >> 4 == packets.CONNECT
                show = _beginning if direction == "up" and unread else mask.body
                self._packet(direction, "", show(bytes(rest)))
        super().closed()

    def _noting(self, direction: str) -> Callable[[bytes], None]:
        rest = self._rests[direction] = bytearray()

        def note(data: bytes) -> None:
            if not self.journal.heard:
                return
            self.opened("mqtt")
            rest.extend(data)
            try:
                while (packet := packets.take(rest)) is not None:
                    if packet.kind != packets.PUBLISH or self.journal.wants_publishes:
                        self._packet(direction, _NAMES[packet.kind], _shown(packet))
            except MalformedError:
                pass  # told when it is over

        return note

    def _packet(self, direction: str, name: str, data: bytes) -> None:
        self.add("packet", device=self.device, direction=direction, name=name, bytes=data.hex())


class _Noting(Decoder):
    """Tells of what it is fed."""

    def __init__(self, limit: int, note: Callable[[bytes], None]) -> None:
        super().__init__(limit)
        self._note = note

    def feed(self, data: bytes) -> list[Packet]:
        """As ever."""
        self._note(data)
        return super().feed(data)


def _shown(packet: Packet) -> bytes:
    """A packet as bytes, with what is secret in it covered."""
    if packet.kind == packets.PUBLISH:
        return packets.encode(packet.kind, packet.flags, _published(packet))
    whole = packet.encode()
    if packet.kind != packets.CONNECT:
        return whole
    try:
        password = Connect.parse(packet.body).password or b""
    except (MalformedError, UnsupportedLevelError):  # where it stands is not known
        return _beginning(whole)
    return mask.body(whole[: len(whole) - len(password)]) + mask.password(password)


def _published(packet: Packet) -> bytes:
    try:
        length = len(Publish.parse(packet).payload)
    except MalformedError:
        return mask.body(packet.body)
    start = len(packet.body) - length
    return mask.body(packet.body[:start]) + mask.body(packet.body[start:])


def _beginning(connect: bytes) -> bytes:
    return connect[:_BEFORE_SECRETS] + mask.cover(connect[_BEFORE_SECRETS:])
