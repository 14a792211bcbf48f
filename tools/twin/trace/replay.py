"""How is a trace played again: its boards' side to a fresh twin, whose decisions are compared?

One record after the other: what a board sent goes out, what the twin decided then is waited for
now. So what depends on the order of things is as it was, however fast it goes.
"""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tools.twin.clouds import CLOUDS
from tools.twin.clouds.again import AGAIN
from tools.twin.clouds.doors import DOORS
from tools.twin.clouds.proof import Then
from tools.twin.process import TwinProcess
from tools.twin.registry.store import Store, open_store
from tools.twin.trace import compare, ends, registry
from tools.twin.trace.ends import End
from tools.twin.trace.file import Record
from tools.twin.trace.follow import Follower, Key
from tools.twin.trace.issuers import Issuers
from tools.twin.trace.line import Line, Tokens
from tools.twin.trace.survey import STOPPED, survey
from tools.ui import UserError

_PATIENCE_S = 20.0  # for a decision of which nothing is to be seen
_SETTLE_S = 5.0  # for one in whose place another has come
_HASTY_AFTER = 10  # differences; from then on both are a fifth
_STEP_S = 0.003
_BOARD_ENDS = ("closed its side", "connection lost", "left without", "said goodbye")
_NOT_ASKED = ("set_losses",)  # what it lost never came to the twin


@dataclass(frozen=True, slots=True)
class Difference:
    """A decision that is another now. then: "" where there was none; now: likewise."""

    number: int
    record: Record
    then: str
    now: str


@dataclass(slots=True)
class Outcome:
    """How a replay went. played: what boards sent. left_out: why, and how often.

    decisions: that were the same.
    """

    played: int = 0
    decisions: int = 0
    differences: list[Difference] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)


def replay(records: list[Record], folder: Path, *, fast: bool = False) -> Outcome:
    """Play a trace. records: its own, head first. folder: for the twin. fast: without pauses.

    raises: UserError when no twin starts, and for what cannot be played, with its line.
    """
    trace = folder / "replay.jsonl"
    options = ["--record", str(trace), *_options(records[0]["options"])]
    with TwinProcess(folder, {door.key: 0 for door in DOORS}, options) as twin:
        store = open_store(twin.state)
        follower = Follower(trace)
        try:
            player = _Player(records, twin, store, follower, fast)
            return asyncio.run(player.play())
        finally:
            follower.close()
            store.close()


def _options(given: Record) -> list[str]:
    try:
        found = [
            "--token-life",
            str(given["token_life_s"]),
            "--http-rate",
            str(given["http_per_s"]),
        ]
        return found if given["policy"] is None else [*found, "--policy", given["policy"]]
    except (KeyError, TypeError):
        raise UserError("line 1 of the trace has not the options of a twin") from None


