"""What does the virtual board have in silicon?  Serial line, reset logic, watchdog, RTC memory.

One thread owns the PTY that mpremote opens and the MicroPython process behind it.  The process
speaks on its stdin and stdout like a board on its UART, and on two more pipes with this bridge
(firmware/boards/virtual/rom/_bridge.py has the other half of the table `_Message`).
"""

import codecs
import contextlib
import enum
import os
import re
import select
import signal
import struct
import threading
import time
import tty
from collections.abc import Callable
from pathlib import Path

from tools.board import rom
from tools.board.interrupt import Interrupter, Verdict
from tools.board.process import Process

_OUTPUT_LIMIT = 1 << 20
_QUEUE_LIMIT = 1 << 16  # serial bytes that nobody has taken yet
_CRASH_PAUSE_S = 0.2  # a board whose MicroPython crashed at once must not spin
_ATTACH_POLL_S = 0.01
_LONGEST_WAIT_S = 60.0
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


class Bridge(threading.Thread):
    """The board around MicroPython, at first without power.

    image: file of the flash.
    heap, bits, romfs: as in `rom.process`.
    """

    def __init__(self, image: Path, heap: str, bits: int, romfs: Path | None = None) -> None:
        super().__init__(name="virtual board", daemon=True)
        self._how = rom.process(heap, bits, romfs)
        self._image = os.open(image, os.O_RDWR)
        self._master, slave = os.openpty()
        self.device = os.ttyname(slave)
        tty.setraw(slave)
        os.close(slave)  # from now on a hang-up on the master means: nobody listens
        os.set_blocking(self._master, False)
        self._wake_read, self._wake_write = os.pipe()
        self._orders: list[Callable[[], None]] = []
        self._closing = False

        self.changed = threading.Condition()
        self.boots = 0
        self.crashes = 0
        self.cuts = 0
        self._text = ""
        self._forgotten = 0  # characters of output before `_text`
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

        self._process: Process | None = None
        self._line = _Line.LOST
        self._start_as = 0
        self._cooked = True
        self._private = False  # the raw REPL is in use
        self._withheld = ""
        self._to_board = bytearray()
        self._to_host = bytearray()
        self._last_byte = b""
        self._partial = bytearray()
        self._interrupter = Interrupter(self._image)
        self._restart: tuple[float, Cause] | None = None
        self._watchdog_s = 0.0
        self._watchdog_at: float | None = None
        self._memory = b""
        self._cut_at_write = 0

    # What the owner of the board does, from any thread.

    def do(self, order: Callable[[], None]) -> None:
        """Have the bridge's thread carry out `order`; returns when it has, or is gone."""
        done = threading.Event()

        def carry_out() -> None:
            order()
            done.set()

        self._orders.append(carry_out)
        with contextlib.suppress(OSError):
            os.write(self._wake_write, b"!")
        while self.is_alive() and not done.wait(0.1):
            pass

    @property
    def ended(self) -> bool:
        """Has the thread ended, as ordered or by an error?"""
        return self._closing

    @property
    def powered(self) -> bool:
        """Has the board power (it may sleep)?"""
        return self._process is not None or self._restart is not None

    def output(self) -> str:
        """Returns what the board has printed, at most the last MiB of it."""
        with self.changed:
            return self._text

    def output_from(self, position: int, timeout_s: float) -> tuple[str, int]:
        """Returns output beyond `position` (characters since the start), and where that ends.

        Waits for it for at most `timeout_s`.
        """
        with self.changed:
            self.changed.wait_for(lambda: self._forgotten + len(self._text) > position, timeout_s)
            end = self._forgotten + len(self._text)
            return self._text[max(0, position - self._forgotten) :], end

    def wait_for_more(self, text: str, timeout_s: float) -> None:
        """Returns when `output` is no longer `text`, or after the time."""
        with self.changed:
            self.changed.wait_for(lambda: self._text is not text, timeout_s)

    # Orders: carried out by the thread.

    def power_on(self, cut_at_write: int = 0) -> None:
        """Give the board power; nothing happens when it has.

        cut_at_write: the power fails in the middle of that write to the flash; 0 for never.
        """
        self._cut_at_write = cut_at_write
        if not self.powered:
            with contextlib.suppress(OSError):
                while os.read(self._master, 4096):  # sent while nobody was there to hear
                    pass
            self._boot(Cause.POWER_ON)

    def power_off(self) -> None:
        """Take its power, now (SIGKILL): the flash stays as the last write left it."""
        self._off()
        self._memory = b""

    def reset(self) -> None:
        """Press the reset button."""
        self._off()
        self._boot(Cause.POWER_ON)

    def close(self) -> None:
        """End the thread."""
        self._closing = True

    # The thread.

    def run(self) -> None:
        """Serve until `close`; MicroPython dies with this thread."""
        try:
            while not self._closing:
                self._step()
        finally:
            self._off()
            for descriptor in (self._master, self._image, self._wake_read, self._wake_write):
                os.close(descriptor)
            with self.changed:
                self._closing = True
                self.changed.notify_all()

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
            os.read(self._wake_read, 4096)
            while self._orders:
                self._orders.pop(0)()
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

    def _attached(self) -> bool:
        poll = select.poll()
        poll.register(self._master, 0)
        return not poll.poll(0)

    def _wait(self, attached: bool) -> set[int]:
        """Returns the descriptors that are ready; empty when the time came for something."""
        poll = select.poll()
        poll.register(self._wake_read, select.POLLIN)
        if attached:
            room = len(self._to_board) < _QUEUE_LIMIT
            poll.register(
                self._master,
                (select.POLLIN if room else 0) | (select.POLLOUT if self._to_host else 0),
            )
        if self._process:
            poll.register(self._process.messages, select.POLLIN)
            if len(self._to_host) < _QUEUE_LIMIT:
                poll.register(self._process.output, select.POLLIN)
            if self._to_board and self._line is _Line.DATA:
                poll.register(self._process.input, select.POLLOUT)
        now = time.monotonic()
        waits = [] if attached else [_ATTACH_POLL_S]
        if self._interrupter.waiting:
            waits.append(0.001)
        elif self._to_board and self._line is _Line.PROGRAM:
            waits.append(_ATTACH_POLL_S)
        effect_in = self._interrupter.effect_in()
        if effect_in is not None:
            waits.append(effect_in)
        if self._restart:
            waits.append(self._restart[0] - now)
        if self._watchdog_at is not None:
            waits.append(self._watchdog_at - now)
        waits.append(_LONGEST_WAIT_S)
        timeout_ms = max(0.0, min(waits)) * 1000
        return {descriptor for descriptor, _ in poll.poll(timeout_ms)}

    # Serial line.

    def _serve_host(self) -> None:
        with contextlib.suppress(OSError):
            if self._to_host:
                del self._to_host[: os.write(self._master, self._to_host[:4096])]
        self._hear()

    def _hear(self) -> None:
        with contextlib.suppress(OSError):
            arrived = os.read(self._master, 4096)
            if self._line is not _Line.LOST:
                self._to_board += arrived

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
            self._withheld = (self._withheld + text)[-_OUTPUT_LIMIT:]

    def _print(self, more: str) -> None:
        with self.changed:
            text = self._text + more
            self._text = text[-_OUTPUT_LIMIT:]
            self._forgotten += len(text) - len(self._text)
            self.changed.notify_all()

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
        if cause is not Cause.SOFT and not self._text.endswith("\n") and self._text:
            self._print("\n")
        numbers = (self._image, self._start_as, int(cause), self._cut_at_write)
        words = " ".join(map(str, (*numbers, self._memory.hex())))
        self._process = Process(self._how, self._image, words)
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
        status = process.child.returncode
        with self.changed:
            self.crashes += 1
            self._print(f"\nvirtual board: MicroPython ended with status {status}\n")
        self._restart = time.monotonic() + _CRASH_PAUSE_S, Cause.HARD

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
