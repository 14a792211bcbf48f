"""Which certificate does an org's messaging server show: `signet pki server`?

As "Configuring certificates" describes the console: a request whose key stays there, or an upload
with its key; one of them active, or the platform's default.
"""

import getpass
from codecs import BOM_UTF8
from pathlib import Path
from typing import Annotated

import typer
from cryptography import x509
from cryptography.x509.oid import NameOID

from tools.pki import names
from tools.pki.authority import certificate_pem
from tools.pki.checks import read_server
from tools.pki.console import (
    DEFAULT_FOLDER,
    ORG,
    CaFolder,
    Country,
    Days,
    Locality,
    Org,
    Organization,
    Province,
    Rsa,
    Unit,
    authority,
    call,
    certificates_of,
    confirm,
    kind,
    on_terminal,
    preview,
    say,
    say_missing,
    say_names,
)
from tools.pki.contents import public_key, read
from tools.pki.keys import key_pem, new_key, read_file, read_key, write_file
from tools.pki.requests import read_request, request, request_pem
from tools.twin.command.console import DEFAULT_STATE, State, new_table, print_table
from tools.twin.registry.certificates import ServerCertificate
from tools.ui import UserError, signet, visible

app = typer.Typer(
    no_args_is_help=True, help="Messaging server certificates of the twin's Watson orgs."
)

_Id = Annotated[int, typer.Argument(metavar="ID", help="As `signet pki server list` shows it.")]
_File = Annotated[Path, typer.Argument(metavar="FILE")]
_Replace = Annotated[
    bool, typer.Option("--replace", help="Also where the file to write is there already.")
]


@app.command()
def csr(
    *,
    to: Annotated[Path | None, typer.Option(help="The file to write. Default: ORG.csr.")] = None,
    org: Org = ORG,
    domain: Annotated[str, typer.Option(help="A custom domain.")] = names.DOMAIN,
    wildcard: Annotated[
        bool, typer.Option("--wildcard", help="For every org of a custom domain.")
    ] = False,
    country: Country = "",
    province: Province = "",
    locality: Locality = "",
    organization: Organization = "",
    unit: Unit = "",
    rsa: Rsa = False,
    description: Annotated[str, typer.Option(help="For the list.")] = "",
    replace: _Replace = False,
    state: State = DEFAULT_STATE,
) -> None:
    """Make a key, which stays in the twin, and write a signing request for it."""
    host = names.server(org, domain)
    called = names.wildcard(domain) if wildcard else host
    to = _free(to or Path(f"{org}.csr"), replace)
    if len(called) > names.COMMON_NAME_LENGTH:
        say("The name is longer than a common name may be: it is in the alternative name only.")
    with certificates_of(state, org) as certificates:
        key = new_key(kind(rsa))
        fields = {
            "C": country,
            "ST": province,
            "L": locality,
            "O": organization,
            "OU": unit,
            "CN": called if len(called) <= names.COMMON_NAME_LENGTH else "",
        }
        given = {name: value for name, value in fields.items() if value}
        made = request_pem(request(key, given, [called]))
        write_file(to, made, 0o644)
        number = certificates.request_server(org, made, key_pem(key), description or called)
    say(f"{to}: request {number} of org {org}, for {called}")
    say(f"Have a CA sign it, as `{signet('pki', 'server', 'sign', to)}` does with yours; then")
    upload = call(state, "server", "upload", to.with_suffix(".pem"), *_of(org))
    say(f"`{upload}` takes the answer.")


@app.command()
def sign(
    file: _File,
    *,
    to: Annotated[
        Path | None,
        typer.Option(help="The file to write. Default: the request's name, with .pem."),
    ] = None,
    ca: CaFolder = DEFAULT_FOLDER,
    days: Days = 397,
    replace: _Replace = False,
) -> None:
    """Sign a server's request with your own CA, as any CA would."""
    to = _free(to or file.with_suffix(".pem"), replace)
    signer, asked = authority(ca), read_file(file)
    try:
        signed = signer.sign(read_request(asked), days, server=True)
    except UserError as error:
        raise UserError(f"{file}: {error}") from None
    write_file(to, certificate_pem(signed), 0o644)
    say(f"{to}: valid until {signed.not_valid_after_utc:%Y-%m-%d}; clients need {ca / 'ca.pem'}")
    say_names(signed)


