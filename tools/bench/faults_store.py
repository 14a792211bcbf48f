"""What becomes of reports whichever write to flash fails, and when memory is missing?

A Link lives in `firmware/bench/faults_store.py`, on a file system of MicroPython in RAM, thousands
of times; the cloud there is a session without a wire.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from tools.bench import programs
from tools.bench.faults_audit import Audit, Row, audit, total
from tools.scratch import scratch

_HEAP = "2M"  # the flash is in it, and what was there before
_SMALL_HEAP = "1400k"  # which is soon full
_NOISE = (b"OSError: ", b"Traceback", b"  File", b"MemoryError")
"""Of files that could not be closed, as a garbage collection says; a program that fails ends."""
_MOST = 100_000
_BLOCKS = {"LittleFS": 24, "FAT": 192}  # as in firmware/bench/faults_flash.py


class Places(NamedTuple):
    """A fault, and in which places it comes: writes, KiB that are free, blocks of flash or heap.

    spread: of a power cut, how much of the write is done; not 0: and one more while it recovers.
    """

    fault: str
    kind: str
    after_s: int
    first: int
    last: int
    step: int = 1
    spread: int = 0

    @property
    def title(self) -> str:
        """As a table calls it."""
        if self.fault != "power cut":
            return self.fault
        return "power cut, twice, torn" if self.spread else "power cut at a write"

    @property
    def way(self) -> str:
        """As a table calls it."""
        return f"{self.kind}, {self.after_s} s"


def places() -> list[Places]:
    """All of them."""
    return [
        *(
            Places("power cut", kind, after_s, 1, _MOST, 1, spread)
            for spread in (0, 7)
            for kind in _BLOCKS
            for after_s in (0, 10)
        ),
        *(Places("flash full", kind, 10, 0, 24) for kind in _BLOCKS),
        *(Places("read-only", kind, 10, 0, 0) for kind in _BLOCKS),
        *(
            Places("input/output error", kind, 10, 0, blocks - 1, blocks // 24)
            for kind, blocks in _BLOCKS.items()
        ),
        Places("bits stay", "LittleFS", 10, 2, 23),
        *(Places("no memory", "LittleFS", after_s, 0, 240, 8) for after_s in (0, 10)),
    ]


def measure(
    where: Sequence[Places], step: Callable[[str], None], every: int = 1, sabotage: str = ""
) -> Iterator[Row]:
    """Let faults come in one of `every` of their places, and judge what came of it.

    step: told what is done. sabotage: of firmware/bench/faults_store.py, for tests.
    raises: UserError when the program fails.
    """
    with scratch() as name:
        jobs = {}
        for index, each in enumerate(where):
            folder = Path(name, str(index))
            folder.mkdir()
            first, last, by, spread = map(
                str, (each.first, each.last, each.step * every, each.spread)
            )
            arguments = [str(folder), each.kind, each.fault, str(each.after_s)]
            arguments += [first, last, by, spread, sabotage]
            heap = _SMALL_HEAP if each.fault == "no memory" else _HEAP
            job = programs.Job("faults_store", programs.builds()[0], tuple(arguments), heap=heap)
            job = job._replace(noise=_NOISE)
            jobs[job] = each
        found: dict[Places, list[Audit]] = {each: [] for each in where}
        for job, said in programs.run(list(jobs), at_once=2):
            if not found[jobs[job]]:
                step(f"{jobs[job].title}, {jobs[job].way}")
            found[jobs[job]].append(audit(said))
    for each, audits in found.items():
        yield Row(each.title, each.way, total(audits or [Audit()]))
