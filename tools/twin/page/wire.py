"""Whose is a connection, and which packet or datagram brought or acknowledged which message?

From the journal's records of connections, MQTT packets, HTTP requests and CoAP datagrams. What a
client says of itself counts until it is known who it is: only so a refusal finds its board.
"""

import contextlib
import re
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from tools.twin.page.boards import Board, Boards
from tools.twin.page.decoding import decode
from tools.twin.page.messages import Message, Messages
from tools.twin.wire import packets
from tools.twin.wire.fields import MalformedError

PEER = re.compile(r"\S+:\d+")
"""Where events name no board: what it connects from."""

_PENDING = 10_000
_URI_PATH = 11  # RFC 7252, section 5.10

_K = TypeVar("_K")
_V = TypeVar("_V")


class Few(OrderedDict[_K, _V], Generic[_K, _V]):
    """A dict that forgets the oldest."""

    def note(self, key: _K, value: _V) -> _V:
        """Set a value, as the newest."""
        self.pop(key, None)
        self[key] = value
        if len(self) > _PENDING:
            self.popitem(last=False)
        return value


@dataclass(slots=True)
class _Connection:
    """One. facts: of the record `opened`. said: by whoever is on it, of itself."""

    facts: dict[str, Any] = field(default_factory=dict)
    board: Board | None = None
    said: list[str] = field(default_factory=list)
    client_id: str = ""


@dataclass(slots=True)
class _Request:
    """One of CoAP. facts: what the page is told of it. ids: of the messages that it was."""

    facts: dict[str, Any]
    ids: list[int]


