"""What does `signet board` do?  Makes, fills, boots and attaches a board, virtual or on USB."""

import contextlib
import json
import signal
import subprocess
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from tools import toolchain
from tools.board import outbox
from tools.board.deploy import deploy, project_files
from tools.board.line import serial_line
from tools.board.mpremote import check_device
from tools.board.virtual import DEFAULT_FOLDER, FLASH_KIB, VirtualBoard
from tools.lifeline import end_as_ctrl_c
from tools.ui import UserError, console, errors

app = typer.Typer(
    no_args_is_help=True,
    help="Create, deploy, boot and watch a board: a virtual one, or with --device a real one.",
)


app.add_typer(outbox.app, name="outbox")


class _Bits(StrEnum):
    B32 = "32"
    B64 = "64"


_Folder = Annotated[Path, typer.Option(help="Folder of the virtual board.")]
_Device = Annotated[
    str | None, typer.Option(help="Serial line of a real board, for example /dev/ttyUSB0.")
]
_Heap = Annotated[str, typer.Option(help="Heap for programs: 110k, 1M or bytes.")]
_Width = Annotated[
    _Bits | None, typer.Option(help="Word width; default: 32 as on an ESP32, where there is one.")
]


@app.command()
def create(
    folder: _Folder = DEFAULT_FOLDER,
    size: Annotated[int, typer.Option(help="Flash in KiB.", min=32, max=65536)] = FLASH_KIB,
) -> None:
    """Make a virtual board with empty flash, or empty the flash of one."""
    board = VirtualBoard(folder).create(size)
    console.print(f"Empty flash of {size} KiB: {board.image}", markup=False, soft_wrap=True)


@app.command("deploy")
def _deploy(
    *,
    config: Annotated[
        Path,
        typer.Option(
            help="device.json: who the board is, to which cloud. Certificates and a key that it"
            " names are taken from beside it."
        ),
    ],
    ca: Annotated[
        Path | None,
        typer.Option(
            help="Certificate authority of the cloud's server (PEM). Default: ca.pem beside"
            " device.json, where there is one."
        ),
    ] = None,
    wifi: Annotated[
        Path | None, typer.Option(help='wifi.json: {"ssid": ..., "password": ...}.')
    ] = None,
    device: _Device = None,
    board: Annotated[
        str | None, typer.Option(help="A folder of firmware/boards/: virtual, esp32 or your own.")
    ] = None,
    folder: _Folder = DEFAULT_FOLDER,
) -> None:
    """Copy signet, boot.py, main.py and the configuration to a board and restart it."""
    if device:
        check_device(device)
    kind = board or ("esp32" if device else "virtual")
    files = project_files(_read_json(config), ca, kind, config.parent)
    if wifi:
        files["/wifi.json"] = json.dumps(_read_json(wifi)).encode()
    if not device and folder == DEFAULT_FOLDER and not VirtualBoard(folder).image.exists():
        VirtualBoard(folder).create()
    with serial_line(device, folder) as line:
        columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
        with Progress(*columns, console=errors, transient=True) as progress:
            task = progress.add_task("asking the board what it has", total=None)

            def show(done: int, total: int, path: str) -> None:
                progress.update(task, description=path, completed=done, total=max(total, 1))

            changed = deploy(line, files, show)
    console.print(f"{changed} of {len(files)} files copied; the board restarts.")


@app.command()
def boot(folder: _Folder = DEFAULT_FOLDER, heap: _Heap = "110k", bits: _Width = None) -> None:
    """Give the virtual board power and show what it prints, until Ctrl-C."""
    end_as_ctrl_c()
    with (
        contextlib.suppress(KeyboardInterrupt),
        VirtualBoard(folder, heap, int(bits) if bits else None) as board,
    ):
        errors.print(f"serial line {board.device}; Ctrl-C takes the power", highlight=False)
        for text in board.follow():
            sys.stdout.write(text)
            sys.stdout.flush()


@app.command("console")
def _console(
    device: _Device = None,
    folder: _Folder = DEFAULT_FOLDER,
    heap: _Heap = "110k",
    bits: _Width = None,
) -> None:
    """Attach this terminal to a board; Ctrl-C stops its program, Ctrl-] leaves."""
    if not sys.stdin.isatty():
        raise UserError("`signet board console` needs a terminal; use mpremote in a script")
    with serial_line(device, folder, heap, int(bits) if bits else None) as line:
        command = [*toolchain.mpremote(), "connect", line, "repl"]
        # Ctrl-C is for the board.
        previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            status = subprocess.run(command, check=False).returncode
        finally:
            signal.signal(signal.SIGINT, previous)
    if status:
        raise typer.Exit(status)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_bytes())
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from None
    except ValueError as error:
        # Its text has a place, never the content.
        raise UserError(f"{path} is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise UserError(f"{path} must hold one JSON object: {{...}}")
    return value
