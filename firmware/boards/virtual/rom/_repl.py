"""What does the virtual board answer on its serial line?

The raw REPL with raw paste mode, as docs/reference/repl.rst describes them, and a friendly
REPL good enough for a person.  MicroPython's own (shared/runtime/pyexec.c) is in C; this unix
port lacks it.
"""

import gc
import sys

import _bridge
import _program
from micropython import const

_END = const(69)
_STOPPED = const(2)  # see _bridge.start

_CTRL_A = const(1)
_CTRL_B = const(2)
_CTRL_C = const(3)
_CTRL_D = const(4)
_CTRL_E = const(5)
_BACKSPACE = const((8, 127))
_COMPOUND = const((b"if", b"while", b"for", b"try", b"with", b"def", b"class", b"async"))

_WINDOW_BYTES = const(128)

_read = open(0, "rb").readinto  # noqa: SIM115
_put = open(1, "wb").write  # noqa: SIM115
_byte = bytearray(1)


def _get():
    if _read(_byte) != 1:
        sys.exit()  # the bridge is gone
    return _byte[0]


def _raw_paste():
    """Returns the text that the host sends with flow control, or None when it gives up."""
    _put(b"R\x01\x80\x00\x01")
    text = bytearray()
    while True:
        char = _get()
        if char == _CTRL_D:
            _put(b"\x04")
            return text
        if char == _CTRL_C:
            _put(b"\x04\x04KeyboardInterrupt: \r\n\x04>")
            return None
        text.append(char)
        if len(text) % _WINDOW_BYTES == 0:
            _put(b"\x01")


def _raw_text():
    """Returns the next program, empty for a soft reset, None for the friendly REPL."""
    text = bytearray()
    while True:
        char = _get()
        if char == _CTRL_A:
            _put(b"raw REPL; CTRL-B to exit\r\n>")
            text = bytearray()
        elif char == _CTRL_B:
            _put(b"\r\n")
            return None
        elif char == _CTRL_C:
            text = bytearray()
        elif char == _CTRL_D:
            _put(b"OK")
            return text
        elif char == _CTRL_E and not text:
            if (_get(), _get()) == (65, 1):
                text = _raw_paste()
                if text is not None:
                    return text
                text = bytearray()
            else:
                _put(b"R\x00")
        else:
            text.append(char)


def _raw():
    _put(b"raw REPL; CTRL-B to exit\r\n")
    while True:
        _put(b">")
        text = _raw_text()
        if text is None:
            return
        if not text:
            _put(b"\r\n")
            _program.reset()
        text = [bytes(text)]
        error = _program.run(_program.source, text, "exec")
        _put(b"\x04")
        if isinstance(error, SystemExit):
            _put(b"\x04")
            _program.reset()
        if error is not None:
            _program.show(error)
            error = None
        _put(b"\x04")
        gc.collect()


def _banner():
    version = ".".join(str(number) for number in sys.implementation.version[:3])
    bits = 32 if sys.maxsize < 1 << 32 else 64
    _put("MicroPython v{}; signet virtual board, {} bit\r\n".format(version, bits))
    _put(b'Type "help()" for more information.\r\n')


def _line(prompt):
    """Returns one line typed by a person; a control character alone when it ends the line."""
    _put(prompt)
    text = bytearray()
    while True:
        char = _get()
        if char in (13, 10):
            _put(b"\r\n")
            return bytes(text)
        if char == _CTRL_C or (char in (_CTRL_A, _CTRL_B, _CTRL_D, _CTRL_E) and not text):
            _put(b"\r\n")
            return bytes((char,))
        if char in _BACKSPACE:
            if text:
                text = text[:-1]
                _put(b"\b \b")
        elif char >= 32 or char == 9:
            text.append(char)
            _put(_byte)


def _unfinished(line, text):
    """Does the statement go on?  In brackets; a compound one until an empty line."""
    for pair in (b"()", b"[]", b"{}"):
        if text.count(pair[:1]) > text.count(pair[1:]):
            return True
    if line.endswith(b"\\"):
        return True
    return bool(line) and (text[:1] == b"@" or text.split(b" ")[0].rstrip(b":") in _COMPOUND)


def _pasted():
    _put(b"paste mode; Ctrl-C to cancel, Ctrl-D to finish\r\n=== ")
    text = bytearray()
    while True:
        char = _get()
        if char in (_CTRL_C, _CTRL_D):
            _put(b"\r\n")
            return bytes(text) if char == _CTRL_D else b""
        _put(b"\r\n=== " if char == 13 else _byte)
        text.append(10 if char == 13 else char)


def _friendly():
    _banner()
    while True:
        text = _line(b">>> ")
        kind = "single"
        if text == b"\x01":
            return
        if text == b"\x02":
            _banner()
            continue
        if text == b"\x04":
            _program.reset()
        if text == b"\x05":
            text, kind = _pasted(), "exec"
        elif text != b"\x03":
            line = text
            while _unfinished(line, text):
                line = _line(b"... ")
                if line == b"\x03":
                    break
                text += b"\n" + line
        if text == b"\x03" or text.endswith(b"\n\x03") or not text.strip():
            continue
        text = [text + b"\n"]
        error = _program.run(_program.source, text, kind)
        if isinstance(error, SystemExit):
            _program.reset()
        if error is not None:
            _program.show(error)
            error = None
        gc.collect()


def loop():
    """Serves the serial line for ever."""
    while True:
        try:
            _bridge.ask(_END, int(_program.raw))
            if _program.raw:
                _raw()
            else:
                _friendly()
            _program.raw = not _program.raw
        except MemoryError as error:  # programs of the user have left no room for a line
            _program.show(error)
            _program.reset(_STOPPED)
