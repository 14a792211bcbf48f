"""Can anything in a file, or that a peer says, upset what a board reads it with?  Runs everywhere.

`fuzz_readers COUNT SEED READER FOLDER` damages what a reader of readers.py takes, COUNT times; now
and then it must still read what is as it should be, and what is long must take no more work than
its length is worth: on CPython lines of lib/signet that run, on MicroPython bytes allocated.
FOLDER is made for the files.

fuzzing.py says how it runs and what it prints.
"""

import gc
import sys

import fuzzing
from mutate import Random, mutated
from seeds import SEEDS
from stand_ins import keep_modules

_TAKEN = "read", "granted", "some"
_KEPT = 12  # bytes at the beginning that are left alone half of the time
_LONG = 4000
_PIECE = 40

# Work for each byte of what is read, and whatever it is: three times the most that was seen.
_PER_BYTE = {"CPython": 360, "MicroPython": 1300}
_AT_LEAST = {"CPython": 20_000, "MicroPython": 100_000}
_KIND = "MicroPython" if fuzzing.MICROPYTHON else "CPython"


class Fuzz:
    """What damages what is read; random: mutate.Random. reader: of readers.READERS."""

    def __init__(self, random, reader, folder):
        import readers  # after keep_modules

        readers.settle(folder)
        self._seeds, self._read = SEEDS[reader], readers.READERS[reader]
        self.random = random
        self.found = fuzzing.Found(("taken", "refused"))

    def _seed(self):
        return bytearray(self.random.pick(self._seeds))

    def step(self):
        """Reads something damaged."""
        data = mutated(self.random, self._seed(), self._seed(), _KEPT, _LONG)
        try:
            outcome = self._read(data)
            self.found.count("taken" if outcome in _TAKEN else "refused")
            self.found.state(outcome)
        except Exception as error:
            self.found.note(error, data)

    def clean(self):
        """Reads what is as it should be, and what is long."""
        data = self._seed()
        try:
            outcome = self._read(bytes(data))
            self.found.event(outcome)
            self.found.count("clean")
            data = self._grown(data)
            work = _work(self._read, bytes(data))
            most = _AT_LEAST[_KIND] + _PER_BYTE[_KIND] * len(data)
            assert work <= most, "{} for {} bytes".format(work, len(data))
        except Exception as error:
            self.found.note(error, bytes(data))

    def _grown(self, data):
        """Repeats a piece of it, until it is long."""
        start = self.random.below(len(data))
        piece = bytes(data[start : start + 1 + self.random.below(_PIECE)])
        return data[:start] + piece * ((_LONG - len(data)) // len(piece)) + data[start:]


def _work(read, data):
    """Returns what it takes to read that (int)."""
    if fuzzing.MICROPYTHON:
        gc.collect()
        gc.disable()
        try:
            before = gc.mem_alloc()
            read(data)
            return gc.mem_alloc() - before
        finally:
            gc.enable()
    lines = 0

    def traced(frame, event, argument):
        nonlocal lines
        lines += event == "line"
        return traced if "signet" in frame.f_code.co_filename else None

    before = sys.gettrace()
    sys.settrace(traced)
    try:
        read(data)
    finally:
        sys.settrace(before)
    return lines


if __name__ == "__main__":
    keep_modules()
    fuzzing.run(Fuzz(Random(int(sys.argv[2])), *sys.argv[3:5]), int(sys.argv[1]))
