"""How deep do the tests dig?  One dial for examples, corpora and repeated cuts.

SIGNET_DEPTH is quick (`make test-quick`), test (`make test`, and when unset) or proof (`make
proof`, what a release needs). Only proof runs the tests that are marked so, long waits among them.
"""

import os
from collections import Counter

STEPS = {"quick": 25, "test": 5, "proof": 1}

DEPTH = os.environ.get("SIGNET_DEPTH", "test")
if DEPTH not in STEPS:
    raise SystemExit(f"SIGNET_DEPTH is {DEPTH!r}; it must be one of {', '.join(STEPS)}")

STEP = STEPS[DEPTH]
"""This depth takes one in so many of what is generated or repeated."""


def scaled(full: int, least: int = 1) -> int:
    """How many of `full` repetitions this depth runs, `least` or more."""
    return max(least, full // STEP)


left_out: Counter[str] = Counter()
"""By file: tests for `make proof` that were not even collected, for that takes a while, too."""
