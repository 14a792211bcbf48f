"""What can `signet bench` measure?"""

import contextlib
import importlib
from collections.abc import Callable, Collection, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from tools.bench import programs
from tools.toolchain.progress import told
from tools.ui import UserError, check_ways, console, errors, one_of

if TYPE_CHECKING:
    from tools.bench import goals


def _named(bench: str, table: str) -> Callable[[], list[str]]:
    """The `autocompletion` from a bench's table of ways or the like, which is read then."""

    def names() -> list[str]:
        entries = getattr(importlib.import_module(f"tools.bench.{bench}"), table)
        return [_called(each) for each in entries]

    return names


def _called(entry: Any) -> str:
    if isinstance(entry, str):
        return entry
    return str(entry.key) if hasattr(entry, "key") else f"{entry.cloud}-{entry.way}"


_Peer = Annotated[
    Path | None,
    typer.Option(help="A folder with the real peer; without it a stand-in is measured."),
]

app = typer.Typer(no_args_is_help=True, help="Measure against peers.")

_COLUMNS = (
    TextColumn("{task.description}"),
    BarColumn(),
    TimeElapsedColumn(),
    TextColumn("left"),
    TimeRemainingColumn(),
)


@app.callback()
def _group() -> None:
    """Measure against peers, both sides in one run."""


@app.command()
def hmac(
    rounds: Annotated[int, typer.Option(min=1, help="How often the contenders take turns.")] = 200,
    key_bytes: Annotated[int, typer.Option(min=0, max=64, help="Size of the key.")] = 32,
    message_bytes: Annotated[
        int, typer.Option(min=0, max=1500, help="Size of the message; a content has about 120.")
    ] = 120,
    peer: _Peer = None,
) -> None:
    """Time and heap of a signature and its content, against bare hashes and micropython-lib."""
    from tools.bench import hmac as bench

    steps = (len(bench.HASHES) + 1) * len(programs.builds())
    with _steps("Measuring HMAC", steps) as step:
        rows = bench.measure(rounds, key_bytes, message_bytes, step, peer)
    _show(*bench.tables(rows))
    _goals(bench.goals(rows))
    real = all(row.real for row in rows)
    console.print(bench.explanation(rounds, key_bytes, message_bytes, real), markup=False)


@app.command()
def mqtt(
    rounds: Annotated[
        int, typer.Option(min=1, max=50, help="How often the clients take turns.")
    ] = 3,
    seconds: Annotated[float, typer.Option(min=0.05, help="How long each publishes.")] = 1.0,
    quick: Annotated[
        bool, typer.Option("--quick", help="Leave out the search for the smallest heap.")
    ] = False,
) -> None:
    """MQTT: reports per second, CPU, heap and flash, against other clients of MicroPython."""
    from tools.bench import mqtt as bench
    from tools.bench import mqtt_tables

    with _steps("Starting a broker", bench.steps(rounds, quick)) as step:
        rows = bench.measure(rounds, seconds, quick, step)
    for table in mqtt_tables.tables(rows):
        console.print(table)
    _goals(mqtt_tables.goals(rows))
    console.print(mqtt_tables.explanation(rounds, seconds), markup=False)


@app.command()
def fuzz(
    cpython: Annotated[
        int, typer.Option(min=0, help="Messages of each protocol on CPython, in two processes.")
    ] = 1_000_000,
    micropython: Annotated[
        int, typer.Option(min=0, help="Messages of each protocol on each MicroPython.")
    ] = 50_000,
    seed: Annotated[
        int, typer.Option(min=0, max=65_535, help="The same seed gives the same messages.")
    ] = 1,
    only: Annotated[
        str | None,
        typer.Option(
            help="coap, http, websocket, a session, as alibaba-mqtt, or a reader, as x509;"
            " all when left out.",
            autocompletion=_named("fuzz", "TARGETS"),
        ),
    ] = None,
) -> None:
    """Mutated messages into each protocol, the session of every way in, and all that is read."""
    from tools.bench import fuzz as bench

    if only and only not in bench.TARGETS:
        raise UserError(f"no {only}; {one_of(only, bench.TARGETS)}")
    passed = True
    for name in [only] if only else bench.TARGETS:
        target = bench.TARGETS[name]
        total = cpython + micropython * len(programs.builds())
        with _bar(f"Fuzzing with {target.messages}", total) as update:
            rows = bench.measure(
                cpython, micropython, seed, lambda count: update(advance=count), target=target
            )
        for table in bench.tables(rows):
            console.print(table)
        console.print(bench.verdict(rows), markup=False)
        passed = passed and all(row.passed for row in rows)
    if not passed:
        raise typer.Exit(1)


@app.command()
def coap(
    rounds: Annotated[int, typer.Option(min=1, help="How often the contenders take turns.")] = 200,
    peer: _Peer = None,
) -> None:
    """CoAP: time and heap of a message, datagrams and bytes of a report."""
    from tools.bench import coap as codec
    from tools.bench import coap_wire

    with _steps("Measuring the codec", 2 * len(programs.builds())) as step:
        codecs = codec.measure(rounds, step, peer)
    _show(codec.table(codecs))
    _goals(codec.goals(codecs))
    console.print(codec.explanation(rounds, codecs), markup=False)
    with _steps("Counting datagrams", len(coap_wire.CASES)) as step:
        reports = coap_wire.measure(coap_wire.CASES, step)
    _show(coap_wire.table(reports), coap_wire.explanation())


