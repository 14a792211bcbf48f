"""How does `signet board flash` put an image onto an ESP32, and what does that cost the board?

esptool does it, and verifies it. Before, the partition table on the chip is held against the
image's: where both have the files in the same place, these stay.
"""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from tools import toolchain
from tools.board.esp_image import (
    TABLE_AT,
    TABLE_BYTES,
    Image,
    Partition,
    files_of,
    read_image,
    read_table,
)
from tools.board.mpremote import check_device
from tools.toolchain.progress import told
from tools.toolchain.run import RunError, run
from tools.ui import UserError, console, errors

_SHARE = re.compile(r"(\d+)\.\d% ")
_WRONG_CHIP = re.compile(r"This chip is (\S+), not (\S+)\.")

_NO_CHIP = "no chip answers on {0}: hold its BOOT button, press reset, let go, and try again"
# What esptool says, and what a person can do about it. {0} is the device.
_CURES = (
    ("Failed to connect", _NO_CHIP),
    ("Could not open", "{0} is in use by another program (a serial console?); close it"),
    ("will not fit", "the image is larger than the chip's flash; nothing was written"),
    ("MD5", "the chip's flash does not hold what was written: flash it again"),
    ("secure download", "the chip takes only what its owner has signed: it cannot be flashed"),
    ("encryption", "the chip's flash is encrypted: it cannot be flashed from here"),
    ("Secure Boot", "the chip takes signed images only: it cannot be flashed from here"),
)


def flash(
    image: Annotated[Path, typer.Argument(help="MicroPython's firmware.bin.")],
    *,
    device: Annotated[str, typer.Option(help="Serial line, for example /dev/ttyUSB0.")],
    erase: Annotated[
        bool, typer.Option("--erase", help="Erase all of the flash first: files, too.")
    ] = False,
    baud: Annotated[int, typer.Option(min=9600, help="Speed of the transfer.")] = 460_800,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Write a MicroPython image into an ESP32's flash, and verify it.

    Says first what the board will lose; without --erase, files that would be lost are an error.
    """
    check_device(device)
    try:
        found = read_image(f"{image}", image.read_bytes())
    except OSError as error:
        raise UserError(f"cannot read {image}: {error.strerror}") from None
    program = _Esptool(device, found.chip, baud)
    there = files_of(program.table())
    console.print(_costs(found, there, erase), markup=False, soft_wrap=True)
    _agree(yes)
    program.write(image, found.offset, erase)
    console.print(f"{image.name} is on the {found.chip}, verified", markup=False, soft_wrap=True)


def _costs(image: Image, there: Partition | None, erase: bool) -> str:
    """What will become of the board's content. raises: UserError where files need --erase."""
    if erase:
        return "All that is on the board goes: device.json, certificates, reports that wait."
    if there and there != files_of(image.table):
        raise UserError(
            "nothing was changed: this image has its files in another place of the flash, so that"
            " those on the board (device.json, certificates, reports that wait) are lost. Save"
            " them (`mpremote fs cp`, `signet board outbox export`), then flash with --erase"
        )
    if there:
        return "The board's files stay; what it keeps in NVS goes."
    return "There are no files of MicroPython on the chip."


def _agree(yes: bool) -> None:
    """raises: UserError for a no."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise UserError(
            "nothing was changed: there is no terminal to ask at; --yes flashes without asking"
        )
    if not typer.confirm("Flash it?", err=True):
        raise UserError("nothing was changed")


class _Esptool:
    """esptool's command, for one chip on one serial line."""

    def __init__(self, device: str, chip: str, baud: int) -> None:
        self._device = device
        self._options = ["--port", device, "--chip", chip, "--baud", f"{baud}"]

    def table(self) -> dict[str, Partition]:
        """The partition table on the chip. raises: UserError."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "table")
            self._run("asking the chip", "read-flash", f"{TABLE_AT}", f"{TABLE_BYTES}", f"{file}")
            return read_table(file.read_bytes())

    def write(self, image: Path, offset: int, erase: bool) -> None:
        """raises: UserError."""
        options = ["--erase-all"] if erase else []
        self._run("writing", "write-flash", *options, f"{offset}", f"{image}")

    def _run(self, what: str, *words: str) -> None:
        now = what

        def line(text: str) -> None:
            nonlocal now
            if share := _SHARE.search(text):
                now = f"{what}: {share[1]} %"
                status.update(now)

        try:
            with errors.status(what) as status, told(lambda: now):
                run([*toolchain.esptool(), *self._options, *words], line=line)
        except RunError as failure:
            raise UserError(self._cure("\n".join(failure.lines))) from None

    def _cure(self, said: str) -> str:
        if not Path(self._device).exists():
            return f"{self._device} was unplugged: plug it in, and flash it again"
        said = said.rpartition("ERROR: ")[2]
        if wrong := _WRONG_CHIP.search(said):
            return f"the chip on {self._device} is an {wrong[1]}, the image is for {wrong[2]}"
        for sign, cure in _CURES:
            if sign in said:
                return cure.format(self._device)
        return f"esptool failed on {self._device}: {said.partition(chr(10))[0]}"
