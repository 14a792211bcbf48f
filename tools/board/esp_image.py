"""What is in an image for an ESP32: for which chip is it, and where has it what?

ESP-IDF Programming Guide, "Application Image Format" and "Partition Tables"; what MicroPython's
makeimg.py writes begins with the bootloader and has the table at 0x8000 of the flash.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from tools.ui import UserError

TABLE_AT, TABLE_BYTES = 0x8000, 0xC00
_IMAGE_MAGIC = 0xE9
_ENTRY = struct.Struct("<2sBBII16sI")
_ENTRY_MAGIC = b"\xaa\x50"
_FILES = ("vfs", "ffat")  # flashbdev.py of ports/esp32

CHIPS = {
    0: ("esp32", 0x1000),
    2: ("esp32s2", 0x1000),
    5: ("esp32c3", 0x0),
    9: ("esp32s3", 0x0),
    12: ("esp32c2", 0x0),
    13: ("esp32c6", 0x0),
    16: ("esp32h2", 0x0),
    18: ("esp32p4", 0x2000),
    23: ("esp32c5", 0x2000),
}
"""Number in an image -> esptool's name, where the bootloader lies (esptool's targets)."""


class Partition(NamedTuple):
    """offset, size: bytes."""

    name: str
    offset: int
    size: int


class Image(NamedTuple):
    """chip: as esptool names it. offset: where it goes in the flash. table: by name."""

    chip: str
    offset: int
    table: dict[str, Partition]


def read_image(name: str, content: bytes) -> Image:
    """What is this image? name: of its file. raises: UserError that says which file is wanted."""
    wanted = (
        "the image to flash is MicroPython's firmware.bin, with bootloader and partition table"
    )
    if len(content) < 16 or content[0] != _IMAGE_MAGIC:
        raise UserError(f"{name} is no image for an ESP32; {wanted}")
    chip, offset = CHIPS.get(int.from_bytes(content[12:14], "little"), ("", 0))
    table = read_table(content[TABLE_AT - offset :])
    if not chip or not table:
        raise UserError(f"{name} is only a part of an image, or for another chip; {wanted}")
    return Image(chip, offset, table)


def read_table(content: bytes) -> dict[str, Partition]:
    """The partitions of a table by name; none where there is no table."""
    found = {}
    for at in range(0, min(len(content), TABLE_BYTES) - _ENTRY.size + 1, _ENTRY.size):
        magic, _, _, offset, size, label, _ = _ENTRY.unpack_from(content, at)
        if magic != _ENTRY_MAGIC:
            break
        name = label.rstrip(b"\0").decode(errors="replace")
        found[name] = Partition(name, offset, size)
    return found


def files_of(table: dict[str, Partition]) -> Partition | None:
    """Where MicroPython has its files."""
    return next((table[name] for name in _FILES if name in table), None)
