"""How deep do the tests dig?  One dial for examples, corpora and repeated cuts.

SIGNET_DEPTH is quick (`make test-quick`), test (`make test`, and when unset) or proof (`make
proof`, what a release needs). Only proof runs the tests that are marked so, long waits among them.
"""

import os
import re
from pathlib import Path

STEPS = {"quick": 25, "test": 5, "proof": 1}

DEPTH = os.environ.get("SIGNET_DEPTH", "test")
if DEPTH not in STEPS:
    raise SystemExit(f"SIGNET_DEPTH is {DEPTH!r}; it must be one of {', '.join(STEPS)}")

STEP = STEPS[DEPTH]
"""This depth takes one in so many of what is generated or repeated."""

AFTER_TEST = DEPTH == "proof" and "SIGNET_AFTER_TEST" in os.environ
"""`make test` has passed just before: what would be the same again may be left out."""

_DEEPER = re.compile(
    r"\b(scaled|spread|DEPTH|STEP|generated|check_contract|image|make firmware)\b"
)


def digs(file: Path) -> bool:
    """Whether `make proof` finds more by a test file: by the dial, or on the image, built anew."""
    return bool(_DEEPER.search(file.read_text()))


def scaled(full: int, least: int = 1) -> int:
    """How many of `full` repetitions this depth runs, `least` or more."""
    return max(least, full // STEP)
