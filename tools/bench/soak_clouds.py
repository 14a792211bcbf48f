"""Which cloud takes the reports of a soak, how does it fail, and which reports has it?"""

import contextlib
import socket
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from tools.bench.boards_twin import start
from tools.bench.mqtt_stand_in import StandIn, count
from tools.twin.doors import DOORS
from tools.twin.process import TwinProcess


class Way(NamedTuple):
    """A way in. key: of the command line. heap_kib: what the documented smallest heap is, with its
    room. is_stood_in: by mqtt_stand_in, not the twin.
    """

    key: str
    cloud: str
    way: str
    heap_kib: int
    title: str
    is_stood_in: bool = False


WAYS = (
    Way("mqtt", "watson", "mqtt", 73, "MQTT", True),
    Way("enos-mqtt", "enos", "mqtt", 73, "MQTT, EnOS"),
    Way("mqtts", "alibaba", "mqtts", 73, "MQTT, TLS"),
    Way("wss", "watson", "wss", 79, "WebSocket, TLS"),
    Way("alibaba-https", "alibaba", "https", 68, "HTTPS, Alibaba"),
    Way("watson-https", "watson", "https", 65, "HTTPS, Watson"),
    Way("coap", "alibaba", "coap", 64, "CoAP, AES"),
    Way("coaps", "alibaba", "coaps", 70, "CoAP, DTLS"),
)
"""Heaps as host_tests/device/test_heap.py documents them."""


class Cloud(Protocol):
    """What stands at the other end."""

    def config(self) -> dict[str, Any]:
        """What device.json needs."""

    def down(self) -> None:
        """Be gone, and let nobody in."""

    def up(self) -> None:
        """Be there again, with what it has."""

    def times(self) -> bytearray:
        """How often it has each report, by number; the cloud is gone then."""


class _Broker:
    """The stand-in, as Watson's device sees it."""

    def __init__(self, broker: StandIn) -> None:
        self._broker = broker

    def config(self) -> dict[str, Any]:
        """See Cloud."""
        return self._broker.config()

    def down(self) -> None:
        """See Cloud."""
        self._broker.is_down = True

    def up(self) -> None:
        """See Cloud."""
        self._broker.is_down = False

    def times(self) -> bytearray:
        """See Cloud."""
        return self._broker.times


class _Twin:
    """The twin, which is ended and started again on the same ports."""

    def __init__(self, twin: TwinProcess, way: Way, reports: int) -> None:
        self._twin, self._way, self._reports = twin, way, reports

    def config(self) -> dict[str, Any]:
        """See Cloud."""
        return self._twin.device_config(self._way.cloud, self._way.way)

    def down(self) -> None:
        """See Cloud."""
        self._twin.stop()

    def up(self) -> None:
        """See Cloud."""
        start(self._twin)

    def times(self) -> bytearray:
        """See Cloud."""
        self._twin.stop()
        times = bytearray(self._reports)
        with contextlib.closing(sqlite3.connect(self._twin.ready["database"])) as database:
            for (payload,) in database.execute(
                "SELECT payload FROM messages WHERE direction='up' AND status='stored'"
            ):
                count(payload if isinstance(payload, bytes) else payload.encode(), times)
        return times


@contextlib.contextmanager
def cloud(way: Way, reports: int, folder: Path) -> Iterator[Cloud]:
    """Gives the far end for a soak of so many reports; `folder` gets device.json's CA."""
    ca = folder / "ca.pem"
    if way.is_stood_in:
        ca.touch()
        with StandIn(reports) as broker:
            yield _Broker(broker)
        return
    twin = TwinProcess(folder, {door.key: _free(door.address, door.kind) for door in DOORS})
    with start(twin):
        ca.write_bytes(Path(twin.ready["ca_file"]).read_bytes())
        yield _Twin(twin, way, reports)


def _free(address: str, kind: socket.SocketKind) -> int:
    with socket.socket(socket.AF_INET, kind) as here:
        here.bind((address, 0))
        port: int = here.getsockname()[1]
        return port
