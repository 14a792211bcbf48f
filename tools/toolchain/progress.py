"""What does a person who has no terminal see of a long installation?

Standard library only: `.venv` is not there yet when it begins.
"""

from __future__ import annotations

import subprocess
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


def main(what: str, command: list[str]) -> int:
    """Run a program that is silent until its end, and say that it runs; returns its status."""
    if sys.stderr.isatty():
        print(what, file=sys.stderr)
    with told(lambda: what):
        return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
