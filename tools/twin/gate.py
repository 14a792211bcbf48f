"""What happens to one device's connection, from its first byte to its last?

The gate reads each packet, asks the cloud's rules, files every report BEFORE it goes on to the
broker (so before any PUBACK), and hands on what the broker sends back.
"""

import asyncio
import contextlib
from collections.abc import Callable

from tools.twin import packets
from tools.twin.clouds.base import Client, Cloud, RefusedError, Way
from tools.twin.clouds.connack import CONNACK
from tools.twin.hub import Hub, Session
from tools.twin.packets import (
    Decoder,
    MalformedError,
    Packet,
    Publish,
    TooLargeError,
    UnsupportedLevelError,
)

_CONNECT_TIMEOUT_S = 20.0
_BROKER_TIMEOUT_S = 5.0
_CONNECT_LIMIT = 5 * 65537 + 10  # section 3.1: five fields of at most 65535 bytes
_HEADROOM = 65540  # topic, its length and the packet id, beside the payload
_PUSH_ID = 65535  # packet id of the gate's own SUBSCRIBE, done before the device may use it


class ClosedError(Exception):
    """The gate ends the connection; the text says why, `code` is Watson's close code."""

    def __init__(self, reason: str, code: int = 91) -> None:
        super().__init__(reason)
        self.code = code


