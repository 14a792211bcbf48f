"""What does libc's malloc hand out meanwhile?  Runs on MicroPython for unix; for `signet bench`.

By glibc's mtrace(3), of `libc_malloc_debug.so.0`: without it (`LD_PRELOAD`) no file is written.
GLIBC_2.2.5 and GLIBC_2.0 are the versions of its symbols on x86-64 and i386, the
only ones by which they are found.
"""

import os
import sys

_VERSION = "GLIBC_2.2.5" if sys.maxsize > 1 << 32 else "GLIBC_2.0"


def available():
    """Returns `start(path)` and `stop()`; None where there is no mtrace."""
    try:
        import ffi

        find = ffi.open("libc.so.6").func("p", "dlvsym", "pss")
        found = [find(0, name, _VERSION) for name in ("mtrace", "muntrace")]
    except (ImportError, OSError):
        return None
    if not all(found):
        return None
    begin, stop = [ffi.func("v", address, "") for address in found]

    def start(path):
        os.putenv("MALLOC_TRACE", path)  # read by `mtrace`
        begin()

    return start, stop
