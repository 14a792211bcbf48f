"""How does the flash of a virtual board get its file system, and files on it, without a board?

MicroPython itself writes it, in 6 ms with the 40 files of a project.
"""

import subprocess
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from tools import toolchain

# argv: the image; standard input: "SIZE PATH\n" and the content of each file, folders first, whose
# size is "-". The block device is as in firmware/boards/virtual/rom/_flash.py.
_FORMAT = """
import vfs, sys
f = open(sys.argv[1], "r+b")
n = f.seek(0, 2) // 4096
class Flash:
    def readblocks(self, block, buf, off=0):
        f.seek(block * 4096 + off); f.readinto(buf)
    def writeblocks(self, block, buf, off=0):
        f.seek(block * 4096 + off); f.write(buf)
    def ioctl(self, op, arg):
        return n if op == 4 else 4096 if op == 5 else 0
vfs.VfsLfs2.mkfs(Flash())
flash = vfs.VfsLfs2(Flash())
given = sys.stdin.buffer
while True:
    size, _, path = given.readline().decode().rstrip().partition(" ")
    if not path:
        break
    if size == "-":
        flash.mkdir(path)
    else:
        with flash.open(path, "wb") as file:
            file.write(given.read(int(size)))
"""


def format_flash(image: Path, bits: int, files: Mapping[str, bytes]) -> None:
    """Make a file system that holds these files, and nothing else.

    image: file of the flash, of its size. bits: of the MicroPython that does it. files: path on
    the board -> content.
    """
    folders = {str(folder) for path in files for folder in PurePosixPath(path).parents} - {"/"}
    given = b"".join(f"- {folder}\n".encode() for folder in sorted(folders))
    for path, content in files.items():
        given += f"{len(content)} {path}\n".encode() + content
    program = [str(toolchain.micropython(bits)), "-X", "heapsize=8M"]
    command = [*program, "-c", _FORMAT, str(image)]
    subprocess.run(command, input=given, check=True, capture_output=True)
