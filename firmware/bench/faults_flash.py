"""What is a flash, or a card, that loses power or wears out?  In RAM, for MicroPython's `vfs`.

LittleFS has 4 KiB blocks that are erased before they are written, FAT has sectors of 512 bytes
that are written whole or not at all, as a card does.
"""

import os

import vfs

BLOCKS = {"LittleFS": (4096, 24), "FAT": (512, 192)}
ERASED = b"\xff" * 4096


def copy(target, to, source, start, size):
    try:
        target[to : to + size] = memoryview(source)[start : start + size]
    except MemoryError:
        for index in range(size):
            target[to + index] = source[start + index]


class Flash:
    """A block device.

    It works without memory, too: a garbage collection closes files that a program forgot, and
    LittleFS never ends once its device has raised.

    Args:
        kind: a key of BLOCKS.
        image: bytes, what it holds.
    Attributes:
        cut_at: int, the write or erasure, counted from 1, in which the power fails; 0: none.
        spread: int, how much of it is done: another share at each write; 0: nothing of it.
        after_cut: bytearray, what it held when the power failed; None before.
        error: int, what writing answers, for example -30; 0: it writes.
        worn: dict of a block's number to what writing to it answers; 0: it keeps the old bits.
        image: bytearray, what it holds.
        writes: int, how many there were.
    """

    def __init__(self, kind, image):
        self.size, self._count = BLOCKS[kind]
        self._is_whole = kind == "FAT"
        self.image = bytearray(image)
        self.cut_at = self.spread = self.error = self.writes = 0
        self.after_cut = None
        self.worn = {}

    def readblocks(self, number, buffer, offset=0):
        copy(buffer, 0, self.image, number * self.size + offset, len(buffer))

    def writeblocks(self, number, buffer, offset=0):
        return self._write(number, buffer, offset)

    def _write(self, number, data, offset):
        if self.error:
            return self.error
        if number in self.worn:
            return self.worn[number]
        start = number * self.size + offset
        self.writes += 1
        if self.writes == self.cut_at:
            done = 0 if self._is_whole else self.writes * self.spread % (len(data) + 1)
            self.after_cut = bytearray(self.image)  # the rest of this life leaves no trace
            self.after_cut[start : start + done] = data[:done]
        copy(self.image, start, data, 0, len(data))
        return 0

    def ioctl(self, operation, argument):
        if operation == 4:
            return self._count
        if operation == 5:
            return self.size
        return self._write(argument, ERASED, 0) if operation == 6 else 0


def filesystem(kind, flash):
    return vfs.VfsLfs2(flash) if kind == "LittleFS" else vfs.VfsFat(flash)


def formatted(kind):
    """Returns an image with an empty file system (bytearray)."""
    size, count = BLOCKS[kind]
    flash = Flash(kind, ERASED[:1] * (size * count))
    (vfs.VfsLfs2 if kind == "LittleFS" else vfs.VfsFat).mkfs(flash)
    return flash.image


def fill(free):
    """Fills the file system but for about so many bytes."""
    try:
        with open("filler", "wb") as file:
            while True:
                status = os.statvfs("/flash")
                if status[0] * status[3] <= free:
                    break
                file.write(bytes(512))
                file.flush()
    except OSError:  # it is full
        pass