@app.command()
def upload(
    file: _File,
    *,
    key: Annotated[
        Path | None,
        typer.Option(help="Its private key. Default: that of the request which it answers."),
    ] = None,
    passphrase_file: Annotated[
        Path | None,
        typer.Option(help="File with the key's passphrase. Default: ask, where it has one."),
    ] = None,
    org: Org = ORG,
    description: Annotated[str, typer.Option(help="For the list.")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Save without asking.")] = False,
    state: State = DEFAULT_STATE,
) -> None:
    """Upload a signed certificate, with its chain: the answer to a request, or with its key."""
    chain = read_file(file)
    with certificates_of(state, org) as certificates:
        if key is None:
            if passphrase_file is not None:
                raise UserError("--passphrase-file is for a key: name it with --key")
            asked = _answered(chain, certificates.servers(org), org)
            pem, _ = _checked(file, chain, asked.key_pem, None, org)
            _confirm(pem, org, asked.description, yes)
            certificates.answer_request(asked.id, pem)
            number = asked.id
        else:
            private = read_file(key)
            phrase = _passphrase(private, passphrase_file)
            plain = key_pem(read_key(private, str(key), phrase))
            pem, plain = _checked(file, chain, plain, None, org)
            first = x509.load_pem_x509_certificate(pem)
            description = description or ", ".join(names.hosts(first))
            _confirm(pem, org, description, yes)
            number = certificates.add_server(org, pem, plain, description)
    say(f"Server certificate {number} of org {org} is uploaded.")
    say(f"`{call(state, 'server', 'activate', number)}` lets the server show it.")


@app.command()
def activate(number: _Id, state: State = DEFAULT_STATE) -> None:
    """Let the org's server show this certificate; its clients must send SNI from now on."""
    with certificates_of(state) as certificates:
        for server in certificates.servers():
            if server.id == number:
                if server.chain_pem is not None:  # since its upload it may have expired
                    read_server(server.chain_pem, server.key_pem, None, server.org)
                certificates.activate_server(server.org, number)
                say(f"Server certificate {number} is active for org {server.org}.")
                say("Clients need the CA that signed it, or itself where it is self-signed")
                say("(a board: as ca.pem), and must send SNI.")
                say_missing(certificates, server.org)
                return
    raise UserError(
        f"there is no server certificate {number}; see `{call(state, 'server', 'list')}`"
    )


@app.command()
def default(org: Org = ORG, state: State = DEFAULT_STATE) -> None:
    """Let the org's server show the platform's certificate again."""
    with certificates_of(state, names.check_org(org)) as certificates:
        certificates.activate_server(org, None)
    say(f"The platform's default certificate is active for org {org}.")


@app.command("list")
def list_servers(
    org: Annotated[str | None, typer.Option(help="Only of this organization.")] = None,
    state: State = DEFAULT_STATE,
) -> None:
    """List the server certificates and requests; where none is active the default is shown."""
    table = new_table("id", "org", "active", "valid until", fold=("names (description)",))
    with certificates_of(state) as certificates:
        servers = certificates.servers(org)
    for server in servers:
        until, hosts = "request", ""
        if server.chain_pem is not None:
            found = x509.load_pem_x509_certificate(server.chain_pem)
            until, hosts = f"{found.not_valid_after_utc:%Y-%m-%d}", _names(found)
        elif server.csr_pem is not None:
            hosts = _names(x509.load_pem_x509_csr(server.csr_pem))
        active = "yes" if server.active else "no"
        said = "" if server.description == hosts else f" ({server.description})"
        words = (str(server.id), server.org, active, until, hosts + said)
        table.add_row(*map(visible, words))
    print_table(table)


@app.command()
def remove(number: _Id, state: State = DEFAULT_STATE) -> None:
    """Forget a server certificate or a request, and its key."""
    with certificates_of(state) as certificates:
        certificates.remove_server(number)
    say(f"Server certificate {number} is removed.")


def _of(org: str) -> tuple[str, ...]:
    """The option that names an org, where it has to be named."""
    return () if org == ORG else ("--org", org)


def _names(found: x509.Certificate | x509.CertificateSigningRequest) -> str:
    """Whose it is: hosts, then the other details of the subject."""
    details = [part.rfc4514_string() for part in found.subject if part.oid != NameOID.COMMON_NAME]
    return ", ".join([*names.hosts(found), *details])


def _confirm(chain: bytes, org: str, description: str, yes: bool) -> None:
    """Show what is about to be saved, and ask. raises: UserError for no."""
    found = x509.load_pem_x509_certificates(chain)
    more = {"names": ", ".join(names.hosts(found[0])), "certificates in the file": len(found)}
    preview(found[0], more | {"for org": org, "description": description})
    confirm("Upload this certificate?", yes)


def _free(file: Path, replace: bool) -> Path:
    """The file itself. raises: UserError where it is there already: it may be a private key."""
    if file.exists() and not replace:
        raise UserError(f"there is {file} already; --replace overwrites it, --to names another")
    return file


def _answered(chain: bytes, servers: list[ServerCertificate], org: str) -> ServerCertificate:
    """The request that has the key of the first certificate in the file."""
    found = read(chain).certificates
    for server in servers:
        if found and server.csr_pem is not None:
            asked = x509.load_pem_x509_csr(server.csr_pem)
            if public_key(asked) == public_key(found[0]):
                return server
    raise UserError(
        f"no open request of org {org} has this certificate's key; name another org with --org, or"
        " its private key with --key"
        if found
        else "the file holds no certificate: upload the signed certificate, not the request"
    )


def _checked(
    file: Path, chain: bytes, key: bytes, phrase: bytes | None, org: str
) -> tuple[bytes, bytes]:
    try:
        return read_server(chain, key, phrase, org)
    except UserError as error:
        raise UserError(f"{file}: {error}") from None


def _passphrase(private: bytes, file: Path | None) -> bytes | None:
    if file is not None:
        try:
            phrase = (
                file.read_bytes().removeprefix(BOM_UTF8).rstrip(b"\r\n")
            )  # may be a pipe, unlike the others
        except OSError as error:
            raise UserError(f"cannot read {file}: {error.strerror}") from None
        phrase = phrase.removeprefix(BOM_UTF8).rstrip(b"\r\n")
        if not phrase:
            raise UserError(f"{file} is empty: it must hold the passphrase")
        return phrase
    if not any(key.encrypted for key in read(private).keys):
        return None
    if not on_terminal():
        raise UserError("the private key is encrypted: name its passphrase's --passphrase-file")
    return getpass.getpass("Passphrase of the private key (not shown): ").encode()
