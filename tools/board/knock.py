"""How is a board reached that is busy, restarts, or sleeps most of the time?

mpremote interrupts once, then waits; what is sent to a board in deep sleep is lost. So Ctrl-C is
sent again and again until there is a prompt: a board that wakes for a moment hears one of them.
"""

import contextlib
import fcntl
import os
import select
import termios
import time
import tty
from collections.abc import Callable, Iterator

from tools.ui import UserError

_KNOCK = b"\r\x03\x02"  # ends a program, or a raw REPL (docs/reference/repl.rst)
_PROMPT = b">>> "
_FIRST_S = 1.0  # a program may need as long to end well
_AGAIN_S = 0.03


def knock(device: str, patience_s: float, waiting: Callable[[], None]) -> bool:
    """Interrupt what a board does until it shows its prompt.

    device: serial line. patience_s: how long to try. waiting: called when it does not answer at
    once.
    returns: False when it never did; True also where another program has the line, about which
    mpremote knows more to say.
    raises: UserError for what is no serial line.
    """
    with contextlib.suppress(OSError, termios.error), _open(device) as line:
        end = time.monotonic() + patience_s
        if _prompt_comes(line, _FIRST_S):
            return True
        waiting()
        while time.monotonic() < end:
            if _prompt_comes(line, _AGAIN_S):
                return True
        return False
    return True


def _prompt_comes(line: int, within_s: float) -> bool:
    with contextlib.suppress(BlockingIOError):
        os.write(line, _KNOCK)
    heard = b""
    end = time.monotonic() + within_s
    while (left := end - time.monotonic()) > 0:
        if select.select([line], [], [], left)[0]:
            heard = heard[-len(_PROMPT) :] + os.read(line, 4096)
            if heard.endswith(_PROMPT):
                return True
    return False


@contextlib.contextmanager
def _open(device: str) -> Iterator[int]:
    """The serial line for us alone, at mpremote's 115 200 bits/s."""
    line = os.open(device, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    try:
        if not os.isatty(line):
            raise UserError(f"{device} is not a serial line")
        fcntl.flock(line, fcntl.LOCK_EX | fcntl.LOCK_NB)
        tty.setraw(line)
        settings = termios.tcgetattr(line)
        settings[4] = settings[5] = termios.B115200
        termios.tcsetattr(line, termios.TCSANOW, settings)
        yield line
    finally:
        os.close(line)
