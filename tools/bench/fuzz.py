"""Can anything that a peer sends upset what signet reads it with?  Counted, and judged.

The mutating runs in `firmware/bench/fuzz_*.py`, on CPython and on each MicroPython build; this
file starts it and turns what it counts into tables.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from rich import box
from rich.table import Table

from tools.bench import programs
from tools.paths import LIB
from tools.scratch import scratch
from tools.ui import UserError

AT_ONCE = 2
GROWTH_BYTES = 600
"""What the second half of a run may have in use beyond the first: the CoAP exchange remembers the
last messages of its peer, whose sizes differ. Twice what 500 000 datagrams on CPython show."""

SESSION_GROWTH_BYTES = 8000
"""The same of a session, twice what 500 000 messages show: what is in flight differs."""

_FILES = 4
_NOISE = (b"Warning: Comparison between bytes and str",)  # the unix port of MicroPython says so

READER_GROWTH_BYTES = 40_000
"""The same of a reader: CPython's json loads a codec of 12 KB when first it sees UTF-16, or 32."""

FEWEST = 2000
"""With fewer messages nothing is said about growth: the largest may all come in the second half
(up to 800 bytes were seen), and below 16 the memory is not looked at in both."""


class Target(NamedTuple):
    """What is fuzzed.

    program: a file of firmware/bench. messages: what they are called, and `one` of them. title: of
    the table of outcomes. outcomes: what may become of a message. kinds: title of the other table.
    allowed, clean: for the verdict, which exceptions may come and what became of the clean ones.
    way: further argument of the program, which is given a folder then, too. heap: of MicroPython.
    growth: how many bytes the second half of a run may have in use beyond the first. files: one
    message is read from files, and takes as long as four others.
    """

    program: str
    messages: str
    one: str
    title: str
    outcomes: tuple[str, ...]
    kinds: str
    allowed: str
    clean: str
    way: str = ""
    heap: str = programs.HEAP
    growth: int = GROWTH_BYTES
    files: bool = False


def _reader(way: str, title: str, files: bool = False) -> Target:
    return Target(
        "fuzz_readers",
        "messages",
        "message",
        f"Damaged {title}",
        ("taken", "refused"),
        "Messages by what came of them",
        "what each reader promises",
        "clean ones, one in 256, were read; long ones took work for each byte of them",
        way,
        "8m",  # to count what is allocated
        READER_GROWTH_BYTES,
        files,
    )


def _session(way: str, title: str) -> Target:
    return Target(
        "fuzz_sessions",
        "messages",
        "message",
        f"Damaged messages to the session of {title}",
        ("event", "nothing", "lost"),
        "Messages by what they were, and the events of the session",
        "events",
        "clean connections, one in 256, took a report",
        way,
        "1m",  # for what damages the messages, too: without memory each build does otherwise
        SESSION_GROWTH_BYTES,
    )


TARGETS = {
    "coap": Target(
        "fuzz_coap",
        "datagrams",
        "datagram",
        "Mutated datagrams into decode and exchange",
        ("accepted", "ProtocolError"),
        "Datagrams by what the exchange was doing, and its events",
        "ProtocolError",
        "clean requests, one in 256, were answered",
    ),
    "http": Target(
        "fuzz_http",
        "replies",
        "reply",
        "Mutated HTTP replies into Reply, at once and in pieces",
        ("accepted", "ProtocolError", "Lost"),
        "Replies by what they were before the damage, and what was said of them",
        "ProtocolError and Lost",
        "clean replies, one in 256, were read",
    ),
    "websocket": Target(
        "fuzz_websocket",
        "streams",
        "stream",
        "Mutated WebSocket frames into Frames, at once and in pieces",
        ("accepted", "closed", "ProtocolError"),
        "Streams by what they were before the damage, and what was said of them",
        "ProtocolError",
        "clean streams, one in 256, were read",
    ),
    "modem": Target(
        "fuzz_modem",
        "messages",
        "message",
        "What modems say, damaged, into their channel",
        ("datagram", "nothing", "lost"),
        "Messages by what the channel was doing, and what it said when it was lost",
        "datagrams and errors of signet",
        "clean sockets, one in 256, opened, and a datagram went and came",
        heap="1m",
        growth=SESSION_GROWTH_BYTES,
    ),
    "alibaba-mqtt": _session("alibaba-mqtt", "Alibaba by MQTT"),
    "enos-mqtt": _session("enos-mqtt", "EnOS by MQTT"),
    "watson-mqtt": _session("watson-mqtt", "a device of Watson by MQTT"),
    "gateway-mqtt": _session("gateway-mqtt", "a gateway of Watson by MQTT"),
    "application-mqtt": _session("application-mqtt", "an application of Watson by MQTT"),
    "alibaba-http": _session("alibaba-http", "Alibaba by HTTP"),
    "watson-http": _session("watson-http", "a device of Watson by HTTP"),
    "gateway-http": _session("gateway-http", "a gateway of Watson by HTTP"),
    "alibaba-coap": _session("alibaba-coap", "Alibaba by CoAP"),
    "json": _reader("json", "JSON"),
    "cbor": _reader("cbor", "CBOR"),
    "replies": _reader("replies", "replies, commands, notices and tokens of every cloud"),
    "codes": _reader("codes", "codes of Alibaba by HTTPS"),
    "x509": _reader("x509", "certificates and keys"),
    "dates": _reader("dates", "dates of HTTP"),
    "state": _reader("state", "signet.state", files=True),
    "outbox": _reader("outbox", "segments, notes and dead letters of the outbox", files=True),
    "config": _reader("config", "device.json", files=True),
}


