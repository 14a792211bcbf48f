"""What does `signet twin` offer on the command line?"""

import asyncio
import contextlib
import datetime
import json
import shlex
import sys
import textwrap
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from tools.twin.clouds import CLOUDS
from tools.twin.clouds.doors import DOORS
from tools.twin.clouds.registration import check_cloud
from tools.twin.command import device as command_device
from tools.twin.command import page as command_page
from tools.twin.command import policy as command_policy
from tools.twin.command import topic
from tools.twin.command import trace as command_trace
from tools.twin.command.console import (
    DEFAULT_STATE,
    CloudName,
    Events,
    State,
    print_ready,
    running,
    store_of,
)
from tools.twin.hub import control
from tools.twin.options import TOKEN_LIFE_S, Losses, Options
from tools.twin.ready import ROLES, chosen_config
from tools.twin.registry.certificates import POLICIES
from tools.twin.tls.openssl import begin_again
from tools.ui import UserError, complete, console, errors, share, visible

app = typer.Typer(no_args_is_help=False, add_completion=False)
app.add_typer(command_device.app, name="device")
app.add_typer(topic.app, name="topic")
app.command("policy")(command_policy.policy)
app.command("page")(command_page.page)
app.command("trace")(command_trace.trace)
app.command("replay")(command_trace.replay)

_FOLLOW_S = 0.3
_NARROW = 68  # a body that fits into 80 columns, behind the blanks before it
_USUAL = ", ".join(f"{door.key}={door.port}" for door in DOORS)


_TITLES = ", ".join(cloud.title for cloud in CLOUDS.values())


@app.callback(invoke_without_command=True, help=f"Run {_TITLES} on loopback until Ctrl-C.")
def twin(  # noqa: PLR0917 - typer takes options as arguments
    context: typer.Context,
    ready_file: Annotated[
        Path | None,
        typer.Option(
            dir_okay=False,
            help="Write endpoints, CA and one device per cloud here, as JSON, when ready.",
        ),
    ] = None,
    state: State = DEFAULT_STATE,
    port: Annotated[
        list[str] | None,
        typer.Option(
            metavar="DOOR=PORT",
            help=f"Port of a door; 0 takes a free one. Can be repeated. Default: {_USUAL}; each a"
            " free one when that is taken or not permitted.",
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
        float, typer.Option(min=0, help="CoAP, HTTPS: for how many seconds a token is good.")
    ] = TOKEN_LIFE_S,
    http_rate: Annotated[
        float,
        typer.Option(min=0, help="HTTPS: requests taken per second and device. 0: any number."),
    ] = 0.0,
    policy: Annotated[
        str | None,
        typer.Option(
            help=f"Watson: what devices of the org signet need: {', '.join(POLICIES)}. It is kept;"
            " `signet twin policy` changes it, and sets others by type of device.",
            autocompletion=complete(POLICIES),
        ),
    ] = None,
    record: Annotated[
        Path | None,
        typer.Option(
            dir_okay=False,
            help="Write a trace of all that happens here, without secrets: `signet twin trace`"
            " looks through it, `signet twin replay` plays it again.",
        ),
    ] = None,
    page: Annotated[
        bool,
        typer.Option(
            "--page",
            help="Show what happens as a page for a browser on this machine; its address is"
            " printed, and `signet twin page` opens it.",
        ),
    ] = False,
    page_port: Annotated[
        int | None,
        typer.Option(
            min=0, max=65535, help="As --page, at this port of 127.0.0.1, not at a free one."
        ),
    ] = None,
    broker: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            envvar="SIGNET_TWIN_BROKER",
            show_envvar=False,
            help="Stand in front of an MQTT broker that is there, not of a mosquitto of the twin's"
            " own: mqtt://HOST[:PORT], or mqtts://, with USER:PASSWORD@ before HOST. In the"
            " variable SIGNET_TWIN_BROKER nobody sees it who lists processes.",
        ),
    ] = None,
    broker_ca: Annotated[
        Path | None,
        typer.Option(dir_okay=False, exists=True, help="mqtts://: the CA, if none of the system."),
    ] = None,
) -> None:
    """Run the clouds on loopback until Ctrl-C."""
    if (word := context.invoked_subcommand) is not None:
        for name in context.params.keys() - {"state"}:
            source = context.get_parameter_source(name)
            if source is not None and source.name == "COMMANDLINE":
                option = "--" + name.replace("_", "-")
                raise UserError(f"{option} is for a twin that starts, which {word!r} is not")
        return
    if ready_file is not None and not ready_file.absolute().parent.is_dir():
        raise UserError(f"there is no folder {ready_file.absolute().parent} for the ready file")
    losses = Losses(
        share("--loss", loss),
        share("--duplicate", duplicate),
        share("--reorder", reorder),
        delay_ms,
        rebind_every,
        seed,
    )
    options = Options(
        state,
        ready_file,
        _ports(port or []),
        losses,
        token_life,
        http_rate,
        policy,
        broker,
        broker_ca,
        0 if page and page_port is None else page_port,
        record,
    )
    begin_again()
    from tools.twin.twin import Twin  # aiohttp, aiocoap: no other command needs them

    events = Events()

    def on_ready(ready: dict[str, Any]) -> None:
        events.flush()
        print_ready(ready, state)

    try:
        asyncio.run(Twin(options, events.add).run(on_ready))
    finally:
        events.flush()


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


