"""How is a board spoken to with mpremote, and what does a person do when it does not answer?"""

import os
import signal
import stat
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

from tools import toolchain
from tools.board.knock import knock
from tools.ui import UserError

_PATIENCE_S = 75.0  # a board that reports once a minute wakes meanwhile
_LOOK_S = 20.0

RESTART = "import time, machine; time.sleep_ms(10); machine.reset()"
"""For the board. Not mpremote's own `reset`, which waits for 100 ms: what follows at once must not
meet the board before its reset."""

# The interrupted program feeds its watchdog no more: ten minutes for what is done instead.
_FREE = """
try:
    import machine
    machine.WDT(timeout=600000)
except (ImportError, AttributeError, OSError, ValueError):
    pass
"""

# What mpremote says, and what a person can do about it. {0} is the device.
_CURES = (
    ("failed to access", "{0} is in use by another program (a serial console?); close it"),
    ("timeout waiting", "{0} stopped answering; press the board's reset and try again"),
    ("ENOSPC", "the flash of the board is full; remove files with `mpremote fs rm`"),
    ("No space left", "the flash of the board is full; remove files with `mpremote fs rm`"),
    ("MemoryError", "the board ran out of memory; press its reset and try again"),
    ("device disconnected", "{0} was unplugged, or the board restarted; try again"),
    ("Input/output error", "{0} was unplugged, or the board restarted; try again"),
    ("read failed", "{0} was unplugged, or the board restarted; try again"),
)

_NO_ANSWER = "{0} does not answer as MicroPython; press the board's reset, then try again"
_NO_RAW_REPL = ("could not enter raw repl", "could not exec command")


class _NoAnswerError(UserError):
    """The board does not speak the raw REPL: not MicroPython, busy, or in reset."""


def check_device(device: str) -> None:
    """Is there a serial line that this user may open?

    raises: UserError that says what to do.
    """
    path = Path(device)
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        raise UserError(f"no device {device}: is the board plugged in?") from None
    except PermissionError:
        mode = stat.S_IFCHR
    if not stat.S_ISCHR(mode):
        raise UserError(f"{device} is not a serial line")
    if not os.access(path, os.R_OK | os.W_OK):
        group = path.group()
        raise UserError(
            f"no permission for {device}: run `sudo usermod -aG {group} $USER`, then log in again"
            + ("" if group == "dialout" else " (the group is `dialout` on most systems)")
        )


def reach(device: str, waiting: Callable[[str], None]) -> None:
    """Interrupt what a board does, so that it hears mpremote.

    waiting: told what a person must do while it does not answer.
    raises: UserError.
    """
    check_device(device)
    asleep = "the board sleeps or is busy: press its reset, or wait until it wakes"
    if not knock(device, _PATIENCE_S, lambda: waiting(asleep)):
        raise _NoAnswerError(_NO_ANSWER.format(device))


def ask(device: str, program: str) -> str:
    """Returns what a program that changes nothing prints on the board.

    raises: UserError.
    """
    program = _FREE + program
    # It may be just restarting; its boot.py may wait for a network longer than mpremote for
    # boot.py (10 s); and an interrupted boot.py leaves a raw REPL that answers twice.
    for first in ([], ["resume"]):
        try:
            return run(device, first, [["exec", program]], _LOOK_S)
        except _NoAnswerError:
            pass
    return run(device, ["resume"], [["exec", program]], _LOOK_S)


def run(
    device: str,
    first: list[str],
    steps: list[list[str]],
    silence_s: float,
    heard: Callable[[str], None] = lambda line: None,
) -> str:
    """Run one mpremote session of several steps; returns what it printed.

    first: what comes before them. silence_s: end it when it prints no line for so long. heard:
    told of each line.
    raises: UserError; it names no content of any file.
    """
    command = [*toolchain.mpremote(), "connect", device, *first]
    for step in steps:
        command += [*step, "+"]
    if command[-1] == "+":
        command.pop()
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )
    assert process.stdout is not None
    text = ""
    timer = _kill_later(process, silence_s)
    try:
        for line in process.stdout:
            timer.cancel()
            text += line
            heard(line.rstrip("\n"))
            timer = _kill_later(process, silence_s)
        status = process.wait()
    finally:
        timer.cancel()
        process.kill()
        process.wait()
        process.stdout.close()
    if status == 0:
        return text
    if status == -signal.SIGKILL or any(sign in text for sign in _NO_RAW_REPL):
        raise _NoAnswerError(_NO_ANSWER.format(device))
    # Never mpremote's own words: they may quote a file's content.
    for sign, cure in _CURES:
        if sign in text:
            raise UserError(cure.format(device))
    raise UserError(f"mpremote failed on {device}; press the board's reset and try again")


def _kill_later(process: subprocess.Popen[str], delay_s: float) -> threading.Timer:
    timer = threading.Timer(delay_s, process.kill)
    timer.daemon = True
    timer.start()
    return timer
