"""What does a bad network do to datagrams between a client and a server?

A UDP proxy that drops, duplicates, reorders and delays them, and that gives a client a new source
port as a NAT does whose entry timed out (RFC 4787, section 4.3). The two directions decide apart,
each by its own random numbers, so that a run can be repeated by its seed.
"""

import asyncio
import random
import socket
from collections import Counter

from tools.twin.coap import udp
from tools.twin.coap.udp import Address
from tools.twin.options import Losses

_HOLD_S = 0.25  # a datagram held back for reordering goes on alone after this


async def serve(listener: socket.socket, backend: Address, losses: Losses) -> "Proxy":
    """Stand between clients of `listener`, a bound UDP socket, and the server at `backend`."""
    return Proxy(listener, backend, losses)


class _Client:
    """One client's socket towards the server, and what is held back for it, by direction."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self.socket: socket.socket | None = None
        self.sent = 0
        self.held: dict[str, tuple[list[bytes], asyncio.TimerHandle]] = {}


class Proxy:
    """The network between all clients of one server.

    counts: by "up" (to the server) and "down": how many "arrived", were "dropped", "duplicated",
    "reordered", "forwarded"; and under "up" how many source ports were "rebound".
    """

    def __init__(self, listener: socket.socket, backend: Address, losses: Losses) -> None:
        self._listener = listener
        self._backend = backend
        self._clients = udp.Clients(udp.MOST_CLIENTS, udp.IDLE_S, self._forget)
        self.counts: dict[str, Counter[str]] = {"up": Counter(), "down": Counter()}
        self.change(losses)
        udp.receive(listener, self._from_client)

    def change(self, losses: Losses) -> None:
        """From now on these losses, their random numbers from the start."""
        self._losses = losses
        self._random = {way: random.Random(f"{losses.seed} {way}") for way in ("up", "down")}  # noqa: S311

    def close(self) -> None:
        """End every client and the listener."""
        self._clients.end_all()
        udp.close(self._listener)

    def _forget(self, client: _Client) -> None:
        for _, timer in client.held.values():
            timer.cancel()
        client.held.clear()
        if client.socket is not None:
            udp.close(client.socket)
            client.socket = None

    def _from_client(self, datagram: bytes, address: Address) -> None:
        client = self._clients.get(address) or self._clients.add(address, _Client(address))
        self._decide("up", client, datagram)

    def _decide(self, way: str, client: _Client, datagram: bytes) -> None:
        counts, losses = self.counts[way], self._losses
        counts["arrived"] += 1
        # Three numbers each time, so that changing one rate leaves the other decisions alone.
        drop, duplicate, reorder = (self._random[way].random() for _ in range(3))
        if drop < losses.drop:
            counts["dropped"] += 1
            return
        copies = [datagram]
        if duplicate < losses.duplicate:
            counts["duplicated"] += 1
            copies *= 2
        if reorder < losses.reorder and way not in client.held:
            counts["reordered"] += 1
            loop = asyncio.get_running_loop()
            timer = loop.call_later(_HOLD_S, self._release, way, client)
            client.held[way] = (copies, timer)
            return
        self._forward(way, client, copies)
        self._release(way, client)

    def _release(self, way: str, client: _Client) -> None:
        if way in client.held:
            copies, timer = client.held.pop(way)
            timer.cancel()
            self._forward(way, client, copies)

    def _forward(self, way: str, client: _Client, copies: list[bytes]) -> None:
        send = self._to_server if way == "up" else self._to_client
        for datagram in copies:
            if self._losses.delay_ms:
                loop = asyncio.get_running_loop()
                loop.call_later(self._losses.delay_ms / 1000, send, client, datagram)
            else:
                send(client, datagram)

    def _to_server(self, client: _Client, datagram: bytes) -> None:
        every = self._losses.rebind_every
        if client.socket is not None and every and client.sent and client.sent % every == 0:
            udp.close(client.socket)
            client.socket = None
            self.counts["up"]["rebound"] += 1
        if client.socket is None:
            client.socket = udp.connected(self._backend)
            udp.receive(client.socket, lambda reply, _: self._decide("down", client, reply))
        client.sent += 1
        self.counts["up"]["forwarded"] += 1
        udp.send(client.socket, datagram)

    def _to_client(self, client: _Client, datagram: bytes) -> None:
        self.counts["down"]["forwarded"] += 1
        udp.send(self._listener, datagram, client.address)
