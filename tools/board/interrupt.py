"""When may Ctrl-C strike a program on the virtual board?

MicroPython's unix port raises KeyboardInterrupt right in the handler of SIGINT
(MICROPY_ASYNC_KBD_INTR), wherever that strikes: a garbage collection or LittleFS would be left
half done. A board raises it between two bytecodes. So SIGINT waits until the process sleeps in
the kernel and leaves its flash alone. After `_PATIENCE_S` a busy program is struck all the same,
but one that is busy with its flash is reset, and so is one that is busy still `_EFFECT_S` later:
the signal may have broken its heap.
"""

import enum
import os
import time

from tools.board.process import Process

_PATIENCE_S = 0.1
_BETWEEN_S = 0.02
_QUIET_S = 0.003
_EFFECT_S = 1.0


class Verdict(enum.Enum):
    """What to do about a Ctrl-C that has come."""

    WAIT = "ask again in a millisecond"
    STRIKE = "send SIGINT"
    RESET = "reset the board"


class Interrupter:
    """Finds the moment for SIGINT.

    flash: the open file of the flash; its position, shared with the process, tells of accesses.
    """

    def __init__(self, flash: int) -> None:
        self._flash = flash
        self._place = 0
        self._quiet_since = 0.0
        self._struck_at = 0.0
        self.begin()

    def begin(self) -> None:
        """A program starts or has ended: forget what was."""
        self._since: float | None = None
        self.forced = False
        """Was a program struck that did not sleep?"""

    @property
    def waiting(self) -> bool:
        """Is a moment being waited for?"""
        return self._since is not None

    def judge(self, process: Process) -> Verdict:
        """Decide what becomes of the Ctrl-C that waits."""
        now = time.monotonic()
        if self._since is None:
            self._since = self._quiet_since = now
            self._place = self._flash_place()
        place = self._flash_place()
        if place != self._place:
            self._place, self._quiet_since = place, now
        if now < self._struck_at + _BETWEEN_S:
            return Verdict.WAIT
        impatient = now >= self._since + _PATIENCE_S
        if now < self._quiet_since + _QUIET_S:
            return Verdict.RESET if impatient else Verdict.WAIT
        asleep = process.sleeping()
        if not asleep and not impatient:
            return Verdict.WAIT
        if not asleep and self._quiet_since > self._since:
            return Verdict.RESET
        self.forced = self.forced or not asleep
        self._since, self._struck_at = None, now
        return Verdict.STRIKE

    def effect_in(self) -> float | None:
        """Returns in how many seconds a struck busy program must have ended; None for any time."""
        return max(0.0, self._struck_at + _EFFECT_S - time.monotonic()) if self.forced else None

    def broken(self, process: Process) -> bool:
        """Has the signal to a busy program had no effect?"""
        if self.effect_in() != 0:
            return False
        if (
            process.sleeping() and not process.deadlocked()
        ):  # it has caught KeyboardInterrupt, and lives
            self.forced = False
        return self.forced

    def _flash_place(self) -> int:
        return os.lseek(self._flash, 0, os.SEEK_CUR)
