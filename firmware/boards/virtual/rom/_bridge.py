"""How does the virtual board talk to what a real board has in silicon: reset lines and timers?

Over two pipes to the bridge (tools/board/bridge.py, which has the same table).  A message is one
letter and a 32-bit number; a question is answered by the letter in lower case.  The message
buffer is made once, so that a reset works on a full or broken heap.

    R  a program starts: Ctrl-C interrupts; 1 in the raw REPL, else 0
    E  it ended: Ctrl-C is a byte like any other; 1 in the raw REPL, else 0
    K  micropython.kbd_intr: 1 on, 0 off
    S  soft reset, then such a `start`
    H  machine.reset()
    D  machine.deepsleep(ms), -1 without end
    W  watchdog armed with so many ms
    F  watchdog fed
    M  RTC memory: that many bytes follow
    O  the power fails now

`start` is how: 0 boot.py, main.py, friendly REPL; 1 boot.py, raw REPL; 2 friendly REPL.

A real board has the names of its firmware in ROM; here each takes a place in the heap, so they
are few.
"""

import binascii
import os
import struct
import sys

# File descriptors of both pipes and of the flash, how to start, reset cause, at which write to
# the flash the power fails (0: never), RTC memory.
_words = os.getenv("BOARD").split(" ")
_write, _read, flash_fd, start, cause, cut_at_write = (int(word) for word in _words[:6])
memory = binascii.unhexlify(_words[6])  # outlives deep sleep
romfs = os.getenv("ROMFS")  # the host's file with the ROM partition, if there is one
uart = os.getenv("UART")  # file descriptor of UART 1's line, if a modem is there
if uart:
    uart = open(int(uart), "r+b")  # noqa: SIM115  closed, it would be gone
_write = open(_write, "wb").write  # noqa: SIM115
_read = open(_read, "rb").readinto  # noqa: SIM115
_message = bytearray(5)
_answer = bytearray(1)


def tell(letter, number=0):
    """Sends one message; nothing is answered."""
    struct.pack_into("<Bi", _message, 0, letter, number)
    _write(_message)


def ask(letter, number=0, data=None):
    """Sends one message; returns when the bridge has acted on it."""
    tell(letter, number)
    if data:
        _write(data)
    _answer[0] = 0
    while _answer[0] != letter | 32:
        if _read(_answer) != 1:
            sys.exit()  # the bridge is gone


def leave(letter, number=0):
    """Asks for a reset or sleep.  Never returns: the bridge ends this process."""
    while True:
        try:
            tell(letter, number)
            _read(_answer)
        except KeyboardInterrupt:
            pass
