"""What does `signet doctor` do?  Looks at this computer, a board and the way to its cloud."""

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from tools.board.check import check_wifi
from tools.board.deploy import named_files
from tools.board.line import serial_line
from tools.board.look import read
from tools.board.mpremote import RESTART, reach, run
from tools.board.virtual import DEFAULT_FOLDER, VirtualBoard
from tools.doctor import board, cloud, laptop
from tools.doctor.row import NOTE, WRONG, Row, show
from tools.json_file import read_object
from tools.toolchain.progress import told
from tools.ui import UserError, console, errors, signet

_CONFIG, _WIFI = "/device.json", "/wifi.json"
_RESTART_S = 20.0
_BOOT_S = 3.0  # of a virtual board that had no power: its boot.py

Files = dict[str, bytes]


def doctor(
    *,
    device: Annotated[
        str | None, typer.Option(help="Serial line of a real board, for example /dev/ttyUSB0.")
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option(help="Folder of a virtual board. Default: the one that runs."),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            help="device.json whose cloud is tried, with what it names beside it. Default: the"
            " board's own."
        ),
    ] = None,
    login: Annotated[
        bool,
        typer.Option(
            "--login",
            help="With --config, log in too: a board that has that identity is pushed off its"
            " cloud for a moment. With the board's own that is done anyway, while it is stopped.",
        ),
    ] = False,
) -> None:
    """Look for what is wrong: on this computer, a board, and the way to its cloud.

    One line each, right or not, and how to mend it. Nothing is written; the board's program is
    stopped and restarted. Status 1 when something is wrong.
    """
    virtual = folder or DEFAULT_FOLDER
    asked = _asked(device, virtual, folder is not None)
    is_off = device is None and not VirtualBoard(virtual).in_use()
    now, files = "looking at this computer", Files()

    def tell(text: str) -> None:
        nonlocal now
        now = text
        status.update(text)

    with errors.status(now) as status, told(lambda: now), ExitStack() as stack:
        wrong = show("This computer", laptop.rows(device))
        if asked:
            try:
                tell("stopping the board's program; the board restarts afterwards")
                line = stack.enter_context(serial_line(device, virtual))
                if is_off:
                    time.sleep(_BOOT_S)
                reach(line, tell)
                stack.callback(_restart, line)
                tell("asking the board")
                rows = _on_board(line, files)
            except UserError as error:
                rows = iter([Row("serial line", WRONG, str(error))])
        else:
            text = "none is named: --device asks one at a serial line, --folder a virtual one"
            rows = iter([Row("board", NOTE, text)])
        wrong += show(f"Board ({asked})" if asked else "Board", rows)
        tell("trying the way to the cloud")
        rows = _to_cloud(config, files, login)
        wrong += show("Cloud, from this computer", rows)
    console.print("Nothing is wrong." if not wrong else f"Wrong: {wrong}.")
    if wrong:
        raise typer.Exit(1)


def _asked(device: str | None, folder: Path, is_named: bool) -> str:
    """Which board, for a person; "" for none."""
    virtual = VirtualBoard(folder)
    if device:
        return device
    if is_named and not virtual.image.exists():
        raise UserError(f"there is no virtual board in {folder}")
    if not is_named and not virtual.in_use():
        return ""
    return f"virtual{', the firmware image' * virtual.is_image}"


def _restart(line: str) -> None:
    try:
        run(line, ["resume"], [["exec", "--no-follow", RESTART]], _RESTART_S)
    except UserError:
        errors.print("The board may still be stopped: press its reset.")


def _on_board(line: str, files: Files) -> Iterator[Row]:
    """What is on a board that was reached; puts what the cloud's rows need into `files`."""
    try:
        found = board.facts(line)
        yield from board.rows(found, datetime.now(UTC))
        yield from board.waiting(line, found)
        own = read(line, [_CONFIG, _WIFI])
        yield from _wifi(own.pop(_WIFI, None))
        if _CONFIG in own:
            files |= own | read(line, _named(own[_CONFIG]))
    except UserError as error:
        yield Row("answers", WRONG, str(error))


def _wifi(content: bytes | None) -> Iterator[Row]:
    if content is None:
        return
    try:
        check_wifi(json.loads(content))
    except UserError as error:
        yield Row("wifi.json", WRONG, str(error), "mend it, and deploy it with --wifi")
    except (ValueError, TypeError, AttributeError):
        yield Row("wifi.json", WRONG, "it is no JSON object", "deploy it again with --wifi")


def _named(config: bytes) -> list[str]:
    """The files that a board's device.json names."""
    try:
        values = json.loads(config)
        names = [values.get("ca") or "ca.pem", values.get("cert"), values.get("key")]
    except (ValueError, AttributeError, RecursionError):
        return []
    return [f"/{name}" for name in names if isinstance(name, str)]


def _to_cloud(config: Path | None, files: Files, login: bool) -> Iterator[Row]:
    why_no_login = ""
    if config is not None:
        try:
            values = read_object(config)
            files = {_CONFIG: json.dumps(values).encode(), **named_files(values, config.parent)}
        except UserError as error:
            yield Row("device.json", WRONG, str(error))
            return
        if not login:
            why_no_login = "--login does, which may push a running board off for a moment"
    elif not files:
        hint = f"`{signet('new', 'FOLDER')}` makes one"
        yield Row("device.json", NOTE, f"none: --config names one, {hint}")
        return
    yield from cloud.rows(files, why_no_login)
