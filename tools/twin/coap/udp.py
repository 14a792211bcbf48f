"""How does a relay between a client and a server on loopback handle its UDP sockets and clients?

Everything runs on the event loop and nothing waits: what cannot be sent at once is lost.
"""

import asyncio
import contextlib
import socket
import time
from collections.abc import Callable
from typing import Generic, TypeVar

Address = tuple[str, int]
"""Host and port of an IPv4 socket."""

LARGEST = 65535
MOST_CLIENTS = 8192
"""More than a twin holds; it is there against a flood of addresses."""
IDLE_S = 600.0
_BURST = 64  # datagrams read before others get a turn

Client = TypeVar("Client")


def receive(receiver: socket.socket, handle: Callable[[bytes, Address], None]) -> None:
    """From now on call `handle` with each datagram that arrives and its sender's address."""
    receiver.setblocking(False)
    asyncio.get_running_loop().add_reader(receiver, _drain, receiver, handle)


def _drain(receiver: socket.socket, handle: Callable[[bytes, Address], None]) -> None:
    for _ in range(_BURST):
        try:
            datagram, sender = receiver.recvfrom(LARGEST)
        except BlockingIOError:
            return
        except OSError:  # nobody listened for an earlier datagram (ICMP), or `handle` closed it
            if receiver.fileno() < 0:
                return
            continue
        handle(datagram, sender)


def send(sender: socket.socket, datagram: bytes, address: Address | None = None) -> None:
    """Send to `address`, or to where `sender` is connected; what cannot be sent is lost."""
    with contextlib.suppress(OSError):
        if address is None:
            sender.send(datagram)
        else:
            sender.sendto(datagram, address)


def connected(backend: Address) -> socket.socket:
    """A socket with a port of its own that speaks to `backend` only."""
    opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    opened.connect(backend)
    return opened


def close(opened: socket.socket) -> None:
    """Read no more from a socket, and close it."""
    if opened.fileno() >= 0:
        asyncio.get_running_loop().remove_reader(opened)
        opened.close()


class Clients(Generic[Client]):
    """Who speaks to a relay, by address.

    most: above this many, the one that was silent longest is ended.
    idle_s: who is silent for so long is ended. on_end: called with each client that is ended.
    """

    def __init__(self, most: int, idle_s: float, on_end: Callable[[Client], None]) -> None:
        self._most = most
        self._idle_s = idle_s
        self._on_end = on_end
        self._clients: dict[Address, tuple[Client, float]] = {}  # silent longest first
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._clients)

    def get(self, address: Address) -> Client | None:
        """The client there, which is not silent now."""
        found = self._clients.pop(address, None)
        if found is None:
            return None
        self._clients[address] = (found[0], time.monotonic())
        return found[0]

    def add(self, address: Address, client: Client) -> Client:
        """Keep a new client; returns it."""
        self.end(address)
        self._clients[address] = (client, time.monotonic())
        if len(self._clients) > self._most:
            self.end(next(iter(self._clients)))
        self._watch()
        return client

    def end(self, address: Address) -> None:
        """Forget the client there, if any."""
        found = self._clients.pop(address, None)
        if found is not None:
            self._on_end(found[0])

    def end_all(self) -> None:
        """Forget everybody."""
        while self._clients:
            self.end(next(iter(self._clients)))
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _watch(self) -> None:
        if self._timer is None and self._clients:
            _, heard = next(iter(self._clients.values()))
            wait_s = max(0.0, heard + self._idle_s - time.monotonic())
            self._timer = asyncio.get_running_loop().call_later(wait_s, self._end_idle)

    def _end_idle(self) -> None:
        self._timer = None
        before = time.monotonic() - self._idle_s
        for address, (_, heard) in list(self._clients.items()):
            if heard > before:
                break
            self.end(address)
        self._watch()
