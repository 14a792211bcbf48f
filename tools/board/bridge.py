"""What does the virtual board have in silicon?  Serial line, reset logic, watchdog, RTC memory.

The line is in machine.py; here is what MicroPython's unix port lacks.  Its process speaks on its
stdin and stdout like a board on its UART, and on two more pipes with this bridge
(firmware/boards/virtual/rom/_bridge.py has the other half of the table `_Message`).
"""

import codecs
import enum
import os
import re
import select
import signal
import struct
import time
from pathlib import Path

from tools.board import rom
from tools.board.interrupt import Interrupter, Verdict
from tools.board.machine import (
    ATTACH_POLL_S,
    CRASH_PAUSE_S,
    LONGEST_WAIT_S,
    OUTPUT_LIMIT,
    QUEUE_LIMIT,
    Machine,
)
from tools.board.process import Process

_INTERRUPT = 3
_START_RAW = 1  # 0: boot.py, main.py, prompt
_START_STOPPED = 2


class Cause(enum.IntEnum):
    """Why a board started: machine.reset_cause() of the ESP32 port."""

    POWER_ON = 1
    HARD = 2
    WATCHDOG = 3
    DEEP_SLEEP = 4
    SOFT = 5


class _Message(enum.IntEnum):
    RUN = ord("R")
    END = ord("E")
    KEYBOARD = ord("K")
    SOFT = ord("S")
    HARD = ord("H")
    SLEEP = ord("D")
    WATCH = ord("W")
    FEED = ord("F")
    MEMORY = ord("M")
    CUT = ord("O")


_LAST_WORDS = (_Message.SOFT, _Message.HARD, _Message.SLEEP, _Message.CUT)

_FORMAT = "<Bi"
_MESSAGE_BYTES = struct.calcsize(_FORMAT)


class _Line(enum.Enum):
    """What becomes of a byte that arrives on the serial line?"""

    HELD = "kept: the process has not said yet what it does"
    DATA = "passed on, whatever it is"
    PROGRAM = "passed on, but byte 3 interrupts the program"
    LOST = "lost: the board is off, asleep or in reset"


