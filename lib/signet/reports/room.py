"""What goes when there is no room?

Functions of an outbox.Outbox, see flash.py.  Loaded when there is need, and forgotten: see
modules.call.
"""

from micropython import const

from signet.reports import flash

_ROOM = const(2048)  # as in outbox.py
_OBJECT = const(160)
_NO_SPACE = const(28)


def make(outbox, error):
    """Makes room for what is in the heap, where it could not be written for `error` or None."""
    if outbox.stored and (not error or error.errno == _NO_SPACE):
        try:
            if drop(outbox) and outbox.keep() is True:
                return
        except (OSError, MemoryError):
            pass
    shrink(outbox)


def drop(outbox):
    """Drops the oldest segment; False where that may not be."""
    low = outbox.low
    if low >= outbox.high or not outbox.drops_oldest:
        return False
    while outbox.cursor[0] == low and flash.advance(outbox):
        pass
    lost = [entry[0] for entry in outbox.open if entry[1] == low]
    outbox.open = outbox.open[len(lost) :]
    for key in lost:
        outbox.misses.pop(key, None)
    outbox.stored -= len(lost)
    outbox.dropped(len(lost), "oldest")
    flash.remove(outbox, low + 1)
    return True


def shrink(outbox):
    """Drops of what waits in the heap what has no room there."""
    waiting = outbox.waiting
    while len(waiting) > 1:
        used = -_OBJECT
        for report in waiting:
            used += len(report.body) + _OBJECT
        if used <= _ROOM:
            return
        report = waiting.pop(0 if outbox.drops_oldest else -1)
        outbox.misses.pop(report.key, None)
        outbox.dropped(1, "oldest" if outbox.drops_oldest else "new")
