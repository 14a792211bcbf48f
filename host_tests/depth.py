"""How deep do the tests dig?  One dial for examples, corpora, repeated cuts and long waits.

SIGNET_DEPTH is quick (`make test-quick`), test (`make test`, and when unset) or proof (`make
proof`, what a release needs). Only proof runs the tests that are marked so.
"""

import os

PERCENT = {"quick": 4, "test": 20, "proof": 100}

DEPTH = os.environ.get("SIGNET_DEPTH", "test")
if DEPTH not in PERCENT:
    raise SystemExit(f"SIGNET_DEPTH is {DEPTH!r}; it must be one of {', '.join(PERCENT)}")


STEP = 100 // PERCENT[DEPTH]
"""Of cuts at each write, this depth makes one in so many."""


def scaled(full: int, least: int = 1) -> int:
    """How many of `full` repetitions this depth runs, `least` or more."""
    return max(least, full // STEP)
