"""What does a report by MQTT cost with signet, and with other clients of MicroPython?

The clients run on MicroPython (`firmware/bench/measure_mqtt.py`), one after the other in each
round, against one mosquitto: on loopback, and behind a relay that delays every byte.
"""

import json
import os
import resource
import statistics
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from tools import toolchain
from tools.bench import peers, programs
from tools.bench.broker import Far, broker, device_json
from tools.board.deploy import project_files
from tools.lifeline import die_with_parent
from tools.paths import CACHE, LIB, ROOT
from tools.scratch import scratch
from tools.ui import UserError

ROUND_TRIP_MS = 50
WINDOW = 8
"""Reports in flight, of clients that do not choose by themselves; the default of a Link."""

_STARTS = 8  # in each round
_CONFIRMATIONS = 2
_JOB_MS = 200  # of the search for the smallest heap
_TIMEOUT_S = 60.0


class Client(NamedTuple):
    """What is measured. name: for measure_mqtt; "": a Link. window: reports in flight."""

    title: str
    name: str
    window: int


NOTHING = Client("the interpreter alone", "nothing", 0)
UMQTT = Client("umqtt.simple 1.3.4", "umqtt", 1)
NODELAY = Client("umqtt.simple, no delay", "nodelay", 1)
OURS = Client("signet's client", "client", WINDOW)
LINK = Client("signet Link", "", WINDOW)
CLIENTS = (
    UMQTT,
    NODELAY,
    Client("aiomqttc 1.0.7", "aiomqttc", 1),
    Client("aiomqttc, 8 publishers", "aiomqttc", 8),
    Client("chumicro-mqtt 0.30.3", "chumicro", WINDOW),
    Client("chumicro-mqtt, its best", "chumicro", 32),
    OURS,
    LINK,
)
_EVERYONE = (NOTHING, *CLIENTS)


class Row(NamedTuple):
    """One client. near, far: reports per second without and with a round trip. cpu_us: of the
    processor, a report. start_ms: of the processor, from start to end of a program that reports
    once. flash: bytes of .mpy. heap_kib: the smallest; None when it was not looked for.
    """

    client: Client
    near: float
    far: float
    cpu_us: float
    start_ms: float
    flash: int
    heap_kib: int | None


def steps(rounds: int, quick: bool) -> int:
    """How many steps `measure` takes."""
    return len(_EVERYONE) * (rounds if quick else rounds + 1)


def measure(
    rounds: int, seconds: float, quick: bool, step: Callable[..., None]
) -> dict[Client, Row]:
    """Measures every client on the default MicroPython; NOTHING has no reports.

    rounds: how often they take turns. seconds: of publishing, each time. quick: without heaps.
    step: called before each with what it is.
    raises: UserError when a client cannot be fetched, or fails.
    """
    bench = Bench(peers.sources(lambda text: step(text, advance=0)))
    ms = round(1000 * seconds)
    near: dict[Client, list[dict[str, Any]]] = {client: [] for client in _EVERYONE}
    far: dict[Client, list[dict[str, Any]]] = {client: [] for client in _EVERYONE}
    starts: dict[Client, list[float]] = {client: [] for client in _EVERYONE}
    rows = {}
    with (
        scratch() as name,
        broker(Path(name)) as port,
        Far(port, ROUND_TRIP_MS / 2000) as relay,
    ):
        bench.prepare(Path(name), port, relay.port)
        for _ in range(rounds):
            for client in _EVERYONE:
                step(f"Publishing: {client.title}")
                starts[client] += [bench.start_ms(client, port) for _ in range(_STARTS)]
                if client is not NOTHING:
                    near[client].append(bench.run(client, port, ms))
                    far[client].append(bench.run(client, relay.port, ms))
        for client in _EVERYONE:
            heap = None
            if not quick:
                step(f"Smallest heap: {client.title}")
                heap = bench.smallest_kib(client, port)
            runs = near[client]
            rows[client] = Row(
                client,
                _rate(runs),
                _rate(far[client]),
                min((run["cpu_us"] / run["reports"] for run in runs), default=0.0),
                min(starts[client]),
                bench.flash(client, runs[0]["modules"]) if runs else 0,
                heap,
            )
    return rows