class Wire:
    """What is on its way."""

    def __init__(self, boards: Boards, messages: Messages) -> None:
        self._boards = boards
        self._messages = messages
        self._connections: Few[Any, _Connection] = Few()
        self._by_peer: Few[str, Any] = Few()
        self._publishing: Few[tuple[Any, int], list[int]] = Few()  # by connection and packet id
        self._by_board: dict[str, Any] = {}  # connection by board
        self._filed: Few[tuple[str, str], list[int]] = Few()  # by board and topic
        self._requests: Few[tuple[Any, str], _Request] = Few()  # by connection and token
        self._transmissions: Few[tuple[Any, int], _Request] = Few()  # by connection and mid

    def whose(self, cloud: str, peer: str, text: str) -> Board:
        """The board that connects from there, as far as can be known. text: what is said of it."""
        connection = self._connections.get(self._by_peer.get(peer))
        if connection is not None:
            found = connection.board or self._boards.meant(cloud, connection.said)
            if found is not None:
                return found
        if found := self._boards.named(cloud, text):
            return found
        board = self._boards.stranger(cloud, peer)
        if connection is not None:
            board.client_id = connection.client_id
        return board

    # Records. What they return: ids of messages that are acknowledged now.

    def opened(self, record: dict[str, Any]) -> None:
        """A connection is there."""
        connection = self._connections.note(record["connection"], _Connection(record))
        connection.said.append(str((record.get("certificate") or {}).get("subject", "")))
        self._by_peer.note(record.get("peer", ""), record["connection"])

    def login(self, record: dict[str, Any], board: Board) -> None:
        """It is known whose it is."""
        number = record["connection"]
        connection = self._connections.get(number) or _Connection()
        connection.board = board
        self._by_board[board.id] = number
        _describe(board, connection.facts)
        board.connection = number

    def closed(self, record: dict[str, Any]) -> Board | None:
        """A connection is gone; the board whose it was."""
        number = record["connection"]
        connection = self._connections.pop(number, None)
        board = connection.board if connection else None
        if board is not None and self._by_board.get(board.id) == number:
            del self._by_board[board.id]
        return board if board is not None and board.connection == number else None

    def packet(self, record: dict[str, Any]) -> Iterable[int]:
        """A packet of MQTT, either way."""
        name, number = record["name"], record["connection"]
        if name in ("PUBACK", "PUBREC") and record["direction"] == "down":
            packet_id = int(record["bytes"][4:8], 16)  # sections 3.4 and 3.5: two bytes before it
            return self._publishing.pop((number, packet_id), ())
        if name == "CONNECT":
            # A client may send anything, and a trace has it.
            with contextlib.suppress(ValueError, MalformedError, packets.UnsupportedLevelError):
                (packet,) = packets.Decoder().feed(bytes.fromhex(record["bytes"]))
                connect = packets.Connect.parse(packet.body)
                connection = self._connections.get(number) or _Connection()
                connection.said += [connect.client_id, connect.user or ""]
                connection.client_id = connect.client_id
        return ()

    def http(self, record: dict[str, Any]) -> Board | None:
        """A request or its reply; the board, once that is known."""
        number = record["connection"]
        connection = self._connections.get(number) or _Connection()
        if record["direction"] == "up":
            headers = record.get("headers") or {}
            host = next((text for name, text in headers.items() if name.lower() == "host"), "")
            connection.said = [str(record.get("path", "")), host, *_texts(record["body_hex"])]
        return self._is_of(record, connection)

    def coap(self, record: dict[str, Any]) -> tuple[Board | None, Iterable[int], Iterable[int]]:
        """A datagram: its board where known, what it acknowledges, what is otherwise now.

        A request comes right after the messages that it was filed as.
        """
        where, code = record["connection"], record["code"]
        connection = self._connections.get(where) or self._connections.note(where, _Connection())
        self._by_peer.note(where, where)
        if record["direction"] == "down":
            request = self._requests.get((where, record["token"])) if code[0] in "245" else None
            return None, request.ids if request else (), ()
        if record.get("again"):
            request = self._transmissions.get((where, record["mid"]))
            if request is None:
                return None, (), ()
            request.facts["sent"] += 1
            return None, (), request.ids
        if code[0] != "0" or code == "0.00":
            return None, (), ()
        connection.facts = {"way": record.get("way"), "peer": where} | connection.facts
        connection.said = list(_texts(record["payload_hex"]))
        board = self._is_of(record, connection)
        facts = {name: record.get(name) for name in ("token", "mid", "seq")} | {"sent": 1}
        filed = self._requested(record)
        for message in self._messages.those(filed):
            message.facts["coap"] = facts
            if record.get("plain_hex") is not None:
                message.cipher = record["payload_hex"]
        request = _Request(facts, filed)
        self._requests.note((where, record["token"]), request)
        self._transmissions.note((where, record["mid"]), request)
        return board, (), request.ids

    def _requested(self, record: dict[str, Any]) -> list[int]:
        """Ids of the messages that a request was filed as."""
        path = [value for number, value in record["options"] if number == _URI_PATH]
        if path[:1] != ["topic"] or not record.get("device"):
            return []
        topic = "/" + "/".join(map(str, path[1:]))
        return self._filed.pop((f"{record['cloud']} {record['device']}", topic), [])

    def _is_of(self, record: dict[str, Any], connection: _Connection) -> Board | None:
        """Note that a connection is of the device that the record names, if it does."""
        if not record.get("device"):
            return None
        board = connection.board = self._boards.get(record["cloud"], record["device"])
        if board.connection is None:
            _describe(board, connection.facts)
        board.asked(record["ms"], connection.facts.get("way"))
        return board

    def filed(self, message: Message, packet_id: int | None) -> None:
        """Join a message from a board with the packet or datagram that brought it.

        packet_id: as the journal has it.
        """
        board, facts = message.board, message.facts
        if packet_id:
            where = self._by_board.get(board.id), packet_id
            ids = self._publishing.get(where, [])  # several reports in one are each a message
            self._publishing.note(where, [*ids, facts["id"]])
        elif packet_id is None and board.way not in ("http", "https"):
            place = board.id, facts["topic"]
            self._filed.note(place, [*self._filed.get(place, [])[-100:], facts["id"]])


def _describe(board: Board, facts: dict[str, Any]) -> None:
    """What a connection says of its board."""
    for name in ("way", "tls", "server_name", "certificate"):
        setattr(board, name, facts.get(name))
    board.peer = facts.get("peer", "")


def _texts(body_hex: str) -> Iterator[str]:
    """The texts in a body that is an object."""
    with contextlib.suppress(ValueError):
        value = decode("", bytes.fromhex(body_hex)).value
        if isinstance(value, dict):
            yield from (each for each in value.values() if isinstance(each, str))
