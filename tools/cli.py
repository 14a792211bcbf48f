"""Which subcommands does `signet` have, and which file answers each?

Only registrations: a subcommand's module is imported when it is called, so that `signet --help`
stays fast (goal: under 0.5 s).
"""

import importlib
import sys
from typing import Any, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup

from tools.lifeline import end_as_ctrl_c
from tools.ui import UserError, fail


class _Entry(NamedTuple):
    module: str
    attribute: str  # a Typer (its subcommands follow) or a function (it is the command)
    help: str


_ENTRIES = {
    "demo": _Entry(
        "tools.demo", "demo", "A broker, four clouds, one virtual board: see reports arrive."
    ),
    "new": _Entry("tools.new", "new", "A board's folder, from what a cloud's console shows."),
    "broker": _Entry("tools.broker", "broker", "A plain mosquitto for a board: see what arrives."),
    "twin": _Entry("tools.twin.command", "app", "The four clouds on loopback."),
    "board": _Entry("tools.board.command", "app", "Create, deploy, boot and watch a board."),
    "modem": _Entry("tools.modem.command", "modem", "An NB-IoT modem on a serial line."),
    "pki": _Entry("tools.pki.command", "app", "Make, register and explain certificates."),
    "sign": _Entry("tools.sign", "app", "Show content, algorithm and signature of given values."),
    "size": _Entry("tools.size", "size", "Bytes of .mpy by module and by what a device needs."),
    "bench": _Entry("tools.bench.command", "app", "Measure against peers."),
}


def _load(name: str) -> Any:
    entry = _ENTRIES[name]
    target = getattr(importlib.import_module(entry.module), entry.attribute)
    if not isinstance(target, typer.Typer):
        function, target = target, typer.Typer()
        target.command(name)(function)
        return typer.main.get_command(target)
    # get_command would fold a Typer that has one command into that command; keep its name.
    return typer.main.get_group(target)


class _LazyGroup(TyperGroup):
    """Lists every subcommand from the table above and imports only the one that is called."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(_ENTRIES)

    def get_command(self, ctx: Any, cmd_name: str) -> TyperCommand | None:
        entry = _ENTRIES.get(cmd_name)
        return TyperCommand(cmd_name, help=entry.help) if entry else None

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        name, _, rest = super().resolve_command(ctx, args)
        return name, _load(str(name)), rest


app = typer.Typer(
    cls=_LazyGroup,
    no_args_is_help=True,
    add_completion=False,
    # Locals of a traceback may hold a device's secret.
    pretty_exceptions_show_locals=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def _root() -> None:
    """Prove who a board is to an IoT cloud: the tools around the signet package."""


def main() -> None:
    """Entry point of the `signet` command.

    A UserError, and trouble with a file, becomes one line and status 2.
    """
    end_as_ctrl_c()
    try:
        app(prog_name="signet")
    except UserError as error:
        text = str(error)
    except OSError as error:
        if error.filename is None:
            raise
        text = f"{error.filename}: {error.strerror}"
    else:
        return
    try:
        fail(text)
    except typer.Exit as leave:
        sys.exit(leave.exit_code)
