"""How does a page hear what happens, without a slow one holding anything up?

Server-sent events (HTML, section 9.2): what came since the last batch goes out together, a board
or a message as it is by then. A page that does not read has its queue filled, and is told how much
it missed.
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from tools.twin.page.model import Change

QUEUED = 5_000
"""How many changes wait for a page at most."""

_PAUSE_S = 0.05
_QUIET_S = 15.0
_SHARE = 10  # a batch's making takes at most this part of the time


class Stream:
    """What waits for one page. board, message: what it is told of one now, by its id."""

    def __init__(
        self,
        board: Callable[[str], dict[str, Any] | None],
        message: Callable[[int], dict[str, Any] | None],
    ) -> None:
        self._board = board
        self._message = message
        self._messages: dict[int, None] = {}
        self._boards: dict[str, None] = {}
        self._others: list[Change] = []
        self._lost = 0
        self._gone = False
        self._some = asyncio.Event()

    def put(self, changes: Iterable[Change]) -> None:
        """Have these told; they count as lost while the queue is full."""
        for what, data in changes:
            if what == "board":  # of each there is one at most
                self._boards[data["id"]] = None
            elif what == "marked" and data["id"] in self._messages:
                pass  # told with it
            elif len(self._messages) + len(self._others) >= QUEUED:
                self._lost += 1
            elif what == "message":
                self._messages[data["id"]] = None
            else:
                self._others.append((what, data))
        self._some.set()

    def end(self) -> None:
        """The twin stops."""
        self._gone = True
        self._some.set()

    async def run(self, write: Callable[[bytes], Awaitable[None]]) -> None:
        """Write until the twin stops, or `write` raises."""
        await write(b"retry: 1000\n\n")
        while not self._gone:
            try:
                async with asyncio.timeout(_QUIET_S):
                    await self._some.wait()
            except TimeoutError:
                await write(b": still here\n\n")
                continue
            began = time.monotonic()
            batch = self._batch()
            took_s = time.monotonic() - began
            if batch:
                await write(batch)
            if not self._gone:
                await asyncio.sleep(max(_PAUSE_S, took_s * _SHARE))
        await write(self._batch() + _event("gone", {}))

    def _batch(self) -> bytes:
        """What waits, as bytes; nothing waits any more."""
        self._some.clear()
        message_ids, self._messages = self._messages, {}
        board_ids, self._boards = self._boards, {}
        others, self._others = self._others, []
        lost, self._lost = self._lost, 0
        if lost:  # the page loads everything anew
            return _event("lost", {"count": lost})
        messages = [told for each in message_ids if (told := self._message(each)) is not None]
        boards = [told for each in board_ids if (told := self._board(each)) is not None]
        events = []
        if len(messages) + len(boards) > 2:
            events.append(_event("many", {"messages": messages, "boards": boards}))
        else:
            events += [_event("message", message) for message in messages]
            events += [_event("board", board) for board in boards]
        events += [_event(what, data) for what, data in others]
        return b"".join(events)


def _event(name: str, data: dict[str, Any]) -> bytes:
    return f"event: {name}\ndata: {json.dumps(data, separators=(',', ':'))}\n\n".encode()
