"""Does the lossy network do what it is asked, that alone, and the same again by its seed?"""

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator, Coroutine
from typing import Any

import pytest

from tools.twin.coap import lossy, udp
from tools.twin.coap.lossy import Proxy
from tools.twin.coap.udp import Address, Clients
from tools.twin.options import Losses


def _bound() -> socket.socket:
    bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    bound.bind(("127.0.0.1", 0))
    return bound


class _Network:
    """A client and a server with the proxy between: what each received, with its sender."""

    def __init__(self, proxy: Proxy, entry: Address, server: socket.socket) -> None:
        self.proxy = proxy
        self.entry = entry
        self.server = server
        self.at_server: asyncio.Queue[tuple[bytes, Address]] = asyncio.Queue()
        self.sockets: list[socket.socket] = []
        udp.receive(server, lambda datagram, sender: self.at_server.put_nowait((datagram, sender)))

    def client(self) -> tuple[socket.socket, asyncio.Queue[bytes]]:
        """Another client's socket, and what comes to it."""
        opened = udp.connected(self.entry)
        received: asyncio.Queue[bytes] = asyncio.Queue()
        udp.receive(opened, lambda datagram, _: received.put_nowait(datagram))
        self.sockets.append(opened)
        return opened, received

    async def send(self, client: socket.socket, datagram: bytes) -> None:
        """Send, and return when the proxy has decided about it."""
        before = self.proxy.counts["up"]["arrived"]
        client.send(datagram)
        while self.proxy.counts["up"]["arrived"] == before:
            await asyncio.sleep(0)

    async def answer(self, address: Address, datagram: bytes) -> None:
        """The same from the server's side."""
        before = self.proxy.counts["down"]["arrived"]
        self.server.sendto(datagram, address)
        while self.proxy.counts["down"]["arrived"] == before:
            await asyncio.sleep(0)

    async def numbers(self, count: int) -> list[int]:
        """The next `count` datagrams at the server, which are numbers."""
        return [int((await self.at_server.get())[0]) for _ in range(count)]


@contextlib.asynccontextmanager
async def _network(losses: Losses) -> AsyncIterator[_Network]:
    entry, server = _bound(), _bound()
    proxy = await lossy.serve(entry, server.getsockname(), losses)
    network = _Network(proxy, entry.getsockname(), server)
    try:
        yield network
    finally:
        proxy.close()
        for opened in (server, *network.sockets):
            udp.close(opened)


def _run(test: Coroutine[Any, Any, None]) -> None:
    async def limited() -> None:
        async with asyncio.timeout(20):
            await test

    asyncio.run(limited())


def test_a_good_network_passes_everything_on_in_order_both_ways() -> None:
    async def test() -> None:
        async with _network(Losses()) as network:
            client, received = network.client()
            datagrams = [bytes([n]) * n for n in (0, 1, 2, 200)] + [b"\xff" * 1400]
            for datagram in datagrams:
                await network.send(client, datagram)
                seen, sender = await network.at_server.get()
                assert seen == datagram
                await network.answer(sender, datagram[::-1])
                assert await received.get() == datagram[::-1]
            assert network.proxy.counts == {way: {"arrived": 5, "forwarded": 5} for way in _WAYS}

    _run(test())


_WAYS = ("up", "down")


async def _survivors(losses: Losses, count: int = 100) -> list[int]:
    async with _network(losses) as network:
        client, _ = network.client()
        for number in range(count):
            await network.send(client, b"%d" % number)
        counts = network.proxy.counts["up"]
        assert counts["dropped"] + counts["forwarded"] == counts["arrived"] == count
        return await network.numbers(counts["forwarded"])


def test_dropped_datagrams_are_the_same_with_the_same_seed_and_others_with_another() -> None:
    async def test() -> None:
        first = await _survivors(Losses(drop=0.3, seed=1))
        assert await _survivors(Losses(drop=0.3, seed=1)) == first
        assert await _survivors(Losses(drop=0.3, seed=2)) != first
        assert first == sorted(first)
        assert 50 < len(first) < 90  # 70 are expected; this seed's number is always the same
        assert await _survivors(Losses(drop=1.0)) == []

    _run(test())


def test_another_fault_beside_leaves_the_dropped_ones_the_same() -> None:
    async def test() -> None:
        alone = await _survivors(Losses(drop=0.3, seed=1))
        assert await _survivors(Losses(drop=0.3, rebind_every=2, seed=1)) == alone
        async with _network(Losses(drop=0.3, duplicate=1.0, seed=1)) as network:
            client, _ = network.client()
            for number in range(100):
                await network.send(client, b"%d" % number)
            assert await network.numbers(2 * len(alone)) == [n for n in alone for _ in range(2)]

    _run(test())


def test_each_direction_decides_by_itself() -> None:
    async def downward(upward: int) -> list[bytes]:
        async with _network(Losses(drop=0.5, seed=3)) as network:
            client, received = network.client()
            while network.at_server.empty():
                await network.send(client, b"hello")
                await asyncio.sleep(0)
            _, sender = await network.at_server.get()
            for _ in range(upward):
                await network.send(client, b"more")
            for number in range(40):
                await network.answer(sender, b"%d" % number)
            return [await received.get() for _ in range(network.proxy.counts["down"]["forwarded"])]

    async def test() -> None:
        assert await downward(0) == await downward(17)

    _run(test())


