"""What has every machine that stands in for a board?  A serial line, orders, and what it printed.

One thread owns the PTY that mpremote opens and the process behind it; see bridge.py and qemu.py.
"""

import abc
import contextlib
import os
import select
import termios
import threading
import tty
from collections.abc import Callable

from tools.ui import UserError

OUTPUT_LIMIT = 1 << 20
QUEUE_LIMIT = 1 << 16
"""Serial bytes that nobody has taken yet."""
CRASH_PAUSE_S = 0.2
"""A board whose MicroPython crashed at once must not spin."""
ATTACH_POLL_S = 0.01
LONGEST_WAIT_S = 60.0

_SMALLEST_HEAP_BYTES = 8192


def heap_bytes(heap: str) -> int:
    """Returns bytes. heap: in MicroPython's notation. raises: UserError."""
    unit = {"k": 1024, "m": 1024 * 1024}.get(heap[-1:].lower())
    try:
        size = int(heap[:-1]) * unit if unit else int(heap)
    except ValueError:
        raise UserError(f"heap {heap!r} is no size; use 110k, 1M or a number of bytes") from None
    if size < _SMALLEST_HEAP_BYTES:
        raise UserError(f"heap {heap!r} is too small for any program; use 8k or more")
    return size


class Machine(threading.Thread, abc.ABC):
    """A board at first without power.

    modem: the serial line that its UART 1 leads to, if it has one.
    Attributes: device, the path of its serial line; changed, notified of each change; boots,
    crashes, cuts: how often MicroPython began, ended by itself, and the power failed in a write.
    """

    def __init__(self, modem: str | None) -> None:
        super().__init__(name="virtual board", daemon=True)
        self._uart = None
        if modem is not None:
            try:
                self._uart = os.open(modem, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
                tty.setraw(self._uart)
            except (OSError, termios.error):
                raise UserError(
                    "the modem's line is gone: start `signet modem` again,"
                    " and `signet board create --modem` its new line"
                ) from None
        self._master, slave = os.openpty()
        self.device = os.ttyname(slave)
        tty.setraw(slave)
        os.close(slave)  # from now on a hang-up on the master means: nobody listens
        os.set_blocking(self._master, False)
        self._wake_read, self._wake_write = os.pipe()
        self._descriptors = [self._master, self._wake_read, self._wake_write]
        if self._uart is not None:
            self._descriptors.append(self._uart)
        self._orders: list[Callable[[], None]] = []
        self._closing = False

        self.changed = threading.Condition()
        self.boots = 0
        self.crashes = 0
        self.cuts = 0
        self._text = ""
        self._forgotten = 0  # characters of output before `_text`

        self._to_board = bytearray()
        self._to_host = bytearray()

    # What the owner of the board does, from any thread.

    def do(self, order: Callable[[], None]) -> None:
        """Have the machine's thread carry out `order`; returns when it has, or is gone."""
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
    @abc.abstractmethod
    def powered(self) -> bool:
        """Has the board power (it may sleep)?"""

    def output(self) -> tuple[str, int]:
        """Returns what the board has printed, at most the last MiB, and how much went before."""
        with self.changed:
            return self._text, self._forgotten

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

    @abc.abstractmethod
    def power_on(self, cut_at_write: int = 0) -> None:
        """Give the board power; nothing happens when it has.

        cut_at_write: the power fails in the middle of that write to the flash; 0 for never.
        """

    @abc.abstractmethod
    def power_off(self) -> None:
        """Take its power, now (SIGKILL): the flash stays as the last write left it."""

    @abc.abstractmethod
    def reset(self) -> None:
        """Press the reset button."""

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
            self.power_off()
            for descriptor in self._descriptors:
                os.close(descriptor)
            with self.changed:
                self._closing = True
                self.changed.notify_all()

    @abc.abstractmethod
    def _step(self) -> None:
        """Wait for something to happen, and do what it takes."""

    def _take_orders(self) -> None:
        os.read(self._wake_read, 4096)
        while self._orders:
            self._orders.pop(0)()

    def _attached(self) -> bool:
        poll = select.poll()
        poll.register(self._master, 0)
        return not poll.poll(0)

    def _watch_line(self, poll: select.poll, attached: bool) -> None:
        """Have `poll` tell of orders, and of the serial line when somebody is there."""
        poll.register(self._wake_read, select.POLLIN)
        if attached:
            room = len(self._to_board) < QUEUE_LIMIT
            poll.register(
                self._master,
                (select.POLLIN if room else 0) | (select.POLLOUT if self._to_host else 0),
            )

    def _serve_host(self) -> None:
        with contextlib.suppress(OSError):
            if self._to_host:
                del self._to_host[: os.write(self._master, self._to_host[:4096])]
        self._hear()

    def _hear(self) -> None:
        with contextlib.suppress(OSError):
            self._take(os.read(self._master, 4096))

    def _take(self, arrived: bytes) -> None:
        """Keep what came over the serial line."""
        self._to_board += arrived

    def _drop_unheard(self) -> None:
        """What was sent on the serial line while nobody was there to hear it is lost."""
        with contextlib.suppress(OSError):
            while os.read(self._master, 4096):
                pass

    def _begin(self) -> None:
        """The board starts anew: on a new line, and deaf to what its modem said before."""
        self._begin_line()
        if self._uart is not None:
            termios.tcflush(self._uart, termios.TCIFLUSH)

    def _begin_line(self) -> None:
        if self._text and not self._text.endswith("\n"):
            self._print("\n")

    def _print(self, more: str) -> None:
        with self.changed:
            text = self._text + more
            self._text = text[-OUTPUT_LIMIT:]
            self._forgotten += len(text) - len(self._text)
            self.changed.notify_all()

    def _ended(self, status: int) -> None:
        """MicroPython has ended by itself."""
        with self.changed:
            self.crashes += 1
            self._print(f"\nvirtual board: MicroPython ended with status {status}\n")
