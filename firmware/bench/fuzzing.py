"""How does a fuzzing program run, and how does it say what it found?  On every interpreter.

A program `fuzz_NAME COUNT SEED` sends COUNT messages that mutate.py has damaged into a part of
signet. It prints one line of JSON each: {"done": n} now and then, at the end the result. The same
count and seed give the same messages on every interpreter, and must give the same counts.
"""

import gc
import json
import sys
from binascii import hexlify

MICROPYTHON = sys.implementation.name == "micropython"
EPOCH = 256  # messages between two clean ones
SAMPLES = 16  # of the memory in use, half of them in each half of the run
APART = 125  # messages between two samples, at least: one takes CPython 50 ms


class Found:
    """What a program counts.

    Args:
        outcomes: sequence of str, what may become of a message.
    Attributes:
        counts: dict, messages by outcome; "other": exceptions that must not be; "clean": messages
            in between that were taken as they should be.
        events, states: dicts, messages by what they brought about and by what they met.
        first: None, or dict: the first exception, its "error", "trace" and "message" in hex.
    """

    def __init__(self, outcomes):
        self.counts = {"other": 0, "clean": 0}
        for name in outcomes:
            self.counts[name] = 0
        self.events = {}
        self.states = {}
        self.first = None

    def count(self, name):
        """Counts an outcome."""
        self.counts[name] += 1

    def event(self, name):
        """Counts what a message brought about."""
        self.events[name] = self.events.get(name, 0) + 1

    def state(self, name):
        """Counts what a message met."""
        self.states[name] = self.states.get(name, 0) + 1

    def note(self, error, message):
        """Counts an exception that must not be; message: bytes, b"" for a clean one."""
        self.counts["other"] += 1
        if self.first is None:
            self.first = {
                "error": "{}: {}".format(type(error).__name__, error),
                "trace": _trace(error),
                "message": hexlify(message).decode(),
            }


def run(fuzz, count):
    """Sends `count` messages, with clean ones in between, and prints what was found.

    fuzz: has step(), clean() and found, a Found.
    """
    half = max(1, min(SAMPLES, count // APART) // 2)
    samples = 2 * half
    memory = [0] * (samples + 1)
    every = max(1, count // 100)
    sample = 0
    for number in range(count):
        if number % EPOCH == 0:
            fuzz.clean()
        if number * samples // count >= sample:
            memory[sample] = _memory()
            sample += 1
        fuzz.step()
        if number % every == 0:
            print(json.dumps({"done": number}))
    fuzz.clean()
    memory[samples] = _memory()
    result = {
        "messages": count,
        "counts": fuzz.found.counts,
        "events": fuzz.found.events,
        "states": fuzz.found.states,
        "memory": [max(memory[1 : half + 1]), max(memory[half + 1 :])],
        "first": fuzz.found.first,
    }
    print(json.dumps(result))


def _trace(error):
    """Returns where an error came from, text."""
    if MICROPYTHON:
        import io

        out = io.StringIO()
        sys.print_exception(error, out)
        return out.getvalue()
    import traceback

    return "".join(traceback.format_exception(error))


def _memory():
    """Returns the bytes in use after a garbage collection."""
    gc.collect()
    if MICROPYTHON:
        return gc.mem_alloc()
    waiting = gc.get_objects()  # tracemalloc would make the run eight times as long
    seen = set()
    total = 0
    while waiting:
        thing = waiting.pop()
        if id(thing) not in seen:
            seen.add(id(thing))
            total += sys.getsizeof(thing)
            waiting += gc.get_referents(thing)
    return total
