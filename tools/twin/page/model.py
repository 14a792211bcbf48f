"""What has happened in a twin, as a page shows it: boards, messages, values, both sides' lines?

Fed with the records of a journal (tools.twin.registry.journal), live or out of a trace. It keeps
the newest messages and what is known of each board; no registry, no socket.
"""

import contextlib
import itertools
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from tools.twin.page import pairs
from tools.twin.page.boards import LINES, Board, Boards, Line, way_of
from tools.twin.page.decoding import Decoded, content, decode
from tools.twin.wire import packets
from tools.twin.wire.fields import MalformedError

MESSAGES = 20_000
"""How many of the newest messages are kept; fewer where their payloads are large."""

POINTS = 5_000
"""How many points of a series are told."""

_PAYLOAD_BYTES = 64 << 20  # of all messages that are kept
_PENDING = 10_000
_LINE = 2_000
_PEER = re.compile(r"\S+:\d+")  # where events name no board: what it connects from
_URI_PATH = 11  # of RFC 7252, section 5.10

_AS_FILED = ["cloud", "device", "direction", "topic", "status", "reason", "qos", "retain", "dup"]

Change = tuple[str, dict[str, Any]]
"""What a page is told: "board", "message", "marked" or "line", and its data."""

_K = TypeVar("_K")
_V = TypeVar("_V")


class _Few(Generic[_K, _V], dict[_K, _V]):
    """A dict that forgets the oldest."""

    def note(self, key: _K, value: _V) -> None:
        self.pop(key, None)
        self[key] = value
        if len(self) > _PENDING:
            del self[next(iter(self))]


@dataclass(slots=True)
class _Message:
    """told: what the page is told of it. payload: as the journal had it."""

    told: dict[str, Any]
    payload: str | dict[str, str]
    times: dict[str, int]
    size: int
    cipher: str | None = None


@dataclass(slots=True)
class _Connection:
    """What is known of one. said: by whoever is on it, of itself."""

    cloud: str
    facts: dict[str, Any]
    board: Board | None = None
    said: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Exchange:
    """A CoAP request. ids: of the messages that it was filed as."""

    facts: dict[str, Any]
    payload_hex: str
    topic: str
    ids: list[int] = field(default_factory=list)


