"""How do the parts become clouds: start in order, say what is ready, end in order?"""

import asyncio
import contextlib
import fcntl
import functools
import gc
import json
import os
import shutil
import signal
import socket
import sqlite3
from collections.abc import Callable, Coroutine, Iterator, Mapping
from pathlib import Path
from typing import Any

from tools.pki.authority import Authority
from tools.pki.keys import write_file
from tools.scratch import scratch
from tools.twin import accept, descriptors, listen
from tools.twin.broker.broker import Broker
from tools.twin.broker.existing import ExistingBroker
from tools.twin.broker.mosquitto import Mosquitto
from tools.twin.clouds import CLOUDS, doors
from tools.twin.clouds.shared import Report
from tools.twin.coap.doors import CoapDoors
from tools.twin.faults import Fault
from tools.twin.hub import control
from tools.twin.hub.hub import Hub
from tools.twin.options import Options
from tools.twin.page import redirect
from tools.twin.page.live import Page
from tools.twin.ready import RUNNING
from tools.twin.registry.certificates import Certificates
from tools.twin.registry.store import Device, Store, open_store
from tools.twin.tls.contexts import Contexts
from tools.twin.tls.handshake import keep_names_quiet
from tools.twin.trace.recorder import Recorder
from tools.twin.web.doors import HttpDoors
from tools.ui import UserError

_SOCKET_PATH_BYTES = 100  # sun_path has 104 to 108
_GARBAGE = 10_000  # new objects that are searched for it; Python's own is 700


