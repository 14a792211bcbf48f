"""How do the smallest heaps look to a person, and which met their goal?"""

from collections.abc import Sequence

from rich import box
from rich.table import Table

from tools.bench.goals import Goal
from tools.bench.heap import CONFIRMATIONS, Place, Row, Way

_CODE = {
    "flash": "is copied into it from flash",
    "ROMFS": "runs in place, in a ROM partition",
    "image": "is frozen in the image, and runs in place",
}
_UNIX = (
    "names: that MicroPython holds then, its firmware's included; beyond 620 it\n"
    "takes 4.5 KiB at once.\n"
    "TLS 1.2, as boards have it. What Mbed TLS takes is not in it: on this\n"
    "MicroPython that comes from libc, as `signet bench tls` shows."
)
_IMAGE = (
    "TLS: the most KiB that Mbed TLS 1.2 took of its own memory, beside the heap.\n"
    "first: from power on to a report stored; report: one later. The clock of a board\n"
    "in QEMU says so: no microcontroller's pace."
)


def goals(rows: Sequence[Row], place: Place) -> dict[Way, Goal]:
    """Of those ways in that have one for the place of their code."""
    found = {}
    for row in rows:
        limit = row.way.goal_kib if place == "flash" else row.way.goal_in_place_kib
        if limit is not None:
            why = f"With {row.kib - 1} KiB: {row.trouble}"
            found[row.way] = Goal(row.way.title, limit, row.kib, "KiB", why)
    return found


def table(rows: Sequence[Row], found: dict[Way, Goal]) -> Table:
    """The figures for a person."""
    shown = Table(title="Smallest heap, KiB", title_justify="left", box=box.SIMPLE_HEAD)
    shown.add_column("way in", no_wrap=True)
    paced = any(row.pace for row in rows)
    for name in ("heap", "goal", "", *(("TLS", "first", "report") if paced else ("names",))):
        shown.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        goal = found.get(row.way)
        limit, verdict = (f"{goal.limit:.0f}", goal.verdict) if goal else ("-", "")
        cells = [str(row.names)]
        if row.pace:
            first_ms, report_ms, tls_bytes = row.pace
            cells = [f"{tls_bytes / 1024:.0f}", f"{first_ms / 1000:.1f} s", f"{report_ms:.0f} ms"]
        shown.add_row(row.way.title, str(row.kib), limit, verdict, *cells)
    return shown


def explanation(place: Place, sleeps: bool) -> str:
    """What was tried."""
    outage = "loses its network until its outbox (8 KiB) is full"
    return (
        f"A device reports, {'sleeps deeply, wakes' if sleeps else outage},\n"
        f"and reports again, without a word of missing memory, {CONFIRMATIONS} times in a row.\n"
        "heap: the GC heap for boot.py, board.py, main.py and signet, whose code\n"
        f"{_CODE[place]}; objects of 32 bits.\n"
        f"{_IMAGE if place == 'image' else _UNIX}"
    )