@app.command()
def http(
    rounds: Annotated[
        int, typer.Option(min=1, max=50, help="How often the contenders take turns.")
    ] = 20,
) -> None:
    """HTTP: requests per second and their heap, packets and bytes of a report."""
    from tools.bench import http as client
    from tools.bench import http_wire

    with _steps("Sending requests", client.steps()) as step:
        requests = client.measure(rounds, step)
    _show(client.table(requests), client.explanation(rounds), client.outside(requests))
    with _steps("Counting packets", len(http_wire.CASES)) as step:
        reports = http_wire.measure(http_wire.CASES, step)
    _show(http_wire.table(reports), http_wire.explanation())


@app.command()
def heap(
    way: Annotated[
        list[str] | None,
        typer.Option(
            help="mqtts, enos, coap, coaps, coap-modem, https, wss, azure, broker;"
            " all by default.",
            autocompletion=_named("heap", "WAYS"),
        ),
    ] = None,
    in_place: Annotated[
        bool, typer.Option("--in-place", help="signet in a ROM partition, not as files on flash.")
    ] = False,
    image: Annotated[
        bool, typer.Option("--image", help="The firmware image in QEMU, and its times.")
    ] = False,
    deep_sleep: Annotated[
        bool, typer.Option("--deep-sleep", help="A deep sleep after each report, and no outage.")
    ] = False,
) -> None:
    """The smallest heap in which a device lives through an outage, and its names."""
    from tools.bench import heap as bench
    from tools.bench import heap_tables

    check_ways(way or [], bench.WAYS)
    ways = [bench.WAYS[each] for each in way or bench.WAYS]
    with _steps("Starting a twin", bench.steps(ways)) as step:
        place: bench.Place = "image" if image else "ROMFS" if in_place else "flash"
        rows = bench.measure(ways, place, deep_sleep, step)
    found = {} if deep_sleep else heap_tables.goals(rows, place)
    _show(heap_tables.table(rows, found))
    _reasons(found.values())
    console.print(heap_tables.explanation(place, deep_sleep), markup=False)


@app.command()
def modem(
    family: Annotated[
        list[str] | None,
        typer.Option(
            help="For example bg95, bc66; all by default.",
            autocompletion=_named("modem", "FAMILIES"),
        ),
    ] = None,
    way: Annotated[
        list[str] | None,
        typer.Option(help="coap, coaps; both by default.", autocompletion=_named("modem", "WAYS")),
    ] = None,
    release_s: Annotated[
        float, typer.Option(min=0.1, help="Until the network releases a radio by itself.")
    ] = 10.0,
) -> None:
    """A report through each NB-IoT modem: datagrams, bytes, seconds; with and without RAI."""
    from tools.bench import modem as bench

    cases = bench.cases(family or [], way or [])
    with _steps("Starting a twin", len(cases)) as step:
        rows = bench.measure(cases, release_s, step)
    _show(bench.table(rows), *bench.code(), bench.explanation(release_s))


@app.command()
def tls(
    rounds: Annotated[
        int, typer.Option(min=1, max=1000, help="How often the certificates take turns.")
    ] = 30,
) -> None:
    """TLS handshakes with RSA-2048 and P-256: time, heap, memory of Mbed TLS, bytes, packets."""
    from tools.bench import tls as bench
    from tools.bench import tls_tables

    with _steps("Shaking hands", bench.steps(rounds)) as step:
        found = bench.measure(rounds, step)
    for shown in tls_tables.tables(found):
        console.print(shown)
    console.print(tls_tables.explanation(rounds, found), markup=False)


@app.command()
def waits(
    seconds: Annotated[
        float, typer.Option(min=0.2, help="How long a device meets each peer.")
    ] = 3.0,
    way: Annotated[
        list[str] | None,
        typer.Option(
            help="For example mqtts, alibaba-https; all by default.",
            autocompletion=_named("waits", "WAYS"),
        ),
    ] = None,
    peer: Annotated[
        list[str] | None, typer.Option(help="A part of a peer's name; all by default.")
    ] = None,
) -> None:
    """Longest poll(0) of every way in, before peers that are silent, flood, drip or are gone."""
    from tools.bench import waits as bench

    met = bench.pairs(way or [], peer or [])
    with _steps("Starting a twin", len(met) + 1) as step:
        rows = list(bench.measure(met, seconds, step))
    for table in bench.tables(rows):
        console.print(table)
    console.print(bench.explanation(seconds), markup=False)
    console.print(bench.verdict(rows), markup=False)
    if not all(row.passed for row in rows):
        raise typer.Exit(1)


