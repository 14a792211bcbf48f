"""How many boards does a twin hold, how fast do they log in and report, at which cost?

Beside a plain mosquitto, from the same boards, in the same run. Both are given time for
themselves: they take turns.
"""

import contextlib
import os
import sqlite3
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rich import box
from rich.table import Table

from tools.bench.broker import broker
from tools.bench.goals import Goal
from tools.bench.twin_load import Load, load
from tools.scratch import scratch
from tools.twin.clouds.doors import DOORS
from tools.twin.descriptors import raise_limit
from tools.twin.process import TwinProcess
from tools.twin.registry.store import open_store
from tools.ui import UserError

AT_ONCE = 50
"""Logins under way at any time."""
PER_S = 500
"""Reports a second, of all boards together, while their delay is measured."""
BOARDS = 5000
LOGINS = 500
CPU_US = 283
"""Goals: boards, logins a second at 1,000 registered, and what a report took before."""

_PACED = 2000
_TOPIC = "iot-2/evt/status/fmt/json"
_TOKEN = "not-a-secret"  # noqa: S105
_TWIN, _MOSQUITTO, _BOARDS = "twin", "mosquitto", "boards"


class Side(NamedTuple):
    """What boards met. logins, reports: a second. ms: delay until PUBACK, by percentile.

    cpu_us: of the processor, a report, by process. mib: of memory, by process, all connected.
    lost: reports that were acknowledged and are not on file, or were never acknowledged.
    """

    name: str
    connected: int
    logins: float
    reports: float
    ms: Mapping[str, float]
    cpu_us: Mapping[str, float]
    mib: Mapping[str, float]
    lost: int


class Row(NamedTuple):
    """So many boards."""

    boards: int
    plain: Side
    twin: Side


def steps(sizes: Sequence[int]) -> int:
    """How many steps `measure` takes."""
    return 6 * len(sizes)


def measure(
    sizes: Sequence[int], reports: int, durable: bool, step: Callable[..., None]
) -> list[Row]:
    """Let so many boards connect at once and report, for each size.

    reports: as fast as they are acknowledged. durable: whether their sessions are.
    step: called before each step with what it is.
    raises: UserError where the system has no room for so many, or has no /proc.
    """
    if sys.platform != "linux":
        raise UserError("`signet bench twin` reads /proc, which only Linux has")
    most = (raise_limit() - 100) // 2
    if max(sizes) > most:
        raise UserError(f"the limit of open files is enough for {most} boards; see `ulimit -Hn`")
    rows = []
    for size in sizes:
        sides = []
        for serve in (_plain, _twin):
            with scratch() as name, serve(Path(name), size) as server:
                sides.append(_side(server, size, reports, durable, step))
        rows.append(Row(size, *sides))
    return rows


class _Server(NamedTuple):
    """filed: counts the reports on file, None where none are."""

    name: str
    address: str
    port: int
    processes: dict[str, int]
    filed: Callable[[], int] | None


@contextlib.contextmanager
def _plain(folder: Path, size: int) -> Iterator[_Server]:
    before = _children(os.getpid())
    with broker(folder) as port:
        (pid,) = _children(os.getpid()) - before
        yield _Server(_MOSQUITTO, "127.0.0.1", port, {_MOSQUITTO: pid}, None)


@contextlib.contextmanager
def _twin(folder: Path, size: int) -> Iterator[_Server]:
    state = folder / "twin"
    state.mkdir(mode=0o700)
    with contextlib.closing(open_store(state)) as store:
        for number in range(size):
            store.add("watson", "device", "signet/bench", f"board-{number}", secret=_TOKEN)
    with TwinProcess(folder, {door.key: 0 for door in DOORS}) as twin:
        way = twin.ready["clouds"]["watson"]["ways"]["mqtt"]
        pid = twin.ready["pid"]
        (mosquitto,) = _children(pid)
        processes = {_TWIN: pid, _MOSQUITTO: mosquitto}
        database = twin.ready["database"]
        yield _Server(_TWIN, way["address"], way["port"], processes, lambda: _filed(database))


def _filed(database: str) -> int:
    query = "SELECT count(DISTINCT payload) FROM messages WHERE direction='up' AND status='stored'"
    with contextlib.closing(sqlite3.connect(database)) as connection:
        return int(connection.execute(query).fetchone()[0])


def _side(
    server: _Server, size: int, reports: int, durable: bool, step: Callable[..., None]
) -> Side:
    logins = [[f"d:signet:bench:board-{n}", "use-token-auth", _TOKEN] for n in range(size)]
    with load(server.address, server.port, _TOPIC, logins) as boards:
        processes = server.processes | {_BOARDS: boards.pid}
        step(f"{size} boards connect: {server.name}")
        entered = boards.ask("connect", at_once=AT_ONCE, durable=durable)
        connected = boards.ask("state")["connected"]
        mib = {name: _mib(pid) for name, pid in processes.items()}
        step(f"{size} boards report: {server.name}")
        flood, cpu_us = _timed(boards, processes, "flood", reports=reports)
        step(f"Delays of {size} boards: {server.name}")
        paced = boards.ask("pace", per_s=PER_S, reports=min(_PACED, reports))
        sent = flood["reports"] + paced["reports"]
        acknowledged = flood["acknowledged"] + paced["acknowledged"]
        lost = sent - acknowledged
        if server.filed is not None:
            lost += max(0, acknowledged - server.filed())
        return Side(
            server.name,
            connected,
            connected / entered["seconds"],
            flood["acknowledged"] / flood["seconds"],
            paced["ms"],
            cpu_us,
            mib,
            lost,
        )


