"""What does a report through each family of NB-IoT modems cost, on the air and on its line?

Measured, not computed: a virtual board with the project's programs, linked as a deployment links
them, wakes with what is on its flash, reports through an emulated modem, and sleeps. A datagram
takes its time each way, and the line has the modem's baud.
"""

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from rich import box
from rich.table import Table

from tools.bench.goals import Goal, reasons
from tools.board.deploy import project_files
from tools.board.virtual import VirtualBoard
from tools.link.device import device_of
from tools.modem.emulator import FAMILIES, Emulator
from tools.paths import ROOT
from tools.scratch import scratch
from tools.size import measured
from tools.twin.clouds.doors import DOORS
from tools.twin.process import TwinProcess
from tools.ui import UserError, one_of

WAYS = {"coap": "AES", "coaps": "DTLS"}

GOAL_ENGINE, GOAL_FAMILY = 5000, 1200
"""Bytes of .mpy; goals of the design: of what stays in memory, and of each family beside it."""
_WHY = {
    "at and channel": "It outlasts late answers and resets in mid-command, and never waits.",
    "bc66": "It has BC660K's commands, too: data in hex, and pushed.",
    "bc95": "It has SARA-N2's quotes, too, and three ways in which data come.",
}

_EACH_WAY_S = 0.75
_HEADERS = 28  # of IPv4 and UDP
_PATIENCE_S = 60.0
_SAYS = """
        print("awake", time.ticks_diff(time.ticks_ms(), _began), "ms")
        board.deep_sleep(3_600_000)
"""  # the bench wakes it
_STAY, _ON_DEMAND = ("at", "channel"), ("modem", "trouble", "network_clock")


class Case(NamedTuple):
    """What reports. rai: whether that is on in device.json."""

    family: str
    way: str
    rai: bool

    @property
    def name(self) -> str:
        """For a person."""
        return f"{self.family}, {WAYS[self.way]}, {'with' if self.rai else 'without'} RAI"


class Row(NamedTuple):
    """A report. warm: woken, with a token.

    line_out, line_in: of the board. awake, connected: seconds, of the board and of the radio.
    """

    case: Case
    warm: bool
    up: int
    down: int
    air: int
    line_out: int
    line_in: int
    awake: float
    connected: float


def program() -> str:
    """The project's main.py, that says how long it was awake, and sleeps until it is woken."""
    text = (ROOT / "main.py").read_text()
    for old, new in (
        ("import board\n", "import time\n\n_began = time.ticks_ms()\nimport board\n"),
        (
            "        board.deep_sleep(link.report_interval_ms)\n",
            _SAYS,
        ),
    ):
        assert old in text, "main.py has changed"
        text = text.replace(old, new, 1)
    return text


def cases(families: Sequence[str], ways: Sequence[str]) -> list[Case]:
    """Each family by each way in, with release assistance and without.

    families: of tools.modem, all where none is given. ways: of WAYS, likewise.
    raises: UserError for another.
    """
    families, ways = families or [*FAMILIES], ways or [*WAYS]
    for given, known in ((families, FAMILIES), (ways, WAYS)):
        for each in given:
            if each not in known:
                raise UserError(f"no {each}; {one_of(each, known)}")
    return [Case(*each) for each in itertools.product(families, ways, (True, False))]


def measure(chosen: Sequence[Case], release_s: float, step: Callable[[str], None]) -> list[Row]:
    """Lets a board report cold and warm in each case.

    release_s: until the network releases a radio that was not told that it may go. step: called
    before each case, with its name.
    raises: UserError when a report does not arrive.
    """
    rows: list[Row] = []
    with (
        scratch() as name,
        TwinProcess(Path(name), {door.key: 0 for door in DOORS}) as twin,
    ):
        for number, case in enumerate(chosen):
            step(case.name)
            rows += _measure(case, twin, Path(name, f"board-{number}"), release_s)
    return rows


