"""What does a TLS handshake cost a board: time, memory, packets, with RSA-2048 and with P-256?

The measuring runs on MicroPython (`firmware/bench/measure_tls.py`), through signet's own
`net.trust` and `net.secure`; this file starts it, and a server for each case, on each build.
"""

import contextlib
import functools
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from tools.bench import programs
from tools.bench.malloc_trace import Held, held
from tools.bench.relay import Traffic
from tools.bench.relay_tcp import TcpRelay
from tools.bench.tls_certificates import CASES, NAME, Case, Chains
from tools.bench.tls_server import Server
from tools.scratch import scratch
from tools.ui import UserError

_TRACER = "libc_malloc_debug.so.0"
_TRACES = ("context", "connection")
# Borrows 16 KiB for the key share of TLS 1.3, which boards' Mbed TLS is built without.
_FOR_TLS_1_3 = "psa_crypto_local_output_alloc"


class Times(NamedTuple):
    """One case on one build. us: microseconds of a handshake, of each round.

    longer: how many times as long as with P-256, the median over the rounds, each compared with
    itself. server_ms: median of the server's processor time in it. suite: that was agreed on.
    """

    build: str
    case: Case
    us: list[int]
    longer: float
    server_ms: float
    suite: str

    @property
    def ms(self) -> float:
        """The median over the rounds."""
        return statistics.median(self.us) / 1000

    @property
    def spread(self) -> float:
        """Half of the rounds lie within this part of the median; 0 for less than two rounds."""
        if len(self.us) < 2:
            return 0.0
        first, median, third = statistics.quantiles(self.us, n=4, method="inclusive")
        return (third - first) / 2 / median


class Memory(NamedTuple):
    """One case on one build; bytes.

    needed: free heap without which a handshake fails. context, connection: heap that they keep.
    shared, own: memory of malloc for context and connection; None where that is not known.
    """

    build: str
    case: Case
    needed: int
    context: int
    connection: int
    shared: Held | None
    own: Held | None


class Wire(NamedTuple):
    """One case. ca, device: bytes of ca.pem and device.pem on flash; 0 without device.pem."""

    case: Case
    traffic: Traffic
    ca: int
    device: int


class Found(NamedTuple):
    """What `measure` returns: for each build and case; of the wire for each case."""

    times: list[Times]
    memory: list[Memory]
    wire: list[Wire]


def steps(rounds: int, cases: Sequence[Case] = CASES) -> int:
    """How many steps `measure` takes."""
    return len(programs.builds()) * (rounds + 2 * len(cases))


def measure(rounds: int, step: Callable[[], None], cases: Sequence[Case] = CASES) -> Found:
    """Measures on every MicroPython build of this machine.

    rounds: how often the cases take turns. step: called `steps` times. cases: CASES, or some of
    them, in pairs of both kinds.
    raises: UserError when there is no MicroPython, or when it fails.
    """
    found = Found([], [], [])
    with scratch() as name:
        chains = Chains(Path(name))
        with contextlib.ExitStack() as stack:
            servers = {case: stack.enter_context(_server(chains, case)) for case in cases}
            for build in programs.builds():
                times, needed = _times(build, rounds, chains.boards, servers, step)
                found.times.extend(times)
                for case, server in servers.items():
                    memory = functools.partial(_memory, build, case, chains.boards, server)
                    if len(found.wire) < len(cases):  # the same on every build
                        with TcpRelay(server.address) as relay:
                            row, traffic = memory(port=relay.port, take=relay.take)
                        found.wire.append(Wire(case, traffic, *_on_flash(chains, case)))
                    else:
                        row, _ = memory(port=server.address[1], take=Traffic)
                    found.memory.append(row._replace(needed=needed[case]))
                    step()
    return found


def _server(chains: Chains, case: Case) -> Server:
    chain, clients_ca = chains.write(case)
    return Server(chain, clients_ca if case.client else None)


def _on_flash(chains: Chains, case: Case) -> tuple[int, int]:
    files = [chains.boards / case.name / name for name in ("ca.pem", "device.pem")]
    ca, device = (file.stat().st_size if file.exists() else 0 for file in files)
    return ca, device


def _times(
    build: str, rounds: int, boards: Path, servers: dict[Case, Server], step: Callable[[], None]
) -> tuple[list[Times], dict[Case, int]]:
    """The times, and the heap that each case needs."""
    ports = [f"{case.name}={server.address[1]}" for case, server in servers.items()]
    arguments = ("time", str(rounds), NAME, str(boards), *ports)
    us: dict[str, list[int]] = {case.name: [] for case in servers}
    needed: dict[str, int] = {}
    server_ms = dict.fromkeys(us, 0.0)
    before = {case.name: len(server.cpu_ms) for case, server in servers.items()}
    for _, found in programs.run([programs.Job("measure_tls", build, arguments)]):
        if "us" in found:
            for name, value in found["us"].items():
                us[name].append(value)
        else:
            needed[found["case"]] = found["needed"]
        step()
    for case, server in servers.items():
        server_ms[case.name] = statistics.median(
            server.cpu_ms[before[case.name] : before[case.name] + rounds]
        )
    rows = [
        Times(
            build,
            case,
            us[case.name],
            _longer(us[case.name], us[case._replace(kind="ec").name]),
            server_ms[case.name],
            server.suite,
        )
        for case, server in servers.items()
    ]
    return rows, {case: needed[case.name] for case in servers}


def _longer(ours: list[int], theirs: list[int]) -> float:
    return statistics.median(mine / other for mine, other in zip(ours, theirs, strict=True))


def _memory(
    build: str, case: Case, boards: Path, server: Server, *, port: int, take: Callable[[], Traffic]
) -> tuple[Memory, Traffic]:
    """The memory of a case, without what it needs, and what passed by a handshake at `port`."""
    with scratch() as name:
        uncounted = f"{case.name}={server.address[1]}"
        arguments = ("memory", name, NAME, str(boards), uncounted, str(port))
        job = programs.Job("measure_tls", build, arguments, environment=_tracer(build))
        for _, found in programs.run([job]):
            said, traffic = found, take()
            server.end_connection()
        traces = (Path(name, each) for each in _TRACES)
        shared, own = (
            held(each.read_text(), _FOR_TLS_1_3) if each.exists() else None for each in traces
        )
    return Memory(build, case, 0, said["context"], said["connection"], shared, own), traffic


@functools.cache
def _tracer(build: str) -> tuple[tuple[str, str], ...]:
    """What makes malloc traceable; nothing where the C library has no such thing."""
    tracer = (("LD_PRELOAD", _TRACER),)
    try:  # a program that cannot have it says so
        list(programs.run([programs.Job("tracing", build, environment=tracer)]))
    except UserError:
        return ()
    return tracer
