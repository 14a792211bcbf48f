"""How does what waits in the heap get on flash, and what goes when that is full?

Functions of an outbox.Outbox, see flash.py.  Loaded when something is to be written, and
forgotten: see modules.call.
"""

import json
import os
from binascii import crc32

from micropython import const

from signet.device import files
from signet.reports import flash

_SEGMENT = const(4096)  # what flash erases at once
_NOTE = const(512)  # more than a note has
_META = const(100)  # more than a line has beside topic and body
_PIECE = const(256)
_ROOM = const(2048)  # as in outbox.py
_OBJECT = const(160)
_IDS = const(8)


def keep(box):
    """Writes what waits in the heap, and a note; returns False where there is no room."""
    waiting = box.waiting
    size = _NOTE
    for report in waiting:
        size += len(report.body) + len(report.topic or "") + _META
    if not _room(box, size):
        return False
    box.waiting = []
    box.stored += len(waiting)
    box.is_done = False
    try:
        _append(box, waiting)
    except (OSError, MemoryError):
        box.stored -= len(waiting)
        box.waiting = waiting
        raise
    return True


def overflow(box):
    """Makes room in the heap although the flash cannot be written."""
    if box.drops_oldest and box.stored:
        drop(box)
        try:
            if keep(box):
                return
        except OSError:
            pass
    while len(box.waiting) > 1:
        used = 0
        for report in box.waiting:
            used += len(report.body) + _OBJECT
        if used - _OBJECT <= _ROOM:
            return
        report = box.waiting.pop(0 if box.drops_oldest else -1)
        box.misses.pop(report.key, None)
        box.dropped(1, "oldest" if box.drops_oldest else "new")


def knows(box, id):
    """See outbox.knows."""
    id = crc32(id.encode())
    if id in box.ids:
        return True
    box.ids = box.ids[1 - _IDS :] + [id]
    keep(box)
    return False


def _room(box, size):
    """Makes room for so many bytes more; False where nothing may go for it."""
    if box.size and box.size + size > _SEGMENT:
        _begin(box)
    more = flash.blocks(box.size + size) - flash.blocks(box.size)
    while box.flash_used + more > box.limit:
        if not drop(box):
            return False
    return True


def _begin(box):
    box.high += 1
    box.size = 0


def _append(box, waiting):
    try:
        note = _note(box)
    except MemoryError:  # the reports count more
        note = b""
    if not files.exists(box.folder):
        os.mkdir(box.folder)
    try:
        with open(flash.path(box, box.high), "ab") as file:
            for report in waiting:
                write(file, report)
            file.write(note)
    except (OSError, MemoryError):
        _grown(box)
        _begin(box)  # nothing is written behind what may be torn
        raise
    _grown(box)


def _grown(box):
    try:
        size = os.stat(flash.path(box, box.high))[6]
        box.flash_used += flash.blocks(size) - flash.blocks(box.size)
        box.size = size
    except OSError:
        pass


def _note(box):
    missed = [(entry[0], box.misses.get(entry[0], 0)) for entry in box.open]
    missed += [(key, box.misses.get(key, 0)) for key in box.unread]
    missed += [(key, count) for key, count in box.misses.items() if key > box.read]
    values = box.next_key, box.read, box.stored, missed, box.counts, box.ids
    return files.record(b"00000000" + json.dumps(values).encode())


def drop(box):
    """Drops the oldest segment; False where that may not be."""
    low = box.low
    if not box.drops_oldest or low >= box.high:
        return False
    while box.cursor[0] == low and flash.advance(box):
        pass
    lost = [entry[0] for entry in box.open if entry[1] == low]
    box.open = box.open[len(lost) :]
    for key in lost:
        box.misses.pop(key, None)
    box.stored -= len(lost)
    box.dropped(len(lost), "oldest")
    flash.remove(box, low + 1)
    return True


def end(box):
    """Notes that all on flash is done, and makes room there."""
    flash.remove(box, box.high)
    _begin(box)
    box.cursor = box.high, 0
    try:
        _append(box, ())
    except OSError:  # the flash is full, perhaps
        flash.remove(box, box.high)
        _append(box, ())
    flash.remove(box, box.high)
    box.is_done = False
    return True


def write(file, report):
    """Writes the line of a report to a file, piece by piece: a body may be large."""
    fields = report.id, report.time_ms, report.topic, report.event, report.device
    head = "{:08x}{}\t".format(report.key, json.dumps(fields)).encode()
    crc = crc32(head)
    for piece in _pieces(report.body):
        crc = crc32(piece, crc)
    file.write(b"%08x" % crc)
    file.write(head)
    for piece in _pieces(report.body):
        file.write(piece)
    file.write(b"\n")


def _pieces(body):
    for at in range(0, len(body), _PIECE):
        piece = body[at : at + _PIECE]
        yield piece.replace(b"\x1b", b"\x1b0").replace(b"\n", b"\x1b1")
