"""What does `signet pki` do?  Makes CAs and device certificates, uploads them, explains any."""

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from tools.pki import (
    board_folder,
    command_cas,
    command_enos,
    command_roots,
    command_server,
    names,
)
from tools.pki.authority import CLIENT_DAYS, Authority
from tools.pki.console import DEFAULT_FOLDER, ORG, CaFolder, Days, Rsa, authority, call, kind, say
from tools.pki.explain import explain
from tools.twin.command.console import DEFAULT_STATE, State, check_org, store_of
from tools.twin.registry.store import Device
from tools.ui import UserError, console, prose, signet, visible

app = typer.Typer(
    no_args_is_help=True,
    help="Make CAs and certificates, register them with the twin, explain any certificate.",
)
app.command("ca-of")(command_roots.ca_of)
app.command("register")(command_cas.register)
app.command("list")(command_cas.list_cas)
app.command("remove")(command_cas.remove)
app.command("activate")(command_cas.activate)
app.command("deactivate")(command_cas.deactivate)
app.add_typer(command_server.app, name="server")
app.add_typer(command_enos.app, name="enos")


@app.command("ca")
def make_ca(
    *,
    folder: Annotated[Path, typer.Option(help="Where ca.pem and ca.key go.")] = DEFAULT_FOLDER,
    name: Annotated[str, typer.Option(help="Its common name.")] = "signet device CA",
    rsa: Rsa = False,
    days: Days = 3650,
    register: Annotated[
        bool, typer.Option("--register", help=f"Also register it with the twin, for org {ORG}.")
    ] = False,
    state: State = DEFAULT_STATE,
) -> None:
    """Make a CA that signs devices' certificates; its key stays in the folder."""
    for file in (folder / "ca.pem", folder / "ca.key"):
        if file.exists():
            raise UserError(f"there is a CA already: {file}; choose another --folder")
    if register:
        with store_of(state):  # is there one, before a CA is made?
            pass
    board_folder.make(folder)
    made = Authority(folder, name, kind(rsa), days)
    say(f"CA: {made.certificate_file}; its private key, for you alone: {folder / 'ca.key'}")
    if register:
        command_cas.register(made.certificate_file, yes=True, state=state)
    else:
        say(f"Next: {call(state, 'register', made.certificate_file)}")


@app.command()
def device(
    type_id: Annotated[str, typer.Argument(metavar="TYPE", help="Device type.")],
    device_id: Annotated[str, typer.Argument(metavar="ID", help="Device id.")],
    to: Annotated[Path, typer.Option(help="Folder that will be deployed.")],
    *,
    gateway: Annotated[bool, typer.Option("--gateway", help="A gateway: g:TYPE:ID.")] = False,
    rsa: Rsa = False,
    days: Days = CLIENT_DAYS,
    ca: CaFolder = DEFAULT_FOLDER,
    org: Annotated[
        str, typer.Option(help="Organization id. Default: that of the running twin.")
    ] = "",
    replace: Annotated[
        bool, typer.Option("--replace", help="Also where there is a certificate and key already.")
    ] = False,
    with_token: Annotated[
        bool,
        typer.Option(
            "--with-token",
            help="Also write the token from the twin's registry into device.json, for the policy"
            " certificate-and-token.",
        ),
    ] = False,
    no_register: Annotated[
        bool, typer.Option("--no-register", help="Do not add it to the twin's registry.")
    ] = False,
    state: State = DEFAULT_STATE,
) -> None:
    """Make key and certificate of a Watson device or gateway where they will be deployed from.

    Beside device.pem it writes device.json, and for the running twin its ca.pem.
    """
    name = names.client("g" if gateway else "d", type_id, device_id)
    signer = authority(ca)
    target = to / board_folder.CERTIFICATE
    if target.exists() and not replace:
        raise UserError(f"there is {target} already; --replace makes a new key and certificate")
    ready = board_folder.twin(state)
    org = org or (ready["clouds"]["watson"]["device"]["org_id"] if ready else "")
    board_folder.read(to)  # complains now rather than half-way
    entry = None
    if org and (state / "twin.db").exists():
        runs = ready is not None
        entry = _registered(state, name, names.check_org(org), add=not no_register, runs=runs)
    if with_token and entry is None:
        raise UserError(f"the twin's registry has no {name} of org {org or '?'}, so no token")

    board_folder.make(to)
    signer.client(name.common_name, email=str(name), kind=kind(rsa), days=days, target=target)
    say(f"{target}: certificate of {name}, and its private key, which is nowhere else")
    if not name.common_name:
        say("The name is longer than a common name may be: it is in the alternative name only.")
    if not org:
        say(f"No {board_folder.CONFIG}: no twin runs in {state}, and no --org is given.")
        return
    config = board_folder.watson(name, org, ready)
    if with_token and entry is not None:
        config["token"] = entry.secret
    for written in board_folder.write(to, config, ready):
        say(f"{to / written}")
    if ready is None:
        say(f"No twin runs: {config['host']} is the platform's own. Put the CA of its server")
        say(f"beside it as {board_folder.CA}.")
    say(f"Next: {signet('board', 'deploy', '--config', to / board_folder.CONFIG)}")


def _registered(
    state: Path, name: names.ClientName, org: str, *, add: bool, runs: bool
) -> Device | None:
    """The twin's entry of a device, added where there is none, but never for an unknown org.

    runs: the twin, so that an org which it does not know is a mistake, not the platform's.
    """
    wanted, product = names.ROLES[name.role], f"{org}/{name.type_id}"
    with store_of(state) as store:
        try:
            check_org(store, org)
        except UserError as error:
            if not (add and runs):
                return None
            raise UserError(f"{error}; --no-register leaves the registry alone") from None
        for role in names.ROLES.values():
            found: Device | None = store.device("watson", role, product, name.device_id)
            if found is not None and role != wanted:
                raise UserError(f"the twin's registry has {product}/{name.device_id} as a {role}")
            if found is not None:
                return found
        if not add:
            return None
        say(f"Registered with the twin: {wanted} {product}/{name.device_id}")
        added: Device = store.add("watson", wanted, product, name.device_id)
        return added


@app.command()
def check(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...",
            help="PEM or DER; a key in one file may belong to a certificate in another. A folder"
            " stands for what is in it.",
        ),
    ],
) -> None:
    """Explain certificates, chains, requests and keys; exit status 1 when something is wrong."""
    problems = 0
    for part in explain(files):
        console.print(Text(visible(part.title), "bold"), soft_wrap=True)
        for statement in part.statements:
            problems += statement.problem
            before = "problem: " if statement.problem else ""
            line = Text(prose(visible(before + statement.text), "  "))
            line.stylize("red", 2, 2 + len(before))
            console.print(line, soft_wrap=True)
    if problems:
        say(f"{problems} problem{'s' if problems > 1 else ''}")
        raise typer.Exit(1)
