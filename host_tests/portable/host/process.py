"""How does pytest hear from the process that runs a test file?  One line of JSON per test."""

import contextlib
import itertools
import json
import linecache
import queue
import re
import subprocess
import threading
from pathlib import Path
from typing import NamedTuple

import pytest

from tools.paths import LIB

_MARK = "\x1e"
_SOURCES = (LIB, Path(__file__).resolve().parent.parent)
_FRAME = re.compile(r'^  File "(?P<file>[^"]+)", line (?P<line>\d+), in .*$', re.M)

Skipped = pytest.skip.Exception


class Failed(Exception):  # noqa: N818
    """A portable test failed; the text is its traceback."""


class Result(NamedTuple):
    ok: bool
    skip: str | None
    trace: str
    ms: int
    heap: int
    output: str


class Process:
    """One interpreter at work on one file.

    popen: with stdout as a pipe that stderr shares.
    folder: where the file lies.
    timeout_s: how long one test may take.
    """

    def __init__(self, popen: subprocess.Popen, folder: Path, timeout_s: float):
        self._popen = popen
        self._folder = folder
        self._timeout_s = timeout_s
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._results: dict[str, Result] = {}
        self._dead: Result | None = None
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for line in self._popen.stdout:
            self._lines.put(line.decode(errors="replace"))
        self._lines.put(None)

    def result(self, name: str) -> Result:
        """Waits for the result of the test `name`; a process that has died fails it."""
        output = []
        while name not in self._results and self._dead is None:
            try:
                line = self._lines.get(timeout=self._timeout_s)
            except queue.Empty:
                self._popen.kill()
                self._give_up(
                    f"{name} had no result within {self._timeout_s} s; the process was killed",
                    output,
                )
                break
            if line is None:
                code = self._popen.wait()
                self._give_up(
                    f"the process ended (exit status {code}) without a result of {name}", output
                )
            elif not line.startswith(_MARK):
                output.append(line)
            else:
                self._take(json.loads(line[1:]), "".join(output).removesuffix("\n"))
                output = []
        return self._results.get(name) or self._dead  # type: ignore[return-value]

    def _take(self, found: dict, output: str) -> None:
        result = Result(
            found["ok"],
            found.get("skip"),
            _with_source(found.get("trace", ""), self._folder),
            found.get("ms", 0),
            found.get("heap", 0),
            output,
        )
        if found["name"] is None:
            self._dead = result._replace(trace="importing the file failed\n" + result.trace)
        else:
            self._results[found["name"]] = result

    def _give_up(self, why: str, output: list[str]) -> None:
        self._dead = Result(False, None, f"{why}\n{''.join(output)}", 0, 0, "")

    def close(self) -> None:
        """Ends the process; it has nothing more to say."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._popen.wait(0.2 if self._dead is None else 0)
        self._popen.kill()
        self._popen.wait()
        self._reader.join()
        self._popen.stdout.close()


def _with_source(trace: str, folder: Path) -> str:
    """Adds the source lines that MicroPython's tracebacks lack."""

    def add(match: re.Match) -> str:
        if match["file"].startswith("/"):
            return match[0]  # CPython shows its own
        name = match["file"].replace(".", "/")  # that of a module
        for place, end in itertools.product((folder, *_SOURCES), (".py", "/__init__.py")):
            source = linecache.getline(f"{place / name}{end}", int(match["line"])).strip()
            if source:
                return f"{match[0]}\n    {source}"
        return match[0]

    return _FRAME.sub(add, trace)
