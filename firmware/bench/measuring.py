"""How long does something take, and how much heap?  Runs on MicroPython; for `signet bench`."""

import gc
import time


def elapsed_us(work, calls):
    """Microseconds of so many calls, which begin with a heap without garbage."""
    gc.collect()
    turns = range(calls)
    start = time.ticks_us()
    for _ in turns:
        work()
    return time.ticks_diff(time.ticks_us(), start)


def taken(work):
    """Bytes of heap that one call allocates, freed ones too."""
    gc.collect()
    gc.disable()
    before = gc.mem_alloc()
    work()
    used = gc.mem_alloc() - before
    gc.enable()
    return used
