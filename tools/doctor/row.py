"""How is one thing that was looked at shown: right or not, and how to mend it?"""

import textwrap
from collections.abc import Iterable
from typing import NamedTuple

from rich.text import Text

from tools.ui import above_bar, visible

OK, WRONG, NOTE = "ok", "wrong", "-"
_STYLES = {OK: "green", WRONG: "bold red", NOTE: ""}
_STATE, _NAME = 7, 15  # columns
_LEAST = 20  # of what is said


class Row(NamedTuple):
    """One thing. state: OK, WRONG, or NOTE for what is neither, or was not asked. mend: how."""

    name: str
    state: str
    text: str
    mend: str = ""


def show(title: str, rows: Iterable[Row]) -> int:
    """Print each row as soon as it is known; returns how many are wrong."""
    out, wrong = above_bar(), 0
    out.print(Text(title, "bold"))
    width = max(out.width - _STATE - _NAME, _LEAST)
    for row in rows:
        wrong += row.state == WRONG
        lines = textwrap.wrap(visible(row.text), width, break_on_hyphens=False)
        lines += textwrap.wrap(visible(row.mend), width, break_on_hyphens=False)
        said = f"\n{' ' * (_STATE + _NAME)}".join(lines)
        state = (f"{row.state:<{_STATE}}", _STYLES[row.state])
        out.print(Text.assemble(state, f"{row.name:<{_NAME}}{said}"), soft_wrap=True)
    return wrong
