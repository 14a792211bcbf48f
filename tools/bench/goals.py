"""Which goals did a benchmark meet, and why not the others?  One table for all of them."""

from collections.abc import Collection
from typing import NamedTuple

from rich import box
from rich.table import Table


class Goal(NamedTuple):
    """what: is measured. limit, found: in `unit`. why: what stands in the way when it is missed.

    at_least: the limit is the least, else the most.
    """

    what: str
    limit: float
    found: float
    unit: str
    why: str
    at_least: bool = False

    @property
    def met(self) -> bool:
        """Whether it is kept; judged by what is shown."""
        found, limit = float(_number(self.found)), self.limit
        return found >= limit if self.at_least else found <= limit

    @property
    def verdict(self) -> str:
        """In a word, for rich."""
        return "[green]met[/]" if self.met else "[yellow]missed[/]"


def _number(value: float) -> str:
    return f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"


def table(goals: Collection[Goal]) -> Table:
    """The goals for a person."""
    shown = Table(title="Goals", title_justify="left", box=box.SIMPLE_HEAD)
    shown.add_column("")
    for name in ("goal", "measured"):
        shown.add_column(name, justify="right", no_wrap=True)
    shown.add_column("", no_wrap=True)
    for each in goals:
        shown.add_row(
            each.what,
            f"{'≥' if each.at_least else '≤'} {_number(each.limit)} {each.unit}",
            f"{_number(each.found)} {each.unit}",
            each.verdict,
        )
    return shown


def reasons(goals: Collection[Goal]) -> str:
    """A sentence for each that is missed; "" when all are met."""
    return "\n".join(f"Missed: {each.what}. {each.why}" for each in goals if not each.met)
