"""What is the smallest heap in which a device lives through an outage, by each way in?

A binary search: a virtual board with 32-bit objects and less and less heap boots, reports, loses
its network until its outbox is full, and reports again. What is on it is what a deployment sends.
Or the firmware image does, which tells its times, and what TLS takes beside the heap, too.
"""

import contextlib
import re
import statistics
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from tools.bench.boards_twin import twin_of_boards
from tools.bench.broker import broker_of_boards
from tools.bench.line import Line
from tools.board.deploy import project_files
from tools.board.rom import build_romfs
from tools.board.virtual import VirtualBoard
from tools.modem.emulator import Emulator
from tools.paths import ROOT
from tools.scratch import scratch
from tools.toolchain import word_sizes
from tools.ui import UserError

LOWEST_KIB, HIGHEST_KIB = 16, 110
CONFIRMATIONS = 3
"""How often the heap that was found must do: not every start finds the same holes in it."""

SMALL = {"retry_s": 1, "report_interval_s": 1, "outbox_bytes": 8192, "flash_after_s": 1}
"""In device.json: an outage of seconds fills the outbox."""
DATAGRAMS = {"ack_timeout_ms": 200, "max_retransmit": 2}
"""The same, by CoAP."""

Place = Literal["flash", "ROMFS", "image"]
"""Where signet lies: in files whose code is copied into the heap, or in place."""

_BITS = 32
_TIMED = 5  # reports
_START_S, _OUTAGE_S = 20.0, 40.0


class Way(NamedTuple):
    """A way in of the twin's ready file. goal_kib, goal_in_place_kib: of its heap.

    modem: the family that its datagrams go through.
    """

    cloud: str
    way: str
    title: str
    goal_kib: int
    goal_in_place_kib: int | None = None
    modem: str | None = None


WAYS = {
    "mqtts": Way("alibaba", "mqtts", "MQTT over TLS (Alibaba)", 48, 28),
    "enos": Way("enos", "mqtt", "MQTT, plain (EnOS)", 40),
    "coap": Way("alibaba", "coap", "CoAP with AES (Alibaba)", 40, 24),
    "coaps": Way("alibaba", "coaps", "CoAP over DTLS (Alibaba)", 48, 28),
    "coap-modem": Way("alibaba", "coap", "CoAP with AES, by a BG95", 44, modem="bg95"),
    "https": Way("alibaba", "https", "HTTPS (Alibaba)", 44),
    "wss": Way("watson", "wss", "WebSocket over TLS (Watson)", 50),
    "azure": Way("azure", "mqtts", "MQTT over TLS (Azure)", 48),
    "broker": Way("broker", "mqtts", "MQTT over TLS (any broker)", 48),
}

End = Callable[[Way], tuple[dict[str, Any], Path]]
"""A device.json for a way in, and the CA's certificate."""


class Row(NamedTuple):
    """kib: the smallest heap. trouble: what came first with 1 KiB less. names: that MicroPython
    has after all that, its firmware's included, with the largest heap. pace: of the image.
    """

    way: Way
    kib: int
    trouble: str
    names: int
    pace: "Pace | None" = None


class Pace(NamedTuple):
    """ms from power on to a report stored, and for one later; most bytes that TLS took."""

    first_ms: int
    report_ms: float
    tls_bytes: int


def program() -> str:
    """The project's main.py, but for its pause; it says how many names there are."""
    text = (ROOT / "main.py").read_text()
    for old, new in (
        ("link.report_interval_ms)", "50)"),
        ("import board\n", "import board\nimport micropython\n"),
        ("    while True:\n", "    while True:\n        micropython.qstr_info()\n"),
    ):
        assert old in text, "main.py has changed"
        text = text.replace(old, new, 1)
    return text


def timed_program() -> str:
    """The project's main.py, on the image; it says how long each report takes until stored."""
    text = program().replace("import board\n", "import board\nimport mps2\nimport time\n", 1)
    old = "            link.poll(50)\n"
    assert old in text, "main.py has changed"
    return text.replace(
        old,
        "            began = time.ticks_ms()\n"
        "            link.flush(9000)\n"
        "            now = time.ticks_ms()\n"
        "            print('pace', now, now - began, mps2.tls_memory()[1])\n",
        1,
    )


def outage(board: VirtualBoard, line: Line) -> str:
    """Let a board with `program` report, lose its network, overflow, and report again.

    board: running. line: that its device.json leads through.
    returns: "" when it did so without want of memory, else the line that tells why not.
    """
    try:
        end = _wait(board, "^report 2 stored", _START_S, 0)
        line.cut()
        end = _wait(board, "^outbox full: dropped", _OUTAGE_S, end)
        line.mend()
        for _ in range(3):
            end = _wait(board, r"^report \d+ stored", _OUTAGE_S, end)
    except UserError as error:
        return str(error)
    return ""


def naps(board: VirtualBoard) -> str:
    """Let a board that sleeps deeply report, and report again; returns as `outage`."""
    try:
        end = 0
        for _ in range(2):
            end = _wait(board, "^report 1 stored", _START_S, end)  # each wake counts from 1
    except UserError as error:
        return str(error)
    return ""


def _wait(board: VirtualBoard, pattern: str, timeout_s: float, since: int) -> int:
    try:
        found = board.wait_for(f"{pattern}|emory", timeout_s, since)
    except TimeoutError:
        last = board.output(since).splitlines()
        said = [line for line in last if not line.startswith("qstr pool")][-1:]
        text = f"no {pattern.lstrip('^')!r} within {timeout_s:.0f} s; last: {''.join(said)}"
        raise UserError(text) from None
    if found[0] == "emory":
        output = board.output()
        start = output.rfind("\n", 0, found.start()) + 1
        raise UserError(output[start:].partition("\n")[0].strip())
    return found.end()


