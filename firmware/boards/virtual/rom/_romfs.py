"""What is the ROM partition?  A host file in memory that is not the heap, as flash is on a chip.

docs/reference/romfs.rst: code of .mpy files in it runs in place.
"""

import sys

import _bridge
import ffi
import vfs
from uctypes import bytearray_at

_libc = ffi.open(None)
_file = _libc.func("i", "open", "si")(_bridge.romfs, 0)  # O_RDONLY
_size = _libc.func("i", "lseek", "iii")(_file, 0, 2)  # SEEK_END
# PROT_READ, MAP_PRIVATE
_where = _libc.func("p", "mmap", "pLiiiL")(0, _size, 1, 2, _file, 0)


def mount():
    """Mounts it, where modules are looked for last."""
    vfs.mount(vfs.VfsRom(bytearray_at(_where, _size)), "/rom")
    sys.path += ["/rom", "/rom/lib"]
