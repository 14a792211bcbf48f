"""How do the host tools speak to a person?

Results go to stdout, troubles and progress to stderr, both through rich.
"""

from typing import NoReturn

import typer
from rich.console import Console

console = Console(highlight=False)
"""Results; colour only on a terminal."""

errors = Console(stderr=True, highlight=False)
"""Troubles and progress."""


class UserError(Exception):
    """An error whose text is for the user: what was wrong, where, and what to do."""


def fail(message: str) -> NoReturn:
    """Print `signet: message` to stderr and leave with status 2.

    message: what was wrong and what to do; never holds a secret.
    raises: typer.Exit, always.
    """
    errors.print(f"signet: {message}", markup=False, soft_wrap=True)
    raise typer.Exit(2)
