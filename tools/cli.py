"""Which subcommands does `signet` have, and which file answers each?

Only registrations: a subcommand's module is imported when it is called, so that `signet --help`
stays fast (goal: under 0.5 s).
"""

import importlib
import sys
from typing import Annotated, Any, NamedTuple

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
    "twin": _Entry("tools.twin.command.app", "app", "The four clouds on loopback."),
    "board": _Entry("tools.board.command", "app", "Create, deploy, boot and watch a board."),
    "doctor": _Entry(
        "tools.doctor.command",
        "doctor",
        "What is wrong here, on a board, on the way to its cloud.",
    ),
    "modem": _Entry("tools.modem.command", "modem", "An NB-IoT modem on a serial line."),
    "pki": _Entry("tools.pki.command", "app", "Make, register and explain certificates."),
    "sign": _Entry("tools.sign", "app", "Show content, algorithm and signature of given values."),
    "size": _Entry("tools.size", "size", "Bytes of .mpy by module and by what a device needs."),
    "bench": _Entry("tools.bench.command", "app", "Measure against peers."),
}

_HELP = ["-h", "--help"]


def _load(name: str) -> Any:
    entry = _ENTRIES[name]
    target = getattr(importlib.import_module(entry.module), entry.attribute)
    if not isinstance(target, typer.Typer):
        function, target = target, typer.Typer(add_completion=False)
        target.command(name)(function)
        return _tidy(typer.main.get_command(target))
    # get_command would fold a Typer that has one command into that command; keep its name.
    return _tidy(typer.main.get_group(target))


def _tidy(command: Any) -> Any:
    """A flag is shown without `<bool>`, which looks as if it took a value."""
    context = typer.Context(command, help_option_names=_HELP)
    _without_type([*command.params, command.get_help_option(context)])
    for each in getattr(command, "commands", {}).values():
        _tidy(each)
    return command


def _without_type(options: list[Any]) -> list[Any]:
    for option in options:
        if getattr(option, "is_flag", False):
            option.metavar = ""
    return options


class _LazyGroup(TyperGroup):
    """Lists every subcommand from the table above and imports only the one that is called."""

    def __init__(self, **settings: Any) -> None:
        settings["commands"] = {
            name: TyperCommand(name, help=entry.help) for name, entry in _ENTRIES.items()
        }
        super().__init__(**settings)

    def get_params(self, ctx: Any) -> list[Any]:
        return _without_type(super().get_params(ctx))

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        name, known, rest = super().resolve_command(ctx, args)
        return name, _load(str(name)) if known else None, rest


app = typer.Typer(
    cls=_LazyGroup,
    no_args_is_help=True,
    # Locals of a traceback may hold a device's secret.
    pretty_exceptions_show_locals=False,
    context_settings={"help_option_names": _HELP},
)


def _say_version(wanted: bool) -> None:
    if wanted:
        import platform

        from tools.version import version

        print(f"signet {version()}, Python {platform.python_version()}, {platform.platform()}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            is_eager=True,
            callback=_say_version,
            help="Show signet's version, Python's and the platform.",
        ),
    ] = False,
) -> None:
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