def _measure(case: Case, twin: TwinProcess, folder: Path, release_s: float) -> Iterator[Row]:
    modem: dict[str, object] = {"family": case.family, "apn": "iot.example", "rai": case.rai}
    config = twin.device_config("alibaba", case.way) | {"deep_sleep": True, "modem": modem}
    folder.mkdir()
    main = folder / "main.py"
    main.write_text(program())
    files = project_files(config, Path(twin.ready["ca_file"]), main=main)
    baud = 9600 if case.family in ("bc95", "sara_n2") else 115_200
    with Emulator(
        case.family,
        {str(config["host"]): str(config["address"])},
        baud=baud,
        late=1.0,
        late_s=_EACH_WAY_S,
        release_s=release_s,
    ) as found:
        board = VirtualBoard(folder, modem=found.path).create()
        board.fill(files)
        for warm in (False, True):
            _released(found)
            before = found.counters
            awake = _report(board)
            _released(found)
            after = found.counters
            spent = {key: after[key] - before.get(key, 0) for key in after}
            up, down = int(spent["up"]), int(spent["down"])
            air = int(spent["up_bytes"] + spent["down_bytes"]) + _HEADERS * (up + down)
            line = int(spent["uart_in"]), int(spent["uart_out"])
            yield Row(case, warm, up, down, air, *line, awake, spent["connected"])


def _report(board: VirtualBoard) -> float:
    """Wake a board, and have it report; returns the seconds that it was awake."""
    with board:
        try:
            said = board.wait_for(r"^awake (\d+) ms", _PATIENCE_S)
        except TimeoutError as error:
            raise UserError(str(error)) from None
        if "stored" not in board.output():
            raise UserError(f"the report was not stored; the board printed:\n{board.output()}")
    return int(said[1]) / 1000


def _released(modem: Emulator) -> None:
    """Wait until the network has released the radio."""
    deadline = time.monotonic() + _PATIENCE_S
    while modem.connections and modem.connections[-1][1]:
        if time.monotonic() > deadline:
            raise UserError("the network never releases the radio")
        time.sleep(0.05)


def table(rows: Sequence[Row]) -> Table:
    """The figures for a person."""
    shown = _table("A report through a modem", "modem", "report", "RAI")
    for name in (
        "packets",
        "the air",
        "the line",
        "awake\ns",
        "radio\ns",
    ):
        shown.add_column(name, justify="right", no_wrap=True)
    before = None
    for row in rows:
        family, way, rai = row.case
        if before not in (None, family):
            shown.add_section()
        shown.add_row(
            family if family != before else "",
            f"{WAYS[way]}, {'warm' if row.warm else 'cold'}",
            "yes" if rai else "no",
            f"{row.up}+{row.down}",
            str(row.air),
            f"{row.line_out}+{row.line_in}",
            f"{row.awake:.1f}",
            f"{row.connected:.1f}",
        )
        before = family
    return shown


def code() -> tuple[Table, str]:
    """Bytes of .mpy of the engine, and of each family; and why a goal is missed."""
    sizes = measured()
    shown = _table("net/modem/, readable: bytes of .mpy", "")
    for name in ("bytes", "goal", " "):
        shown.add_column(name, justify="right", no_wrap=True)
    parts: list[tuple[str, tuple[str, ...], int]] = [(" and ".join(_STAY), _STAY, GOAL_ENGINE)]
    found = {device_of({"modem": {"family": each}}).dialect for each in FAMILIES}
    parts += [(name, (f"family.{name}",), GOAL_FAMILY) for name in sorted(filter(None, found))]
    goals = []
    for name, modules, limit in parts:
        count = sum(sizes[f"signet.net.modem.{module}"] for module in modules)
        goals.append(Goal(name, limit, count, "bytes", _WHY.get(name, "")))
        shown.add_row(name, str(count), str(limit), goals[-1].verdict)
    for name in _ON_DEMAND:
        shown.add_row(f"{name}, on demand", str(sizes[f"signet.net.modem.{name}"]), "", "")
    covers = f"{GOAL_ENGINE} is for what stays in memory: what is on demand is not counted."
    return shown, f"{covers}\n{reasons(goals)}".rstrip()


def _table(title: str, *columns: str) -> Table:
    shown = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    for name in columns:
        shown.add_column(name, no_wrap=True)
    return shown


def explanation(release_s: float) -> str:
    """What was done."""
    return (
        "cold: the first start, without a token; warm: woken, with what is on flash.\n"
        f"Each datagram takes {_EACH_WAY_S} s; the line has 9600 baud for bc95 and sara_n2,\n"
        "115200 for the others. Packets: up+down. The air: their bytes, with headers of\n"
        "IPv4 and UDP. The line: bytes to and from the modem.\n"
        "awake: from main.py's first line until the board sleeps. radio: how long it is\n"
        f"connected (+CSCON), released {release_s:g} s after the last data, or as soon as\n"
        "release assistance (RAI) says that nothing follows."
    )
