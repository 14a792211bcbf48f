"""What does `signet board` do?  Makes, fills, boots and attaches a board, virtual or on USB."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from tools import toolchain
from tools.board import command_deploy, command_link, explain, flash, outbox
from tools.board import modem as modem_command
from tools.board import selftest as selftest_command
from tools.board.explain import Times, Tracebacks, relay
from tools.board.line import serial_line
from tools.board.virtual import DEFAULT_FOLDER, FLASH_KIB, VirtualBoard
from tools.board.wiring import families
from tools.paths import CACHE
from tools.ui import BoardFolder, UserError, console, errors, visible

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

_OnPage = Annotated[
    str | None,
    typer.Option(
        "--twin",
        metavar="CLOUD/NAME",
        help="Have the running twin's page show these lines, too, beside what that cloud has of"
        " this device.",
    ),
]
_TwinState = Annotated[
    Path,
    typer.Option(
        "--state",
        file_okay=False,
        help="Folder of that twin. Default: .cache/twin.",
        show_default=False,
    ),
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
            autocompletion=families,
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
def boot(  # noqa: PLR0917 - typer takes options as arguments
    folder: BoardFolder = DEFAULT_FOLDER,
    heap: _Heap = "110k",
    bits: _Width = None,
    times: _Times = False,
    twin: _OnPage = None,
    state: _TwinState = CACHE / "twin",
) -> None:
    """Give the virtual board power and show what it prints, until Ctrl-C."""
    with (
        contextlib.suppress(KeyboardInterrupt),
        _board_log(twin, state) as tell,
        VirtualBoard(folder, heap, int(bits) if bits else None) as board,
    ):
        errors.print(f"serial line {board.device}; Ctrl-C takes the power", markup=False)
        tracebacks, timed = Tracebacks(), Times().feed if times else bytes
        try:
            for text in board.follow():
                shown = tracebacks.feed(text.encode())
                tell(shown)
                _show(timed(shown))
        finally:
            shown = tracebacks.flush()
            tell(shown)
            _show(timed(shown))


@contextlib.contextmanager
def _board_log(whose: str | None, state: Path) -> Iterator[Callable[[bytes], None]]:
    """Takes what is shown of a board; a twin gets it where one was named. raises: UserError."""
    if whose is None:
        yield lambda _: None
        return
    from tools.twin.board_log import BoardLog  # cryptography: nothing else here needs it
    from tools.twin.clouds.registration import check_cloud
    from tools.twin.command.console import running

    cloud, slash, name = whose.partition("/")
    if not (slash and cloud and name):
        raise UserError(f"--twin {whose!r} is not CLOUD/NAME, as enos/board-1")
    check_cloud(cloud)
    with BoardLog(Path(running(state)["control"])) as log:
        log.of(cloud, name)
        log.check()
        yield lambda shown: log.feed(shown.decode(errors="replace"))


def _show(shown: bytes) -> None:
    sys.stdout.write(visible(shown.decode(), lines=True))
    sys.stdout.flush()


@app.command("console")
def _console(  # noqa: PLR0917
    device: _Device = None,
    folder: BoardFolder = DEFAULT_FOLDER,
    heap: _Heap = "110k",
    bits: _Width = None,
    times: _Times = False,
    twin: _OnPage = None,
    state: _TwinState = CACHE / "twin",
) -> None:
    """Attach this terminal to a board; Ctrl-C stops its program, Ctrl-] leaves."""
    if not sys.stdin.isatty():
        raise UserError("`signet board console` needs a terminal; use mpremote in a script")
    timed = Times().feed if times else bytes
    with (
        _board_log(twin, state) as tell,
        serial_line(device, folder, heap, int(bits) if bits else None) as line,
    ):
        errors.print("Ctrl-C stops the board's program, Ctrl-D starts it again, Ctrl-] leaves.")
        command = [*toolchain.mpremote(), "connect", line, "repl"]
        # Ctrl-C is for the board.
        previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            with subprocess.Popen(
                command, stdout=subprocess.PIPE, env=os.environ | {"PYTHONUNBUFFERED": "1"}
            ) as repl:
                assert repl.stdout is not None

                def show(shown: bytes) -> None:
                    tell(shown)
                    os.write(sys.stdout.fileno(), timed(shown))

                relay(repl.stdout, show)
        finally:
            signal.signal(signal.SIGINT, previous)
    if repl.returncode:
        raise typer.Exit(repl.returncode)
