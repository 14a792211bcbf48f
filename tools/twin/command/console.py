"""How does `signet twin` speak to a person, and which twin does a person speak of?"""

import asyncio
import contextlib
import datetime
import functools
import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tools.paths import CACHE
from tools.twin.clouds import CLOUDS, registration
from tools.twin.hub import control
from tools.twin.ready import RUNNING
from tools.twin.registry.store import Store, open_store
from tools.ui import UserError, complete, console, signet, visible

DEFAULT_STATE = CACHE / "twin"


def _inherited(context: typer.Context, state: Path) -> Path:
    """What stands before the subcommand holds for it: `signet twin --state X command`."""
    parent = context.parent
    while parent and state == DEFAULT_STATE:
        state, parent = parent.params.get("state", state), parent.parent
    return state


State = Annotated[
    Path,
    typer.Option(
        "--state",
        file_okay=False,
        callback=_inherited,
        help="Folder of the CA, the registry and the messages. Default: .cache/twin.",
        show_default=False,
    ),
]


_STYLES = {
    "connected": "green",
    "left": "green",
    "report": "cyan",
    "refused": "red",
    "rejected": "red",
    "closed": "yellow",
    "fault": "magenta",
}


_LONGEST_TEXT = 1000  # a topic may have 65535
_SOME = ("report", "connected")
_LATEST_S = 0.05
_TOGETHER = 65536


@contextlib.contextmanager
def while_read() -> Iterator[None]:
    """Serve on in silence when nobody reads any more: a pipe to `head`, say.

    A file on a full disk lacks some lines.
    """
    try:
        yield
    except (BrokenPipeError, SystemExit):  # the latter is how rich tells of the former
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError:
        pass


class Events:
    """Prints what happens; reports and logins some lines together: each costs as much, else.

    Their lines come after 50 ms at the latest, and before any other line; that of anything else
    is out before what it tells of goes on.
    """

    def __init__(self) -> None:
        self._waiting: list[tuple[float, str, str, str, str]] = []
        self._size = 0
        self._timer: asyncio.TimerHandle | None = None

    def add(self, cloud: str, device: str, kind: str, text: str) -> None:
        """One line; a device has its word in it, but not a long one. Only in a running loop."""
        device, text = device[: _LONGEST_TEXT + 1], text[: _LONGEST_TEXT + 1]
        self._waiting.append((time.time(), cloud, device, kind, text))
        self._size += len(device) + len(text)
        if kind not in _SOME or self._size > _TOGETHER:
            self.flush()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_LATEST_S, self.flush)

    @while_read()
    def flush(self) -> None:
        """Print what waits."""
        waiting, self._waiting, self._size = self._waiting, [], 0
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not waiting:
            return
        if not console.is_terminal:  # rich costs more than the whole gate when nobody looks
            lines = ("{} {:<7} {} {}: {}\n".format(*_seen(*event)) for event in waiting)
            sys.stdout.write("".join(lines))
            sys.stdout.flush()
            return
        for event in waiting:
            now, cloud, device, kind, text = _seen(*event)
            line = Text(f"{now} {cloud:<7} {device} ")
            line.append(kind, _STYLES.get(kind, ""))
            line.append(f": {text}")
            console.print(line, soft_wrap=True)


def _seen(at_s: float, cloud: str, device: str, kind: str, text: str) -> tuple[str, ...]:
    return _clock(int(at_s)), cloud, visible(_cut(device)), kind, visible(_cut(text))


@functools.lru_cache(2)
def _clock(at_s: int) -> str:
    return datetime.datetime.fromtimestamp(at_s).astimezone().strftime("%H:%M:%S")


@while_read()
def print_ready(ready: dict[str, Any], state: Path) -> None:
    """Where everything listens, which devices there are, and what to try next."""
    table = new_table("cloud", "way", "address", fold=("server name",))
    devices = []
    for cloud, entry in ready["clouds"].items():
        secret = CLOUDS[cloud].hidden
        device = " ".join(f"{k}={v}" for k, v in entry["device"].items() if k != secret)
        devices.append(f"{cloud:<8} {device}")
        for name, way in entry["ways"].items():
            table.add_row(cloud, name, f"{way['address']}:{way['port']}", way["host"])
    print_table(table)
    console.print(
        "",
        "One device per cloud is registered:",
        *devices,
        "",
        f"CA for the TLS ports: {ready['ca_file']}",
        *(line for cloud, entry in ready["clouds"].items() for line in CLOUDS[cloud].lines(entry)),
        "In another terminal:",
        *(f"  {call(state, *words)}{_NOTES.get(words[0], '')}" for words in _examples()),
        *([f"The page: {ready['page']}"] if "page" in ready else []),
        "Ctrl-C ends it.",
        sep="\n",
        markup=False,
        soft_wrap=True,
    )
    sys.stdout.flush()


_NOTES = {"config": "  # a device.json, secret included"}


def _examples() -> list[tuple[str, ...]]:
    return [*(each for cloud in CLOUDS.values() for each in cloud.examples), ("messages",)]


def call(state: Path, *words: str) -> str:
    """The command line for another call about the same twin."""
    return signet("twin", *words, *(() if state == DEFAULT_STATE else ("--state", state)))


def new_table(*columns: str, fold: tuple[str, ...]) -> Table:
    """A table whose last columns, `fold`, are folded where a terminal is narrow; none is cut."""
    table = Table(box=None, pad_edge=False)
    for name in columns + fold:
        table.add_column(name, overflow="fold", no_wrap=name not in fold)
    return table


def print_table(table: Table) -> None:
    """Print a table as it is, without rich's markup; in a pipe each row is one line."""
    wide = Console(width=10_000, highlight=False, emoji=False)
    (console if console.is_terminal else wide).print(table, markup=False)


def running(state: Path) -> dict[str, Any]:
    """The ready file's contents of the twin that runs there. raises: UserError without one."""
    with contextlib.suppress(OSError, ValueError):
        ready: dict[str, Any] = json.loads((state / RUNNING).read_text())
        if control.answers(Path(ready["control"])):  # a killed one leaves the file behind
            return ready
    raise UserError(f"no twin runs in {state}; start one with `{call(state)}`")


def online(state: Path) -> dict[str, list[str]]:
    """Who is connected by MQTT to the twin that runs there, by cloud; nobody without one."""
    with contextlib.suppress(UserError):
        control_socket = Path(running(state)["control"])
        labels: dict[str, list[str]] = control.ask(control_socket, {"do": "online"})["online"]
        return labels
    return {}


CLOUD_HELP = f"One of: {', '.join(CLOUDS)}."

CloudName = Annotated[str, typer.Argument(help=CLOUD_HELP, autocompletion=complete(CLOUDS))]


def check_org(store: Store, org: str) -> None:
    """raises: UserError for an org that nobody is registered in."""
    cloud = next(c.name for c in CLOUDS.values() if c.client_certificates == "by org")
    command = call(store.path.parent, "device", "add", cloud, f"{org}/TYPE", "ID")
    registration.check_org(store, org, f"`{command}` makes it")


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_TEXT else text[:_LONGEST_TEXT] + "…"


@contextlib.contextmanager
def store_of(state: Path) -> Any:
    """The registry in a state folder, opened while used. raises: UserError without one."""
    if not (state / "twin.db").exists():
        raise UserError(f"there is no registry in {state}; `{call(state)}` makes one")
    with contextlib.closing(open_store(state)) as store:
        yield store