class _Player:
    def __init__(
        self, records: list[Record], twin: TwinProcess, store: Store, seen: Follower, fast: bool
    ) -> None:
        self._records = records
        self._twin = twin
        self._store = store
        self._seen = seen
        self._fast = fast
        self._survey = survey(records)
        self._again = {name: again(store) for name, again in AGAIN.items()}
        self._issuers = Issuers(twin.state.parent, store)
        self._tokens = Tokens()
        self._lines: dict[Key, Line] = {}
        self._out = Outcome()
        self._left_devices: set[str] = set()
        self._ids: dict[int, int] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._late_ms = 0
        self._cause_ms = records[0]["ms"]
        self._stopped = False
        self._steps: dict[str, Callable[[int, Record], Any]] = {
            "registry": self._registry,
            "opened": self._opened,
            "packet": self._packet,
            "http": self._http,
            "coap": self._coap,
            "login": self._decided,
            "refused": self._decided,
            "ended": self._left,
            "closed": self._closed,
            "command": self._command,
            "fault": self._fault,
            "ready": self._ready,
            "end": self._ended,
        }

    async def play(self) -> Outcome:
        """All of it."""
        started_ms = _now_ms()
        for number in self._survey.order:
            record = self._records[number]
            if not self._fast:
                ahead_ms = record["ms"] - self._records[0]["ms"] - (_now_ms() - started_ms)
                await asyncio.sleep(max(0, ahead_ms) / 1000)
            self._late_ms = _now_ms() - record["ms"]
            try:
                await self._step(number, record)
            except (KeyError, ValueError, TypeError, IndexError, AttributeError) as error:
                reason = f"line {number + 1} of the trace cannot be played: {error!r}"
                raise UserError(reason) from error
        await self._finish()
        return self._out

    async def _step(self, number: int, record: Record) -> None:
        step = self._steps.get(record["what"])
        if step is not None:
            await step(number, record)
        elif compare.is_decision(record):
            await self._expect_other(number, record)

    # What boards and operators did

    async def _registry(self, _number: int, record: Record) -> None:
        def anew(table: str, row: registry.Row, _column: str) -> str:
            cloud = row.get("cloud") or table.partition("_")[0]
            if table == "devices" and cloud in CLOUDS:
                return CLOUDS[cloud].new_secret()
            return self._again[cloud].secret(table, row) if cloud in self._again else ""

        for name in registry.apply(self._store.database, record, anew, self._issuers.row):
            self._out.left_out[f"the registry's table {name}, which this signet has not"] += 1

    async def _ready(self, _number: int, record: Record) -> None:
        for cloud, ways in record["clouds"].items():
            for way, port in ways.items():
                if way in self._ways(cloud):
                    self._tokens.ports[port] = self._ways(cloud)[way]["port"]

    async def _opened(self, number: int, record: Record) -> None:
        cloud, way = record["cloud"], record["way"]
        line = self._line(record)
        certificate = None
        if record["certificate"] is not None:
            certificate = self._issuers.certificate(record["certificate"])
        if record["certificate"] is not None and certificate is None:
            line.failed = "connections with a certificate of a CA that the registry has not"
        elif way in self._ways(cloud):
            try:
                line.end = await self._connected(record, certificate)
                self._seen.poll()
                self._seen.peers.pop(line.end.peer, None)  # of one before it
            except UserError as error:
                line.failed = "connections that could not be opened"
                self._differ(number, record, "opened", str(error))
        else:
            line.failed = f"connections by {way}, which this twin has not"
        if line.failed:
            self._out.left_out[line.failed] += 1
            self._left_devices.add(record["peer"])

    async def _connected(self, record: Record, certificate: Path | None) -> End:
        cloud, way = record["cloud"], self._ways(record["cloud"])[record["way"]]
        if record["way"] == "coaps":
            return ends.Dtls(way, self._twin.ready["ca_file"])
        path = CLOUDS[cloud].websocket_path
        return await ends.opened(way, record, self._twin.ready["ca_file"], certificate, path)

    def _ways(self, cloud: str) -> dict[str, Any]:
        entry = self._twin.ready["clouds"].get(cloud, {"ways": {}})
        ways: dict[str, Any] = entry["ways"]
        return ways

    def _line(self, record: Record) -> Line:
        key = record["connection"]
        if key not in self._lines or record["what"] == "opened":
            self._lines[key] = Line(self._again[record["cloud"]], self._tokens)
        return self._lines[key]

    def _then(self, number: int) -> Then:
        return Then(number in self._survey.wrong, self._late_ms)

    async def _packet(self, number: int, record: Record) -> None:
        line = self._line(record)
        if record["direction"] == "up":
            await self._send(line, record, line.packet(record, self._then(number)))
        elif (now := await self._expect(number, record, line)) is not None:
            line.learn(record, now)

    async def _http(self, number: int, record: Record) -> None:
        line = self._line(record)
        if record["direction"] == "up":
            await self._send(line, record, line.request(record, self._then(number)))
        elif await self._expect(number, record, line) is not None:
            await self._until(lambda: line.given(record))

    async def _coap(self, number: int, record: Record) -> None:
        line = self._line(record)
        if record["direction"] == "up":
            if line.end is None and not line.failed:
                line.end = ends.Udp(self._ways(record["cloud"])[record["way"]])
            if record["type"] in ("CON", "NON"):
                self._seen.requests.clear()
            await self._send(line, record, line.datagram(record, self._then(number)))
            if line.key is None and line.end is not None and not record["again"]:
                await self._until(lambda: self._found(line, record))
        elif compare.is_decision(record):
            now = await self._expect(number, record, line)
            if now is not None:
                await self._until(lambda: line.answered(record, now))

    def _found(self, line: Line, record: Record) -> bool:
        same = ("mid", "token", "code")
        for each in self._seen.requests:
            if all(each[name] == record[name] for name in same):
                line.key = each["connection"]
        return line.key is not None

    async def _send(self, line: Line, record: Record, data: bytes) -> None:
        self._cause_ms = record["ms"]
        if line.end is None or not data:
            return
        self._out.played += 1
        await line.end.send(data)

    async def _decided(self, number: int, record: Record) -> None:
        await self._expect(number, record, self._line(record))

    async def _left(self, _number: int, record: Record) -> None:
        self._cause_ms = record["ms"]
        line = self._line(record)
        if line.end is not None and record["connection"] not in self._survey.stopped:
            await line.end.close()

    async def _closed(self, number: int, record: Record) -> None:
        line = self._line(record)
        if record["reason"] == STOPPED:
            await self._stop()
        if line.end is None:
            return
        reason, coap = record["reason"], isinstance(record["connection"], str)
        if coap or not reason or reason.startswith(_BOARD_ENDS) or line.key is None:
            await line.end.close(reset=reason.startswith("connection lost"))
        if not coap:
            await self._expect(number, record, line)
        await line.end.close()

    async def _command(self, number: int, record: Record) -> None:
        names = ("cloud", "device", "name", "data")
        request = {"do": "command", **{name: record[name] for name in names}}
        self._cause_ms = record["ms"]
        task = asyncio.create_task(asyncio.to_thread(self._ask, request))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        await self._expect_other(number, record)

    async def _fault(self, _number: int, record: Record) -> None:
        self._cause_ms = record["ms"]
        if record["request"]["fault"] not in _NOT_ASKED:
            await asyncio.to_thread(self._ask, record["request"])

    def _ask(self, request: Record) -> None:
        with contextlib.suppress(UserError):  # as it was then: the records say what came of it
            self._twin.ask(request)

    async def _ended(self, _number: int, _record: Record) -> None:
        await self._stop()

    async def _stop(self) -> None:
        if not self._stopped:
            self._stopped = True
            await asyncio.to_thread(self._twin.stop)

    # What the twin decides

    async def _expect(self, number: int, record: Record, line: Line) -> Record | None:
        if line.failed:
            if record.get("device"):
                self._left_devices.add(record["device"])
            return None
        if line.key is None and line.end is not None:
            peer = line.end.peer
            await self._until(lambda: peer in self._seen.peers)
            line.key = self._seen.peers.get(peer)
        if line.key is None:
            self._differ(number, record, compare.told(record), "")
            return None
        key = line.key
        return await self._wait(
            number, record, lambda: self._seen.lines[key], lambda: key in self._seen.gone
        )

    async def _expect_other(self, number: int, record: Record) -> None:
        if record.get("device") in self._left_devices:
            return
        wanted = record
        if record["what"] == "marked":
            wanted = {**record, "id": self._ids.get(record["id"], 0)}
        now = await self._wait(number, wanted, lambda: self._seen.others)
        if now is not None and record["what"] == "message":
            self._ids[record["id"]] = now["id"]

    async def _wait(
        self,
        number: int,
        record: Record,
        there: Callable[[], list[Record]],
        gone: Callable[[], bool] = lambda: False,
    ) -> Record | None:
        """The same decision, once it is `there`; None when it is another.

        gone: whether nothing more can come there.
        """
        wanted, kind = compare.normal(record), compare.kind(record)
        hasty = 5 if len(self._out.differences) > _HASTY_AFTER else 1
        longer_s = max(0, record["ms"] - self._cause_ms) * 1.5 / 1000
        ends_s = time.monotonic() + _PATIENCE_S / hasty + longer_s
        settled_s, over = None, False
        while True:
            found = there()
            for each in found:
                if compare.normal(each) == wanted:
                    found.remove(each)
                    self._out.decisions += 1
                    return each
            rivals = [each for each in found if compare.kind(each) == kind]
            now_s = time.monotonic()
            if rivals and settled_s is None:
                settled_s = now_s + _SETTLE_S / hasty
            if over or (settled_s is not None and now_s > settled_s) or now_s > ends_s:
                break
            over = gone()  # before what is new: it is the last
            over = self._over() or over
            await asyncio.sleep(_STEP_S)
        for each in rivals[:1]:
            found.remove(each)
        now = compare.told(rivals[0]) if rivals else ""
        self._differ(number, record, compare.told(record), now)
        return None

    def _over(self) -> bool:
        """Take what is new; whether nothing more can come."""
        before = self._seen.taken
        self._seen.poll()
        return self._stopped and self._seen.taken == before

    async def _until(self, done: Callable[[], bool]) -> None:
        ends_s = time.monotonic() + _PATIENCE_S
        while not done() and time.monotonic() < ends_s and not self._over():
            await asyncio.sleep(_STEP_S)

    async def _finish(self) -> None:
        for line in self._lines.values():
            if line.end is not None:
                await line.end.close()
        if not self._survey.ended:
            return  # what came of the last of it is not in the trace
        self._seen.poll()
        last, keys = len(self._records), {line.key for line in self._lines.values()}
        for key in keys - {None}:
            for each in self._seen.lines[key]:  # type: ignore[index]
                if isinstance(key, str) and each["what"] == "closed":
                    continue  # a session of DTLS has no end that a board could tell
                self._differ(last, each, "", compare.told(each))
        for each in self._seen.others:
            if each["what"] in ("message", "event") and each["device"] not in self._left_devices:
                self._differ(last, each, "", compare.told(each))

    def _differ(self, number: int, record: Record, then: str, now: str) -> None:
        then, now = compare.shortened(then, now)
        self._out.differences.append(Difference(number + 1, record, then, now))


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
