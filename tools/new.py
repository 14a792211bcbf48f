"""What does `signet new` do?  Makes a board's folder from what a cloud's console shows.

What goes into device.json is checked first, by the code of a board, in its words.
"""

import json
import os
import re
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, get_args

import typer
from rich.prompt import Confirm
from rich.text import Text

from tools.board.check import check
from tools.board.deploy import BOARDS
from tools.new_ask import ask, choose, option
from tools.new_clouds import CLOUDS, WAYS, Asked, CloudName, Preset, Role, WayName
from tools.packages import INDEX, packages_for
from tools.paths import ROOT
from tools.pki import board_folder, roots
from tools.pki.authority import certificate_pem
from tools.pki.board_folder import CA, CERTIFICATE, CONFIG, KEY
from tools.pki.console import on_terminal, say, tell
from tools.pki.keys import read_file, write_file
from tools.sign import VARIABLE, SecretFile
from tools.signing import azure_device_key
from tools.twin.clouds import CLOUDS as OF_THE_TWIN
from tools.twin.clouds.registration import check_cloud
from tools.twin.command.console import DEFAULT_STATE, call, running, store_of
from tools.twin.ready import chosen_config
from tools.ui import UserError, console, errors, one_of, signet, visible

_WIFI = '{"ssid": "...", "password": "..."}'
_KEYS = (
    *("host", "port", "address", "product_key", "device_key", "device_name", "device_id"),
    *("id_scope", "registration_id", "org_id", "type_id", "app_id", "api_key", "client_id"),
    *("user", "cert", "key", "ca"),
)
_GROUP = "enrollment_group"  # beside the values: whose key device_key is
_NAMED = re.compile(r"device\.json: (\w+): ")


def _of(key: str) -> Any:
    """The option of one that clouds have."""
    shown = [
        name
        for name, cloud in CLOUDS.items()
        if any(each.key == key and not each.secret for each in cloud.asked)
    ]
    return typer.Option(help=f"As the console shows it; {', '.join(shown)}.")


