"""What does a folder hold that `signet board deploy` puts on a board: device.json and ca.pem?

What is in device.json already stays, but for who the device is and where it connects to; a token
stays with its device.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tools.json_file import read_object
from tools.pki import names
from tools.pki.keys import write_file
from tools.pki.names import ClientName
from tools.twin.command.console import running
from tools.twin.ready import device_config
from tools.ui import UserError

CONFIG, CERTIFICATE, KEY, REQUEST, CA = (
    "device.json",
    "device.pem",
    "device.key",
    "device.csr",
    "ca.pem",
)

_SECRETS = ("token", "device_secret")
_IDENTITY = ("cloud", "org_id", "type_id", "device_id", "product_key", "device_key")
_FILES = ("cert", "key")
_EVERY_CLOUD = (
    "app",
    "deep_sleep",
    "drop",
    "expiry_warning_days",
    "flash_after_s",
    "health_s",
    "outbox_bytes",
    "report_interval_s",
    "retry_s",
)
_CONNECTION = ("host", "address", "port", "tls", "insecure", "websocket", "role")


def twin(state: Path) -> dict[str, Any] | None:
    """The ready file of the twin that runs there, or None."""
    try:
        return running(state)
    except UserError:
        return None


def watson(name: ClientName, org: str, ready: Mapping[str, Any] | None) -> dict[str, Any]:
    """The device.json of a Watson device or gateway that has a certificate, without a token.

    ready: of the twin; None: the platform itself.
    """
    config: dict[str, Any] = {"cloud": "watson", "way": "mqtt", "tls": True}
    if ready is not None:
        config = _without_secret(device_config(ready, "watson", "mqtts"))
    if name.role == "g":
        config["role"] = "gateway"
    return config | {
        "host": names.server(org),
        "org_id": org,
        "type_id": name.type_id,
        "device_id": name.device_id,
        "cert": CERTIFICATE,
    }


def enos(
    product_key: str, device_key: str, secret: str, ready: Mapping[str, Any]
) -> dict[str, Any]:
    """The device.json of an EnOS device; its secret signs the login beside the certificate.

    raises: UserError for a twin without that door.
    """
    if "mqtts" not in ready["clouds"]["enos"]["ways"]:
        raise UserError("this twin has no TLS port for enos: update it, or use another --state")
    return device_config(ready, "enos", "mqtts") | {
        "product_key": product_key,
        "device_key": device_key,
        "device_secret": secret,
        "cert": CERTIFICATE,
        "key": KEY,
    }


def write(folder: Path, config: Mapping[str, Any], ready: Mapping[str, Any] | None) -> list[str]:
    """Write device.json, mode 0600, and the twin's CA as ca.pem; returns what was written."""
    before = read(folder)
    same = all(before.get(key) == config.get(key) for key in _IDENTITY)
    kept = {
        key: value
        for key, value in before.items()
        if key not in (*_CONNECTION, *_IDENTITY, *_FILES)
        and (same or key not in _SECRETS)
        and (before.get("cloud") == config["cloud"] or key in _EVERY_CLOUD)
    }
    write_file(folder / CONFIG, (json.dumps({**kept, **config}, indent=2) + "\n").encode(), 0o600)
    if ready is None:
        return [CONFIG]
    write_file(folder / CA, Path(ready["ca_file"]).read_bytes(), 0o644)
    return [CONFIG, CA]


def read(folder: Path) -> dict[str, Any]:
    """What device.json holds; {} where there is none. raises: UserError for no JSON object."""
    return read_object(folder / CONFIG) if (folder / CONFIG).exists() else {}


def make(folder: Path) -> None:
    """The folder, where there is none. raises: UserError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot make the folder {folder}: {error.strerror}") from None


def _without_secret(config: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in config.items() if key not in _SECRETS}
