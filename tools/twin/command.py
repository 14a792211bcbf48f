"""What does `signet twin` offer on the command line?"""

import asyncio
import contextlib
import datetime
import json
import os
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from tools.paths import CACHE
from tools.twin import control
from tools.twin.clouds import CLOUDS
from tools.twin.listeners import DOORS
from tools.twin.lossy import Losses
from tools.twin.ready import RUNNING, device_config
from tools.twin.store import Device, Store
from tools.twin.twin import TOKEN_LIFE_S, Options, Twin, open_store
from tools.ui import UserError, console, errors, signet

app = typer.Typer(no_args_is_help=False, add_completion=False)
device_app = typer.Typer(no_args_is_help=True, help="The registry: list, add, disable, enable.")
app.add_typer(device_app, name="device")

_DEFAULT_STATE = CACHE / "twin"

State = Annotated[
    Path,
    typer.Option(
        "--state", file_okay=False, help="Folder of the CA, the registry and the messages."
    ),
]


_USUAL = ", ".join(f"{door.key}={door.port}" for door in DOORS)

_STYLES = {
    "connected": "green",
    "left": "green",
    "report": "cyan",
    "refused": "red",
    "rejected": "red",
    "closed": "yellow",
    "fault": "magenta",
}


@app.callback(invoke_without_command=True)
def twin(  # noqa: PLR0917 - typer takes options as arguments
    context: typer.Context,
    ready_file: Annotated[
        Path | None,
        typer.Option(
            dir_okay=False,
            help="Write endpoints, CA and one device per cloud here, as JSON, when ready.",
        ),
    ] = None,
    state: State = _DEFAULT_STATE,
    port: Annotated[
        list[str] | None,
        typer.Option(
            metavar="DOOR=PORT",
            help=f"Port of a door; 0 takes a free one. Can be repeated. Default: {_USUAL}; each a"
            " free one when that is taken.",
        ),
    ] = None,
    loss: Annotated[
        str, typer.Option(help="CoAP: share of lost datagrams, each direction: 0.3 or 30%.")
    ] = "0",
    duplicate: Annotated[str, typer.Option(help="CoAP: share that comes twice.")] = "0",
    reorder: Annotated[str, typer.Option(help="CoAP: share that the next overtakes.")] = "0",
    delay_ms: Annotated[
        int, typer.Option(min=0, help="CoAP: how long each datagram is on its way.")
    ] = 0,
    rebind_every: Annotated[
        int,
        typer.Option(
            min=0,
            help="CoAP: after so many datagrams of a device the next come from another source"
            " port, as behind a NAT. 0: never.",
        ),
    ] = 0,
    seed: Annotated[
        int, typer.Option(help="Of the random numbers for all that: the same run again.")
    ] = 0,
    token_life: Annotated[
        float, typer.Option(min=0, help="CoAP: for how many seconds a token is good.")
    ] = TOKEN_LIFE_S,
) -> None:
    """Run EnOS, Alibaba Cloud IoT and Watson IoT on loopback until Ctrl-C."""
    if context.invoked_subcommand is not None:
        return
    if ready_file is not None and not ready_file.absolute().parent.is_dir():
        raise UserError(f"there is no folder {ready_file.absolute().parent} for the ready file")
    losses = Losses(
        _share("--loss", loss),
        _share("--duplicate", duplicate),
        _share("--reorder", reorder),
        delay_ms,
        rebind_every,
        seed,
    )
    options = Options(state, ready_file, _ports(port or []), losses, token_life)
    asyncio.run(Twin(options, _print_event).run(lambda ready: _print_ready(ready, state)))


def _ports(words: list[str]) -> dict[str, int]:
    """The ports of `DOOR=PORT` words."""
    ports = {}
    for word in words:
        key, _, number = word.partition("=")
        if key not in (door.key for door in DOORS):
            raise UserError(f"there is no door {key!r}; --port takes {_USUAL}, or other numbers")
        if not (number.isdecimal() and int(number) <= 65535):
            raise UserError(f"{number!r} is no port for {key}; a port is 0 to 65535")
        ports[key] = int(number)
    return ports


def _share(option: str, text: str) -> float:
    """The share that "0.3" or "30%" says."""
    try:
        share = float(text[:-1]) / 100 if text.endswith("%") else float(text)
        if 0.0 <= share <= 1.0:
            return share
    except ValueError:
        pass
    raise UserError(f"{option} {text!r} is no share; write it as 0.3 or 30%")


@contextlib.contextmanager
def _while_read() -> Iterator[None]:
    """Serve on in silence when nobody reads any more: a pipe to `head`, say."""
    try:
        yield
    except (BrokenPipeError, SystemExit):  # the latter is how rich tells of the former
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@_while_read()
def _print_event(cloud: str, device: str, kind: str, text: str) -> None:
    """One line per event."""
    now = datetime.datetime.now().astimezone().strftime("%H:%M:%S")
    if not console.is_terminal:  # rich costs more than the whole gate when nobody looks
        print(f"{now} {cloud:<7} {device} {kind}: {text}", flush=True)
        return
    line = Text(f"{now} {cloud:<7} {device} ")
    line.append(kind, _STYLES.get(kind, ""))
    line.append(f": {text}")
    console.print(line, soft_wrap=True)


