"""How does a child process end when the process that started it is gone, even killed?"""

import ctypes
import os
import signal
import sys
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1  # prctl(2)


def die_with_parent(number: signal.Signals = signal.SIGKILL) -> Callable[[], None] | None:
    """A `preexec_fn` for subprocess: the kernel sends `number` when the starting thread ends.

    returns: None where there is no such call (anything but Linux).
    """
    if sys.platform != "linux":
        return None
    library = ctypes.CDLL(None)
    parent = os.getpid()

    def arrange() -> None:
        library.prctl(_PR_SET_PDEATHSIG, number)
        if os.getppid() != parent:  # it ended before the call above
            os.kill(os.getpid(), number)

    return arrange
