"""What happens to one device's connection, from its first byte to its last?

The gate checks its CONNECT by the cloud's rules, opens its counterpart in the broker and has
packets carried both ways until one side ends (tools.twin.mqtt.pump); what becomes of each is in
tools.twin.mqtt.traffic.
A connection that begins as HTTP does is handed over where its port speaks that, too; what leaves
HTTP for WebSocket comes back.
"""

import asyncio
import contextlib
import dataclasses
import sqlite3
import time

from tools.twin.clouds.cloud import Cloud
from tools.twin.clouds.values import Client, Ending, RefusedError, Way
from tools.twin.hub.hub import Hub, Session
from tools.twin.mqtt import opening, will
from tools.twin.mqtt.counterpart import Counterpart
from tools.twin.mqtt.pump import Pump
from tools.twin.mqtt.tap import PacketTap
from tools.twin.mqtt.traffic import ClosedError, Traffic
from tools.twin.web.service import Service
from tools.twin.wire import packets
from tools.twin.wire.fields import MalformedError
from tools.twin.wire.packets import (
    Packet,
    TooLargeError,
    UnsupportedLevelError,
)

_HEADROOM = 65540  # topic, its length and the packet id, beside the payload


class Connection:
    """One device's connection and its counterpart to the broker.

    mqtt: whether its port speaks MQTT. http: what serves HTTP there, None where nothing does.
    client: who has logged in by MQTT, or None.
    """

    def __init__(
        self,
        hub: Hub,
        cloud: Cloud,
        way: Way,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        mqtt: bool = True,
        http: Service | None = None,
    ) -> None:
        self._hub = hub
        self._cloud = cloud
        self._way = way
        self._reader = reader
        self._writer = writer
        self._mqtt = mqtt
        self._http = http
        self._label = way.peer
        self.cloud_name = cloud.name
        self.is_http = False
        self.client: Client | None = None
        self._broker = Counterpart(hub.broker)
        self._announced = False
        self._tap = PacketTap(hub.journal, cloud, way)
        self._decoder = self._tap.decoder(opening.CONNECT_LIMIT)
        self._send = self._tap.sending(writer.write)
        self._task: asyncio.Task[None] | None = None
        self._closing: ClosedError | None = None
        self._gone = asyncio.Event()

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
            self._send(packets.connack(1))
            self._report("refused", f"CONNACK 1: {error}")
        except TooLargeError as error:
            self._report("closed", f"{error}, more than this cloud takes")
        except OSError as error:
            self._report("closed", f"connection lost ({error})")
        except sqlite3.Error as error:
            self._report("closed", f"what it sent cannot be put on file: {error}")
        except asyncio.CancelledError:
            if self._closing is None:
                raise
            self._report("closed", str(self._closing))
        finally:
            self._writer.close()
            self._hub.connections.discard(self)
            self._tap.closed()
            self._gone.set()

    async def end(self, reason: str, why: Ending) -> None:
        """Close the connection from outside and wait until it is gone."""
        if self._closing is None:
            self._closing = ClosedError(reason, why)
            self._writer.transport.abort()
            if self._task is not None:
                self._task.cancel()
        await self._gone.wait()

    def _report(self, kind: str, text: str) -> None:
        self._tap.said = text
        self._hub.report(self._cloud.name, self._label, kind, text)

    def _refuse(self, refused: RefusedError) -> None:
        self._tap.refused(refused)
        if (client := refused.client) is not None:
            self._label = client.device.label
            self._tell(client, "FailedConnect", refused.mistake, str(refused))
        if refused.code is None:
            self._report("refused", f"closed without CONNACK: {refused}")
            return
        self._send(packets.connack(refused.code))
        self._report("refused", f"CONNACK {refused.code}: {refused}")

    async def _serve(self) -> None:
        first = await opening.first_bytes(self._reader, "CONNECT" if self._mqtt else "request")
        if self._http is not None and (not self._mqtt or opening.is_http(first[0])):
            self.is_http, tap = True, self._tap
            speak = self._over_websocket if self._mqtt else None
            await self._http.serve(self._way, self._reader, self._writer, first, speak, tap=tap)
            return
        connect, behind = await opening.read_connect(self._reader, self._decoder, first)
        self._decoder.limit = self._cloud.max_payload + _HEADROOM
        await self._hub.store.batch.turn()  # some logins change the registry
        client = self._cloud.login(connect, self._way)
        connect.clean_session |= client.clean
        client.client_id = client.client_id or connect.client_id
        self._label = client.device.label
        self.client = client
        inner_will = will.checked(self._cloud, client, connect.will)
        await self._carry(connect, behind, client, inner_will)

    async def _carry(
        self,
        connect: packets.Connect,
        behind: list[Packet],
        client: Client,
        inner_will: packets.Will | None,
    ) -> None:
        """From CONNACK to the end, whichever it is.

        behind: what came right behind the CONNECT. inner_will: as the broker gets it.
        """
        session = await self._hub.admit(self, client, connect.clean_session)
        why, reason = Ending.SERVER, "the connection failed"
        clean = False
        try:
            pump = await self._open_broker(client, session, connect, inner_will)
            keepalive_s = client.keepalive_s or connect.keepalive_s
            self._announced = True
            how = self._tap.login(client, keepalive_s, connect.clean_session)
            self._report("connected", how)
            self._announce("Connect", None, "")
            await pump.run(behind, keepalive_s, client.good_for_s)
            self._report("left", "said goodbye")
            why, reason = Ending.GOODBYE, "the client said goodbye"
            clean = True
        except ClosedError as closed:
            why, reason = closed.why, str(closed)
            raise
        except MalformedError:
            why, reason = Ending.CLIENT, "the client broke the protocol"
            raise
        except TooLargeError:
            why, reason = Ending.SIZE, "the message is too large"
            raise
        except asyncio.CancelledError:
            if self._closing is not None:
                why, reason = self._closing.why, str(self._closing)
            raise
        finally:
            # Each, also when told to end while waiting.
            async with contextlib.AsyncExitStack() as stack:
                stack.callback(self._hub.leave, client, session)
                if self._announced:
                    stack.callback(self._announce, "Disconnect", why, reason)
                    if connect.will and inner_will and not clean:
                        filed = self._hub.store, self._cloud, client, connect.will
                        stack.push_async_callback(will.file, *filed)
                with contextlib.suppress(sqlite3.Error):
                    self._hub.store.batch.commit()  # what waits is sent while there is who gets it
                await self._broker.leave()

    async def _over_websocket(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Serve what came in as HTTP and left that for WebSocket: a connection of its own."""
        way = dataclasses.replace(self._way, websocket=True)
        await Connection(self._hub, self._cloud, way, reader, writer).run()

    def _announce(self, action: str, why: Ending | None, reason: str) -> None:
        assert self.client is not None
        self._tell(self.client, action, why, reason)

    def _tell(self, client: Client, action: str, why: Ending | str | None, reason: str) -> None:
        message = self._cloud.presence(client, self._way, action, why, reason)
        if message is not None:
            self._hub.platform.publish(message)

    async def _open_broker(
        self,
        client: Client,
        session: Session,
        connect: packets.Connect,
        inner_will: packets.Will | None,
    ) -> Pump:
        """Log in at the broker, subscribe what the cloud pushes, then send CONNACK.

        A client that the broker need not remember, and that listens to nothing yet, is there only
        once it does.
        """
        pushed = [self._cloud.broker_down(client, name) for name in client.pushed]
        broker = self._hub.broker
        clean = connect.clean_session
        inner = packets.Connect(4, client.session, clean, 0, inner_will, *broker.login)
        early: list[Packet] = []
        present = False
        try:
            if not self._hub.platform.up:
                raise ClosedError("the broker is down")
            if not clean or session.kept or inner_will or pushed or not broker.ours:
                early, present = await self._broker.open(inner, pushed)
        except ClosedError as closed:
            self._send(packets.connack(self._cloud.connack["offline"] or 3))
            raise ClosedError(f"CONNACK 3: {closed}") from None
        session.filters.update(pushed)
        if present and not session.kept:  # subscribed by another twin, or before this one began
            session.filters.add("#")
        self._send(packets.connack(0, present and connect.level == 4))
        session.since = time.monotonic()
        traffic = Traffic(
            self._hub,
            self._cloud,
            client,
            session,
            # Not where the order counts: a will comes after reports, an application hears its own.
            shares=broker.ours and not inner_will and client.device.kind != "application",
            to_device=self._send,
            broker=self._broker,
            report=self._report,
        )
        pump = Pump(
            self._hub,
            traffic,
            self._broker,
            inner,
            reader=self._reader,
            writer=self._writer,
            decoder=self._decoder,
            tap=self._tap,
        )
        await pump.take_down(early)
        return pump