@_while_read()
def _print_ready(ready: dict[str, Any], state: Path) -> None:
    table = _table("cloud", "way", "address", fold=("server name",))
    devices = []
    for cloud, entry in ready["clouds"].items():
        device = " ".join(f"{k}={v}" for k, v in entry["device"].items() if k not in _SECRETS)
        devices.append(f"{cloud:<8} {device}")
        for name, way in entry["ways"].items():
            table.add_row(cloud, name, f"{way['address']}:{way['port']}", way["host"])
    _print_table(table)
    console.print(
        "",
        "One device per cloud is registered:",
        *devices,
        "",
        f"CA for the TLS ports: {ready['ca_file']}",
        "In another terminal:",
        "  " + _call(state, "config", "enos") + "  # a device.json, secret included",
        "  " + _call(state, "messages"),
        "  " + _call(state, "command", "enos", "set", '{"led": 1}'),
        "Ctrl-C ends it.",
        sep="\n",
        markup=False,
        soft_wrap=True,
    )
    sys.stdout.flush()


def _call(state: Path, *words: str) -> str:
    """The command line for another call about the same twin."""
    return signet("twin", *words, *(() if state == _DEFAULT_STATE else ("--state", state)))


def _table(*columns: str, fold: tuple[str, ...]) -> Table:
    """A table whose last columns, `fold`, are folded where a terminal is narrow; none is cut."""
    table = Table(box=None, pad_edge=False)
    for name in columns + fold:
        table.add_column(name, overflow="fold", no_wrap=name not in fold)
    return table


def _print_table(table: Table) -> None:
    """In a pipe each row is one line."""
    if not console.is_terminal:
        console.width = 10_000
    console.print(table)


_SECRETS = frozenset({"device_secret", "token"})


def _running(state: Path) -> dict[str, Any]:
    with contextlib.suppress(OSError, ValueError):
        ready: dict[str, Any] = json.loads((state / RUNNING).read_text())
        if control.answers(Path(ready["control"])):  # a killed one leaves the file behind
            return ready
    raise UserError(f"no twin runs in {state}; start one with `{_call(state)}`")


def _check_cloud(cloud: str) -> None:
    if cloud not in CLOUDS:
        raise UserError(f"there is no cloud {cloud!r}; use one of: {', '.join(CLOUDS)}")


@app.command()
def command(
    cloud: Annotated[str, typer.Argument(help="enos, alibaba or watson.")],
    name: Annotated[
        str,
        typer.Argument(
            help="`set` sets measurepoints (EnOS) or properties (Alibaba); any other name is a"
            " service, on Watson a command id."
        ),
    ],
    data: Annotated[str, typer.Argument(help="Its parameters: a JSON object.")] = "{}",
    device: Annotated[str | None, typer.Option(help="Default: the device on line.")] = None,
    state: State = _DEFAULT_STATE,
) -> None:
    """Send a command to a device and print what the device replied."""
    try:
        values = json.loads(data)
    except ValueError as error:
        raise UserError(f"the parameters are not JSON: {error}") from None
    if not isinstance(values, dict):
        raise UserError("""the parameters must be a JSON object, such as '{"led": 1}'""")
    request = {"do": "command", "cloud": cloud, "name": name, "data": values, "device": device}
    answer = control.ask(Path(_running(state)["control"]), request)
    console.print_json(data=answer)


@app.command()
def config(
    cloud: Annotated[str, typer.Argument(help="enos, alibaba or watson.")],
    way: Annotated[str, typer.Option(help="mqtt, coap, or coaps (CoAP over DTLS).")] = "mqtt",
    tls: Annotated[bool, typer.Option("--tls", help="MQTT: for the port with TLS.")] = False,
    state: State = _DEFAULT_STATE,
) -> None:
    """Print a device.json for the running twin's ready device, SECRET INCLUDED."""
    _check_cloud(cloud)
    ready = _running(state)
    ways = ready["clouds"][cloud]["ways"]
    if tls and way == "mqtt":
        way = "mqtts"
        if way not in ways:
            raise UserError(f"the twin has no TLS port for {cloud}; leave out --tls")
    if way not in ways:
        raise UserError(f"the twin has no way {way!r} to {cloud}; use one of: {', '.join(ways)}")
    print(json.dumps(device_config(ready, cloud, way), indent=2))
    if ways[way]["tls"]:
        ca = shlex.quote(ready["ca_file"])
        errors.print(f"`signet board deploy` also needs: --ca {ca}", markup=False, soft_wrap=True)


