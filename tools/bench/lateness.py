"""How late does a task at 100 Hz come beside `link.run()`, and what does an idle link cost?

The device's own code runs on MicroPython (`firmware/bench/measure_lateness.py`) in front of a
twin: once for each way in, and once without any link, which the others are compared with.
"""

import json
import shutil
import statistics
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from rich import box
from rich.table import Table

from tools.bench import programs
from tools.bench.boards_twin import twin_of_boards
from tools.bench.goals import Goal
from tools.scratch import scratch

IDLE_GOAL_US = 500
"""Of processor time in a second in which nothing happens."""


class Beside(NamedTuple):
    """A way in of the twin's ready file; an empty one for no link at all."""

    cloud: str
    way: str
    title: str


CASES = (
    Beside("", "", "no link"),
    Beside("alibaba", "mqtts", "MQTT over TLS"),
    Beside("alibaba", "https", "HTTPS"),
    Beside("alibaba", "coap", "CoAP, AES"),
    Beside("alibaba", "coaps", "CoAP, DTLS"),
)


class Row(NamedTuple):
    """One case. late_us: of each turn. idle_us: of processor time a second; None where the machine
    does not say. stored: reports.
    """

    case: Beside
    late_us: list[int]
    idle_us: float | None
    stored: int

    def late(self, percent: int) -> float:
        """Which lateness, in ms, do so many percent of the turns not exceed?"""
        if percent == 100:
            return max(self.late_us) / 1000
        return statistics.quantiles(self.late_us, n=100, method="inclusive")[percent - 1] / 1000


def measure(
    seconds: int, step: Callable[[str], None], cases: Sequence[Beside] = CASES
) -> list[Row]:
    """Let the task run for so long beside each, then each be idle for as long.

    step: told which comes next.
    raises: UserError when there is no MicroPython, or a report does not arrive.
    """
    with (
        scratch() as name,
        twin_of_boards(Path(name)) as twin,
    ):
        rows = []
        for case in cases:
            step(case.title)
            arguments = [str(seconds)]
            if case.cloud:
                folder = Path(tempfile.mkdtemp(dir=name))
                config = twin.device_config(case.cloud, case.way)
                (folder / "device.json").write_text(json.dumps(config))
                shutil.copy(twin.ready["ca_file"], folder / "ca.pem")
                arguments.append(str(folder))
            job = programs.Job("measure_lateness", programs.builds()[0], tuple(arguments))
            row = Row(case, [], None, 0)
            for _, found in programs.run([job]):
                row.late_us.extend(found.get("late", ()))
                row = row._replace(
                    idle_us=found.get("idle", row.idle_us), stored=found.get("stored", row.stored)
                )
            rows.append(row)
    return rows


def table(rows: Sequence[Row]) -> Table:
    """The figures for a person."""
    shown = Table(title="A task at 100 Hz beside link.run()", title_justify="left")
    shown.box, shown.min_width = box.SIMPLE_HEAD, 40
    for name in ("beside", "half\nms", "99 %\nms", "most\nms", "99 % to\nno link's"):
        shown.add_column(name, justify="left" if name == "beside" else "right")
    shown.add_column("idle, ms of\nCPU a second", justify="right")
    for row in rows:
        none = rows[0].late(99)
        shown.add_row(
            row.case.title,
            *(f"{row.late(percent):.1f}" for percent in (50, 99, 100)),
            f"{row.late(99) / none:.1f}" if none and row is not rows[0] else "",
            "-" if row.idle_us is None else f"{row.idle_us / 1000:.2f}",
        )
    return shown


def goals(rows: Sequence[Row]) -> list[Goal]:
    """Of each link whose processor time the machine says."""
    return [
        Goal(
            f"Idle, {row.case.title}: CPU a second",
            IDLE_GOAL_US / 1000,
            row.idle_us / 1000,
            "ms",
            "What began before the idle time may still have had its end in it: try more seconds.",
        )
        for row in rows[1:]
        if row.idle_us is not None
    ]


def explanation(seconds: int) -> str:
    """What was measured."""
    return (
        f"By how much each turn of {seconds} s was late: half of them, 99 %, and the latest,\n"
        "while the link opens and reports four times a second; with garbage collections,\n"
        "without the time that the machine gave to other programs (Linux).\n"
        "Idle: the connection is kept, nothing happens. MicroPython with objects as large\n"
        "as a board's, TLS 1.2."
    )
