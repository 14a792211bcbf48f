"""What is the flash of the virtual board?  A host file, as a block device with 4 KiB blocks.

Protocol: docs/reference/filesystem.rst "Block devices", extended interface.  Each write goes to
the host file at once, so a power cut leaves the image as a chip would.  No branches in reading
and writing: MicroPython's unix port raises KeyboardInterrupt between any two bytecodes.
"""

import time

from micropython import const

_BLOCK_BYTES = const(4096)


class Flash:
    """A block device over the open file descriptor `fd` of `size_bytes`."""

    def __init__(self, fd):
        self._file = open(fd, "r+b")  # noqa: SIM115  as long as the board lives
        self._replies = {4: self._file.seek(0, 2) // _BLOCK_BYTES, 5: _BLOCK_BYTES}
        self.used_at = 0  # ticks_ms of the last access

    def readblocks(self, number, buffer, offset=0):
        """Fills `buffer` from block `number`, `offset` bytes into it."""
        self.used_at = time.ticks_ms()
        self._file.seek(number * _BLOCK_BYTES + offset)
        self._file.readinto(buffer)

    def writeblocks(self, number, buffer, offset=0):
        """Writes `buffer` to block `number`, `offset` bytes into it."""
        self.used_at = time.ticks_ms()
        self._file.seek(number * _BLOCK_BYTES + offset)
        self._file.write(buffer)

    def ioctl(self, operation, argument):
        """Answers 4 (blocks) and 5 (bytes a block); the rest needs no work on a file."""
        return self._replies.get(operation, 0)