@app.command()
def messages(
    cloud: Annotated[str | None, typer.Argument(help="Only of this cloud.")] = None,
    after: Annotated[int, typer.Option(help="Only with an id above this.")] = 0,
    last: Annotated[int | None, typer.Option(min=1, help="Only the newest, so many.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    state: State = _DEFAULT_STATE,
) -> None:
    """Print the messages as the clouds stored them."""
    if cloud is not None:
        _check_cloud(cloud)
    show = _print_json if as_json else _print_message
    some = False
    with _store(state) as store:
        if last is not None:
            after = max(after, store.before_last(last, cloud))
        while page := store.messages(cloud, after):
            some = True
            after = page[-1]["id"]
            for message in page:
                show(message)
    if not some:
        errors.print("no such message" if after or cloud else "no message yet")


def _print_json(message: dict[str, Any]) -> None:
    print(json.dumps(message))


def _print_message(message: dict[str, Any]) -> None:
    moment = datetime.datetime.fromtimestamp(message["received_ms"] / 1000).astimezone()
    line = Text(f"{message['id']:>5} {moment:%H:%M:%S} {message['cloud']:<7} ")
    line.append(f"{message['device']} {message['direction']:<4} ")
    line.append(_visible(message["topic"]), "cyan")
    line.append(f" QoS {message['qos']} ")
    good = message["status"] in ("stored", "sent", "acked")
    line.append(message["status"], "green" if good else "red")
    line.append(f" {message['reason']}" if message["reason"] else "")
    line.append(f"  {_visible(str(message['payload']))}")
    console.print(line, soft_wrap=True)


def _visible(text: str) -> str:
    """A device's own text without control characters, which could command the terminal."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


@contextlib.contextmanager
def _store(state: Path) -> Any:
    if not (state / "twin.db").exists():
        raise UserError(f"there is no registry in {state}; `{_call(state)}` makes one")
    with contextlib.closing(open_store(state)) as store:
        yield store


def _find(state: Path, store: Store, cloud: str, product: str, name: str) -> Device:
    _check_cloud(cloud)
    for kind in ("device", "application"):
        if found := store.device(cloud, kind, product, name):
            return found
    listing = _call(state, "device", "list")
    raise UserError(f"{cloud} has no {name!r} in {product!r}; see `{listing}`")


@device_app.command("list")
def list_devices(state: State = _DEFAULT_STATE) -> None:
    """List products and devices; secrets are never shown."""
    table = _table("cloud", "kind", "enabled", "policy", fold=("product", "name"))
    with _store(state) as store:
        for entry in store.devices():
            enabled = "yes" if entry.enabled else "no"
            table.add_row(
                entry.cloud, entry.kind, enabled, entry.policy, entry.product, entry.name
            )
    _print_table(table)


_NAME = re.compile(r"[A-Za-z0-9._@:-]{1,64}")  # no cloud takes more; separators never

_Cloud = Annotated[str, typer.Argument(help="enos, alibaba or watson.")]
_Product = Annotated[str, typer.Argument(help="Product key; Watson: org/type.")]
_Name = Annotated[str, typer.Argument(help="Device key, device name or device id.")]


@device_app.command("add")
def add_device(
    cloud: _Cloud,
    product: _Product,
    name: _Name,
    policy: Annotated[str, typer.Option(help="Watson: token or certificate.")] = "token",
    state: State = _DEFAULT_STATE,
) -> None:
    """Add a device and show its secret, this once."""
    _check_cloud(cloud)
    if policy not in ("token", "certificate"):
        raise UserError(f"there is no policy {policy!r}; use token or certificate")
    parts = [*product.split("/"), name]
    if len(parts) != (3 if cloud == "watson" else 2):
        form = "of the form org/type" if cloud == "watson" else "a product key"
        raise UserError(f"{product!r} is not {form}")
    for part in parts:
        if not _NAME.fullmatch(part):
            raise UserError(f"{part!r} is not 1 to 64 letters, digits, or any of - _ . @ :")
    with _store(state) as store:
        if store.device(cloud, "device", product, name):
            raise UserError(f"{cloud} has a device {name!r} in {product!r} already")
        added = store.add(cloud, "device", product, name, policy=policy)
        console.print_json(data=CLOUDS[cloud].identity(added))


@device_app.command("disable")
def disable_device(
    cloud: _Cloud, product: _Product, name: _Name, state: State = _DEFAULT_STATE
) -> None:
    """Refuse the device's next login."""
    with _store(state) as store:
        store.enable(_find(state, store, cloud, product, name), False)


@device_app.command("enable")
def enable_device(
    cloud: _Cloud, product: _Product, name: _Name, state: State = _DEFAULT_STATE
) -> None:
    """Let the device log in again."""
    with _store(state) as store:
        store.enable(_find(state, store, cloud, product, name), True)