def _timed(
    boards: Load, processes: Mapping[str, int], what: str, **values: Any
) -> tuple[dict[str, Any], dict[str, float]]:
    before = {name: _cpu_s(pid) for name, pid in processes.items()}
    found = boards.ask(what, **values)
    done = max(1, found["acknowledged"])
    return found, {n: 1e6 * (_cpu_s(pid) - before[n]) / done for n, pid in processes.items()}


def _stat(pid: str | int) -> list[str]:
    """Fields of /proc/PID/stat from the third: see proc(5)."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _children(pid: int) -> set[int]:
    found = set()
    for folder in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if folder.name.isdecimal() and _stat(folder.name)[1] == str(pid):
                found.add(int(folder.name))
    return found


def _cpu_s(pid: int) -> float:
    user, system = _stat(pid)[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def _mib(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


def tables(rows: Sequence[Row]) -> list[Table]:
    """The figures for a person: how fast, then at which cost."""
    return [_speeds(rows), _costs(rows)]


def _speeds(rows: Sequence[Row]) -> Table:
    shown = _table("Boards that are connected at once, and their reports with QoS 1")
    for name in ("logins\n/s", "ratio", "reports\n/s", "ratio"):
        shown.add_column(name, justify="right", no_wrap=True)
    for share in (50, 95, 99):
        shown.add_column(f"p{share}\nms", justify="right", no_wrap=True)
    for row in rows:
        for side in (row.twin, row.plain):
            shown.add_row(
                str(side.connected) if side is row.twin else "",
                side.name,
                f"{side.logins:.0f}",
                _short(side.logins / row.plain.logins, 2),
                f"{side.reports:.0f}",
                _short(side.reports / row.plain.reports, 2),
                *(_short(side.ms[str(share)]) for share in (50, 95, 99)),
            )
    return shown


def _costs(rows: Sequence[Row]) -> Table:
    shown = _table("Of the processor, a report; of memory; and what was lost")
    for name in ("twin\nµs", "mosquitto\nµs", "boards\nµs", "twin\nMiB", "mosquitto\nMiB", "lost"):
        shown.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        for side in (row.twin, row.plain):
            shown.add_row(
                str(side.connected) if side is row.twin else "",
                side.name,
                *(_cell(side.cpu_us.get(name)) for name in (_TWIN, _MOSQUITTO, _BOARDS)),
                *(_cell(side.mib.get(name)) for name in (_TWIN, _MOSQUITTO)),
                str(side.lost),
            )
    return shown


def _short(value: float, digits: int = 1) -> str:
    """In five characters, or a few more where a machine stands still."""
    return f"{value:.{digits}f}" if value < 100 else f"{value:.0f}"


def _cell(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f}"


def _table(title: str) -> Table:
    shown = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    shown.add_column("boards", justify="right", no_wrap=True)
    shown.add_column("server", no_wrap=True)
    return shown


def goals(rows: Sequence[Row]) -> list[Goal]:
    """What a twin is to reach, of those sizes that were measured."""
    most = max(rows, key=lambda row: row.boards)
    found = [
        Goal(
            "Reports lost, of all",
            0,
            sum(row.twin.lost for row in rows),
            "",
            "A report was acknowledged and is not on file, or was not acknowledged in 30 s.",
        ),
        Goal(
            f"CPU of a report, {most.boards} boards",
            CPU_US,
            most.twin.cpu_us[_TWIN] + most.twin.cpu_us[_MOSQUITTO],
            "µs",
            "Each is read, judged, filed, shown and handed on, in Python.",
        ),
    ]
    if most.boards >= BOARDS:
        why = "Some were refused, or closed."
        what = "Boards connected at once"
        found.append(Goal(what, BOARDS, most.twin.connected, "", why, at_least=True))
    for row in rows:
        if row.boards == 1000:
            why = "Each login is checked by the cloud's rules, in one Python process."
            what = "Logins a second, 1000 boards registered"
            found.append(Goal(what, LOGINS, row.twin.logins, "", why, at_least=True))
    return found


def explanation(reports: int, durable: bool) -> str:
    """What was measured."""
    sessions = (
        "durable sessions: each has a\nconnection of its own to the broker, and reports share one."
        if durable
        else "clean sessions, and no board\nlistens: they share a connection to the broker"
        " (--durable: each has its own)."
    )
    return (
        f"Boards: Watson's, by MQTT without TLS, {sessions}\n"
        f"In one process on this machine, {AT_ONCE} logins under way at any time;\n"
        "as many registered as boards.\n"
        f"reports: {reports}, one of each board on its way at any time. p50, p95, p99: of\n"
        f"the delay from PUBLISH to PUBACK of {min(_PACED, reports)} reports, {PER_S} a second.\n"
        "µs: of the processor, as the kernel counts it, while they report as fast as\n"
        "they can. lost: acknowledged and not in the twin's file, or not acknowledged.\n"
        "ratio: to a plain mosquitto, in the same run, from the same boards."
    )
