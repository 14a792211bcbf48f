"""Which broker stands on loopback, and how is it as far away as a round trip takes?"""

import asyncio
import contextlib
import functools
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tools.bench.background import Background
from tools.bench.boards_twin import tls_of_boards
from tools.mosquitto import free_port, mosquitto
from tools.pki.authority import Authority

_CONFIG = """\
listener {port} 127.0.0.1
allow_anonymous true
max_queued_messages 0
set_tcp_nodelay true
log_dest none
"""


@contextlib.contextmanager
def broker(folder: Path, settings: str = "") -> Iterator[int]:
    """A plain mosquitto while the context lasts; gives its port.

    folder: for its configuration. settings: more lines of it.
    raises: UserError when it does not start.
    """
    port = free_port("127.0.0.1")
    with mosquitto(folder, _CONFIG.format(port=port) + settings, ("127.0.0.1", port)):
        yield port


def device_json(port: int) -> dict[str, Any]:
    """A device.json in Watson's words for a broker that asks for no login."""
    return {
        "cloud": "watson",
        "host": "broker.test",
        "address": "127.0.0.1",
        "port": port,
        "tls": False,
        "insecure": True,
        "org_id": "signet",
        "type_id": "bench",
        "device_id": "device-1",
        "token": "not-a-secret",
    }


@contextlib.contextmanager
def broker_of_boards(folder: Path) -> Iterator[tuple[dict[str, Any], Path]]:
    """A mosquitto that speaks TLS 1.2; gives a board's device.json, and the CA's certificate.

    folder: for its files.
    """
    authority = Authority(folder / "ca")
    server = authority.server(["broker.test"], folder / "server.pem")
    with contextlib.ExitStack() as stack:
        with tls_of_boards(folder):
            settings = f"certfile {server}\nkeyfile {server}\n"
            port = stack.enter_context(broker(folder, settings))
        values = {
            "cloud": "broker",
            "way": "mqtt",
            "host": "broker.test",
            "address": "127.0.0.1",
            "port": port,
            "tls": True,
            "client_id": "device-1",
            "user": "device-1",
            "password": "not-a-secret",
        }
        yield values, authority.certificate_file


class Far(Background):
    """A relay that hands on every byte later; a context manager.

    port: of the server on loopback. delay_s: each way.
    """

    def __init__(self, port: int, delay_s: float) -> None:
        super().__init__(name="far relay", daemon=True)
        self._server = port
        self._delay_s = delay_s
        self._loop = asyncio.new_event_loop()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._ended = asyncio.Event()

    def run(self) -> None:
        """Serve until the end."""
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._connect, sock=self._listener)
        await self._ended.wait()
        server.close()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.CancelledError):  # the end, or no server
            there, back = await asyncio.open_connection("127.0.0.1", self._server)
            await asyncio.gather(self._pump(reader, back), self._pump(there, writer))

    async def _pump(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        """asyncio sets TCP_NODELAY by itself."""
        data = b" "
        while data:
            data = b""
            with contextlib.suppress(OSError):
                data = await source.read(65_536)
            later = functools.partial(target.write, data) if data else target.close
            self._loop.call_later(self._delay_s, later)

    def stop(self) -> None:
        """See Background."""
        self._loop.call_soon_threadsafe(self._ended.set)
        self.join()
