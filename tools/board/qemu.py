"""How does the firmware image stand in for a board?  QEMU runs it, on Arm's MPS2 with a Cortex-M3.

The console is its first UART, the modem's line its second; flash is a file that it reads and
writes by semihosting. QEMU's network reaches what listens on this machine, by its own address.
QEMU tells by QMP of each reset (https://www.qemu.org/docs/master/interop/qmp-spec.html).
"""

import codecs
import contextlib
import io
import json
import os
import select
import socket
import subprocess
import time
from pathlib import Path
from typing import Any, NamedTuple

from tools import toolchain
from tools.board.machine import (
    ATTACH_POLL_S,
    CRASH_PAUSE_S,
    LONGEST_WAIT_S,
    OUTPUT_LIMIT,
    QUEUE_LIMIT,
    Machine,
    heap_bytes,
)
from tools.lifeline import die_with_parent
from tools.ui import UserError

_MOST_HEAP_BYTES = 3 << 20  # of 4 MB of RAM
_YEAR_2000_S = 946_684_800
_QMP = ("-mon", "chardev=qmp,mode=control", "-chardev")
_RAW, _FRIENDLY = 1, 2  # Ctrl-A, Ctrl-B: which REPL (docs/reference/repl.rst)
_END = "\x04"  # of a program that it has got, of what that printed, of its error


def command(flash: str, heap: int, modem: str | None, clock_s: int | None) -> list[str]:
    """Returns how QEMU is started, its first UART on standard input and output.

    flash: file of the flash; no space or comma in its name. heap: bytes. modem: the serial line
    of UART 1, or None. clock_s: seconds since 2000 when power comes; None: a clock at 0.
    raises: UserError where there is no image, or no QEMU.
    """
    arguments = {"flash": flash, "heap": heap}
    if clock_s is not None:
        arguments["clock"] = clock_s
    given = "".join(f",arg={name}={value}" for name, value in arguments.items())
    return [
        *(str(toolchain.qemu()), "-M", "mps2-an385", "-kernel", str(toolchain.image())),
        *("-display", "none", "-monitor", "none", "-nic", "user,model=lan9118"),
        *("-serial", "stdio", "-serial", modem or "null"),
        *("-semihosting-config", f"enable=on,target=native,arg=signet{given}"),
    ]


class _Life(NamedTuple):
    """QEMU from power on to power off. control: where it speaks QMP."""

    process: subprocess.Popen[bytes]
    input: int
    output: int
    control: socket.socket

    def end(self) -> int:
        """Kill it and close what leads to it; returns its status."""
        self.process.kill()
        for descriptor in (self.input, self.output):
            os.close(descriptor)
        self.control.close()
        return self.process.wait()


