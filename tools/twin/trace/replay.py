"""How is a trace played again: its boards' side to a fresh twin, whose decisions are compared?

One record after the other: what a board sent goes out, what the twin decided then is waited for
now. So what depends on the order of things is as it was, however fast it goes.
"""

import asyncio
import contextlib
import itertools
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tools.twin.clouds import CLOUDS
from tools.twin.clouds.again import AGAIN
from tools.twin.clouds.doors import DOORS
from tools.twin.process import TwinProcess
from tools.twin.registry.certificates import check_policy
from tools.twin.registry.store import Store, open_store
from tools.twin.trace import compare, registry
from tools.twin.trace.awaited import Awaited, Outcome
from tools.twin.trace.clock import Clock
from tools.twin.trace.connections import Connections
from tools.twin.trace.file import Record, read
from tools.twin.trace.follow import Follower
from tools.twin.trace.handshakes import Handshakes
from tools.twin.trace.issuers import Issuers
from tools.twin.trace.line import Newest
from tools.twin.trace.survey import STOPPED, Survey, ordered
from tools.twin.wire.fields import MalformedError
from tools.twin.wire.packets import UnsupportedLevelError
from tools.ui import UserError

_LAST_S = 1.0  # for one of a device whose connection is over
_MOST_IDS = 10_000
# What may change what the twin decides, and what is in the registry then.
_CAUSES = ("handshake", "opened", "packet", "http", "coap", "command", "fault", "ended", "closed")
_NO_KEY = "TLS: BAD_SIGNATURE"
_NOT_ASKED = ("set_losses",)  # what it lost never came to the twin
_NO_RECORD = (  # what comes of one that no twin wrote
    *(KeyError, ValueError, TypeError, IndexError, AttributeError, OverflowError, AssertionError),
    *(MalformedError, UnsupportedLevelError, sqlite3.Error),
)


def replay(file: Path, seen: Survey, folder: Path, *, fast: bool = False) -> Outcome:
    """Play a trace, of which no more is in memory than what is under way.

    file: a whole one. seen: what `survey` found in it. folder: for the twin. fast: without pauses.
    raises: UserError when no twin starts, and for what cannot be played, with its line.
    """
    trace = folder / "replay.jsonl"
    options = ["--record", str(trace), *_options(seen.head["options"])]
    with TwinProcess(folder, {door.key: 0 for door in DOORS}, options) as twin:
        store = open_store(twin.state)
        follower = Follower(trace)
        try:
            return asyncio.run(_Player(file, seen, twin, store, follower, fast=fast).play())
        finally:
            follower.close()
            store.close()


def _options(given: Record) -> list[str]:
    try:
        found = [
            "--token-life",
            str(float(given["token_life_s"])),
            "--http-rate",
            str(float(given["http_per_s"])),
        ]
        if given["policy"] is None:
            return found
        check_policy(given["policy"])
        return [*found, "--policy", given["policy"]]
    except (KeyError, TypeError, ValueError, UserError):
        raise UserError("line 1 of the trace has not the options of a twin") from None


