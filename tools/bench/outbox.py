"""What does it cost that reports wait on flash: time, erases, and years of the flash's life?

Measured on MicroPython (`firmware/bench/measure_outbox.py`) with a flash that counts, beside what
a program without signet would do: append each report to a file as a line of JSON.
"""

import json
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from rich import box
from rich.table import Table

from tools.bench import programs
from tools.bench.broker import Far, broker, device_json
from tools.scratch import scratch

BLOCKS = 512  # of the ESP32's partition of 2 MiB
OUTBOX_BYTES = 131_072  # by default
CYCLES = 100_000  # erases that a block of NOR flash stands
ROUND_TRIP_S = 0.05
WEEK, RECOVERY = 7 * 24 * 60, 10_000
SECOND_MS, MINUTE_MS = 1000, 60_000

_YEAR_MS = 365.25 * 24 * 3600 * 1000
_WINDOW = 4
_HEAP = "160k"  # of a 64-bit build, whose objects are twice as large


class Cost(NamedTuple):
    """Of a report: microseconds, erases and programmed bytes of flash."""

    us: float
    erases: float
    programmed: float


class Life(NamedTuple):
    """Of flash, offline at a pace. erases: a report. years: until blocks are worn out."""

    erases: float
    programmed: float
    years: float


class Found(NamedTuple):
    """All figures. costs: by step of measure_outbox. lives: by file system, whose, and pace in ms.
    fits: how many reports the default store has room for, and how many are dropped then, by pace.
    start_ms, start_read: with RECOVERY waiting. delivered_s: of `delivered` reports.
    """

    costs: dict[str, Cost]
    lives: dict[tuple[str, str, int], Life]
    fits: dict[int, tuple[int, int]]
    start_ms: dict[str, float]
    start_read: dict[str, int]
    delivered: int
    delivered_s: float


def steps(quick: bool) -> int:
    """How many steps `measure` takes."""
    return len(_paces(quick)) + 5


def _paces(quick: bool) -> list[tuple[str, int, int]]:
    """(file system, ms between reports, how many)."""
    counts = ((SECOND_MS, 600 if quick else 3000), (MINUTE_MS, 100 if quick else 300))
    return [(kind, ms, count) for kind in ("paced", "fat") for ms, count in counts]


