"""What is the flash of the virtual board?  A host file, as a block device with 4 KiB blocks.

Protocol: docs/reference/filesystem.rst "Block devices", extended interface.  Each write goes to
the host file at once, so a power cut leaves the image as a chip would.
"""

import _bridge
from micropython import const

_CUT = const(79)

_BLOCK_BYTES = const(4096)


class Flash:
    """A block device over the open file descriptor `fd`.

    Nothing here allocates: a garbage collection closes files that a program forgot.
    """

    def __init__(self, fd):
        file = open(fd, "r+b")  # noqa: SIM115  as long as the board lives
        self._replies = {4: file.seek(0, 2) // _BLOCK_BYTES, 5: _BLOCK_BYTES}
        self._seek = file.seek
        self._read = file.readinto
        self._write = file.write
        self._writes_left = _bridge.cut_at_write

    def readblocks(self, number, buffer, offset=0):
        """Fills `buffer` from block `number`, `offset` bytes into it."""
        self._seek(number * _BLOCK_BYTES + offset)
        self._read(buffer)

    def writeblocks(self, number, buffer, offset=0):
        """Writes `buffer` to block `number`, `offset` bytes into it."""
        self._seek(number * _BLOCK_BYTES + offset)
        self._writes_left -= 1
        if self._writes_left == 0:
            self._write(memoryview(buffer)[: len(buffer) // 2])
            _bridge.leave(_CUT)
        self._write(buffer)

    def ioctl(self, operation, argument):
        """Answers 4 (blocks) and 5 (bytes a block); the rest needs no work on a file."""
        return self._replies.get(operation, 0)
