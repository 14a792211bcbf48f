"""What comes before boot.py?  The flash, mounted as /; where else modules lie."""

import sys

import mps2
import vfs

try:
    vfs.mount(vfs.VfsLfs2(mps2.Flash()), "/")
except OSError as error:
    print("The flash holds no file system:", error)

sys.path.append("/lib")
