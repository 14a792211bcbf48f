"""What does UART 1 of a virtual board lead to?  Nothing, an emulated modem, or a serial line."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from tools.ui import UserError

if TYPE_CHECKING:  # asyncio, and every modem: most boards have none
    from tools.modem.emulator import Emulator


def families() -> list[str]:
    """The modems that there are, by the name that device.json has for each."""
    from tools.modem.emulator import FAMILIES

    return [*FAMILIES]


def check_modem(modem: str | None) -> None:
    """Is that a family of modems, a serial line, or none? raises: UserError."""
    if modem is not None and modem not in families() and not _is_line(modem):
        raise UserError(
            f"{modem!r} is no modem; use one of: {', '.join(families())},"
            " or a serial line, as `signet modem` prints it"
        )


def _is_line(path: str) -> bool:
    """Whether it is a serial line that can be opened."""
    try:
        line = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    except (OSError, ValueError):
        return False
    try:
        return os.isatty(line)
    finally:
        os.close(line)


class Wiring:
    """The wires of a board's UART 1.

    file: remembers where they lead. modem: where they lead this time, if not there.
    """

    def __init__(self, file: Path, modem: str | None) -> None:
        self._file = file
        self._modem = modem
        self._emulator: Emulator | None = None

    def lead(self, modem: str | None) -> None:
        """From now on they lead to this family of modems, or serial line."""
        self._file.unlink(missing_ok=True)
        if modem is not None:
            self._file.write_text(modem)

    def begin(self) -> str | None:
        """Returns the path of the serial line that they lead to, with a modem behind it."""
        wired = self._modem
        if wired is None and self._file.exists():
            wired = self._file.read_text().strip()
        if wired is None or wired not in families():
            return wired
        from tools.modem.emulator import Emulator

        self._emulator = Emulator(wired)
        return self._emulator.path

    def end(self) -> None:
        """Take the power of the modem that `begin` started."""
        if self._emulator is not None:
            self._emulator.close()
            self._emulator = None
