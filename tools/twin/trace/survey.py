"""What does a replay have to know of a trace before it begins?"""

import re
from dataclasses import dataclass, field

from tools.twin.trace.file import Record
from tools.twin.trace.follow import Key

_WRONG = re.compile(r"signature differs|sig differs|sig is keyed|\(the password\) is wrong")
STOPPED = "the twin stops"
_MISTAKES = ("signature", "login")  # of `connack`


@dataclass(slots=True)
class Survey:
    """A trace read once.

    wrong: by number, the logins whose password, token or signature was.
    order: of the records' numbers: a request by CoAP before what it led to; without what may
    have come of one that a trace which breaks off has not any more.
    ended: whether the twin ended by itself. stopped: the connections that were there then.
    """

    order: list[int] = field(default_factory=list)
    wrong: set[int] = field(default_factory=set)
    ended: bool = False
    stopped: set[Key] = field(default_factory=set)


def survey(records: list[Record]) -> Survey:
    """Read it."""
    found = Survey()
    asked: dict[Key, int] = {}  # by connection, the last login
    latest: dict[str, int] = {}  # by cloud and by peer, the last request by HTTP
    peers: dict[Key, str] = {}
    wrong_peer = ""  # of whom that was said last
    for number, record in enumerate(records):
        found.order.insert(_place(records, record, found.order), number)
        what, key = record["what"], record.get("connection", "")
        if what == "packet" and record["name"] == "CONNECT":
            asked[key] = number
        elif what == "refused" and record["mistake"] in _MISTAKES:
            found.wrong.add(asked.get(key, -1))
        elif what == "http" and record["direction"] == "up":
            latest[record["cloud"]] = latest[peers.get(key, "")] = number
        elif what == "event" and record["kind"] == "refused" and _said_wrong(record["text"]):
            wrong_peer = record["device"]
            found.wrong.add(latest.get(wrong_peer, latest.get(record["cloud"], -1)))
        elif what == "coap" and record["direction"] == "up":
            if wrong_peer == key:
                found.wrong.add(number)
            wrong_peer = ""
        elif what == "opened":
            peers[key] = record["peer"]
        elif what == "closed" and record["reason"] == STOPPED:
            found.stopped.add(key)
        found.ended = what == "end"
    while not found.ended and found.order and _may_wait(records[found.order[-1]]):
        del found.order[-1]
    return found


def _may_wait(record: Record) -> bool:
    """Whether a request may have led to it that is not in a trace which breaks off."""
    return record["what"] in ("message", "event")


def _said_wrong(text: str) -> bool:
    return _WRONG.search(text) is not None and "CONNACK" not in text


def _place(records: list[Record], record: Record, order: list[int]) -> int:
    """Where a record goes: the twin notes a request by CoAP when it has decided about it."""
    place = len(order)
    if record["what"] == "coap" and record["direction"] == "up" and not record["again"]:
        while place and _led_to(records[order[place - 1]], record["cloud"]):
            place -= 1
    return place


def _led_to(record: Record, cloud: str) -> bool:
    return _may_wait(record) and record["cloud"] == cloud
