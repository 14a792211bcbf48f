"""How many requests per second, and how much heap does one take, against micropython-lib's client?

The measuring runs on MicroPython (`firmware/bench/measure_http.py`); this file starts it, and one
server for all contenders, on each build, and turns its times into a table. The peer is the real
`requests` of micropython-lib, which Debian's MicroPython carries.
"""

import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from rich import box
from rich.table import Table

from tools.bench import programs
from tools.bench.http_server import NAME, Server

KEPT, ONCE, PEER, NODELAY = "kept", "once", "peer", "nodelay"
CONTENDERS = {
    KEPT: "signet, kept",
    ONCE: "signet, once",
    PEER: "requests",
    NODELAY: "  with no delay",
}


class Row(NamedTuple):
    """One contender on one build. what: TLS or TCP. heap, needed: bytes.

    us: microseconds per request, the median over the rounds. faster: requests in the time of one
    of the peer's, the median over the rounds, each compared with itself. heap: allocated by one
    request. needed: free heap without which it fails.
    """

    build: str
    what: str
    content_bytes: int
    contender: str
    us: float
    faster: float
    heap: int
    heap_ratio: float
    needed: int

    @property
    def per_second(self) -> float:
        """Requests, one after the other."""
        return 1_000_000 / self.us


def steps() -> int:
    """How many steps `measure` takes."""
    return 2 * len(programs.builds())


def measure(rounds: int, step: Callable[[], None]) -> list[Row]:
    """Measures on every MicroPython build of this machine, over TLS and over plain TCP.

    rounds: how often the contenders take turns. step: called after each.
    raises: UserError when there is no MicroPython, or when it fails.
    """
    rows = []
    with tempfile.TemporaryDirectory(prefix="signet-bench-") as name, Server(Path(name)) as server:
        ports = (str(server.plain_port), str(server.tls_port))
        arguments = (str(rounds), *ports, str(server.ca_file), NAME)
        jobs = [programs.Job("measure_http", build, arguments) for build in programs.builds()]
        for job, found in programs.run(jobs):
            rows += _rows(job.interpreter, found)
            step()
    return rows


def _rows(build: str, found: dict[str, Any]) -> list[Row]:
    times, heap = found["times"], found["heap"]
    return [
        Row(
            build,
            found["what"],
            found["bytes"],
            contender,
            statistics.median(times[contender]) / found["calls"],
            statistics.median(
                theirs / ours for theirs, ours in zip(times[PEER], times[contender], strict=True)
            ),
            heap[contender],
            heap[contender] / heap[PEER],
            found["needed"][contender],
        )
        for contender in CONTENDERS
    ]


def table(rows: list[Row]) -> Table:
    """The figures for a person."""
    size = rows[0].content_bytes
    title = f"HTTP requests of {size} bytes of content, one after the other, to one server"
    shown = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    for name in ("build", "over", "client"):
        shown.add_column(name, no_wrap=True)
    for name in ("per s", "ratio", "heap, B\ntaken", "ratio", "heap, B\nneeded"):
        shown.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        shown.add_row(
            row.build,
            row.what,
            CONTENDERS[row.contender],
            f"{row.per_second:.0f}",
            f"{row.faster:.2f}",
            str(row.heap),
            f"{row.heap_ratio:.2f}",
            str(row.needed),
            end_section=row.contender == NODELAY,
        )
    return shown


def explanation(rounds: int) -> str:
    """What was compared with what."""
    return (
        f"{rounds} rounds in which the contenders take turns; medians; heap {programs.HEAP}.\n"
        "The content: a property post to Alibaba Cloud. The server: aiohttp on this\n"
        "machine, TLS 1.2 (as boards have it), ECDSA P-256.\n"
        "signet, kept: on the connection that it keeps; once: closed after each request.\n"
        "requests: micropython-lib's own, frozen in Debian's MicroPython. It connects for\n"
        "each request and does NOT verify the server's certificate; signet does. It sends\n"
        "its head in many small writes, which TCP holds back until the last is\n"
        "acknowledged (Nagle); with no delay: TCP_NODELAY, for which it has no option.\n"
        "Ratios: to `requests`. Heap taken: allocated by one request, the collector off;\n"
        "needed: the least free heap in which one succeeds, the collector on."
    )
