"""What of a device.json decides which code a board gets?  Right or wrong: the board judges it."""

from __future__ import annotations

import ast
import functools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from tools.json_file import read_object
from tools.link.fold import SOME
from tools.paths import LIB
from tools.ui import UserError

_FOR_CERTIFICATE = (
    "signet.certificate.on_trial",
    "signet.net.certificate",
)


class Device(NamedTuple):
    """The keys of a device.json that count, by their names."""

    cloud: str
    way: str
    tls: bool
    format: str = "json"
    deep_sleep: bool = False
    role: str = "device"
    websocket: bool = False
    cert: bool = False
    profile: str = "lean"
    modem: str | None = None
    id_scope: bool = False
    preset: str = "json"
    qos: int = 1
    iso: bool = False

    @property
    def name(self) -> str:
        """For example "alibaba https": as the twin names its ways in."""
        return f"{self.cloud} {self.way}{'s' if self.tls else ''}"

    @property
    def exists(self) -> bool:
        """Is there such a cloud, such a way to it, and such a modem?"""
        names = {f"signet.cloud.{self.cloud}.{name}" for name in ("identity", self.way)}
        return names <= modules().keys() and (self.modem is None or self.modem in _families())

    @property
    def choices(self) -> dict[str, Any]:
        """By key: what it is, SOME if it is only known not to be empty; missing: it may change."""
        without_cert = {} if self.cert else {"key": None, "renewal": None}
        without_tls = {} if self.tls else {"expires": None}
        found = {"cert": SOME if self.cert else None, "trust": SOME if self.tls else None}
        found |= {"modem": SOME if self.modem else None, "dialect": self.dialect}
        found["id_scope"] = SOME if self.id_scope else None
        return {**self._asdict(), **found, **without_cert, **without_tls}

    @property
    def dialect(self) -> str | None:
        """The file of net/modem/family/ that speaks with its modem."""
        return _families()[self.modem][0] if self.modem and self.modem in _families() else None

    @property
    def absent(self) -> set[str]:
        """Modules that it never loads, although a function that it has may import them."""
        found = set() if self.cert else {*_FOR_CERTIFICATE}
        session = modules()[f"signet.cloud.{self.cloud}.{self.way}"] if self.exists else None
        keeps = session and constant(session, "KEEPS_STATE", False)
        if not (self.tls or keeps):
            found.add("signet.device.state")
        return found


def linked(config: Mapping[str, object]) -> tuple[tuple[str, Any], ...]:
    """What device.json must say on the board: (key, value), ..."""
    texts = {key: config.get(key) for key in ("cert", "key", "id_scope")}
    found = device_of(config)._asdict() | texts
    if config.get("cloud") != "broker":  # no other has these
        del found["preset"], found["qos"], found["iso"]
    return tuple(found.items())


def modules(lib: Path = LIB) -> dict[str, Path]:
    """Every module of the package: dotted name -> source file."""
    found = {}
    for path in sorted((lib / "signet").rglob("*.py")):
        parts = path.relative_to(lib).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def devices(lib: Path = LIB) -> list[Device]:
    """Every cloud and way in that the package has: over TLS, and without it where that is safe."""
    found = []
    for identity in sorted((lib / "signet" / "cloud").glob("*/identity.py")):
        for way in sorted(constant(identity, "PORTS")):
            # CoAP without DTLS encrypts by itself.
            found += [
                Device(identity.parent.name, way, tls)
                for tls in ((False, True) if way == "coap" else (True,))
            ]
    return found


def device_of(values: Mapping[str, Any]) -> Device:
    """What counts here of the values of a device.json."""
    cloud = str(values.get("cloud"))
    modem = values.get("modem")
    tls = values.get("tls")
    if tls is None:
        identity = modules().get(f"signet.cloud.{cloud}.identity")
        tls = constant(identity, "TLS_BY_DEFAULT") if identity else True
    return Device(
        cloud,
        str(values.get("way") or "mqtt"),
        bool(tls),
        str(values.get("format") or "json"),
        bool(values.get("deep_sleep")),
        str(values.get("role") or "device"),
        bool(values.get("websocket")),
        bool(values.get("cert")),
        str(values.get("profile") or "lean"),
        None if modem is None else str(modem.get("family") if isinstance(modem, dict) else modem),
        bool(values.get("id_scope")),
        str(values.get("preset") or "json"),
        0 if values.get("qos") == 0 else 1,
        "{iso}" in json.dumps([values.get("body"), values.get("event_body")]),
    )


def read_device(file: Path) -> Device:
    """Read what of a device.json counts here.

    raises: UserError when the file cannot be read or names a cloud, way in or modem that is none.
    """
    values = read_object(file)
    if "cloud" not in values:
        raise UserError(f'{file} names no cloud; it needs "cloud": "enos", for instance')
    device = device_of(values)
    if device.modem not in {None, *_families()}:
        raise UserError(f"{file}: there is no such modem; there are: {', '.join(_families())}")
    if not device.exists:
        ways = ", ".join(sorted({f"{each.cloud} {each.way}" for each in devices()}))
        raise UserError(f"{file}: there is no such cloud, or no such way to it; there are: {ways}")
    return device


@functools.cache
def _families() -> dict[str, tuple[str, int, bool]]:
    return dict(constant(LIB / "signet" / "device" / "modem_keys.py", "FAMILIES"))


def constant(file: Path, name: str, *default: Any) -> Any:
    """Read a module's top-level constant without running the module.

    default: where it has none.
    """
    found = [
        ast.literal_eval(node.value)
        for node in ast.parse(file.read_text()).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name
    ]
    return (*found, *default)[0]
