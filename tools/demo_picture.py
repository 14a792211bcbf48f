"""How does a part of the demo become a picture, as the README shows it?"""

import io
import re
from collections.abc import Iterable
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.table import Table

from tools.ui import UserError

_WIDTH = 80
# A reader of a repository fetches no fonts: the picture takes the monospaced one that is there.
_REMOTE = re.compile(r"<!--.*?-->|@font-face \{\{.*?\}\}", re.DOTALL)


def draw(tables: Iterable[Table], path: Path) -> None:
    """Write tables as an SVG, as a terminal of 80 columns shows them.

    raises: UserError, when the file cannot be written.
    """
    terminal = Console(
        record=True,
        width=_WIDTH,
        file=io.StringIO(),
        highlight=False,
        force_terminal=True,
        color_system="truecolor",
        legacy_windows=False,
    )
    for table in tables:
        table.width = _WIDTH
        terminal.print(table)
    svg = terminal.export_svg(
        title="make demo", code_format=_REMOTE.sub("", CONSOLE_SVG_FORMAT), unique_id="demo"
    )
    try:
        path.write_text(svg)
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; name a file that can be written") from None
