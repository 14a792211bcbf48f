"""What is between a modem and the servers?  Real UDP sockets, and a network that can be bad."""

import asyncio
import random
import socket
from collections import Counter, deque
from collections.abc import Callable

from tools.modem.switches import Switches
from tools.twin.coap import udp
from tools.twin.coap.udp import Address

_MOST_WAITING = 8


class Socket:
    """One of the modem's.

    number: what the AT commands call it.
    peer: only its datagrams are taken; None: anybody's.
    waiting: what came and was not read yet, with its sender.
    taken: bytes of the first of `waiting` that were read already.
    push: data go to the board as they come.
    """

    def __init__(self, number: int, local: int, peer: Address | None, push: bool) -> None:
        self.number = number
        self.peer = peer
        self.push = push
        self.waiting: deque[tuple[bytes, Address]] = deque()
        self.taken = 0
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self.udp.bind(("", local))
        except OSError:
            self.udp.close()
            raise
        self.local = self.udp.getsockname()[1]

    @property
    def unread(self) -> int:
        """Bytes that wait to be read."""
        return sum(len(datagram) for datagram, _ in self.waiting) - self.taken

    def read(self, most: int) -> tuple[bytes, Address] | None:
        """At most so many bytes of the first datagram; its rest is for the next read."""
        if not self.waiting:
            return None
        datagram, sender = self.waiting[0]
        part = datagram[self.taken : self.taken + most]
        self.taken += len(part)
        if self.taken >= len(datagram):
            self.waiting.popleft()
            self.taken = 0
        return part, sender


class Air:
    """All sockets of a modem, and what becomes of their datagrams.

    arrived: called with a socket and a datagram that came for it, before it waits there.
    on_air: called with "up" or "down" for each that the radio carries; False: it cannot.
    counts: "up", "down", their bytes as "up_bytes", "down_bytes"; "dropped", "duplicated",
    "delayed", "too_large", "overflowed".
    """

    def __init__(
        self,
        arrived: Callable[[Socket, bytes, Address], None],
        on_air: Callable[[str], bool],
        switches: Switches,
        counts: Counter[str],
        largest: int,
    ) -> None:
        self._arrived = arrived
        self._on_air = on_air
        self._counts = counts
        self._largest = largest
        self.sockets: dict[int, Socket] = {}
        self.change(switches)

    def change(self, switches: Switches) -> None:
        """From now on such a network."""
        self._switches = switches
        self._random = {way: random.Random(f"{switches.seed} {way}") for way in ("up", "down")}  # noqa: S311

    def open(self, number: int, local: int, peer: Address | None, push: bool = False) -> Socket:
        """A new socket by that number. raises: OSError: the port is taken."""
        opened = self.sockets[number] = Socket(number, local, peer, push)
        udp.receive(opened.udp, lambda datagram, sender: self._down(opened, datagram, sender))
        return opened

    def close(self, number: int) -> bool:
        """Close it; False: there is none by that number."""
        found = self.sockets.pop(number, None)
        if found is not None:
            udp.close(found.udp)
        return found is not None

    def close_all(self) -> list[int]:
        """Close all; their numbers."""
        numbers = list(self.sockets)
        for number in numbers:
            self.close(number)
        return numbers

    def send(self, sender: Socket, datagram: bytes, to: Address) -> None:
        """Have a datagram go up, unless the network loses it."""
        self._count("up", datagram)
        self._carry("up", datagram, lambda: udp.send(sender.udp, datagram, to))

    def _down(self, receiver: Socket, datagram: bytes, sender: Address) -> None:
        if receiver.peer not in (None, sender):
            return
        self._carry("down", datagram, lambda: self._deliver(receiver, datagram, sender))

    def _deliver(self, receiver: Socket, datagram: bytes, sender: Address) -> None:
        if self.sockets.get(receiver.number) is not receiver or not self._on_air("down"):
            self._counts["dropped"] += 1
            return
        self._count("down", datagram)
        if len(datagram) > self._largest:
            self._counts["too_large"] += 1
        elif len(receiver.waiting) >= _MOST_WAITING:
            self._counts["overflowed"] += 1
        else:
            self._arrived(receiver, datagram, sender)

    def _count(self, way: str, datagram: bytes) -> None:
        self._counts[way] += 1
        self._counts[f"{way}_bytes"] += len(datagram)

    def _carry(self, way: str, datagram: bytes, go: Callable[[], None]) -> None:
        switches, counts = self._switches, self._counts
        # Three numbers each time, so that changing one share leaves the other decisions alone.
        drop, duplicate, late = (self._random[way].random() for _ in range(3))
        if drop < switches.drop:
            counts["dropped"] += 1
            return
        twice = duplicate < switches.duplicate
        counts["duplicated"] += twice
        for _ in range(1 + twice):
            if late < switches.late:
                counts["delayed"] += 1
                asyncio.get_running_loop().call_later(switches.late_s, go)
            else:
                go()
