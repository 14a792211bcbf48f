"""What does a board find of its outbox after a reset?

Loaded when it starts, and forgotten: see modules.call.
"""

import json
import os
from binascii import unhexlify

from micropython import const

from signet.device import files
from signet.reports import flash
from signet.reports.messages import Report

_OLD = const("signet.outbox")  # of an older signet, in the working directory


def restore(outbox):
    """Gives an outbox.Outbox what a reset has left on flash; never raises for damage."""
    low, high, used, last = None, -1, 0, 0
    for name, size in entries(outbox.folder):
        number = name.lstrip("x")
        if not number.isdigit():
            continue
        if name[0] == "x":  # its key must not come again
            last = max(last, int(number))
            continue
        low = int(number) if low is None else min(low, int(number))
        high = max(high, int(number))
        used += flash.blocks(size)
    note, behind, whole, outbox.size = None, [], True, 0
    segment = high
    while not note and low is not None and segment >= low:
        note, keys, size, good = _scan(flash.path(outbox, segment))
        behind = keys + behind
        if segment == high:
            whole, outbox.size = good, size
        segment -= 1
    outbox.low, outbox.high, outbox.flash_used = low or 0, max(high, 0), used
    if not whole:  # nothing is written behind what is torn
        outbox.high, outbox.size = high + 1, 0
    outbox.next_key, outbox.read, outbox.stored, missed, outbox.counts, outbox.ids = note or (
        1,
        0,
        0,
        (),
        [0] * 6,
        [],
    )
    outbox.next_key = max([outbox.next_key - 1, last] + behind) + 1
    outbox.stored += len(behind)
    outbox.misses = {key: count for key, count in missed if count}
    outbox.unread = [key for key, _ in missed if key <= outbox.read]
    outbox.cursor, outbox.open, outbox.damaged, outbox.is_done = (outbox.low, 0), [], None, False
    if not outbox.stored and outbox.low < outbox.high:  # cut off while segments were removed
        outbox.stored = 1
        flash.after(outbox, 0)
    if files.exists(_OLD):
        try:
            _take_over(outbox)
        except (OSError, MemoryError) as error:  # the next start tries again
            outbox.log("{}: {!r}".format(_OLD, error))


def entries(folder):
    """Yields (name, size) of each file in a folder (str); none where there is no folder."""
    try:
        for entry in getattr(os, "ilistdir", os.listdir)(folder):
            if isinstance(entry, str):  # CPython
                entry = (entry,)
            size = entry[3] if len(entry) > 3 else os.stat(folder + "/" + entry[0])[6]
            yield entry[0], size
    except OSError:
        pass


def _scan(path):
    """Returns (last note or None, keys behind it, size, is all whole?) of a segment."""
    note, keys, at, whole = None, [], 0, True
    try:
        with open(path, "rb") as file:
            end, key = flash.scan(file, at)
            while end > at:
                if key:
                    keys.append(key)
                elif key is not None:
                    file.seek(at)
                    found = _value(files.content(file.readline()))
                    if found:
                        note, keys = found, []
                    else:
                        key = None
                whole = whole and key is not None
                at = end
                end, key = flash.scan(file, at)
    except OSError:
        whole = False
    return note, keys, at, whole


def _value(content):
    """Returns a note as it is now, or None: that of another version would be one."""
    try:
        note = json.loads(content[8:])
        kinds = [type(part) for part in note]
        if kinds == [int, int, int, list, list, list] and len(note[4]) == 6:
            sum([key + misses for key, misses in note[3]] + note[4] + note[5])  # pairs, of int
            return note
    except (ValueError, TypeError):
        pass
    return None


def _take_over(outbox):
    """Takes what an older signet has kept through a deep sleep, once.

    Each report is a line: CRC-32 in hex, then JSON.
    """
    with open(_OLD, "rb") as file:
        for line in file:
            try:
                values, time_ms, topic, event, device, _ = json.loads(files.content(line) or b"")
                if topic is not None:
                    values = unhexlify(values)
                outbox.put(Report(values, time_ms, topic, event, device))
            except (ValueError, TypeError):  # what stands behind the damage may be whole
                pass
    outbox.keep()
    if not outbox.waiting:
        files.remove(_OLD)
