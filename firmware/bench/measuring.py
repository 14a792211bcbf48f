"""How long does something take, and how much heap?  Runs on MicroPython; for `signet bench`."""

import gc
import sys
import time

STEP = 64  # bytes; how finely `needed` looks
MOST = 10_240


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


def _fits(work, room):
    """Is about `room` bytes of free heap enough?  Returns the bytes that were free; 0 if not."""
    work()  # what the last try may have closed is open again
    gc.collect()
    place = bytearray(room)
    rest = None
    size = 4096
    while size:
        try:
            rest = [rest, bytearray(size)]
        except MemoryError:
            size //= 2
    del place
    gc.collect()
    free = gc.mem_free()
    try:
        work()
    except Exception:  # each has its own way to say it
        free = 0
    while rest:  # link by link: the collector may still find a pointer to the first
        link, rest = rest, rest[0]
        link[0] = link[1] = None
    return free


def needed(work):
    """Least free heap in which a call succeeds, in bytes; MOST is the most that is tried."""
    least, high = 0, MOST // STEP
    while not least:
        try:
            least = _fits(work, high * STEP)
            assert least, "it does not fit the heap"
        except MemoryError:  # no piece of that size is left
            high -= 8
    low = 0
    while high - low > 1:
        middle = (low + high) // 2
        free = _fits(work, middle * STEP)
        if free:
            high, least = middle, free
        else:
            low = middle
    return least


def starved(blocks, function, *arguments):
    """Calls `function` while the heap has so many free blocks."""
    gc.collect()
    spare = [bytearray(blocks * 8 * (2 + 2 * (sys.maxsize > 1 << 32)))]
    rest, size = None, 8192
    while size > 16:
        try:
            rest = [rest, bytearray(size)]
        except MemoryError:
            size >>= 1
    try:
        while True:
            rest = [rest]
    except MemoryError:
        pass
    spare[0] = None
    gc.collect()
    try:
        return function(*arguments)
    finally:
        while rest:  # link by link: the collector may still find a pointer to the first
            link, rest = rest, rest[0]
            link.clear()
        gc.collect()
