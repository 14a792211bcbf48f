"""How many datagrams, and how many bytes, pass between a device and a server?

A UDP relay that counts. Sizes are those of IPv4 packets: payload, 8 bytes of UDP, 20 of IP.
"""

import contextlib
import selectors
import socket
import threading
from typing import NamedTuple

from tools.bench.background import Background

HEADERS_BYTES = 28
_QUIET_S = 0.05  # on loopback nothing is under way for longer


class Traffic(NamedTuple):
    """IP packets and their bytes: up is from the device to the server."""

    packets_up: int = 0
    packets_down: int = 0
    bytes_up: int = 0
    bytes_down: int = 0

    @property
    def packets(self) -> int:
        """Both ways."""
        return self.packets_up + self.packets_down

    @property
    def bytes(self) -> int:
        """Both ways."""
        return self.bytes_up + self.bytes_down


class Relay(Background):
    """Stands between devices and one server, and counts; a context manager.

    server: address and port of the server. port: where it listens, if it can; 0: at the server's.
    """

    def __init__(self, server: tuple[str, int], port: int = 0) -> None:
        super().__init__(name="counting relay", daemon=True)
        self._server = server
        self._listener = _socket()
        # The server's port, where that is free here: a device may say it in Uri-Port.
        try:
            self._listener.bind(("127.0.0.1", port or server[1]))
        except OSError:
            self._listener.bind(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._upstream: dict[tuple[str, int], socket.socket] = {}
        self._changed = threading.Condition()
        self._traffic = Traffic()
        self._closing = False

    def take(self) -> Traffic:
        """Wait until nothing is under way; returns what has passed since the last call."""
        with self._changed:
            while self._changed.wait(_QUIET_S):
                pass
            taken, self._traffic = self._traffic, Traffic()
            return taken

    def run(self) -> None:
        """Relay until the end."""
        while not self._closing:
            for key, _ in self._selector.select(0.1):
                client: tuple[str, int] | None = key.data
                with contextlib.suppress(BlockingIOError, ConnectionError):
                    if client is None:
                        data, client = self._listener.recvfrom(65_535)
                        self._count(Traffic(1, 0, len(data) + HEADERS_BYTES, 0))
                        self._towards_server(client).send(data)
                    else:
                        data = self._upstream[client].recv(65_535)
                        self._count(Traffic(0, 1, 0, len(data) + HEADERS_BYTES))
                        self._listener.sendto(data, client)

    def _count(self, more: Traffic) -> None:
        with self._changed:
            self._traffic = Traffic(*map(sum, zip(self._traffic, more, strict=True)))
            self._changed.notify_all()

    def _towards_server(self, client: tuple[str, int]) -> socket.socket:
        """A socket of its own for each client, as a NAT has a port."""
        if client not in self._upstream:
            upstream = self._upstream[client] = _socket()
            upstream.connect(self._server)
            self._selector.register(upstream, selectors.EVENT_READ, client)
        return self._upstream[client]

    def stop(self) -> None:
        """See Background."""
        self._closing = True
        self.join()
        self._selector.close()
        for each in (self._listener, *self._upstream.values()):
            each.close()


def _socket() -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.setblocking(False)
    return made
