"""How long does `signet.wire.coap` take for a message, and how much heap, against a usual codec?

The measuring runs on MicroPython (`firmware/bench/measure_coap.py`); this file starts it on each
build and turns its times into a table. microCoAPy, the one CoAP client published for MicroPython,
is on no package index: it is measured where a folder has it, else `firmware/bench/peer_coap.py`
stands for what such clients do.
"""

import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from rich import box
from rich.table import Table

from tools.bench import programs
from tools.bench.goals import Goal


class Row(NamedTuple):
    """Encoding or decoding on one build; per message: times in microseconds, heap in bytes.

    ratio: of the times of signet and peer, the median over the rounds, each compared with itself.
    real: the peer is microCoAPy.
    """

    build: str
    what: str
    message_bytes: int
    median_us: dict[str, float]
    heap: dict[str, int]
    ratio: float
    real: bool


def measure(rounds: int, step: Callable[[], None], peer: Path | None = None) -> list[Row]:
    """Measures encoding and decoding on every MicroPython build of this machine.

    rounds: how often the contenders take turns. step: called after each.
    peer: a folder with microcoapy/.
    raises: UserError when there is no MicroPython, or when it fails.
    """
    rows = []
    jobs = [
        programs.Job("measure_coap", build, (str(rounds),), environment=programs.beside(peer))
        for build in programs.builds()
    ]
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
        found["real"],
    )


def table(rows: list[Row]) -> Table:
    """The figures for a person."""
    title = f"One CoAP message of {rows[0].message_bytes} bytes"
    peer = "microCoAPy" if rows[0].real else "stand-in"
    shown = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    shown.add_column("build")
    shown.add_column("", no_wrap=True)
    for unit in ("µs", "heap, B"):
        for name in ("signet", peer):
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
            str(heap["signet"]),
            str(heap["peer"]),
            f"{heap['signet'] / heap['peer']:.2f}",
            end_section=row.what == "decode",
        )
    return shown


def goals(rows: list[Row]) -> list[Goal]:
    """On the first build."""
    encode, decode = rows[:2]
    peer = "microCoAPy" if encode.real else "the stand-in"
    more = "signet sorts the options, and checks what it sends and reads against RFC 7252."
    return [
        Goal("Encoding: heap", 0, encode.heap["signet"], "B", "It makes a buffer."),
        Goal(f"Encoding: time, to {peer}", 1.0, encode.ratio, "x", more),
        Goal(f"Decoding: time, to {peer}", 0.5, decode.ratio, "x", more),
        Goal(
            f"Decoding: heap, to {peer}",
            0.25,
            decode.heap["signet"] / decode.heap["peer"],
            "x",
            "A token, a payload and the message itself are objects of their own.",
        ),
    ]


def explanation(rounds: int, rows: list[Row]) -> str:
    """What was compared with what."""
    peer = (
        "microCoAPy: its coap_writer and coap_reader, unchanged, as --peer gave them."
        if rows[0].real
        else "stand-in: an object per option and bytearray appends, as small CoAP clients do\n"
        "it (firmware/bench/peer_coap.py); it takes more heap than microCoAPy, which no\n"
        "package index carries: --peer FOLDER, with its microcoapy/, measures that."
    )
    return (
        f"{rounds} rounds in which the contenders take turns; medians; heap {programs.HEAP}.\n"
        "The message: a POST to Alibaba Cloud in AES mode, 7 segments of path, options\n"
        "12, 2088 (32 B), 2089 (16 B), 32 B of ciphertext; made outside the clock. signet\n"
        "reuses one buffer.\n" + peer
    )
