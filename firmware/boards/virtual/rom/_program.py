"""How does a program of the user run on the virtual board, and how does it end?

As in MicroPython's shared/runtime/pyexec.c: in `__main__`'s names, interrupted by Ctrl-C, and
a SystemExit resets the board.
"""

import io
import os
import sys

import _bridge
from micropython import const

import __main__

_RUN = const(82)
_END = const(69)
_BOOT = const(0)  # see _bridge.start
_RAW = const(1)  # see _bridge.start
_STOPPED = const(2)  # see _bridge.start
_SOFT = const(83)

_put = open(1, "wb").write  # noqa: SIM115
raw = _bridge.start == _RAW  # which REPL follows


def _heap_locked():
    """Did Ctrl-C strike inside a garbage collection?  Then only a reset helps."""
    try:
        bytearray(16)
        return False
    except MemoryError:
        return True


def run(function, *arguments):
    """Calls `function(*arguments, names)`; returns None or whatever exception it raised."""
    error = None
    try:
        try:
            _bridge.ask(_RUN, int(raw))
            function(*arguments, __main__.__dict__)
        except BaseException as raised:
            error = raised
    except KeyboardInterrupt as raised:
        error = raised
    while True:
        try:
            _bridge.ask(_END, int(raw))
            if isinstance(error, KeyboardInterrupt) and _heap_locked():
                _put(b"KeyboardInterrupt: \n")
                reset(_STOPPED)
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


def reset(start=_BOOT):
    """Starts the board's program anew, in the same kind of REPL.  Never returns."""
    _put(b"MPY: soft reboot\n")
    _bridge.leave(_SOFT, _RAW if raw else start)