class Bridge(Machine):
    """The board around MicroPython's unix port.

    image: file of the flash.
    heap, bits, romfs: as in `rom.process`.
    modem: as of every machine.
    """

    def __init__(
        self,
        image: Path,
        heap: str,
        bits: int,
        romfs: Path | None = None,
        modem: str | None = None,
    ) -> None:
        self._how = rom.process(heap, bits, romfs)
        super().__init__(modem)
        self._image = os.open(image, os.O_RDWR)
        self._descriptors.append(self._image)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

        self._process: Process | None = None
        self._line = _Line.LOST
        self._start_as = 0
        self._cooked = True
        self._private = False  # the raw REPL is in use
        self._withheld = ""
        self._last_byte = b""
        self._partial = bytearray()
        self._interrupter = Interrupter(self._image)
        self._restart: tuple[float, Cause] | None = None
        self._watchdog_s = 0.0
        self._watchdog_at: float | None = None
        self._memory = b""
        self._cut_at_write = 0

    @property
    def powered(self) -> bool:
        """Has the board power (it may sleep)?"""
        return self._process is not None or self._restart is not None

    # Orders: carried out by the thread.

    def power_on(self, cut_at_write: int = 0) -> None:
        """Give the board power; nothing happens when it has.

        cut_at_write: the power fails in the middle of that write to the flash; 0 for never.
        """
        self._cut_at_write = cut_at_write
        if not self.powered:
            self._drop_unheard()
            self._boot(Cause.POWER_ON)

    def power_off(self) -> None:
        """Take its power, now (SIGKILL): the flash stays as the last write left it."""
        self._off()
        self._memory = b""

    def reset(self) -> None:
        """Press the reset button."""
        self._off()
        self._boot(Cause.POWER_ON)

    # The thread.

    def _step(self) -> None:
        attached = self._attached()
        if not attached:
            self._to_host.clear()
            self._hear()  # the last that was sent before the line was closed
            if self._withheld:
                self._print(self._withheld)
                self._withheld = ""
        ready = self._wait(attached)
        process = self._process
        if self._wake_read in ready:
            self._take_orders()
        elif process and process.messages in ready:
            # Before all else: messages say what the bytes that follow mean.
            self._take_messages(process)
        else:
            if process and process.output in ready and not self._take_output(process):
                self._crashed(process)
            if self._master in ready:
                self._serve_host()
        self._serve_board()
        self._serve_clock()

    def _wait(self, attached: bool) -> set[int]:
        """Returns the descriptors that are ready; empty when the time came for something."""
        poll = select.poll()
        self._watch_line(poll, attached)
        if self._process:
            poll.register(self._process.messages, select.POLLIN)
            if len(self._to_host) < QUEUE_LIMIT:
                poll.register(self._process.output, select.POLLIN)
            if self._to_board and self._line is _Line.DATA:
                poll.register(self._process.input, select.POLLOUT)
        now = time.monotonic()
        waits = [] if attached else [ATTACH_POLL_S]
        if self._interrupter.waiting:
            waits.append(0.001)
        elif self._to_board and self._line is _Line.PROGRAM:
            waits.append(ATTACH_POLL_S)
        effect_in = self._interrupter.effect_in()
        if effect_in is not None:
            waits.append(effect_in)
        if self._restart:
            waits.append(self._restart[0] - now)
        if self._watchdog_at is not None:
            waits.append(self._watchdog_at - now)
        waits.append(LONGEST_WAIT_S)
        timeout_ms = max(0.0, min(waits)) * 1000
        return {descriptor for descriptor, _ in poll.poll(timeout_ms)}

    # Serial line.

    def _take(self, arrived: bytes) -> None:
        if self._line is not _Line.LOST:
            super()._take(arrived)

    def _serve_board(self) -> None:
        """Pass on what may be passed on; turn byte 3 into an interrupt while a program runs."""
        process = self._process
        if process is None or not self._to_board or self._line in (_Line.HELD, _Line.LOST):
            return
        if self._line is _Line.DATA:
            self._pass_on(process, len(self._to_board))
            return
        place = self._to_board.find(_INTERRUPT)
        if place:
            self._pass_on(process, place if place > 0 else len(self._to_board))
            return
        verdict = self._interrupter.judge(process)
        if verdict is Verdict.RESET:
            del self._to_board[0]
            self._stop_program()
        elif verdict is Verdict.STRIKE:
            del self._to_board[0]
            process.child.send_signal(signal.SIGINT)

    def _pass_on(self, process: Process, count: int) -> None:
        if select.select([], [process.input], [], 0)[1]:
            # A pipe that polls writable takes PIPE_BUF bytes without blocking.
            count = min(count, select.PIPE_BUF)
            del self._to_board[: os.write(process.input, self._to_board[:count])]

    def _take_output(self, process: Process) -> bool:
        """Relay what the board prints; returns False when its process has ended."""
        try:
            data = os.read(process.output, 1 << 16)
        except BlockingIOError:
            return True
        if not data:
            return False
        if self._cooked:
            # A board's UART sends "\r\n" for "\n", but not what a program marks as binary.
            cooked = re.sub(rb"(?<!\r)\n", b"\r\n", self._last_byte + data)
            self._to_host += cooked[len(self._last_byte) :]
        else:
            self._to_host += data
        self._last_byte = b"\r" if data.endswith(b"\r") else b""
        self._log(self._decoder.decode(data).replace("\r\n", "\n"))
        return True

    def _log(self, text: str) -> None:
        """Note what the board printed.

        What the raw REPL and its programs say is for mpremote; when that leaves (`--no-follow`)
        while a program runs, it is for all.
        """
        if not self._private:
            self._print(text)
        elif self._line is _Line.PROGRAM:
            self._withheld = (self._withheld + text)[-OUTPUT_LIMIT:]

    def _drain(self, process: Process) -> None:
        while select.select([process.output], [], [], 0)[0] and self._take_output(process):
            pass

    # Messages of the process.

    def _take_messages(self, process: Process) -> None:
        try:
            data = os.read(process.messages, 4096)
        except BlockingIOError:
            return
        if not data:
            self._drain(process)
            self._crashed(process)
            return
        self._partial += data
        while self._process is process and len(self._partial) >= _MESSAGE_BYTES:
            letter, number = struct.unpack_from(_FORMAT, self._partial)
            size = _MESSAGE_BYTES + (number if letter == _Message.MEMORY else 0)
            if len(self._partial) < size:
                return
            rest = bytes(self._partial[_MESSAGE_BYTES:size])
            del self._partial[:size]
            # What it printed before this message belongs to the state before it.
            self._drain(process)
            self._act(process, _Message(letter), number, rest)

    def _restart_for(self, message: _Message, number: int) -> None:
        """The process wants its life ended, and perhaps another; nothing is answered."""
        if message is _Message.SOFT:
            self._soft_reset(number)
            return
        self._off()
        if message is _Message.HARD:
            self._boot(Cause.HARD)
        elif message is _Message.SLEEP:
            wake = time.monotonic() + number / 1000 if number >= 0 else float("inf")
            self._restart = wake, Cause.DEEP_SLEEP
        else:
            self.power_off()
            with self.changed:
                self.cuts += 1
                self.changed.notify_all()

    def _act(self, process: Process, message: _Message, number: int, rest: bytes) -> None:
        now = time.monotonic()
        if message in _LAST_WORDS:
            self._restart_for(message, number)
            return
        if message is _Message.RUN:
            self._line, self._private = _Line.PROGRAM, bool(number)
            self._interrupter.begin()
            self._to_board[:0] = process.take_back()
        elif message is _Message.END:
            if self._line is _Line.HELD:
                with self.changed:
                    self.boots += 1
                    self.changed.notify_all()
            self._line, self._private = _Line.DATA, bool(number)
            self._cooked, self._withheld = True, ""
            self._interrupter.begin()
        elif message is _Message.KEYBOARD:
            self._line = _Line.PROGRAM if number else _Line.DATA
            self._cooked = bool(number)
        elif message is _Message.WATCH:
            self._watchdog_s = number / 1000
            self._watchdog_at = now + self._watchdog_s
        elif message is _Message.FEED:
            self._watchdog_at = now + self._watchdog_s
            return
        elif message is _Message.MEMORY:
            self._memory = rest
        os.write(process.answers, bytes((message | 32,)))

    # Power, reset, clock.

    def _boot(self, cause: Cause) -> None:
        if cause is not Cause.SOFT:
            self._begin()
        numbers = (self._image, self._start_as, int(cause), self._cut_at_write)
        words = " ".join(map(str, (*numbers, self._memory.hex())))
        self._process = Process(self._how, self._image, words, self._uart)
        self._line, self._private = _Line.HELD, self._start_as == _START_RAW

    def _stop_program(self) -> None:
        """Ctrl-C where MicroPython could not bear the signal."""
        text = "KeyboardInterrupt: \nMPY: soft reboot\n"
        self._to_host += text.replace("\n", "\r\n").encode()
        self._log(text)
        self._soft_reset(_START_STOPPED)

    def _soft_reset(self, start_as: int) -> None:
        # What the program has not read outlives it, as in a UART's buffer; a watchdog does too.
        unread = self._process.take_back() if self._process else b""
        queue, watchdog_at = unread + self._to_board, self._watchdog_at
        self._off()
        self._to_board += queue
        self._watchdog_at = watchdog_at
        self._start_as = start_as
        self._boot(Cause.SOFT)

    def _off(self) -> None:
        if self._process:
            self._process.end()
            self._process = None
        self._line, self._cooked, self._start_as = _Line.LOST, True, 0
        self._restart = self._watchdog_at = None
        self._interrupter.begin()
        self._to_board.clear()
        self._partial.clear()

    def _crashed(self, process: Process) -> None:
        if self._interrupter.forced:
            self._stop_program()
            return
        self._off()
        self._ended(process.child.returncode)
        self._restart = time.monotonic() + CRASH_PAUSE_S, Cause.HARD

    def _serve_clock(self) -> None:
        if self._process and self._interrupter.broken(self._process):
            self._stop_program()
        now = time.monotonic()
        if self._watchdog_at is not None and now >= self._watchdog_at:
            self._off()
            self._boot(Cause.WATCHDOG)
        if self._restart and now >= self._restart[0]:
            cause = self._restart[1]
            self._restart = None
            self._boot(cause)