def new(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(file_okay=False, help="What to make.")],
    *,
    cloud: Annotated[CloudName | None, typer.Option(help="Whose it is; asked for.")] = None,
    way: Annotated[
        WayName | None,
        typer.Option(help="In: with an s over TLS. Default: the cloud's usual one, by MQTT."),
    ] = None,
    preset: Annotated[Preset | None, typer.Option(help="broker: topics and bodies.")] = None,
    role: Annotated[
        Role | None, typer.Option(help="watson; with --twin also enrollment, azure's by DPS.")
    ] = None,
    host: Annotated[str | None, typer.Option(help="The server's name.")] = None,
    port: Annotated[int | None, typer.Option(help="Default: the cloud's.")] = None,
    address: Annotated[
        str | None, typer.Option(help="Where the server is, if its name cannot be looked up.")
    ] = None,
    product_key: Annotated[str | None, _of("product_key")] = None,
    device_key: Annotated[str | None, _of("device_key")] = None,
    device_name: Annotated[str | None, _of("device_name")] = None,
    device_id: Annotated[str | None, _of("device_id")] = None,
    id_scope: Annotated[str | None, _of("id_scope")] = None,
    registration_id: Annotated[str | None, _of("registration_id")] = None,
    enrollment_group: Annotated[
        bool,
        typer.Option(
            "--enrollment-group",
            help="azure, by DPS: the secret is a group's key, of which the device's is derived.",
        ),
    ] = False,
    org_id: Annotated[str | None, _of("org_id")] = None,
    type_id: Annotated[str | None, _of("type_id")] = None,
    app_id: Annotated[str | None, _of("app_id")] = None,
    api_key: Annotated[str | None, _of("api_key")] = None,
    client_id: Annotated[str | None, _of("client_id")] = None,
    user: Annotated[str | None, _of("user")] = None,
    secret_file: SecretFile = None,
    cert: Annotated[Path | None, typer.Option(help="The device's certificate (PEM).")] = None,
    key: Annotated[Path | None, typer.Option(help="Its private key, if in another file.")] = None,
    ca: Annotated[
        str | None,
        typer.Option(help="A file (PEM), or as of `signet pki ca-of`: letsencrypt, for example."),
    ] = None,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Accept that others may read, or log in.")
    ] = False,
    twin: Annotated[
        bool, typer.Option("--twin", help="For a device of the running `signet twin`.")
    ] = False,
    device: Annotated[
        str | None,
        typer.Option(
            metavar="PRODUCT/NAME", help="With --twin: of its registry. Default: the ready one."
        ),
    ] = None,
    state: Annotated[
        Path,
        typer.Option(help="With --twin: its folder. Default: .cache/twin.", show_default=False),
    ] = DEFAULT_STATE,
    board: Annotated[
        str | None,
        typer.Option(
            help="A folder of firmware/boards/ that has the board.py. Default: esp32; virtual with"
            " --twin."
        ),
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Also what is there already.")
    ] = False,
) -> None:
    """Make device.json, ca.pem, main.py and board.py: asks for what no option says.

    The secret comes from --secret-file, from the environment as SIGNET_SECRET, or from a hidden
    prompt.
    """
    given = {name: context.params[name] for name in _KEYS if context.params[name] is not None}
    given |= {"insecure": True} if insecure else {}
    kind = board or ("virtual" if twin else "esp32")
    programs = {"main.py": ROOT / "main.py", "board.py": BOARDS / kind / "board.py"}
    if not programs["board.py"].exists():
        known = sorted(path.parent.name for path in BOARDS.glob("*/board.py"))
        raise UserError(f"no board {kind!r}; {one_of(kind, known)}")
    _check_free(folder, [CONFIG, *programs], replace)

    chosen: str = cloud or choose("cloud", get_args(CloudName))
    if (preset and chosen != "broker") or (device and not twin):
        raise UserError("--preset is for --cloud broker, --device for --twin")
    if enrollment_group and (twin or chosen != "azure"):
        raise UserError("--enrollment-group is for --cloud azure, without --twin")
    if twin:
        values = _of_twin(state, chosen, way, role or "device", device) | given
        asked: tuple[Asked, ...] = ()
    else:
        ways = CLOUDS[chosen].ways
        by = way or choose("way", ways, ways[0])
        if by not in ways:
            raise UserError(f"{chosen} has no way {by}; {one_of(by, ways)}")
        values = {"cloud": chosen, **WAYS[by]}
        if chosen == "broker":
            values["preset"] = preset or choose("preset", get_args(Preset), "json")
        values |= ({"role": role} if role else {}) | given
        values |= {_GROUP: True} if enrollment_group else {}
        asked = CLOUDS[chosen].asked
        for each in asked:
            if each.secret and each.key in given and each.when(values):
                raise UserError(
                    f"{option(each.key)} would show a secret: leave it out; it comes from"
                    f" --secret-file, from {VARIABLE} or is asked for"
                )
    files, said = _checked(folder, values, asked, secret_file, replace)
    own = [folder / name for name in files]
    files |= {name: file.read_bytes() for name, file in programs.items()}
    _check_free(folder, [n for n in files if not _same(folder / n, files[n])], replace)
    board_folder.make(folder)
    for name, content in files.items():
        write_file(folder / name, content, 0o644 if name in (CA, *programs) else 0o600)
    say(f"Written to {folder}, secrets included: {', '.join(files)}")
    tell(*said)
    _say_what_next(folder, kind, b"wifi.json" in files["board.py"])
    if kind not in ("virtual", "qemu"):
        _say_by_mip(packages_for(values), own)


def _of_twin(
    state: Path, cloud: str, way: str | None, role: str, device: str | None
) -> dict[str, Any]:
    """What a device.json needs for a device of the running twin, its CA as `ca`."""
    if cloud == "broker":
        raise UserError("the twin has no plain broker; `signet broker` is one")
    check_cloud(cloud)
    ready, own = running(state), None
    ways = [*ready["clouds"][cloud]["ways"]]
    if device is not None:
        with store_of(state) as store:
            own = next((each for each in store.devices(cloud) if each.label == device), None)
        if own is None:
            raise UserError(f"{cloud} has no {device!r}; see `{call(state, 'device', 'list')}`")
        role = role if own.kind in role else own.kind
    config = chosen_config(ready, cloud, way or choose("way", ways, ways[0]), role)
    if own is not None:
        orgs = [str(config.get("org_id")), own.product.partition("/")[0]]  # one is in the host
        config |= OF_THE_TWIN[cloud].identity(own)
        config["host"] = re.sub(rf"^{re.escape(orgs[0])}\.", f"{orgs[1]}.", config["host"])
    return config | ({"ca": ready["ca_file"]} if config["tls"] else {})


def _checked(
    folder: Path,
    values: dict[str, Any],
    asked: Iterable[Asked],
    secret_file: Path | None,
    replace: bool,
) -> tuple[dict[str, bytes], list[str]]:
    """What goes into the folder beside the programs, by name, and what is said of the CA.

    What a person has typed, and a board would refuse, is asked for again. raises: UserError.
    """
    typed: set[str] = set()
    while True:
        ask(values, asked, typed, secret_file)
        files, said = _files(folder, values, replace)
        try:
            warnings = check({f"/{name}": content for name, content in _whole(files).items()})
        except UserError as error:
            found = _NAMED.match(str(error))
            name = found[1] if found else ""
            if name == "insecure" and not on_terminal():
                raise UserError(f"{error}. --insecure accepts it") from None
            if name not in {*typed, "insecure"} or not on_terminal():
                raise
            errors.print(Text(visible(str(error)), "red"))
            if name != "insecure":
                del values[name]
            elif Confirm.ask("Accept it?", console=console, default=False):
                values["insecure"] = True
            else:
                raise UserError("nothing was written") from None
            continue
        for warning in warnings:
            errors.print(visible(warning), markup=False, soft_wrap=True)
        return files, said


