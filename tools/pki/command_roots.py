"""What does a board need as ca.pem to know its cloud: `signet pki ca-of`?"""

from pathlib import Path
from typing import Annotated

import typer

from tools.pki import board_folder
from tools.pki.authority import certificate_pem
from tools.pki.console import say, tell
from tools.pki.keys import write_file
from tools.pki.roots import CLOUDS, find
from tools.twin.command.console import new_table, print_table
from tools.ui import UserError, complete, one_of


def ca_of(
    cloud: Annotated[
        str,
        typer.Argument(
            metavar="CLOUD", help=f"One of: {', '.join(CLOUDS)}.", autocompletion=complete(CLOUDS)
        ),
    ],
    to: Annotated[Path, typer.Option(help="The file to write.")] = Path(board_folder.CA),
    given: Annotated[
        list[Path] | None,
        typer.Option(
            "--from", metavar="FILE", help="Look there, too; PEM or DER. May be repeated."
        ),
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Also where the file to write is there already.")
    ] = False,
) -> None:
    """Write a cloud's root certificates, each checked by its SHA-256, into one file.

    They are taken from what this machine has; nothing is fetched.
    """
    if cloud not in CLOUDS:
        raise UserError(f"there is no cloud {cloud!r} here; {one_of(cloud, CLOUDS)}")
    found = find(cloud, given or ())
    if to.exists() and not replace:
        raise UserError(f"there is {to} already; --replace writes it anew")
    table = new_table("root", "ends", fold=("taken from",))
    for root, certificate, file in found:
        table.add_row(root.name, f"{certificate.not_valid_after_utc:%Y-%m-%d}", str(file))
    board_folder.make(to.parent)
    write_file(to, b"".join(certificate_pem(one.certificate) for one in found), 0o644)
    print_table(table)
    say(f"Written to {to}; the SHA-256 of each is the one expected.")
    tell(CLOUDS[cloud].said)
