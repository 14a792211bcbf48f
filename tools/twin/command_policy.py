"""How does a person see and set Watson's security policies: `signet twin policy`?"""

from typing import Annotated

import typer

from tools.twin.certificates import POLICIES, Certificates
from tools.twin.console import DEFAULT_STATE, State, new_table, print_table, store_of
from tools.twin.store import Store
from tools.ui import UserError


def policy(
    policy: Annotated[
        str | None,
        typer.Argument(help=f"{', '.join(POLICIES)}. Without one the policies are shown."),
    ] = None,
    type_id: Annotated[
        str, typer.Option("--type", help="Of this type of device; default: of all others.")
    ] = "",
    org: Annotated[str, typer.Option(help="Of this org.")] = "signet",
    state: State = DEFAULT_STATE,
) -> None:
    """Show or set what Watson's devices need to log in; a running twin sees it at once."""
    with store_of(state) as store:
        _check(store, org, type_id)
        certificates = Certificates(store)
        if policy is not None:
            certificates.set_policy(org, policy, type_id)
        table = new_table("type of device", "policy", fold=())
        for name, value in certificates.policies(org).items():
            table.add_row(name or "(default)", value)
    print_table(table)


def _check(store: Store, org: str, type_id: str) -> None:
    """raises: UserError for an org or a type that no device is registered in."""
    types: dict[str, set[str]] = {}
    for device in store.devices("watson"):
        name, _, kind = device.product.partition("/")
        types.setdefault(name, {""}).add(kind)
    if org not in types:
        raise UserError(f"there is no org {org!r}; there is: {', '.join(types)}")
    if type_id not in types[org]:
        known = ", ".join(sorted(types[org] - {""}))
        raise UserError(f"org {org} has no device of type {type_id!r}; it has: {known}")
