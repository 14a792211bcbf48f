"""What does a command show in a pipe, 80 columns wide?  All of it, and nothing else.

With SIGNET_SCREENS=1 each output that a test looks at here is left in build/screens/, to be read.
"""

import os
import re
from collections.abc import Iterable

from tools.paths import ROOT

COLUMNS = 80
FOLDER = ROOT / "build" / "screens"
_NOT_SHOWN = ("\N{HORIZONTAL ELLIPSIS}", "\x1b", "Traceback (most")
# To be copied, or read by a program: an error, JSON, what has a path or a command in it, a word
# that no screen could break.
_WHOLE = re.compile(r'^signet: |^ *[{"]|/\S|`|\S{40}')


def mistakes(command: str, shown: str, secrets: Iterable[str] = ()) -> list[str]:
    """What is wrong with what a command has printed: cut, coloured, a traceback, a secret, wide.

    command: its words after `signet`. shown: stdout and stderr. secrets: what must not be there.
    """
    if os.environ.get("SIGNET_SCREENS"):
        FOLDER.mkdir(parents=True, exist_ok=True)
        name = re.sub(r"\W+", "-", command).strip("-")[:60]
        (FOLDER / f"{name}.txt").write_text(f"$ signet {command}\n{shown}")
    found = [f"shows {text!r}" for text in (*_NOT_SHOWN, *secrets) if text in shown]
    found += [
        f"is too wide: {line}"
        for line in shown.splitlines()
        if len(line.rstrip()) > COLUMNS and not _WHOLE.search(line)
    ]
    return [f"signet {command} {each}" for each in found]


def look(command: str, shown: str, secrets: Iterable[str] = ()) -> None:
    """As `mistakes`; raises AssertionError with all of them."""
    found = mistakes(command, shown, secrets)
    assert not found, "\n".join(found)
