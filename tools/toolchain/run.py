"""How does the toolchain run other programs so that they report, fail and stop well?"""

from __future__ import annotations

import os
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

Report = Callable[[str, float | None], None]
"""Called with what is being done and how much of it is done (0 to 1; None: unknown)."""

_running: set[subprocess.Popen[str]] = set()
_lock = threading.Lock()
_stopped = threading.Event()


class RunError(Exception):
    """A program ended with an error; `lines` holds the end of what it said."""

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__(lines[-1] if lines else "it said nothing")
        self.lines = list(lines)


def run(
    command: Sequence[str | Path],
    *,
    folder: Path | None = None,
    environment: dict[str, str] | None = None,
    line: Callable[[str], None] | None = None,
) -> list[str]:
    """Run a program to its end.

    command: program and arguments. folder: where it runs. environment: added to this one.
    line: called with each line of output as it comes.
    returns: the last 200 lines of stdout and stderr.
    raises: RunError on any exit code but 0, or when the program cannot be started.
    """
    last: deque[str] = deque(maxlen=200)
    try:
        process = subprocess.Popen(
            [str(part) for part in command],
            cwd=folder,
            env={**os.environ, "LC_ALL": "C.UTF-8", **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
    except OSError as error:
        raise RunError([f"{command[0]}: {error.strerror}"]) from None
    with _lock:
        _running.add(process)
        if _stopped.is_set():  # stop_all came while it started
            process.terminate()
    try:
        with process:
            assert process.stdout is not None
            for text in process.stdout:
                last.append(text.rstrip())
                if line:
                    line(last[-1])
    finally:
        with _lock:
            _running.discard(process)
    if process.returncode:
        raise RunError(list(last))
    return list(last)


def stop_all() -> None:
    """Stop every program that `run` has under way or starts later; callers see RunError."""
    with _lock:
        _stopped.set()
        for process in _running:
            process.terminate()
