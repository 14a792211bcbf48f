"""How do reports wait on flash, safe against a power cut at any write?

In segments, files `0`, `1`, ... of one folder, each a few kilobytes, which keep.py writes.  A
report is a line:

    CRC-32 of what follows in hex, key in hex, [id, time in ms, topic, event, device], tab, body

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
    is_done      bool, all on flash is done, and no note says so yet
"""

import json
import os
from binascii import crc32

from micropython import const

from signet.device import files
from signet.reports.messages import Report

_SEGMENT = const(4096)  # what flash erases at once
_PIECE = const(256)
_NO_SUCH_FILE = const(2)


def path(box, segment):
    """Returns the name of a segment, str."""
    return "{}/{}".format(box.folder, segment)


def blocks(size):
    """Returns how many bytes of flash a file of that size takes (int)."""
    return -(-size // _SEGMENT) * _SEGMENT


def report(file, at):
    """Returns the Report whose line begins there; None where that is damaged.

    The body is read into its own place: the heap may have room for one.
    """
    end = scan(file, at)[0]
    file.seek(at)
    head = piece = file.readline(_PIECE)
    while piece and b"\t" not in piece:
        piece = file.readline(_PIECE)
        head += piece
    start = head.find(b"\t") + 1
    file.seek(at + start)
    body = file.read(end - at - start - 1)
    crc = b"%08x" % crc32(body, crc32(head[8:start]))
    if head[:8] != crc or file.read(1) != b"\n":
        return None
    id, time_ms, topic, event, device = json.loads(head[16 : start - 1])
    body = body.replace(b"\x1b1", b"\n").replace(b"\x1b0", b"\x1b")
    found = Report(body, time_ms, topic, event, device and tuple(device), id)
    found.key = int(head[8:16], 16)
    return found


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


def advance(box):
    """Reads on to the next report that is not done; returns its entry, or None."""
    while True:
        segment, at = box.cursor
        if segment > box.high or (segment == box.high and at >= box.size):
            return None
        end, key = at, None
        try:
            with open(path(box, segment), "rb") as file:
                end, key = scan(file, at)
        except OSError as error:
            if error.errno != _NO_SUCH_FILE:  # that was never written
                _damage(box, segment)
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
        entry = advance(box)
    if not box.open:  # a power cut, or damage: there were fewer
        _ended(box)
    return None


def get(box, key):
    """See outbox.get."""
    entry = _entry(box, key)
    if not entry:
        return None
    found = None
    try:
        with open(path(box, entry[1]), "rb") as file:
            found = report(file, entry[2])
    except OSError:  # a block is worn
        pass
    if not found:
        _damage(box, entry[1])
        done(box, key)
    return found


def _entry(box, key):
    while key > box.read and advance(box):
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
    if not (box.stored or advance(box)):
        _ended(box)
    remove(box, box.open[0][1] if box.open else box.cursor[0])
    return True


def _ended(box):
    box.stored = 0
    box.is_done = box.high >= box.low and box.size > 0


def remove(box, segment):
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
