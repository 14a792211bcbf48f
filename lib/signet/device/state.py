"""Which small values must outlive deep sleep and power cuts, and how are they kept?

In a log on flash: a change is a `files.record` of JSON.  A power cut at any byte leaves the old
values or the new ones, on LittleFS; FAT does not promise to keep what was closed before
(docs/reference/filesystem.rst).
"""

import json

from signet.device import files
from signet.errors import SignetError


class State:
    """Named values in a file.

    One holds a file at a time: what another saves meanwhile, it does not know.

    A file that is missing or damaged never raises: what is readable up to the damage counts, and
    the next `save` writes the file anew.

    Args:
        path: str, the file; beside it, `path`.new exists while it is written anew.
        limit_bytes: int; a file that would grow beyond this is written anew, as one record.
    Attributes:
        values: dict of str to str, int or bool, to be changed by `save` and `reserve` only.
        damaged: bool, True when more than a torn last record was lost: values may be old ones,
            and numbers from `reserve` may come again unless they are set anew.
    """

    def __init__(self, path="signet.state", limit_bytes=2048):
        self._path = path
        self._limit = limit_bytes
        self._left = {}  # name -> how many of the reserved numbers are unused
        self.values = {}
        self.damaged = False
        self._size = limit_bytes  # so the next save writes the file anew, unless all is readable
        try:
            files.recover(path)
            size = 0
            with open(path, "rb") as file:
                for line in file:
                    changes = files.content(line)
                    if changes is None:
                        self.damaged = line[-1:] == b"\n"
                        return
                    _apply(json.loads(changes), self.values)
                    size += len(line)
            self._size = size
            files.remove(path + ".new")  # half, or older than the file some day
        except OSError:
            pass
        except (ValueError, AttributeError, MemoryError):  # not a file of ours
            self.damaged = True

    def save(self, changes):
        """Keeps `changes` on flash, all or none, then in `values`.

        Args:
            changes: dict of str to str, int or bool; None takes the name away.
        Raises:
            SignetError: the flash is full or cannot be written; `values` are as before.
        """
        record = files.record(json.dumps(changes).encode())
        size = self._size + len(record)
        self._size = self._limit  # until it is certain that no half record ends the file
        try:
            if size > self._limit:
                values = dict(self.values)
                _apply(changes, values)
                record = files.record(json.dumps(values).encode())
                size = len(record)
                _write(self._path + ".new", "wb", record)
                files.replace(self._path)
            else:
                _write(self._path, "ab", record)
        except OSError as error:
            raise SignetError("{} not saved: {}; is the flash full?".format(self._path, error))
        self._size = size
        _apply(changes, self.values)
        for name in changes:
            self._left.pop(name, None)

    def keep(self, changes, log):
        """As `save`; when the flash lets it down, in memory at least, and `log` is told (str)."""
        try:
            self.save(changes)
        except SignetError as error:
            log(str(error))
            _apply(changes, self.values)

    def reserve(self, name, count):
        """Returns a number that was never returned before, also across resets.

        Writes to flash once in `count` calls: what was reserved there and not used before a reset
        is skipped. `save` of `name` sets the number that comes next; without, it is 0.

        Args:
            name: str, where `values` keep the first number that is not reserved.
            count: int, how many numbers to reserve at a time.
        Raises:
            SignetError: as `save`; no number is used up.
        """
        left = self._left.get(name)
        if not left:
            left = count
            self.save({name: self.values.get(name, 0) + count})
        self._left[name] = left - 1
        return self.values[name] - left


def _apply(changes, values):
    for name, value in changes.items():
        values[name] = value
        if value is None:
            del values[name]


def _write(path, mode, record):
    with open(path, mode) as file:
        file.write(record)
