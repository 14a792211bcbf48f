"""What goes when there is no room?

Functions of an outbox.Outbox, see flash.py.  Loaded when there is need, and forgotten: see
modules.call.
"""

from micropython import const

from signet import clock
from signet.reports import flash

_ROOM = const(2048)  # as in outbox.py
_OBJECT = const(160)
_FEW = const(4)


def drop(outbox):
    """Drops the oldest segment; False where that may not be."""
    low = outbox.low
    if low >= outbox.high:
        return False
    if outbox.cursor[0] > low and recover(outbox, low):
        return True
    if not outbox.drops_oldest:
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


def recover(outbox, low):
    """Takes the few reports back into the heap for whose sake a segment is still there."""
    few = [entry for entry in outbox.open if entry[1] == low]
    if len(few) > _FEW:
        return False
    for entry in few:
        report = flash.get(outbox, entry[0])
        if report is None:
            continue
        if len(report.body) > _ROOM:
            return False
        outbox.open.remove(entry)
        outbox.stored -= 1
        report.key = outbox.next_key  # it is the last now
        report.since = clock.ticks_ms()
        outbox.next_key += 1
        if entry[0] in outbox.misses:
            outbox.misses[report.key] = outbox.misses.pop(entry[0])
        outbox.waiting.append(report)
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