class Connection:
    """One device's connection and its counterpart to the broker."""

    def __init__(
        self,
        hub: Hub,
        cloud: Cloud,
        way: Way,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._hub = hub
        self._cloud = cloud
        self._way = way
        self._reader = reader
        self._writer = writer
        self._label = way.peer
        self.cloud_name = cloud.name
        self._client: Client | None = None
        self._broker_writer: asyncio.StreamWriter | None = None
        self._announced = False
        self._decoder = Decoder(_CONNECT_LIMIT)
        self._broker_decoder = Decoder()
        self._keepalive_s: float | None = None
        self._queue: list[Packet] = []
        self._will: packets.Will | None = None
        # SUBSCRIBEs under way: the return codes, None where the broker's are awaited.
        self._subscribing: dict[int, list[int | None]] = {}
        self._sent: dict[int, int] = {}  # packet id to message id of what the device has to ack
        self._task: asyncio.Task[None] | None = None
        self._closing: ClosedError | None = None
        self._gone = asyncio.Event()
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

    async def run(self) -> None:
        """Serve the connection until it ends, for whatever reason."""
        self._task = asyncio.current_task()
        self._hub.connections.add(self)
        try:
            await self._serve()
        except RefusedError as refused:
            self._refuse(refused)
        except ClosedError as closed:
            self._report("closed", str(closed))
        except MalformedError as error:
            self._report("closed", f"malformed packet: {error}")
        except UnsupportedLevelError as error:
            self._writer.write(packets.connack(1))
            self._report("refused", f"CONNACK 1: {error}")
        except TooLargeError as error:
            self._report("closed", f"{error}, more than this cloud takes")
        except OSError as error:
            self._report("closed", f"connection lost ({error})")
        except asyncio.CancelledError:
            if self._closing is None:
                raise
            self._report("closed", str(self._closing))
        finally:
            self._writer.close()
            self._hub.connections.discard(self)
            self._gone.set()

    async def end(self, reason: str, code: int) -> None:
        """Close the connection from outside and wait until it is gone."""
        if self._closing is None:
            self._closing = ClosedError(reason, code)
            self._writer.transport.abort()
            if self._task is not None:
                self._task.cancel()
        await self._gone.wait()

    def _report(self, kind: str, text: str) -> None:
        self._hub.report(self._cloud.name, self._label, kind, text)

    def _refuse(self, refused: RefusedError) -> None:
        if refused.code is None:
            self._report("refused", f"closed without CONNACK: {refused}")
            return
        self._writer.write(packets.connack(refused.code))
        self._report("refused", f"CONNACK {refused.code}: {refused}")

    async def _serve(self) -> None:
        connect = await self._read_connect()
        client = self._cloud.login(connect, self._way)
        client.client_id = connect.client_id
        self._label = client.device.label
        self._client = client
        will = self._checked_will(client, connect.will)
        session = await self._hub.admit(self, client, connect.clean_session)
        code, reason = 92, "the connection failed"
        clean = False
        try:
            broker_reader = await self._open_broker(client, session, connect, will)
            keepalive_s = client.keepalive_s or connect.keepalive_s
            # Section 3.1.2.10: one and a half times the keep alive.
            self._keepalive_s = keepalive_s * 1.5 or None
            self._will = connect.will if will else None
            self._announced = True
            how = "TLS" if self._way.tls else "TCP"
            clean_text = "clean session" if connect.clean_session else "durable session"
            self._report("connected", f"{how}, keepalive {keepalive_s} s, {clean_text}")
            self._announce("Connect", 0, "")
            code, reason = await self._pump(broker_reader)
            clean = True
        except ClosedError as closed:
            code, reason = closed.code, str(closed)
            raise
        except MalformedError:
            code, reason = 91, "the client broke the protocol"
            raise
        except TooLargeError:
            code, reason = 287, "the message is too large"
            raise
        except asyncio.CancelledError:
            if self._closing is not None:
                code, reason = self._closing.code, str(self._closing)
            raise
        finally:
            if self._broker_writer is not None:
                self._broker_writer.close()
            if self._announced:
                self._finish(clean, code, reason)
            self._hub.leave(client, session)

    def _finish(self, clean: bool, code: int, reason: str) -> None:
        """File the will that the broker now publishes; tell applications who left."""
        if self._will is not None and not clean:
            will = self._will
            self._hub.store.record(
                self._cloud.name,
                self._label,
                "up",
                will.topic,
                will.payload,
                qos=will.qos,
                status="stored",
                reason="will",
            )
        self._announce("Disconnect", code, reason)

    def _announce(self, action: str, code: int, reason: str) -> None:
        assert self._client is not None
        message = self._cloud.presence(self._client, self._way, action, code, reason)
        if message is not None:
            self._hub.platform.publish(message)

    async def _read_connect(self) -> packets.Connect:
        begun = False
        try:
            async with asyncio.timeout(_CONNECT_TIMEOUT_S):
                while True:
                    data = await self._reader.read(65536)
                    if not data:
                        raise ClosedError("left without a CONNECT")
                    if not begun:
                        _check_first_byte(data[0])
                    begun = True
                    if found := self._decoder.feed(data):
                        break
        except TimeoutError:
            raise ClosedError(f"no CONNECT within {_CONNECT_TIMEOUT_S:g} s") from None
        first, *self._queue = found
        packets.check_from_client(first)
        connect = packets.Connect.parse(first.body)
        self._decoder.limit = self._cloud.max_payload + _HEADROOM
        return connect

    def _checked_will(self, client: Client, will: packets.Will | None) -> packets.Will | None:
        """The will as the broker gets it; None without one, or where the cloud has none."""
        if will is None or not self._cloud.takes_wills:
            return None
        topic = self._cloud.up(client, will.topic)
        if topic is None or will.qos > self._cloud.max_qos:
            raise RefusedError(
                self._cloud.name, "will", f"the will may not be published to {will.topic!r}"
            )
        return packets.Will(topic, will.payload, will.qos, False)

    async def _open_broker(
        self,
        client: Client,
        session: Session,
        connect: packets.Connect,
        will: packets.Will | None,
    ) -> asyncio.StreamReader:
        """Log in at the broker, subscribe what the cloud pushes, then send CONNACK."""
        pushed = [self._cloud.broker_down(client, name) for name in client.pushed]
        inner = packets.Connect(4, client.session, connect.clean_session, 0, will, None, None)
        try:
            async with asyncio.timeout(_BROKER_TIMEOUT_S):
                reader, self._broker_writer = await self._hub.broker.connect()
                self._to_broker(inner.encode())
                if pushed:
                    self._to_broker(packets.subscribe(_PUSH_ID, [(name, 1) for name in pushed]))
                early, present = await self._broker_ready(reader, bool(pushed))
        except (OSError, TimeoutError):
            mistake = CONNACK[self._cloud.name]["offline"]
            self._writer.write(packets.connack(mistake or 3))
            raise ClosedError("CONNACK 3: the broker is down") from None
        session.filters.update(pushed)
        self._writer.write(packets.connack(0, present and connect.level == 4))
        for packet in early:
            self._from_broker(packet)
        return reader

    async def _broker_ready(
        self, reader: asyncio.StreamReader, pushed: bool
    ) -> tuple[list[Packet], bool]:
        """Read until CONNACK (and SUBACK) came: what the session had queued, and its flag."""
        wanted = {packets.CONNACK, packets.SUBACK} if pushed else {packets.CONNACK}
        early: list[Packet] = []
        present = False
        while wanted:
            data = await reader.read(65536)
            if not data:
                raise OSError("closed by the broker")
            for packet in self._broker_decoder.feed(data):
                if packet.kind == packets.CONNACK:
                    present = bool(packet.body[0] & 1)
                if packet.kind in wanted:
                    wanted.discard(packet.kind)
                else:
                    early.append(packet)
        return early, present

    async def _pump(self, broker_reader: asyncio.StreamReader) -> tuple[int, str]:
        """Carry packets both ways until the device says DISCONNECT; its code and reason."""
        downward = asyncio.create_task(self._pump_down(broker_reader))
        upward = asyncio.create_task(self._pump_up())
        try:
            await asyncio.wait((downward, upward), return_when=asyncio.FIRST_COMPLETED)
            first = upward if upward.done() else downward
            first.result()
        finally:
            for task in (downward, upward):
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError, Exception):
                    await task
        self._report("left", "said goodbye")
        return 0, "the client said goodbye"

    async def _pump_up(self) -> None:
        assert self._broker_writer is not None
        while True:
            for packet in self._queue:
                packets.check_from_client(packet)
                if packet.kind == packets.DISCONNECT:
                    self._broker_writer.write(packet.encode())
                    return
                handler = self._handlers.get(packet.kind)
                if handler is None:
                    raise MalformedError("a second CONNECT")
                handler(packet)
            await self._broker_writer.drain()
            await self._writer.drain()
            try:
                async with asyncio.timeout(self._keepalive_s):
                    data = await self._reader.read(65536)
            except TimeoutError:
                raise ClosedError("nothing heard for 1.5 times its keepalive", 160) from None
            if not data:
                raise ClosedError("closed its side without DISCONNECT", 91)
            self._queue = self._decoder.feed(data)

    async def _pump_down(self, broker_reader: asyncio.StreamReader) -> None:
        while True:
            data = await broker_reader.read(65536)
            if not data:
                raise ClosedError("the broker is gone", 92)
            for packet in self._broker_decoder.feed(data):
                self._from_broker(packet)
            await self._writer.drain()

    # What the device sends.

    def _on_publish(self, packet: Packet) -> None:
        assert self._client is not None
        publish = Publish.parse(packet)
        broker_topic = self._cloud.up(self._client, publish.topic)
        refusal = self._refusal(publish, broker_topic)
        if refusal is not None:
            self._file(publish, "refused", str(refusal))
            if self._client.closes or refusal.code != 276:
                raise refusal
            self._report("refused", str(refusal))
            if publish.qos == 1:
                self._writer.write(_ack(packets.PUBACK, publish.packet_id))
            elif publish.qos == 2:
                self._writer.write(_ack(packets.PUBREC, publish.packet_id))
            if note := self._cloud.notice(self._client, publish):
                self._hub.platform.publish(note)
            return
        assert broker_topic is not None
        verdict = self._cloud.judge(self._client, publish)
        self._file(publish, verdict.status, verdict.reason)
        if verdict.status == "rejected":
            self._report("rejected", f"{publish.topic}: {verdict.reason}")
        else:
            self._report("report", f"{publish.topic} ({len(publish.payload)} bytes)")
        # None of the clouds keeps a device's retained messages: the flag is cleared, no error.
        onward = Publish(
            broker_topic, publish.payload, publish.qos, False, publish.dup, publish.packet_id
        )
        self._to_broker(onward.encode())
        self._hub.answered(publish)
        if verdict.reply is not None and not self._hub.swallowed("replies"):
            topic = self._cloud.broker_down(self._client, verdict.reply.topic)
            self._hub.platform.publish(Publish(topic, verdict.reply.payload))

    def _refusal(self, publish: Publish, broker_topic: str | None) -> ClosedError | None:
        """Why this message is not taken; Watson's close codes."""
        if len(publish.payload) > self._cloud.max_payload:
            limit = self._cloud.max_payload
            return ClosedError(f"payload of {len(publish.payload)} bytes; at most {limit}", 287)
        if publish.qos > self._cloud.max_qos:
            return ClosedError(f"QoS {publish.qos}; at most {self._cloud.max_qos}")
        if broker_topic is None:
            return ClosedError(f"may not publish to {publish.topic!r}", 276)
        return None

    def _file(self, publish: Publish, status: str, reason: str) -> None:
        self._hub.store.record(
            self._cloud.name,
            self._label,
            "up",
            publish.topic,
            publish.payload,
            qos=publish.qos,
            retain=publish.retain,
            dup=publish.dup,
            status=status,
            reason=reason,
        )

    def _on_subscribe(self, packet: Packet) -> None:
        assert self._client is not None
        packet_id, filters = packets.parse_subscribe(packet.body)
        codes: list[int | None] = []
        onward: list[tuple[str, int]] = []
        for name, wanted in filters:
            qos = min(wanted, self._cloud.max_qos)
            broker_filter = self._cloud.down(self._client, name)
            if broker_filter is None:
                if self._client.closes:
                    raise ClosedError(f"may not subscribe to {name!r}", 276)
                self._report("refused", f"SUBACK 0x80: may not subscribe to {name!r}")
                codes.append(packets.REFUSED_FILTER)
            elif any(name.startswith(pushed[:-1]) for pushed in self._client.pushed):
                codes.append(qos)  # already subscribed, for the device, by the gate
            else:
                codes.append(None)
                onward.append((broker_filter, qos))
                self._session.filters.add(broker_filter)
        if onward:
            self._subscribing[packet_id] = codes
            self._to_broker(packets.subscribe(packet_id, onward))
        else:
            self._writer.write(packets.suback(packet_id, bytes(code or 0 for code in codes)))

    @property
    def _session(self) -> Session:
        assert self._client is not None
        return self._hub.sessions[self._client.session]

    def _on_unsubscribe(self, packet: Packet) -> None:
        assert self._client is not None
        packet_id, filters = packets.parse_unsubscribe(packet.body)
        pushed = [self._cloud.broker_down(self._client, name) for name in self._client.pushed]
        mapped = [self._cloud.down(self._client, name) for name in filters]
        onward = [name for name in mapped if name is not None and name not in pushed]
        self._session.filters.difference_update(onward)
        if onward:
            self._to_broker(packets.unsubscribe(packet_id, onward))
        else:
            self._writer.write(packets.unsuback(packet_id))

    def _on_ack(self, packet: Packet) -> None:
        message_id = self._sent.pop(packet.packet_id(), None)
        if message_id is not None:
            self._hub.store.mark(message_id, "acked")
        self._forward(packet)

    def _forward(self, packet: Packet) -> None:
        self._to_broker(packet.encode())

    def _on_ping(self, _packet: Packet) -> None:
        self._writer.write(packets.encode(packets.PINGRESP, 0, b""))

    def _to_broker(self, data: bytes) -> None:
        assert self._broker_writer is not None
        self._broker_writer.write(data)

    # What the broker sends.

    def _from_broker(self, packet: Packet) -> None:
        if packet.kind == packets.PUBLISH:
            self._deliver(Publish.parse(packet))
        elif packet.kind == packets.PUBACK and self._hub.swallowed("pubacks"):
            self._report("fault", "a PUBACK was swallowed")
        elif packet.kind == packets.SUBACK:
            self._writer.write(self._merged(packet))
        else:
            self._writer.write(packet.encode())

    def _merged(self, packet: Packet) -> bytes:
        """The broker's SUBACK with the codes of the filters that never reached it."""
        granted = iter(packet.body[2:])
        codes = self._subscribing.pop(packet.packet_id(), [])
        return packets.suback(
            packet.packet_id(), bytes(next(granted) if code is None else code for code in codes)
        )

    def _deliver(self, publish: Publish) -> None:
        assert self._client is not None
        publish.topic = self._cloud.local(self._client, publish.topic)
        if self._client.device.kind == "device":
            message_id = self._hub.store.record(
                self._cloud.name,
                self._label,
                "down",
                publish.topic,
                publish.payload,
                qos=publish.qos,
                retain=publish.retain,
                dup=publish.dup,
                status="sent",
            )
            if publish.qos:
                self._sent[publish.packet_id] = message_id
        self._writer.write(publish.encode())


def _check_first_byte(first: int) -> None:
    """A connection begins with a CONNECT (section 3.1); at once, as its length may never come."""
    if first == 0x16:
        raise MalformedError("TLS on the plain port; connect without TLS, or to the TLS port")
    if first >> 4 != packets.CONNECT:
        raise MalformedError("the first packet is not a CONNECT")


def _ack(kind: int, packet_id: int) -> bytes:
    return packets.encode(kind, 0, packet_id.to_bytes(2, "big"))
