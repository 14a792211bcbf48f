"""Which places does the heap keep for a handshake, while there is none?

An old heap has no other piece of that size (`gc.mem_info`: 12 KiB free, none larger than 400
bytes).
"""

from micropython import const

_SESSION = const(1024)  # bytes, for `wrap_socket`
DATAGRAM = 1984  # for a datagram of a server's flight, 1472, and what `recv` makes beside it

_held = {}  # by size


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
