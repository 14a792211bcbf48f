"""What does a program do to its flash?  A host file as an ESP32's partition, which counts.

Blocks of 4 KiB, the extended protocol of docs/reference/filesystem.rst, on which LittleFS2 erases
for itself; FAT writes whole blocks, each of which is an erase.  File systems are mounted with
MicroPython's defaults, as the ESP32 port does (read and program size 32, 100 block cycles).
"""

import array
import os

import vfs
from micropython import const

BLOCK = const(4096)


class Flash:
    """A block device in the file `path`, which is made.

    Attributes:
        erases, programmed, read: int, so far; the latter two in bytes.
        worn: array of int, erases of each block.
    """

    def __init__(self, path, blocks):
        with open(path, "wb") as file:
            file.seek(blocks * BLOCK - 1)
            file.write(b"\0")
        self._file = open(path, "r+b")  # noqa: SIM115  as long as the program lives
        self.worn = array.array("H", bytes(2 * blocks))
        self.erases = self.programmed = self.read = 0

    def readblocks(self, number, buffer, offset=0):
        self._file.seek(number * BLOCK + offset)
        self._file.readinto(buffer)
        self.read += len(buffer)

    def writeblocks(self, number, buffer, offset=None):
        if offset is None:  # the plain protocol
            self.erase(number)
        self._file.seek(number * BLOCK + (offset or 0))
        self._file.write(buffer)
        self.programmed += len(buffer)

    def erase(self, number):
        self.erases += 1
        self.worn[number] += 1

    def ioctl(self, operation, argument):
        if operation == 6:
            self.erase(argument)
        return {4: len(self.worn), 5: BLOCK}.get(operation, 0)


def mount(path, blocks, fat=False):
    """Returns a Flash with an empty file system, which is the current directory from now on."""
    flash = Flash(path, blocks)
    kind = vfs.VfsFat if fat else vfs.VfsLfs2
    kind.mkfs(flash)
    vfs.mount(kind(flash), "/flash")
    os.chdir("/flash")
    flash.erases = flash.programmed = flash.read = 0
    for number in range(blocks):
        flash.worn[number] = 0
    return flash
