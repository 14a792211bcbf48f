"""What is in a trace, in short, and is there a secret in it?"""

import base64
import binascii
import mmap
import sqlite3
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from tools.twin.trace import registry
from tools.twin.trace.file import Record

_WAYS = ("login", "http", "coap")
_WORD = 8  # bytes


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
    secrets = registry.secrets(database)
    forms = {form: whose for whose, secret in secrets for form in _forms(secret)}
    said = set()
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
        for form in _likely(text, forms):
            if forms[form] not in said and (at := text.find(form)) >= 0:
                said.add(forms[form])
                yield text[:at].count(b"\n") + 1, forms[form]


def _likely(text: mmap.mmap, forms: Iterable[bytes]) -> list[bytes]:
    """Those that may be in a text, in one pass: wherever a long one begins, it has words of 8
    bytes there that begin at multiples of 8.
    """
    words = {word for form in forms for row in _words(form) for word in row}
    with (
        memoryview(text) as whole,
        whole[: len(text) // _WORD * _WORD] as even,
        even.cast("Q") as aligned,
    ):
        there = words.intersection(aligned)
    return [
        form
        for form in forms
        if len(form) < 2 * _WORD or any(there.issuperset(row) for row in _words(form))
    ]


def _words(form: bytes) -> Iterator[tuple[int, ...]]:
    """Its first two words, by where in a word of the text it may begin."""
    for at in range(_WORD if len(form) >= 2 * _WORD else 0):
        starts = range(at, min(len(form) + 1 - _WORD, at + 2 * _WORD), _WORD)
        yield tuple(int.from_bytes(form[start : start + _WORD], sys.byteorder) for start in starts)


def _forms(secret: bytes) -> Iterator[bytes]:
    """As it is or encoded, and that in hexadecimal, as a trace has what went over the wire."""
    for form in _encoded(secret):
        yield form
        yield form.hex().encode()


def _encoded(secret: bytes) -> Iterator[bytes]:
    yield secret
    yield secret.hex().upper().encode()
    yield from _base64(secret)
    yield quote(secret, safe="").encode()
    try:  # a key in base64: what it is the text of
        raw = base64.b64decode(secret, validate=True)
    except (binascii.Error, ValueError):
        return
    if len(raw) > 8:
        yield raw


def _base64(secret: bytes) -> Iterator[bytes]:
    """Wherever it begins in what was encoded: without the characters that depend on the rest."""
    for before in range(3):
        whole = (before + len(secret)) // 3 * 4  # characters that nothing behind it changes
        yield base64.b64encode(bytes(before) + secret)[(0, 2, 3)[before] : whole]
