"""How does a person open the page: `signet twin page`?"""

import asyncio
import sys
import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from tools.scratch import scratch
from tools.twin.command.console import DEFAULT_STATE, State, call, running
from tools.twin.page import redirect
from tools.ui import UserError, console, errors, visible


def page(
    trace: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            dir_okay=False,
            help="Show this trace instead, until Ctrl-C; nothing can be done there.",
        ),
    ] = None,
    no_open: Annotated[
        bool, typer.Option("--no-open", help="Print its address alone; no browser opens.")
    ] = False,
    state: State = DEFAULT_STATE,
) -> None:
    """Open the running twin's page in the browser: boards, messages, values, what may be done."""
    if trace is not None:
        from tools.twin.page import replayed  # aiohttp

        errors.print(visible(f"reading {trace.name}"), markup=False, soft_wrap=True)
        model = replayed.read(trace)
        with scratch() as folder:

            def on_ready(address: str) -> None:
                _open(address, redirect.write(address, Path(folder)), no_open, ends=True)

            asyncio.run(replayed.show(model, on_ready))
        return
    ready = running(state)
    if "page" not in ready:
        raise UserError(
            f"the twin in {state} runs without its page: end it, and start it with"
            f" `{call(state, '--page')}`"
        )
    _open(ready["page"], state / redirect.NAME, no_open)


def _open(address: str, file: Path, no_open: bool, ends: bool = False) -> None:
    """Print an address, and open the file that leads there. ends: whether Ctrl-C ends that."""
    console.print(address, markup=False, soft_wrap=True)
    if ends:
        errors.print("Ctrl-C ends it.")
    sys.stdout.flush()
    if not (no_open or webbrowser.open(file.absolute().as_uri())):
        errors.print("No browser opens from here: open the address yourself.")
