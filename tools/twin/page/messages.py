"""Which messages are kept, and what does a page ask of them?"""

import asyncio
import contextlib
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from tools.twin.page.boards import Board
from tools.twin.page.decoding import content, decode, plain

MESSAGES = 20_000
"""How many of the newest are kept; fewer where their payloads are large."""

POINTS = 5_000
"""How many points of a series are told."""

_BYTES = 64 << 20  # of all messages that are kept
_AT_ONCE = 50  # messages that are decoded or looked through before boards have their turn


@dataclass(slots=True)
class Message:
    """facts: what the page is told of it, but for what its payload says. payload: as the journal
    has it. cipher: as hex, what went over the wire, where that was encrypted.
    """

    facts: dict[str, Any]
    payload: str | dict[str, str]
    board: Board
    cipher: str | None = None

    @property
    def told(self) -> dict[str, Any]:
        """What the page is told of it: the payload is decoded when that is asked for first."""
        if "summary" not in self.facts:
            decoded = decode(self.facts["topic"], content(self.payload))
            for name in ("summary", "values", "times"):
                self.facts[name] = getattr(decoded, name)
        return self.facts

    @property
    def weight(self) -> int:
        """Bytes that are kept, about: a client chooses how many there are."""
        return int(self.facts["size"]) + len(self.facts["topic"])

    @property
    def up(self) -> bool:
        """Whether it comes from the board."""
        return bool(self.facts["direction"] == "up")

    def answered(self, ms: int, reply: int | None = None) -> None:
        """It was acknowledged, or answered by a message with the id `reply`."""
        self.facts["took_ms"] = max(0, ms - self.facts["ms"])
        if reply is not None:
            self.facts["reply"] = reply

    def marks(self) -> dict[str, Any]:
        """What of it changes after it was told."""
        return {name: self.facts[name] for name in ("id", "status", "took_ms", "reply")}


class Messages:
    """The newest messages of all boards."""

    def __init__(self) -> None:
        self._kept: OrderedDict[int, Message] = OrderedDict()
        self._bytes = 0

    @property
    def last_id(self) -> int:
        """The newest one's, 0 without any."""
        return next(reversed(self._kept), 0)

    def get(self, number: int) -> Message | None:
        """The message of that id, if it is kept."""
        return self._kept.get(number)

    def those(self, numbers: Iterable[int]) -> Iterator[Message]:
        """Those of these ids that are kept."""
        return (message for number in numbers if (message := self._kept.get(number)))

    def add(self, message: Message) -> None:
        """Keep one; the oldest go."""
        self._kept[message.facts["id"]] = message
        message.board.ids.append(message.facts["id"])
        self._bytes += message.weight
        while len(self._kept) > MESSAGES or (self._bytes > _BYTES and len(self._kept) > 1):
            _, old = self._kept.popitem(last=False)
            old.board.ids.popleft()
            self._bytes -= old.weight

    async def select(
        self,
        board: Board | None,
        *,
        after: int = 0,
        before: int | None = None,
        limit: int = 500,
        cloud: str = "",
        topic: str = "",
        text: str = "",
    ) -> tuple[list[dict[str, Any]], bool]:
        """The newest that fit, oldest first, and whether more would; `after` alone: the oldest.

        board: None for all. topic: its beginning. text: anywhere in who, where and what.
        """
        wanted = text.casefold()
        onward = before is None and after > 0
        ids = self._ids(board)
        fitting = [
            number
            for number in (ids if onward else reversed(ids))
            if number > after and (before is None or number < before)
        ]
        found: list[dict[str, Any]] = []
        async for message in self._in_turn(fitting):
            if (
                (not cloud or message.facts["cloud"] == cloud)
                and message.facts["topic"].startswith(topic)
                and (not wanted or _holds(message, wanted))
            ):
                found.append(message.told)
                if len(found) > limit:
                    break
        more = len(found) > limit
        found = found[:limit]
        return (found if onward else found[::-1]), more

    def whole(self, number: int) -> dict[str, Any] | None:
        """All of one message, or None."""
        message = self._kept.get(number)
        if message is None:
            return None
        payload = message.payload
        decoded = decode(message.facts["topic"], content(payload))
        value = None
        with contextlib.suppress(RecursionError):
            value = plain(decoded.value)
        return {
            **message.told,
            "payload": {"text": payload} if isinstance(payload, str) else payload,
            "decoded": value,
            "format": decoded.format,
            "aes": None if message.cipher is None else {"cipher_hex": message.cipher},
        }

    def topics(self, board: Board | None, cloud: str = "") -> list[dict[str, Any]]:
        """The topics of those that are kept, without what follows a "?"."""
        counts: Counter[tuple[str, str]] = Counter()
        last: dict[tuple[str, str], int] = {}
        for message in self.those(self._ids(board)):
            facts = message.facts
            if not cloud or facts["cloud"] == cloud:
                where = facts["cloud"], facts["topic"].partition("?")[0]
                counts[where] += 1
                last[where] = facts["id"]
        return [
            {"topic": where[1], "cloud": where[0], "count": count, "last_id": last[where]}
            for where, count in sorted(counts.items())
        ]

    async def values(self, board: Board) -> list[dict[str, Any]]:
        """The numbers that a board has reported, by name, at the times that it says."""
        series: dict[str, list[tuple[int, float]]] = {}
        async for message in self._in_turn(list(board.ids)):
            if message.up and message.facts["status"] == "stored":
                told = message.told
                for name, value in told["values"].items():
                    when = told["times"].get(name, told["ms"])
                    series.setdefault(name, []).append((when, value))
        return [
            {"name": name, "points": sorted(points)[-POINTS:]}
            for name, points in sorted(series.items())
        ]

    async def _in_turn(self, numbers: list[int]) -> AsyncIterator[Message]:
        """Those of these ids that are kept; nobody waits until all are looked at."""
        for count, message in enumerate(self.those(numbers), 1):
            yield message
            if count % _AT_ONCE == 0:
                await asyncio.sleep(0)

    def _ids(self, board: Board | None) -> Any:
        return self._kept.keys() if board is None else board.ids


def _holds(message: Message, wanted: str) -> bool:
    told, payload = message.told, message.payload
    texts = [told[name] for name in ("device", "topic", "status", "reason", "summary")]
    texts.append(payload if isinstance(payload, str) else payload["hex"])
    return any(wanted in text.casefold() for text in texts)
