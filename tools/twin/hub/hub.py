"""What do all connections of a twin share: sessions, commands that wait, faults?"""

import asyncio
import collections
import contextlib
import itertools
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tools.twin.broker.broker import Broker
from tools.twin.broker.platform import Platform
from tools.twin.clouds import CLOUDS
from tools.twin.clouds.cloud import Cloud
from tools.twin.clouds.shared import Connection, Report
from tools.twin.clouds.values import BadCommandError, Client, Ending
from tools.twin.faults import Fault, quickly
from tools.twin.registry.store import Device, Store
from tools.twin.wire import topics
from tools.twin.wire.packets import Publish

_AGAIN_S = 1.0
_SUBSCRIBES_S = 5.0  # after its CONNACK a device may still be about to
_SOON_S = 0.02
_NAMED = 10  # devices that an error lists


class NotDeliveredError(Exception):
    """A command did not reach its device; the text says why and what to do."""


@dataclass(slots=True)
class Session:
    """What the gate knows of one broker session.

    durable: it outlives its connection. kept: the broker has it of a connection before.
    filters: the broker's filters it is subscribed to. since: when its connection came, then when
    it got its CONNACK; monotonic.
    """

    connection: Connection | None = None
    since: float = 0.0
    durable: bool = False
    kept: bool = False
    filters: set[str] = field(default_factory=set)


