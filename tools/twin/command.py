"""What does `signet twin` offer on the command line?"""

import asyncio
import contextlib
import datetime
import json
import os
import re
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
from tools.twin.store import Device, Store
from tools.twin.twin import RUNNING, Options, Twin, identity, open_store
from tools.ui import UserError, console

app = typer.Typer(no_args_is_help=False, add_completion=False)
device_app = typer.Typer(no_args_is_help=True, help="The registry: list, add, disable, enable.")
app.add_typer(device_app, name="device")

_DEFAULT_STATE = CACHE / "twin"

State = Annotated[
    Path, typer.Option("--state", help="Folder of the CA, the registry and the messages.")
]
_PORT_HELP = "Port; 0 takes a free one. Default: {}, or a free one when that is taken."

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
            help="Write endpoints, CA and one device per cloud here, as JSON, when ready."
        ),
    ] = None,
    state: State = _DEFAULT_STATE,
    enos_port: Annotated[int | None, typer.Option(help=_PORT_HELP.format(11883))] = None,
    alibaba_port: Annotated[int | None, typer.Option(help=_PORT_HELP.format(1883))] = None,
    alibaba_tls_port: Annotated[int | None, typer.Option(help=_PORT_HELP.format(8883))] = None,
    watson_port: Annotated[int | None, typer.Option(help=_PORT_HELP.format(1883))] = None,
    watson_tls_port: Annotated[int | None, typer.Option(help=_PORT_HELP.format(8883))] = None,
) -> None:
    """Run EnOS, Alibaba Cloud IoT and Watson IoT on loopback until Ctrl-C."""
    if context.invoked_subcommand is not None:
        return
    wanted = {
        "enos-mqtt": enos_port,
        "alibaba-mqtt": alibaba_port,
        "alibaba-mqtts": alibaba_tls_port,
        "watson-mqtt": watson_port,
        "watson-mqtts": watson_tls_port,
    }
    ports = {key: port for key, port in wanted.items() if port is not None}
    if ready_file is not None and not ready_file.absolute().parent.is_dir():
        raise UserError(f"there is no folder {ready_file.absolute().parent} for the ready file")
    options = Options(state, ready_file, ports)
    asyncio.run(Twin(options, _print_event).run(_print_ready))


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
def _print_ready(ready: dict[str, Any]) -> None:
    table = Table("cloud", "way", "address", "server name", box=None, pad_edge=False)
    devices = []
    for cloud, entry in ready["clouds"].items():
        device = " ".join(f"{k}={v}" for k, v in entry["device"].items() if k not in _SECRETS)
        devices.append(f"{cloud:<8} {device}")
        for name, way in entry["ways"].items():
            table.add_row(cloud, name, f"{way['address']}:{way['port']}", way["host"])
    console.print(table)
    console.print(
        "",
        "One device per cloud is registered:",
        *devices,
        "",
        f"CA for the TLS ports: {ready['ca_file']}",
        "Secrets of these devices are in the ready file (--ready-file), readable by you alone.",
        "In another terminal: signet twin messages",
        """                     signet twin command enos set '{"setpoint": 21}'""",
        "Ctrl-C ends it.",
        sep="\n",
        markup=False,
        soft_wrap=True,
    )
    sys.stdout.flush()


_SECRETS = frozenset({"device_secret", "token"})


def _running(state: Path) -> dict[str, Any]:
    try:
        ready: dict[str, Any] = json.loads((state / RUNNING).read_text())
    except (OSError, ValueError):
        raise UserError(f"no twin runs in {state}; start one with `signet twin`") from None
    return ready


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
        raise UserError("""the parameters must be a JSON object, such as '{"setpoint": 21}'""")
    request = {"do": "command", "cloud": cloud, "name": name, "data": values, "device": device}
    answer = control.ask(Path(_running(state)["control"]), request)
    console.print_json(data=answer)


@app.command()
def messages(
    cloud: Annotated[str | None, typer.Argument(help="Only of this cloud.")] = None,
    after: Annotated[int, typer.Option(help="Only with an id above this.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    state: State = _DEFAULT_STATE,
) -> None:
    """Print the messages as the clouds stored them."""
    with _store(state) as store:
        found = store.messages(cloud, after)
    if as_json:
        for message in found:
            print(json.dumps(message))
        return
    for message in found:
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
        raise UserError(f"there is no registry in {state}; `signet twin` makes one")
    with contextlib.closing(open_store(state)) as store:
        yield store


def _find(store: Store, cloud: str, product: str, name: str) -> Device:
    for kind in ("device", "application"):
        if found := store.device(cloud, kind, product, name):
            return found
    raise UserError(f"{cloud} has no {name!r} in {product!r}; see `signet twin device list`")


@device_app.command("list")
def list_devices(state: State = _DEFAULT_STATE) -> None:
    """List products and devices; secrets are never shown."""
    table = Table("cloud", "kind", "product", "name", "enabled", "policy")
    with _store(state) as store:
        for entry in store.devices():
            enabled = "yes" if entry.enabled else "no"
            table.add_row(
                entry.cloud, entry.kind, entry.product, entry.name, enabled, entry.policy
            )
    console.print(table)


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
    if cloud not in CLOUDS:
        raise UserError(f"there is no cloud {cloud!r}; use one of: {', '.join(CLOUDS)}")
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
        console.print_json(data=identity(store.add(cloud, "device", product, name, policy=policy)))


@device_app.command("disable")
def disable_device(
    cloud: _Cloud, product: _Product, name: _Name, state: State = _DEFAULT_STATE
) -> None:
    """Refuse the device's next login."""
    with _store(state) as store:
        store.enable(_find(store, cloud, product, name), False)


@device_app.command("enable")
def enable_device(
    cloud: _Cloud, product: _Product, name: _Name, state: State = _DEFAULT_STATE
) -> None:
    """Let the device log in again."""
    with _store(state) as store:
        store.enable(_find(store, cloud, product, name), True)
