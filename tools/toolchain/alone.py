"""How do two makes that install into the same folder stay out of each other's way?

Standard library only: `.venv` is not there yet when it begins.
"""

from __future__ import annotations

import fcntl
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tools.toolchain.progress import told

_WAITING = "signet: another make is installing here; waiting for it"


@contextmanager
def only_one(cache: Path) -> Iterator[None]:
    """Hold a folder's lock; a second run waits for the first.

    cache: the folder; made when it is not there.
    """
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / ".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if sys.stderr.isatty():
                print(_WAITING, file=sys.stderr)
            with told(lambda: _WAITING):
                fcntl.flock(file, fcntl.LOCK_EX)
        yield