class Model:
    """title: "twin", or a trace's name. live: whether it is of a twin that runs."""

    def __init__(self, title: str = "twin", live: bool = True) -> None:
        self.title = title
        self.live = live
        self.boards = Boards()
        self.last_ms = 0
        self._messages: dict[int, _Message] = {}
        self._bytes = 0
        self._waiting: _Few[tuple[str, pairs.Key], list[int]] = _Few()
        self._connections: _Few[Any, _Connection] = _Few()
        self._by_peer: _Few[str, Any] = _Few()
        self._publishing: _Few[str, tuple[Any, int, str]] = _Few()  # by board: what comes next
        self._unacknowledged: _Few[tuple[Any, int], list[int]] = _Few()
        self._exchanges: _Few[tuple[Any, str], _Exchange] = _Few()  # by connection and token
        self._transmissions: _Few[tuple[Any, int], _Exchange] = _Few()  # by connection and mid
        self._requested: _Few[str, _Exchange] = _Few()  # by topic: whose message comes next
        self._readers: dict[str, Callable[[dict[str, Any]], Iterable[Change]]] = {
            "event": self._event,
            "message": self._message,
            "marked": self._marked,
            "line": self._line,
            "opened": self._opened,
            "login": self._login,
            "closed": self._closed,
            "packet": self._packet,
            "coap": self._coap,
        }

    @property
    def last_id(self) -> int:
        """The newest message's, 0 without any."""
        return next(reversed(self._messages), 0)

    def feed(self, record: dict[str, Any]) -> list[Change]:
        """Take one record; returns what a page should be told. Kinds that are new pass."""
        self.last_ms = max(self.last_ms, record["ms"])
        reader = self._readers.get(record["what"])
        return list(reader(record)) if reader else []

    def know(self, cloud: str, label: str, kind: str, enabled: bool, behind: str) -> Board:
        """What the registry has of a board."""
        board = self.boards.get(cloud, label, kind)
        board.kind, board.enabled, board.behind = kind, enabled, behind
        return board

    # What is asked.

    def messages(
        self,
        *,
        after: int = 0,
        before: int | None = None,
        limit: int = 500,
        cloud: str = "",
        board: str = "",
        topic: str = "",
        text: str = "",
    ) -> tuple[list[dict[str, Any]], bool]:
        """The newest that fit, oldest first, and whether more would; `after` alone: the oldest.

        topic: its beginning. text: anywhere in who, where and what.
        """
        wanted = text.casefold()
        onward = before is None and after > 0
        ids = self._ids(board) if onward else reversed(self._ids(board))
        fitting = (
            message
            for number in ids
            if number > after
            and (before is None or number < before)
            and (message := self._messages[number])
            and (not cloud or message.told["cloud"] == cloud)
            and message.told["topic"].startswith(topic)
            and (not wanted or _holds(message, wanted))
        )
        found = [message.told for message in itertools.islice(fitting, limit + 1)]
        more = len(found) > limit
        found = found[:limit]
        return (found if onward else found[::-1]), more

    def message(self, number: int) -> dict[str, Any] | None:
        """All of one message, or None."""
        message = self._messages.get(number)
        if message is None:
            return None
        payload = message.payload
        decoded = decode(message.told["topic"], content(payload))
        return {
            **message.told,
            "payload": {"text": payload} if isinstance(payload, str) else payload,
            "decoded": decoded.value,
            "format": decoded.format,
            "aes": None if message.cipher is None else {"cipher_hex": message.cipher},
        }

    def topics(self, cloud: str = "", board: str = "") -> list[dict[str, Any]]:
        """The topics of the messages that are kept, without what follows a "?"."""
        counts: Counter[tuple[str, str]] = Counter()
        last: dict[tuple[str, str], int] = {}
        for number in self._ids(board):
            told = self._messages[number].told
            if not cloud or told["cloud"] == cloud:
                where = told["cloud"], told["topic"].partition("?")[0]
                counts[where] += 1
                last[where] = number
        return [
            {"topic": where[1], "cloud": where[0], "count": count, "last_id": last[where]}
            for where, count in sorted(counts.items())
        ]

    def values(self, board: str) -> list[dict[str, Any]]:
        """The numbers that a board has reported, by name, at the times that it says."""
        series: dict[str, list[tuple[int, float]]] = {}
        for number in self._ids(board):
            message = self._messages[number]
            told = message.told
            if told["direction"] == "up" and told["status"] == "stored":
                for name, value in told["values"].items():
                    when = message.times.get(name, told["ms"])
                    series.setdefault(name, []).append((when, value))
        return [
            {"name": name, "points": sorted(points)[-POINTS:]}
            for name, points in sorted(series.items())
        ]

    def axis(self, board: str) -> list[dict[str, Any]]:
        """What both sides did, in the order of time."""
        found = self.boards.by_id.get(board)
        if found is None:
            return []
        lines = [_told_line(line) for line in (*found.events, *found.log)]
        newest = itertools.islice(reversed(found.ids), LINES)
        lines += [_message_line(self._messages[number].told) for number in newest]
        return sorted(lines, key=lambda line: line["ms"])

    def _ids(self, board: str) -> Any:
        if not board:
            return self._messages.keys()
        found = self.boards.by_id.get(board)
        return found.ids if found else ()

    # What is fed.

    def _whose(self, cloud: str, device: str) -> Board:
        """The board that a record names: by its label, or by where its connection comes from."""
        if (known := self.boards.find(cloud, device)) is not None:
            return known
        if not _PEER.fullmatch(device):
            return self.boards.get(cloud, device)
        connection = self._connections.get(self._by_peer.get(device))
        if connection is not None:
            guess = connection.board or self.boards.meant(cloud, connection.said)
            if guess is not None:
                return guess
        return self.boards.stranger(cloud, device)

    def _event(self, record: dict[str, Any]) -> Iterator[Change]:
        cloud, kind, text, ms = record["cloud"], record["kind"], record["text"], record["ms"]
        if cloud == "twin":  # about itself: no board's affair
            return
        if kind == "report":  # its message is told
            return
        if "/" not in record["device"] and not _PEER.fullmatch(record["device"]):
            return
        board = self._whose(cloud, record["device"])
        if kind == "connected" and board.connection is None:
            board.came(ms)
            board.way = way_of(text) or board.way
        elif kind in ("left", "closed") and board.connection is None:
            board.left(ms)
        elif kind in ("refused", "rejected"):
            board.refused(ms, text)
        if kind not in ("left", "closed"):
            board.seen(ms)
        if kind != "rejected":  # its message is told, with the reason
            line = Line(ms, "cloud", kind, text[:_LINE])
            board.events.append(line)
            yield "line", {"board": board.id, **_told_line(line)}
        yield "board", {"id": board.id}

    def _message(self, record: dict[str, Any]) -> Iterator[Change]:
        payload = record["payload"]
        data = content(payload)
        topic, ms = record["topic"], record.get("received_ms", record["ms"])
        decoded = decode(topic, data)
        up = record["direction"] == "up"
        told = {
            "id": record["id"],
            "ms": ms,
            **{name: record[name] for name in _AS_FILED},
            "size": len(data),
            "summary": decoded.summary,
            "values": decoded.values,
            "reply": None,
            "answers": None,
            "took_ms": None,
            "coap": None,
        }
        message = _Message(told, payload, decoded.times, len(data))
        board = self.boards.get(record["cloud"], record["device"])
        self._keep(message, board)
        if up:
            board.seen(ms)
            board.reports += told["status"] == "stored"
            waiting = _waiting(decoded)
            board.outbox = board.outbox if waiting is None else waiting
        self._follow(message, board, data)
        answered = list(self._pair(message, board, decoded))
        board.commands += not up and told["answers"] is None
        yield "message", told
        yield from answered
        yield "board", {"id": board.id}

    def _keep(self, message: _Message, board: Board) -> None:
        number = message.told["id"]
        self._messages[number] = message
        board.ids.append(number)
        self._bytes += message.size
        while len(self._messages) > MESSAGES or (
            self._bytes > _PAYLOAD_BYTES and len(self._messages) > 1
        ):
            old = self._messages.pop(next(iter(self._messages)))
            self._bytes -= old.size
            owner = self.boards.get(old.told["cloud"], old.told["device"])
            with contextlib.suppress(ValueError):
                owner.ids.remove(old.told["id"])  # the first

    def _pair(self, message: _Message, board: Board, decoded: Decoded) -> Iterator[Change]:
        """Note what asks for an answer; tell those that this one answers."""
        told = message.told
        if told["status"] == "refused" or not (found := pairs.key(told["topic"], decoded.value)):
            return
        key, is_answer = found
        where = told["direction"] == "up"
        if not is_answer:
            asked = self._waiting.get((board.id, key), [])
            # Parts of one message have its id, and come at once.
            self._waiting.note((board.id, key), [*asked[-_PENDING:], told["id"]])
            return
        for number in self._waiting.pop((board.id, key), ()):
            asking = self._messages.get(number)
            if asking is None or (asking.told["direction"] == "up") == where:
                continue
            told["answers"] = number
            yield self._answer(asking, told["ms"], told["id"])

    def _answer(self, asking: _Message, ms: int, reply: int | None = None) -> Change:
        told = asking.told
        told["took_ms"] = max(0, ms - told["ms"])
        told["reply"] = told["reply"] if reply is None else reply
        names = ("id", "status", "took_ms", "reply")
        return "marked", {name: told[name] for name in names}

    def _marked(self, record: dict[str, Any]) -> Iterator[Change]:
        message = self._messages.get(record["id"])
        if message is None:
            return
        message.told["status"] = record["status"]
        if message.told["reply"] is None:
            yield self._answer(message, record["ms"])
        else:
            yield "marked", {n: message.told[n] for n in ("id", "status", "took_ms", "reply")}

    def _line(self, record: dict[str, Any]) -> Iterator[Change]:
        board = self.boards.get(record["cloud"], record["device"])
        line = Line(record["ms"], "board", "log", record["text"][:_LINE])
        board.log.append(line)
        yield "line", {"board": board.id, **_told_line(line)}

    # Of connections, packets and datagrams.

    def _opened(self, record: dict[str, Any]) -> Iterator[Change]:
        connection = _Connection(record["cloud"], record)
        certificate = record.get("certificate") or {}
        connection.said += [str(certificate.get("subject", ""))]
        self._connections.note(record["connection"], connection)
        self._by_peer.note(record.get("peer", ""), record["connection"])
        yield from ()

    def _login(self, record: dict[str, Any]) -> Iterator[Change]:
        board = self.boards.get(record["cloud"], record["device"])
        connection = self._connections.get(record["connection"])
        facts = connection.facts if connection else {}
        if connection is not None:
            connection.board = board
        board.kind = record.get("kind") or board.kind
        board.connection = record["connection"]
        for name in ("way", "tls", "server_name", "certificate"):
            setattr(board, name, facts.get(name))
        board.peer = facts.get("peer", "")
        board.client_id = record.get("client_id", "")
        for name in ("keepalive_s", "clean", "policy"):
            setattr(board, name, record.get(name))
        board.came(record["ms"])
        yield "board", {"id": board.id}

    def _closed(self, record: dict[str, Any]) -> Iterator[Change]:
        connection = self._connections.pop(record["connection"], None)
        board = connection.board if connection else None
        if board is not None and board.connection == record["connection"]:
            board.left(record["ms"])
            yield "board", {"id": board.id}

    def _packet(self, record: dict[str, Any]) -> Iterator[Change]:
        """What a client says of itself; which PUBLISH the broker has acknowledged."""
        name, number = record["name"], record["connection"]
        if name not in ("CONNECT", "PUBLISH", "PUBACK", "PUBREC"):
            return
        try:
            (packet,) = packets.Decoder(1 << 24).feed(bytes.fromhex(record["bytes"]))
            up = record["direction"] == "up"
            if name == "CONNECT" and up and number in self._connections:
                connect = packets.Connect.parse(packet.body)
                said = self._connections[number].said
                said += [connect.client_id, connect.user or ""]
            elif name == "PUBLISH" and up:
                publish = packets.Publish.parse(packet)
                connection = self._connections.get(number)
                if publish.qos and connection is not None and connection.board is not None:
                    where = number, publish.packet_id, publish.topic
                    self._publishing.note(connection.board.id, where)
            elif not up and name in ("PUBACK", "PUBREC"):
                for told in self._unacknowledged.pop((number, packet.packet_id()), ()):
                    message = self._messages.get(told)
                    if message is not None and message.told["took_ms"] is None:
                        yield self._answer(message, record["ms"])
        except (ValueError, MalformedError, packets.UnsupportedLevelError, packets.TooLargeError):
            return  # a trace has what a client sent, whatever that was

    def _coap(self, record: dict[str, Any]) -> Iterator[Change]:
        """Which request is whose message, how often it came, and when it was answered."""
        where, up = record["connection"], record["direction"] == "up"
        token, mid = record["token"], record["mid"]
        if not up:
            exchange = self._exchanges.get((where, token)) if record["code"] != "0.00" else None
            if exchange is not None and self._requested.get(exchange.topic) is exchange:
                del self._requested[exchange.topic]
            for number in exchange.ids if exchange else ():
                message = self._messages.get(number)
                if message is not None and message.told["took_ms"] is None:
                    yield self._answer(message, record["ms"])
            return
        if record.get("again"):
            exchange = self._transmissions.get((where, mid))
            if exchange is not None:
                exchange.facts["sent"] += 1
                for number in exchange.ids:
                    if number in self._messages:
                        yield "message", self._messages[number].told
            return
        if not record["code"].startswith("0.") or record["code"] == "0.00":
            return
        facts = {"token": token, "mid": mid, "seq": record.get("seq"), "sent": 1}
        path = [value for number, value in record.get("options", ()) if number == _URI_PATH]
        topic = "/" + "/".join(path[1:]) if path[:1] == ["topic"] else ""
        exchange = _Exchange(facts, record.get("payload_hex", ""), topic)
        self._exchanges.note((where, token), exchange)
        self._transmissions.note((where, mid), exchange)
        if topic:
            self._requested.note(topic, exchange)
        connection = _Connection(record["cloud"], {})
        with contextlib.suppress(ValueError):
            decoded = decode("", bytes.fromhex(exchange.payload_hex)).value
            if isinstance(decoded, dict):
                connection.said = [each for each in decoded.values() if isinstance(each, str)]
        self._connections.note(where, connection)
        self._by_peer.note(where, where)

    def _follow(self, message: _Message, board: Board, data: bytes) -> None:
        """Join a message with the packet or the request that brought it."""
        told = message.told
        if told["direction"] != "up":
            return
        publishing = self._publishing.get(board.id)
        if publishing is not None and publishing[2] == told["topic"] and told["qos"]:
            where = publishing[:2]
            self._unacknowledged.note(where, [*self._unacknowledged.get(where, []), told["id"]])
        if told["qos"]:
            return
        exchange = self._requested.get(told["topic"])
        if exchange is not None:
            exchange.ids.append(told["id"])
            told["coap"] = exchange.facts
            if exchange.payload_hex != data.hex():
                message.cipher = exchange.payload_hex


def _holds(message: _Message, wanted: str) -> bool:
    told, payload = message.told, message.payload
    texts = [told[name] for name in ("device", "topic", "status", "reason", "summary")]
    texts.append(payload if isinstance(payload, str) else payload["hex"])
    return any(wanted in text.casefold() for text in texts)


def _waiting(decoded: Decoded) -> int | None:
    """How many reports wait on the board, where it reports its counters: `health_s`."""
    named = {name.rpartition(".")[2]: number for name, number in decoded.values.items()}
    return int(named["waiting"]) if "waiting" in named and "free_heap" in named else None


def _told_line(line: Line) -> dict[str, Any]:
    return {**line._asdict(), "message": None}


def _message_line(told: dict[str, Any]) -> dict[str, Any]:
    kind = "answer" if told["answers"] is not None else _KINDS[told["direction"]]
    text = " ".join(each for each in (told["topic"], told["summary"], told["reason"]) if each)
    return {"ms": told["ms"], "side": "cloud", "kind": kind, "text": text, "message": told["id"]}


_KINDS = {"up": "report", "down": "command"}
