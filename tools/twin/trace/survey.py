"""What does a replay have to know of a trace before it begins, and in which order is it played?"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from tools.twin.trace.file import Record
from tools.twin.trace.follow import Key

_WRONG = re.compile(r"signature differs|sig differs|sig is keyed|\(the password\) is wrong")
STOPPED = "the twin stops"
_MISTAKES = ("signature", "login")  # of `connack`
_MOST_HELD = 1000  # records


@dataclass(slots=True)
class Survey:
    """A trace read once. count: of its records. head, last_ms: the first, and when the last was.

    ended: whether the twin ended by itself. stopped: the connections that were there then.
    """

    head: Record
    count: int = 0
    last_ms: int = 0
    ended: bool = False
    stopped: set[Key] = field(default_factory=set)
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
    asked: dict[Key, int] = {}  # by connection, the last login
    latest: dict[str, int] = {}  # by cloud and by peer, the last request by HTTP
    peers: dict[Key, str] = {}
    wrong_peer = ""  # of whom that was said last
    found.last_ms = found.head["ms"]
    for number, record in enumerate(every, 1):
        what, key = record["what"], record.get("connection", "")
        wrong = None
        if what == "packet" and record["name"] == "CONNECT":
            asked[key] = number
        elif what == "refused" and record["mistake"] in _MISTAKES:
            wrong = asked.get(key)
        elif what == "http" and record["direction"] == "up":
            latest[record["cloud"]] = number
            if key in peers:
                latest[peers[key]] = number
        elif what == "event" and record["kind"] == "refused" and _said_wrong(record["text"]):
            wrong_peer = record["device"]
            wrong = latest.get(wrong_peer, latest.get(record["cloud"]))
        elif what == "coap" and record["direction"] == "up":
            if wrong_peer == key:
                wrong = number
            wrong_peer = ""
        elif what == "opened":
            peers[key] = record["peer"]
        elif what == "closed":
            asked.pop(key, None)
            latest.pop(peers.pop(key, ""), None)
            if record["reason"] == STOPPED:
                found.stopped.add(key)
        if wrong is not None:
            found.set_wrong(wrong)
        found.ended = what == "end"
        found.count, found.last_ms = number, record["ms"]
    found.count += 1
    return found


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
