"""What goes over the connections of a trace when it is played again, and is the same decided?"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

from tools.twin.clouds.proof import Again, Then
from tools.twin.trace import compare, ends
from tools.twin.trace.awaited import Awaited
from tools.twin.trace.clock import Clock
from tools.twin.trace.file import Record
from tools.twin.trace.follow import Key
from tools.twin.trace.handshakes import Handshakes, NotPlayedError
from tools.twin.trace.line import Line, Tokens
from tools.twin.trace.survey import BOARD_ENDS, Survey
from tools.ui import UserError

_HEARD_S = 1.0  # for what a connection that is over may never have brought
_MOST_PEERS = 500  # of CoAP without DTLS, which has no end


class Connections:
    """Those of one replay. found: of its trace. again: by cloud.

    steps: by "what" of a record: takes its number, and the record.
    """

    def __init__(
        self,
        found: Survey,
        again: Mapping[str, Again],
        handshakes: Handshakes,
        awaited: Awaited,
        clock: Clock,
    ) -> None:
        self._survey = found
        self._seen = awaited.seen
        self._again = again
        self._handshakes = handshakes
        self._awaited = awaited
        self._clock = clock
        self._tokens = Tokens()
        self._lines: OrderedDict[Key, Line] = OrderedDict()
        self._latest: Line | None = None
        self._speaking: Line | None = None
        self._of: dict[str, Line] = {}  # by device, the one that it was on last
        self.steps: dict[str, Callable[[int, Record], Any]] = {
            "opened": self._opened,
            "packet": self._packet,
            "http": self._http,
            "coap": self._coap,
            "login": self._decided,
            "refused": self._decided,
            "ended": self._left,
            "closed": self._closed,
        }

    def listens(self, clouds: Mapping[str, Mapping[str, int]]) -> None:
        """Take note of the ports that the trace has. clouds: of a "ready" record."""
        self._tokens.ports.update(self._handshakes.ports(clouds))

    def are_over(self, device: str) -> bool:
        """Whether no connection is left on which the twin may decide about a device."""
        lines = [line for line in (self._latest, self._of.get(device)) if line is not None]
        return bool(lines) and all(line.over or line.key in self._seen.gone for line in lines)

    async def close(self) -> set[Key | None]:
        """End those that are left; gives what the twin calls them."""
        for line in self._lines.values():
            if line.end is not None:
                await line.end.close()
        return {line.key for line in self._lines.values()}

    # By all ways in

    async def _opened(self, number: int, record: Record) -> None:
        line = self._line(record)
        try:
            line.end = await self._handshakes.opened(record)
            self._seen.poll()
            self._seen.peers.pop(line.end.peer, None)  # of one before it
        except NotPlayedError as error:
            line.failed = f"connections {error}"
        except UserError as error:
            line.failed = "connections that could not be opened"
            self._awaited.differ(number, record, "opened", str(error))
        if line.failed:
            self._awaited.leave_out(record["peer"], line.failed)

    def _line(self, record: Record) -> Line:
        key = record["connection"]
        if key not in self._lines or record["what"] == "opened":
            self._lines[key] = Line(self._again[record["cloud"]], self._tokens)
        self._latest = line = self._lines[key]
        if device := record.get("device"):
            self._of[device] = line
        return line

    async def _send(self, line: Line, record: Record, data: bytes) -> None:
        if line is not self._speaking:
            await self.until_heard()
        self._awaited.caused(record["ms"])
        if record.get("name") == "DISCONNECT":
            line.since = self._awaited.under_way(record["ms"])
        if line.end is None or not data:
            return
        self._speaking = line
        line.told += record["what"] == "http" or record.get("name", "") != ""
        self._awaited.out.played += 1
        await line.end.send(data)

    async def until_heard(self) -> None:
        """Until the twin has read what went out: it may read another connection first."""
        await self._until_heard(self._speaking)

    async def _until_heard(self, line: Line | None) -> None:
        if line is None or line.over or not line.told:
            return
        if (key := await self._key(line)) is None:
            return
        if key not in self._seen.gone:
            await self._awaited.until(lambda: self._seen.heard[key] >= line.told, _HEARD_S)
        line.told = 0 if self._seen.heard[key] < line.told else line.told

    async def _decided(self, number: int, record: Record) -> None:
        await self._expect(number, record, self._line(record))

    async def _expect(self, number: int, record: Record, line: Line) -> Record | None:
        if line.failed:
            if record.get("device"):
                self._awaited.left.add(record["device"])
            return None
        if (key := await self._key(line)) is None:
            self._awaited.differ(number, record, compare.told(record), "")
            return None
        return await self._awaited.wait(
            number, record, lambda: self._seen.lines[key], lambda: key in self._seen.gone
        )

    async def _key(self, line: Line) -> Key | None:
        """What the twin calls the connection now; it has to tell of it first."""
        if line.key is None and line.end is not None:
            peer = line.end.peer
            await self._awaited.until(lambda: peer in self._seen.peers)
            line.key = self._seen.peers.get(peer)
        return line.key

    async def _left(self, _number: int, record: Record) -> None:
        line = self._line(record)
        self._awaited.caused(record["ms"])
        line.since = self._awaited.under_way(record["ms"])
        if line.end is not None and record["connection"] not in self._survey.outlived:
            await line.end.close()

    async def _closed(self, number: int, record: Record) -> None:
        line = self._line(record)
        if line.end is not None:
            reason, coap = record["reason"], isinstance(record["connection"], str)
            await self._until_heard(line)
            if coap or not reason or reason.startswith(BOARD_ENDS) or line.key is None:
                await line.end.close(reset=reason.startswith("connection lost"))
            if not coap:
                if line.since is None:
                    line.since = self._awaited.under_way(record["ms"])
                await self._expect(number, record, line)
                self._forget(number, line, line.since, record["device"])
            line.over = True
            await line.end.close()
        self._lines.pop(record["connection"], None)

    def _forget(self, number: int, line: Line, since: int, device: str | None) -> None:
        """A connection is over: what was not asked for of it was not decided in the trace.

        But what was under way to its board `since` then may have come too late there.
        """

        def late(each: Record) -> bool:
            to_device = each["what"] in ("packet", "message") and each["direction"] == "down"
            return to_device and each["taken"] > since

        for each in self._seen.forget(line.key):
            if not late(each):
                self._awaited.differ(number, each, "", compare.told(each))
        others = self._seen.others
        others[:] = [each for each in others if each.get("device") != device or not late(each)]

    # By each way in

    def _then(self, number: int) -> Then:
        return Then(self._survey.is_wrong(number), self._clock.later_ms)

    async def _packet(self, number: int, record: Record) -> None:
        line = self._line(record)
        if record["direction"] == "up":
            if self._clock.fast:
                await asyncio.sleep(line.pause_s(record["ms"]))
            await self._send(line, record, line.packet(record, self._then(number)))
        elif (now := await self._expect(number, record, line)) is not None:
            line.learn(record, now)

    async def _http(self, number: int, record: Record) -> None:
        line = self._line(record)
        if record["direction"] == "up":
            await self._send(line, record, line.request(record, self._then(number)))
        elif await self._expect(number, record, line) is not None:
            await self._awaited.until(lambda: line.given(record))

    async def _coap(self, number: int, record: Record) -> None:
        line = self._line(record)
        if record["direction"] == "up":
            if line.end is None and not line.failed:
                await self._open_peer(line, record)
            if record["type"] in ("CON", "NON"):
                self._seen.requests.clear()
            await self._send(line, record, line.datagram(record, self._then(number)))
            if line.key is None and line.end is not None and not record["again"]:
                await self._awaited.until(lambda: self._found(line, record))
        elif compare.is_decision(record):
            now = await self._expect(number, record, line)
            if now is not None:
                await self._awaited.until(lambda: line.answered(record, now))

    async def _open_peer(self, line: Line, record: Record) -> None:
        try:
            line.end = ends.Udp(self._handshakes.way(record))
        except NotPlayedError as error:
            line.failed = f"connections {error}"
            self._awaited.leave_out(record["connection"], line.failed)
        peers = [key for key in self._lines if isinstance(key, str)]
        for key in peers[:-_MOST_PEERS]:
            line = self._lines.pop(key)
            if line.end is not None:
                await line.end.close()

    def _found(self, line: Line, record: Record) -> bool:
        same = ("mid", "token", "code")
        for each in self._seen.requests:
            if all(each[name] == record[name] for name in same):
                line.key = each["connection"]
        return line.key is not None
