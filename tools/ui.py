"""How do the host tools speak to a person?

Results go to stdout, troubles and progress to stderr, both through rich.
"""

import difflib
import os
import shlex
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console

console = Console(highlight=False, emoji=False)
"""Results; colour only on a terminal."""

errors = Console(stderr=True, highlight=False, emoji=False)
"""Troubles and progress."""


def above_bar() -> Console:
    """Where to print while `errors` shows a bar or a spinner, whose line a terminal would cut.

    A file or a pipe gets all the same what is for it.
    """
    return errors if console.is_terminal and errors.is_terminal else console


BoardFolder = Annotated[
    Path,
    typer.Option(
        "--folder",
        help="Folder of the virtual board. Default: .cache/board.",
        show_default=False,
    ),
]


def signet(*words: object) -> str:
    """A `signet` command line that can be copied into the shell this program was called from.

    words: what follows the program's name.
    """
    program = Path(sys.argv[0]).absolute()
    if shutil.which(program.name) == str(program):
        called = program.name
    elif program.is_relative_to(Path.cwd()):
        called = os.path.relpath(program)
        called = called if os.sep in called else f"./{called}"
    else:
        called = str(program)
    return shlex.join([called, *map(str, words)])


def visible(text: str, lines: bool = False) -> str:
    """Somebody else's text without what could command the terminal, or forge a line of it.

    lines: it may have several.
    """
    if text.isprintable():
        return text
    plain = "\n\t" if lines else ""
    return "".join(c if c.isprintable() or c in plain else repr(c)[1:-1] for c in text)


def prose(text: str, indent: str = "") -> str:
    """Sentences for the screen, broken between words where its line ends; no word is broken.

    text: without line ends. indent: before each line.
    """
    return textwrap.fill(
        text,
        console.width,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


class UserError(Exception):
    """An error whose text is for the user: what was wrong, where, and what to do."""


def fail(message: str) -> NoReturn:
    """Print `signet: message` to stderr and leave with status 2.

    message: what was wrong and what to do; never holds a secret.
    raises: typer.Exit, always.
    """
    errors.print(f"signet: {visible(message, lines=True)}", markup=False, soft_wrap=True)
    raise typer.Exit(2)


def one_of(word: str, names: Iterable[str]) -> str:
    """What an error says after a word that is none of those known: which are, which was meant."""
    known = list(names)
    close = difflib.get_close_matches(word, known, 1)
    return f"use one of: {', '.join(known)}" + (f". Did you mean {close[0]}?" if close else "")


def check_ways(given: Iterable[str], known: Iterable[str], also: Iterable[str] = ()) -> None:
    """Is each a way in that a bench knows? also: what may be given, too. raises: UserError."""
    known = list(known)
    for each in given:
        if each not in [*known, *also]:
            raise UserError(f"no way {each}; {one_of(each, known)}")


def complete(names: Iterable[str]) -> Callable[[], list[str]]:
    """The `autocompletion` of an argument or option that takes one of some names."""
    known = list(names)
    return lambda: known


def share(option: str, text: str) -> float:
    """The share that "0.3" or "30%" says. raises: UserError, which names the option."""
    try:
        share = float(text[:-1]) / 100 if text.endswith("%") else float(text)
        if 0.0 <= share <= 1.0:
            return share
    except ValueError:
        pass
    raise UserError(f"{option} {text!r} is no share; write it as 0.3 or 30%")