class Qemu(Machine):
    """The board that is the image.

    flash: file of the flash. heap: in MicroPython's notation. modem: as of every machine.
    clock: whether its clock is right when power comes; else it begins in 2000.
    """

    def __init__(
        self, flash: Path, heap: str, modem: str | None = None, clock: bool = True
    ) -> None:
        self._heap = heap_bytes(heap)
        if self._heap > _MOST_HEAP_BYTES:
            raise UserError(f"heap {heap!r} is more than this board has; use 3M or less")
        self._flash = flash
        self._modem = modem and os.path.realpath(modem)  # QEMU takes no line but below /dev
        self._clock = clock
        command(flash.name, self._heap, self._modem, None)  # is all there?
        super().__init__(modem)
        self._life: _Life | None = None
        self._told = b""  # of QMP, the beginning of a line
        self._private = False  # the raw REPL is in use
        self._withheld = ""
        self._restart_at: float | None = None
        self._begin_to_read()

    def _begin_to_read(self) -> None:
        utf8 = codecs.getincrementaldecoder("utf-8")("replace")
        self._decoder = io.IncrementalNewlineDecoder(utf8, translate=True)

    @property
    def powered(self) -> bool:
        """Has the board power?"""
        return self._life is not None or self._restart_at is not None

    # Orders: carried out by the thread.

    def power_on(self, cut_at_write: int = 0) -> None:
        """Give the board power; nothing happens when it has. cut_at_write: 0."""
        if not self.powered:
            self._drop_unheard()
            self._boot()

    def power_off(self) -> None:
        """Take its power, now (SIGKILL): the flash stays as the last write left it."""
        self._restart_at = None
        if self._life is not None:
            self._life.end()
            self._life = None
        self._to_board.clear()

    def reset(self) -> None:
        """Press the reset button."""
        self._order("system_reset")

    # The thread.

    def _boot(self) -> None:
        self._begin()
        self._begin_to_read()
        self._private, self._withheld, self._told = False, "", b""
        clock_s = int(time.time()) - _YEAR_2000_S if self._clock else None
        line = command(self._flash.name, self._heap, self._modem, clock_s)
        control, its = socket.socketpair()
        its_input, to_board = os.pipe()
        from_board, its_output = os.pipe()
        try:
            process = subprocess.Popen(
                [*line, *_QMP, f"socket,id=qmp,fd={its.fileno()}"],
                stdin=its_input,
                stdout=its_output,
                stderr=its_output,
                cwd=self._flash.parent,
                pass_fds=(its.fileno(),),
                start_new_session=True,
                preexec_fn=die_with_parent(),  # noqa: PLW1509
            )
        finally:
            its.close()
            os.close(its_input)
            os.close(its_output)
        os.set_blocking(to_board, False)
        self._life = _Life(process, to_board, from_board, control)
        self._order("qmp_capabilities")

    def _order(self, name: str) -> None:
        if self._life is not None:
            with contextlib.suppress(ConnectionError):  # it has just ended
                self._life.control.send(json.dumps({"execute": name, "id": name}).encode() + b"\n")

    def _step(self) -> None:
        attached = self._attached()
        if not attached:
            self._to_host.clear()
            self._hear()  # the last that was sent before the line was closed
            self._uncover()
        ready = self._wait(attached)
        life = self._life
        if self._wake_read in ready:
            self._take_orders()
        elif life is not None:
            if life.control.fileno() in ready:  # before what was printed after a reset
                self._take_news(life.control)
            if life.input in ready:
                with contextlib.suppress(BlockingIOError, BrokenPipeError):
                    del self._to_board[: os.write(life.input, self._to_board[: select.PIPE_BUF])]
            if life.output in ready:
                self._take_output(life)
        if self._master in ready:
            self._serve_host()
        if self._restart_at is not None and time.monotonic() >= self._restart_at:
            self._restart_at = None
            self._boot()

    def _wait(self, attached: bool) -> set[int]:
        """Returns the descriptors that are ready; empty when the time came for something."""
        poll = select.poll()
        self._watch_line(poll, attached)
        if self._life is not None:
            poll.register(self._life.control, select.POLLIN)
            if len(self._to_host) < QUEUE_LIMIT:
                poll.register(self._life.output, select.POLLIN)
            if self._to_board:
                poll.register(self._life.input, select.POLLOUT)
        wait_s = LONGEST_WAIT_S if attached else ATTACH_POLL_S
        if self._restart_at is not None:
            wait_s = min(wait_s, max(0.0, self._restart_at - time.monotonic()))
        return {descriptor for descriptor, _ in poll.poll(wait_s * 1000)}

    def _take(self, arrived: bytes) -> None:
        """What the raw REPL says is for mpremote alone."""
        if self._life is not None:
            super()._take(arrived)
            raw, friendly = arrived.rfind(_RAW), arrived.rfind(_FRIENDLY)
            if raw > friendly:
                self._private = True
            elif friendly > raw:
                self._uncover()

    def _uncover(self) -> None:
        """mpremote leaves: what its program says, which still runs (`--no-follow`), is for all."""
        _, runs, said = self._withheld.rpartition(_END)
        self._private, self._withheld = False, ""
        if runs and not said.startswith(">"):
            self._print(said)

    def _take_output(self, life: _Life) -> None:
        data = os.read(life.output, 1 << 16)
        if not data:
            self._crashed(life)
            return
        self._to_host += data
        text = self._decoder.decode(data)
        if self._private:
            self._withheld = (self._withheld + text)[-OUTPUT_LIMIT:]
        else:
            self._print(text)

    def _take_news(self, control: socket.socket) -> None:
        try:
            *lines, self._told = (self._told + control.recv(1 << 16)).split(b"\n")
        except ConnectionError:  # it ended: so does what it prints
            return
        for line in lines:
            news: dict[str, Any] = json.loads(line)
            if news.get("id") == "qmp_capabilities" or news.get("event") == "RESET":
                self._uncover()
                if "event" in news:
                    self._begin_line()
                with self.changed:
                    self.boots += 1
                    self.changed.notify_all()

    def _crashed(self, life: _Life) -> None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            life.process.wait(1)  # it has just closed what it prints to
        status = life.end()
        self._life = None
        self._to_board.clear()
        self._ended(status)
        self._restart_at = time.monotonic() + CRASH_PAUSE_S
