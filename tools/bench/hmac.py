"""How close to two bare hashes is `signet.sign.hmac.Signer`, and how far from micropython-lib?

The measuring runs on MicroPython (`firmware/bench/measure_hmac.py`); this file starts it on each
build and turns its times into a table.
"""

import statistics
from collections.abc import Callable
from typing import Any, NamedTuple

from rich import box
from rich.table import Table

from tools.bench import programs

HASHES = ("md5", "sha1", "sha256")
CONTENDERS = ("bare", "signer", "peer")
GOAL_OVER_BARE = 1.10
GOAL_UNDER_PEER = 10.0


class Row(NamedTuple):
    """One hash on one build; times in microseconds per signature, heap in bytes per signature.

    The ratios are medians over the rounds, each round compared with itself.
    """

    build: str
    hash: str
    best_us: dict[str, float]
    median_us: dict[str, float]
    heap: dict[str, int]
    over_bare: float
    under_peer: float
    bare_under_peer: float


def measure(
    rounds: int, key_bytes: int, message_bytes: int, step: Callable[[], None]
) -> list[Row]:
    """Measures every hash on every MicroPython build of this machine.

    rounds: how often the contenders take turns. key_bytes: 0 to 64. message_bytes: 0 or more.
    step: called after each hash.
    raises: UserError when there is no MicroPython, or when it fails.
    """
    arguments = (str(rounds), str(key_bytes), str(message_bytes))
    rows = []
    for job, found in programs.run(
        [programs.Job("measure_hmac", build, arguments) for build in programs.builds()]
    ):
        rows.append(_row(job.interpreter, found))
        step()
    return rows


def _row(build: str, found: dict[str, Any]) -> Row:
    calls, times = found["calls"], found["times"]
    return Row(
        build,
        found["hash"],
        {name: min(values) / calls for name, values in times.items()},
        {name: statistics.median(values) / calls for name, values in times.items()},
        found["heap"],
        _paired(times["signer"], times["bare"]),
        _paired(times["peer"], times["signer"]),
        _paired(times["peer"], times["bare"]),
    )


def _paired(upper: list[int], lower: list[int]) -> float:
    return statistics.median(a / b for a, b in zip(upper, lower, strict=True))


def tables(rows: list[Row]) -> list[Table]:
    """The figures for a person: times, then heap."""
    return [_times(rows), _heaps(rows)]


def _times(rows: list[Row]) -> Table:
    shown = _table("Time of one signature, µs: best and median")
    shown.add_column("Signer\nto bare", justify="right")
    shown.add_column("Signer\nto peer", justify="right")
    for index, row in enumerate(rows):
        shown.add_row(
            row.build,
            row.hash,
            *(f"{row.best_us[name]:.2f} {row.median_us[name]:.2f}" for name in CONTENDERS),
            _judged(f"{row.over_bare:.2f} x", row.over_bare <= GOAL_OVER_BARE),
            _to_peer(row),
            end_section=_last_of_build(rows, index),
        )
    return shown


def _heaps(rows: list[Row]) -> Table:
    shown = _table("Heap that one signature takes, bytes")
    for index, row in enumerate(rows):
        heaps = (str(row.heap[name]) for name in CONTENDERS)
        shown.add_row(row.build, row.hash, *heaps, end_section=_last_of_build(rows, index))
    return shown


def _table(title: str) -> Table:
    shown = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    for name in ("build", "hash"):
        shown.add_column(name)
    for name in ("bare", "Signer", "peer"):
        shown.add_column(name, justify="right")
    return shown


def _last_of_build(rows: list[Row], index: int) -> bool:
    return index + 1 < len(rows) and rows[index + 1].build != rows[index].build


def _to_peer(row: Row) -> str:
    text = f"1/{row.under_peer:.1f}"
    if row.under_peer < GOAL_UNDER_PEER and row.bare_under_peer < GOAL_UNDER_PEER:
        return f"[yellow]{text} (1/{row.bare_under_peer:.1f})[/]"
    return _judged(text, row.under_peer >= GOAL_UNDER_PEER)


def _judged(text: str, met: bool) -> str:
    return f"[green]{text}[/]" if met else f"[red]{text} missed[/]"


def explanation(rounds: int, key_bytes: int, message_bytes: int) -> str:
    """What was compared with what, and the goals."""
    return (
        f"{rounds} rounds in which the contenders take turns; key {key_bytes} B, "
        f"message {message_bytes} B,\nheap {programs.HEAP}. "
        "Ratios are medians over the rounds, each compared with itself.\n"
        "bare: two hash objects over joined input, the least that HMAC can do.\n"
        "peer: the algorithm of micropython-lib's hmac 3.4, written anew.\n"
        f"Goals: Signer to bare at most {GOAL_OVER_BARE:.2f} x, Signer to peer at most "
        f"1/{GOAL_UNDER_PEER:.0f}.\n"
        "Where bare alone is above that share of the peer (in brackets) none can reach it."
    )
