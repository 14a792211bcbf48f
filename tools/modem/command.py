"""What does `signet modem` offer on the command line?"""

import queue
import time
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from tools.modem.emulator import FAMILIES, Emulator
from tools.ui import UserError, complete, console, share, visible

_ARROWS = {"command": ">", "answer": "<", "urc": "<", "malformed": "!", "ignored": "!"}


def modem(
    family: Annotated[
        str,
        typer.Argument(help=f"One of: {', '.join(FAMILIES)}.", autocompletion=complete(FAMILIES)),
    ],
    name: Annotated[
        list[str] | None,
        typer.Option(
            metavar="HOST=ADDRESS",
            help="A host that no DNS here knows, with its address. Can be repeated.",
        ),
    ] = None,
    echo: Annotated[
        bool, typer.Option("--echo", help="Echo stays on, whatever ATE0 says.")
    ] = False,
    split: Annotated[
        int, typer.Option(min=0, help="Hand bytes over in pieces of 1 to so many.")
    ] = 0,
    baud: Annotated[int, typer.Option(min=0, help="Take the time of so many bits a second.")] = 0,
    answer_s: Annotated[float, typer.Option(min=0, help="Seconds to think.")] = 0,
    noise: Annotated[
        str, typer.Option(help="Share of places in an answer with unsolicited lines: 0.3 or 30%.")
    ] = "0",
    urc_loss: Annotated[str, typer.Option(help='Share of "data have come" not said.')] = "0",
    urc_double: Annotated[str, typer.Option(help="Share of them said twice.")] = "0",
    open_s: Annotated[
        float, typer.Option(min=0, help="Seconds until a socket is open, a name known.")
    ] = 0.01,
    send_fail: Annotated[str, typer.Option(help="Share of sends that fail.")] = "0",
    cme_error: Annotated[str, typer.Option(help="Share of commands refused: busy.")] = "0",
    reboot: Annotated[str, typer.Option(help="Share of commands with a reset inside.")] = "0",
    loss: Annotated[str, typer.Option(help="Share of lost datagrams, each direction.")] = "0",
    duplicate: Annotated[str, typer.Option(help="Share that comes twice.")] = "0",
    late: Annotated[str, typer.Option(help="Share that comes late.")] = "0",
    late_s: Annotated[float, typer.Option(min=0, help="How many seconds late.")] = 1,
    no_sim: Annotated[bool, typer.Option("--no-sim", help="There is no SIM.")] = False,
    denied: Annotated[bool, typer.Option("--denied", help="No network takes it.")] = False,
    register_s: Annotated[float, typer.Option(min=0, help="Seconds of search for a network.")] = 1,
    lose_network: Annotated[
        str, typer.Option(help="Share of commands at which the network is lost.")
    ] = "0",
    radio_off: Annotated[
        bool, typer.Option("--radio-off", help="It registers only when told to.")
    ] = False,
    release_s: Annotated[
        float, typer.Option(min=0, help="Seconds without data until the radio is released.")
    ] = 10,
    psm_s: Annotated[
        float, typer.Option(min=0, help="Seconds after that until it sleeps; 0: as asked for.")
    ] = 0,
    garbage: Annotated[
        bool, typer.Option("--garbage", help="Junk when it starts or wakes.")
    ] = False,
    first_lost: Annotated[
        bool, typer.Option("--first-lost", help="The first line then is lost.")
    ] = False,
    first_socket: Annotated[int, typer.Option(min=0, help="Number of the first socket.")] = 0,
    seed: Annotated[int, typer.Option(help="Of the random numbers: the same run again.")] = 0,
) -> None:
    """Be an NB-IoT modem on a serial line, with real UDP behind it, until Ctrl-C."""
    given = dict(locals())
    del given["family"], given["name"]
    switches = {
        {"loss": "drop"}.get(key, key): (
            share(f"--{key.replace('_', '-')}", value) if isinstance(value, str) else value
        )
        for key, value in given.items()
    }
    seen: queue.SimpleQueue[tuple[str, str]] = queue.SimpleQueue()
    started = time.monotonic()
    with Emulator(family, _names(name or []), lambda *event: seen.put(event), **switches) as found:
        console.print(f"{family} on {found.path}; Ctrl-C ends it", markup=False, soft_wrap=True)
        joins = f"`signet board create --modem {found.path}` joins a board to it"
        console.print(joins, markup=False, soft_wrap=True)
        try:
            while True:
                _show(time.monotonic() - started, *seen.get())
        except KeyboardInterrupt:
            console.print(_counts(found))


def _show(moment: float, kind: str, text: str) -> None:
    line = Text(f"{moment:8.2f} {_ARROWS.get(kind, ' ')} ")
    line.append(kind if kind not in _ARROWS or kind == "ignored" else "", "cyan")
    line.append(f" {visible(text)}", "red" if kind == "malformed" else "")
    console.print(line, soft_wrap=True)


def _counts(found: Emulator) -> Table:
    table = Table("counted", "", title=found.family, title_justify="left")
    for name, value in found.counters.items():
        table.add_row(name, f"{value:.2f} s" if isinstance(value, float) else str(value))
    return table


def _names(words: list[str]) -> dict[str, str]:
    names = dict(word.partition("=")[::2] for word in words)
    if not all(host and address for host, address in names.items()):
        raise UserError("--name takes HOST=ADDRESS, such as cloud.example=127.0.0.1")
    return names
