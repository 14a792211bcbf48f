"""How does `signet pki` ask, refuse and print?"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from tools.pki.authority import Authority
from tools.pki.checks import check_ca
from tools.pki.contents import public_key
from tools.pki.explain_certificate import key_words
from tools.pki.names import alternatives
from tools.twin.command.console import DEFAULT_STATE, check_org, new_table, print_table, store_of
from tools.twin.registry.certificates import Certificates
from tools.ui import UserError, console, prose, signet, visible

DEFAULT_FOLDER = Path("pki")
ORG = "signet"

CaFolder = Annotated[Path, typer.Option("--ca", help="Folder of the CA.")]
Org = Annotated[str, typer.Option(help="Organization id.")]
Rsa = Annotated[bool, typer.Option("--rsa", help="An RSA key with 2048 bits; default: EC P-256.")]
Days = Annotated[int, typer.Option(min=1, max=36_500, help="For how many days it is valid.")]

# The details of a request.
Country = Annotated[str, typer.Option(help="C: two letters, such as SG.")]
Province = Annotated[str, typer.Option(help="ST: state or province.")]
Locality = Annotated[str, typer.Option(help="L: city.")]
Organization = Annotated[str, typer.Option(help="O")]
Unit = Annotated[str, typer.Option(help="OU")]


def say(*lines: str) -> None:
    """Print lines as they are; a name from a certificate cannot command the terminal."""
    for line in lines:
        console.print(visible(line), markup=False, soft_wrap=True)


def tell(*sentences: str) -> None:
    """As `say`, of what need not be copied: broken between words where a line ends."""
    for each in sentences:
        console.print(prose(visible(each)), markup=False, soft_wrap=True)


def say_names(certificate: x509.Certificate) -> None:
    """Print what a signed request calls itself: all of it was taken over."""
    also = [str(getattr(name, "value", name)) for name in alternatives(certificate)]
    say(f"Its names: {', '.join([certificate.subject.rfc4514_string() or '-', *also])}")


def say_missing(certificates: Certificates, org: str) -> None:
    """Print which CAs of an org let nobody in before others are registered, too."""
    for ca in certificates.cas(org):
        found = x509.load_pem_x509_certificate(ca.pem)
        if ca.active and certificates.lacks_a_ca(org, found):
            tell(
                f"CA {ca.id} lets nobody in before its root, and what is between, is registered"
                f" too: the server certificate of org {org} is self-signed."
            )


def authority(folder: Path) -> Authority:
    """The CA in a folder. raises: UserError without one."""
    if not ((folder / "ca.pem").exists() or (folder / "ca.key").exists()):
        command = signet("pki", "ca", *(() if folder == DEFAULT_FOLDER else ("--folder", folder)))
        raise UserError(f"there is no CA in {folder}; `{command}` makes one")
    return checked(Authority(folder))


def checked(found: Authority) -> Authority:
    """The CA itself, where it may sign. raises: UserError."""
    try:
        check_ca(found.certificate)
    except UserError as error:
        raise UserError(f"{found.certificate_file}: {error}") from None
    return found


def kind(rsa: bool) -> str:
    """Of a key, as tools.pki.keys calls it."""
    return "rsa" if rsa else "ec"


def call(state: Path, *words: object) -> str:
    """The command line of `signet pki` for another call about the same twin."""
    return signet("pki", *words, *(() if state == DEFAULT_STATE else ("--state", state)))


@contextmanager
def certificates_of(state: Path, org: str | None = None) -> Iterator[Certificates]:
    """What the orgs of a twin have uploaded.

    raises: UserError without a registry, and for an org that it does not know.
    """
    with store_of(state) as store:
        if org is not None:
            check_org(store, org)
        yield Certificates(store)


def rows(certificate: x509.Certificate) -> dict[str, str]:
    """What identifies a certificate, for a preview."""
    digest = certificate.fingerprint(hashes.SHA256()).hex(":")
    return {
        "subject": certificate.subject.rfc4514_string() or "-",
        "issuer": certificate.issuer.rfc4514_string() or "-",
        "serial number": f"{certificate.serial_number:x}",
        "valid from": f"{certificate.not_valid_before_utc:%Y-%m-%d %H:%M} UTC",
        "valid until": f"{certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC",
        "key": key_words(public_key(certificate)),
        "SHA-256": digest,
    }


def preview(certificate: x509.Certificate, more: dict[str, Any]) -> None:
    """Show what is about to be saved."""
    table = new_table("what", fold=("value",))
    table.show_header = False
    for name, value in (rows(certificate) | more).items():
        table.add_row(name, visible(str(value)))
    print_table(table)


def confirm(question: str, yes: bool) -> None:
    """Ask before saving. raises: UserError when the answer is no, or there is nobody to ask."""
    if yes:
        return
    if not on_terminal():
        raise UserError(
            "nothing saved: there is no terminal to ask at; --yes saves without asking"
        )
    if not typer.confirm(question, err=True):
        raise UserError("nothing saved")


def on_terminal() -> bool:
    """Whether there is somebody to ask."""
    return sys.stdin.isatty()
