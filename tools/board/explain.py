"""Which file and line of lib/signet does a board's traceback mean?

A board's code is linked: files, functions and attributes have short names. The name of each file
carries the id of the map that turns them back, which `signet board deploy` has kept here. In an
image it cannot; there it is the map that `signet board link` has kept last.
"""

import datetime
import os
import re
import select
import sys
from collections.abc import Callable
from typing import IO

from tools.board.library import MAPS
from tools.link.map import FROZEN, read
from tools.ui import UserError, visible

_HEAD = b"Traceback (most recent call last):"
_FRAME = b'  File "'
_FILE = re.compile(r'(?m)^ +File "[\w/]+\.([0-9a-f]{6,}|py)"')
_MOST_BYTES = 65_536
_PAUSE_S = 0.2
"""After it, what might have become a traceback is shown as it is."""


def explain() -> None:
    """Turn the tracebacks of a board's log back to files and lines of lib/signet.

    It reads the log from its standard input: signet board explain < log
    """
    if sys.stdin.isatty():
        raise UserError("give it the log: signet board explain < log")
    log = sys.stdin.buffer.read().decode(errors="replace").replace("\r\n", "\n")
    text, missing = explained(log)
    sys.stdout.write(visible(text, lines=True))
    sys.stdout.flush()
    if missing:
        raise UserError(missing)


def explained(text: str) -> tuple[str, str]:
    """Returns a text of a board with its tracebacks turned back, and why some are not, or ""."""
    gone = []
    for name in dict.fromkeys(_FILE.findall(text)):
        try:
            text = read((MAPS / f"{name}.json").read_text()).explain(text)
        except (OSError, ValueError, KeyError, TypeError):  # of another version
            if name != FROZEN:  # an image may hold the readable signet
                gone.append(name)
    if not gone:
        return text, ""
    return text, (
        f"the map of {', '.join(gone)} is gone: it was made by the deployment that sent this code,"
        f" and kept in {MAPS.parent.name}/{MAPS.name} of that checkout"
    )


class Tracebacks:
    """Passes on what a board prints, as it comes; a traceback when it is whole, turned back."""

    def __init__(self) -> None:
        self.withheld = b""

    def feed(self, piece: bytes) -> bytes:
        """Takes what the board has printed; returns what is to be shown of it and of before."""
        shown = b""
        *lines, rest = re.split(rb"(?<=\n)", self.withheld + piece)
        self.withheld = b""
        for line in lines:
            inside = bool(self.withheld)
            if inside or line.startswith(_HEAD):
                self.withheld += line
                if (inside and not line.startswith(_FRAME)) or len(self.withheld) > _MOST_BYTES:
                    shown += self.flush()
            else:
                shown += line
        if self.withheld or (rest and _HEAD.startswith(rest)):
            self.withheld += rest
            return shown
        return shown + rest

    def flush(self) -> bytes:
        """What is withheld, and from now on is not."""
        text, missing = explained(self.withheld.decode(errors="replace"))
        self.withheld = b""
        return (text + (f"signet: {missing}\r\n" if missing else "")).encode()


class Times:
    """Passes on what a board prints with the time of day before each line."""

    def __init__(self) -> None:
        self._begins = True

    def feed(self, piece: bytes) -> bytes:
        """Takes what the board has printed; returns what is to be shown of it."""
        now = datetime.datetime.now().astimezone().isoformat(" ", "milliseconds")[11:23]
        shown = b""
        for line in re.split(rb"(?<=\n)", piece):
            if line and self._begins:
                shown += f"{now} ".encode()
            shown += line
            self._begins = line.endswith(b"\n") if line else self._begins
        return shown


def relay(source: IO[bytes], show: Callable[[bytes], object]) -> None:
    """Shows what comes from a board until that ends."""
    tracebacks = Tracebacks()
    while True:
        waits = _PAUSE_S if tracebacks.withheld else None
        if not select.select([source], [], [], waits)[0]:
            show(tracebacks.flush())
            continue
        piece = os.read(source.fileno(), 1 << 16)
        show(tracebacks.feed(piece) if piece else tracebacks.flush())
        if not piece:
            return