@app.command()
def faults(
    fault: Annotated[
        list[str] | None, typer.Option(help="A part of a fault's name; all by default.")
    ] = None,
    way: Annotated[
        list[str] | None,
        typer.Option(
            help="For example alibaba-mqtts; all by default.",
            autocompletion=_named("faults_board", "WAYS"),
        ),
    ] = None,
) -> None:
    """What becomes of reports when power, flash, memory, network, cloud or broker fail."""
    from tools.bench import faults as bench

    plan = bench.Plan(fault or [], way or [])
    with _steps("Starting", plan.steps) as step:
        rows = plan.run(step)
    _show(bench.table(rows), bench.explanation(), bench.verdict(rows))
    if not all(row.audit.passed for row in rows):
        raise typer.Exit(1)


@app.command()
def lateness(
    seconds: Annotated[
        int, typer.Option(min=1, max=600, help="How long beside each way in.")
    ] = 15,
) -> None:
    """How late a task at 100 Hz comes beside link.run(), and what an idle link costs."""
    from tools.bench import lateness as bench

    with _steps("Starting a twin", len(bench.CASES) + 1) as step:
        rows = bench.measure(seconds, lambda title: step(f"Beside {title}"))
    _show(bench.table(rows))
    _goals(bench.goals(rows))
    console.print(bench.explanation(seconds), markup=False)


@app.command()
def outbox(
    quick: Annotated[bool, typer.Option("--quick", help="A tenth of the reports.")] = False,
) -> None:
    """What waiting on flash costs: time, erases, years, a start, a week's delivery."""
    from tools.bench import outbox as bench

    with _steps("Letting reports wait", bench.steps(quick)) as step:
        found = bench.measure(quick, step)
    _show(bench.table(found), bench.explanation(found))


@app.command()
def soak(
    reports: Annotated[
        int, typer.Option(min=1, help="By MQTT; by each other way in a tenth of it.")
    ] = 1_000_000,
    way: Annotated[
        list[str] | None,
        typer.Option(
            help="For example mqtt, coap; all by default.",
            autocompletion=_named("soak", "WAYS"),
        ),
    ] = None,
    outage: Annotated[float, typer.Option(min=1, help="Seconds that the longest takes.")] = 60.0,
    picture: Annotated[Path, typer.Option(help="PNG to be written.")] = Path("soak.png"),
) -> None:
    """A million reports with outages: heap and flash over time, as a picture; must be flat."""
    from tools.bench import soak as bench

    rows = []
    for each in bench.chosen(way or []):
        count = reports if each.key == "mqtt" else max(1, reports // 10)
        with _bar(each.title, count) as update:
            rows.append(bench.measure(each, count, outage, update))
        bench.picture(rows, picture)
    _show(bench.table(rows), bench.explanation(outage), bench.verdict(rows))
    console.print(f"Picture: {picture}", markup=False, soft_wrap=True)
    if any(row.troubles() for row in rows):
        raise typer.Exit(1)


@app.command()
def twin(
    boards: Annotated[
        str, typer.Option(help="How many boards are connected at once, one run after the other.")
    ] = "100,1000,5000",
    reports: Annotated[
        int, typer.Option(min=1, help="How many they send as fast as they can, in each run.")
    ] = 20_000,
    durable: Annotated[
        bool, typer.Option("--durable", help="Each board has a durable session at the broker.")
    ] = False,
) -> None:
    """How many boards a twin holds; logins, reports, delays, CPU and memory; beside mosquitto."""
    from tools.bench import twin as bench

    words = boards.split(",")
    if not all(word.isdecimal() and int(word) for word in words):
        raise UserError(f"--boards is {boards!r}; it is numbers with commas, such as 100,1000")
    sizes = [int(word) for word in words]
    with _steps("Starting mosquitto", bench.steps(sizes)) as step:
        rows = bench.measure(sizes, reports, durable, step)
    for table in bench.tables(rows):
        console.print(table)
    _goals(bench.goals(rows))
    console.print(bench.explanation(reports, durable), markup=False)


@contextlib.contextmanager
def _bar(text: str, total: int) -> Iterator[Callable[..., None]]:
    """Shows how far it is: a bar, or a line now and then where there is no terminal.

    Gives what takes the arguments of rich's Progress.update.
    """
    is_shown = errors.is_terminal
    with Progress(*_COLUMNS, console=errors, transient=True, disable=not is_shown) as bar:
        number = bar.add_task(text, total=total)
        (task,) = bar.tasks
        with told(
            lambda: f"{task.description}: {task.completed:.0f} of {max(total, task.completed):.0f}"
        ):
            yield partial(bar.update, number)


@contextlib.contextmanager
def _steps(text: str, total: int) -> Iterator[Callable[..., None]]:
    """As `_bar`; gives what is called before each step, with what that is, or after it."""
    with _bar(text, total) as update:

        def step(what: str = "", advance: int = 1) -> None:
            update(advance=advance, **({"description": what} if what else {}))

        yield step


def _show(*found: Table | str) -> None:
    for each in found:
        console.print(each, markup=isinstance(each, Table))


def _goals(found: "list[goals.Goal]") -> None:
    from tools.bench import goals

    console.print(goals.table(found))
    _reasons(found)


def _reasons(found: "Collection[goals.Goal]") -> None:
    from tools.bench import goals

    if reasons := goals.reasons(found):
        console.print(reasons, markup=False)
