"""How does a benchmark draw a picture?

MicroPython draws: its `framebuf` has lines and letters. A PNG is made of that here (W3C's PNG
specification: an image of type 3, whose bytes are numbers of colours).
"""

import itertools
import json
import math
import struct
import subprocess
import zlib
from collections.abc import Sequence
from pathlib import Path

from tools import toolchain

_WHITE, BLACK, LIGHT, BLUE, ORANGE, RED = range(6)
_COLOURS = (0xFFFFFF, 0x202020, 0xE4E4E4, 0x1F77B4, 0xE07B00, 0xC81E1E)
LETTER = 8
"""Pixels of a letter, both ways."""

# Standard input: width, height, and what is drawn: names of framebuf's functions with arguments.
_DRAW = """
import framebuf, json, sys
width, height, steps = json.load(sys.stdin)
pixels = bytearray(width * height)
buffer = framebuf.FrameBuffer(pixels, width, height, framebuf.GS8)
for name, arguments in steps:
    getattr(buffer, name)(*arguments)
sys.stdout.buffer.write(pixels)
"""


class Picture:
    """What will be drawn; x and y in pixels from the left and the top."""

    def __init__(self, width: int, height: int) -> None:
        self._width, self._height = width, height
        self._steps: list[tuple[str, list[object]]] = []

    def text(self, x: int, y: int, text: str, colour: int = BLACK) -> None:
        """ASCII; its upper left corner."""
        self._steps.append(("text", [text, x, y, colour]))

    def box(self, x: int, y: int, width: int, height: int, colour: int) -> None:
        """A filled rectangle."""
        self._steps.append(("fill_rect", [x, y, width, height, colour]))

    def line(self, points: Sequence[tuple[int, int]], colour: int) -> None:
        """From each point to the next, two pixels thick."""
        for (x, y), (to_x, to_y) in itertools.pairwise(points):
            for shift in (0, 1):
                self._steps.append(("line", [x, y + shift, to_x, to_y + shift, colour]))

    def save(self, path: Path) -> None:
        """Draw, and write a PNG."""
        interpreter = str(toolchain.micropython(max(toolchain.word_sizes() or [64])))
        pixels = subprocess.run(
            [interpreter, "-X", "heapsize=64M", "-c", _DRAW],
            input=json.dumps([self._width, self._height, self._steps]).encode(),
            capture_output=True,
            check=True,
        ).stdout
        rows = (pixels[at : at + self._width] for at in range(0, len(pixels), self._width))
        header = struct.pack(">IIBBBBB", self._width, self._height, 8, 3, 0, 0, 0)
        colours = b"".join(colour.to_bytes(3, "big") for colour in _COLOURS)
        image = zlib.compress(b"".join(b"\0" + row for row in rows), 9)
        chunks = ((b"IHDR", header), (b"PLTE", colours), (b"IDAT", image), (b"IEND", b""))
        path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*each) for each in chunks))


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


class Plot:
    """Axes in a picture, from 0 up, in a frame of so many pixels.

    frame: left, top, width, height. most: where the axes end, x and y. unit: of x. title: above,
    with the unit of y.
    """

    def __init__(
        self,
        picture: Picture,
        frame: tuple[int, int, int, int],
        most: tuple[float, float],
        unit: str,
        title: str,
    ) -> None:
        self._picture = picture
        self._left, self._top, self._width, self._height = frame
        self._most = (_round(most[0]), _round(most[1]))
        picture.text(self._left, self._top - 2 * LETTER, title)
        for part in range(5):
            x, y = self._at(self._most[0] * part / 4, self._most[1] * part / 4)
            picture.box(self._left, y, self._width, 1, LIGHT)
            label = _short(self._most[1] * part / 4)
            picture.text(self._left - LETTER * (len(label) + 1), y - 4, label)
            label = _short(self._most[0] * part / 4)
            shift = len(label) * LETTER // 2
            picture.text(x - shift, self._top + self._height + 6, label)
        bottom = self._top + self._height
        picture.box(self._left, self._top, 1, self._height, BLACK)
        picture.box(self._left, bottom, self._width, 1, BLACK)
        picture.text(self._left + self._width - LETTER * len(unit), bottom + 3 * LETTER, unit)

    def _at(self, x: float, y: float) -> tuple[int, int]:
        return (
            round(self._left + self._width * x / self._most[0]),
            round(self._top + self._height * (1 - y / self._most[1])),
        )

    def shade(self, start: float, end: float) -> None:
        """Marks a stretch of x."""
        left, right = self._at(start, 0)[0], self._at(end, 0)[0]
        self._picture.box(left, self._top, max(2, right - left), self._height, LIGHT)

    def draw(self, points: Sequence[tuple[float, float]], colour: int) -> None:
        """A line through these."""
        self._picture.line([self._at(*point) for point in points], colour)


def _round(most: float) -> float:
    """A number as large or a little larger, whose quarters are easy to read."""
    quarter = max(most, 1e-9) / 4
    power: float = 10 ** math.floor(math.log10(quarter))
    return next(
        4 * step * power for step in (1, 1.5, 2, 2.5, 3, 4, 5, 10) if step * power >= quarter
    )


def _short(number: float) -> str:
    for size, letter in ((1_000_000, "M"), (1000, "k")):
        if number >= size:
            return f"{number / size:.3g}{letter}"
    return f"{number:.3g}"
