"""Which CAs has an org of the twin registered: `signet pki register`, `list`, `remove`, ...?

As "Configuring certificates" describes the console: one certificate, a preview, a description,
active as soon as it is saved.
"""

from pathlib import Path
from typing import Annotated

import typer
from cryptography import x509

from tools.pki.authority import certificate_pem
from tools.pki.checks import read_ca
from tools.pki.console import ORG, Org, certificates_of, confirm, preview, say, say_missing
from tools.pki.keys import read_file
from tools.pki.names import check_org, common_names
from tools.twin.command.console import DEFAULT_STATE, State, new_table, print_table
from tools.ui import UserError, visible

_Id = Annotated[int, typer.Argument(metavar="ID", help="As `signet pki list` shows it.")]


def register(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="PEM or DER, one certificate.")],
    org: Org = ORG,
    description: Annotated[str, typer.Option(help="For the list. Default: its common name.")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Save without asking.")] = False,
    state: State = DEFAULT_STATE,
) -> None:
    """Register a CA with the twin: devices that it signed may log in to the org."""
    check_org(org)
    try:
        certificate = read_ca(read_file(file))
    except UserError as error:
        raise UserError(f"{file}: {error}") from None
    description = description or " ".join(common_names(certificate)) or file.name
    with certificates_of(state, org) as certificates:
        certificates.check_new_ca(org, certificate)
        preview(certificate, {"for org": org, "description": description})
        confirm("Register this CA?", yes)
        number = certificates.add_ca(org, certificate_pem(certificate), description)
        say(f"Registered as CA {number} of org {org}, active now.")
        say_missing(certificates, org)


def list_cas(
    org: Annotated[str | None, typer.Option(help="Only of this organization.")] = None,
    state: State = DEFAULT_STATE,
) -> None:
    """List the CAs that are registered with the twin."""
    table = new_table("id", "org", "active", "valid until", fold=("subject", "description"))
    with certificates_of(state) as certificates:
        cas = certificates.cas(org)
    for ca in cas:
        certificate = x509.load_pem_x509_certificate(ca.pem)
        table.add_row(
            str(ca.id),
            ca.org,
            "yes" if ca.active else "no",
            f"{certificate.not_valid_after_utc:%Y-%m-%d}",
            visible(certificate.subject.rfc4514_string()),
            visible(ca.description),
        )
    print_table(table)


def remove(number: _Id, state: State = DEFAULT_STATE) -> None:
    """Forget a CA: devices that it signed are strangers at their next login; who is in stays."""
    with certificates_of(state) as certificates:
        certificates.remove_ca(number)
    say(f"CA {number} is removed.")


def activate(number: _Id, state: State = DEFAULT_STATE) -> None:
    """Let a CA's devices log in again."""
    with certificates_of(state) as certificates:
        certificates.activate_ca(number, True)
    say(f"CA {number} is active.")


def deactivate(number: _Id, state: State = DEFAULT_STATE) -> None:
    """Refuse a CA's devices at their next login, but keep the CA; who is in stays."""
    with certificates_of(state) as certificates:
        certificates.activate_ca(number, False)
    say(f"CA {number} is not active.")
