"""How does a person look through a trace and play it again: `signet twin trace`, `replay`?"""

import datetime
from pathlib import Path
from typing import Annotated

import typer

from tools.scratch import scratch
from tools.twin.command.console import DEFAULT_STATE, State, new_table, print_table, store_of
from tools.twin.tls.openssl import begin_again
from tools.twin.trace.file import read
from tools.twin.trace.summary import Board, Summary, leaks, summary
from tools.ui import UserError, console, errors, visible

_File = Annotated[Path, typer.Argument(help="What `signet twin --record` wrote.")]
_MOST_DIFFERENCES = 50


def trace(file: _File, state: State = DEFAULT_STATE) -> None:
    """Show what is in a trace, and whether a secret of this twin's registry is in it."""
    found = summary(read(file))
    head = found.head
    _say(f"{_moment(head['ms'])} to {_moment(found.last_ms)}, {found.records} records")
    _say(f"signet {head['signet']}, Python {head['python']}, mosquitto {head['mosquitto']}")
    if not found.ended:
        _say("It breaks off: the twin was killed, or it still runs.")
    _print_boards(found)
    for text, count in found.refusals.most_common(10):
        _say(f"refused, {count} times: {text}")
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
    table = new_table("cloud", "board", "ways", "logins", "messages", fold=("last refusal",))
    for (cloud, label), board in sorted(found.boards.items()):
        ways = ", ".join(sorted(board.ways - {""}))
        table.add_row(
            cloud, visible(label), ways, str(board.logins), _counts(board), visible(board.refusal)
        )
    if found.boards:
        print_table(table)


def _counts(board: Board) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(board.messages.items()))


def replay(
    file: _File,
    fast: Annotated[
        bool, typer.Option("--fast", help="Without the pauses that the boards made.")
    ] = False,
) -> None:
    """Play a trace to a fresh twin and compare what it decides; status 1 when that differs."""
    records = list(read(file))
    begin_again()
    from tools.twin.trace.replay import replay as play  # aiohttp: no other command needs it

    with scratch() as folder:
        outcome = play(records, Path(folder), fast=fast)
    for each in outcome.differences[:_MOST_DIFFERENCES]:
        who = each.record.get("device") or each.record.get("cloud", "")
        where = f"line {each.number}" if each.number <= len(records) else "at the end"
        _say(f"{where}, {_moment(each.record['ms'])} {who}:")
        _say(f"  then: {each.then or 'nothing'}")
        _say(f"  now:  {each.now or 'nothing'}")
    for reason, count in outcome.left_out.items():
        errors.print(f"not played, {count} times: {reason}", markup=False, soft_wrap=True)
    count = len(outcome.differences)
    _say(f"{outcome.played} played, {outcome.decisions} decisions the same, {count} differ")
    if count:
        raise typer.Exit(1)


def _say(text: str) -> None:
    console.print(visible(text), markup=False, soft_wrap=True)


def _moment(ms: int) -> str:
    moment = datetime.datetime.fromtimestamp(ms / 1000).astimezone()
    return f"{moment:%Y-%m-%d %H:%M:%S}"
