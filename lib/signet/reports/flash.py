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


def path(outbox, number):
    """Returns the name of a segment, str."""
    return "{}/{}".format(outbox.folder, number)


def blocks(size):
    """Returns how many bytes of flash a file of that size takes (int)."""
    return -(-size // _SEGMENT) * _SEGMENT


def report(file, offset):
    """Returns the Report whose line begins there; None where that is damaged.

    The body is read into its own place: the heap may have room for one.
    """
    end = scan(file, offset)[0]
    file.seek(offset)
    head = piece = file.readline(_PIECE)
    while piece and b"\t" not in piece:
        piece = file.readline(_PIECE)
        head += piece
    start = head.find(b"\t") + 1
    file.seek(offset + start)
    body = file.read(end - offset - start - 1)
    crc = b"%08x" % crc32(body, crc32(head[8:start]))
    if head[:8] != crc or file.read(1) != b"\n":
        return None
    id, time_ms, topic, event, device = json.loads(head[16 : start - 1])
    body = body.replace(b"\x1b1", b"\n").replace(b"\x1b0", b"\x1b")
    found = Report(body, time_ms, topic, event, device and tuple(device), id)
    found.key = int(head[8:16], 16)
    return found


def scan(file, offset):
    """Reads the line that begins there.

    Args:
        file: open for reading in binary. offset: int.
    Returns:
        (where it ends, its key or None where it is damaged); the first is `offset` at the end of
        the file. A long line is held against its CRC by `get` only.
    """
    file.seek(offset)
    text = piece = file.readline(_PIECE)
    end = offset + len(text)
    while piece and piece[-1:] != b"\n":
        piece = file.readline(_PIECE)
        end += len(piece)
    good = piece and (end - offset > _PIECE or files.is_record(text))
    try:
        return end, int(text[8:16], 16) if good else None
    except ValueError:
        return end, None


def advance(outbox):
    """Reads on to the next report that is not done; returns its entry, or None."""
    while True:
        number, offset = outbox.cursor
        if number > outbox.high or (number == outbox.high and offset >= outbox.size):
            return None
        end, key = offset, None
        try:
            with open(path(outbox, number), "rb") as file:
                end, key = scan(file, offset)
        except OSError as error:
            if error.errno != _NO_SUCH_FILE:  # that was never written
                _damage(outbox, number)
        if end == offset:
            outbox.cursor = (number, outbox.size) if number == outbox.high else (number + 1, 0)
            continue
        outbox.cursor = number, end
        if key is None:
            _damage(outbox, number)
        elif key in outbox.unread:
            outbox.unread.remove(key)
        elif key <= outbox.read:  # done, or a note
            continue
        if key:
            outbox.read = max(outbox.read, key)
            outbox.open.append((key, number, offset))
            return outbox.open[-1]


def _damage(outbox, number):
    if outbox.damaged != number:
        outbox.damaged = number
        outbox.counts[5] += 1
        outbox.log("outbox: damage on flash is skipped, and kept in " + outbox.folder + "/damaged")


def after(outbox, key):
    """See outbox.after."""
    entry = True
    while entry:
        for found in outbox.open:
            if found[0] > key:
                return found[0]
        entry = advance(outbox)
    if not outbox.open:  # a power cut, or damage: there were fewer
        _ended(outbox)
    return None


def get(outbox, key):
    """See outbox.get."""
    entry = _entry(outbox, key)
    if not entry:
        return None
    found = None
    try:
        with open(path(outbox, entry[1]), "rb") as file:
            found = report(file, entry[2])
    except OSError:  # a block is worn
        pass
    if not found:
        _damage(outbox, entry[1])
        done(outbox, key)
    return found


def _entry(outbox, key):
    while key > outbox.read and advance(outbox):
        pass
    for entry in outbox.open:
        if entry[0] == key:
            return entry
    return None


def done(outbox, key):
    """See outbox.done."""
    entry = _entry(outbox, key)
    if not entry:
        return False
    outbox.open.remove(entry)
    outbox.stored = max(outbox.stored - 1, len(outbox.open))
    if not (outbox.stored or advance(outbox)):
        _ended(outbox)
    remove(outbox, outbox.open[0][1] if outbox.open else outbox.cursor[0])
    return True


def _ended(outbox):
    outbox.stored = 0
    outbox.is_done = outbox.high >= outbox.low and outbox.size > 0


def remove(outbox, number):
    """Removes the segments before that one."""
    while outbox.low < number:
        name = path(outbox, outbox.low)
        try:
            outbox.flash_used -= blocks(os.stat(name)[6])
            if outbox.low == outbox.damaged:
                files.remove(outbox.folder + "/damaged")
                os.rename(name, outbox.folder + "/damaged")
            else:
                os.remove(name)
        except OSError:  # it was never written
            pass
        outbox.low += 1
