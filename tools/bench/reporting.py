"""How is each report of a device counted by itself, and shown?"""

import os
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from rich import box
from rich.table import Table

from tools import toolchain
from tools.bench import programs
from tools.bench.relay import Traffic
from tools.lifeline import die_with_parent
from tools.ui import UserError


def wake(
    folder: Path, take: Callable[[], Traffic], reports: int, arguments: tuple[str, ...] = ()
) -> list[Traffic]:
    """Let the device run once and report; what is on its flash is the files of `folder`.

    take: of a relay; called after each report, and once at the end. reports: how many.
    arguments: further ones of `firmware/bench/report.py`. returns: the traffic of each report.
    raises: UserError when a report does not arrive.
    """
    command = [str(toolchain.micropython(32 if 32 in toolchain.word_sizes() else 64))]
    command += ["-X", f"heapsize={programs.HEAP}", "-m", "report", str(reports), *arguments]
    taken = []
    said = []
    with subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, "MICROPYPATH": programs.compiled()},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=die_with_parent(),  # noqa: PLW1509
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            for line in process.stdout:
                said.append(line.strip())
                if said[-1] == "stored":
                    taken.append(take())
                    process.stdin.write("\n")
                    process.stdin.flush()
        finally:
            process.kill()
    take()  # a goodbye
    if len(taken) != reports:
        raise UserError(f"the device did not report; it said: {said[-1] if said else 'nothing'}")
    return taken


def traffic_table(first: str, last: str, rows: Sequence[tuple[str, str, Traffic, str]]) -> Table:
    """What reports cost, for a person.

    first, last: titles of these columns. rows: what reported; when; its traffic; the last column.
    """
    title = "One report on the wire: IPv4 packets, and their bytes with all headers"
    shown = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    shown.add_column(first, no_wrap=True)
    shown.add_column("", no_wrap=True, min_width=5)
    for name in ("packets\nup+down", "bytes\nup+down", "sum", last):
        shown.add_column(name, justify="right", no_wrap=True)
    before = None
    for what, when, traffic, remark in rows:
        if before not in (None, what):
            shown.add_section()
        shown.add_row(
            what if what != before else "",
            when,
            f"{traffic.packets_up}+{traffic.packets_down}",
            f"{traffic.bytes_up}+{traffic.bytes_down}",
            str(traffic.bytes),
            remark,
        )
        before = what
    return shown
