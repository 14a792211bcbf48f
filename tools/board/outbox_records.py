"""What is in the files of a board's outbox?

A segment is a row of lines, a report each, or a note of what is done: CRC-32 in hex of all that
follows, key in hex (0: a note), JSON; of a report a tab and its body. What is damaged is found,
and what stands behind it is read. Written from the format, not with the board's own code.
"""

import contextlib
import io
import json
import zlib
from collections.abc import Mapping
from typing import Any, NamedTuple

_HEX = 8  # letters of a CRC, and of a key
_NOTE = 0
_YEAR_10000_MS = 253_402_300_800_000
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
        except (ValueError, RecursionError):
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


def read(files: Mapping[str, bytes]) -> Content:
    """Returns what the files of an outbox hold: name -> content."""
    segments = sorted((int(name), data) for name, data in files.items() if name.isdecimal())
    lines = [line for _, data in segments for line in io.BytesIO(data)]
    waiting: dict[int, Report] = {}
    note, damaged = _Note(0, frozenset(), {}), 0
    for line in lines:
        found = _line(line)
        if found is None:
            damaged += len(line)
        elif isinstance(found, _Note):
            note = found
        else:
            waiting[found.key] = found
    set_aside = []
    for name, data in files.items():
        if name[:1] == "x" and name[1:].isdecimal():
            line, end, reason = data.partition(b"\n")
            found = _line(line + end)
            if isinstance(found, Report):
                set_aside.append(found._replace(reason=reason.decode(errors="replace")))
            else:
                damaged += len(data)
    done = {report.key for report in set_aside} | set(filter(note.is_done, waiting))
    return Content(
        [waiting[key] for key in sorted(waiting.keys() - done)],
        sorted(set_aside, key=lambda report: report.key),
        note.counters,
        sum(map(len, files.values())),
        damaged,
        _DAMAGED in files,
        _RETRY in files,
    )


class _Note(NamedTuple):
    """What a board notes: keys up to `read` are done, but for those in `missed`."""

    read: int
    missed: frozenset[int]
    counters: dict[str, int]

    def is_done(self, key: int) -> bool:
        """Has the cloud that report, or was it dropped or set aside?"""
        return key <= self.read and key not in self.missed


def _line(line: bytes) -> Report | _Note | None:
    """What a line holds; None where it is damaged, or of a later version."""
    content = line[_HEX:-1]
    with contextlib.suppress(ValueError, TypeError, LookupError, RecursionError):
        if line[-1:] != b"\n" or int(line[:_HEX], 16) != zlib.crc32(content):
            return None
        key = int(content[:_HEX], 16)
        head, _, body = content[_HEX:].partition(b"\t")
        if key == _NOTE:
            _, read, _, missed, counters, *_ = json.loads(head)
            named = dict(zip(COUNTERS, map(int, counters), strict=False))
            return _Note(int(read), frozenset(int(key) for key, _ in missed), named)
        number, time_ms, topic, event, device = json.loads(head)
        if not (
            isinstance(number, int)
            and (time_ms is None or 0 <= time_ms < _YEAR_10000_MS)
            and all(isinstance(name, str | None) for name in (topic, event, *(device or ())))
        ):
            return None
        body = body.replace(b"\x1b1", b"\n").replace(b"\x1b0", b"\x1b")
        owner = (device[0], device[1]) if device else None
        return Report(key, number, time_ms, topic, event, owner, body, len(line))
    return None
