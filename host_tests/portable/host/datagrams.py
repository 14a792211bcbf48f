"""What can a test server do with UDP datagrams?  A table of names, and scripts of steps.

A behaviour is a coroutine of one `Peer`; each address that sends something gets its own. See
../check.py for the list that a test file may use.
"""

import asyncio
import contextlib
import socket

HOST = "127.0.0.1"


def open_socket():
    """A UDP socket with a port of its own."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setblocking(False)
    sock.bind((HOST, 0))
    return sock


class Received:
    """One datagram, kept for `check.connections`."""

    def __init__(self, datagram: bytes):
        self.received = datagram


class Peer:
    """One address that has sent something, as a behaviour sees it."""

    def __init__(self, own, other, address):
        self._own = own
        self._other = other  # a socket with another port
        self._address = address
        self.queue = asyncio.Queue()
        self.last = b""  # what came last

    async def datagram(self) -> bytes:
        self.last = await self.queue.get()
        return self.last

    def send(self, datagram):
        self._own.sendto(datagram, self._address)

    def send_from_other(self, datagram):
        self._other.sendto(datagram, self._address)


class Server(asyncio.DatagramProtocol):
    """A scripted server on one port.

    behaviours: for the first address that sends something, the second, and so on.
    received: list that gets one `Received` for each datagram.
    changed: asyncio.Condition, notified of each.
    """

    def __init__(self, behaviours, received, changed):
        self._behaviours = behaviours
        self._received = received
        self._changed = changed
        self._own, self._other = open_socket(), open_socket()
        self._peers = {}
        self._tasks = set()

    async def start(self):
        """Returns (host, port)."""
        loop = asyncio.get_running_loop()
        # not by the transport: it sends no empty datagram
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, sock=self._own)
        return self._own.getsockname()

    def datagram_received(self, data, addr):
        peer = self._peers.get(addr)
        if peer is None:
            peer = self._peers[addr] = Peer(self._own, self._other, addr)
            behaviour = self._behaviours[min(len(self._peers), len(self._behaviours)) - 1]
            self._run(behaviour(peer))
        peer.queue.put_nowait(data)
        self._received.append(Received(data))
        self._run(self._notify())

    def _run(self, coroutine):
        task = asyncio.ensure_future(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _notify(self):
        async with self._changed:
            self._changed.notify_all()

    def close(self):
        for task in self._tasks:
            task.cancel()
        self._transport.close()
        self._other.close()


async def _echo(peer):
    while True:
        peer.send(await peer.datagram())


async def _black_hole(peer):
    while True:
        await peer.datagram()


async def _from_another_port(peer):
    while True:
        peer.send_from_other(await peer.datagram())


async def _duplicates(peer):
    while True:
        datagram = await peer.datagram()
        peer.send(datagram)
        peer.send(datagram)


NAMED = {
    "echo": _echo,
    "black_hole": _black_hole,
    "from_another_port": _from_another_port,
    "duplicates": _duplicates,
}


def _bytes(peer, text):
    """Hex, with {mid} and {token} of the CoAP message that came last (RFC 7252 section 3).

    {ok300}: "ok" 300 times.
    """
    token_length = peer.last[0] & 15 if peer.last else 0
    text = text.replace("{mid}", peer.last[2:4].hex()).replace("{ok300}", "6f6b" * 300)
    return bytes.fromhex(text.replace("{token}", peer.last[4 : 4 + token_length].hex()))


async def _datagram(peer):
    await peer.datagram()


async def _send(peer, text):
    peer.send(_bytes(peer, text))


async def _send_from_other(peer, text):
    peer.send_from_other(_bytes(peer, text))


async def _sntp(peer, begins, transmitted):
    """Answers the request that came last (RFC 5905 section 7.3): its first octets, its last."""
    begins = bytes.fromhex(begins)
    origin = peer.last[40:48]
    peer.send(begins.ljust(24, b"\0") + origin + bytes(8) + bytes.fromhex(transmitted))


async def _wait(peer, ms):
    await asyncio.sleep(ms / 1000)


_STEPS = {
    "datagram": _datagram,
    "send": _send,
    "send_from_other": _send_from_other,
    "sntp": _sntp,
    "wait": _wait,
    "echo": _echo,
}


def script(steps):
    """Makes a behaviour of a list of steps; unknown steps are a KeyError at once."""
    again = steps[-1] == ("again",)
    coroutines = [(_STEPS[step[0]], step[1:]) for step in (steps[:-1] if again else steps)]

    async def behaviour(peer):
        with contextlib.suppress(OSError):
            while True:
                for step, arguments in coroutines:
                    await step(peer, *arguments)
                if not again:
                    break

    return behaviour
