"""Can anything that a peer sends upset the CoAP codec or the exchange?  Counted, and judged.

The mutating runs in `firmware/bench/fuzz_coap.py`, on CPython and on each MicroPython build; this
file starts it and turns what it counts into tables.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from rich import box
from rich.table import Table

from tools.bench import programs
from tools.paths import LIB
from tools.ui import UserError

AT_ONCE = 2
GROWTH_BYTES = 600
"""What the second half of a run may have in use beyond the first: the exchange remembers the last
messages of its peer, whose sizes differ. Twice what runs of 500 000 datagrams on CPython show."""

FEWEST = 2000
"""With fewer datagrams nothing is said about growth: the largest messages may all come in the
second half (up to 800 bytes were seen), and below 16 the memory is not looked at in both."""


class Row(NamedTuple):
    """One run.

    counts: datagrams that `decode` "accepted" or refused with "ProtocolError", "other" exceptions,
    "clean" requests that were answered. events, states: datagrams by what came of them, and by
    what the exchange was doing. memory: most bytes in use in the first half, and in the second.
    first: the first exception that should not be ("error", "trace", "datagram" in hex), or None.
    """

    interpreter: str
    seed: int
    datagrams: int
    counts: dict[str, int]
    events: dict[str, int]
    states: dict[str, int]
    memory: tuple[int, int]
    first: dict[str, str] | None

    @property
    def growth(self) -> int | None:
        """Bytes that the second half had in use beyond the first; None with too few datagrams."""
        return self.memory[1] - self.memory[0] if self.datagrams >= FEWEST else None

    @property
    def grew(self) -> bool:
        """Is that more than it may be?"""
        return self.growth is not None and self.growth > GROWTH_BYTES

    @property
    def passed(self) -> bool:
        """Was there nothing but ProtocolError, and no growth?"""
        return not self.counts["other"] and not self.grew


def measure(
    cpython: int,
    micropython: int,
    seed: int,
    step: Callable[[int], None],
    lib: Path = LIB,
) -> list[Row]:
    """Fuzz on CPython, in two processes side by side, and on each MicroPython of this machine.

    cpython: datagrams on CPython, 0 or more. micropython: datagrams on each build, 0 or more.
    seed: of the first process; the second on CPython has the next. step: told how many more
    datagrams are done. lib: what CPython imports `signet` from, for tests.
    raises: UserError when there is nothing to do, or a program fails or hangs.
    """
    if not cpython and not micropython:
        raise UserError("no datagrams: give --cpython or --micropython more than 0")
    runs = [(programs.CPYTHON, cpython - cpython // 2, seed)]
    runs += [(programs.CPYTHON, cpython // 2, seed + 1)]
    runs += [(build, micropython, seed) for build in programs.builds()]
    jobs = [
        programs.Job("fuzz_coap", interpreter, (str(count), str(number & 0xFFFF)), lib)
        for interpreter, count, number in runs
        if count
    ]
    done = dict.fromkeys(jobs, 0)
    rows = {}
    for job, found in programs.run(jobs, AT_ONCE):
        now = found.get("done", int(job.arguments[0]))
        step(now - done[job])
        done[job] = now
        if "counts" in found:
            rows[job] = _row(job, found)
    return [rows[job] for job in jobs]


def _row(job: programs.Job, found: dict[str, Any]) -> Row:
    return Row(
        job.interpreter,
        int(job.arguments[1]),
        found["datagrams"],
        found["counts"],
        found["events"],
        found["states"],
        tuple(found["memory"]),
        found["first"],
    )


def tables(rows: list[Row]) -> list[Table]:
    """The figures for a person: what came, then what the exchange made of it."""
    return [_outcomes(rows), _kinds(rows)]


def _outcomes(rows: list[Row]) -> Table:
    shown = _table("Mutated datagrams into decode and exchange", "on")
    for name in ("seed", "datagrams", "accepted", "Protocol-\nError", "other", "clean"):
        shown.add_column(name, justify="right")
    shown.add_column("growth,\nbytes", justify="right")
    for row in rows:
        counts = row.counts
        shown.add_row(
            row.interpreter,
            str(row.seed),
            _count(row.datagrams),
            _count(counts["accepted"]),
            _count(counts["ProtocolError"]),
            _judged(counts["other"], not counts["other"]),
            _count(counts["clean"]),
            "-" if row.growth is None else _judged(row.growth, not row.grew),
        )
    return shown


def _kinds(rows: list[Row]) -> Table:
    shown = _table("Datagrams by what the exchange was doing, and its events", "")
    for row in rows:
        shown.add_column(f"{row.interpreter}\nseed {row.seed}", justify="right")
    for name in sorted({name for row in rows for name in row.states}):
        shown.add_row(name, *(_count(row.states.get(name, 0)) for row in rows))
    shown.add_section()
    for name in sorted({name for row in rows for name in row.events}):
        shown.add_row(name, *(_count(row.events.get(name, 0)) for row in rows))
    return shown


def _table(title: str, first: str) -> Table:
    shown = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    shown.add_column(first, no_wrap=True)
    return shown


def _count(number: int) -> str:
    return f"{number:,}".replace(",", " ")


def _judged(number: int, met: bool) -> str:
    return f"[green]{_count(number)}[/]" if met else f"[red]{_count(number)}[/]"


def verdict(rows: list[Row]) -> str:
    """What is wrong, with what it takes to see it again; or that nothing is."""
    lines = []
    for row in rows:
        if row.first:
            run = f"{row.interpreter}, seed {row.seed}, {row.datagrams} datagrams"
            lines.append(f"{run}: {row.first['error']}")
            lines.append(f"datagram: {row.first['datagram'] or 'a clean request'}")
            lines.append(row.first["trace"].rstrip())
        if row.grew:
            lines.append(
                f"{row.interpreter}, seed {row.seed}: memory grew from {row.memory[0]} to "
                f"{row.memory[1]} bytes"
            )
    if lines:
        return "\n".join(lines)
    told = "Nothing but ProtocolError came; clean requests, one in 256, were answered.\n"
    if any(row.growth is None for row in rows):
        return told + f"With fewer than {FEWEST} datagrams nothing is said about growth."
    return told + (
        "Growth: the most memory in use in the second half of a run, against the first;\n"
        f"up to {GROWTH_BYTES} bytes are fine, as the exchange remembers the last few messages."
    )
