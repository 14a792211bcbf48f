"""Where are reports that were set aside, and how are they tried again?

Each is a file `x<key>` of its own: its line (flash.py), then the reason.  Eight at most, and no
more bytes than the outbox may have.  Loaded when it is needed, and forgotten: see modules.call.
"""

import os

from micropython import const

from signet.device import files
from signet.reports import flash
from signet.reports.keep import write
from signet.reports.messages import Report
from signet.reports.restore import entries

_MOST = const(8)


def bury(outbox, key, reason, report):
    """Writes a report that is set aside.

    Args:
        outbox: outbox.Outbox.
        key: int; below 0 or None for one that was never in there.
        reason: str.
        report: messages.Report; None for the one in there.
    Returns:
        True
    Raises:
        OSError, MemoryError: it could not be written, and waits where it was.
    """
    was_in = report is None
    report = report or outbox.get(key)
    if report is None:
        return True  # it was dropped
    if not hasattr(report.body, "seek"):  # a file is the program's
        if not was_in:
            key = outbox.next_key
        report.key = key
        try:
            _write(outbox, report, reason)
        except OSError:
            if not files.exists(outbox.folder):
                os.mkdir(outbox.folder)
            elif not _remove_oldest(outbox, 1):  # the flash may be full
                raise
            _write(outbox, report, reason)
        if not was_in:
            outbox.next_key += 1
            outbox.counts[0] += 1
        while _remove_oldest(outbox, _MOST):
            pass
    outbox.counts[4] += 1
    if was_in:
        outbox.done(key)
    return True


def refuse(outbox, values, time_ms, topic, event, device, error):
    """Sets aside what is no report, for `error` (Rejected); the others are as of Report."""
    outbox.log("a report is set aside: {}".format(error))
    report = Report(repr(values).encode(), time_ms, topic or "", event, device)
    if not outbox.set_aside(None, str(error), report):
        outbox.counts[0] += 1
        outbox.dropped(1, "new")


def _path(outbox, key):
    return "{}/x{}".format(outbox.folder, key)


def _write(outbox, report, reason):
    path = _path(outbox, report.key)
    try:
        with open(path, "wb") as file:
            write(file, report)
            file.write(reason.encode())
    except OSError:
        files.remove(path)
        raise


def _remove_oldest(outbox, most):
    """Removes the oldest where there are more, or more bytes than may be; False where not."""
    keys, used = _keys(outbox)
    if len(keys) > most or (used > outbox.limit and len(keys) > 1):
        files.remove(_path(outbox, keys[0]))
        return True
    return False


def _keys(outbox):
    keys, used = [], 0
    for name, size in entries(outbox.folder):
        if name[0] == "x" and name[1:].isdigit():
            keys.append(int(name[1:]))
            used += size
    return sorted(keys), used


def read(outbox):
    """Returns a list of (key, reason str, Report), oldest first; what is damaged is left out."""
    found = [_read(outbox, key) for key in _keys(outbox)[0]]
    return [entry for entry in found if entry]


def _read(outbox, key):
    try:
        with open(_path(outbox, key), "rb") as file:
            report = flash.report(file, 0)
            return report and (key, file.read().decode(), report)
    except (OSError, ValueError, TypeError):  # a block is worn, or it is not whole
        return None


def retry(outbox):
    """Puts them back, and forgets them; returns how many (int).

    The file `retry` in the folder, if there is one, names their keys; none, or no file: all.
    """
    path = outbox.folder + "/retry"
    keys, wanted = _keys(outbox)[0], ""
    if files.exists(path):
        with open(path) as file:
            wanted = file.read().split()
        files.remove(path)  # whatever comes of it, the next start does not try it again
    count = 0
    for key in keys:
        if wanted and str(key) not in wanted:
            continue
        try:
            found = _read(outbox, key)
            if not found:
                continue
            new = outbox.put(found[2])
        except ValueError:  # it was larger once
            continue
        except MemoryError:
            break
        if new is None:
            break  # the outbox is full
        if outbox.keep() is not True:  # or the flash: it would go now, and when it is retried
            outbox.done(new)
            outbox.counts[0] -= 1
            break
        files.remove(_path(outbox, key))
        count += 1
    return count
