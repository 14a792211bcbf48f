"""What does `signet board outbox` do?  Lists, exports and retries what waits on a board."""

import base64
import json
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer
from rich import box
from rich.table import Table

from tools.board.line import serial_line
from tools.board.mpremote import RESTART, ask, reach, run
from tools.board.outbox_records import Content, Report, read
from tools.board.virtual import DEFAULT_FOLDER
from tools.ui import UserError, console, errors, signet, visible

app = typer.Typer(
    invoke_without_command=True, help="What waits on a board for the cloud, and was set aside."
)

FOLDER = "/outbox"
"""Of a board, where reports wait."""

_WRITE_S = 20.0
_MOST_BYTES, _MOST_S = 32 << 20, 3600.0  # the largest outbox, in Base64, at 115 200 bits/s
_SHOWN = 200  # characters of a report
_AGAIN = ["exec", "--no-follow", RESTART]

# Runs on the board; prints "file NAME" and the content in Base64 for each file of the outbox.
_SHOW = f"""
import os, binascii
try:
    entries = os.ilistdir({FOLDER!r})
except OSError:
    entries = ()
for entry in entries:
    if entry[1] & 0x4000:
        continue
    print("file", entry[0])
    with open({FOLDER!r} + "/" + entry[0], "rb") as f:
        while True:
            b = f.read(384)
            if not b:
                break
            print(binascii.b2a_base64(b).decode(), end="")
"""


class _Board(NamedTuple):
    """Which board is meant. device: its serial line; None for the virtual one in `folder`."""

    device: str | None
    folder: Path

    def look(self, then: Callable[[Content], str] = lambda content: "") -> Content:
        """Returns what its outbox holds. then: which program runs there, before it restarts."""
        with serial_line(self.device, self.folder) as line:
            with errors.status("asking the board what waits") as status:
                reach(line, status.update)
                printed = ask(line, _SHOW, _MOST_BYTES, _MOST_S)
            try:
                content = _content(printed)
                program = then(content)
            except UserError:
                run(line, ["resume"], [_AGAIN], _WRITE_S)
                raise
            run(line, ["resume"], [["exec", program], _AGAIN] if program else [_AGAIN], _WRITE_S)
        return content


_Device = Annotated[
    str | None, typer.Option(help="Serial line of a real board, for example /dev/ttyUSB0.")
]
_Folder = Annotated[Path | None, typer.Option(help="Folder of the virtual board.")]


def _board(context: typer.Context, device: str | None, folder: Path | None) -> _Board:
    """What an option before the subcommand says counts where none stands behind it."""
    before = context.obj if isinstance(context.obj, _Board) else _Board(None, DEFAULT_FOLDER)
    return _Board(device or before.device, folder or before.folder)


@app.callback()
def _list(context: typer.Context, device: _Device = None, folder: _Folder = None) -> None:
    """List what waits for the cloud, and what was set aside; the board restarts."""
    context.obj = _board(context, device, folder)
    if context.invoked_subcommand is None:
        content = context.obj.look()
        console.print(_summary(content))
        if content.set_aside:
            console.print(_set_aside(content.set_aside), markup=False)
            if not content.is_retried:
                which: list[object] = [] if device is None else ["--device", device]
                which += [] if folder is None else ["--folder", folder]
                hint = f"To try them again: {signet('board', 'outbox', 'retry', *which)}"
                console.print(hint, markup=False, soft_wrap=True)


@app.command()
def export(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="To be made; - for standard output.")],
    device: _Device = None,
    folder: _Folder = None,
) -> None:
    """Write each report that waits or was set aside as a line of JSON."""
    if str(file) != "-" and file.exists():
        raise UserError(f"{file} is there already; name another")
    content = _board(context, device, folder).look()
    reports = [*content.set_aside, *content.waiting]
    lines = "".join(f"{json.dumps(_fields(report))}\n" for report in reports)
    if str(file) == "-":
        sys.stdout.write(lines)
        return
    file.write_text(lines)
    console.print(f"{len(reports)} reports: {file}", markup=False, soft_wrap=True)


