"""How do reports wait on flash, safe against a power cut at any write?

In segments, files `0`, `1`, ... of one folder, each a few kilobytes.  A report is a line:

    CRC-32 of what follows in hex, its key in hex, [id, time in ms, topic, event, device], tab, body

with the bytes 0A and 1B of a body as 1B 31 and 1B 30.  Behind each append goes a note, a line of
key 0: [next key, key that was read last, how many wait, [[key, misses], ...] of what was read
before but is not done, counts, ids of commands].  An acknowledgement is in memory only until
then: after a power cut a report may go twice, under the same id.  LittleFS keeps an append whole
or not at all; on FAT a power cut may tear it, and may lose what was closed just before.

Functions of an outbox.Outbox, of which these attributes are theirs:

    low, high    the oldest segment, and the one that is written to
    size         of that, bytes
    cursor       (segment, at), where to read on
    read         the greatest key that was read
    unread       keys before that which are to be read again, after a reset
    open         [(key, segment, at)] of what was read and is not done
    stored       how many wait on flash
    damaged      the segment in which something was
"""

import json
import os
from binascii import crc32

from micropython import const

from signet.device import files
from signet.reports.messages import Report

_SEGMENT = const(4096)  # what flash erases at once
_NOTE = const(512)  # more than a note has
_META = const(100)  # more than a line has beside topic and body
_PIECE = const(256)
_IDS = const(8)
_NO_SUCH_FILE = const(2)


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


def report(line):
    """Returns the Report of a line, bytes; None where that is damaged."""
    if not files.is_record(line):
        return None
    at = line.find(b"\t")
    id, time_ms, topic, event, device = json.loads(line[16:at])
    body = line[at + 1 : -1].replace(b"\x1b1", b"\n").replace(b"\x1b0", b"\x1b")
    found = Report(body, time_ms, topic, event, device and tuple(device), id)
    found.key = int(line[8:16], 16)
    return found


def path(box, segment):
    """Returns the name of a segment, str."""
    return "{}/{}".format(box.folder, segment)


def blocks(size):
    """Returns how many bytes of flash a file of that size takes (int)."""
    return -(-size // _SEGMENT) * _SEGMENT


# Writing


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
    try:
        _append(box, waiting)
    except (OSError, MemoryError):
        box.stored -= len(waiting)
        box.waiting = waiting
        raise
    return True


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
    more = blocks(box.size + size) - blocks(box.size)
    while box.flash_used + more > box.limit:
        if not drop(box):
            return False
    return True


def _begin(box):
    box.high += 1
    box.size = 0


def _append(box, waiting):
    while True:
        try:
            with open(path(box, box.high), "ab") as file:
                for report in waiting:
                    write(file, report)
                file.write(_note(box))
                size = file.tell()
            break
        except OSError as error:
            if error.errno == _NO_SUCH_FILE and not files.exists(box.folder):
                os.mkdir(box.folder)
                continue
            if box.size:
                _begin(box)  # nothing is written behind what may be torn
            raise
    box.flash_used += blocks(size) - blocks(box.size)
    box.size = size


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
    while box.cursor[0] == low and _next(box):
        pass
    lost = [entry[0] for entry in box.open if entry[1] == low]
    box.open = box.open[len(lost) :]
    for key in lost:
        box.misses.pop(key, None)
    box.stored -= len(lost)
    box.dropped(len(lost), "oldest")
    _remove(box, low + 1)
    return True


def _remove(box, segment):
    """Removes the segments before that one."""
    while box.low < segment:
        name = path(box, box.low)
        try:
            box.flash_used -= blocks(os.stat(name)[6])
            if box.low == box.damaged:
                files.remove(box.folder + "/damaged")
                os.rename(name, box.folder + "/damaged")
            else:
                os.remove(name)
        except OSError:  # it was never written
            pass
        box.low += 1


# Reading


def scan(file, at):
    """Reads the line that begins there.

    Args:
        file: open for reading in binary. at: int.
    Returns:
        (where it ends, its key or None where it is damaged); the first is `at` at the end of the
        file. A long line is held against its CRC by `get` only.
    """
    file.seek(at)
    text = piece = file.readline(_PIECE)
    end = at + len(text)
    while piece and piece[-1:] != b"\n":
        piece = file.readline(_PIECE)
        end += len(piece)
    good = piece and (end - at > _PIECE or files.is_record(text))
    try:
        return end, int(text[8:16], 16) if good else None
    except ValueError:
        return end, None


def _next(box):
    """Reads on to the next report that is not done; returns its entry, or None."""
    while True:
        segment, at = box.cursor
        if segment > box.high or (segment == box.high and at >= box.size):
            return None
        end, key = at, None
        try:
            with open(path(box, segment), "rb") as file:
                end, key = scan(file, at)
        except OSError:  # it was never written
            pass
        if end == at:
            box.cursor = (segment, box.size) if segment == box.high else (segment + 1, 0)
            continue
        box.cursor = segment, end
        if key is None:
            _damage(box, segment)
        elif key in box.unread:
            box.unread.remove(key)
        elif key <= box.read:  # done, or a note
            continue
        if key:
            box.read = max(box.read, key)
            box.open.append((key, segment, at))
            return box.open[-1]


def _damage(box, segment):
    if box.damaged != segment:
        box.damaged = segment
        box.counts[5] += 1
        box.log("outbox: damage on flash is skipped, and kept in " + box.folder + "/damaged")


def after(box, key):
    """See outbox.after."""
    entry = True
    while entry:
        for found in box.open:
            if found[0] > key:
                return found[0]
        entry = _next(box)
    if not box.open:  # a power cut, or damage: there were fewer
        _drained(box)
    return None


def get(box, key):
    """See outbox.get."""
    entry = _entry(box, key)
    if not entry:
        return None
    with open(path(box, entry[1]), "rb") as file:
        file.seek(entry[2])
        found = report(file.readline())
    if not found:
        _damage(box, entry[1])
        done(box, key)
    return found


def _entry(box, key):
    while key > box.read and _next(box):
        pass
    for entry in box.open:
        if entry[0] == key:
            return entry
    return None


def done(box, key):
    """See outbox.done."""
    entry = _entry(box, key)
    if not entry:
        return False
    box.open.remove(entry)
    box.stored = max(box.stored - 1, len(box.open))
    if not (box.stored or _next(box)):
        _drained(box)
    elif box.open:
        _remove(box, box.open[0][1])
    else:
        _remove(box, box.cursor[0])
    return True


def _drained(box):
    """Nothing waits on flash any more: notes that, and makes room."""
    box.stored = 0
    _remove(box, box.high)
    _begin(box)
    box.cursor = box.high, 0
    try:
        _append(box, ())
    except OSError:  # the flash is full, perhaps
        _remove(box, box.high)
        try:
            _append(box, ())
        except OSError as error:
            box.log("outbox: {!r}".format(error))
    _remove(box, box.high)