class Row(NamedTuple):
    """One run.

    counts: messages by outcome, "other" exceptions, "clean" messages that were taken. events,
    states: messages by what came of them, and by what they met. memory: most bytes in use in the
    first half, and in the second. first: the first exception that should not be ("error", "trace",
    "message" in hex), or None.
    """

    target: Target
    interpreter: str
    seed: int
    messages: int
    counts: dict[str, int]
    events: dict[str, int]
    states: dict[str, int]
    memory: tuple[int, int]
    first: dict[str, str] | None

    @property
    def growth(self) -> int | None:
        """Bytes that the second half had in use beyond the first; None with too few messages."""
        return self.memory[1] - self.memory[0] if self.messages >= FEWEST else None

    @property
    def grew(self) -> bool:
        """Is that more than it may be?"""
        return self.growth is not None and self.growth > self.target.growth

    @property
    def passed(self) -> bool:
        """Was there nothing but what may come, and no growth?"""
        return not self.counts["other"] and not self.grew


def measure(
    cpython: int,
    micropython: int,
    seed: int,
    step: Callable[[int], None],
    *,
    lib: Path = LIB,
    target: Target = TARGETS["coap"],
) -> list[Row]:
    """Fuzz on CPython, in two processes side by side, and on each MicroPython of this machine.

    cpython: messages on CPython, 0 or more. micropython: messages on each build, 0 or more.
    seed: of the first process; the second on CPython has the next. step: told how many more
    messages are done. lib: what CPython imports `signet` from, for tests. target: of TARGETS.
    raises: UserError when there is nothing to do, or a program fails or hangs.
    """
    if not cpython and not micropython:
        raise UserError(f"no {target.messages}: give --cpython or --micropython more than 0")
    share = _FILES if target.files else 1
    cpython, micropython = -(-cpython // share), -(-micropython // share)
    runs = [(programs.CPYTHON, cpython - cpython // 2, seed)]
    runs += [(programs.CPYTHON, cpython // 2, seed + 1)]
    runs += [(build, micropython, seed) for build in programs.builds()]
    rows = {}
    with scratch() as folder:
        jobs: list[programs.Job] = []
        for interpreter, count, number in runs:
            arguments = [str(count), str(number & 0xFFFF)]
            if target.way:
                arguments += [target.way, f"{folder}/{len(jobs)}"]
            if count:
                job = programs.Job(target.program, interpreter, tuple(arguments), lib)
                jobs.append(job._replace(heap=target.heap, noise=_NOISE))
        done = dict.fromkeys(jobs, 0)
        for job, found in programs.run(jobs, AT_ONCE):
            now = found.get("done", int(job.arguments[0]))
            step((now - done[job]) * share)
            done[job] = now
            if "counts" in found:
                rows[job] = _row(target, job, found)
    return [rows[job] for job in jobs]


def _row(target: Target, job: programs.Job, found: dict[str, Any]) -> Row:
    return Row(
        target,
        job.interpreter,
        int(job.arguments[1]),
        found["messages"],
        found["counts"],
        found["events"],
        found["states"],
        tuple(found["memory"]),
        found["first"],
    )


def tables(rows: list[Row]) -> list[Table]:
    """The figures of one target for a person: what came, then what became of it."""
    return [_outcomes(rows), _kinds(rows)]


def _outcomes(rows: list[Row]) -> Table:
    target = rows[0].target
    shown = _table(target.title, "on")
    for name in ("seed", target.messages, *target.outcomes, "other", "clean"):
        shown.add_column(name.replace("lE", "l-\nE"), justify="right")
    shown.add_column("growth,\nbytes", justify="right")
    for row in rows:
        counts = row.counts
        shown.add_row(
            row.interpreter,
            str(row.seed),
            _count(row.messages),
            *(_count(counts[name]) for name in target.outcomes),
            _judged(counts["other"], not counts["other"]),
            _count(counts["clean"]),
            "-" if row.growth is None else _judged(row.growth, not row.grew),
        )
    return shown


def _kinds(rows: list[Row]) -> Table:
    shown = _table(rows[0].target.kinds, "")
    for row in rows:
        shown.add_column(f"{row.interpreter}\nseed {row.seed}", justify="right")
    for name in sorted({name for row in rows for name in row.states}):
        shown.add_row(name, *(_count(row.states.get(name, 0)) for row in rows))
    shown.add_section()
    for name in sorted({name for row in rows for name in row.events}):
        shown.add_row(name, *(_count(row.events.get(name, 0)) for row in rows))
    return shown


def _table(title: str, first: str) -> Table:
    shown = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    shown.add_column(first, no_wrap=True)
    return shown


def _count(number: int) -> str:
    return f"{number:,}".replace(",", " ")


def _judged(number: int, met: bool) -> str:
    return f"[green]{_count(number)}[/]" if met else f"[red]{_count(number)}[/]"


def verdict(rows: list[Row]) -> str:
    """What is wrong, with what it takes to see it again; or that nothing is."""
    lines = []
    target = rows[0].target
    for row in rows:
        run = f"{row.interpreter}, seed {row.seed}"
        if row.first:
            message = row.first["message"] or "a clean one"
            lines.append(f"{run}, {row.messages} {target.messages}: {row.first['error']}")
            lines.append(f"{target.one}: {message}")
            lines.append(row.first["trace"].rstrip())
        if row.grew:
            lines.append(f"{run}: memory grew from {row.memory[0]} to {row.memory[1]} bytes")
    if lines:
        return "\n".join(lines)
    told = f"Nothing but {target.allowed} came; {target.clean}.\n"
    if any(row.growth is None for row in rows):
        return told + f"With fewer than {FEWEST} {target.messages} nothing is said about growth."
    return told + (
        "Growth: the most memory in use in the second half of a run, against the first;\n"
        f"up to {target.growth} bytes are fine, for what is remembered of the last few messages."
    )