@app.command()
def command(
    cloud: CloudName,
    name: Annotated[
        str,
        typer.Argument(
            help="; ".join(f"{each.title}: {each.command_help}" for each in CLOUDS.values()) + "."
        ),
    ],
    data: Annotated[str, typer.Argument(help="Its parameters: a JSON object.")] = "{}",
    device: Annotated[str | None, typer.Option(help="Default: the device on line.")] = None,
    state: State = DEFAULT_STATE,
) -> None:
    """Send a command to a device and print what the device replied."""
    check_cloud(cloud)
    try:
        values = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise UserError(f"the parameters are not JSON: {error}") from None
    if not isinstance(values, dict):
        raise UserError("""the parameters must be a JSON object, such as '{"led": 1}'""")
    request = {"do": "command", "cloud": cloud, "name": name, "data": values, "device": device}
    answer = control.ask(Path(running(state)["control"]), request)
    console.print_json(data=answer, ensure_ascii=True)  # the device has had its say in it


@app.command()
def config(
    cloud: CloudName,
    way: Annotated[
        str,
        typer.Option(
            help="mqtt; coap or coaps (CoAP over DTLS); https, or http without TLS; ws or wss"
            " (MQTT over WebSocket).",
            autocompletion=complete(["mqtt", "coap", "coaps", "http", "https", "ws", "wss"]),
        ),
    ] = "mqtt",
    role: Annotated[
        str,
        typer.Option(
            help=f"Where the cloud has it: {', '.join(ROLES)}.", autocompletion=complete(ROLES)
        ),
    ] = "device",
    tls: Annotated[bool, typer.Option("--tls", help="MQTT: for the port with TLS.")] = False,
    state: State = DEFAULT_STATE,
) -> None:
    """Print a device.json for the running twin's ready device, SECRET INCLUDED."""
    check_cloud(cloud)
    ready = running(state)
    values = chosen_config(ready, cloud, way, role, tls)
    print(json.dumps(values, indent=2))
    if values["tls"]:
        ca = shlex.quote(ready["ca_file"])
        errors.print(f"`signet board deploy` also needs: --ca {ca}", markup=False, soft_wrap=True)


@app.command()
def messages(
    cloud: Annotated[
        str | None,
        typer.Argument(
            help=f"Only of this cloud: {', '.join(CLOUDS)}.", autocompletion=complete(CLOUDS)
        ),
    ] = None,
    *,
    after: Annotated[int, typer.Option(help="Only with an id above this.")] = 0,
    last: Annotated[int | None, typer.Option(min=1, help="Only the newest, so many.")] = None,
    device: Annotated[
        str | None, typer.Option(help="Only of this device: its name, or PRODUCT/NAME.")
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with what comes, until Ctrl-C.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    state: State = DEFAULT_STATE,
) -> None:
    """Print the messages as the clouds stored them."""
    if cloud is not None:
        check_cloud(cloud)
    show = _print_json if as_json else _print_message
    some = False
    with store_of(state) as store, contextlib.suppress(KeyboardInterrupt):
        if last is not None:
            after = max(after, store.before_last(last, cloud, device))
        if follow:
            errors.print("Ctrl-C ends it.")
        while (page := store.messages(cloud, after, device=device)) or follow:
            for message in page:
                some, after = True, message["id"]
                show(message)
            sys.stdout.flush()
            if not page:
                time.sleep(_FOLLOW_S)
    if not some and not follow:
        errors.print("no such message" if after or cloud or device else "no message yet")


def _print_json(message: dict[str, Any]) -> None:
    print(json.dumps(message))


def _print_message(message: dict[str, Any]) -> None:
    """Who, when and what became of it; the topic; the body, JSON a member a line where long."""
    moment = datetime.datetime.fromtimestamp(message["received_ms"] / 1000).astimezone()
    line = Text(f"{message['id']:>5} {moment:%H:%M:%S} {message['cloud']:<7} ")
    line.append(f"{visible(message['device'])} {message['direction']} ")
    good = message["status"] in ("stored", "sent", "acked")
    line.append(message["status"], "green" if good else "red")
    line.append(f" (QoS {message['qos']})")
    line.append(f": {visible(message['reason'])}" if message["reason"] else "")
    console.print(line, soft_wrap=True)
    console.print(Text(f"{'':6}{visible(message['topic'])}", "cyan"), soft_wrap=True)
    for text in _body(message["payload"]):
        console.print(Text(f"{'':6}{visible(text)}"), soft_wrap=True)


def _body(payload: str | dict[str, str]) -> list[str]:
    if isinstance(payload, dict):
        return textwrap.wrap(f"hex {payload['hex']}", _NARROW)
    if len(payload) > _NARROW:
        with contextlib.suppress(ValueError, RecursionError):
            return json.dumps(json.loads(payload), indent=2, ensure_ascii=False).splitlines()
    return payload.splitlines()
