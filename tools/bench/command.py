"""What can `signet bench` measure?"""

import contextlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from tools.bench import programs
from tools.ui import UserError, console, errors

if TYPE_CHECKING:
    from tools.bench import heap, loaded

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
) -> None:
    """Time and heap of one HMAC signature, against two bare hashes and micropython-lib's hmac."""
    from tools.bench import hmac as bench

    steps = len(bench.HASHES) * len(programs.builds())
    with Progress(console=errors, transient=True) as progress:
        task = progress.add_task("Measuring HMAC", total=steps)
        rows = bench.measure(rounds, key_bytes, message_bytes, lambda: progress.advance(task))
    for table in bench.tables(rows):
        console.print(table)
    console.print(bench.explanation(rounds, key_bytes, message_bytes), markup=False)


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
            " all when left out."
        ),
    ] = None,
) -> None:
    """Mutated messages into each protocol, the session of every way in, and all that is read."""
    from tools.bench import fuzz as bench

    if only and only not in bench.TARGETS:
        raise UserError(f"no {only}; there are {', '.join(bench.TARGETS)}")
    passed = True
    for name in [only] if only else bench.TARGETS:
        target = bench.TARGETS[name]
        with Progress(*_COLUMNS, console=errors, transient=True) as progress:
            total = cpython + micropython * len(programs.builds())
            task = progress.add_task(f"Fuzzing with {target.messages}", total=total)
            step = partial(progress.advance, task)
            rows = bench.measure(cpython, micropython, seed, step, target=target)
        for table in bench.tables(rows):
            console.print(table)
        console.print(bench.verdict(rows), markup=False)
        passed = passed and all(row.passed for row in rows)
    if not passed:
        raise typer.Exit(1)


@app.command()
def coap(
    rounds: Annotated[int, typer.Option(min=1, help="How often the contenders take turns.")] = 200,
    quick: Annotated[
        bool, typer.Option("--quick", help="Leave out the search for the smallest heap.")
    ] = False,
) -> None:
    """CoAP: time and heap of a message, datagrams of a report, smallest heap, bytes of .mpy."""
    from tools.bench import coap as codec
    from tools.bench import coap_wire, heap, loaded

    with _steps("Measuring the codec", 2 * len(programs.builds())) as step:
        codecs = codec.measure(rounds, step)
    _show(codec.table(codecs), codec.explanation(rounds))
    with _steps("Counting datagrams", len(coap_wire.CASES)) as step:
        reports = coap_wire.measure(coap_wire.CASES, step)
    _show(coap_wire.table(reports), coap_wire.explanation())
    _sizes_and_heaps(loaded.COAP, heap.COAP, quick)


@app.command()
def http(
    rounds: Annotated[
        int, typer.Option(min=1, max=50, help="How often the contenders take turns.")
    ] = 20,
    quick: Annotated[
        bool, typer.Option("--quick", help="Leave out the search for the smallest heap.")
    ] = False,
) -> None:
    """HTTP: requests per second and their heap, packets of a report, smallest heap, .mpy."""
    from tools.bench import heap, http_wire, loaded
    from tools.bench import http as client

    with _steps("Sending requests", client.steps()) as step:
        requests = client.measure(rounds, step)
    _show(client.table(requests), client.explanation(rounds), client.outside(requests))
    with _steps("Counting packets", len(http_wire.CASES)) as step:
        reports = http_wire.measure(http_wire.CASES, step)
    _show(http_wire.table(reports), http_wire.explanation())
    _sizes_and_heaps(loaded.HTTP, heap.HTTP, quick)


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
        list[str] | None, typer.Option(help="For example mqtts, alibaba-https; all by default.")
    ] = None,
    peer: Annotated[
        list[str] | None, typer.Option(help="A part of a peer's name; all by default.")
    ] = None,
) -> None:
    """Longest poll(0) of every way in, before peers that are silent, flood, drip or are gone."""
    from tools.bench import waits as bench

    met = bench.pairs(way or [], peer or [])
    with Progress(*_COLUMNS, console=errors, transient=True) as progress:
        task = progress.add_task("Starting a twin", total=len(met) + 1)
        step = partial(progress.update, task, advance=1)
        rows = list(bench.measure(met, seconds, lambda text: step(description=text)))
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
        list[str] | None, typer.Option(help="For example alibaba-mqtts; all by default.")
    ] = None,
) -> None:
    """What becomes of reports when power, flash, memory, network, cloud or broker fail."""
    from tools.bench import faults as bench

    plan = bench.Plan(fault or [], way or [])
    with Progress(*_COLUMNS, console=errors, transient=True) as progress:
        task = progress.add_task("Starting", total=plan.steps)
        step = partial(progress.update, task, advance=1)
        rows = plan.run(lambda text: step(description=text))
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

    with Progress(*_COLUMNS, console=errors, transient=True) as progress:
        task = progress.add_task("Starting a twin", total=len(bench.CASES) + 1)
        step = partial(progress.update, task, advance=1)
        rows = bench.measure(seconds, lambda title: step(description=f"Beside {title}"))
    _show(bench.table(rows), bench.explanation(seconds))
    if not all(row.passed for row in rows):
        raise typer.Exit(1)


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
        list[str] | None, typer.Option(help="For example mqtt, coap; all by default.")
    ] = None,
    outage: Annotated[float, typer.Option(min=1, help="Seconds that the longest takes.")] = 60.0,
    picture: Annotated[Path, typer.Option(help="PNG to be written.")] = Path("soak.png"),
) -> None:
    """A million reports with outages: heap and flash over time, as a picture; must be flat."""
    from tools.bench import soak as bench

    rows = []
    for each in bench.chosen(way or []):
        count = reports if each.key == "mqtt" else max(1, reports // 10)
        with Progress(*_COLUMNS, console=errors, transient=True) as progress:
            task = progress.add_task(each.title, total=count)
            step = partial(progress.update, task)
            rows.append(bench.measure(each, count, outage, step))
        bench.picture(rows, picture)
    _show(bench.table(rows), bench.explanation(outage), bench.verdict(rows))
    console.print(f"Picture: {picture}", markup=False, soft_wrap=True)
    if any(row.troubles() for row in rows):
        raise typer.Exit(1)


@contextlib.contextmanager
def _steps(text: str, total: int) -> Iterator[Callable[[], None]]:
    """A progress bar; gives what advances it by one step."""
    with Progress(*_COLUMNS, console=errors, transient=True) as progress:
        task = progress.add_task(text, total=total)
        yield lambda: progress.advance(task)


def _show(table: Table, *texts: str) -> None:
    console.print(table)
    for text in texts:
        console.print(text, markup=False)


def _sizes_and_heaps(code: "loaded.Kind", board: "heap.Kind", quick: bool) -> None:
    from tools.bench import heap, loaded

    _show(loaded.table(code, loaded.measure(code)), loaded.explanation(code))
    if quick:
        return
    with _steps("Looking for the smallest heap", heap.steps(board)) as step:
        heaps = heap.measure(board, step)
    _show(heap.table(board, heaps), heap.explanation(board))
