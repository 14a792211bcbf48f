"""How many connections can a twin hold: what does the system let it have open, and who is told?"""

import asyncio
import contextlib
import errno
import resource
from collections.abc import Callable
from typing import Any

_OF_A_BOARD = 2  # its own connection, and the one to the broker
_OTHERS = 100  # the registry, doors, those who look on
_MENDED = "raise the limit of open files in the shell that starts the twin: ulimit -n"

EXHAUSTED = (errno.EMFILE, errno.ENFILE)


def raise_limit() -> int:
    """Let this process, and those it starts, have as many files open as the system allows.

    returns: how many.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(OSError, ValueError):  # macOS says "unlimited", and takes less
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return soft if soft != resource.RLIM_INFINITY else 1 << 30


def shortage(limit: int, boards: int) -> str:
    """What a person is told where not all of so many boards could be connected; "" else."""
    enough = (limit - _OTHERS) // _OF_A_BOARD
    if boards <= enough:
        return ""
    return f"at most {enough} of the {boards} registered can be connected at once; {_MENDED}"


def watch(report: Callable[[str], None]) -> None:
    """Have it said, once, when a connection finds no room. asyncio tries again each second."""
    loop = asyncio.get_running_loop()
    said = False

    def handle(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        nonlocal said
        error = context.get("exception")
        if not (isinstance(error, OSError) and error.errno in EXHAUSTED):
            loop.default_exception_handler(context)
        elif not said:
            said = True
            report(f"no file is left for another connection; {_MENDED}")

    loop.set_exception_handler(handle)
