"""What does code for a board import from `micropython`?  On CPython these do nothing.

Loaded before the rest, so what CPython's own modules lack of a board's is added here.
"""

import gc
import socket
import time

gc.threshold = lambda *_bytes: -1
gc.mem_free = lambda: 1 << 20
socket.socket.readinto = socket.socket.recv_into
socket.socket.write = socket.socket.send
time.sleep_ms = lambda ms: time.sleep(ms / 1000)
time.ticks_ms = lambda: time.monotonic_ns() // 1_000_000
time.ticks_diff = lambda later, earlier: later - earlier
time.ticks_add = lambda ticks, delta: ticks + delta


def const(value):
    return value


def heap_lock():
    pass


def heap_unlock():
    pass
