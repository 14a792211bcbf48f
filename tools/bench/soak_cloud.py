"""Where do the reports of a soak go, how is it gone for a while, and which reports has it?"""

import contextlib
import re
import socket
import sqlite3
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from tools.bench.boards_twin import start
from tools.twin.clouds.doors import DOORS
from tools.twin.process import TwinProcess

_NUMBER = re.compile(rb'"n": ?(?:\{"value": ?)?(\d+)')


class Way(NamedTuple):
    """A way in. key: of the command line. each_ms: between reports, at least: RFC 7252 has 32,768
    message ids for 247 s.
    """

    key: str
    cloud: str
    way: str
    heap_kib: int
    title: str
    each_ms: int = 0


WAYS = (
    Way("mqtt", "watson", "mqtt", 82, "MQTT"),
    Way("enos-mqtt", "enos", "mqtt", 78, "MQTT, EnOS"),
    Way("mqtts", "alibaba", "mqtts", 83, "MQTT, TLS"),
    Way("wss", "watson", "wss", 87, "WebSocket, TLS"),
    Way("alibaba-https", "alibaba", "https", 83, "HTTPS Alibaba"),
    Way("watson-https", "watson", "https", 82, "HTTPS Watson"),
    Way("coap", "alibaba", "coap", 83, "CoAP, AES", 8),
    Way("coaps", "alibaba", "coaps", 86, "CoAP, DTLS", 8),
)
"""Heaps in which a soak is whole: those of host_tests/device/test_heap.py and about 20 KiB, for
what watches and for signet as it is, not linked."""


class Cloud:
    """The twin, which is ended and started again on the same ports; a context manager.

    folder: gets its registry, and the ca.pem of devices.
    """

    def __init__(self, way: Way, folder: Path) -> None:
        self._way, self._folder = way, folder
        ports = {door.key: _free(door.address, door.kind) for door in DOORS}
        self._twin = TwinProcess(folder, ports)

    def __enter__(self) -> Self:
        self.up()
        ca = Path(self._twin.ready["ca_file"])
        (self._folder / "ca.pem").write_bytes(ca.read_bytes())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.down()

    def config(self) -> dict[str, Any]:
        """What device.json needs."""
        return self._twin.device_config(self._way.cloud, self._way.way)

    def down(self) -> None:
        """Be gone."""
        self._twin.stop()

    def up(self) -> None:
        """Be there again, with what it has."""
        start(self._twin)

    def times(self, reports: int) -> bytearray:
        """How often it has each of so many reports, by number; it ends."""
        self.down()
        times = bytearray(reports)
        with contextlib.closing(sqlite3.connect(self._twin.ready["database"])) as database:
            for (payload,) in database.execute(
                "SELECT payload FROM messages WHERE direction='up' AND status='stored'"
            ):
                found = _NUMBER.search(bytes(payload))
                if found:
                    number = int(found[1])
                    times[number] = min(255, times[number] + 1)
        return times


def _free(address: str, kind: socket.SocketKind) -> int:
    with socket.socket(socket.AF_INET, kind) as here:
        here.bind((address, 0))
        port: int = here.getsockname()[1]
        return port
