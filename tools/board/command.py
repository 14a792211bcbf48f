"""What does `signet board` do?  Makes, fills, boots and attaches a board, virtual or on USB."""

import contextlib
import os
import signal
import subprocess
import sys
from enum import StrEnum
from typing import Annotated

import typer

from tools import toolchain
from tools.board import command_deploy, command_link, explain, flash, outbox
from tools.board import modem as modem_command
from tools.board import selftest as selftest_command
from tools.board.explain import Times, Tracebacks, relay
from tools.board.line import serial_line
from tools.board.virtual import DEFAULT_FOLDER, FLASH_KIB, VirtualBoard
from tools.modem.emulator import FAMILIES
from tools.ui import BoardFolder, UserError, complete, console, errors, visible

app = typer.Typer(
    no_args_is_help=True,
    help="Create, deploy, boot and watch a board: a virtual one, or with --device a real one.",
)


app.add_typer(outbox.app, name="outbox")
app.command("deploy")(command_deploy.deploy)
app.command("link")(command_link.link)
app.command("explain")(explain.explain)
app.command("flash")(flash.flash)
app.command("modem")(modem_command.modem)
app.command("selftest")(selftest_command.selftest)


class _Bits(StrEnum):
    B32 = "32"
    B64 = "64"


_Device = Annotated[
    str | None, typer.Option(help="Serial line of a real board, for example /dev/ttyUSB0.")
]
_Heap = Annotated[str, typer.Option(help="Heap for programs: 110k, 1M or bytes.")]
_Width = Annotated[
    _Bits | None, typer.Option(help="Word width; default: 32 as on an ESP32, where there is one.")
]

_Times = Annotated[bool, typer.Option("--times", help="Show the time of day before each line.")]


@app.command()
def create(
    folder: BoardFolder = DEFAULT_FOLDER,
    size: Annotated[int, typer.Option(help="Flash in KiB.", min=32, max=65536)] = FLASH_KIB,
    modem: Annotated[
        str | None,
        typer.Option(
            help="Where its UART 1 leads: to an emulated modem, by family as `signet modem` has"
            " them, or to a line that `signet modem` prints.",
            autocompletion=complete(FAMILIES),
        ),
    ] = None,
    image: Annotated[
        bool,
        typer.Option(
            "--image",
            help="The board is the firmware image of `make firmware`, in QEMU, with signet in it;"
            " the other commands know it by its folder.",
        ),
    ] = False,
) -> None:
    """Make a virtual board with empty flash, or empty the flash of one."""
    board = VirtualBoard(folder).create(size, modem, image)
    console.print(f"Empty flash of {size} KiB: {board.image}", markup=False, soft_wrap=True)


@app.command()
def boot(
    folder: BoardFolder = DEFAULT_FOLDER,
    heap: _Heap = "110k",
    bits: _Width = None,
    times: _Times = False,
) -> None:
    """Give the virtual board power and show what it prints, until Ctrl-C."""
    with (
        contextlib.suppress(KeyboardInterrupt),
        VirtualBoard(folder, heap, int(bits) if bits else None) as board,
    ):
        errors.print(f"serial line {board.device}; Ctrl-C takes the power", markup=False)
        tracebacks, timed = Tracebacks(), Times().feed if times else bytes
        try:
            for text in board.follow():
                _show(timed(tracebacks.feed(text.encode())))
        finally:
            _show(timed(tracebacks.flush()))


def _show(shown: bytes) -> None:
    sys.stdout.write(visible(shown.decode(), lines=True))
    sys.stdout.flush()


@app.command("console")
def _console(
    device: _Device = None,
    folder: BoardFolder = DEFAULT_FOLDER,
    heap: _Heap = "110k",
    bits: _Width = None,
    times: _Times = False,
) -> None:
    """Attach this terminal to a board; Ctrl-C stops its program, Ctrl-] leaves."""
    if not sys.stdin.isatty():
        raise UserError("`signet board console` needs a terminal; use mpremote in a script")
    timed = Times().feed if times else bytes
    with serial_line(device, folder, heap, int(bits) if bits else None) as line:
        errors.print("Ctrl-C stops the board's program, Ctrl-D starts it again, Ctrl-] leaves.")
        command = [*toolchain.mpremote(), "connect", line, "repl"]
        # Ctrl-C is for the board.
        previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            with subprocess.Popen(
                command, stdout=subprocess.PIPE, env=os.environ | {"PYTHONUNBUFFERED": "1"}
            ) as repl:
                assert repl.stdout is not None
                relay(repl.stdout, lambda shown: os.write(sys.stdout.fileno(), timed(shown)))
        finally:
            signal.signal(signal.SIGINT, previous)
    if repl.returncode:
        raise typer.Exit(repl.returncode)
