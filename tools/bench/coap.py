"""How long does `signet.wire.coap` take for a message, and how much heap, against a usual codec?

The measuring runs on MicroPython (`firmware/bench/measure_coap.py`); this file starts it on each
build and turns its times into a table. microCoAPy, the one CoAP client published for MicroPython,
is on no registry; `firmware/bench/peer_coap.py` stands for what such clients do.
"""

import statistics
from collections.abc import Callable
from typing import Any, NamedTuple

from rich import box
from rich.table import Table

from tools.bench import programs


class Row(NamedTuple):
    """Encoding or decoding on one build; per message: times in microseconds, heap in bytes.

    ratio: of the times of signet and peer, the median over the rounds, each compared with itself.
    """

    build: str
    what: str
    message_bytes: int
    median_us: dict[str, float]
    heap: dict[str, int]
    ratio: float


def measure(rounds: int, step: Callable[[], None]) -> list[Row]:
    """Measures encoding and decoding on every MicroPython build of this machine.

    rounds: how often the contenders take turns. step: called after each.
    raises: UserError when there is no MicroPython, or when it fails.
    """
    rows = []
    jobs = [programs.Job("measure_coap", build, (str(rounds),)) for build in programs.builds()]
    for job, found in programs.run(jobs):
        rows.append(_row(job.interpreter, found))
        step()
    return rows


def _row(build: str, found: dict[str, Any]) -> Row:
    times, calls = found["times"], found["calls"]
    return Row(
        build,
        found["what"],
        found["bytes"],
        {name: statistics.median(values) / calls for name, values in times.items()},
        found["heap"],
        statistics.median(a / b for a, b in zip(times["signet"], times["peer"], strict=True)),
    )


def table(rows: list[Row]) -> Table:
    """The figures for a person."""
    title = f"One CoAP message of {rows[0].message_bytes} bytes"
    shown = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    shown.add_column("build")
    shown.add_column("", no_wrap=True)
    for unit in ("µs", "heap, B"):
        for name in ("signet", "peer"):
            shown.add_column(f"{name}\n{unit}", justify="right")
        shown.add_column("ratio", justify="right")
    for row in rows:
        times, heap = row.median_us, row.heap
        shown.add_row(
            row.build,
            row.what,
            f"{times['signet']:.1f}",
            f"{times['peer']:.1f}",
            f"{row.ratio:.2f}",
            _judged(row),
            str(heap["peer"]),
            f"{heap['signet'] / heap['peer']:.2f}",
            end_section=row.what == "decode",
        )
    return shown


def _judged(row: Row) -> str:
    count = row.heap["signet"]
    if row.what != "encode":
        return str(count)
    return f"[red]{count} missed[/]" if count else f"[green]{count}[/]"


def explanation(rounds: int) -> str:
    """What was compared with what, and the goal."""
    return (
        f"{rounds} rounds in which the contenders take turns; medians; heap {programs.HEAP}.\n"
        "The message: a POST to Alibaba Cloud in AES mode, 8 segments of path, options\n"
        "12, 2088 (32 B), 2089 (16 B), 32 B of ciphertext; signet reuses one buffer.\n"
        "peer: an object per option and bytearray appends, as small CoAP clients do it\n"
        "(firmware/bench/peer_coap.py). Goal: encoding takes no heap."
    )