@app.command()
def retry(
    context: typer.Context,
    keys: Annotated[list[int] | None, typer.Argument(help="Of reports; default: all.")] = None,
    device: _Device = None,
    folder: _Folder = None,
) -> None:
    """Have the board put back what was set aside, when it starts; it restarts now."""

    def program(content: Content) -> str:
        there = [report.key for report in content.set_aside]
        if not there:
            raise UserError("nothing was set aside")
        for key in set(keys or ()) - set(there):
            raise UserError(
                f"no report {key} was set aside; there are {', '.join(map(str, there))}"
            )
        chosen = "".join(f"{key}\n" for key in keys or ())
        return f"f = open({FOLDER + '/retry'!r}, 'w'); f.write({chosen!r}); f.close()"

    content = _board(context, device, folder).look(program)
    count = len(set(keys)) if keys else len(content.set_aside)
    console.print(f"{count} put back when the board starts; it restarts.")


def contents(line: str) -> Content:
    """What waits on a board that was reached and has answered. raises: UserError."""
    return _content(ask(line, _SHOW, _MOST_BYTES, _MOST_S, again=True))


def _content(printed: str) -> Content:
    """What _SHOW printed."""
    files: dict[str, bytearray] = {}
    name = ""
    try:
        for line in printed.splitlines():
            if line.startswith("file "):
                name = line[5:]
                files[name] = bytearray()
            elif line:
                files[name] += base64.b64decode(line, validate=True)
    except (ValueError, KeyError):
        raise UserError("what the board sent was cut short or damaged; try again") from None
    return read({name: bytes(content) for name, content in files.items()})


def _fields(report: Report) -> dict[str, Any]:
    """A report for a line of JSON: what is not there is left out."""
    values = report.values
    fields = {
        "key": report.key,
        "id": report.id,
        "time_ms": report.time_ms,
        "topic": report.topic,
        "event": report.event,
        "device": report.device,
        "values": values,
        "base64": base64.b64encode(report.body).decode() if values is None else None,
        "set_aside": report.reason or None,
    }
    return {name: value for name, value in fields.items() if value is not None}


def _summary(content: Content) -> Table:
    shown = Table(box=None, show_header=False)
    shown.add_column(no_wrap=True)
    shown.add_column(overflow="fold")
    waiting = content.waiting
    if waiting:
        size = sum(report.size for report in waiting)
        shown.add_row("waiting", f"{len(waiting)} reports, {size} bytes")
        shown.add_row("  oldest", f"{waiting[0].key}, {_made(waiting[0])}")
        shown.add_row("  newest", f"{waiting[-1].key}, {_made(waiting[-1])}")
    else:
        shown.add_row("waiting", "nothing waits")
    shown.add_row("flash", f"{content.file_bytes} bytes")
    for name, count in content.counters.items():
        shown.add_row(name, str(count))
    if content.damaged_bytes:
        shown.add_row("unreadable", f"{content.damaged_bytes} bytes; what stands behind is read")
    if content.is_kept:
        shown.add_row("damage", f"kept for you: mpremote fs cp :{FOLDER}/damaged .")
    if content.is_retried:
        shown.add_row("retry", "what was set aside is put back when the board starts")
    return shown


def _set_aside(reports: Sequence[Report]) -> Table:
    shown = Table(title="Set aside", title_justify="left", box=box.SIMPLE_HEAD)
    shown.add_column("key", justify="right")
    shown.add_column("made", no_wrap=True)
    shown.add_column("reason", overflow="fold", ratio=1)
    shown.add_column("report", overflow="fold", ratio=1)
    for report in reports:
        shown.add_row(
            str(report.key), _made(report), visible(report.reason), visible(_words(report))
        )
    return shown


def _made(report: Report) -> str:
    if report.time_ms is None:
        return "clock not set"
    return f"{datetime.fromtimestamp(report.time_ms / 1000, UTC):%Y-%m-%d %H:%M:%SZ}"


def _words(report: Report) -> str:
    values = report.values
    text = repr(report.body) if values is None else json.dumps(values, ensure_ascii=False)
    if len(text) > _SHOWN:
        text = f"{text[:_SHOWN]}... ({len(report.body)} bytes)"
    where = [f"to {report.topic}"] if report.topic else []
    where += [f"event {report.event}"] if report.event else []
    where += [f"of {'/'.join(report.device)}"] if report.device else []
    return " ".join([*where, text])
