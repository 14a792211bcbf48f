"""Does `poll(0)` of a Link ever wait, whatever the peer does, and is the watchdog fed?

The device's own code runs on MicroPython (`firmware/bench/measure_waits.py`), once for each way
in and each peer of `waits_peers.py`, in front of a twin.
"""

import json
import shutil
import ssl
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rich import box
from rich.table import Table

from tools.bench import programs
from tools.bench.boards_twin import twin_of_boards
from tools.bench.waits_peers import PEERS, Peer, Way, standing
from tools.bench.waits_stages import Server, Stage
from tools.pki.authority import Authority
from tools.scratch import scratch
from tools.twin.process import TwinProcess
from tools.ui import UserError, check_ways

LIMIT_MS = 50
KILLED_MS = 5000
"""A poll that takes longer is not waited for."""

WAYS = (
    Way("alibaba", "mqtt", "MQTT"),
    Way("alibaba", "mqtts", "MQTT\nTLS"),
    Way("watson", "ws", "WS"),
    Way("watson", "wss", "WS\nTLS"),
    Way("alibaba", "https", "HTTPS\nAlib."),
    Way("watson", "https", "HTTPS\nWatson"),
    Way("alibaba", "coap", "CoAP\nAES"),
    Way("alibaba", "coaps", "CoAP\nDTLS"),
)
_TOPICS = {"alibaba": "/{product_key}/{device_name}/user/x", "watson": "iot-2/evt/x/fmt/bin"}


class Row(NamedTuple):
    """One way in and one peer.

    longest_ms, unfed_ms: of a poll; KILLED_MS and more where it was killed. polls, stored: how
    many polls, and reports that the cloud has. error: what came out of `poll`; None: nothing.
    """

    way: Way
    peer: Peer
    longest_ms: float
    unfed_ms: float
    polls: int
    stored: int
    error: str | None

    @property
    def trouble(self) -> str | None:
        """What is wrong beside the times: what was raised, or that nothing was measured."""
        if self.error is None and not self.stored and (self.peer.once_open or not self.peer.make):
            return "no report is stored: this peer was never met"
        return self.error

    @property
    def passed(self) -> bool:
        """Is nothing longer than it may be, and nothing else wrong?"""
        return max(self.longest_ms, self.unfed_ms) <= LIMIT_MS and self.trouble is None


def pairs(ways: Sequence[str] = (), peers: Sequence[str] = ()) -> list[tuple[Way, Peer]]:
    """The ways in, and the peers that they can meet.

    ways: for example "mqtts" or "alibaba-https"; all when empty. peers: parts of what a table
    calls them; all when empty.
    raises: UserError for another way, and when none is left.
    """
    known = [f"{way.cloud}-{way.way}" for way in WAYS]
    check_ways(ways, known, [way.way for way in WAYS])
    met = [
        (way, peer)
        for peer in PEERS
        for way in WAYS
        if peer.meets(way)
        and (not ways or {way.way, f"{way.cloud}-{way.way}"} & set(ways))
        and (not peers or any(name in _called(peer) for name in peers))
    ]
    if not met:
        peers = ", ".join(_called(peer) for peer in PEERS)
        raise UserError(f"no such peer on such a way; the peers are {peers}")
    return met


def measure(
    met: Sequence[tuple[Way, Peer]], seconds: float, step: Callable[[str], None]
) -> Iterator[Row]:
    """Let a device poll for so long in front of each peer, and yield what it found.

    met: of `pairs`. step: told which comes next.
    raises: UserError when there is no MicroPython, or the program fails.
    """
    with (
        scratch() as name,
        twin_of_boards(folder := Path(name)) as twin,
    ):
        scene = _Scene(folder, twin, Authority(folder / "authority"))
        for way, peer in met:
            step(f"{_plain(way.title)}, {_called(peer)}")
            yield scene.meet(way, peer, seconds)


