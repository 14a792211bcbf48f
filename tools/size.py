"""How many bytes of a board's flash does signet take, in all and for a given device.json?

Sizes are those of the .mpy files that a deploy sends. What a device needs is the closure of the
imports of what its device.json names, read from the source: nothing of it is executed here.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer
from rich.table import Table

from tools import toolchain
from tools.paths import CACHE, LIB, ROOT
from tools.ui import UserError, console

PACKAGE = ROOT / "package.json"
GOAL_BYTES = 48 * 1024
"""All of lib/signet; a yardstick of the design."""

_ENTRY = ("signet", "signet.config", "signet.link")  # what `signet.open` loads for any device


_BY_ROLE = {
    "gateway": ("gateway",),
    "application": ("application", "application_identity"),
    "scalable-application": ("application", "application_identity"),
}
"""Modules of a cloud that other roles than a device's have, by MQTT."""


class Device(NamedTuple):
    """What of a device.json decides which modules are loaded."""

    cloud: str
    way: str
    tls: bool
    format: str = "json"
    deep_sleep: bool = False
    role: str = "device"
    websocket: bool = False

    @property
    def name(self) -> str:
        """For example "alibaba https": as the twin names its ways in."""
        return f"{self.cloud} {self.way}{'s' if self.tls else ''}"

    @property
    def modules(self) -> tuple[str, ...]:
        """Modules that the configuration names itself, beside what they import."""
        base = f"signet.cloud.{self.cloud}"
        login = (f"{base}.login",) if self.way == "mqtt" else ()
        roles = _BY_ROLE.get(self.role, ()) if self.way == "mqtt" else ()
        role = (f"{base}.{name}" for name in roles)
        return (*_ENTRY, f"{base}.identity", f"{base}.{self.way}", *login, *role)

    def loads(self, module: str) -> bool:
        """Does this device load a module, when another module's code may import it?"""
        condition = _CONDITIONS.get(module)
        return condition is None or condition(self)


_CONDITIONS: dict[str, Callable[[Device], bool]] = {
    "signet.net.trust": lambda device: device.tls,
    "signet.wire.x509": lambda device: device.tls,
    "signet.net.secure": lambda device: device.tls and device.way != "coap",
    "signet.net.dtls": lambda device: device.tls and device.way == "coap",
    "signet.sign.aes": lambda device: not device.tls,
    "signet.wire.cbor": lambda device: device.format == "cbor",
    "signet.net.websocket": lambda device: device.websocket,
    "signet.outbox_file": lambda device: device.deep_sleep,
}
"""Modules that are imported inside a function, and by whom; a test holds it to the truth."""


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
        for way in sorted(_constant(identity, "PORTS")):
            # CoAP without DTLS encrypts by itself.
            found += [
                Device(identity.parent.name, way, tls)
                for tls in ((False, True) if way == "coap" else (True,))
            ]
    return found


def imports(source: str) -> Iterator[str]:
    """Names that a module's source may import: modules, and `module.name` for each name.

    source: text of a .py file.
    """
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def needed(device: Device, lib: Path = LIB) -> set[str]:
    """Modules that end up in a board's memory for a device.

    raises: UserError when the package has no such cloud or way in.
    """
    known = modules(lib)
    reached: set[str] = set()
    waiting = list(device.modules)
    for name in device.modules:
        if name not in known:
            raise UserError(f"there is no cloud {device.cloud} by way of {device.way}: no {name}")
    while waiting:
        name = waiting.pop()
        if name in reached or name not in known or not device.loads(name):
            continue
        reached.add(name)
        waiting.extend(imports(known[name].read_text()))
        waiting.append(name.rpartition(".")[0])  # a package is loaded with any module of it
    return reached


def measured() -> dict[str, int]:
    """Bytes of .mpy of every module."""
    compiled = toolchain.compile_tree(LIB, CACHE / "mpy" / "lib")
    return {
        name: len(compiled[path.relative_to(LIB).with_suffix(".mpy")])
        for name, path in modules().items()
    }


