"""Which commands wait for devices that fetch them by HTTP, and which requests wait for commands?

A command goes at most once: what a device was answered is no longer here. Source: eclipse/amlen
`iotrest.c` (a second request of the same client ends the one that waits).
"""

import asyncio
import re
from collections import deque
from typing import NamedTuple

_TOPIC = re.compile(r"watson/([^/]+)/iot-2/type/([^/]+)/id/([^/]+)/cmd/([^/]+)/fmt/([^/]+)")
_QUEUE_LENGTH = 5000  # what the platform keeps for a session; the oldest goes


class Command(NamedTuple):
    """One command of Watson. form: the last level of its topic."""

    org: str
    type_id: str
    device_id: str
    name: str
    form: str
    payload: bytes


class _Poll(NamedTuple):
    pattern: tuple[str, str, str]
    command: asyncio.Future[Command | None]


class Polls:
    """The commands of devices that have used HTTP. A reader is who fetches: a session's key."""

    def __init__(self) -> None:
        self._readers: dict[tuple[str, str, str], str] = {}
        self._queues: dict[str, deque[Command]] = {}
        self._polls: dict[str, _Poll] = {}

    def visited(self, reader: str, org: str, type_id: str, device_id: str) -> None:
        """`reader` used HTTP for this device: it is the one to fetch its commands."""
        self._readers[org, type_id, device_id] = reader

    def reader(self, broker_topic: str) -> str | None:
        """Who fetches what is published to this topic of the broker, if anyone does."""
        found = _TOPIC.fullmatch(broker_topic)
        return self._readers.get((found[1], found[2], found[3])) if found else None

    def offer(self, reader: str, broker_topic: str, payload: bytes) -> bool:
        """Keep a command until `reader` fetches it; whether a request waited for it already."""
        found = _TOPIC.fullmatch(broker_topic)
        assert found is not None
        command = Command(found[1], found[2], found[3], found[4], found[5], payload)
        poll = self._polls.get(reader)
        if poll is not None and not poll.command.done() and _fits(command, poll.pattern):
            poll.command.set_result(command)
            return True
        self._queue(reader).append(command)
        return False

    def _queue(self, reader: str) -> deque[Command]:
        return self._queues.setdefault(reader, deque(maxlen=_QUEUE_LENGTH))

    async def fetch(
        self, reader: str, pattern: tuple[str, str, str], wait_s: float
    ) -> Command | None:
        """The oldest command that fits, waiting for one at most `wait_s`; None without one.

        pattern: type, id and name, each of which may be "+".
        """
        earlier = self._polls.get(reader)
        if earlier is not None and not earlier.command.done():
            earlier.command.set_result(None)
        queue = self._queue(reader)
        for command in queue:
            if _fits(command, pattern):
                queue.remove(command)
                return command
        if not wait_s:
            return None
        poll = _Poll(pattern, asyncio.get_running_loop().create_future())
        self._polls[reader] = poll
        try:
            await asyncio.wait((poll.command,), timeout=wait_s)
        except asyncio.CancelledError:  # the device left
            if poll.command.done() and (unfetched := poll.command.result()) is not None:
                queue.appendleft(unfetched)
            raise
        finally:
            if self._polls.get(reader) is poll:
                del self._polls[reader]
        return poll.command.result() if poll.command.done() else None


def _fits(command: Command, pattern: tuple[str, str, str]) -> bool:
    levels = (command.type_id, command.device_id, command.name)
    return all(wanted in ("+", level) for wanted, level in zip(pattern, levels, strict=True))
