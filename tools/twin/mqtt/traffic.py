"""What becomes of each packet between a device that is logged in and the broker?

No socket and no waiting: packets in, bytes out. Every report is on file BEFORE it goes on to the
broker, so before any PUBACK. It goes on by the platform's connection, and the gate acknowledges
it, or by the device's own, where there is one and the order asks for it.
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import Protocol

from tools.twin.clouds.cloud import Cloud
from tools.twin.clouds.values import Client, Ending, Verdict
from tools.twin.hub.hub import Hub, Session
from tools.twin.registry import mask
from tools.twin.wire import packets, topics
from tools.twin.wire.fields import MalformedError
from tools.twin.wire.packets import Packet, Publish

Send = Callable[[bytes], None]

# What a client may send and have no session at the broker; of PUBLISH with QoS 0 and 1.
_SESSIONLESS = (packets.PUBLISH, packets.PINGREQ, packets.DISCONNECT)

# Refusals by topic, which some clients are told of and stay connected.
_TOLD = (Ending.TOPIC, Ending.FOREIGN)


class ClosedError(Exception):
    """The gate ends the connection; the text says why."""

    def __init__(self, reason: str, why: Ending = Ending.CLIENT) -> None:
        super().__init__(reason)
        self.why = why


class Broker(Protocol):
    """The device's connection to the broker."""

    @property
    def is_open(self) -> bool:
        """Whether there is one."""

    def write(self, data: bytes) -> None:
        """Send bytes."""


