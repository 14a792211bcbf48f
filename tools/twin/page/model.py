"""What has happened in a twin, as a page shows it: boards, messages, both sides' lines?

Fed with the records of a journal (tools.twin.registry.journal), live or out of a trace. No
registry, no socket.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from tools.twin.page import pairs
from tools.twin.page.boards import LINES, Board, Boards, Line, way_of
from tools.twin.page.decoding import content
from tools.twin.page.messages import Message, Messages
from tools.twin.page.wire import PEER, Few, Wire

_LINE = 2_000  # characters of a line
_HEALTH = b"free_heap"  # in a report of a board's counters: `health_s`
_PARTS = 1_000  # messages that wait for one answer
_AS_FILED = ["cloud", "device", "direction", "topic", "status", "reason", "qos", "retain", "dup"]

Change = tuple[str, dict[str, Any]]
"""What a page is told: "marked" or "line" and its data, or "message" or "board" and its id."""


class Model:
    """title: "twin", or a trace's name. live: whether it is of a twin that runs."""

    def __init__(self, title: str = "twin", live: bool = True) -> None:
        self.title = title
        self.live = live
        self.boards = Boards()
        self.messages = Messages()
        self.last_ms = 0
        self._wire = Wire(self.boards, self.messages)
        self._waiting: Few[tuple[str, pairs.Key], list[int]] = Few()
        self._held: dict[str, Any] | None = None
        self._readers: dict[str, Callable[[dict[str, Any]], Iterable[Change]]] = {
            "event": self._event,
            "message": self._message,
            "marked": self._marked,
            "line": self._line,
            "registry": self._registry,
            "opened": self._opened,
            "login": self._login,
            "closed": self._closed,
            "packet": self._packet,
            "http": self._http,
            "coap": self._coap,
        }

    def feed(self, record: dict[str, Any]) -> list[Change]:
        """Take one record; returns what a page should be told. Kinds that are new pass."""
        self.last_ms = max(self.last_ms, record["ms"])
        changes: list[Change] = []
        if (held := self._held) is not None:
            self._held = None
            if record["what"] == "coap" and record["connection"] == held["device"]:
                changes += self._coap(record)
                return [*changes, *self._told(held)]
            changes += self._told(held)
        reader = self._readers.get(record["what"])
        return [*changes, *(reader(record) if reader else ())]

    def know(self, cloud: str, label: str, kind: str, enabled: bool, behind: str) -> Board:
        """What the registry has of a board."""
        board = self.boards.get(cloud, label, kind)
        board.kind, board.enabled, board.behind = kind, enabled, behind
        return board

    def axis(self, board: Board) -> list[dict[str, Any]]:
        """What both sides did, in the order of time."""
        lines = [_told_line(line) for line in (*board.events, *board.log)]
        newest = itertools.islice(reversed(board.ids), LINES)
        lines += [_message_line(message.told) for message in self.messages.those(newest)]
        return sorted(lines, key=lambda line: line["ms"])

    def _event(self, record: dict[str, Any]) -> Iterator[Change]:
        device, kind = record["device"], record["kind"]
        if record["cloud"] == "twin" or kind == "report":  # no board's; told as a message
            return
        if PEER.fullmatch(device) and record["text"][1:2] == ".":
            self._held = record  # a CoAP code: the request comes next, and says who it is
        elif "/" in device or PEER.fullmatch(device):
            yield from self._told(record)

    def _told(self, record: dict[str, Any]) -> Iterator[Change]:
        names = ("cloud", "device", "kind", "text", "ms")
        cloud, device, kind, text, ms = (record[name] for name in names)
        if PEER.fullmatch(device):
            board = self._wire.whose(cloud, device, text)
        else:
            board = self.boards.get(cloud, device, "unknown" if kind == "refused" else "device")
        if kind == "connected":
            if board.connection is None:
                board.came(ms, way_of(text) or board.way)
        elif kind in ("left", "closed"):
            if board.connection is None:
                board.left(ms)
        elif kind in ("refused", "rejected"):
            board.refused(ms, text)
        if board.kind == "unknown":
            board.seen(ms)
        if kind != "rejected":  # its message is told, with the reason
            line = Line(ms, "cloud", kind, text[:_LINE])
            board.events.append(line)
            yield "line", {"board": board.id, **_told_line(line)}
        yield "board", {"id": board.id}

    def _message(self, record: dict[str, Any]) -> Iterator[Change]:
        payload = record["payload"]
        data = content(payload)
        ms = record.get("received_ms", record["ms"])
        facts = {
            "id": record["id"],
            "ms": ms,
            **{name: record[name] for name in _AS_FILED},
            "size": len(data),
            "reply": None,
            "answers": None,
            "took_ms": None,
            "coap": None,
        }
        board = self.boards.get(record["cloud"], record["device"])
        message = Message(facts, payload, board)
        self.messages.add(message)
        answered = list(self._pair(message, data))
        if message.up:
            board.seen(ms)
            board.reports += facts["status"] == "stored" and facts["answers"] is None
            if _HEALTH in data:
                waiting = _waiting(message.told["values"])
                board.outbox = board.outbox if waiting is None else waiting
            self._wire.filed(message, record.get("packet_id"))
        else:
            board.commands += facts["answers"] is None
        yield "message", {"id": facts["id"]}
        yield from answered
        yield "board", {"id": board.id}

    def _pair(self, message: Message, payload: bytes) -> Iterator[Change]:
        """Note what asks for an answer; tell those that this one answers."""
        facts = message.facts
        found = pairs.key(facts["topic"], payload)
        if found is None or facts["status"] == "refused":
            return
        key, is_answer = found
        where = message.board.id, key
        if not is_answer:
            asking = self._waiting.get(where, [])[-_PARTS:]  # parts of one message have its id
            self._waiting.note(where, [*asking, facts["id"]])
            return
        for asked in self.messages.those(self._waiting.pop(where, ())):
            if asked.up != message.up:
                facts["answers"] = asked.facts["id"]
                asked.answered(facts["ms"], facts["id"])
                yield "marked", asked.marks()

    def _marked(self, record: dict[str, Any]) -> Iterator[Change]:
        message = self.messages.get(record["id"])
        if message is not None:
            message.facts["status"] = record["status"]
            if message.facts["reply"] is None:
                message.answered(record["ms"])
            yield "marked", message.marks()

    def _line(self, record: dict[str, Any]) -> Iterator[Change]:
        board = self.boards.get(record["cloud"], record["device"])
        line = Line(record["ms"], "board", "log", record["text"][:_LINE])
        board.log.append(line)
        yield "line", {"board": board.id, **_told_line(line)}

    def _registry(self, record: dict[str, Any]) -> Iterator[Change]:
        """What a trace has of the registry."""
        for row in record["put"].get("devices", ()):
            label = f"{row['product']}/{row['name']}"
            enabled, behind = bool(row["enabled"]), row["gateway"]
            yield "board", {"id": self.know(row["cloud"], label, row["kind"], enabled, behind).id}

    # Of the wire.

    def _opened(self, record: dict[str, Any]) -> Iterator[Change]:
        self._wire.opened(record)
        yield from ()

    def _login(self, record: dict[str, Any]) -> Iterator[Change]:
        board = self.boards.get(record["cloud"], record["device"])
        told = board.online and board.connection is None  # the event said so
        self._wire.login(record, board)
        board.kind = record.get("kind") or board.kind
        for name in ("client_id", "keepalive_s", "clean", "policy"):
            setattr(board, name, record.get(name))
        if not told:
            board.came(record["ms"], board.way)
        yield "board", {"id": board.id}

    def _closed(self, record: dict[str, Any]) -> Iterator[Change]:
        board = self._wire.closed(record)
        if board is not None:
            board.left(record["ms"])
            yield "board", {"id": board.id}

    def _packet(self, record: dict[str, Any]) -> Iterator[Change]:
        yield from self._acknowledged(self._wire.packet(record), record["ms"])

    def _http(self, record: dict[str, Any]) -> Iterator[Change]:
        if (board := self._wire.http(record)) is not None:
            yield "board", {"id": board.id}

    def _coap(self, record: dict[str, Any]) -> Iterator[Change]:
        board, acknowledged, changed = self._wire.coap(record)
        if board is not None:
            yield "board", {"id": board.id}
        for number in changed:
            yield "message", {"id": number}
        yield from self._acknowledged(acknowledged, record["ms"])

    def _acknowledged(self, numbers: Iterable[int], ms: int) -> Iterator[Change]:
        for message in self.messages.those(numbers):
            if message.facts["took_ms"] is None:
                message.answered(ms)
                yield "marked", message.marks()


def _waiting(values: dict[str, float]) -> int | None:
    """How many reports wait on the board, where it reports its counters: `health_s`."""
    named = {name.rpartition(".")[2]: number for name, number in values.items()}
    return int(named["waiting"]) if "waiting" in named and "free_heap" in named else None


def _told_line(line: Line) -> dict[str, Any]:
    return {**line._asdict(), "message": None}


def _message_line(told: dict[str, Any]) -> dict[str, Any]:
    kind = "answer" if told["answers"] is not None else _KINDS[told["direction"]]
    text = " ".join(each for each in (told["topic"], told["summary"], told["reason"]) if each)
    return {"ms": told["ms"], "side": "cloud", "kind": kind, "text": text, "message": told["id"]}


_KINDS = {"up": "report", "down": "command"}