def steps(ways: Sequence[Way]) -> int:
    """How many steps `measure` takes, about."""
    tries = (HIGHEST_KIB - LOWEST_KIB).bit_length() + CONFIRMATIONS + 1
    return len(ways) * tries


def measure(
    ways: Sequence[Way], place: Place, sleeps: bool, step: Callable[[str], None]
) -> list[Row]:
    """Searches for each way in.

    place: where signet lies. sleeps: the device sleeps deeply after each report, and there is no
    outage. step: called before each try with what it is.
    raises: UserError without a 32-bit MicroPython or image, or when a board fails whatever its
    heap.
    """
    if place != "image" and _BITS not in word_sizes():
        raise UserError("heaps are measured with 32-bit objects, and there is no such MicroPython")
    rows = []
    with scratch() as name, far_side(folder := Path(name)) as end:
        for way in map(_on_image, ways) if place == "image" else ways:
            with Device(folder / way.title, end, way, place, sleeps) as device:
                row = _smallest(device, way, step)
                timed = place == "image" and not sleeps
                rows.append(row._replace(pace=device.pace()) if timed else row)
    return rows


@contextlib.contextmanager
def far_side(folder: Path) -> Iterator[End]:
    """A twin, and a plain broker beside it, while the context lasts. folder: for their files."""
    with (
        twin_of_boards(folder / "twin") as twin,
        broker_of_boards(folder / "broker") as of_broker,
    ):
        ca = Path(twin.ready["ca_file"])

        def end(way: Way) -> tuple[dict[str, Any], Path]:
            if way.cloud == "broker":
                return of_broker
            return twin.device_config(way.cloud, way.way), ca

        yield end


def _on_image(way: Way) -> Way:
    """By a modem where lwIP's sockets keep too little."""
    if way.way != "coaps":
        return way
    return way._replace(title="CoAP over DTLS, by a BG95", modem="bg95")


class Device:
    """A virtual board with our program on its flash, as it left the factory before each try."""

    def __init__(self, folder: Path, end: End, way: Way, place: Place, sleeps: bool) -> None:
        given, authority = end(way)
        values = given | SMALL | {"deep_sleep": sleeps}
        if values["way"] == "coap":
            values |= DATAGRAMS
        self._modem = Emulator(way.modem) if way.modem else None
        if self._modem:
            values |= {"modem": {"family": self._modem.family}}
        self._line = Line(values)
        self._folder, self._sleeps = folder, sleeps
        self._bits = None if place == "image" else _BITS
        self.names = 0
        board = VirtualBoard(folder, bits=self._bits).create(image=place == "image")
        main = folder / "main.py"
        main.write_text(program())
        ca = authority if values["tls"] else None
        frozen = board.is_image
        files = project_files(self._line.values, ca, board.kind, main=main, frozen=frozen)
        if place == "ROMFS":
            files = _into_romfs(files, folder / "rom", board.romfs)
        board.fill(files)
        self._files = files
        self._flash = board.image.read_bytes()

    def __enter__(self) -> "Device":
        return self

    def __exit__(self, *_: object) -> None:
        self._line.cut()
        if self._modem:
            self._modem.close()

    def trouble(self, kib: int) -> str:
        """Try a heap; returns "" when it does, otherwise the line that tells why not."""
        board = self._board(kib)
        board.image.write_bytes(self._flash)
        self._line.cut()  # a try may have ended in an outage
        self._line.mend()
        try:
            with board:
                said = naps(board) if self._sleeps else outage(board, self._line)
        except UserError as error:  # MicroPython itself does not start
            return str(error)
        self.names = int(re.findall(r"n_qstr=(\d+)", board.output())[-1]) if not said else 0
        return said

    def pace(self) -> Pace:
        """How fast it is on the image, with the largest heap."""
        board = self._board(HIGHEST_KIB)
        board.fill(self._files | {"/main.py": timed_program().encode()})
        with board:
            board.wait_for(rf"(^pace (?s:.*)){{{_TIMED}}}(?=\n)", _START_S)
        said = re.findall(r"^pace (\d+) (\d+) (\d+)$", board.output(), re.MULTILINE)
        ends, times, tls = zip(*(map(int, line) for line in said), strict=True)
        return Pace(ends[0], statistics.median(times[1:]), max(tls))

    def _board(self, kib: int) -> VirtualBoard:
        modem = self._modem.path if self._modem else None
        return VirtualBoard(self._folder, f"{kib}k", self._bits, modem)


def _into_romfs(files: dict[str, bytes], folder: Path, image: Path) -> dict[str, bytes]:
    """Put board.py and what is in /lib into a ROM partition; returns the other files."""
    left = {}
    for path, content in files.items():
        if path.startswith("/lib/") or path == "/board.py":
            target = folder / path[1:]
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        else:
            left[path] = content
    build_romfs(folder, image)
    return left


def _smallest(device: "Device", way: Way, step: Callable[[str], None]) -> Row:
    def trouble(kib: int) -> str:
        step(f"{way.title}: {kib} KiB")
        return device.trouble(kib)

    why = trouble(HIGHEST_KIB)
    if why:
        raise UserError(f"{way.title}: the board fails in {HIGHEST_KIB} KiB: {why}")
    names = device.names
    low, high = LOWEST_KIB - 1, HIGHEST_KIB
    while high - low > 1:
        middle = (low + high) // 2
        said = trouble(middle)
        if said:
            low, why = middle, said
        else:
            high = middle
    done = 0
    while done < CONFIRMATIONS and high < HIGHEST_KIB:
        said = trouble(high)
        done += 1
        if said:
            high, done, why = high + 1, 0, said
    return Row(way, high, why, names)
