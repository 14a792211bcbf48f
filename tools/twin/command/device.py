"""How does a person see and change the twin's registry: `signet twin device`?"""

from pathlib import Path
from typing import Annotated

import typer
from cryptography import x509

from tools.pki.contents import read
from tools.pki.keys import read_file
from tools.twin.clouds import CLOUDS, registration
from tools.twin.clouds.cloud import Cloud
from tools.twin.command.console import (
    DEFAULT_STATE,
    CloudName,
    State,
    call,
    new_table,
    online,
    print_table,
    store_of,
)
from tools.twin.registry.store import KINDS, Device, Store
from tools.ui import UserError, console

app = typer.Typer(
    no_args_is_help=True, help="The registry: list, add, disable, enable; products' secrets."
)


def _find(state: Path, store: Store, cloud: str, product: str, name: str) -> Device:
    registration.check_cloud(cloud)
    for kind in KINDS:
        if found := store.device(cloud, kind, product, name):
            return found
    listing = call(state, "device", "list")
    raise UserError(f"{cloud} has no {name!r} in {product!r}; see `{listing}`")


@app.command("list")
def list_devices(state: State = DEFAULT_STATE) -> None:
    """List products and devices, and who is connected by MQTT; secrets are never shown."""
    table = new_table("cloud", "kind", "enabled", "connected", fold=("product", "name"))
    with store_of(state) as store:
        connected = online(state)
        for entry in store.devices():
            enabled = "yes" if entry.enabled else "no"
            on_line = "yes" if entry.label in connected.get(entry.cloud, ()) else "no"
            name = entry.name + (f" behind {entry.gateway}" if entry.gateway else "")
            table.add_row(entry.cloud, entry.kind, enabled, on_line, entry.product, name)
    print_table(table)


_FORMS = "; ".join(
    f"{cloud.name}: {', '.join(dict.fromkeys(cloud.product_forms.values()))}"
    for cloud in CLOUDS.values()
)
_Product = Annotated[str, typer.Argument(help=f"Its product; {_FORMS}.")]
_Name = Annotated[str, typer.Argument(help="Device key, device name or device id.")]


_ANY = ", ".join(each.name for each in CLOUDS.values() if each.client_certificates == "any")


@app.command("add")
def add_device(  # noqa: PLR0917 - typer takes options as arguments
    cloud: CloudName,
    product: _Product,
    name: _Name = "",
    gateway: Annotated[
        bool, typer.Option("--gateway", help=f"A gateway; of {registration.which('gateway')}.")
    ] = False,
    application: Annotated[
        bool,
        typer.Option(
            "--application",
            help=f"An API key, which is made; of {registration.which('application')}.",
        ),
    ] = False,
    behind: Annotated[
        str, typer.Option(metavar="ORG/TYPE/ID", help="The gateway that a device is behind.")
    ] = "",
    certificate: Annotated[
        Path | None,
        typer.Option(
            help="PEM or DER: it logs in with this certificate and without a secret, or with one"
            f" of this CA; of {_ANY}."
        ),
    ] = None,
    state: State = DEFAULT_STATE,
) -> None:
    """Add a device, a gateway or an application and show its secret, this once."""
    registration.check_cloud(cloud)
    rules = CLOUDS[cloud]
    if gateway and application:
        raise UserError("it is one: a gateway, an application, or a device behind a gateway")
    kind = "application" if application else "gateway" if gateway else "device"
    shown = None if certificate is None else _certificate(rules, certificate)
    with store_of(state) as store:
        added = registration.add(
            store, cloud, kind, product, name, behind=behind, certificate=shown
        )
        identity = rules.identity(added)
        if shown is not None:
            del identity[rules.hidden]
        console.print_json(data=identity)


def _certificate(rules: type[Cloud], file: Path) -> x509.Certificate:
    """The first in a file, for a cloud that takes one. raises: UserError."""
    if rules.client_certificates != "any":
        raise UserError(f"--certificate is for {_ANY}; {rules.name} registers none this way")
    if not (found := read(read_file(file)).certificates):
        raise UserError(f"{file} holds no certificate")
    return found[0]


@app.command("secret")
def product_secret(cloud: CloudName, product: _Product, state: State = DEFAULT_STATE) -> None:
    """Show a product's secret, with which its devices may register from now on."""
    registration.check_cloud(cloud)
    with store_of(state) as store:
        products = dict.fromkeys(device.product for device in store.devices(cloud))
        if product not in products:
            raise UserError(f"{cloud} has no product {product!r}; it has: {', '.join(products)}")
        secret = CLOUDS[cloud](store).product_secret(product)
    if secret is None:
        raise UserError(f"products of {cloud} have no secret here")
    console.print_json(data=secret)


@app.command("reset")
def reset_device(
    cloud: CloudName, product: _Product, name: _Name, state: State = DEFAULT_STATE
) -> None:
    """Let a device register again that has logged in."""
    with store_of(state) as store:
        device = _find(state, store, cloud, product, name)
        rules = CLOUDS[cloud](store)
        if type(rules).reset is Cloud.reset:
            raise UserError(f"devices of {cloud} do not register here")
        rules.reset(device)


@app.command("disable")
def disable_device(
    cloud: CloudName, product: _Product, name: _Name, state: State = DEFAULT_STATE
) -> None:
    """Refuse the device's next login."""
    with store_of(state) as store:
        store.enable(_find(state, store, cloud, product, name), False)


@app.command("enable")
def enable_device(
    cloud: CloudName, product: _Product, name: _Name, state: State = DEFAULT_STATE
) -> None:
    """Let the device log in again."""
    with store_of(state) as store:
        store.enable(_find(state, store, cloud, product, name), True)
