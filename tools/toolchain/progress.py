"""What does a person who has no terminal see of a long installation?

Standard library only: `.venv` is not there yet when it begins.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

EVERY_S = 5.0


@contextmanager
def told(what: Callable[[], str]) -> Iterator[None]:
    """Say what is under way, at once and every 5 s; on a terminal, where a bar moves, nothing.

    what: asked for each line.
    """
    if sys.stderr.isatty():
        yield
        return
    done = threading.Event()

    def tell() -> None:
        while True:
            print(what(), file=sys.stderr, flush=True)
            if done.wait(EVERY_S):
                return

    teller = threading.Thread(target=tell, daemon=True)
    teller.start()
    try:
        yield
    finally:
        done.set()
        teller.join()