def _rate(runs: list[dict[str, Any]]) -> float:
    rates = [1_000_000 * run["reports"] / run["us"] for run in runs]
    return statistics.median(rates) if rates else 0.0


class Bench:
    """Runs clients; sources: folders of other people's."""

    def __init__(self, sources: list[Path]) -> None:
        self._sizes: dict[str, int] = {}
        paths = []
        for number, source in enumerate([toolchain.umqtt(), *sources]):
            target = CACHE / "bench" / "peers" / str(number)
            self._count(toolchain.compile_tree(source, target))
            paths.append(str(target))
        self._count(toolchain.compile_tree(LIB, CACHE / "bench" / "lib"))
        self._path = ":".join([*paths, programs.compiled()])
        bits = toolchain.word_sizes() or [32]
        self._interpreter = str(toolchain.micropython(bits[0]))
        self._most_kib = 110 if bits[0] == 32 else 160  # objects are twice as large
        self._link_flash = 0

    def _count(self, compiled: dict[Path, bytes]) -> None:
        for path, code in compiled.items():
            parts = path.with_suffix("").parts
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            self._sizes[name] = len(code)

    def prepare(self, folder: Path, *ports: int) -> None:
        """A device for each port, as `signet board deploy` would make it."""
        self._folder = folder
        main = ROOT / "firmware" / "bench" / "measure_mqtt_link.py"
        for port in ports:
            files = project_files(device_json(port), main=main)
            for path, content in files.items():
                place = folder / str(port) / path[1:]
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(content)
            code = [each for path, each in files.items() if path.startswith("/lib/")]
            self._link_flash = sum(map(len, code))

    def _command(self, client: Client, port: int, ms: int, kib: int) -> list[str]:
        command = [self._interpreter, "-X", f"heapsize={kib}k", "-m"]
        if client is LINK:
            return [*command, "measure_mqtt_link", str(self._folder / str(port)), str(ms)]
        return [*command, "measure_mqtt", client.name, str(client.window), str(port), str(ms)]

    def _run(
        self, client: Client, port: int, ms: int, kib: int, timeout_s: float = _TIMEOUT_S
    ) -> tuple[dict[str, Any] | None, str]:
        """What it said in JSON, if it came to that; and its last words."""
        lib = f"{self._folder / str(port)}/lib:" if client is LINK else ""
        try:
            done = subprocess.run(
                self._command(client, port, ms, kib),
                env={**os.environ, "MICROPYPATH": lib + self._path},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=timeout_s,
                check=False,
                preexec_fn=die_with_parent(),
            )
        except subprocess.TimeoutExpired:
            return None, "it hangs"
        lines = done.stdout.decode(errors="replace").splitlines() or ["nothing said"]
        found = [line for line in lines if line.startswith('{"')]
        ok = found and not done.returncode
        return (json.loads(found[-1]) if ok else None), lines[-1]

    def run(self, client: Client, port: int, ms: int) -> dict[str, Any]:
        """One measurement. raises: UserError when it fails."""
        found, said = self._run(client, port, ms, self._most_kib)
        if found is None:
            raise UserError(f"{client.title} does not publish: {said}")
        return found

    def start_ms(self, client: Client, port: int) -> float:
        """Of the processor, for one report and all before it."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.run(client, port, 0)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        used_s = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
        return 1000 * used_s

    def smallest_kib(self, client: Client, port: int) -> int:
        """Heap in which it publishes for a while, twice in a row."""
        low, high = 1, self._most_kib
        while high - low > 1:
            middle = (low + high) // 2
            if self.does(client, port, middle):
                high = middle
            else:
                low = middle
        while not all(self.does(client, port, high) for _ in range(_CONFIRMATIONS)):
            high += 1
        return high

    def does(self, client: Client, port: int, kib: int) -> bool:
        """Does it publish in a heap of so many KiB?"""
        return self._run(client, port, _JOB_MS, kib, 5.0)[0] is not None

    def flash(self, client: Client, modules: list[str]) -> int:
        """Bytes of .mpy of what it loads; of what a deployment sends, for a Link."""
        if client is LINK:
            return self._link_flash
        return sum(self._sizes.get(name, 0) for name in modules)
