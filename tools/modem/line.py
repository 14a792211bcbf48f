"""How do bytes go between modem and board?  A PTY, at the pace and in the pieces of a UART."""

import asyncio
import contextlib
import os
import random
import tty
from collections import Counter
from collections.abc import Callable

from tools.modem.switches import Switches

_BURST = 4096
_PACED_BYTES = 8
_MOST_WAITING = 1 << 16
_PIECE_S = 0.001


class Line:
    """The modem's end of a serial line, within an event loop.

    heard: called with bytes as they come from the board.
    counts: how many went each way are counted there, "uart_in" and "uart_out" of the modem.
    Attributes: path: of the board's end.
    """

    def __init__(
        self, heard: Callable[[bytes], None], switches: Switches, counts: Counter[str]
    ) -> None:
        self._heard = heard
        self._counts = counts
        self._master, self._slave = os.openpty()  # ours stays open, so that no hang-up is seen
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self.path = os.ttyname(self._slave)
        self._out = bytearray()
        self._in = bytearray()
        self._writing: asyncio.TimerHandle | None = None
        self._reading: asyncio.TimerHandle | None = None
        self.change(switches)
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._master, self._read)

    def change(self, switches: Switches) -> None:
        """From now on at this pace, and in such pieces."""
        self._switches = switches
        self._random = random.Random(f"{switches.seed} line")  # noqa: S311

    def close(self) -> None:
        """End it."""
        for timer in (self._writing, self._reading):
            if timer is not None:
                timer.cancel()
        self._loop.remove_reader(self._master)
        self._loop.remove_writer(self._master)
        os.close(self._master)
        os.close(self._slave)

    def write(self, data: bytes) -> None:
        """Have `data` go to the board, behind what goes already; what nobody takes is lost."""
        self._out += data[: _MOST_WAITING - len(self._out)]
        if self._writing is None:
            self._write()

    def clear(self) -> None:
        """Forget what has not gone, and what has not been heard."""
        self._out.clear()
        self._in.clear()

    def _write(self) -> None:
        self._writing = None
        self._loop.remove_writer(self._master)
        if not self._out:
            return
        switches = self._switches
        size = _PACED_BYTES if switches.baud else _BURST
        if switches.split:
            size = min(size, self._random.randint(1, switches.split))
        try:
            sent = os.write(self._master, self._out[:size])
        except BlockingIOError:
            self._loop.add_writer(self._master, self._write)
            return
        self._counts["uart_out"] += sent
        del self._out[:sent]
        pause = _pause(switches.baud, sent, _PIECE_S if switches.split else 0.0)
        if pause:
            self._writing = self._loop.call_later(pause, self._write)
        elif self._out:
            self._loop.add_writer(self._master, self._write)

    def _read(self) -> None:
        with contextlib.suppress(OSError):
            arrived = os.read(self._master, _BURST)
            self._counts["uart_in"] += len(arrived)
            self._in += arrived
        if self._reading is None:
            self._hear()

    def _hear(self) -> None:
        self._reading = None
        if not self._in:
            return
        baud = self._switches.baud
        size = _PACED_BYTES if baud else len(self._in)
        piece = bytes(self._in[:size])
        del self._in[:size]
        if baud:  # it has come when its last bit has
            self._reading = self._loop.call_later(_pause(baud, len(piece), 0), self._pass, piece)
        else:
            self._heard(piece)

    def _pass(self, piece: bytes) -> None:
        self._heard(piece)
        self._hear()


def _pause(baud: int, count: int, least: float) -> float:
    """How long `count` bytes of ten bits take."""
    return max(least, count * 10 / baud if baud else 0.0)
