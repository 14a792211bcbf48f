"""What does h11, another's HTTP parser, make of a reply to a POST?"""

import re
from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import NamedTuple

import h11
from h11 import _readers

_HEADERS = [("Host", "a"), ("Content-Length", "0")]


class Verdict(NamedTuple):
    """What h11 says.

    outcome: "done"; "error", against the RFC; "cut", more would have to come; "either" of the last
    two: what is wrong stands in a line that is not whole, or before one, and a parser may say so
    at once or wait. status: None until the head is whole. headers: the wanted ones, each byte a
    character, repeated ones joined. body: as far as it came. keep_alive: may the connection go on?
    """

    outcome: str
    status: int | None = None
    headers: Mapping[str, str] = MappingProxyType({})
    body: bytes = b""
    keep_alive: bool = False


# Where we read a chunk's header otherwise than h11 on purpose, it judges by our rules, unless told
# not to; test_http_properties.py has the reasons.
_ITS_OWN = _readers.chunk_header_re
_OURS = re.compile(rb"(?P<chunk_size>[0-9A-Fa-f]{1,20})([ \t]*;[^\0\n\v\f\r]*)?[ \t]*\r\n")


def judge(data: bytes, wanted: Collection[str] = (), own_rules: bool = False) -> Verdict:
    """Ask h11 about a reply after which the server closes.

    wanted: names of headers in lower case. own_rules: even where we differ on purpose.
    """
    _readers.chunk_header_re = _ITS_OWN if own_rules else _OURS
    found = _read(data, wanted)
    whole_lines = data[: data.rfind(b"\n") + 1]
    if found.outcome == "error" and _read(whole_lines).outcome != "error":
        return found._replace(outcome="either")
    if found.outcome == "cut" and _read(whole_lines + b"\r\n").outcome == "error":
        return found._replace(outcome="either")
    return found


def _read(data: bytes, wanted: Collection[str] = ()) -> Verdict:
    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method="POST", target="/", headers=_HEADERS))
    connection.send(h11.EndOfMessage())
    events: list[h11.Event] = []
    keep_alive = False
    try:
        connection.receive_data(data)
        if _take(connection, events):
            outcome = "done"
            keep_alive = connection.our_state is h11.DONE and not connection.trailing_data[0]
        else:
            connection.receive_data(b"")
            outcome = "done" if _take(connection, events) else "cut"
    except h11.RemoteProtocolError:
        outcome = "cut" if connection.trailing_data[1] else "error"
    head = next((event for event in events if isinstance(event, h11.Response)), None)
    if head is None:
        return Verdict(outcome)
    body = b"".join(event.data for event in events if isinstance(event, h11.Data))
    headers: dict[str, str] = {}
    for name, value in head.headers:
        if name.decode() in wanted:
            before = headers.get(name.decode())
            text = value.decode("latin-1")
            headers[name.decode()] = text if before is None else f"{before}, {text}"
    return Verdict(outcome, head.status_code, headers, body, keep_alive)


def _take(connection: h11.Connection, events: list[h11.Event]) -> bool:
    """Adds what can be read now; returns whether the reply is whole."""
    while True:
        event = connection.next_event()
        if event in (h11.NEED_DATA, h11.PAUSED) or isinstance(event, h11.ConnectionClosed):
            return False
        events.append(event)
        if isinstance(event, h11.EndOfMessage):
            return True
