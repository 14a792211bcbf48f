"""How does a program of the user run on the virtual board, and how does it end?

As in MicroPython's shared/runtime/pyexec.c: in `__main__`'s names, interrupted by Ctrl-C, and
a SystemExit resets the board.
"""

import io
import os
import sys
import time

import _bridge
from micropython import const

import __main__

_FLASH_QUIET_MS = const(3)  # LittleFS pauses less than this between two accesses

_put = open(1, "wb").write  # noqa: SIM115
flash = None  # the block device; _boot sets it
raw = _bridge.start == _bridge.RAW  # which REPL follows


def _unsound():
    """Did a forced Ctrl-C strike inside a garbage collection or LittleFS?  Only a reset helps.

    The unix port raises KeyboardInterrupt right in the signal handler (MICROPY_ASYNC_KBD_INTR).
    """
    try:
        bytearray(16)
    except MemoryError:  # "heap is locked"
        return True
    return time.ticks_diff(time.ticks_ms(), flash.used_at) < _FLASH_QUIET_MS


def run(function, *arguments):
    """Calls `function(*arguments, names)`; returns None or whatever exception it raised."""
    error = None
    try:
        try:
            _bridge.ask(_bridge.RUN, int(raw))
            function(*arguments, __main__.__dict__)
        except BaseException as raised:
            error = raised
    except KeyboardInterrupt as raised:
        error = raised
    while True:
        try:
            if _bridge.ask(_bridge.END, int(raw)) and _unsound():
                _put(b"KeyboardInterrupt: \n")
                reset(_bridge.STOPPED)
            return error
        except KeyboardInterrupt:
            pass


def source(text, kind, names):
    """Compiles and runs the one item of the list `text`, which is emptied to free it."""
    exec(compile(text.pop(), "<stdin>", kind), names)


def show(error):
    """Prints the traceback without the frames of this firmware."""
    try:
        text = io.StringIO()
        sys.print_exception(error, text)
        for line in text.getvalue().split("\n")[:-1]:
            if not line.startswith('  File "_'):
                print(line)
    except MemoryError:
        sys.print_exception(error)


def run_file(name):
    """Runs a file of the flash if it is there; returns True unless it failed."""
    try:
        os.stat(name)
    except OSError:
        return True
    error = run(execfile, name)
    if isinstance(error, SystemExit):
        reset()
    if error is not None:
        show(error)
    return error is None


def reset(start=_bridge.BOOT):
    """Starts the board's program anew, in the same kind of REPL.  Never returns."""
    _put(b"MPY: soft reboot\n")
    _bridge.leave(_bridge.SOFT, _bridge.RAW if raw else start)
