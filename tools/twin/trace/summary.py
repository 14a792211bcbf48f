"""What is in a trace, in short, and is there a secret in it?"""

import base64
import binascii
import mmap
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from tools.twin.trace import registry
from tools.twin.trace.file import Record

_WAYS = ("login", "http", "coap")


@dataclass(slots=True)
class Board:
    """What a trace has of one. ways: how it came. messages: by direction and status.

    refusal: the last.
    """

    ways: set[str] = field(default_factory=set)
    logins: int = 0
    messages: Counter[str] = field(default_factory=Counter)
    refusal: str = ""


@dataclass(slots=True)
class Summary:
    """A trace. boards: by cloud and label. refusals: of who is not known, by what was said."""

    head: Record
    last_ms: int
    records: int = 0
    ended: bool = False
    boards: dict[tuple[str, str], Board] = field(default_factory=dict)
    refusals: Counter[str] = field(default_factory=Counter)


def summary(records: Iterable[Record]) -> Summary:
    """Read a trace. records: its own, head first."""
    every = iter(records)
    head = next(every)
    found = Summary(head, head["ms"])
    ways: dict[object, str] = {}
    for record in every:
        found.records += 1
        found.last_ms = record["ms"]
        what = record["what"]
        if what == "opened":
            ways[record["connection"]] = record["way"]
        found.ended = what == "end"
        device = record.get("device")
        if what == "event" and record["kind"] == "refused" and _is_peer(device):
            found.refusals[f"{record['cloud']}: {record['text']}"] += 1
        if not device or _is_peer(device) or "cloud" not in record:
            continue
        board = found.boards.setdefault((record["cloud"], device), Board())
        if what in _WAYS:
            board.ways.add(record.get("way") or ways.get(record["connection"], ""))
        if what == "message":
            board.messages[f"{record['direction']} {record['status']}"] += 1
        elif what == "event" and record["kind"] == "connected":
            board.logins += 1
        elif what == "event" and record["kind"] == "refused":
            board.refusal = record["text"]
    return found


def _is_peer(device: str | None) -> bool:
    """Events are of "127.0.0.1:40000" until it is known who that is."""
    return bool(device) and str(device).rpartition(":")[2].isdigit() and "/" not in str(device)


def leaks(path: Path, database: sqlite3.Connection) -> Iterator[tuple[int, str]]:
    """Where a secret of a registry is in a file, in clear or encoded: line, and whose it is."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
        for whose, secret in registry.secrets(database):
            for form in _forms(secret):
                if (at := text.find(form)) >= 0:
                    yield text[:at].count(b"\n") + 1, whose
                    break


def _forms(secret: bytes) -> Iterator[bytes]:
    yield secret
    yield from (secret.hex().encode(), secret.hex().upper().encode())
    yield from _base64(secret)
    yield quote(secret, safe="").encode()
    try:  # a key in base64: what it is the text of
        raw = base64.b64decode(secret, validate=True)
    except (binascii.Error, ValueError):
        return
    if len(raw) > 8:
        yield raw.hex().encode()


def _base64(secret: bytes) -> Iterator[bytes]:
    """Wherever it begins in what was encoded: without the characters that depend on the rest."""
    for before in range(3):
        whole = (before + len(secret)) // 3 * 4  # characters that nothing behind it changes
        yield base64.b64encode(bytes(before) + secret)[(0, 2, 3)[before] : whole]
