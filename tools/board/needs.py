"""How much of a board's flash and heap will a deployment take?"""

import subprocess
from collections.abc import Mapping
from typing import NamedTuple

from tools import toolchain
from tools.board.check import in_memory

_BLOCK_BYTES = 4096  # of LittleFS on an ESP32
_HEAP_PER_BYTE = 1.6
"""Bytes of heap that a byte of .mpy on flash takes, as measured for MQTT and CoAP."""
_MORE_KIB = 16
"""Beyond an open link: `signet bench heap` finds 11 for EnOS by MQTT, 16 for CoAP with AES."""


class Needs(NamedTuple):
    """In bytes: content of the files, and in whole blocks of flash; heap of an open link.

    measured: the heap is; else it is estimated from the size of the files. heap is 0 where signet
    is in the firmware, which takes none for its code.
    """

    files: int
    content: int
    flash: int
    heap: int
    measured: bool

    def __str__(self) -> str:
        how = "measured by MicroPython here" if self.measured else "estimated from the files' size"
        flash = (
            f"Flash: {_kib(self.content)} in {self.files} files, {_kib(self.flash)} in blocks of"
            " 4 KiB."
        )
        if not self.heap:
            return flash
        return (
            f"{flash}\nHeap: {_kib(self.heap)} once a link is open, {how};"
            f"\nwith {_MORE_KIB} more it connects, and outlasts an outage."
        )


def needs(files: Mapping[str, bytes]) -> Needs:
    """What a board takes for these files: path on the board -> content."""
    sizes = [len(content) for content in files.values()]
    flash = sum(-(-size // _BLOCK_BYTES) * _BLOCK_BYTES for size in sizes)
    heap = _measured(files)
    code = sum(len(content) for path, content in files.items() if path.endswith(".mpy"))
    estimated = int(code * _HEAP_PER_BYTE)
    return Needs(len(sizes), sum(sizes), flash, heap or estimated, heap is not None)


def _measured(files: Mapping[str, bytes]) -> int | None:
    """None where there is no MicroPython with objects as on an ESP32, or it cannot open a link."""
    if 32 not in toolchain.word_sizes():
        return None
    try:
        return int(in_memory(32, files, "heap")[-1])
    except (subprocess.SubprocessError, IndexError, ValueError):
        return None


def _kib(count: int) -> str:
    return f"{count / 1024:.0f} KiB"
