"""How does a person look through a trace and play it again: `signet twin trace`, `replay`?"""

import datetime
from pathlib import Path
from typing import Annotated

import typer

from tools.scratch import scratch
from tools.twin.command.console import DEFAULT_STATE, State, store_of
from tools.twin.tls.openssl import begin_again
from tools.twin.trace.file import read
from tools.twin.trace.summary import Summary, leaks, summary
from tools.twin.trace.survey import survey
from tools.ui import UserError, console, errors, prose, visible

_File = Annotated[Path, typer.Argument(help="What `signet twin --record` wrote.")]
_MOST_DIFFERENCES = 50


def trace(file: _File, state: State = DEFAULT_STATE) -> None:
    """Show what is in a trace, and whether a secret of this twin's registry is in it."""
    _hint(f"reading {file.name}")
    found = summary(read(file))
    head = found.head
    _say(f"{_moment(head['ms'])} to {_moment(found.last_ms)}, {found.records} records")
    _say(f"signet {head['signet']}, Python {head['python']}, mosquitto {head['mosquitto']}")
    if not found.ended:
        _say("It breaks off: the twin was killed, or it still runs.")
    _print_boards(found)
    for text, count in found.refusals.most_common(10):
        _say_prose(f"refused, {count} times: {text}")
    if not (state / "twin.db").exists():
        _say(f"Not looked for secrets: there is no registry in {state}.")
        return
    with store_of(state) as store:
        secret = list(leaks(file, store.database))
    for line, whose in secret:
        _say(f"line {line}: A SECRET of {whose}")
    if secret:
        raise UserError(f"{file} holds secrets: give the boards new ones before you show it")
    _say("It holds no secret of this twin's registry.")


def _print_boards(found: Summary) -> None:
    for (cloud, label), board in sorted(found.boards.items()):
        ways = ", ".join(sorted(board.ways - {""}))
        _say(f"{cloud} {label}: {ways}; logged in {board.logins} times")
        for name, count in sorted(board.messages.items()):
            _say(f"  {count} messages {name}")
        if board.refusal:
            _say_prose(f"last refusal: {board.refusal}", "  ")


def replay(
    file: _File,
    fast: Annotated[
        bool, typer.Option("--fast", help="Without the pauses that the boards made.")
    ] = False,
) -> None:
    """Play a trace to a fresh twin and compare what it decides; status 1 when that differs."""
    begin_again()
    if file.exists() and not file.is_file():
        raise UserError(f"{file} is no file, and a replay reads it twice")
    found = survey(read(file))
    took_s = 0 if fast else (found.last_ms - found.head["ms"]) // 1000
    pauses = f", with their pauses: {took_s} s" if took_s else ""
    _hint(f"{found.count} records are played to a fresh twin{pauses}")
    from tools.twin.trace.replay import replay as play  # aiohttp: no other command needs it

    with scratch() as folder:
        outcome = play(file, found, Path(folder), fast=fast)
    for each in outcome.differences[:_MOST_DIFFERENCES]:
        who = each.record.get("device") or each.record.get("cloud", "")
        where = f"line {each.number}" if each.number <= found.count else "at the end"
        _say(f"{where}, {_moment(each.record['ms'])} {who}:")
        _say_prose(f"then: {each.then or 'nothing'}", "  ")
        _say_prose(f"now:  {each.now or 'nothing'}", "  ")
    for reason, count in outcome.left_out.items():
        _hint(f"not played, {count} times: {reason}")
    _say(
        f"{outcome.played} played, {outcome.decisions} decisions the same, {outcome.differ} differ"
    )
    if outcome.differ:
        raise typer.Exit(1)


def _hint(text: str) -> None:
    errors.print(visible(text), markup=False, soft_wrap=True)


def _say(text: str) -> None:
    console.print(visible(text, lines=True), markup=False, soft_wrap=True)


def _say_prose(text: str, indent: str = "") -> None:
    _say(prose(visible(text), indent))


def _moment(ms: int) -> str:
    moment = datetime.datetime.fromtimestamp(ms / 1000).astimezone()
    return f"{moment:%Y-%m-%d %H:%M:%S}"
