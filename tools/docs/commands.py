"""Do the commands on the pages run?

Each page's in turn, in a folder of its own, with a twin beside it and a virtual board. What cannot
run so is not run here, and counted with the reason; a page says it of a block by a comment before
it, `<!-- run by tools/test_x.py -->` or `<!-- not run: why -->`, and of kinds the table below.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import typer

from tools import cli
from tools.docs.markdown import Command, commands, pages
from tools.paths import ROOT
from tools.twin.clouds.doors import DOORS
from tools.twin.process import TwinProcess

_SIGNET = Path(sys.executable).with_name("signet")
_TIMEOUT_S = 300

TYPED = {"docs/walks.md": "tools/test_walk_through.py"}
"""Pages whose commands a test types as a whole: page -> test."""

ELSEWHERE = (
    (r"make\b", "make", "tools/test_make.py"),
    (r"pytest\b|python\b", "tests themselves", ""),
    (r"(?!signet\b)", "programs of others", ""),
    (r".*(/dev/|--wifi\b|--device [/<])", "a real board", "board/test_deploy.py"),
    (r".* --image\b", "the firmware image", "firmware/test_board.py"),
    (r"signet bench\b", "measurements, of minutes", "tools/test_bench.py"),
    (r"signet board (deploy|boot|create)\b", "walks", "tools/test_walk_through.py"),
    (r"signet (twin$|twin -)", "until Ctrl-C", "twin/command/test_command.py"),
    (r"signet broker\b", "until Ctrl-C", "tools/test_broker.py"),
    (r"signet demo\b", "a minute", "tools/test_demo.py"),
    (r"signet modem\b", "until Ctrl-C", "tools/test_modem.py"),
    (r"signet board outbox\b", "a board in use", "board/test_outbox.py"),
    (r"signet board modem\b", "a board in use", "board/test_board_modem.py"),
    (r"signet board selftest\b", "a board in use", "board/test_selftest.py"),
    (r"signet board console\b", "a board in use", "board/test_command.py"),
    (r"signet twin command\b", "a board in use", "device/test_end_to_end.py"),
    (r".* --(secret|passphrase)-file\b", "a secret of the reader's", "tools/test_sign.py"),
    (r"signet new (?!.*--cloud\b)", "asks a person", "tools/test_new.py"),
    (r".*\b(YOUR_\w+|FILE|FOLDER)\b", "values that the reader fills in", ""),
)
"""Commands that do not run here: pattern, kind, the test that runs such."""


class Outcome(NamedTuple):
    """What became of a command. reason: why it was not run. failure: what it said."""

    page: str
    command: str
    reason: str = ""
    failure: str = ""


def reason(page: str, command: Command) -> str:
    """Why a command of a page is not run here; "" where it is."""
    if command.note:
        return " ".join(command.note)
    if page in TYPED:
        return f"run by {TYPED[page]}"
    words = command.words
    line = " ".join([words[0].rpartition("/")[2], *words[1:]])
    for pattern, kind, test in ELSEWHERE:
        if re.match(pattern, line):
            return f"{kind}, as {test} runs" if test else kind
    return ""


def run_all(folder: Path) -> Iterator[Outcome]:
    """Run what can run here, one after the other. folder: an empty one."""
    with TwinProcess(folder / "twin", {door.key: 0 for door in DOORS}) as twin:
        for page in pages():
            name = page.relative_to(ROOT).as_posix()
            desk = folder / name.replace("/", "_")
            for command in commands(page.read_text()):
                why = reason(name, command)
                failure = "" if why else _failure(command, desk, twin.state)
                yield Outcome(name, command.text, why, failure)


def options(words: list[str]) -> set[str]:
    """Which options a command has. words: what follows `signet`.

    raises: click's UsageError where there is no such command.
    """
    command: Any = typer.main.get_command(cli.app)
    while words and not words[0].startswith("-") and hasattr(command, "commands"):
        _, command, words = command.resolve_command(typer.Context(command), words)
    names = [name for each in command.params for name in (*each.opts, *each.secondary_opts)]
    return {"--help", *names}


def _failure(command: Command, desk: Path, state: Path) -> str:
    desk.mkdir(exist_ok=True)
    words = command.words[1:]
    if "--state" in options(words):
        words += ["--state", str(state)]
    output = re.search(r" > (\S+)", command.text)
    try:
        done = subprocess.run(
            [_SIGNET, *words],
            cwd=desk,
            env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "80"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"did not end within {_TIMEOUT_S} s"
    if output:
        (desk / output[1]).write_text(done.stdout)
    return (done.stdout + done.stderr).strip() or "said nothing" if done.returncode else ""


def summary(outcomes: list[Outcome]) -> list[str]:
    """What a person is told: the counts, and each that failed."""
    ran = [each for each in outcomes if not each.reason]
    failed = [each for each in ran if each.failure]
    reasons = Counter(each.reason for each in outcomes if each.reason)
    lines = [f"{len(outcomes)} commands: {len(ran)} run here, {len(failed)} of them fail"]
    lines += [f"{count:6} not run here: {why}" for why, count in reasons.most_common()]
    lines += [f"{each.page}: {each.command}\n{each.failure}" for each in failed]
    return lines
