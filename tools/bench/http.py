"""How many requests per second, and how much heap does one take, against micropython-lib's client?

The measuring runs on MicroPython (`firmware/bench/measure_http.py`); this file starts it, and one
server for all contenders, on each build, and turns its times into a table. The peer is the real
`requests` of micropython-lib, which Debian's MicroPython carries.
"""

import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from rich import box
from rich.table import Table

from tools.bench import programs
from tools.bench.http_server import NAME, Count, Server
from tools.scratch import scratch

KEPT, ONCE, PEER, NODELAY = "kept", "once", "peer", "nodelay"
CONTENDERS = {
    KEPT: "signet, kept",
    ONCE: "signet, once",
    PEER: "requests",
    NODELAY: "  no delay",
}
CALLS = 10
"""Requests of each contender in each round."""

_HEAP = "160k"  # both clients with their buffers, with 64-bit objects too


class Row(NamedTuple):
    """One contender on one build. what: TLS or TCP. heap, needed: bytes.

    us: microseconds per request, of each round. faster: requests in the time of one of the
    peer's, the median over the rounds, each compared with itself. heap: allocated by one request.
    needed: free heap without which it fails. outside: bytes of other memory that a connection
    keeps, None where that cannot be told. sent: as the server counted it, without the search for
    `needed`.
    """

    build: str
    what: str
    content_bytes: int
    contender: str
    us: list[float]
    faster: float
    heap: int
    heap_ratio: float
    needed: int
    outside: int | None
    sent: Count

    @property
    def per_second(self) -> float:
        """Requests, one after the other: the median over the rounds."""
        return 1_000_000 / statistics.median(self.us)

    @property
    def spread(self) -> float:
        """Half of the rounds lie within this part of the median; 0 for less than two rounds."""
        if len(self.us) < 2:
            return 0.0
        first, median, third = statistics.quantiles(self.us, n=4, method="inclusive")
        return (third - first) / 2 / median


def steps() -> int:
    """How many steps `measure` takes."""
    return 2 * len(programs.builds())


def measure(rounds: int, step: Callable[[], None], calls: int = CALLS) -> list[Row]:
    """Measures on every MicroPython build of this machine, over TLS and over plain TCP.

    rounds: how often the contenders take turns. step: called after each. calls: see CALLS.
    raises: UserError when there is no MicroPython, or when it fails.
    """
    rows = []
    for build in programs.builds():
        with (
            scratch() as name,
            Server(Path(name)) as server,
        ):
            ports = (str(server.plain_port), str(server.tls_port))
            arguments = (str(rounds), str(calls), *ports, str(server.ca_file), NAME)
            for _, found in programs.run(
                [programs.Job("measure_http", build, arguments, heap=_HEAP)]
            ):
                rows += _rows(build, found, server.counts)
                step()
    return rows


def _rows(build: str, found: dict[str, Any], counts: dict[tuple[str, str], Count]) -> list[Row]:
    times, heap = found["times"], found["heap"]
    scheme = {"TLS": "https", "TCP": "http"}[found["what"]]
    return [
        Row(
            build,
            found["what"],
            found["bytes"],
            contender,
            [round_us / found["calls"] for round_us in times[contender]],
            statistics.median(
                theirs / ours for theirs, ours in zip(times[PEER], times[contender], strict=True)
            ),
            heap[contender],
            heap[contender] / heap[PEER],
            found["needed"][contender],
            found["outside"],
            counts[scheme, found["paths"][contender]],
        )
        for contender in CONTENDERS
    ]


def table(rows: list[Row]) -> Table:
    """The figures for a person."""
    size = rows[0].content_bytes
    title = f"HTTP requests of {size} bytes of content, one after the other, to one server"
    shown = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in ("build", "over", "client"):
        shown.add_column(name, no_wrap=True)
    for name in (
        "per s",
        "±",
        "ratio",
        "heap, B\ntaken",
        "ratio",
        "heap, B\nneeded",
    ):
        shown.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        shown.add_row(
            row.build,
            row.what,
            CONTENDERS[row.contender],
            f"{row.per_second:.0f}",
            f"{row.spread:.0%}",
            f"{row.faster:.2f}",
            str(row.heap),
            f"{row.heap_ratio:.2f}",
            str(row.needed),
            end_section=row.contender == NODELAY,
        )
    return shown


def outside(rows: list[Row]) -> str:
    """What Mbed TLS takes beside the heap, in a sentence; "" where that is not known."""
    found = {row.build: row.outside for row in rows if row.what == "TLS" and row.outside}
    if not found:
        return ""
    each = ", ".join(f"{size / 1024:.0f} KiB ({build})" for build, size in found.items())
    return f"RSS of a connection over TLS beside the heap: {each}."


def explanation(rounds: int) -> str:
    """What was compared with what."""
    return (
        f"{rounds} rounds of {CALLS} requests in which the contenders take turns; medians; half\n"
        f"of the rounds lie within ±. Heap {_HEAP}; garbage is collected before each\n"
        "request, beside the clock.\n"
        "The content: a property post to Alibaba Cloud. The server: aiohttp on this\n"
        "machine, TLS 1.2 (as boards have it); one small certificate (ECDSA P-256), while\n"
        "a cloud's chain costs a new connection more.\n"
        "signet, kept: on the connection that it keeps; once: closed after each request.\n"
        "requests: micropython-lib's own, frozen in Debian's MicroPython. It connects for\n"
        "each request and does NOT verify the server's certificate; signet does. It sends\n"
        "its head in many small writes, which TCP holds back until the last is\n"
        "acknowledged (Nagle); no delay: TCP_NODELAY, for which it has no option.\n"
        "Ratios: to `requests`. Heap taken: allocated by one request, the collector off;\n"
        "needed: the least free heap in which one succeeds, the collector on. Neither has\n"
        "what Mbed TLS itself takes: on this MicroPython that comes from libc."
    )
