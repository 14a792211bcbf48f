"""How is a board spoken to with mpremote, and what does a person do when it does not answer?"""

import contextlib
import os
import select
import signal
import stat
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tools import toolchain
from tools.board.knock import knock
from tools.lifeline import die_with_parent
from tools.ui import UserError

_PATIENCE_S = 75.0  # a board that reports once a minute wakes meanwhile
_LOOK_S = 20.0
_ANSWER_BYTES, _ANSWER_S = 1 << 20, 60.0  # a folder of 200 files takes 20 KB

RESTART = "import time, machine; time.sleep_ms(10); machine.reset()"
"""For the board. Not mpremote's own `reset`, which waits for 100 ms: what follows at once must not
meet the board before its reset."""

# The interrupted program feeds its watchdog no more: ten minutes for what is done instead, or as
# many as a port's can wait.
_FREE = """
for ms in (600000, 150000):
    try:
        import machine
        machine.WDT(timeout=ms)
        break
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
_ENDLESS = "{0} sends more than was asked for, or for ever; press the board's reset and try again"
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


def ask(
    device: str,
    program: str,
    most_bytes: int = _ANSWER_BYTES,
    within_s: float = _ANSWER_S,
    *,
    again: bool = False,
) -> str:
    """Returns what a program that changes nothing prints on the board.

    most_bytes, within_s: what it may print, and how long that may take. again: it has answered
    just before.
    raises: UserError.
    """
    program = _FREE + program

    def once(first: list[str]) -> str:
        steps = [["exec", program]]
        return run(device, first, steps, _LOOK_S, most_bytes=most_bytes, within_s=within_s)

    # It may be just restarting; its boot.py may wait for a network longer than mpremote for
    # boot.py (10 s); and an interrupted boot.py leaves a raw REPL that answers twice.
    for first in [["resume"]] if again else [[], ["resume"]]:
        with contextlib.suppress(_NoAnswerError):
            return once(first)
    return once(["resume"])


def run(
    device: str,
    first: list[str],
    steps: list[list[str]],
    silence_s: float,
    heard: Callable[[str], None] = lambda line: None,
    *,
    most_bytes: float = _ANSWER_BYTES,
    within_s: float | None = None,
) -> str:
    """Run one mpremote session of several steps; returns what it printed.

    first: what comes before them. silence_s: end it when it prints nothing for so long. heard:
    told of each line. most_bytes, within_s: what it may print in all, and how long that may take;
    None: as long as each step may.
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
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
        preexec_fn=die_with_parent(),  # noqa: PLW1509
    )
    end = time.monotonic() + (silence_s * (len(steps) + 1) if within_s is None else within_s)
    printed, last = bytearray(), b""
    try:
        for piece in _pieces(process, silence_s, end):
            printed += piece
            if len(printed) > most_bytes:
                raise UserError(_ENDLESS.format(device))
            *lines, last = (last + piece).split(b"\n")
            for line in lines:
                heard(line.decode(errors="replace"))
        if time.monotonic() > end:
            raise UserError(_ENDLESS.format(device))
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(silence_s)
    finally:
        process.kill()
        status = process.wait()
        assert process.stdout is not None
        process.stdout.close()
    text = printed.decode(errors="replace")
    if status == 0:
        return text
    if status == -signal.SIGKILL or any(sign in text for sign in _NO_RAW_REPL):
        raise _NoAnswerError(_NO_ANSWER.format(device))
    # Never mpremote's own words: they may quote a file's content.
    for sign, cure in _CURES:
        if sign in text:
            raise UserError(cure.format(device))
    raise UserError(f"mpremote failed on {device}; press the board's reset and try again")


def _pieces(process: subprocess.Popen[bytes], silence_s: float, end: float) -> Iterator[bytes]:
    """What it prints, until it closes its output, is silent for so long, or the time is up."""
    assert process.stdout is not None
    output = process.stdout.fileno()
    while (left := end - time.monotonic()) > 0:
        if not select.select([output], [], [], min(silence_s, left))[0]:
            process.kill()
            return
        piece = os.read(output, 1 << 16)
        if not piece:
            return
        yield piece