def read_device(file: Path) -> Device:
    """Read what of a device.json decides about size.

    raises: UserError when the file cannot be read or names no cloud.
    """
    try:
        values = json.loads(file.read_text())
        cloud = values["cloud"]
    except (OSError, ValueError) as error:
        raise UserError(f"{file} cannot be read as JSON: {error}") from None
    except (KeyError, TypeError):
        raise UserError(f'{file} names no cloud; it needs "cloud": "enos", for instance') from None
    tls = values.get("tls")
    if tls is None:
        identity = modules().get(f"signet.cloud.{cloud}.identity")
        tls = _constant(identity, "TLS_BY_DEFAULT") if identity else True
    way, form = values.get("way", "mqtt"), values.get("format", "json")
    sleeps = bool(values.get("deep_sleep", False))
    role = str(values.get("role", "device"))
    websocket = bool(values.get("websocket", False))
    return Device(str(cloud), str(way), bool(tls), str(form), sleeps, role, websocket)


def package_json(lib: Path = LIB) -> str:
    """The list of files that `mip install` fetches; addresses are relative to the list itself.

    Source: the MicroPython documentation, "Writing & publishing packages".
    """
    paths = [path.relative_to(lib).as_posix() for path in modules(lib).values()]
    content = {
        "urls": [[path, f"{lib.name}/{path}"] for path in paths],
        "deps": [["umqtt.simple", "latest"]],
        "version": _constant(lib / "signet" / "__init__.py", "__version__"),
    }
    return json.dumps(content, indent=2) + "\n"


def _constant(file: Path, name: str) -> Any:
    """Read a module's top-level constant without running the module."""
    return next(
        ast.literal_eval(node.value)
        for node in ast.parse(file.read_text()).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name
    )


def size(
    device: Annotated[
        Path | None,
        typer.Option("--device", "-d", help="A device.json: count only what it needs."),
    ] = None,
    write_package: Annotated[
        bool, typer.Option("--write-package", help="Write package.json, the list that mip reads.")
    ] = False,
) -> None:
    """Bytes of .mpy by module and by what a device needs."""
    if write_package:
        PACKAGE.write_text(package_json())
        console.print(f"{PACKAGE.name}: {len(modules())} files")
        return
    sizes = measured()
    if device:
        chosen = read_device(device)
        columns: dict[str, set[str]] = {}
        sizes = {name: sizes[name] for name in needed(chosen)}
        title = chosen.name
    else:
        columns = {each.name: needed(each) for each in devices()}
        title = "all of lib/signet; and what a device loads"
    console.print(_table(f"Bytes of .mpy: {title}", sizes, columns))
    if not device:
        total = sum(sizes.values())
        verdict = "[green]kept[/]" if total <= GOAL_BYTES else "[red]missed[/]"
        console.print(f"goal: all of lib/signet <= {_kib(GOAL_BYTES)}; {_kib(total)}: {verdict}")
    if device and chosen.way != "mqtt":
        return
    umqtt = toolchain.compile_tree(toolchain.umqtt(), CACHE / "mpy" / "umqtt")
    count = sum(map(len, umqtt.values()))
    console.print(
        f"beside it: umqtt.simple, {count} bytes, which an ESP32's image carries already"
    )


def _table(title: str, sizes: dict[str, int], columns: dict[str, set[str]]) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold")
    table.add_column("module", no_wrap=True)
    table.add_column("bytes", justify="right")
    for column in columns:
        table.add_column(column, justify="right")
    for name, count in sorted(sizes.items(), key=lambda item: (-item[1], item[0])):
        table.add_row(
            name.removeprefix("signet."),
            str(count),
            *(str(count) if name in used else "" for used in columns.values()),
        )
    table.add_section()
    sums = (sum(sizes.get(name, 0) for name in used) for used in columns.values())
    table.add_row("sum", str(sum(sizes.values())), *map(str, sums), style="bold")
    return table


def _kib(count: int) -> str:
    return f"{count / 1024:.1f} KiB"
