"""How do the programs of firmware/bench run: on which interpreter, and how is their word taken?

They import `signet`, which tools/ never does; they say what they measured in lines of JSON.
"""

import hashlib
import json
import os
import selectors
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tools import toolchain
from tools.lifeline import die_with_parent
from tools.paths import CACHE, LIB, ROOT
from tools.ui import UserError

HEAP = "110k"
"""What MicroPython gets, as much as an ESP32 without PSRAM leaves to a program."""

CPYTHON = "CPython"
_BUILDS = {"i386": 32, "64-bit": 64}
_PROGRAMS = ROOT / "firmware" / "bench"
_SHIMS = ROOT / "host_tests" / "shims"
_SILENCE_S = 300.0


class Job(NamedTuple):
    """A program to run.

    program: name of a file of firmware/bench, without its ending. interpreter: CPYTHON, or one of
    `builds()`. arguments: given to it. lib: what CPython imports `signet` from, for tests.
    environment: further variables of it. silence_s: after which it counts as hanging. heap: of
    MicroPython. noise: how lines begin that are no sign of failure.
    """

    program: str
    interpreter: str
    arguments: tuple[str, ...] = ()
    lib: Path = LIB
    environment: tuple[tuple[str, str], ...] = ()
    silence_s: float | None = None
    heap: str = HEAP
    noise: tuple[bytes, ...] = ()


class HangsError(UserError):
    """A program has said nothing for too long."""


def builds() -> list[str]:
    """The MicroPython builds of this machine, "i386" and "64-bit", the default first."""
    names = {bits: name for name, bits in _BUILDS.items()}
    # Without any: the one whose error says what to do.
    return [names[bits] for bits in toolchain.word_sizes() or [32]]


def compiled() -> str:
    """Compile lib/, firmware/bench, umqtt; returns what MICROPYPATH must be to import them."""
    folders = {"lib": LIB, "on_board": _PROGRAMS, "umqtt": toolchain.umqtt()}
    for name, source in folders.items():
        toolchain.compile_tree(source, CACHE / "bench" / name)
    return ":".join([*(f"{CACHE}/bench/{name}" for name in folders), ".frozen"])


def beside(peer: Path | None) -> tuple[tuple[str, str], ...]:
    """The `environment` of a job that can import what is in a folder, too; None: nothing more.

    raises: UserError when the folder is not there, or has what does not compile.
    """
    if peer is None:
        return ()
    if not peer.is_dir():
        raise UserError(f"--peer {peer}: there is no such folder")
    made = hashlib.sha256()
    for file in sorted(peer.rglob("*.py")):
        made.update(file.read_bytes())
    target = CACHE / "bench" / f"peer-{made.hexdigest()[:8]}"  # two may be measured at once
    toolchain.compile_tree(peer, target)
    return (("MICROPYPATH", f"{target}:{compiled()}"),)


def run(jobs: Sequence[Job], at_once: int = 1) -> Iterator[tuple[Job, dict[str, Any]]]:
    """Run programs and yield what they say, a dict for each line of JSON.

    jobs: in the order in which they start. at_once: how many run side by side.
    raises: UserError when one fails, with the last line that it printed; HangsError when it is
    silent for a minute, or as long as its job says.
    """
    waiting = list(jobs)[::-1]
    running: dict[_Process, Job] = {}
    with selectors.DefaultSelector() as selector:
        try:
            while waiting or running:
                while waiting and len(running) < at_once:
                    job = waiting.pop()
                    process = _Process(job)
                    running[process] = job
                    selector.register(process.output, selectors.EVENT_READ, process)
                for key, _ in selector.select(1.0):
                    process = key.data
                    yield from ((running[process], found) for found in process.read())
                    if process.ended:
                        selector.unregister(process.output)
                        process.finish()
                        del running[process]
                for process in running:
                    process.check_silence()
        finally:
            for process in running:
                process.end()


class _Process:
    """A program that runs."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._partial = b""
        self._said: list[str] = []
        self._noise: list[str] = []
        self._heard_at = time.monotonic()
        self.ended = False
        command, environment = _cpython(job) if job.interpreter == CPYTHON else _micropython(job)
        self._process = subprocess.Popen(
            [*command, *job.arguments],
            env={**os.environ, **environment, **dict(job.environment)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            preexec_fn=die_with_parent(),  # noqa: PLW1509
        )
        assert self._process.stdout is not None
        self.output = self._process.stdout

    def read(self) -> Iterator[dict[str, Any]]:
        """Take what it has printed; yields what is JSON."""
        chunk = os.read(self.output.fileno(), 65536)
        self.ended = not chunk
        self._heard_at = time.monotonic()
        *lines, self._partial = (self._partial + chunk).split(b"\n")
        for line in lines:
            if line.startswith(b"{"):
                yield json.loads(line)
            elif line.strip():
                said = self._noise if line.startswith(self._job.noise) else self._said
                said.append(line.decode(errors="replace").strip())

    def check_silence(self) -> None:
        """Has it said nothing for too long?  raises: HangsError."""
        limit_s = self._job.silence_s or _SILENCE_S
        if time.monotonic() - self._heard_at > limit_s:
            raise HangsError(
                f"{self._job.program} on {self._job.interpreter} has said nothing for "
                f"{limit_s:.0f} s: it hangs"
            )

    def finish(self) -> None:
        """Wait for its end.  raises: UserError when it failed."""
        self.output.close()
        status = self._process.wait()
        if status or self._said:
            last = [f"exit status {status}", *self._noise, *self._said][-1]
            raise UserError(f"{self._job.program} on {self._job.interpreter} failed: {last}")

    def end(self) -> None:
        """End it now."""
        self._process.kill()
        self._process.wait()
        self.output.close()


def _cpython(job: Job) -> tuple[list[str], dict[str, str]]:
    path = os.pathsep.join(map(str, (_PROGRAMS, _SHIMS, toolchain.umqtt(), job.lib)))
    return (
        [sys.executable, "-u", "-X", "utf8", str(_PROGRAMS / f"{job.program}.py")],
        {
            "PYTHONPATH": path,
            "PYTHONPYCACHEPREFIX": str(CACHE / "bench" / "pycache"),
            "PYTHONDONTWRITEBYTECODE": "" if job.lib == LIB else "1",
        },
    )


def _micropython(job: Job) -> tuple[list[str], dict[str, str]]:
    interpreter = str(toolchain.micropython(_BUILDS[job.interpreter]))
    return (
        [interpreter, "-X", f"heapsize={job.heap}", "-m", job.program],
        {"MICROPYPATH": compiled()},
    )
