"""What is the smallest heap in which a device reports by a way in, and sleeps?

A binary search: a virtual board with 32-bit objects and less and less heap boots main.py, reports,
sleeps deeply, wakes, and reports again. Once with signet as .mpy on the flash, whose code is
copied into the heap, and once in a ROM partition, where it runs in place as frozen code does.
"""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from rich import box
from rich.table import Table

from tools.bench.boards_twin import twin_of_boards
from tools.board.deploy import deploy, project_files
from tools.board.rom import build_romfs
from tools.board.virtual import VirtualBoard
from tools.scratch import scratch
from tools.toolchain import word_sizes
from tools.twin.process import TwinProcess
from tools.ui import UserError

PLACES = (".mpy on flash", "ROMFS")
LOWEST_KIB, HIGHEST_KIB = 16, 110
CONFIRMATIONS = 3
"""How often the heap that was found must do: not every wake finds the same holes in it."""

_BITS = 32
_WAIT_S = 20.0
_STORED = "report 1 stored"  # each wake counts its reports from 1
_END = rf"^{_STORED}|MemoryError|memory allocation failed|^not connected"


class Way(NamedTuple):
    """A way in of the twin's ready file, and what a table calls it."""

    cloud: str
    way: str
    title: str


class Kind(NamedTuple):
    """Ways in that share a table. title: of their column. goal_kib: for each."""

    title: str
    goal_kib: int
    ways: tuple[Way, ...]


COAP = Kind("security", 32, (Way("alibaba", "coap", "AES"), Way("alibaba", "coaps", "DTLS")))
HTTP = Kind("HTTPS to", 40, (Way("alibaba", "https", "Alibaba"), Way("watson", "https", "Watson")))


class Row(NamedTuple):
    """title: of the way. place: of signet's code. kib: the smallest heap. trouble: what came
    first with 1 KiB less.
    """

    title: str
    place: str
    kib: int
    trouble: str


def steps(kind: Kind) -> int:
    """How many steps `measure` takes, about."""
    span = HIGHEST_KIB - LOWEST_KIB
    tries = span.bit_length() + CONFIRMATIONS
    return len(kind.ways) * len(PLACES) * tries if _BITS in word_sizes() else 0


def measure(kind: Kind, step: Callable[[], None]) -> list[Row]:
    """Searches for each way in; nothing without a 32-bit MicroPython. step: called after each try.

    raises: UserError when a board does not report whatever its heap.
    """
    if not steps(kind):
        return []
    with (
        scratch() as name,
        twin_of_boards(folder := Path(name)) as twin,
    ):
        return [
            _smallest(_Device(folder, twin, way, place), way.title, place, step)
            for way in kind.ways
            for place in PLACES
        ]


class _Device:
    """A virtual board with our program on its flash, as it left the factory before each try."""

    def __init__(self, folder: Path, twin: TwinProcess, way: Way, place: str) -> None:
        folder = folder / f"{way.cloud}-{way.way}-{place}"
        config = twin.device_config(way.cloud, way.way) | {
            "deep_sleep": True,
            "report_interval_s": 1,
        }
        files = project_files(config, Path(twin.ready["ca_file"]) if config["tls"] else None)
        board = VirtualBoard(folder, bits=_BITS).create()
        if place == "ROMFS":
            files = _into_romfs(files, folder / "rom", board.romfs)
        with board:
            deploy(board.device, files, restart=False)
            self._image = board.image
        self._folder = folder
        self._flash = self._image.read_bytes()

    def trouble(self, kib: int) -> str:
        """Try a heap; returns "" when it reports twice, otherwise the line that tells why not."""
        self._image.write_bytes(self._flash)
        try:
            with VirtualBoard(self._folder, f"{kib}k", _BITS) as board:
                since = 0
                for _ in range(2):
                    found = board.wait_for(_END, _WAIT_S, since)
                    if found[0] != _STORED:
                        line = board.wait_for(r".*\n", 1.0, found.start())[0]
                        return line.strip()
                    since = found.end()
                return ""
        except TimeoutError:
            return f"no report within {_WAIT_S:.0f} s"
        except UserError as error:
            return str(error)


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


def _smallest(device: _Device, title: str, place: str, step: Callable[[], None]) -> Row:
    low, high = LOWEST_KIB - 1, HIGHEST_KIB
    why = ""
    while high - low > 1:
        middle = (low + high) // 2
        trouble = device.trouble(middle)
        step()
        if trouble:
            low, why = middle, trouble
        else:
            high = middle
    done = 0
    while done < CONFIRMATIONS:
        trouble = device.trouble(high)
        step()
        done += 1
        if trouble:
            if high >= HIGHEST_KIB:
                raise UserError(f"{title}: the board does not report: {trouble}")
            high, done, why = high + 1, 0, trouble
    return Row(title, place, high, why)


def table(kind: Kind, rows: list[Row]) -> Table:
    """The figures for a person."""
    met = all(row.kib <= kind.goal_kib for row in rows)
    verdict = "[green]met[/]" if met else "[red]missed[/]"
    title = f"Smallest heap, from cold: goal of {kind.goal_kib} KiB {verdict}"
    shown = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    shown.add_column(kind.title)
    shown.add_column("signet's code")
    shown.add_column("KiB", justify="right")
    shown.add_column("with 1 KiB less")
    for row in rows:
        shown.add_row(
            row.title,
            row.place,
            f"[green]{row.kib} met[/]"
            if row.kib <= kind.goal_kib
            else f"[red]{row.kib} missed[/]",
            row.trouble,
        )
    return shown


def explanation(kind: Kind) -> str:
    """What was tried, and the goal."""
    return (
        "A device boots cold, reports, sleeps deeply, wakes, and reports again: the GC\n"
        "heap for boot.py, board.py, main.py and signet on a virtual board with 32-bit\n"
        f"objects; {CONFIRMATIONS} tries in a row must do. Goal: {kind.goal_kib} KiB.\n"
        "TLS 1.2, as boards have it. What Mbed TLS itself takes is not in it: on this\n"
        "MicroPython that comes from libc; `signet bench http` shows how much."
    )
