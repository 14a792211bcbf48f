"""How does a child process end when the process that started it is gone, even killed?"""

import ctypes
import os
import signal
import sys
from collections.abc import Callable
from typing import NoReturn

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


def end_as_ctrl_c() -> None:
    """Let SIGTERM, and a terminal that closes, end this program as Ctrl-C does: with all `finally`
    and `with` carried out.
    """

    def end(_number: int, _frame: object) -> NoReturn:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, end)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as nohup has it
        signal.signal(signal.SIGHUP, end)