class Hub:
    """Sessions, waiting commands, faults; one for all clouds of a twin."""

    def __init__(self, store: Store, broker: Broker, report: Report) -> None:
        self.store = store
        self.broker = broker
        self.platform = Platform(broker, self._platform_lost)
        self.journal = store.journal
        self._print = report
        self.clouds: dict[str, Cloud] = {name: cloud(store) for name, cloud in CLOUDS.items()}
        self.sessions: dict[str, Session] = {}
        self._swallow: collections.Counter[str] = collections.Counter()
        self.connections: set[Connection] = set()
        self._waiting: dict[tuple[str, str], asyncio.Future[Any]] = {}
        # Rises over restarts: a device may remember the ids it has served.
        self._message_ids = itertools.count(int(time.time()))

    def report(self, cloud: str, device: str, kind: str, text: str) -> None:
        """One event, for a person to read: printed, and in the journal."""
        self._print(cloud, device, kind, text)
        self.journal.add("event", cloud=cloud, device=device, kind=kind, text=text)

    def _platform_lost(self, silent: bool) -> None:
        """silent: the broker says nothing any more, and it is for the gate to tell the boards."""
        text = "does not answer any more" if silent else "the platform side lost its connection"
        self.report("twin", "MQTT broker", "fault", text)
        self._reconnecting = asyncio.create_task(self._reconnect(silent))

    async def _reconnect(self, silent: bool) -> None:
        if silent:
            await self.end_connections("the broker is gone", http=False)
        while not self.platform.up:
            if not self.broker.ours:
                await asyncio.sleep(_AGAIN_S)
            with contextlib.suppress(OSError):
                await self.platform.start()
            if self.broker.ours:  # where it is down, whoever starts it connects anew
                return

    async def end_connections(
        self,
        reason: str,
        cloud: str | None = None,
        device: str | None = None,
        *,
        http: bool = True,
    ) -> None:
        """End all of a cloud's, or each cloud's. device: the label of the only one whose.

        http: also those that speak HTTP.
        """
        every = [
            each
            for each in self.connections
            if cloud in (None, each.cloud_name)
            and (device is None or (each.client and each.client.device.label == device))
        ]
        ending = [connection for connection in every if http or not connection.is_http]
        await asyncio.gather(*(connection.end(reason, Ending.SERVER) for connection in ending))

    async def admit(self, connection: Connection, client: Client, clean: bool) -> Session:
        """Make `connection` the live one of its session; an older one is closed first."""
        session = self.sessions.setdefault(client.session, Session())
        while session.connection is not None:
            await session.connection.end("another connection took its place", Ending.REPLACED)
            session = self.sessions.setdefault(client.session, Session())
        session.connection = connection
        session.since = time.monotonic()
        session.kept = session.durable
        session.durable = not clean
        if clean:
            session.filters.clear()
        return session

    def leave(self, client: Client, session: Session) -> None:
        """The connection of a session is gone."""
        session.connection = None
        if not session.durable:
            self.sessions.pop(client.session, None)

    def forget_offline(self) -> None:
        """The broker lost every session."""
        for key, session in list(self.sessions.items()):
            session.filters.clear()
            if session.connection is None:
                del self.sessions[key]

    def swallowed(self, what: str) -> bool:
        """See Shared."""
        if self._swallow[what] == 0:
            return False
        self._swallow[what] -= 1
        return True

    def swallowing(self, what: str) -> Fault:
        """See Shared."""

        def set_count(request: Mapping[str, Any]) -> None:
            self._swallow[what] = int(request.get("n", 1))

        return quickly(set_count)

    def answered(self, cloud: Cloud, publish: Publish) -> None:
        """Hand a device's answer to the command that waits for it."""
        if not self._waiting or (found := cloud.reply(publish)) is None:
            return
        key, body = found
        future = self._waiting.get(key)
        if future is not None and not future.done():
            future.set_result(body)

    def offer(self, cloud: str, broker_topic: str, payload: bytes) -> bool | None:
        """See Shared."""
        rules = self.clouds[cloud]
        reader = rules.fetcher(broker_topic)
        if reader is None or reader in self.sessions:
            return None
        return rules.keep(reader, broker_topic, payload)

    def find(self, cloud: str, name: str | None) -> Device:
        """A registered device or gateway by name, label, or a label's end ("type/id").

        Without a name it is the one on line, or the first.

        raises: NotDeliveredError.
        """
        if cloud not in self.clouds:
            known = ", ".join(self.clouds)
            raise NotDeliveredError(f"there is no cloud {cloud!r}; use one of: {known}")
        if name:
            named = self.store.named(cloud, name.rpartition("/")[2])
            devices = [d for d in named if d.kind != "application"]
            found = [d for d in devices if f"/{d.label}".endswith(f"/{name}")]
        else:
            found = self._usual(cloud)
        if len(found) != 1:
            count = "several devices" if found else "no device"
            every = (d.label for d in found or self.store.each(cloud) if d.kind != "application")
            some = list(itertools.islice(every, _NAMED + 1))
            known = ", ".join(some[:_NAMED]) + (", ..." if len(some) > _NAMED else "")
            raise NotDeliveredError(f"{cloud} has {count} named {name!r}; it has: {known}")
        return found[0]

    def _usual(self, cloud: str) -> list[Device]:
        """The device that is meant where none is named, if there is any: on line, or the first."""
        there = [
            c.client.device
            for c in self.connections
            if c.cloud_name == cloud and c.client and c.client.device.kind != "application"
        ]
        if len(there) == 1:  # not looked for among thousands
            (only,) = there
            if found := self.store.device(cloud, only.kind, only.product, only.name):
                return [found]
        session_of = self.clouds[cloud].session_of
        first: list[Device] = []
        for device in self.store.each(cloud):
            if device.kind == "application":
                continue
            if self._online(session_of(device)):
                return [device]
            first = first or [device]
            if not there:
                break
        return first

    def online(self) -> dict[str, list[str]]:
        """The labels of who is connected by MQTT, by cloud; not who is behind a gateway."""
        labels: dict[str, list[str]] = {cloud: [] for cloud in self.clouds}
        for connection in self.connections:
            if connection.client is not None:
                labels[connection.cloud_name].append(connection.client.device.label)
        return labels

    def _online(self, key: str) -> bool:
        session = self.sessions.get(key)
        return session is not None and session.connection is not None

    async def command(
        self, cloud: str, name: str, data: dict[str, Any], device: str | None, timeout_s: float
    ) -> dict[str, Any]:
        """Send a command and wait for the device's reply where the cloud has one.

        returns: {"sent": True, "topic", "device"} and "reply" (the reply's JSON) where there is
        one, or "queued": True when a durable session, or a device by HTTP, gets it later.
        raises: NotDeliveredError.
        """
        target = self.find(cloud, device)
        self.journal.add("command", cloud=cloud, device=target.label, name=name, data=data)
        rules = self.clouds[cloud]
        try:
            order = rules.order(target, name, data, str(next(self._message_ids)))
        except BadCommandError as error:
            raise NotDeliveredError(str(error)) from None
        topic = rules.broker_order(target, order.topic)
        if not topics.fit(topic):
            raise NotDeliveredError(f"{name!r} is too long, or holds control characters")
        session = self.sessions.get(rules.session_of(target))
        answer: dict[str, Any] = {"sent": True, "topic": order.topic, "device": target.label}
        if (fetched := self.offer(cloud, topic, order.payload)) is not None:
            self.platform.publish(Publish(topic, order.payload, qos=1))  # applications listen, too
            return answer if fetched else answer | {"queued": True}
        online = session is not None and session.connection is not None
        if order.kept and not (session and online and _hears(session, topic)):
            return answer | {"queued": True}
        listening = session if online or order.qos else None  # QoS 0 does not wait
        await self._check_listening(target, listening, topic, order.topic)
        waiting = (order.reply_topic or "", order.message_id or "")
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[waiting] = future
        try:
            if not self.platform.publish(Publish(topic, order.payload, qos=order.qos)):
                raise NotDeliveredError("the broker is down (fault kill_broker?)")
            if not online:
                return answer | {"queued": True}
            if order.reply_topic is None:
                return answer
            async with asyncio.timeout(timeout_s):
                return answer | {"reply": await future}
        except TimeoutError:
            raise NotDeliveredError(
                f"{target.label} did not reply within {timeout_s:g} s on {order.reply_topic}"
            ) from None
        finally:
            del self._waiting[waiting]

    async def _check_listening(
        self, target: Device, session: Session | None, broker_topic: str, topic: str
    ) -> None:
        """Give a device that has just connected the time to subscribe.

        raises: NotDeliveredError when it is not there, or does not listen.
        """
        listener = target.gateway or target.label
        if session is None:
            hint = self.clouds[target.cloud].offline_hint
            raise NotDeliveredError(f"{listener} is not connected{hint}")
        while not _hears(session, broker_topic):
            if session.connection is not None and time.monotonic() < session.since + _SUBSCRIBES_S:
                await asyncio.sleep(_SOON_S)
                continue
            raise NotDeliveredError(f"{listener} has not subscribed to {topic}")


def _hears(session: Session, broker_topic: str) -> bool:
    return any(topics.matches(each, broker_topic) for each in session.filters)
