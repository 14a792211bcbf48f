"""How does a person see and set Watson's security policies: `signet twin policy`?"""

from typing import Annotated

import typer

from tools.twin.clouds.registration import check_type
from tools.twin.command.console import (
    DEFAULT_STATE,
    State,
    check_org,
    new_table,
    print_table,
    store_of,
)
from tools.twin.registry.certificates import POLICIES, Certificates, check_policy
from tools.ui import UserError, complete


def policy(
    policy: Annotated[
        str | None,
        typer.Argument(
            help=f"{', '.join(POLICIES)}. Without one the policies are shown.",
            autocompletion=complete(POLICIES),
        ),
    ] = None,
    type_id: Annotated[
        str, typer.Option("--type", help="Of this type of device; default: of all others.")
    ] = "",
    org: Annotated[str, typer.Option(help="Of this org.")] = "signet",
    unset: Annotated[
        bool, typer.Option("--unset", help="The default holds again for the --type.")
    ] = False,
    state: State = DEFAULT_STATE,
) -> None:
    """Show or set what Watson's devices need to log in; a running twin sees it at once."""
    if unset and (policy is not None or not type_id):
        raise UserError("--unset takes a policy back: name the --type alone, without a policy")
    if policy is not None:
        check_policy(policy)
    with store_of(state) as store:
        check_org(store, org)
        check_type(store, org, type_id)
        certificates = Certificates(store)
        if policy is not None:
            certificates.set_policy(org, policy, type_id)
        if unset:
            certificates.unset_policy(org, type_id)
        table = new_table("type of device", "policy", fold=())
        for name, value in certificates.policies(org).items():
            table.add_row(name or "(default)", value)
    print_table(table)
