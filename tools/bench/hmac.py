"""What does a signature of `signet.sign` cost, against two bare hashes and micropython-lib's hmac?

The measuring runs on MicroPython (`firmware/bench/measure_hmac.py`); this file starts it on each
build and turns its times into a table.
"""

import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from rich import box
from rich.table import Table

from tools.bench import programs
from tools.bench.goals import Goal

HASHES = ("md5", "sha1", "sha256")
CONTENT = "content"
CONTENDERS = {
    "bare": "two bare hashes",
    "signer": "Signer, key kept",
    "anew": "Signer, key anew",
    "peer": "hmac 3.4, key anew",
}
CONTENTS = {
    "fixed": "a fixed % template",
    "template": "content.template",
    "build": "content.build",
    "sorted": "sort and join",
}
STAND_IN = "stand-in for hmac"


class Row(NamedTuple):
    """A hash, or CONTENT, on one build; by contender microseconds and bytes of heap, each time.

    ratios: of times, to the first contender, or for `peer` and `anew` to the peer; medians over
    the rounds, each compared with itself. real: the peer is micropython-lib's.
    """

    build: str
    what: str
    best_us: dict[str, float]
    median_us: dict[str, float]
    heap: dict[str, int]
    ratios: dict[str, float]
    real: bool


def measure(
    rounds: int,
    key_bytes: int,
    message_bytes: int,
    step: Callable[[], None],
    peer: Path | None = None,
) -> list[Row]:
    """Measures every hash, and the content, on every MicroPython build of this machine.

    rounds: how often the contenders take turns. key_bytes: 0 to 64. message_bytes: 0 or more.
    step: called after each. peer: a folder with micropython-lib's hmac.py.
    raises: UserError when there is no MicroPython, or when it fails.
    """
    arguments = (str(rounds), str(key_bytes), str(message_bytes))
    jobs = [
        programs.Job("measure_hmac", build, arguments, environment=programs.beside(peer))
        for build in programs.builds()
    ]
    rows = []
    for job, found in programs.run(jobs):
        rows.append(_row(job.interpreter, found))
        step()
    return rows


def _row(build: str, found: dict[str, Any]) -> Row:
    calls, times = found["calls"], found["times"]
    first = next(name for name in (*CONTENDERS, *CONTENTS) if name in times)
    return Row(
        build,
        found["what"],
        {name: min(values) / calls for name, values in times.items()},
        {name: statistics.median(values) / calls for name, values in times.items()},
        found["heap"],
        {
            name: _paired(values, times["peer" if name in ("anew", "peer") else first])
            for name, values in times.items()
        },
        found["real"],
    )


def _paired(upper: list[int], lower: list[int]) -> float:
    return statistics.median(a / b for a, b in zip(upper, lower, strict=True))


def tables(rows: list[Row]) -> list[Table]:
    """The figures for a person, a table a build."""
    return [
        _table(build, [row for row in rows if row.build == build])
        for build in dict.fromkeys(row.build for row in rows)
    ]


def _table(build: str, rows: list[Row]) -> Table:
    title = f"One signature, one content ({build})"
    shown = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    shown.add_column("")
    shown.add_column("with")
    for name in ("best, µs", "median", "ratio", "heap, B"):
        shown.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        names = CONTENTS if row.what == CONTENT else CONTENDERS
        for place, (name, title) in enumerate(names.items()):
            shown.add_row(
                "" if place else row.what,
                title if name != "peer" or row.real else STAND_IN,
                f"{row.best_us[name]:.2f}",
                f"{row.median_us[name]:.2f}",
                f"{row.ratios[name]:.2f}",
                str(row.heap[name]),
                end_section=place + 1 == len(names),
            )
    return shown


def goals(rows: list[Row]) -> list[Goal]:
    """On the first build; of the hashes the worst."""
    mine = [row for row in rows if row.build == rows[0].build]
    hashes = [row for row in mine if row.what != CONTENT]
    contents = [row for row in mine if row.what == CONTENT]
    return [
        Goal(
            "Signer, its key kept, to two bare hashes",
            1.10,
            max(row.ratios["signer"] for row in hashes),
            "x",
            "Its two blocks are hashed apart from what follows them, which costs two more "
            "calls and saves the heap of a joined copy.",
        ),
        *(
            Goal(
                "content.template to a fixed template of the same fields",
                1.3,
                row.ratios["template"],
                "x",
                "It looks each value up by its name in the dict of fields.",
            )
            for row in contents
        ),
    ]


def explanation(rounds: int, key_bytes: int, message_bytes: int, real: bool) -> str:
    """What was compared with what."""
    peer = (
        "hmac 3.4: micropython-lib's, as --peer gave it."
        if real
        else "stand-in for hmac: the algorithm of micropython-lib's hmac 3.4, written anew\n"
        "(firmware/bench/peer_hmac.py), and faster than that. No package index carries\n"
        "one that runs on MicroPython 1.25; --peer FOLDER, with its hmac.py, measures it."
    )
    return (
        f"{rounds} rounds in which the contenders take turns; key {key_bytes} B, "
        f"message {message_bytes} B;\nheap {programs.HEAP}. "
        "Ratios are medians over the rounds, each compared with itself:\n"
        "to two bare hashes over joined input, the least that HMAC can do, or to the\n"
        "fixed template. hmac 3.4 keeps no key, as MicroPython's hashes have no copy: it\n"
        "and the Signer that is made anew are compared with each other.\n" + peer
    )
