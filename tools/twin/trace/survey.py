"""What does a replay have to know of a trace before it begins?"""

import re
from dataclasses import dataclass, field

from tools.twin.trace.file import Record
from tools.twin.trace.follow import Key

_WRONG = re.compile(r"signature differs|sig differs|sig is keyed|\(the password\) is wrong")
_MISTAKES = ("signature", "login")  # of `connack`


@dataclass(slots=True)
class Survey:
    """A trace read once.

    count: of its records. wrong: by number, the logins whose password, token or signature was.
    ended: whether the twin ended by itself. closed: the connections that did.
    """

    count: int = 0
    wrong: set[int] = field(default_factory=set)
    ended: bool = False
    closed: set[Key] = field(default_factory=set)


def survey(records: list[Record]) -> Survey:
    """Read it."""
    found = Survey(len(records))
    asked: dict[Key, int] = {}  # by connection, the last login
    latest: dict[str, int] = {}  # by cloud, the last request by HTTP
    signed_wrong = ""  # the cloud that said so last
    for number, record in enumerate(records):
        what, key = record["what"], record.get("connection", "")
        if what == "packet" and record["name"] == "CONNECT":
            asked[key] = number
        elif what == "refused" and record["mistake"] in _MISTAKES:
            found.wrong.add(asked.get(key, -1))
        elif what == "http" and record["direction"] == "up":
            latest[record["cloud"]] = number
        elif what == "event" and record["kind"] == "refused" and _WRONG.search(record["text"]):
            found.wrong.add(latest.get(record["cloud"], -1))
            signed_wrong = record["cloud"]
        elif what == "coap" and record["direction"] == "up":
            if signed_wrong == record["cloud"]:
                found.wrong.add(number)
            signed_wrong = ""
        elif what == "closed":
            found.closed.add(key)
        found.ended = what == "end"
    return found
