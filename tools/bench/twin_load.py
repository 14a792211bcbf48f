"""How do thousands of boards log in and report, at the least cost to the machine they share?

A process of its own, so that its processor time is apart: one JSON object a line in, one out. It
knows of MQTT what these boards need, and reads CONNACK and PUBACK alone.
"""

import contextlib
import dataclasses
import itertools
import json
import select
import socket
import subprocess
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from typing import Any

from tools.lifeline import die_with_parent
from tools.paths import ROOT
from tools.twin.wire.packets import CONNACK, PUBACK, Connect, Decoder, Publish
from tools.ui import UserError

KEEPALIVE_S = 1200
_STALLED_S = 30.0
_READABLE, _WRITABLE = select.EPOLLIN, select.EPOLLOUT


class _Board:
    """One connection. sent: packet id and time of each report that is not acknowledged."""

    __slots__ = ("decoder", "hello", "ids", "sent", "socket")

    def __init__(self, hello: bytes) -> None:
        self.hello = hello
        self.decoder = Decoder()
        self.ids = itertools.cycle(range(1, 65536))
        self.sent: deque[tuple[int, float]] = deque()
        self.socket = socket.socket()
        self.socket.setblocking(False)


class _Boards:
    """All of them, in one loop."""

    def __init__(self, address: str, port: int, topic: str, logins: list[list[str]]) -> None:
        self._address = address, port
        self._topic = topic
        self._hellos = [
            Connect(4, client_id, True, KEEPALIVE_S, None, user, password.encode())
            for client_id, user, password in logins
        ]
        self._poll = select.epoll()
        self._boards: dict[int, _Board] = {}
        self._numbers = itertools.count()
        self._delays: list[float] = []
        self._lost = 0

    def connect(self, at_once: int, durable: bool = False) -> dict[str, Any]:
        """Log all in, `at_once` under way at any time. durable: whether their sessions are."""
        hellos = (dataclasses.replace(hello, clean_session=not durable) for hello in self._hellos)
        under_way: dict[int, _Board] = {}
        codes: Counter[str] = Counter()
        start = time.monotonic()

        def begin() -> None:
            for hello in itertools.islice(hellos, at_once - len(under_way)):
                board = _Board(hello.encode())
                board.socket.connect_ex(self._address)
                under_way[board.socket.fileno()] = board
                self._poll.register(board.socket, _WRITABLE)

        def on_event(number: int, events: int) -> None:
            board = under_way[number]
            if events & _WRITABLE and not events & select.EPOLLERR:
                self._poll.modify(number, _READABLE)
                board.socket.send(board.hello)
                return
            code = "lost"
            with contextlib.suppress(OSError):
                found = board.decoder.feed(board.socket.recv(4096))
                code = str(found[0].body[1]) if found and found[0].kind == CONNACK else "closed"
            codes[code] += 1
            del under_way[number]
            if code == "0":
                self._boards[number] = board
            else:
                self._poll.unregister(number)
                board.socket.close()
            begin()

        begin()
        self._turn(on_event, lambda: bool(under_way))
        return {"seconds": time.monotonic() - start, "codes": codes, "late": len(under_way)}

    def flood(self, reports: int) -> dict[str, Any]:
        """So many reports, one of each board on its way at any time."""
        left = [reports]
        done = [0]

        def report(board: _Board) -> None:
            if left[0]:
                left[0] -= 1
                self._report(board)

        def on_event(number: int, _events: int) -> None:
            board = self._boards[number]
            for _ in range(self._acknowledged(number, board)):
                done[0] += 1
                report(board)

        start = self._begin()
        for board in self._boards.values():
            report(board)
        self._turn(on_event, lambda: done[0] < reports and bool(self._boards))
        return self._end(start, reports, done[0])

    def pace(self, per_s: float, reports: int) -> dict[str, Any]:
        """So many reports, so many a second, of one board after the other."""
        boards = itertools.cycle(list(self._boards.values()))
        done = [0]
        sent = [0]

        def on_event(number: int, _events: int) -> None:
            done[0] += self._acknowledged(number, self._boards[number])

        def before() -> float:
            due = min(reports, int((time.monotonic() - start) * per_s) + 1)
            for _ in range(due - sent[0]):
                self._report(next(boards))
            sent[0] = due
            return 1 / per_s if due < reports else 1.0

        start = self._begin()
        self._turn(on_event, lambda: done[0] < reports and bool(self._boards), before)
        return self._end(start, reports, done[0])

    def _begin(self) -> float:
        self._delays.clear()
        return time.monotonic()

    def _end(self, start: float, reports: int, done: int) -> dict[str, Any]:
        delays = sorted(self._delays) or [0.0]
        percentiles = {
            str(share): 1000 * delays[min(len(delays) - 1, len(delays) * share // 100)]
            for share in (50, 95, 99)
        }
        seconds = time.monotonic() - start
        return {"seconds": seconds, "reports": reports, "acknowledged": done, "ms": percentiles}

    def _report(self, board: _Board) -> None:
        packet_id = next(board.ids)
        payload = b'{"d":{"t":21.5,"n":%d}}' % next(self._numbers)
        board.sent.append((packet_id, time.monotonic()))
        with contextlib.suppress(OSError):  # closed: the next event tells
            board.socket.send(Publish(self._topic, payload, 1, packet_id=packet_id).encode())

    def _acknowledged(self, number: int, board: _Board) -> int:
        """How many reports are from now on; they are acknowledged in order (section 4.6)."""
        data = b""
        with contextlib.suppress(OSError):
            data = board.socket.recv(65536)
        if not data:
            self._poll.unregister(number)
            self._boards.pop(number).socket.close()
            self._lost += 1
            return 0
        now = time.monotonic()
        packets = [each for each in board.decoder.feed(data) if each.kind == PUBACK]
        for packet in packets:
            packet_id, sent = board.sent.popleft()
            if packet.packet_id() != packet_id:
                raise ValueError(f"PUBACK {packet.packet_id()}, not {packet_id}")
            self._delays.append(now - sent)
        return len(packets)

    def _turn(
        self,
        on_event: Callable[[int, int], None],
        unfinished: Callable[[], bool],
        before: Callable[[], float] = lambda: 1.0,
    ) -> None:
        """Wait for events until all is done, or nothing happens any more."""
        heard = time.monotonic()
        while unfinished() and time.monotonic() - heard < _STALLED_S:
            for number, events in self._poll.poll(before()):
                heard = time.monotonic()
                on_event(number, events)

    def state(self) -> dict[str, Any]:
        """How many are connected still."""
        return {"connected": len(self._boards), "lost": self._lost}


class Load:
    """The process, for a bench. raises: UserError in each call when it ended."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self.pid = process.pid

    def ask(self, what: str, **values: Any) -> dict[str, Any]:
        """Let the boards "start", "connect", "flood", "pace", or tell their "state"."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps({"do": what, **values}), file=self._process.stdin, flush=True)
        line = self._process.stdout.readline()
        if not line:
            raise UserError("the process of the boards ended; what it said is above")
        answer: dict[str, Any] = json.loads(line)
        return answer


@contextlib.contextmanager
def load(address: str, port: int, topic: str, logins: list[list[str]]) -> Iterator[Load]:
    """Boards that are about to connect there; logins: client id, user, password of each."""
    with subprocess.Popen(
        [sys.executable, "-m", "tools.bench.twin_load"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=die_with_parent(),  # noqa: PLW1509
    ) as process:
        try:
            boards = Load(process)
            boards.ask("start", address=address, port=port, topic=topic, logins=logins)
            yield boards
        finally:
            process.kill()


def _main() -> None:
    boards: Any = None
    for line in sys.stdin:
        request = json.loads(line)
        what = request.pop("do")
        if what == "start":
            boards = _Boards(**request)
            answer: dict[str, Any] = {}
        else:
            answer = getattr(boards, what)(**request)
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    _main()