def test_a_duplicated_datagram_arrives_twice() -> None:
    async def test() -> None:
        async with _network(Losses(duplicate=1.0)) as network:
            client, received = network.client()
            for number in range(3):
                await network.send(client, b"%d" % number)
            assert await network.numbers(5) == [0, 0, 1, 1, 2]
            _, sender = await network.at_server.get()
            await network.answer(sender, b"reply")
            assert [await received.get(), await received.get()] == [b"reply", b"reply"]
            assert network.proxy.counts["up"]["duplicated"] == 3

    _run(test())


def test_a_reordered_datagram_is_overtaken_by_the_next() -> None:
    async def test() -> None:
        async with _network(Losses(reorder=1.0)) as network:
            client, _ = network.client()
            for number in range(4):
                await network.send(client, b"%d" % number)
            assert await network.numbers(4) == [1, 0, 3, 2]

    _run(test())


def test_a_reordered_datagram_that_nothing_follows_arrives_all_the_same() -> None:
    async def test() -> None:
        async with _network(Losses(reorder=1.0)) as network:
            client, _ = network.client()
            await network.send(client, b"7")
            assert await network.numbers(1) == [7]
            assert network.proxy.counts["up"]["reordered"] == 1

    _run(test())


def test_a_delayed_datagram_is_on_its_way_for_so_long_and_keeps_its_place() -> None:
    async def test() -> None:
        async with _network(Losses(delay_ms=50)) as network:
            client, _ = network.client()
            sent = time.monotonic()
            for number in range(5):
                await network.send(client, b"%d" % number)
            assert await network.numbers(5) == [0, 1, 2, 3, 4]
            assert time.monotonic() - sent >= 0.05

    _run(test())


def test_an_answer_is_delayed_as_long_and_keeps_its_place() -> None:
    async def test() -> None:
        async with _network(Losses()) as network:
            client, received = network.client()
            await network.send(client, b"hello")
            _, sender = await network.at_server.get()
            network.proxy.change(Losses(delay_ms=50))
            sent = time.monotonic()
            for number in range(5):
                await network.answer(sender, b"%d" % number)
            assert [await received.get() for _ in range(5)] == [b"0", b"1", b"2", b"3", b"4"]
            assert time.monotonic() - sent >= 0.05

    _run(test())


def test_a_rebound_client_comes_from_another_port_and_what_goes_to_the_old_one_is_lost() -> None:
    async def test() -> None:
        async with _network(Losses(rebind_every=3)) as network:
            client, received = network.client()
            ports = []
            for _ in range(8):
                await network.send(client, b"x")
                ports.append((await network.at_server.get())[1][1])
            first, second, third = ports[0], ports[3], ports[6]
            assert ports == [first] * 3 + [second] * 3 + [third] * 2
            assert len({first, second, third}) == 3
            network.server.sendto(b"lost", ("127.0.0.1", first))
            await network.answer(("127.0.0.1", third), b"seen")
            assert await received.get() == b"seen"
            assert network.proxy.counts["up"]["rebound"] == 2

    _run(test())


def test_clients_are_kept_apart() -> None:
    async def test() -> None:
        async with _network(Losses(reorder=1.0)) as network:
            (one, to_one), (other, to_other) = network.client(), network.client()
            await network.send(one, b"1")
            await network.send(other, b"2")  # does not overtake: it is another client's
            await network.send(one, b"3")
            await network.send(other, b"4")
            seen = [await network.at_server.get() for _ in range(4)]
            assert [datagram for datagram, _ in seen] == [b"3", b"1", b"4", b"2"]
            network.proxy.change(Losses())
            await network.answer(seen[0][1], b"to one")
            await network.answer(seen[2][1], b"to other")
            assert (await to_one.get(), await to_other.get()) == (b"to one", b"to other")

    _run(test())


def test_changed_losses_hold_from_the_next_datagram_on() -> None:
    async def test() -> None:
        async with _network(Losses(drop=1.0)) as network:
            client, _ = network.client()
            await network.send(client, b"1")
            network.proxy.change(Losses())
            await network.send(client, b"2")
            assert await network.numbers(1) == [2]

    _run(test())


@pytest.mark.parametrize(
    "values", [{"drop": -0.1}, {"duplicate": 1.1}, {"reorder": 2}, {"delay_ms": -1}]
)
def test_impossible_losses_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(values))):
        Losses(**values)


def test_losses_say_what_is_not_zero() -> None:
    assert str(Losses(drop=0.3, rebind_every=5)) == "drop 30%, rebind_every 5, seed 0"


def _address(number: int) -> Address:
    return ("127.0.0.1", number)


def test_of_too_many_clients_the_one_silent_longest_is_ended() -> None:
    async def test() -> None:
        ended: list[str] = []
        clients = Clients(2, 600.0, ended.append)
        clients.add(_address(1), "one")
        clients.add(_address(2), "two")
        assert clients.get(_address(1)) == "one"  # spoke again
        clients.add(_address(3), "three")
        assert ended == ["two"]
        assert clients.get(_address(2)) is None
        clients.end_all()
        assert ended == ["two", "one", "three"]

    _run(test())


def test_a_client_that_is_silent_too_long_is_ended_though_nobody_else_speaks() -> None:
    async def test() -> None:
        ended: asyncio.Queue[str] = asyncio.Queue()
        clients = Clients(9, 0.02, ended.put_nowait)
        clients.add(_address(1), "one")
        assert await ended.get() == "one"
        clients.add(_address(2), "two")
        assert await ended.get() == "two"
        assert len(clients) == 0

    _run(test())
