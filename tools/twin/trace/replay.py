"""How is a trace played again: its boards' side to a fresh twin, whose decisions are compared?

One record after the other: what a board sent goes out, what the twin decided then is waited for
now. So what depends on the order of things is as it was, however fast it goes.
"""

import asyncio
import contextlib
import itertools
import sqlite3
import time
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tools.twin.clouds import CLOUDS
from tools.twin.clouds.again import AGAIN
from tools.twin.clouds.doors import DOORS
from tools.twin.clouds.proof import Then
from tools.twin.process import TwinProcess
from tools.twin.registry.certificates import check_policy
from tools.twin.registry.store import Store, open_store
from tools.twin.trace import compare, ends, registry
from tools.twin.trace.awaited import Awaited, Outcome
from tools.twin.trace.ends import End
from tools.twin.trace.file import Record, read
from tools.twin.trace.follow import Follower, Key
from tools.twin.trace.issuers import CertificateError, Issuers
from tools.twin.trace.line import Line, Newest, Tokens
from tools.twin.trace.survey import BOARD_ENDS, STOPPED, Survey, ordered
from tools.twin.wire.fields import MalformedError
from tools.twin.wire.packets import UnsupportedLevelError
from tools.ui import UserError

_LAST_S = 1.0  # for one of a device whose connection is over
_MOST_IDS = 10_000
_MOST_PEERS = 500  # of CoAP without DTLS, which has no end
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
        self._fast = fast
        self._again = {name: again(store) for name, again in AGAIN.items()}
        self._issuers = Issuers(twin.state.parent, store)
        self._tokens = Tokens()
        self._lines: OrderedDict[Key, Line] = OrderedDict()
        self._latest: Line | None = None
        self._speaking: Line | None = None
        self._of: dict[str, Line] = {}  # by device, the one that it was on last
        self._shaking: dict[str, ends.Tcp | None] = {}  # by peer, whose handshake is to fail
        self._out = Outcome()
        self._awaited = Awaited(seen, self._out)
        self._awaited.caused(found.head["ms"])
        self._left_devices: set[str] = set()
        self._ids: Newest[int, int] = Newest(_MOST_IDS)
        self._changes: list[tuple[int, Record]] = []
        self._number = 0
        self._tasks: set[asyncio.Task[Any]] = set()
        self._late_ms = 0
        self._steps: dict[str, Callable[[int, Record], Any]] = {
            "registry": self._registry,
            "handshake": self._handshake,
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
        started_ms, first_ms = _now_ms(), self._survey.head["ms"]
        records = itertools.islice(read(self._file), self._survey.count)
        for number, record in ordered(records, self._survey.ended):
            if not self._fast:
                ahead_ms = record["ms"] - first_ms - (_now_ms() - started_ms)
                await asyncio.sleep(max(0, ahead_ms) / 1000)
            self._late_ms = _now_ms() - record["ms"]
            try:
                await self._step(number, record)
            except _NO_RECORD as error:
                reason = (
                    f"line {self._number + 1} of the trace is not as a twin writes it: {error!r}"
                )
                raise UserError(reason) from error
        await self._finish()
        return self._out

    async def _step(self, number: int, record: Record) -> None:
        if record["what"] in _CAUSES and record.get("direction") != "down":
            self._change()
        self._number = number
        step = self._steps.get(record["what"])
        if step is not None:
            await step(number, record)
        elif compare.is_decision(record):
            await self._expect_other(number, record)

    # What boards and operators did

    async def _registry(self, number: int, record: Record) -> None:
        """A change that the twin makes by itself is there by then: it is asked for first."""
        self._changes.append((number, record))

    def _change(self) -> None:
        def anew(table: str, row: registry.Row, _column: str) -> str:
            cloud = row.get("cloud") or table.partition("_")[0]
            if table == "devices" and cloud in CLOUDS:
                return CLOUDS[cloud].new_secret()
            return self._again[cloud].secret(table, row) if cloud in self._again else ""

        def own(table: str, row: registry.Row) -> registry.Row:
            if table == "cas":
                pem = self._issuers.pem(str(row["pem"]), self._late_ms)
                row = {**row, "pem": pem.encode()}
            for again in self._again.values():
                row = dict(again.row(table, row))
            return row

        for number, record in self._changes:
            self._number = number  # for what is said of it
            self._issuers.know(str(row["pem"]) for row in record["put"].get("cas", ()))
            for name in registry.apply(self._store.database, record, anew, own):
                self._out.left_out[f"the registry's table {name}, which this signet has not"] += 1
        self._changes.clear()

    async def _ready(self, _number: int, record: Record) -> None:
        self._issuers.own(record.get("issuers", {}))
        for cloud, ways in record["clouds"].items():
            for way, port in ways.items():
                if way in self._ways(cloud):
                    self._tokens.ports[port] = self._ways(cloud)[way]["port"]

    async def _opened(self, number: int, record: Record) -> None:
        cloud, way = record["cloud"], record["way"]
        line = self._line(record)
        try:
            certificate = self._certificate(cloud, record["certificate"])
            if way in self._ways(cloud):
                line.end = await self._connected(record, certificate)
                self._seen.poll()
                self._seen.peers.pop(line.end.peer, None)  # of one before it
            else:
                line.failed = f"connections by {way}, which this twin has not"
        except CertificateError:
            line.failed = "connections with a certificate that cannot be made again"
        except UserError as error:
            line.failed = "connections that could not be opened"
            self._awaited.differ(number, record, "opened", str(error))
        if line.failed:
            self._out.left_out[line.failed] += 1
            self._left_devices.add(record["peer"])

    async def _connected(self, record: Record, certificate: Path | None) -> End:
        cloud, way = record["cloud"], self._ways(record["cloud"])[record["way"]]
        if record["way"] == "coaps":
            return ends.Dtls(way, self._twin.ready["ca_file"])
        return await ends.opened(way, record, certificate, CLOUDS[cloud].websocket_path)

    def _certificate(self, cloud: str, shown: Record | None) -> Path | None:
        """What a board shows. raises: CertificateError."""
        if shown is None:
            return None
        if "chain" not in shown:
            return self._issuers.named(shown, self._late_ms)
        chain = [bytes.fromhex(each) for each in shown["chain"]]
        file, then, now = self._issuers.shown(chain, self._late_ms)
        self._again[cloud].remade(then, now)
        return file

    async def _handshake(self, _number: int, record: Record) -> None:
        """One that failed, until it does so now; `_decided_otherwise` asks for that."""
        cloud, peer, chain = record["cloud"], record["peer"], record["chain"]
        way = self._ways(cloud).get(record["way"])
        self._awaited.caused(record["ms"])
        self._shaking[peer] = None
        if way is None:
            self._leave_out(peer, f"handshakes by {record['way']}, which this twin has not")
            return
        self._out.played += 1
        if chain is None:
            end = await ends.unsecured(way, bytes.fromhex(record["hello_hex"]))
            if record["answered"]:
                await self._awaited.until(lambda: bool(end.got))
            if record["alert"] is not None and end.got:
                await end.send(ends.alert(record["alert"], end.got[0]))
            if record["left"]:
                await end.close(reset=record["left"] == "reset")
            else:
                self._shaking[peer] = end
            return
        try:
            shown = {"chain": chain} if chain else None
            certificate = self._certificate(cloud, shown)
        except CertificateError:
            self._leave_out(peer, "handshakes with a certificate that cannot be made again")
            return
        with contextlib.suppress(UserError):  # the twin ends it
            await (await self._connected(record, certificate)).close()

    def _leave_out(self, who: str, why: str) -> None:
        self._out.left_out[why] += 1
        self._left_devices.add(who)

    def _ways(self, cloud: str) -> dict[str, Any]:
        entry = self._twin.ready["clouds"].get(cloud, {"ways": {}})
        ways: dict[str, Any] = entry["ways"]
        return ways

    def _line(self, record: Record) -> Line:
        key = record["connection"]
        if key not in self._lines or record["what"] == "opened":
            self._lines[key] = Line(self._again[record["cloud"]], self._tokens)
        self._latest = line = self._lines[key]
        if device := record.get("device"):
            self._of[device] = line
        return line

    def _then(self, number: int) -> Then:
        return Then(self._survey.is_wrong(number), self._late_ms)

    async def _packet(self, number: int, record: Record) -> None:
        line = self._line(record)
        if record["direction"] == "up":
            if self._fast:
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
                line.end = ends.Udp(self._ways(record["cloud"])[record["way"]])
                await self._forget_peers()
            if record["type"] in ("CON", "NON"):
                self._seen.requests.clear()
            await self._send(line, record, line.datagram(record, self._then(number)))
            if line.key is None and line.end is not None and not record["again"]:
                await self._awaited.until(lambda: self._found(line, record))
        elif compare.is_decision(record):
            now = await self._expect(number, record, line)
            if now is not None:
                await self._awaited.until(lambda: line.answered(record, now))

    async def _forget_peers(self) -> None:
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

    async def _send(self, line: Line, record: Record, data: bytes) -> None:
        if line is not self._speaking:
            await self._until_heard(self._speaking)
        self._awaited.caused(record["ms"])
        if line.end is None or not data:
            return
        self._speaking = line
        line.told += record["what"] == "http" or record.get("name", "") != ""
        self._out.played += 1
        await line.end.send(data)

    async def _until_heard(self, line: Line | None) -> None:
        """Until the twin has read what went out there: by TCP nobody knows what is read first."""
        if line is None or line.over or not line.told:
            return
        if (key := await self._key(line)) is None:
            return
        if key not in self._seen.gone:
            await self._awaited.until(lambda: self._seen.heard[key] >= line.told, _LAST_S)
        line.told = 0 if self._seen.heard[key] < line.told else line.told

    async def _decided(self, number: int, record: Record) -> None:
        await self._expect(number, record, self._line(record))

    async def _left(self, _number: int, record: Record) -> None:
        self._awaited.caused(record["ms"])
        line = self._line(record)
        if line.end is not None and record["connection"] not in self._survey.outlived:
            await line.end.close()

    async def _closed(self, number: int, record: Record) -> None:
        line = self._line(record)
        if record["reason"] == STOPPED:
            await self._stop()
        if line.end is None:
            self._lines.pop(record["connection"], None)
            return
        reason, coap = record["reason"], isinstance(record["connection"], str)
        await self._until_heard(line)
        if coap or not reason or reason.startswith(BOARD_ENDS) or line.key is None:
            await line.end.close(reset=reason.startswith("connection lost"))
        if not coap:
            await self._expect(number, record, line)
            self._forget(number, record, line)
        line.over = True
        await line.end.close()
        self._lines.pop(record["connection"], None)

    def _forget(self, number: int, record: Record, line: Line) -> None:
        """A connection is over: what was not asked for of it was not decided in the trace."""

        def late(each: Record) -> bool:
            to_device = each["what"] in ("packet", "message") and each["direction"] == "down"
            return to_device and self._awaited.overtaken(record["ms"], each)

        for each in self._seen.forget(line.key):
            if not late(each):
                self._awaited.differ(number, each, "", compare.told(each))
        others = self._seen.others
        others[:] = [
            each for each in others if not (each.get("device") == record["device"] and late(each))
        ]

    async def _command(self, number: int, record: Record) -> None:
        names = ("cloud", "device", "name", "data")
        await self._until_heard(self._speaking)
        request = {"do": "command", **{name: record[name] for name in names}}
        self._awaited.caused(record["ms"])
        task = asyncio.create_task(asyncio.to_thread(self._ask, request))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        await self._expect_other(number, record)

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

    # What the twin decides

    async def _expect(self, number: int, record: Record, line: Line) -> Record | None:
        if line.failed:
            if record.get("device"):
                self._left_devices.add(record["device"])
            return None
        if (key := await self._key(line)) is None:
            self._awaited.differ(number, record, compare.told(record), "")
            return None
        return await self._awaited.wait(
            number, record, lambda: self._seen.lines[key], lambda: key in self._seen.gone
        )

    async def _key(self, line: Line) -> Key | None:
        """That of the connection now, which the twin has to tell of first."""
        if line.key is None and line.end is not None:
            peer = line.end.peer
            await self._awaited.until(lambda: peer in self._seen.peers)
            line.key = self._seen.peers.get(peer)
        return line.key

    def _are_over(self, lines: list[Line]) -> bool:
        return bool(lines) and all(line.over or line.key in self._seen.gone for line in lines)

    async def _expect_other(self, number: int, record: Record) -> None:
        device = str(record.get("device"))
        text = record["text"] if record["what"] == "event" else ""
        if text.startswith(_NO_KEY):
            self._leave_out(device, "handshakes of who had not the key of its certificate")
        elif text.startswith("TLS: ") and device not in self._shaking:
            why = "handshakes that failed, of which an earlier version kept the reason alone"
            self._leave_out(device, why)
        if device in self._left_devices:
            return
        wanted = record
        if record["what"] == "marked":
            wanted = {**record, "id": self._ids.get(record["id"], 0)}
        lines = [line for line in (self._latest, self._of.get(device)) if line is not None]
        now = await self._awaited.wait(
            number, wanted, lambda: self._seen.others, lambda: self._are_over(lines), _LAST_S
        )
        if now is not None and record["what"] == "message" and record["direction"] == "down":
            self._ids[record["id"]] = now["id"]
        if (end := self._shaking.pop(device, None)) is not None:
            await end.close()

    async def _finish(self) -> None:
        for line in self._lines.values():
            if line.end is not None:
                await line.end.close()
        if not self._survey.ended:
            return  # what came of the last of it is not in the trace
        self._seen.poll()
        last = self._survey.count
        for key in {line.key for line in self._lines.values()}:
            for each in self._seen.forget(key):
                if isinstance(key, str) and each["what"] == "closed":
                    continue  # a session of DTLS has no end that a board could tell
                self._awaited.differ(last, each, "", compare.told(each))
        for each in self._seen.others:
            if each["what"] in ("message", "event") and each["device"] not in self._left_devices:
                self._awaited.differ(last, each, "", compare.told(each))


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
