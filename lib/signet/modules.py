"""How does a board's heap stay in one piece?

It holds the code of every module that came as .mpy.  Configuration is read once, a login is built
once per connection: both are loaded when they are needed, and forgotten after.  That is 11 KiB
with Alibaba's.  While there is no handshake, a place for it is held: an old heap has no other
piece of that size (`gc.mem_info`: 12 KiB free, none larger than 400 bytes).
"""

import gc
import sys

from micropython import const

_OFTEN = const(4096)  # bytes; more often takes a start three times the time, and no less heap
_SESSION = const(1024)  # for `wrap_socket`
DATAGRAM = 1984  # for a datagram of a server's flight, 1472, and what `recv` makes beside it

_held = {}  # places, by size


class Tidy:
    """While modules are loaded (`with Tidy():`), collects garbage often.

    What stays lies close together then, with no holes between: without it, `signet bench coap`
    finds CoAP to need about 10 KiB more.
    """

    def __enter__(self):
        self._held = release()
        gc.collect()
        self.threshold = gc.threshold()
        gc.threshold(_OFTEN)

    def __exit__(self, kind, error, trace):  # *error would take memory
        gc.threshold(self.threshold)
        if self._held:
            keep()


def keep(size=_SESSION):
    """Holds a place of so many bytes (int), if there is one."""
    if size not in _held:  # the one that is held was found earlier, in a better heap
        try:
            _held[size] = bytearray(size)
        except MemoryError:
            pass


def release(size=_SESSION):
    """Lets the heap have a place of so many bytes (int); returns False where none was held."""
    return _held.pop(size, None) is not None


def lend(function, *args):
    """Calls a function, with all places let go meanwhile: one that ran out of memory without."""
    sizes = list(_held)
    _held.clear()
    try:
        gc.collect()
        return function(*args)
    finally:
        for size in sizes:
            keep(size)


def read_text(at, size):
    """Reads the text of an error that the linker has put behind this file's code.

    Args:
        at, size: int, bytes: how far from the end it begins, and how long it is.
    Returns:
        str; what went wrong instead, where there is no memory to read it.
    """
    try:
        with open(__file__, "rb") as file:
            file.seek(-at, 2)
            return file.read(size).decode()
    except (OSError, MemoryError) as error:
        return repr(error)


def call(name, function, *args):
    """Loads a module, calls what is in it once, and forgets the modules that came with it.

    Args:
        name: str, of a module of signet. function: str, what to call with `args`.
    Returns:
        what that returns.
    """
    loaded = sys.modules
    # Where memory ended before a module was made, MicroPython 1.25 keeps its name with nothing
    # behind it, which `pop` alone survives: the next import of it would be a crash.
    before = [n for n in list(loaded) if loaded.get(n) or loaded.pop(n, None)]
    with Tidy():
        try:
            return getattr(__import__(name, None, None, ("*",)), function)(*args)
        finally:
            forget(*[n for n in loaded if n.startswith("signet.") and n not in before])


def forget(*names):
    """Forgets modules of signet; a later import loads them anew.

    Args:
        names: str, full names such as "signet.sign.hmac"; whoever holds one keeps it alive.
    """
    for name in names:
        sys.modules.pop(name, None)
        package, _, short = name.rpartition(".")
        if package in sys.modules:
            sys.modules[package].__dict__.pop(short, None)
    gc.collect()
