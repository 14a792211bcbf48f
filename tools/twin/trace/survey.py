"""What does a replay have to know of a trace before it begins, and in which order is it played?"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from tools.twin.trace.file import Record
from tools.twin.trace.follow import Key

_WRONG = re.compile(r"signature differs|sig differs|sig is keyed|\(the password\) is wrong")
STOPPED = "the twin stops"
BOARD_ENDS = ("closed its side", "connection lost", "left without", "said goodbye")
_MISTAKES = ("signature", "login")  # of `connack`
_MOST_HELD = 1000  # records


@dataclass(slots=True)
class Survey:
    """A trace read once. count: of its records. head, last_ms: the first, and when the last was.

    ended: whether the twin ended by itself. outlived: connections that the board had left, and
    that were over for another reason.
    """

    head: Record
    count: int = 0
    last_ms: int = 0
    ended: bool = False
    outlived: set[Key] = field(default_factory=set)
    _wrong: bytearray = field(default_factory=bytearray)  # a bit for each record

    def is_wrong(self, number: int) -> bool:
        """Whether that record is a login whose password, token or signature was refused."""
        at = number >> 3
        return at < len(self._wrong) and bool(self._wrong[at] >> (number & 7) & 1)

    def set_wrong(self, number: int) -> None:
        """It is."""
        at = number >> 3
        self._wrong.extend(bytes(max(0, at + 1 - len(self._wrong))))
        self._wrong[at] |= 1 << (number & 7)


def survey(records: Iterable[Record]) -> Survey:
    """Read it. records: all of a trace, head first."""
    every = iter(records)
    found = Survey(next(every))
    found.last_ms = found.head["ms"]
    logins, left = _Logins(), set[Key]()
    for number, record in enumerate(every, 1):
        what, key = record["what"], record.get("connection", "")
        if (wrong := logins.wrong(number, record)) is not None:
            found.set_wrong(wrong)
        if what == "ended":
            left.add(key)
        elif what == "closed":
            if key in left and not record["reason"].startswith(BOARD_ENDS):
                found.outlived.add(key)
            left.discard(key)
        found.ended = what == "end"
        found.count, found.last_ms = number, record["ms"]
    found.count += 1
    return found


class _Logins:
    """The last ones of all that are connected."""

    def __init__(self) -> None:
        self._asked: dict[Key, int] = {}  # by connection
        self._latest: dict[str, int] = {}  # by cloud and by peer, the last request by HTTP
        self._peers: dict[Key, str] = {}
        self._refused_peer = ""  # of whom that was said last

    def wrong(self, number: int, record: Record) -> int | None:
        """Which one the next record calls wrong, if any."""
        what, key = record["what"], record.get("connection", "")
        if what == "packet" and record["name"] == "CONNECT":
            self._asked[key] = number
        elif what == "refused" and record["mistake"] in _MISTAKES:
            return self._asked.get(key)
        elif what == "http" and record["direction"] == "up":
            self._latest[record["cloud"]] = self._latest[self._peers.get(key, "")] = number
        elif what == "event" and record["kind"] == "refused" and _said_wrong(record["text"]):
            self._refused_peer = record["device"]
            return self._latest.get(self._refused_peer, self._latest.get(record["cloud"]))
        elif what == "coap" and record["direction"] == "up":
            peer, self._refused_peer = self._refused_peer, ""
            return number if peer == key else None
        elif what == "opened":
            self._peers[key] = record["peer"]
        elif what == "closed":
            self._asked.pop(key, None)
            self._latest.pop(self._peers.pop(key, ""), None)
        return None


def ordered(records: Iterable[Record], ended: bool) -> Iterator[tuple[int, Record]]:
    """Records and their numbers, in the order in which they are played.

    A request by CoAP comes before what it led to: the twin notes it when it has decided about it.
    ended: whether they are all; what came of a request that a trace which breaks off has not any
    more is left out.
    """
    held: list[tuple[int, Record]] = []  # what a request may have led to
    for number, record in enumerate(records):
        if _may_wait(record):
            held.append((number, record))
            if len(held) > _MOST_HELD:
                yield held.pop(0)
            continue
        place = len(held)
        if record["what"] == "coap" and record["direction"] == "up" and not record["again"]:
            while place and held[place - 1][1]["cloud"] == record["cloud"]:
                place -= 1
        held.insert(place, (number, record))
        yield from held
        held.clear()
    if ended:
        yield from held


def _may_wait(record: Record) -> bool:
    """Whether a request may have led to it."""
    return record["what"] in ("message", "event")


def _said_wrong(text: str) -> bool:
    return _WRONG.search(text) is not None and "CONNACK" not in text
