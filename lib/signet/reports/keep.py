"""How does what waits in the heap get on flash?

Functions of an outbox.Outbox, see flash.py.
"""

import json
import os
from binascii import crc32

from micropython import const

from signet import modules
from signet.device import files
from signet.reports import flash

_SEGMENT = const(4096)  # what flash erases at once
_NOTE = const(768)  # more than a note has
_META = const(100)  # more than a line has beside topic and body
_PIECE = const(256)
_IDS = const(24)


def keep(outbox):
    """Writes what waits in the heap, and a note; returns False where there is no room."""
    waiting = outbox.waiting
    size = outbox.size + _NOTE
    for report in waiting:
        size += len(report.body) + len(report.topic or "") + _META
    if outbox.size and size > _SEGMENT:
        size -= outbox.size
        _begin(outbox)
    more = flash.blocks(size) - flash.blocks(outbox.size)
    while outbox.flash_used + more > outbox.limit:
        if not modules.call("signet.reports.room", "drop", outbox):
            return False
    outbox.waiting = []
    outbox.stored += len(waiting)
    try:
        _append(outbox, waiting)
    except BaseException:
        outbox.stored -= len(waiting)
        outbox.waiting = waiting
        raise
    return True


def knows(outbox, id):
    """See outbox.knows."""
    id = crc32(id.encode())
    if id in outbox.ids:
        return True
    outbox.ids = outbox.ids[1 - _IDS :] + [id]
    outbox.keep()  # which raises nothing: tried again, this would be a command that came twice
    return False


def _begin(outbox):
    outbox.high += 1
    outbox.size = 0


def _append(outbox, waiting):
    misses = outbox.misses
    try:
        missed = [(entry[0], misses.get(entry[0], 0)) for entry in outbox.open]
        missed += [(key, misses.get(key, 0)) for key in outbox.unread]
        missed += [(key, count) for key, count in misses.items() if key > outbox.read]
        values = outbox.next_key, outbox.read, outbox.stored, missed, outbox.counts, outbox.ids
        note = files.record(b"00000000" + json.dumps(values).encode())
    except MemoryError:
        if not waiting:
            raise
        note = b""  # the reports count more
    if not files.exists(outbox.folder):
        os.mkdir(outbox.folder)
    path = flash.path(outbox, outbox.high)
    torn = True
    try:
        with open(path, "ab") as file:
            for report in waiting:
                write(file, report)
            file.write(note)
        torn = False
    finally:
        if torn and files.exists(path):  # nothing is written behind what may be torn
            outbox.flash_used += flash.blocks(os.stat(path)[6]) - flash.blocks(outbox.size)
            _begin(outbox)
    outbox.is_done = False
    size = os.stat(path)[6]
    outbox.flash_used += flash.blocks(size) - flash.blocks(outbox.size)
    outbox.size = size


def end(outbox):
    """Notes that all on flash is done, and makes room there."""
    if outbox.size:
        _begin(outbox)
    outbox.cursor = outbox.high, 0
    try:
        _append(outbox, ())
    except OSError:  # the flash is full, perhaps
        flash.remove(outbox, outbox.high)
        _append(outbox, ())
    flash.remove(outbox, outbox.high)
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
