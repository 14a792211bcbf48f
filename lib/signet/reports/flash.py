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


def scan(file, offset):
    """Reads the line that begins there.

    Args:
        file: open for reading in binary. offset: int.
    Returns:
        (where it ends, its key or None where it is damaged); the first is `offset` at the end of
        the file.
    """
    file.seek(offset)
    head = piece = file.readline(_PIECE)
    end, crc, start, is_whole = offset, 0, 8, False
    while piece and not is_whole:
        end += len(piece)
        is_whole = piece[-1:] == b"\n"
        crc = crc32(memoryview(piece)[start : len(piece) - is_whole], crc)
        start = 0
        if not is_whole:
            piece = file.readline(_PIECE)
    try:
        return end, int(head[8:16], 16) if is_whole and head[:8] == b"%08x" % crc else None
    except ValueError:  # it is of another form
        return end, None


def report(file, offset):
    """Returns the Report whose line begins there; None where that is damaged.

    The body is read into its own place: the heap may have room for one.
    """
    end, key = scan(file, offset)
    if key is None:
        return None
    file.seek(offset)
    head = piece = file.readline(_PIECE)
    while piece and b"\t" not in piece:
        piece = file.readline(_PIECE)
        head += piece
    start = head.find(b"\t") + 1
    if not 0 < start < end - offset:
        return None  # it is of another form
    file.seek(offset + start)
    body = file.read(end - offset - start - 1)
    file.read(1)
    id, time_ms, topic, event, device = json.loads(head[16 : start - 1])
    "".join([topic or "", event or ""] + (device or []))  # TypeError: of another version
    body = body.replace(b"\x1b1", b"\n").replace(b"\x1b0", b"\x1b")
    found = Report(body, time_ms, topic, event, device, id)
    found.key = key
    return found


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
        found = key and (key > outbox.read or key in outbox.unread)
        if found:  # else it is done, or a note
            outbox.open.append((key, number, offset))  # first: there may be no memory for it
            outbox.read = max(outbox.read, key)
            if key in outbox.unread:
                outbox.unread.remove(key)
        elif key is None:
            _damage(outbox, number)
        outbox.cursor = number, end
        if found:
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
    except (OSError, ValueError, TypeError):  # a block is worn; it is of another form
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
    if not outbox.stored:
        outbox.stored = 1  # until it is certain
        try:
            if not advance(outbox):
                _ended(outbox)
        except MemoryError:  # `after` looks again
            pass
    remove(outbox, outbox.open[0][1] if outbox.open else outbox.cursor[0])
    return True


def _ended(outbox):
    outbox.stored = 0
    outbox.is_done = outbox.size > 0 or outbox.low < outbox.high


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
