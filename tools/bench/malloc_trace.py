"""How much memory did malloc hand out at most, and how much was never given back?

Read from what glibc's mtrace(3) has written: after the caller `+ ADDRESS SIZE` for memory that was
handed out, `- ADDRESS` for what was given back, `< ADDRESS` with `> ADDRESS SIZE` for a block that
`realloc` has moved.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

_EVENT = re.compile(r"^@ (.*) ([-+<>]) (0x[0-9a-f]+)(?: (0x[0-9a-f]+))?$", re.MULTILINE)


class Held(NamedTuple):
    """Bytes, as they were asked for: what malloc itself takes for each block is not in it."""

    peak: int
    kept: int


def held(traced: str, without: str = "") -> Held:
    """traced: what mtrace has written. without: a function whose blocks are left out, if any.

    Blocks from before the trace are left out too.
    """
    peak = now = 0
    sizes: dict[str, int] = {}
    for caller, sign, address, size in _events(traced):
        if without and f"({without}+" in caller:
            continue
        if sign in "-<":
            now -= sizes.pop(address, 0)
        else:
            sizes[address] = int(size, 16)
            now += sizes[address]
            peak = max(peak, now)
    return Held(peak, now)


def _events(traced: str) -> Iterable[tuple[str, str, str, str]]:
    return (found.groups("0x0") for found in _EVENT.finditer(traced))  # type: ignore[misc]
