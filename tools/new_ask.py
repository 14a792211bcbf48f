"""How does `signet new` ask a person for the values that no option gives?"""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from rich.prompt import Prompt
from rich.text import Text

from tools.new_clouds import Asked
from tools.pki import roots
from tools.pki.console import on_terminal
from tools.sign import VARIABLE, secret
from tools.ui import UserError, console, errors, visible

_FILES = ("ca", "cert", "key")


def ask(
    values: dict[str, Any], asked: Iterable[Asked], typed: set[str], secret_file: Path | None
) -> None:
    """Add what is not in `values` yet. raises: UserError, without a terminal, for all of it."""
    missing = []
    for each in asked:
        if each.key in values or not each.when(values):
            continue
        if each.secret and (secret_file is not None or VARIABLE in os.environ):
            values[each.key] = secret(secret_file)
        elif on_terminal():
            values[each.key] = _answer(each)
            typed.add(each.key)
        elif not each.optional:
            by = f"--secret-file or {VARIABLE}, for {each.key}"
            missing.append(by if each.secret else option(each.key))
    if missing:
        raise UserError(f"no terminal to ask at, and not given: {'; '.join(missing)}")


def _answer(asked: Asked) -> str | None:
    what = f"{asked.key}: " if asked.secret else ""  # which is asked for as "Secret"
    console.print(Text(f"  {what}{asked.where}", "dim"))
    while True:
        if asked.secret:
            try:
                return secret(None)
            except UserError as error:
                errors.print(str(error), markup=False)
                continue
        label = f"{asked.key} (Enter: none)" if asked.optional else asked.key
        answer = Prompt.ask(label, console=console, default="", show_default=False).strip()
        is_file = Path(answer).is_file() or (asked.key == "ca" and answer in roots.CLOUDS)
        if answer and asked.key in _FILES and not is_file:
            errors.print(f"there is no file {visible(answer)}", markup=False)
            continue
        if answer or asked.optional:
            return answer or None
        errors.print(f"{asked.key} is needed; Ctrl-C ends this", markup=False)


def option(key: str) -> str:
    """That of a key of device.json."""
    return f"--{key.replace('_', '-')}"


def choose(what: str, choices: Sequence[str], default: str | None = None) -> str:
    """One of them; what: as its option is called. raises: UserError for nobody to ask."""
    if on_terminal():
        given = ... if default is None else default
        return str(Prompt.ask(what, console=console, choices=[*choices], default=given))
    if default is None:
        raise UserError(f"no terminal to ask at, and not given: --{what} {'|'.join(choices)}")
    return default