class _Scene(NamedTuple):
    """Where devices meet peers. authority: of those that are TLS servers of their own."""

    folder: Path
    twin: TwinProcess
    authority: Authority

    def meet(self, way: Way, peer: Peer, seconds: float) -> Row:
        """Let a new device meet a peer."""
        config = self.twin.device_config(way.cloud, way.way) | {"retry_s": 1}
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        own = self.authority.certificate_file
        shutil.copy(own if peer.terminates else self.twin.ready["ca_file"], folder / "ca.pem")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.maximum_version = ssl.TLSVersion.TLSv1_2  # as boards have it
        certificate = self.authority.server([config["host"]], folder / "server.pem")
        context.load_cert_chain(certificate)
        server = Server((config["address"], config["port"]), config["host"], context)
        with standing(peer, way, server) as stage:
            if stage is not None:
                config |= {"address": "127.0.0.1", "port": stage.port}
            (folder / "device.json").write_text(json.dumps(config))
            arguments = [str(folder), str(seconds)]
            if peer.report_bytes:
                arguments += [_TOPICS[way.cloud].format(**config), str(peer.report_bytes)]
            said = _run(arguments, stage)
        longest_ms, unfed_ms = said["longest"] / 1000, said["unfed"] / 1000
        return Row(way, peer, longest_ms, unfed_ms, said["polls"], said["stored"], said["error"])


def _run(arguments: list[str], stage: Stage | None) -> dict[str, Any]:
    """What the program said last; it is killed in a poll that takes too long."""
    build, limit_us = programs.builds()[0], 1000 * KILLED_MS
    job = programs.Job("measure_waits", build, tuple(arguments), silence_s=KILLED_MS / 1000)
    said: dict[str, Any] = {"longest": 0, "unfed": 0, "polls": 0, "stored": 0, "error": None}
    try:
        for _, said in programs.run([job]):
            if said["stored"] and stage is not None:
                stage.opened.set()
            if said["longest"] > limit_us:
                break
    except programs.HangsError:
        said |= {"longest": limit_us, "unfed": limit_us}
    return said


def _called(peer: Peer) -> str:
    return f"open, {peer.name}" if peer.once_open else peer.name


def _plain(title: str) -> str:
    return title.replace("\n", " ")


def tables(rows: Sequence[Row]) -> list[Table]:
    """The figures for a person: the longest poll, and the longest time without a feed."""
    return [
        _table("Longest poll(0), ms", rows, lambda row: row.longest_ms),
        _table("Longest time without a feed, ms", rows, lambda row: row.unfed_ms),
    ]


def _table(title: str, rows: Sequence[Row], figure: Callable[[Row], float]) -> Table:
    shown = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    shown.padding, shown.min_width = (0, 1, 0, 0), len(title)
    shown.add_column("peer", no_wrap=True)
    ways = [way for way in WAYS if any(row.way == way for row in rows)]
    for way in ways:
        shown.add_column(way.title, justify="right", no_wrap=True)
    found = {(row.way, row.peer): row for row in rows}
    for peer in PEERS:
        if any(row.peer is peer for row in rows):
            cells = (found.get((way, peer)) for way in ways)
            shown.add_row(_called(peer), *("-" if c is None else _cell(c, figure) for c in cells))
    return shown


def _cell(row: Row, figure: Callable[[Row], float]) -> str:
    ms = figure(row)
    if row.trouble is not None:
        return "[red]none![/]" if row.error is None else "[red]raises[/]"
    text = f">{KILLED_MS // 1000} s" if ms >= KILLED_MS else f"{ms:.0f}"
    return f"[red]{text}![/]" if ms > LIMIT_MS else text


def verdict(rows: Sequence[Row]) -> str:
    """What is wrong, or that nothing is."""
    lines = [
        f"{_plain(row.way.title)}, {_called(row.peer)}: {row.trouble}"
        for row in rows
        if row.trouble is not None
    ]
    over = sum(not row.passed for row in rows)
    if over:
        lines.append(
            f"{over} of {len(rows)} wait longer than {LIMIT_MS} ms (!), raise, or report nothing."
        )
    else:
        lines.append(f"No poll(0) took longer than {LIMIT_MS} ms, nothing came out of one.")
    return "\n".join(lines)


def explanation(seconds: float) -> str:
    """What was measured."""
    return (
        f"A Link polls for {seconds:g} s in front of each peer, on MicroPython with objects as\n"
        "large as a board's, and reports ten times a second. open: the peer is as told\n"
        "only when the first report is stored; until then the twin answers. A garbage\n"
        "collection goes before each poll, and is not in the figures; nor is the time\n"
        "that the machine gave to other programs (Linux). -: this way cannot meet it."
    )
