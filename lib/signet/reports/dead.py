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
    report = report or outbox.get(key)
    if report is None:
        return True  # it was dropped
    if not hasattr(report.body, "seek"):  # a file is the program's
        if not key or key < 0:
            key = outbox.next_key
            outbox.next_key += 1
        report.key = key
        try:
            _write(outbox, report, reason)
        except OSError:
            if not files.exists(outbox.folder):
                os.mkdir(outbox.folder)
            elif not _remove_oldest(outbox, 1):  # the flash may be full
                raise
            _write(outbox, report, reason)
        while _remove_oldest(outbox, _MOST):
            pass
    outbox.counts[4] += 1
    outbox.done(key)
    return True


def refuse(outbox, values, error):
    """Sets aside what is no report: error (str or Rejected) says why."""
    outbox.log("a report is set aside: {}".format(error))
    outbox.counts[0] += 1
    outbox.set_aside(None, str(error), Report(repr(values).encode(), topic=""))


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
    with open(_path(outbox, key), "rb") as file:
        report = flash.report(file, 0)
        return report and (key, file.read().decode(), report)


def retry(outbox):
    """Puts them back, and forgets them; returns how many (int).

    The file `retry` in the folder, if there is one, names their keys; none, or no file: all.
    """
    path = outbox.folder + "/retry"
    wanted = ""
    if files.exists(path):
        with open(path) as file:
            wanted = file.read().split()
    count = 0
    for key in _keys(outbox)[0]:
        found = _read(outbox, key)
        if not found or (wanted and str(key) not in wanted):
            continue
        if outbox.put(found[2]) is None or outbox.keep() is not True:
            return count  # the outbox is full, or the flash
        files.remove(_path(outbox, key))
        count += 1
    files.remove(path)
    return count