def measure(quick: bool, step: Callable[[], object]) -> Found:
    """Measures all on the default MicroPython.

    quick: a tenth of the reports. step: called after each part.
    raises: UserError when there is no MicroPython, or it fails.
    """
    part = 10 if quick else 1
    with scratch() as name:
        rates = _run(name, "rates", 250, 4 if quick else 20)
        step()
        lives = {}
        for kind, ms, count in _paces(quick):
            (found,) = _run(name, kind, count, ms)
            for place, who in enumerate(("signet", "lines")):
                lives[kind, who, ms] = _life(kind, found[who], found["worn"][place], count, ms)
            step()
        fits = {}
        for ms in (SECOND_MS, MINUTE_MS):
            last = _run(name, "full", OUTBOX_BYTES, ms)[-1]
            fits[ms] = last["fits"], last["dropped"]
            step()
        boots = [row for row in _run(name, "boot", RECOVERY // part) if "us" in row]
        step()
        delivered = WEEK // part
        with broker(Path(name)) as port, Far(port, ROUND_TRIP_S / 2) as relay:
            config = device_json(relay.port) | {"window": _WINDOW, "outbox_bytes": 1_900_000}
            Path(name, "device.json").write_text(json.dumps(config))
            last = _run(name, "deliver", delivered)[-1]
        step()
    return Found(
        _costs(rates, 250),
        lives,
        fits,
        {who: _median(boots, f"{who}us") / 1000 * part for who in ("", "lines ")},
        {who: boots[0][f"{who}flash"][2] * part for who in ("", "lines ")},
        delivered,
        last["ms"] / 1000,
    )


def _run(folder: str, what: str, *numbers: int) -> list[dict[str, Any]]:
    build = programs.builds()[0]
    heap = programs.HEAP if build == "i386" else _HEAP
    arguments = (what, folder, *map(str, numbers))
    job = programs.Job("measure_outbox", build, arguments, heap=heap)
    return [found for _, found in programs.run([job])]


def _median(rows: list[dict[str, Any]], name: str) -> float:
    return statistics.median(float(row[name]) for row in rows)


def _costs(rows: list[dict[str, Any]], count: int) -> dict[str, Cost]:
    costs = {}
    for what in dict.fromkeys(row["what"] for row in rows):
        mine = [row for row in rows if row["what"] == what]
        erases, programmed, _ = (
            statistics.mean(row["flash"][place] for row in mine) / count for place in range(3)
        )
        costs[what] = Cost(_median(mine, "us") / count, erases, programmed)
    return costs


def _life(kind: str, flash: list[int], worn: int, count: int, ms: int) -> Life:
    """FAT moves nothing: the life of the block that it erases most."""
    most = worn if kind == "fat" else flash[0] / BLOCKS
    return Life(flash[0] / count, flash[1] / count, CYCLES / (most / count * _YEAR_MS / ms))


def table(found: Found) -> Table:
    """The figures for a person."""
    shown = Table(title="What waits on flash", title_justify="left", box=box.SIMPLE_HEAD)
    shown.add_column("")
    for name in ("signet", "lines of JSON", "ratio"):
        shown.add_column(name, justify="right")
    costs = found.costs
    good = costs["good"]
    shown.add_row("good link: in and out, a second", _rate(good), "-", "")
    shown.add_row("  erases, bytes of flash, a report", _flash(good), "-", "", end_section=True)
    _compared(shown, "offline, all at once: in, a second", costs["in"], costs["lines in"])
    _compared(shown, "back from flash: out, a second", costs["out"], costs["lines out"])
    for kind, title in (("paced", "LittleFS"), ("fat", "FAT")):
        for ms, pace in ((SECOND_MS, "second"), (MINUTE_MS, "minute")):
            ours, lines = (found.lives[kind, who, ms] for who in ("signet", "lines"))
            _flash_row(shown, f"{title}, one a {pace}: erases, bytes", ours, lines)
            ratio = f"{ours.years / lines.years:.1f}"
            shown.add_row("  life of the flash", _life_of(ours), _life_of(lines), ratio)
        shown.add_section()
    for ms, pace in ((SECOND_MS, "second"), (MINUTE_MS, "minute")):
        fits, dropped = found.fits[ms]
        shown.add_row(f"one a {pace}: fit into 128 KiB, reports", str(fits), "", "")
        shown.add_row("  dropped then, the oldest", str(dropped), "", "")
    shown.add_section()
    start, read = found.start_ms, found.start_read
    title = f"a start with {RECOVERY:,} waiting, ms"
    ratio = f"{start[''] / start['lines ']:.1f}"
    shown.add_row(title, f"{start['']:.0f}", f"{start['lines ']:.0f}", ratio)
    kib = [f"{read[who] / 1024:.0f}" for who in ("", "lines ")]
    shown.add_row("  KiB read from flash", *kib, f"{read[''] / read['lines ']:.1f}")
    seconds = found.delivered_s * WEEK / found.delivered
    shown.add_row("a week at one a minute, delivered, s", f"{seconds:.0f}", "-", "")
    return shown


def _compared(shown: Table, title: str, ours: Cost, lines: Cost) -> None:
    shown.add_row(title, _rate(ours), _rate(lines), f"{lines.us / ours.us:.2f}")
    _flash_row(shown, "  erases, bytes", ours, lines)
    shown.add_section()


def _flash_row(shown: Table, title: str, ours: Cost | Life, lines: Cost | Life) -> None:
    ratio = f"{ours.erases / lines.erases:.2f}" if lines.erases else ""
    shown.add_row(title, _flash(ours), _flash(lines), ratio)


def _rate(cost: Cost) -> str:
    return f"{1e6 / cost.us:,.0f}"


def _flash(cost: Cost | Life) -> str:
    return f"{cost.erases:.2f}, {cost.programmed:.0f}"


def _life_of(flash: Life) -> str:
    if flash.years < 1:
        return f"{flash.years * 365.25:.1f} days"
    return f"{flash.years:.{int(flash.years < 10)}f} years"


def explanation(found: Found) -> str:
    """What was measured, and what was assumed."""
    least_s = WEEK / _WINDOW * ROUND_TRIP_S
    measured = "" if found.delivered == WEEK else f", measured on {found.delivered:,} of them"
    return (
        "lines of JSON: each report appended to a file, which is read and removed at the\n"
        "end; nothing is acknowledged by itself, and no line has a CRC. Times are this\n"
        "machine's; flash takes 45 ms more for each erase of 4 KiB (W25Q32JV, typical).\n"
        f"Life: {CYCLES:,} erases a block, 2 MiB; LittleFS lets all blocks take turns,\n"
        "FAT levels nothing: the block that it erases most.\n"
        f"A week: {WEEK:,} reports by MQTT to a broker {ROUND_TRIP_S * 1000:.0f} ms away, window"
        f" {_WINDOW}: {least_s:.0f} s is\nthe least{measured}."
    )
