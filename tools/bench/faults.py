"""Does every report that a board accepts come to an end that somebody knows, whatever fails?

Faults of flash and heap come thousands of times (`faults_store.py`); those of power, network,
cloud and broker to a whole board, by every way in (`faults_board.py`).
"""

import contextlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from rich import box
from rich.table import Table

from tools.bench import faults_board, faults_store
from tools.bench.faults_audit import Row
from tools.ui import UserError, check_ways

AT_ONCE = 3
"""Boards, each with a twin: they wait most of the time."""


class Plan:
    """What is to fail.

    faults: parts of their names; all when empty. ways: for example "alibaba-mqtts"; all when
    empty, and only with all do flash and heap fail by themselves.
    raises: UserError for another way, and when nothing is left.
    """

    def __init__(self, faults: Sequence[str] = (), ways: Sequence[str] = ()) -> None:
        known = [f"{way.cloud}-{way.way}" for fault in faults_board.FAULTS for way in fault.ways]
        check_ways(ways, dict.fromkeys(known))
        self._boards = faults_board.pairs(faults, ways)
        self._stores = [
            each
            for each in faults_store.places()
            if not ways and (not faults or any(name in each.title for name in faults))
        ]
        self.steps = len(self._boards) + len(self._stores)
        if not self.steps:
            names = dict.fromkeys(each.title for each in faults_store.places()) | dict.fromkeys(
                fault.name for fault in faults_board.FAULTS
            )
            raise UserError(f"no such fault and way; the faults are {', '.join(names)}")

    def run(self, step: Callable[[str], None]) -> list[Row]:
        """Let it fail; returns what became of the reports, in the order of the table.

        step: told what is done, `steps` times.
        raises: UserError when there is no MicroPython, or a program fails.
        """
        return [*faults_store.measure(self._stores, step), *self._on_boards(step)]

    def _on_boards(self, step: Callable[[str], None]) -> list[Row]:
        waiting = list(enumerate(self._boards))[::-1]
        found: dict[int, Row] = {}

        def work(strike: faults_board.Strike) -> None:
            while waiting:
                index, (fault, way) = waiting.pop()
                found[index] = strike(fault, way)
                step(f"{fault.name}, {found[index].way}")

        with contextlib.ExitStack() as stack:
            boards = range(min(AT_ONCE, len(waiting)))
            strikes = [stack.enter_context(faults_board.stage()) for _ in boards]
            with ThreadPoolExecutor(AT_ONCE) as pool:
                list(pool.map(work, strikes))
        return [row for _, row in sorted(found.items())]


_COLUMNS = {
    "runs": "runs",
    "accepted": "acc-\nepted",
    "stored": "stored",
    "aside": "set\naside",
    "dropped": "drop-\nped",
    "twice": "twice",
    "promised": "pro-\nmise",
    "lost": "lost",
    "invented": "inv-\nented",
}


def table(rows: Sequence[Row]) -> Table:
    """What became of reports, for a person."""
    shown = Table(title="Reports by fault and way in", title_justify="left", box=box.SIMPLE_HEAD)
    shown.padding = 0
    shown.add_column("", no_wrap=True)
    for title in _COLUMNS.values():
        shown.add_column(title, justify="right", no_wrap=True)
    before = ""
    for row in rows:
        if row.fault != before:
            shown.add_row(f"[bold]{row.fault}[/]")
        before = row.fault
        figures = [_count(getattr(row.audit, name)) for name in _COLUMNS]
        if not row.audit.passed:
            figures[-2:] = [f"[red]{figure}![/]" for figure in figures[-2:]]
        shown.add_row(f"  {row.way}", *figures)
    return shown


def _count(number: int) -> str:
    return f"{number:,}".replace(",", " ")


def verdict(rows: Sequence[Row]) -> str:
    """What is wrong, or that nothing is."""
    lines = [
        f"{row.fault}, {row.way}: {row.audit.trouble or 'nothing was accepted'}"
        for row in rows
        if not row.audit.passed
    ]
    return "\n".join(lines) or "Nothing was lost beyond the promise, nothing was invented."


def explanation() -> str:
    """What was counted."""
    return (
        "Reports are accepted while faults come; then all is well, and what waits is delivered.\n"
        "Each is stored in the cloud, set aside by name with its values, or dropped and counted.\n"
        "twice: stored again, under the same message id. promise: lost, and accepted within\n"
        "the last flash_after_s before a power cut. lost: beyond that. invented: never reported,\n"
        "with other values, or under a second id. !: so it must not be."
    )
