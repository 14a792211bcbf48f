"""What is in the files of a board's outbox?

A segment is a row of records, one after the other; each has a CRC, so what is damaged is found,
and what stands behind it is read. Written from the format, not from the board's own code.
"""

import contextlib
import json
import struct
import zlib
from collections.abc import Mapping
from typing import Any, NamedTuple

MAGIC = b"\xa5S"
HEADER = struct.Struct("<2sHIIIIIqBBH")
"""Magic, version (0), CRC-32 of what follows, size of all, key, id, ticks, time_ms, kind, misses,
bytes of the names; then names and body."""

_CRC_FROM = 8
_VALUES, _RAW, _NOTE = range(3)
_DAMAGED, _RETRY = "damaged", "retry"
COUNTERS = ("accepted", "acknowledged", "sent again", "dropped", "set aside", "damaged")


class Report(NamedTuple):
    """One report. time_ms: when it was made; None when the clock was not set. body: JSON of its
    values, or what is published to `topic` as it is. reason: why it was set aside, or "".
    """

    key: int
    id: int
    time_ms: int | None
    topic: str | None
    event: str | None
    device: tuple[str, str] | None
    body: bytes
    size: int
    reason: str = ""

    @property
    def values(self) -> Any:
        """What was reported; None for a raw report."""
        try:
            return None if self.topic else json.loads(self.body)
        except ValueError:
            return None


class Content(NamedTuple):
    """All that an outbox holds. counters: by the names of COUNTERS, of the last note; none without
    one. file_bytes: of all files. damaged_bytes: that are no record; is_kept: there is a file of
    earlier damage. is_retried: what was set aside is put back at the next start.
    """

    waiting: list[Report]
    set_aside: list[Report]
    counters: dict[str, int]
    file_bytes: int
    damaged_bytes: int
    is_kept: bool
    is_retried: bool


class _Record(NamedTuple):
    key: int
    kind: int
    report: Report
    end: int


def read(files: Mapping[str, bytes]) -> Content:
    """Returns what the files of an outbox hold: name -> content."""
    segments = sorted((int(name), data) for name, data in files.items() if name.isdecimal())
    records, damaged = [], 0
    for _, data in segments:
        found, lost = _records(data)
        records += found
        damaged += lost
    set_aside = []
    for name, data in sorted(files.items()):
        if name[:1] == "x" and name[1:].isdecimal():
            record = _record(data, 0)
            if record is None:
                damaged += len(data)
            else:
                reason = data[record.end :].decode(errors="replace")
                set_aside.append(record.report._replace(reason=reason))
    note = _note(records)
    dead = {report.key for report in set_aside}
    waiting = {
        record.key: record.report
        for record in records
        if record.kind != _NOTE and record.key not in dead and not note.is_done(record.key)
    }
    return Content(
        [waiting[key] for key in sorted(waiting)],
        sorted(set_aside),
        note.counters,
        sum(map(len, files.values())),
        damaged,
        _DAMAGED in files,
        _RETRY in files,
    )


def _records(data: bytes) -> tuple[list[_Record], int]:
    """Returns the records of a segment, and how many bytes are none."""
    found, at, lost = [], 0, 0
    while at < len(data):
        record = _record(data, at)
        if record is not None:
            found.append(record)
            at = record.end
            continue
        following = data.find(MAGIC, at + 1)
        following = len(data) if following < 0 else following
        lost += following - at
        at = following
    return found, lost


def _record(data: bytes, at: int) -> _Record | None:
    """The record that begins at `at`; None when none does that is whole."""
    if len(data) - at < HEADER.size:
        return None
    magic, version, crc, size, key, number, _, time_ms, kind, _, length = HEADER.unpack_from(
        data, at
    )
    end, names_at = at + size, at + HEADER.size
    if magic != MAGIC or version or end > len(data) or names_at + length > end:
        return None
    if zlib.crc32(data[at + _CRC_FROM : end]) != crc or kind > _NOTE:
        return None
    names = data[names_at : names_at + length].decode(errors="replace").split("\0")
    topic, event, *device = [name or None for name in names] + [None] * (4 - len(names))
    owner = (device[0], device[1]) if device[0] and device[1] else None
    made = None if time_ms < 0 else time_ms
    body = data[names_at + length : end]
    return _Record(key, kind, Report(key, number, made, topic, event, owner, body, size), end)


class _Note(NamedTuple):
    """What a board notes: all keys below `first`, and `above`, are done."""

    first: int
    above: frozenset[int]
    counters: dict[str, int]

    def is_done(self, key: int) -> bool:
        """Has the cloud that report, or was it dropped or set aside?"""
        return key < self.first or key in self.above


def _note(records: list[_Record]) -> _Note:
    """The last note."""
    for record in reversed(records):
        if record.kind == _NOTE:
            with contextlib.suppress(ValueError, TypeError):  # of a board's later version
                _, first, above, _, counters, *_ = json.loads(record.report.body)
                return _Note(first, frozenset(above), dict(zip(COUNTERS, counters, strict=False)))
    return _Note(0, frozenset(), {})
