"""How is a virtual board made, started, watched and switched off?

A folder is a board: `flash.img` (LittleFS2 in 4 KiB blocks), `romfs.img` (a ROM partition, where
there is one), `modem` (what its UART leads to, where it leads anywhere), `qemu` (empty: the board
is the firmware image), `device` (a link to its serial line while it has power) and `lock`.
"""

import contextlib
import fcntl
import os
import re
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from tools import toolchain
from tools.board.bridge import Bridge
from tools.board.image import format_flash
from tools.board.machine import Machine
from tools.board.qemu import Qemu
from tools.board.wiring import Wiring, check_modem
from tools.paths import CACHE
from tools.ui import UserError

DEFAULT_FOLDER = CACHE / "board"
FLASH_KIB = 2048
"""As the `vfs` partition of a 4 MB ESP32."""

_BLOCK_BYTES = 4096
_SMALLEST_KIB = 32
_START_S = 20


class VirtualBoard:
    """MicroPython behind a serial line that real mpremote drives, with flash in a host file.

    folder: where the board lives; `create` makes it.
    heap: what programs on the board get, in MicroPython's notation ("110k", "1M", bytes).
    bits: 32 (objects as on an ESP32), 64, or None for 32 where this machine has such a build.
    modem: what UART 1 leads to, if not to what `create` was told: the path of a serial line.
    clock: of an image board, whether its clock is right when power comes; else it begins in 2000.
    """

    def __init__(
        self,
        folder: Path,
        heap: str = "110k",
        bits: int | None = None,
        modem: str | None = None,
        clock: bool = True,
    ) -> None:
        self.folder = Path(folder)
        self._wiring = Wiring(self.folder / "modem", modem)
        self._clock = clock
        self._heap = heap
        self._bits = bits or (toolchain.word_sizes() or [32])[0]
        self._bridge: Machine | None = None
        self._lock: int | None = None
        self._printed = "", 0
        self._cuts = 0

    @property
    def image(self) -> Path:
        """The flash of the board, a file."""
        return self.folder / "flash.img"

    @property
    def romfs(self) -> Path:
        """Its ROM partition, mounted as /rom when this file exists; see rom.build_romfs."""
        return self.folder / "romfs.img"

    @property
    def is_image(self) -> bool:
        """Is it the firmware image, in QEMU, rather than MicroPython's unix port?"""
        return self._qemu.exists()

    @property
    def kind(self) -> str:
        """The folder of firmware/boards/ that has its board.py."""
        return "qemu" if self.is_image else "virtual"

    @property
    def device(self) -> str:
        """The path of the serial line, for mpremote.

        raises: UserError when the board has no power.
        """
        if self._bridge is None:
            raise UserError("the virtual board is not running; start it first")
        return self._bridge.device

    def create(
        self, size_kib: int = FLASH_KIB, modem: str | None = None, image: bool = False
    ) -> Self:
        """Make the board with empty flash, or empty the flash of a board that is off.

        size_kib: 32 or more, a multiple of 4.
        modem: what UART 1 leads to: a family of modems (`tools.modem.emulator.FAMILIES`), of
            which one has power as long as the board's serial line, or the path of a serial line.
        image: whether it is the firmware image that `make firmware` builds.
        raises: UserError for another size or modem, when there is no image, or when the board is
            running.
        """
        check_modem(modem)
        if size_kib < _SMALLEST_KIB or size_kib * 1024 % _BLOCK_BYTES:
            raise UserError(f"flash size is {size_kib} KiB; it must be a multiple of 4 from 32 up")
        if image:
            toolchain.image()
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._take_lock()
        try:
            self.image.unlink(missing_ok=True)
            # device.json on it holds a secret
            flash = os.open(self.image, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                os.truncate(flash, size_kib * 1024)
            finally:
                os.close(flash)
            format_flash(self.image, self._bits, {})
            self._wiring.lead(modem)
            self._qemu.unlink(missing_ok=True)
            if image:
                self._qemu.touch()
        finally:
            self._release_lock()
        return self

    @property
    def _qemu(self) -> Path:
        return self.folder / "qemu"

    def fill(self, files: Mapping[str, bytes]) -> None:
        """Put these files on the flash of a board without power, and remove all others.

        files: path on the board -> content; they must fit.
        raises: UserError when it has power.
        """
        if self._bridge is None:
            self._take_lock()  # it may have power elsewhere
        elif self._bridge.powered:
            raise UserError(f"the virtual board in {self.folder} is running; stop it first")
        try:
            format_flash(self.image, self._bits, files)
        finally:
            if self._bridge is None:
                self._release_lock()

    def start(self, cut_at_write: int = 0) -> Self:
        """Give the board power; returns once MicroPython has begun to boot.

        cut_at_write: for tests of power failures: the power fails in the middle of that write
            to the flash, counted from 1 at each start of MicroPython; `wait_for_cut` follows. Not
            of an image board.
        raises: UserError when there is no flash, it is in use, or MicroPython does not start.
        """
        if self._bridge is None:
            if not self.image.exists():
                raise UserError(f"no virtual board in {self.folder}: run `signet board create`")
            self._take_lock()
            try:
                self._bridge = self._machine()
            except BaseException:
                self._wiring.end()
                self._release_lock()
                raise
            self._bridge.start()
            link = self.folder / "device"
            link.unlink(missing_ok=True)
            link.symlink_to(self._bridge.device)
        bridge = self._bridge
        if bridge.powered:
            return self
        self._cuts = bridge.cuts
        boots, crashes = bridge.boots, bridge.crashes
        bridge.do(lambda: bridge.power_on(cut_at_write))
        with bridge.changed:
            bridge.changed.wait_for(
                lambda: bridge.boots > boots or bridge.crashes > crashes or bridge.ended, _START_S
            )
        if bridge.boots == boots:
            text = self.output().strip()
            self.stop()
            raise UserError(f"MicroPython does not start on the virtual board: {text}")
        return self

    def _machine(self) -> Machine:
        modem = self._wiring.begin()
        if self.is_image:
            return Qemu(self.image, self._heap, modem, self._clock)
        romfs = self.romfs if self.romfs.exists() else None
        return Bridge(self.image, self._heap, self._bits, romfs, modem)

    def power_cut(self) -> None:
        """Take the board's power at once; the serial line stays. `start` gives power again."""
        if self._bridge:
            self._bridge.do(self._bridge.power_off)

    def wait_for_cut(self, timeout_s: float = 10) -> bool:
        """Returns True once the power has failed at `cut_at_write`, False when it has not."""
        bridge = self._bridge
        if bridge is None:
            return False
        with bridge.changed:
            return bridge.changed.wait_for(lambda: bridge.cuts > self._cuts, timeout_s)

    def reset(self) -> None:
        """Press the reset button."""
        if self._bridge:
            self._bridge.do(self._bridge.reset)

    def stop(self) -> None:
        """Switch the board and its serial line off; the flash stays."""
        bridge = self._bridge
        if bridge is None:
            return
        bridge.do(bridge.close)
        bridge.join()
        self._printed = bridge.output()
        self._bridge = None
        self._wiring.end()
        with contextlib.suppress(OSError):
            (self.folder / "device").unlink()
        self._release_lock()

    def output(self, since: int = 0) -> str:
        """Returns what the board printed since `start`, line ends as "\\n": the last MiB of it.

        since: only what came later; an earlier `printed`.
        """
        text, forgotten = self._kept()
        return text[max(0, since - forgotten) :]

    @property
    def printed(self) -> int:
        """How many characters the board has printed since `start`."""
        text, forgotten = self._kept()
        return forgotten + len(text)

    def _kept(self) -> tuple[str, int]:
        return self._bridge.output() if self._bridge else self._printed

    def wait_for(self, pattern: str, timeout_s: float = 30, since: int = 0) -> re.Match[str]:
        """Wait until `pattern` is found in the board's output.

        pattern: regular expression, `^` and `$` match at lines, `$` also where the rest of a line
            is still to come.
        timeout_s: how long to wait.
        since: where to begin: an earlier `printed`, or, as long as the board has printed less
            than a MiB, `match.end()` of the one before.
        returns: the match in `output()`.
        raises: TimeoutError, with the last lines of the output.
        """
        expression = re.compile(pattern, re.MULTILINE)
        deadline = time.monotonic() + timeout_s
        while True:
            bridge = self._bridge
            text, forgotten = self._kept()
            match = expression.search(text, max(0, since - forgotten))
            if match:
                return match
            left = deadline - time.monotonic()
            if left <= 0 or bridge is None:
                tail = "\n".join(text.splitlines()[-20:])[-2000:]
                raise TimeoutError(f"no {pattern!r} in {timeout_s} s; the board printed:\n{tail}")
            bridge.wait_for_more(text, left)

    def follow(self) -> Iterator[str]:
        """Yield what the board prints, piece by piece, until it is stopped."""
        position = 0
        while self._bridge and self._bridge.is_alive():
            text, position = self._bridge.output_from(position, 1)
            if text:
                yield text

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def in_use(self) -> bool:
        """Has the board power, here or in another process?"""
        if not self.image.exists():
            return False
        if self._lock is not None:
            return True
        try:
            self._take_lock()
        except UserError:
            return True
        self._release_lock()
        return False

    def _take_lock(self) -> None:
        if self._lock is not None:
            raise UserError(f"the virtual board in {self.folder} is running; stop it first")
        lock = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(lock)
            raise UserError(f"the virtual board in {self.folder} is in use elsewhere") from None
        self._lock = lock

    def _release_lock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
