"""Does `link.run()` sleep until there is something to do, and let other tasks run?

For MicroPython's asyncio. The link here counts its polls; its sockets are real, and what is sent
to them comes back.
"""

import asyncio
import socket

import check
from signet import aio, clock

INTERPRETERS = ("64bit", "i386")
SERVERS = {"echo": ("udp", "echo")}


class _Link:
    """What aio asks of a Link. count: of sockets, each closed when a datagram has come."""

    busy = opening = False
    connected = True

    def __init__(self, count=1):
        self.waiting = 0
        self.polls = self.due = 0
        self.sockets = [_echoing() for _ in range(count)]
        self.heard = []
        self.wake = None

    def poll(self, timeout_ms):
        assert timeout_ms == 0
        self.polls += 1
        if self.sockets:
            try:
                self.heard.append(self.sockets[0].recv(16))
            except OSError:
                return  # nothing has come
            self.sockets.pop(0).close()

    def readable(self):
        return self.sockets[0] if self.sockets else None

    def due_ms(self):
        return self.due


def _echoing():
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server = check.server("echo")
    sock.connect(socket.getaddrinfo(server["host"], server["port"])[0][-1])
    sock.setblocking(False)
    return sock


def _beside(link, program):
    """Runs `program()` while the link runs; then cancels it."""

    async def main():
        task = asyncio.create_task(aio.run(link))
        await asyncio.sleep_ms(50)
        try:
            await program()
        finally:
            task.cancel()
            try:
                await task
            except asyncio.CancelledError:
                pass
        assert link.wake is None

    asyncio.run(main())


async def _wait_for(condition, longest_ms=500):
    deadline = clock.Deadline(longest_ms)
    while not condition():
        assert not deadline.expired(), "it sleeps on"
        await asyncio.sleep_ms(1)


def test_bytes_wake_it_and_each_socket_may_close():
    link = _Link(3)

    async def program():
        for number in range(3):
            link.sockets[0].send(b"%d" % number)
            await _wait_for(lambda: len(link.heard) == number + 1)

    _beside(link, program)
    assert link.heard == [b"0", b"1", b"2"]


def test_a_report_wakes_it():
    link = _Link()

    async def program():
        before = link.polls
        link.wake()
        await _wait_for(lambda: link.polls > before)

    _beside(link, program)


def test_a_report_that_is_made_in_a_poll_is_not_forgotten():
    link = _Link()
    poll = link.poll

    def obeying(timeout_ms):
        poll(timeout_ms)
        if link.polls == 1:
            link.wake()

    link.poll = obeying
    _beside(link, lambda: _wait_for(lambda: link.polls > 1))


def test_it_sleeps_while_nothing_happens():
    for due, count in ((0, 1), (0, 0), (60_000, 1)):  # open, without a socket, until the next try
        link = _Link(count)
        link.due = due
        _beside(link, lambda: asyncio.sleep_ms(300))
        assert link.polls == 1, link.polls


def test_it_looks_often_where_a_report_waits_and_no_socket_tells():
    link = _Link(0)
    link.waiting = 1
    _beside(link, lambda: _wait_for(lambda: link.polls > 4))


def test_it_tries_again_when_the_time_has_come():
    link = _Link()
    link.due = 100
    _beside(link, lambda: _wait_for(lambda: link.polls > 2))


def test_a_busy_link_polls_at_once_and_lets_others_run():
    link = _Link()
    link.busy = True
    turns = []

    async def program():
        for _ in range(20):
            turns.append(link.polls)
            await asyncio.sleep_ms(5)

    _beside(link, program)
    assert turns[-1] > 100 and len(set(turns)) == 20, turns