class Twin:
    """Clouds on loopback."""

    def __init__(self, options: Options, report: Report) -> None:
        self._options = options
        self._report = report
        self._tasks: set[asyncio.Task[None]] = set()
        self._emptying: asyncio.Task[None] | None = None

    async def run(self, on_ready: Callable[[dict[str, Any]], None]) -> None:
        """Serve until SIGINT or SIGTERM. on_ready: gets the contents of the ready file.

        raises: UserError when a port is taken, mosquitto is missing, or the folder is in use.
        """
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        keep_names_quiet()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        async with contextlib.AsyncExitStack() as stack:
            if self._options.ready_file is not None:
                self._options.ready_file.unlink(missing_ok=True)  # of one that was killed
            ready = await self._start(stack)
            # What is loaded stays, and each of thousands of connections for long: to search them
            # for garbage took a third of a login's and of a report's time (`signet bench twin`).
            gc.freeze()
            gc.set_threshold(_GARBAGE)
            text = json.dumps(ready, indent=2) + "\n"
            for file in (self._options.state / RUNNING, self._options.ready_file):
                if file is not None:
                    write_file(file, text.encode(), 0o600)
                    stack.callback(file.unlink, missing_ok=True)
            on_ready(ready)
            issuers = {name: each.certificate_file.read_text() for name, each in self._issuers()}
            self._hub.journal.add("ready", clouds=_ports(ready["clouds"]), issuers=issuers)
            await stop.wait()

    def _issuers(self) -> Iterator[tuple[str, Authority]]:
        """The CA of devices of each cloud that has one."""
        for cloud in CLOUDS.values():
            if cloud.ca:
                yield cloud.name, Authority(self._options.state / cloud.name, cloud.ca)

    async def _start(self, stack: contextlib.AsyncExitStack) -> dict[str, Any]:
        state = self._options.state
        state.mkdir(parents=True, exist_ok=True, mode=0o700)
        stack.enter_context(_only_one(state))
        folder = _run_folder(stack, state)
        store = self._registry(stack)
        devices = [
            ready_device(store, cloud.name, *entry)
            for cloud in CLOUDS.values()
            for entry in cloud.ready
        ]
        products = {d.cloud: d.product.split("/")[0] for d in devices}
        authority = Authority(state)

        broker = self._broker(folder)
        self._hub = hub = Hub(store, broker, self._report)
        for rules in hub.clouds.values():
            rules.start(self._options)
        self._record(stack, hub)
        stack.push_async_callback(broker.stop)
        stack.push_async_callback(hub.platform.stop)
        await broker.start()
        await hub.platform.start()

        hosts = [door.host.format(product=products[door.cloud]) for door in doors.DOORS]
        names = doors.server_names(hosts)
        issuers = dict(self._issuers())
        contexts = Contexts(Certificates(store), authority, names, folder, issuers)
        coap = CoapDoors(hub, contexts.usual, self._options.losses)
        http = HttpDoors(hub, self._options.http_per_s)
        stack.push_async_callback(coap.close)
        clouds: dict[str, Any] = {}
        for door, host in zip(doors.DOORS, hosts, strict=True):
            wanted = self._options.ports.get(door.key)
            listener, why = listen.listen(door, wanted)
            address, port = listener.getsockname()
            if door.kind == socket.SOCK_DGRAM:
                await coap.open(door, listener)
            else:
                service = http.services[door.cloud] if "http" in door.speaks else None
                server = await accept.serve(hub, door, listener, contexts, service)
                stack.callback(server.close)
            if why:
                text = f"port {door.port} of {address} is {why}; it is at port {port} this time"
                self._report("twin", door.key, "moved", text)
            way = {"address": address, "port": port, "tls": door.tls, "host": host}
            clouds.setdefault(door.cloud, {"ways": {}})["ways"].update(door.ways(way))
        stack.push_async_callback(self._hub.end_connections, "the twin stops")
        for device in devices:
            clouds[device.cloud][device.kind] = CLOUDS[device.cloud].identity(device)
        for name, rules in hub.clouds.items():
            clouds[name].update(rules.facts(products[name]))
        path = folder / "control.sock"
        faults = {**self._faults(), **coap.faults(), **http.faults(), **contexts.faults()}
        for rules in hub.clouds.values():
            faults |= rules.faults(hub)
        counts = {"datagrams": coap.datagrams, "http": http.counts, "online": hub.online}
        server = await control.serve(hub, path, faults, counts)
        stack.callback(server.close)
        ready = {
            "pid": os.getpid(),
            "ca_file": str(authority.certificate_file.resolve()),
            "control": str(path.resolve()),
            "database": str(store.path.resolve()),
            "clouds": clouds,
        }
        make = functools.partial(Page, hub, faults, clouds, lambda: coap.losses)
        return ready | await self._page(stack, make)

    async def _page(
        self, stack: contextlib.AsyncExitStack, make: Callable[[], Page]
    ) -> dict[str, str]:
        """Open the page, where there shall be one; what the ready file has of it."""
        if self._options.page is None:
            return {}
        page = await make().start(self._options.page)
        stack.push_async_callback(page.stop)
        stack.callback(redirect.write(page.address, self._options.state).unlink, missing_ok=True)
        return {"page": page.address}

    def _record(self, stack: contextlib.AsyncExitStack, hub: Hub) -> None:
        """Write a trace, where one is wanted."""
        if (file := self._options.record) is not None:
            full = functools.partial(hub.report, "twin", "trace", "fault")
            recorder = Recorder(file, hub.store, self._options, list(hub.clouds), full)
            stack.callback(recorder.close)

    def _registry(self, stack: contextlib.AsyncExitStack) -> Store:
        """The registry; and room for as many connections as it has devices, if there is."""
        store = open_store(self._options.state)
        stack.callback(store.close)
        store.batch.in_rounds(asyncio.get_running_loop().call_soon, self._not_filed)

        def report(text: str) -> None:
            self._report("twin", "open files", "short", text)

        if text := descriptors.shortage(descriptors.raise_limit(), store.count()):
            report(text)
        descriptors.watch(report)
        return store

    def _broker(self, folder: Path) -> Broker:
        """The one that exists, or one of the twin's own. folder: of this run."""
        options = self._options
        if options.broker is None:
            return Mosquitto(folder, options.state / "mosquitto.log", self._broker_died)
        existing = ExistingBroker.of(options.broker, options.broker_ca)
        self._report("twin", "MQTT broker", "used", existing.name)
        return existing

    def _not_filed(self, error: sqlite3.Error) -> None:
        """Devices wait for a PUBACK that never comes: let them send again, once connected anew."""
        if self._emptying is None or self._emptying.done():
            text = f"cannot be put on file ({error}); is there room in {self._options.state}?"
            self._report("twin", "messages", "fault", f"{text} Devices have to send again")
        reason = "what it sent cannot be put on file"  # also what has come since the last time
        self._emptying = self._soon(self._hub.end_connections(reason, http=False))

    def _soon(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _broker_died(self) -> None:
        self._report("twin", "mosquitto", "fault", "ended by itself; starting it again")
        self._soon(self._restart_broker())

    async def _restart_broker(self) -> None:
        await self._hub.end_connections("the broker is gone", http=False)
        await self._start_broker({})

    def _faults(self) -> Mapping[str, Fault]:
        return {
            "kill_broker": self._kill_broker,
            "start_broker": self._start_broker,
            "drop_connections": self._drop_connections,
            "swallow_replies": self._hub.swallowing("replies"),
            "swallow_pubacks": self._hub.swallowing("pubacks"),
        }

    async def _kill_broker(self, _request: Mapping[str, Any]) -> None:
        await self._hub.broker.kill()
        await self._hub.end_connections("the broker is gone", http=False)
        self._hub.forget_offline()

    async def _start_broker(self, _request: Mapping[str, Any]) -> None:
        if not self._hub.broker.ours:
            raise UserError("the broker is not the twin's own; start it where it runs")
        self._hub.forget_offline()
        await self._hub.broker.start()
        await self._hub.platform.start()

    async def _drop_connections(self, request: Mapping[str, Any]) -> None:
        cloud, device = request.get("cloud"), request.get("device")
        await self._hub.end_connections("dropped on demand", cloud, device)


def _ports(clouds: Mapping[str, Any]) -> dict[str, dict[str, int]]:
    return {
        name: {way: door["port"] for way, door in entry["ways"].items()}
        for name, entry in clouds.items()
    }


def ready_device(store: Store, cloud: str, kind: str, product: str, name: str) -> Device:
    """The device of that name, made with a new secret where it is not there yet."""
    found = store.device(cloud, kind, product, name)
    return found or store.add(cloud, kind, product, name, secret=CLOUDS[cloud].new_secret())


@contextlib.contextmanager
def _only_one(state: Path) -> Any:
    """Hold the state folder's lock. raises: UserError while another twin has it."""
    with (state / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise UserError(
                f"another twin runs in {state}; end it, or choose another folder with --state"
            ) from None
        yield


def _run_folder(stack: contextlib.AsyncExitStack, state: Path) -> Path:
    """Where sockets of this run lie: in the state folder, unless its path is too long."""
    folder = state / "run"
    if len(os.fsencode(folder.resolve())) + len("/mosquitto.sock") > _SOCKET_PATH_BYTES:
        return Path(stack.enter_context(scratch()))
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    stack.callback(shutil.rmtree, folder, ignore_errors=True)
    return folder.resolve()
