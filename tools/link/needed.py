"""Which modules of lib/signet may a board with this device.json ever load?

The closure of the imports of what device.json and the device program name, read from the source:
nothing of it is executed here. A module that is missing is a board that fails in trouble; so one
of which that is not certain is needed.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from tools.json_file import read_object
from tools.link.imports import imports
from tools.paths import LIB
from tools.ui import UserError

_ENTRY = (
    "signet",
    "signet.device.config",
    "signet.link",
)  # what `signet.open` loads for any device


class Device(NamedTuple):
    """What of a device.json decides which modules are loaded; asyncio: of its program."""

    cloud: str
    way: str
    tls: bool
    format: str = "json"
    deep_sleep: bool = False
    role: str = "device"
    websocket: bool = False
    cert: bool = False
    asyncio: bool = False

    @property
    def name(self) -> str:
        """For example "alibaba https": as the twin names its ways in."""
        return f"{self.cloud} {self.way}{'s' if self.tls else ''}"

    @property
    def modules(self) -> tuple[str, ...]:
        """Modules that the configuration names itself, beside what they import."""
        names = ["identity", self.way]
        if self.way == "mqtt":
            names += ["login", "refusals"]
        return (*_ENTRY, *(f"signet.cloud.{self.cloud}.{name}" for name in names))

    def loads(self, module: str) -> bool:
        """Does this device load a module, when another module's code may import it?"""
        condition = _CONDITIONS.get(module)
        return condition is None or condition(self)


_CONDITIONS: dict[str, Callable[[Device], bool]] = {
    "signet.aio": lambda device: device.asyncio,
    "signet.device.credentials": lambda device: device.tls,
    "signet.net.trust": lambda device: device.tls,
    "signet.wire.pem": lambda device: device.tls,
    "signet.wire.unread": lambda device: device.tls,
    "signet.wire.x509": lambda device: device.tls,
    "signet.certificate": lambda device: device.tls,
    "signet.certificate.expiry": lambda device: device.tls,
    "signet.net.secure": lambda device: device.tls and device.way != "coap",
    "signet.net.dtls": lambda device: device.tls and device.way == "coap",
    "signet.sign.aes": lambda device: not device.tls,
    "signet.wire.cbor": lambda device: device.format == "cbor",
    "signet.net.websocket": lambda device: device.websocket,
    "signet.device.state": lambda device: (
        device.tls or (device.cloud == "alibaba" and device.way != "mqtt")
    ),
    "signet.cloud.watson.application": lambda device: "application" in device.role,
    "signet.cloud.watson.certificate": lambda device: device.cert and device.cloud == "watson",
    "signet.cloud.watson.application_identity": lambda device: "application" in device.role,
    "signet.cloud.watson.gateway": lambda device: device.role == "gateway",
    "signet.net.certificate": lambda device: device.cert,
    "signet.certificate.on_trial": lambda device: device.cert,
}
"""Modules that are loaded inside a function, and by whom; a test holds it to the truth."""


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


def needed(device: Device, programs: Iterable[str | bytes] = (), lib: Path = LIB) -> set[str]:
    """Modules that a board may load for a device; of a cloud that is not there, what says so.

    programs: sources of what runs on the board beside; what they import is needed anyhow.
    """
    known = modules(lib)
    reached: set[str] = set()
    own = {name for source in programs for name in imports(source)}
    device = device._replace(asyncio=device.asyncio or "asyncio" in own)
    waiting = [*device.modules, *own]
    while waiting:
        name = waiting.pop()
        if name in reached or name not in known:
            continue
        reached.add(name)
        waiting.extend(filter(device.loads, imports(known[name].read_text())))
        waiting.append(name.rpartition(".")[0])  # a package is loaded with any module of it
    return reached


def device_of(values: Mapping[str, Any]) -> Device:
    """What counts here of the values of a device.json, right or wrong: the board judges them."""
    cloud = str(values.get("cloud"))
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
    )


def read_device(file: Path) -> Device:
    """Read what of a device.json counts here.

    raises: UserError when the file cannot be read or names no cloud and way in that there is.
    """
    values = read_object(file)
    if "cloud" not in values:
        raise UserError(f'{file} names no cloud; it needs "cloud": "enos", for instance')
    device = device_of(values)
    if not modules().keys() >= {*device.modules}:
        ways = ", ".join(sorted({f"{each.cloud} {each.way}" for each in devices()}))
        raise UserError(f"{file}: there is no such cloud, or no such way to it; there are: {ways}")
    return device


def constant(file: Path, name: str) -> Any:
    """Read a module's top-level constant without running the module."""
    return next(
        ast.literal_eval(node.value)
        for node in ast.parse(file.read_text()).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name
    )
