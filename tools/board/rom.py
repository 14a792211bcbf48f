"""Where does a virtual board's built-in firmware come from, and how is it started?

Sources in firmware/boards/virtual/rom/, compiled to .mpy into `.cache/rom/`, and umqtt.simple,
which is in every ESP32 image.
"""

import subprocess
from pathlib import Path
from typing import Any

from tools import toolchain
from tools.board.machine import heap_bytes
from tools.paths import CACHE, ROOT
from tools.ui import UserError

SOURCE = ROOT / "firmware" / "boards" / "virtual" / "rom"

HEAP_BYTES = {32: 19_550, 64: 29_700}
"""Heap that this firmware takes, by width of a machine word in bits; a test measures it.

A real board has its firmware in ROM, so the virtual one gets this much more.
"""


def process(heap: str, bits: int, romfs: Path | None = None) -> dict[str, Any]:
    """Returns how to start a virtual board's process: arguments of subprocess.Popen.

    heap: what user programs get, in MicroPython's notation: "110k", "1M" or bytes.
    bits: 32 or 64, the word width. romfs: file of the ROM partition, if it has one.
    """
    size = heap_bytes(heap) + HEAP_BYTES[bits]
    folder = CACHE / "rom"
    toolchain.compile_tree(SOURCE, folder)
    toolchain.compile_tree(toolchain.umqtt(), CACHE / "mpy" / "umqtt")
    rom = {"ROMFS": str(romfs.resolve())} if romfs else {}
    return {
        "args": [toolchain.micropython(bits), "-X", f"heapsize={size}", "-c", "import _boot"],
        # Nothing of the host's environment: a board has none, and time there is UTC.
        "env": {"MICROPYPATH": ".:../mpy/umqtt:.frozen", "TZ": "UTC"} | rom,
        "cwd": folder,
    }


def build_romfs(folder: Path, image: Path) -> None:
    """Write a ROM partition that holds the files below `folder`, with the real mpremote.

    raises: UserError with what mpremote said.
    """
    command = [*toolchain.mpremote(), "romfs", "-o", str(image), "build", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stdout + done.stderr).strip().splitlines()
        raise UserError(f"mpremote cannot build a ROM partition: {said[-1] if said else ''}")
