"""How many bytes of the image are MicroPython, TLS, the network and signet?

Read from the linker's map: what of each object file is in the image.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from rich import box
from rich.table import Table

from tools.firmware import OBJECTS
from tools.firmware.build import MAP
from tools.ui import UserError

_HEX = "0x([0-9a-f]+)"
_OUTPUT = re.compile(rf"^\.(text|data|bss)\s+{_HEX}\s+{_HEX}.*\n((?: .*\n|\n)*)", re.MULTILINE)
_SECTION = re.compile(rf"^ (\.\S+|COMMON)\s+{_HEX}\s+{_HEX} (\S+)$", re.MULTILINE)
_SHARED = re.compile(r"\.str\d\.\d$")

TLS, NETWORK = "Mbed TLS", "lwIP and the network card"
SIGNET, OTHERS = "signet", "asyncio and umqtt.simple"
MICROPYTHON = "MicroPython and the port"
PARTS = (MICROPYTHON, TLS, NETWORK, OTHERS, SIGNET)
_FILES = (
    (TLS, r"/lib/mbedtls|modtls|modssl|tls_memory"),
    (NETWORK, r"/lib/lwip|modlwip|modsocket|network|netutils|lan9118"),
)
_FROZEN_OTHERS = re.compile(r"^(?!.*_signet_).*_(?:u?asyncio|umqtt|_boot)(?:_|$)")


class Size(NamedTuple):
    """Bytes of flash, and of RAM that is taken before the heap."""

    flash: int
    ram: int


def of_map(text: str) -> dict[str, Size]:
    """Read a linker's map: what each part of the image takes."""
    flash: Counter[str] = Counter()
    ram: Counter[str] = Counter()
    for output, begin, length, body in _OUTPUT.findall(text):
        found = [
            (int(at, 16), int(size, 16), _part(section, file), bool(_SHARED.search(section)))
            for section, at, size, file in _SECTION.findall(body)
        ]
        ends = [*(at for at, *_ in found[1:]), int(begin, 16) + int(length, 16)]
        takes: Counter[str] = Counter()
        first = None
        for (at, size, part, is_shared), end in zip(found, ends, strict=True):
            takes[part] += end - at
            if is_shared and first is None:
                first = part
            elif is_shared and first:  # it lies at the first one's place
                takes[part] += size
                takes[first] -= size
        if output in ("text", "data"):
            flash += takes
        if output in ("data", "bss"):
            ram += takes
    return {part: Size(flash[part], ram[part]) for part in PARTS if flash[part] or ram[part]}


def _part(section: str, file: str) -> str:
    if file.endswith("/frozen_content.o"):
        return OTHERS if _FROZEN_OTHERS.search(section) else SIGNET
    return next((part for part, pattern in _FILES if re.search(pattern, file)), MICROPYTHON)


def of_image() -> dict[str, Size]:
    """What each part of the image takes; raises UserError when it was not built here."""
    try:
        return of_map((OBJECTS / MAP).read_text())
    except OSError:
        raise UserError("the image was not built here; run `make firmware`") from None


def table(sizes: Mapping[str, Size]) -> Table:
    """What is in an image, and what it would be without each part."""
    table = Table(title="What is in the image: bytes", title_justify="left", title_style="bold")
    table.box = box.SIMPLE_HEAD
    table.add_column("part")
    for column in ("flash", "the image without", "RAM beside the heap"):
        table.add_column(column, justify="right")
    total = Size(*map(sum, zip(*sizes.values(), strict=True)))
    for part, size in sizes.items():
        without = "" if part == MICROPYTHON else str(total.flash - size.flash)
        table.add_row(part, str(size.flash), without, str(size.ram))
    table.add_section()
    table.add_row("the image", str(total.flash), "", str(total.ram), style="bold")
    return table
