"""What does a cloud expect a device to sign?  `signet sign` shows it, to compare with a console.

Computed with the standard library alone (tools/signing.py), never with what runs on a board.
"""

import getpass
import json
import os
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import typer

from tools import signing
from tools.json_file import read_object
from tools.ui import UserError, complete, console, errors, one_of

app = typer.Typer(
    no_args_is_help=True,
    help="Show content, algorithm and signature of given values. The secret comes from "
    "--secret-file, from the environment as SIGNET_SECRET, or from a hidden prompt.",
)

VARIABLE = "SIGNET_SECRET"
"""Of the environment: where a secret may come from."""

# What `signet sign content --algorithm` takes -> how tools/signing.py calls it.
_ALGORITHMS = {
    "hmac-md5": (signing.alibaba, "hmacmd5"),
    "hmac-sha1": (signing.alibaba, "hmacsha1"),
    "hmac-sha256": (signing.alibaba, "hmacsha256"),
    "sha1": (signing.enos, "sha1"),
    "sha256": (signing.enos, "sha256"),
}

SecretFile = Annotated[
    Path | None, typer.Option(help="File that holds the secret and nothing else.")
]
_ProductKey = Annotated[str, typer.Option(help="As the console shows it.")]


@app.command()
def enos(
    *,
    product_key: _ProductKey,
    device_key: Annotated[str, typer.Option(help="As the console shows it.")],
    client_id: Annotated[str, typer.Option(help="The device key by default.")] = "",
    timestamp: Annotated[str, typer.Option(help="Unix milliseconds; now by default.")] = "",
    method: Annotated[
        str,
        typer.Option(
            help="sha256 or hmacsha1.", autocompletion=complete(filter(None, signing.ENOS_METHODS))
        ),
    ] = "sha256",
    secret_file: SecretFile = None,
) -> None:
    """EnOS over MQTT: a plain hash of the content followed by the device secret."""
    client_id = client_id or device_key
    timestamp = _unix_ms(timestamp or str(time.time_ns() // 1_000_000))
    fields = {
        "clientId": client_id,
        "deviceKey": device_key,
        "productKey": product_key,
        "timestamp": timestamp,
    }
    signing.enos(fields, "", method)  # refuses an unknown method before a secret is asked for
    signed = signing.enos(fields, secret(secret_file), method)
    _show(
        signed,
        {
            "client id": f"{client_id}|securemode=2,signmethod={method},timestamp={timestamp}|",
            "user name": f"{device_key}&{product_key}",
        },
    )


@app.command()
def alibaba(
    *,
    product_key: _ProductKey,
    device_name: Annotated[str, typer.Option(help="As the console shows it.")],
    client_id: Annotated[str, typer.Option(help="PRODUCT_KEY.DEVICE_NAME by default.")] = "",
    timestamp: Annotated[str, typer.Option(help="Unix milliseconds; none by default.")] = "",
    method: Annotated[
        str,
        typer.Option(
            help="hmacsha256, hmacsha1, hmacmd5; as a board by default: hmacsha256, with --http "
            "hmacmd5.",
            autocompletion=complete(signing.ALIBABA_METHODS),
        ),
    ] = "",
    plain: Annotated[bool, typer.Option("--plain", help="MQTT without TLS.")] = False,
    http: Annotated[
        bool, typer.Option("--http", help="HTTPS: show the body of /auth, for curl for example.")
    ] = False,
    secret_file: SecretFile = None,
) -> None:
    """Alibaba Cloud over MQTT or HTTPS: an HMAC of the content, keyed with the device secret."""
    if http and plain:
        raise UserError("--plain is about MQTT; with --http leave it out: there is only HTTPS")
    method = method or ("hmacmd5" if http else "hmacsha256")
    client_id = client_id or f"{product_key}.{device_name}"
    fields = {"clientId": client_id, "deviceName": device_name, "productKey": product_key}
    options = f"securemode={3 if plain else 2},signmethod={method}"
    if timestamp:
        fields["timestamp"] = _unix_ms(timestamp)
        options += f",timestamp={timestamp}"
    signing.alibaba(fields, "", method)  # refuses an unknown method before a secret is asked for
    signed = signing.alibaba(fields, secret(secret_file), method)
    if http:
        # In the order of the sample in "Establish connections over HTTP".
        order = ("version", "clientId", "signmethod", "sign", "productKey", "deviceName")
        body = fields | {"version": "default", "signmethod": method, "sign": signed.signature}
        names = (*order, *(("timestamp",) if timestamp else ()))
        text = json.dumps({name: body[name] for name in names}, separators=(",", ":"))
        _show(signed, {"body": text})
        return
    _show(
        signed,
        {"client id": f"{client_id}|{options}|", "user name": f"{device_name}&{product_key}"},
    )


@app.command()
def azure(
    *,
    hub: Annotated[str, typer.Option(help="The hub's host name.")] = "",
    device_id: Annotated[str, typer.Option(help="As the portal shows it.")] = "",
    id_scope: Annotated[str, typer.Option(help="Of DPS, instead of a hub.")] = "",
    registration_id: Annotated[str, typer.Option(help="At DPS, with --id-scope.")] = "",
    expires: Annotated[str, typer.Option(help="Unix seconds; in an hour by default.")] = "",
    derive: Annotated[
        Path | None,
        typer.Option(
            metavar="DEVICE.JSON",
            help="The secret is the key of an enrollment group: write the key that follows for "
            "this file's registration_id into it, as device_key. Neither is shown.",
        ),
    ] = None,
    secret_file: SecretFile = None,
) -> None:
    """Azure IoT Hub or DPS: the token, or a device's key from that of its enrollment group."""
    if derive is not None:
        _derive(derive, secret_file)
        return
    client_id, where, policy = device_id, f"{hub}/devices/{device_id}", ""
    user = f"{hub}/{device_id}/?api-version=2021-04-12"
    if id_scope:
        client_id, where = registration_id, f"{id_scope}/registrations/{registration_id}"
        user, policy = f"{where}/api-version=2019-03-31", "&skn=registration"
    if not client_id or not (hub or id_scope):
        raise UserError("say --hub and --device-id, or --id-scope and --registration-id")
    ends_s = int(_digits(expires or str(int(time.time()) + 3600), "--expires", "seconds"))
    signed = signing.azure(where, secret(secret_file), ends_s)
    resource, signature = (quote(text, safe="") for text in (where, signed.signature))
    token = f"SharedAccessSignature sr={resource}&sig={signature}&se={ends_s}{policy}"
    shown = replace(signed, content=signed.content.replace("\n", "\\n"))
    _show(shown, {"client id": client_id, "user name": user, "password": token})


def _derive(file: Path, secret_file: Path | None) -> None:
    """Writes the key of a device of an enrollment group into its device.json."""
    values = read_object(file)
    name = values.get("registration_id")
    if not isinstance(name, str):
        raise UserError(f"{file} has no registration_id, of which the key is derived")
    values["device_key"] = signing.azure_device_key(secret(secret_file), name)
    file.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
    console.print(f"{file}: device_key is that of {name} in the enrollment group", markup=False)


@app.command()
def content(
    fields: Annotated[list[str], typer.Argument(help="NAME=VALUE ...", metavar="NAME=VALUE...")],
    algorithm: Annotated[
        str,
        typer.Option(
            help=f"Sign it too: {', '.join(_ALGORITHMS)}. hmac-*: keyed with the "
            "secret; the others: hash of content and secret.",
            autocompletion=complete(_ALGORITHMS),
        ),
    ] = "",
    secret_file: SecretFile = None,
) -> None:
    """Any fields, for example an HTTP or CoAP login: sorted names, each followed by its value.

    Left out, as the clouds do: version, sign, resources, signmethod.
    """
    values = _fields(fields)
    if not algorithm:
        console.print(_line("content", signing.content(values)), markup=False, soft_wrap=True)
        return
    if algorithm not in _ALGORITHMS:
        raise UserError(f"no algorithm {algorithm!r}; {one_of(algorithm, _ALGORITHMS)}")
    sign, method = _ALGORITHMS[algorithm]
    _show(sign(values, secret(secret_file), method), {})


def _fields(pairs: list[str]) -> dict[str, str]:
    values: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise UserError(f"{pair!r} is not NAME=VALUE, such as clientId=123")
        if name in values:
            raise UserError(f"{name} is given twice")
        values[name] = value
    return values


def _unix_ms(text: str) -> str:
    return _digits(text, "--timestamp", "milliseconds")


def _digits(text: str, option: str, unit: str) -> str:
    if not (text.isascii() and text.isdigit()):
        example = "1524448722000" if unit == "milliseconds" else "1524448722"
        raise UserError(f"{option}: {text!r} is not Unix {unit}, such as {example}")
    return text


def secret(file: Path | None) -> str:
    """A device's secret: out of the file, else of SIGNET_SECRET, else typed and not shown.

    raises: UserError where there is none.
    """
    if file is not None:
        try:
            found = file.read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
            raise UserError(f"--secret-file {file}: {reason}") from None
    elif VARIABLE in os.environ:
        found = os.environ[VARIABLE]
    elif _on_terminal():
        found = getpass.getpass("Secret (not shown): ")
    else:
        raise UserError(f"no secret: set {VARIABLE}, or name a file with --secret-file")
    if not found:
        raise UserError("the secret is empty")
    if found != found.strip():
        errors.print("signet: note: the secret begins or ends with white space", markup=False)
    return found


def _on_terminal() -> bool:
    return sys.stdin.isatty()


def _show(signed: signing.Signed, more: dict[str, str]) -> None:
    lines = {
        "content": signed.content,
        "algorithm": signed.algorithm,
        "signature": signed.signature,
        **more,
    }
    for name, value in lines.items():
        console.print(_line(name, value), markup=False, soft_wrap=True)


def _line(name: str, value: str) -> str:
    return f"{name:<10} {value}"
