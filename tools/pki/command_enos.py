"""How does an EnOS device get its certificate: `signet pki enos csr`, `issue`, `renew`?

A request by the device's own key, a certificate by EnOS's CA (the twin's), and later another one
for the same key, while the old one is good until it expires. Source: EnOS's documents on X.509
certificates of devices.
"""

import time
import uuid
from pathlib import Path
from typing import Annotated

import typer
from cryptography import x509

from tools.pki import board_folder
from tools.pki.authority import CLIENT_DAYS, Authority, certificate_pem
from tools.pki.board_folder import CERTIFICATE, KEY, REQUEST
from tools.pki.checks import check_request
from tools.pki.console import (
    Country,
    Days,
    Locality,
    Organization,
    Province,
    Rsa,
    Unit,
    call,
    certificates_of,
    checked,
    kind,
    say,
    say_names,
)
from tools.pki.contents import read
from tools.pki.keys import key_pem, new_key, read_file, read_key, write_file
from tools.pki.requests import read_request, request, request_pem
from tools.twin.clouds.enos.mqtt import EnOS
from tools.twin.command.console import DEFAULT_STATE, State, store_of
from tools.twin.command.console import call as twin_call
from tools.twin.registry.certificates import Certificates
from tools.ui import UserError, signet

app = typer.Typer(no_args_is_help=True, help="Certificates of EnOS devices, by the twin's CA.")

CA_FOLDER, CA_NAME = EnOS.name, EnOS.ca

_ProductKey = Annotated[str, typer.Option(help="As the console shows it.")]
_DeviceKey = Annotated[str, typer.Option(help="As the console shows it.")]
_Folder = Annotated[
    Path, typer.Argument(metavar="FOLDER", help="The folder that `signet pki enos csr` filled.")
]


@app.command()
def csr(
    *,
    to: Annotated[Path, typer.Option(help="Folder that will be deployed.")],
    product_key: _ProductKey,
    device_key: _DeviceKey,
    country: Country,
    province: Province,
    locality: Locality,
    organization: Organization,
    unit: Unit,
    name: Annotated[
        str, typer.Option(help="CN, unique for each certificate. Default: a random one.")
    ] = "",
    rsa: Rsa = False,
) -> None:
    """Make a device's key and a signing request for it.

    The key stays in the folder, which will be deployed; the request goes to EnOS.
    """
    for file in (to / KEY, to / REQUEST, to / CERTIFICATE):
        if file.exists():
            raise UserError(f"there is {file} already; choose another folder, or `enos renew`")
    fields = {
        "C": country,
        "ST": province,
        "L": locality,
        "O": organization,
        "OU": unit,
        "CN": name or f"{uuid.uuid4().hex}{time.time_ns() // 1_000_000}",
    }
    key = new_key(kind(rsa))
    made = request_pem(request(key, fields))
    board_folder.make(to)
    config = {"cloud": "enos", "product_key": product_key, "device_key": device_key}
    board_folder.write(to, config, None)
    write_file(to / KEY, key_pem(key), 0o600)
    write_file(to / REQUEST, made, 0o644)
    say(f"{to / KEY}: the private key, which is nowhere else")
    say(f"{to / REQUEST}: the request, with the common name {fields['CN']}")
    say(f"Next: {signet('pki', 'enos', 'issue', to)}")


@app.command()
def issue(
    source: Annotated[
        Path,
        typer.Argument(metavar="FOLDER|CSR", help="What `enos csr` made, or a request."),
    ],
    *,
    days: Days = CLIENT_DAYS,
    product_key: Annotated[str, typer.Option(help="Of a request outside its folder.")] = "",
    device_key: Annotated[str, typer.Option(help="Of a request outside its folder.")] = "",
    state: State = DEFAULT_STATE,
) -> None:
    """Let the twin's EnOS sign a request, and note whose certificate it is.

    The certificate goes beside the request; in a folder device.json is completed for the twin.
    """
    folder = source.is_dir()
    file = source / REQUEST if folder else source
    target = source / CERTIFICATE if folder else source.with_suffix(".pem")
    if target.exists():
        raise UserError(f"there is {target} already: a request is for one certificate only")
    config = board_folder.read(source) if folder else {}
    product_key = product_key or str(config.get("product_key") or "")
    device_key = device_key or str(config.get("device_key") or "")
    if not (product_key and device_key):
        raise UserError("whose is it? Give --product-key and --device-key")
    try:
        found = read_request(read_file(file))
        check_request(found)
    except UserError as error:
        raise UserError(f"{file}: {error}") from None
    with store_of(state) as store:
        device = store.device("enos", "device", product_key, device_key)
        if device is None:
            command = twin_call(state, "device", "add", "enos", product_key, device_key)
            raise UserError(f"EnOS has no such device; `{command}` adds it")
        signed = _authority(state).sign(found, days)
        write_file(target, certificate_pem(signed), 0o644)
        _note(Certificates(store), signed, product_key, device_key)
    say(f"{target}: valid until {signed.not_valid_after_utc:%Y-%m-%d}, for {device.label}")
    say_names(signed)
    if folder:
        _complete(source, product_key, device_key, state)


@app.command()
def renew(folder: _Folder, days: Days = CLIENT_DAYS, state: State = DEFAULT_STATE) -> None:
    """Replace a certificate by one for the same key; the old one is good until it expires."""
    target = folder / CERTIFICATE
    found = read(read_file(target)).certificates
    if not found:
        command = call(state, "enos", "issue", folder)
        raise UserError(f"{target} holds no certificate; without it `{command}` makes one")
    key = read_key(read_file(folder / KEY), str(folder / KEY))
    if key.public_key() != found[0].public_key():
        raise UserError(f"{folder / KEY} is not the key of {target}: which one is the device's?")
    with certificates_of(state) as certificates:
        owner = certificates.issued_to(found[0].serial_number)
        if owner is None:
            command = call(state, "enos", "issue", folder)
            raise UserError(f"EnOS has not issued {target}; without it `{command}` makes one")
        signed = _authority(state).renew(found[0], days)
        _note(certificates, signed, *owner)
        write_file(target, certificate_pem(signed), 0o644)
    say(f"{target}: valid until {signed.not_valid_after_utc:%Y-%m-%d}; deploy it before")
    say(f"{found[0].not_valid_after_utc:%Y-%m-%d}, when the old one expires.")
    if "host" not in board_folder.read(folder):  # no twin ran when it was issued
        _complete(folder, *owner, state)


def _authority(state: Path) -> Authority:
    return checked(Authority(state / CA_FOLDER, CA_NAME))


def _note(
    certificates: Certificates, signed: x509.Certificate, product_key: str, device_key: str
) -> None:
    not_after_ms = round(signed.not_valid_after_utc.timestamp() * 1000)
    certificates.issued(signed.serial_number, product_key, device_key, not_after_ms)


def _complete(folder: Path, product_key: str, device_key: str, state: Path) -> None:
    """Fill device.json for the twin, where it runs."""
    ready = board_folder.twin(state)
    if ready is None:
        say(
            f"{board_folder.CONFIG} has no host and secret yet: no twin runs in {state}. Start it,"
        )
        say(f"then `{call(state, 'enos', 'renew', folder)}` completes it.")
        return
    with store_of(state) as store:
        device = store.device("enos", "device", product_key, device_key)
    secret = device.secret if device else ""
    config = board_folder.enos(product_key, device_key, secret, ready)
    for written in board_folder.write(folder, config, ready):
        say(f"{folder / written}")
    say(f"Next: {signet('board', 'deploy', '--config', folder / board_folder.CONFIG)}")