class _Player:
    def __init__(
        self,
        file: Path,
        found: Survey,
        twin: TwinProcess,
        store: Store,
        seen: Follower,
        *,
        fast: bool,
    ) -> None:
        self._file = file
        self._survey = found
        self._twin = twin
        self._store = store
        self._seen = seen
        self._again = {name: again(store) for name, again in AGAIN.items()}
        self._issuers = Issuers(twin.state.parent, store)
        self._clock = Clock(found.head["ms"], fast=fast)
        self._awaited = Awaited(seen)
        self._awaited.caused(found.head["ms"])
        self._handshakes = Handshakes(
            twin.ready, self._issuers, self._again, self._awaited, self._clock
        )
        self._connections = Connections(
            found, self._again, self._handshakes, self._awaited, self._clock
        )
        self._ids: Newest[int, int] = Newest(_MOST_IDS)
        self._changes: list[tuple[int, Record]] = []
        self._number = 0
        self._tasks: set[asyncio.Task[Any]] = set()
        self._steps: dict[str, Callable[[int, Record], Any]] = {
            **self._connections.steps,
            "registry": self._registry,
            "handshake": self._handshakes.failed,
            "command": self._command,
            "fault": self._fault,
            "ready": self._ready,
            "end": self._ended,
        }

    async def play(self) -> Outcome:
        """All of it."""
        records = itertools.islice(read(self._file), self._survey.count)
        for number, record in ordered(records, self._survey.ended):
            await self._clock.reach(record["ms"])
            try:
                await self._step(number, record)
            except _NO_RECORD as error:
                reason = (
                    f"line {self._number + 1} of the trace is not as a twin writes it: {error!r}"
                )
                raise UserError(reason) from error
        await self._finish()
        return self._awaited.out

    async def _step(self, number: int, record: Record) -> None:
        if record["what"] in _CAUSES and record.get("direction") != "down":
            self._change()
        self._number = number
        if record["what"] == "closed" and record["reason"] == STOPPED:
            await self._stop()
        step = self._steps.get(record["what"])
        if step is not None:
            await step(number, record)
        elif compare.is_decision(record):
            await self._expect(number, record)

    # What operators did

    async def _registry(self, number: int, record: Record) -> None:
        """A change that the twin makes by itself is there by then: it is asked for first."""
        self._changes.append((number, record))

    def _change(self) -> None:
        for number, record in self._changes:
            self._number = number  # for what is said of it
            self._issuers.know(str(row["pem"]) for row in record["put"].get("cas", ()))
            for name in registry.apply(self._store.database, record, self._secret, self._row):
                unknown = f"the registry's table {name}, which this signet has not"
                self._awaited.out.left_out[unknown] += 1
        self._changes.clear()

    def _secret(self, table: str, row: registry.Row, _column: str) -> str:
        """A new one."""
        cloud = row.get("cloud") or table.partition("_")[0]
        if table == "devices" and cloud in CLOUDS:
            return CLOUDS[cloud].new_secret()
        return self._again[cloud].secret(table, row) if cloud in self._again else ""

    def _row(self, table: str, row: registry.Row) -> registry.Row:
        """As it is to be in this twin."""
        if table == "cas":
            pem = self._issuers.pem(str(row["pem"]), self._clock.later_ms)
            row = {**row, "pem": pem.encode()}
        for again in self._again.values():
            row = dict(again.row(table, row))
        return row

    async def _ready(self, _number: int, record: Record) -> None:
        self._issuers.own(record.get("issuers", {}))
        self._connections.listens(record["clouds"])

    async def _command(self, number: int, record: Record) -> None:
        names = ("cloud", "device", "name", "data")
        await self._connections.until_heard()
        request = {"do": "command", **{name: record[name] for name in names}}
        self._awaited.caused(record["ms"])
        task = asyncio.create_task(asyncio.to_thread(self._ask, request))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        await self._expect(number, record)

    async def _fault(self, _number: int, record: Record) -> None:
        self._awaited.caused(record["ms"])
        request = record["request"]
        if request["fault"] not in _NOT_ASKED:
            await asyncio.to_thread(self._ask, {**request, "do": "fault"})

    def _ask(self, request: Record) -> None:
        with contextlib.suppress(UserError):  # as it was then: the records say what came of it
            self._twin.ask(request)

    async def _ended(self, _number: int, _record: Record) -> None:
        await self._stop()

    async def _stop(self) -> None:
        if not self._awaited.stopped:
            self._awaited.stopped = True
            await asyncio.to_thread(self._twin.stop)

    # What the twin decides that is of no connection

    async def _expect(self, number: int, record: Record) -> None:
        device = str(record.get("device"))
        text = record["text"] if record["what"] == "event" else ""
        if text.startswith(_NO_KEY):
            why = "handshakes of who had not the key of its certificate"
            self._awaited.leave_out(device, why)
        elif text.startswith("TLS: ") and device not in self._handshakes.failing:
            why = "handshakes that failed, of which an earlier version kept the reason alone"
            self._awaited.leave_out(device, why)
        if device in self._awaited.left:
            return
        wanted = record
        if record["what"] == "marked":
            wanted = {**record, "id": self._ids.get(record["id"], 0)}
        now = await self._awaited.wait(
            number,
            wanted,
            lambda: self._seen.others,
            lambda: self._connections.are_over(device),
            _LAST_S,
        )
        if now is not None and record["what"] == "message" and record["direction"] == "down":
            self._ids[record["id"]] = now["id"]
        await self._handshakes.over(device)

    async def _finish(self) -> None:
        left = await self._connections.close()
        if not self._survey.ended:
            return  # what came of the last of it is not in the trace
        self._seen.poll()
        last = self._survey.count
        for key in left:
            for each in self._seen.forget(key):
                if isinstance(key, str) and each["what"] == "closed":
                    continue  # a session of DTLS has no end that a board could tell
                self._awaited.differ(last, each, "", compare.told(each))
        for each in self._seen.others:
            if each["what"] in ("message", "event") and each["device"] not in self._awaited.left:
                self._awaited.differ(last, each, "", compare.told(each))
