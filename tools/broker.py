"""What does `signet broker` do?  Runs a plain mosquitto for a board, and shows what arrives."""

import contextlib
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from tools.mosquitto import USUAL_PORT, arriving, device_json, plain_broker, publish_command
from tools.ui import UserError, console, signet, visible

DEFAULT_FOLDER = Path("broker")


def broker(
    *,
    folder: Annotated[
        Path,
        typer.Option(
            file_okay=False, help="For device.json, which is made where there is none, and others."
        ),
    ] = DEFAULT_FOLDER,
    host: Annotated[
        str | None,
        typer.Option(
            help="Where to listen: for a real board this machine's address in its network."
            " Default: what device.json has; loopback."
        ),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=65535,
            help="0 takes a free one. Default: what device.json has; 1883 where it is free.",
        ),
    ] = None,
) -> None:
    """Run a plain mosquitto until Ctrl-C, make a board's device.json, show what arrives."""
    given: dict[str, str | int | None] = {"host": host, "port": port}
    file = device_json(folder, **{key: value for key, value in given.items() if value is not None})
    with (
        contextlib.suppress(KeyboardInterrupt),
        plain_broker(folder) as config,
        arriving(folder) as messages,
    ):
        _say_what_next(file, config)
        for topic, payload in messages:
            line = Text(visible(topic), "cyan")
            line.append(" " + visible(payload.decode(errors="backslashreplace")), "default")
            console.print(line, soft_wrap=True)
        raise UserError(f"mosquitto has ended by itself; {folder / 'mosquitto.log'} may say why")


def _say_what_next(file: Path, config: Mapping[str, Any]) -> None:
    """How a board gets there, and is commanded."""
    topic = f"signet/{config['client_id']}/command/set"
    console.print(
        f"mosquitto listens on {config['host']}:{config.get('port', USUAL_PORT)}; what a board"
        f" needs is in {file}, its password included.",
        "In another terminal:",
        "  " + signet("board", "deploy", "--config", file) + "  # to a virtual board",
        "  " + signet("board", "boot"),
        "  " + shlex.join(publish_command(file.parent, topic, '{"led": 1}')),
        "Ctrl-C ends it. What arrives:",
        sep="\n",
        markup=False,
        soft_wrap=True,
    )
    sys.stdout.flush()