class Traffic:
    """One logged-in device's packets, both ways.

    shares: whether its reports may go by the platform's connection although it has its own, which
    costs half as much again (`signet bench twin --durable`).
    to_device: takes bytes to send. report: takes kind and text of an event.
    """

    def __init__(
        self,
        hub: Hub,
        cloud: Cloud,
        client: Client,
        session: Session,
        *,
        shares: bool,
        to_device: Send,
        broker: Broker,
        report: Callable[[str, str], None],
    ) -> None:
        self._hub = hub
        self._cloud = cloud
        self._client = client
        self._session = session
        self._shares = shares
        self._to_device = to_device
        self._broker = broker
        self._to_broker = broker.write
        self._report = report
        # SUBSCRIBEs under way: the return codes, None where the broker's are awaited; what to
        # notify of once the broker's are there, one of which may be of the topic for that; and
        # the broker's filters, which nobody may count on before.
        self._subscribing: dict[int, tuple[list[int | None], list[tuple[str, Ending]], set[str]]]
        self._subscribing = {}
        self._sent: dict[int, int] = {}  # packet id to message id of what the device has to ack
        self._dropped: set[int] = set()  # packet ids with QoS 2 that the device does not get
        self._handlers: dict[int, Callable[[Packet], None]] = {
            packets.PUBLISH: self._on_publish,
            packets.SUBSCRIBE: self._on_subscribe,
            packets.UNSUBSCRIBE: self._on_unsubscribe,
            packets.PUBACK: self._on_ack,
            packets.PUBREC: self._forward,
            packets.PUBREL: self._forward,
            packets.PUBCOMP: self._on_ack,
            packets.PINGREQ: self._on_ping,
        }

    def needs_session(self, packet: Packet) -> bool:
        """Whether only a session at the broker can take it."""
        return packet.kind not in _SESSIONLESS or (
            packet.kind == packets.PUBLISH and packet.flags & 6 > 2
        )

    def from_device(self, packet: Packet) -> None:
        """Handle what the device sent, save DISCONNECT. raises: ClosedError, MalformedError."""
        handler = self._handlers.get(packet.kind)
        if handler is None:
            raise MalformedError("a second CONNECT")
        handler(packet)

    def from_broker(self, packet: Packet) -> None:
        """Handle what the broker sent."""
        if packet.kind == packets.PUBLISH:
            self._deliver(Publish.parse(packet))
        elif packet.kind == packets.PUBREL and packet.packet_id() in self._dropped:
            self._dropped.remove(packet.packet_id())
            self._to_broker(_ack(packets.PUBCOMP, packet.packet_id()))
        elif packet.kind == packets.PUBACK:
            self._acknowledge(packet.packet_id())
        elif packet.kind == packets.SUBACK:
            codes, refused, filters = self._subscribing.pop(packet.packet_id(), ([], [], set()))
            self._session.filters |= filters
            self._to_device(_merged(packet, codes))
            self._notify_all("Subscribe", refused)
        else:
            self._in_turn(self._to_device, packet.encode())

    def _on_publish(self, packet: Packet) -> None:
        publish = Publish.parse(packet)
        broker_topic = self._cloud.up(self._client, publish.topic)
        refusal = self._refusal(publish, broker_topic)
        if refusal is not None:
            self._file(publish, "up", "refused", str(refusal))
            if self._client.closes or refusal.why not in _TOLD:
                raise refusal
            self._report("refused", str(refusal))
            self._hub.store.batch.when_safe(functools.partial(self._dismiss, publish, refusal.why))
            return
        assert broker_topic is not None
        verdict = self._cloud.judge(self._client, publish)
        if not verdict.parts:
            self._file(publish, "up", verdict.status, verdict.reason)
        for payload in verdict.parts:
            part = dataclasses.replace(publish, payload=payload)
            self._file(part, "up", verdict.status, verdict.reason)
        if verdict.status == "rejected":
            self._report("rejected", f"{publish.topic}: {verdict.reason}")
        else:
            self._report("report", f"{publish.topic} ({len(publish.payload)} bytes)")
        if not (self._broker.is_open or self._hub.platform.up):
            raise ClosedError("the broker is gone", Ending.SERVER)
        self._hub.store.batch.when_safe(
            functools.partial(self._hand_on, publish, broker_topic, verdict)
        )

    def _dismiss(self, publish: Publish, why: Ending) -> None:
        """Acknowledge a message that is not taken, and tell who wants to be told."""
        if publish.qos == 1:
            self._to_device(_ack(packets.PUBACK, publish.packet_id))
        elif publish.qos == 2:
            self._to_device(_ack(packets.PUBREC, publish.packet_id))
        self._notify_all("Publish", [(publish.topic, why)])

    def _hand_on(self, publish: Publish, broker_topic: str, verdict: Verdict) -> None:
        """What follows once a report is on file."""
        # None of the clouds keeps a device's retained messages: the flag is cleared, no error.
        onward = Publish(
            broker_topic, publish.payload, publish.qos, False, publish.dup, publish.packet_id
        )
        shared = self._shares and publish.qos < 2 and self._hub.platform.up
        if self._broker.is_open and not shared:
            self._to_broker(onward.encode())
        else:
            onward.dup = False  # of the device's connection, which this is not
            self._hub.platform.publish(onward)
            if publish.qos:
                self._acknowledge(publish.packet_id)
        if self._client.device.kind == "application":
            self._hub.offer(self._cloud.name, broker_topic, publish.payload)
        self._hub.answered(self._cloud, publish)
        if verdict.reply is not None and not self._hub.swallowed("replies"):
            topic = self._cloud.broker_down(self._client, verdict.reply.topic)
            self._hub.platform.publish(Publish(topic, verdict.reply.payload, verdict.reply.qos))

    def _acknowledge(self, packet_id: int) -> None:
        if self._hub.swallowed("pubacks"):
            self._report("fault", "a PUBACK was swallowed")
        else:
            self._to_device(_ack(packets.PUBACK, packet_id))

    def _refusal(self, publish: Publish, broker_topic: str | None) -> ClosedError | None:
        """Why this message is not taken."""
        if len(publish.payload) > self._cloud.max_payload:
            limit = self._cloud.max_payload
            reason = f"payload of {len(publish.payload)} bytes; at most {limit}"
            return ClosedError(reason, Ending.SIZE)
        if publish.qos > self._cloud.max_qos:
            return ClosedError(f"QoS {publish.qos}; at most {self._cloud.max_qos}")
        if broker_topic is None or not topics.fit(broker_topic):
            return ClosedError(f"may not publish to {publish.topic!r}", Ending.TOPIC)
        if self._cloud.foreign(self._client, publish.topic):
            reason = f"{publish.topic!r} is of a device that is not behind it"
            return ClosedError(reason, Ending.FOREIGN)
        return None

    def _notify_all(self, request: str, refused: list[tuple[str, Ending]]) -> None:
        for topic, why in refused:
            if note := self._cloud.notice(self._client, request, topic, why):
                self._hub.platform.publish(note)

    def _file(self, publish: Publish, direction: str, status: str, reason: str = "") -> int:
        """File a message, without a secret that it holds; returns its id."""
        hidden = self._cloud.hides(publish.topic)
        return self._hub.store.record_soon(
            self._cloud.name,
            self._client.device.label,
            direction,
            publish.topic,
            mask.body(publish.payload) if hidden else publish.payload,
            qos=publish.qos,
            retain=publish.retain,
            dup=publish.dup,
            status=status,
            reason=reason,
            packet_id=publish.packet_id,
        )

    def _on_subscribe(self, packet: Packet) -> None:
        packet_id, filters = packets.parse_subscribe(packet.body)
        codes: list[int | None] = []
        onward: list[tuple[str, int]] = []
        refused: list[tuple[str, Ending]] = []
        for name, wanted in filters:
            qos = min(wanted, self._cloud.max_qos)
            broker_filter = self._cloud.down(self._client, name)
            unknown = broker_filter is None or not topics.fit(broker_filter)
            if broker_filter is None or unknown or self._cloud.foreign(self._client, name):
                why = Ending.TOPIC if unknown else Ending.FOREIGN
                if self._client.closes:
                    raise ClosedError(f"may not subscribe to {name!r}", why)
                self._report("refused", f"SUBACK 0x80: may not subscribe to {name!r}")
                codes.append(packets.REFUSED_FILTER)
                refused.append((name, why))
            elif any(name.startswith(pushed[:-1]) for pushed in self._client.pushed):
                codes.append(qos)  # already subscribed, for the device, by the gate
            else:
                codes.append(None)
                onward.append((broker_filter, qos))
        if onward:
            self._subscribing[packet_id] = codes, refused, {name for name, _ in onward}
            self._in_turn(self._to_broker, packets.subscribe(packet_id, onward))
        else:
            self._to_device(packets.suback(packet_id, bytes(code or 0 for code in codes)))
            self._notify_all("Subscribe", refused)

    def _on_unsubscribe(self, packet: Packet) -> None:
        packet_id, filters = packets.parse_unsubscribe(packet.body)
        pushed = [self._cloud.broker_down(self._client, name) for name in self._client.pushed]
        mapped = [self._cloud.down(self._client, name) for name in filters]
        onward = [name for name in mapped if name and topics.fit(name) and name not in pushed]
        self._session.filters.difference_update(onward)
        if onward:
            self._in_turn(self._to_broker, packets.unsubscribe(packet_id, onward))
        else:
            self._to_device(packets.unsuback(packet_id))

    def _on_ack(self, packet: Packet) -> None:
        message_id = self._sent.pop(packet.packet_id(), None)
        if message_id is not None:
            self._hub.store.mark(message_id, "acked")
        self._forward(packet)

    def _forward(self, packet: Packet) -> None:
        self._in_turn(self._to_broker, packet.encode())

    def _in_turn(self, send: Send, data: bytes) -> None:
        """After what came before it, which may wait for the file."""
        self._hub.store.batch.when_safe(functools.partial(send, data))

    def _on_ping(self, _packet: Packet) -> None:
        self._to_device(packets.encode(packets.PINGRESP, 0, b""))

    def _deliver(self, publish: Publish) -> None:
        publish.topic = self._cloud.local(self._client, publish.topic)
        if not self._cloud.hears(self._client, publish.topic):
            self._drop(publish)
            return
        if self._client.device.kind != "application":
            message_id = self._file(publish, "down", "sent")
            if publish.qos:
                self._sent[publish.packet_id] = message_id
        self._in_turn(self._to_device, publish.encode())

    def _drop(self, publish: Publish) -> None:
        """Tell the broker that a message has arrived, which the device does not get."""
        if publish.qos == 1:
            self._to_broker(_ack(packets.PUBACK, publish.packet_id))
        elif publish.qos == 2:
            self._dropped.add(publish.packet_id)
            self._to_broker(_ack(packets.PUBREC, publish.packet_id))


def _merged(packet: Packet, codes: list[int | None]) -> bytes:
    """The broker's SUBACK with the codes of the filters that never reached it."""
    granted = iter(packet.body[2:])
    return packets.suback(
        packet.packet_id(), bytes(next(granted) if code is None else code for code in codes)
    )


def _ack(kind: int, packet_id: int) -> bytes:
    return packets.encode(kind, 0, packet_id.to_bytes(2, "big"))