def _files(
    folder: Path, values: Mapping[str, Any], replace: bool
) -> tuple[dict[str, bytes], list[str]]:
    """As `_checked`, not checked yet."""
    config = {name: value for name, value in values.items() if value is not None}
    files, said = {}, []
    if config.pop(_GROUP, False):
        if not config.keys() >= {"registration_id", "device_key"}:
            raise UserError("--enrollment-group is for DPS, with --registration-id, not --cert")
        config["device_key"] = azure_device_key(config["device_key"], config["registration_id"])
    for name, own in (("cert", CERTIFICATE), ("key", KEY)):
        if name in config:
            source = Path(config[name])
            there = source.absolute().parent.resolve() == folder.resolve()
            config[name] = source.name if there else own
            files[config[name]] = read_file(source)
    ca = config.pop("ca", None)
    if config["tls"]:
        usual = "aws" if config.get("preset") == "aws" else config["cloud"]
        content, text = _ca(folder, ca, usual, replace)
        said.append(text)
        files |= {} if content is None else {CA: content}
    return {CONFIG: (json.dumps(config, indent=2) + "\n").encode(), **files}, said


def _whole(files: Mapping[str, bytes]) -> Mapping[str, bytes]:
    """With any CA where there is none yet: else a board would look no further."""
    return files if CA in files else {**files, CA: _pem(roots.find("letsencrypt"))}


def _pem(found: Iterable[roots.Found]) -> bytes:
    return b"".join(certificate_pem(one.certificate) for one in found)


def _ca(folder: Path, given: str | None, usual: str, replace: bool) -> tuple[bytes | None, str]:
    """What ca.pem holds, and what is said of it. usual: of roots.CLOUDS."""
    there = folder / CA
    if given is not None and given not in roots.CLOUDS:
        return read_file(Path(given)), f"{CA} is {given}"
    if given is None and there.exists() and not replace:
        return read_file(there), f"{CA} is kept as it was"
    try:
        found = roots.find(given or usual)
    except UserError as error:
        if given is not None:
            raise
        if there.exists():
            return read_file(there), f"{CA} is kept as it was: {error}"
        return None, f"{there} is still needed: {error}"
    names = ", ".join(one.root.name for one in found)
    return _pem(found), f"{CA} is {names}. {roots.CLOUDS[given or usual].said}"


def _check_free(folder: Path, names: Iterable[str], replace: bool) -> None:
    there = [str(folder / name) for name in names if (folder / name).exists()]
    if there and not replace:
        raise UserError(f"nothing was written: there is {', '.join(there)}; --replace replaces it")


def _same(file: Path, content: bytes) -> bool:
    return file.exists() and read_file(file) == content


def _say_what_next(folder: Path, kind: str, by_wifi: bool) -> None:
    deploy = ["board", "deploy", "--config", folder / CONFIG, "--program", folder]
    if kind in ("virtual", "qemu"):
        say("Next:", "  " + signet(*deploy), "  " + signet("board", "boot"))
        return
    wifi = folder / "wifi.json"
    say(
        "Next, the board on USB" + (f"; its Wi-Fi in {wifi}, {_WIFI}:" if by_wifi else ":"),
        "  " + signet(*deploy, *(["--wifi", wifi] if by_wifi else []), "--device", "/dev/ttyUSB0"),
        "Or first a virtual board:",
        "  " + signet(*deploy[:4]),
        "  " + signet("board", "boot"),
    )


def _say_by_mip(packages: Iterable[str], files: Iterable[Path]) -> None:
    """files: that go to the board beside."""
    mpremote = Path(shlex.split(signet())[0]).with_name("mpremote")
    lists = [INDEX / f"{name}.json" for name in packages]
    here = Path.cwd()
    shown = [os.path.relpath(each) if each.is_relative_to(here) else each for each in lists]
    words = [mpremote, "mip", "install", *shown, "+", "cp", *files, ":"]
    say(
        "Or beside a program of your own (docs/install.md has the lines that it needs):",
        "  make " + ("" if here == ROOT else shlex.join(["-C", str(ROOT)]) + " ") + "package",
        "  " + shlex.join(map(str, words)),
    )
