"""How does a person see and change the twin's registry: `signet twin device`?"""

import re
from pathlib import Path
from typing import Annotated

import typer

from tools.twin.clouds import CLOUDS
from tools.twin.console import (
    DEFAULT_STATE,
    State,
    call,
    check_cloud,
    new_table,
    print_table,
    store_of,
)
from tools.twin.store import KINDS, Device, Store
from tools.ui import UserError, console

app = typer.Typer(no_args_is_help=True, help="The registry: list, add, disable, enable.")


def _find(state: Path, store: Store, cloud: str, product: str, name: str) -> Device:
    check_cloud(cloud)
    for kind in KINDS:
        if found := store.device(cloud, kind, product, name):
            return found
    listing = call(state, "device", "list")
    raise UserError(f"{cloud} has no {name!r} in {product!r}; see `{listing}`")


@app.command("list")
def list_devices(state: State = DEFAULT_STATE) -> None:
    """List products and devices; secrets are never shown."""
    table = new_table("cloud", "kind", "enabled", fold=("product", "name"))
    with store_of(state) as store:
        for entry in store.devices():
            enabled = "yes" if entry.enabled else "no"
            name = entry.name + (f" behind {entry.gateway}" if entry.gateway else "")
            table.add_row(entry.cloud, entry.kind, enabled, entry.product, name)
    print_table(table)


_NAME = re.compile(r"[A-Za-z0-9._@:-]{1,64}")  # no cloud takes more; separators never

_Cloud = Annotated[str, typer.Argument(help="enos, alibaba or watson.")]
_Product = Annotated[str, typer.Argument(help="Product key; Watson: org/type.")]
_Name = Annotated[str, typer.Argument(help="Device key, device name or device id.")]


@app.command("add")
def add_device(  # noqa: PLR0917 - typer takes options as arguments
    cloud: _Cloud,
    product: _Product,
    name: _Name,
    gateway: Annotated[bool, typer.Option("--gateway", help="Watson: a gateway.")] = False,
    behind: Annotated[
        str, typer.Option(metavar="ORG/TYPE/ID", help="Watson: the gateway that it is behind.")
    ] = "",
    state: State = DEFAULT_STATE,
) -> None:
    """Add a device or a gateway and show its secret, this once."""
    check_cloud(cloud)
    if cloud != "watson" and (gateway or behind):
        raise UserError(f"the twin's {cloud} has no gateways; they are Watson's")
    if gateway and behind:
        raise UserError("a gateway is behind no other gateway")
    parts = [*product.split("/"), name]
    if len(parts) != (3 if cloud == "watson" else 2):
        form = "of the form org/type" if cloud == "watson" else "a product key"
        raise UserError(f"{product!r} is not {form}")
    for part in parts:
        if not _NAME.fullmatch(part):
            raise UserError(f"{part!r} is not 1 to 64 letters, digits, or any of - _ . @ :")
    with store_of(state) as store:
        _check_org(store, cloud, product)
        for kind in ("device", "gateway"):
            if store.device(cloud, kind, product, name):
                raise UserError(f"{cloud} has a {kind} {name!r} in {product!r} already")
        router, _, router_id = behind.rpartition("/")
        found = store.device(cloud, "gateway", router, router_id)
        if behind and (found is None or router.split("/")[0] != product.split("/")[0]):
            raise UserError(f"{cloud} has no gateway {behind!r} in the org of {product!r}")
        kind = "gateway" if gateway else "device"
        added = store.add(cloud, kind, product, name, gateway=behind)
        console.print_json(data=CLOUDS[cloud].identity(added))


def _check_org(store: Store, cloud: str, product: str) -> None:
    """Orgs are in host names, which know no case. raises: UserError."""
    org = product.partition("/")[0]
    for known in {device.product.partition("/")[0] for device in store.devices("watson")}:
        if cloud == "watson" and known != org and known.lower() == org.lower():
            raise UserError(f"org {org!r} differs from {known!r} in upper and lower case only")


@app.command("disable")
def disable_device(
    cloud: _Cloud, product: _Product, name: _Name, state: State = DEFAULT_STATE
) -> None:
    """Refuse the device's next login."""
    with store_of(state) as store:
        store.enable(_find(state, store, cloud, product, name), False)


@app.command("enable")
def enable_device(
    cloud: _Cloud, product: _Product, name: _Name, state: State = DEFAULT_STATE
) -> None:
    """Let the device log in again."""
    with store_of(state) as store:
        store.enable(_find(state, store, cloud, product, name), True)
