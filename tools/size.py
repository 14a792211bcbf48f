"""How many bytes of .mpy does a device get of signet, by part and module, and for which key?

Readable: of lib/signet, a file a module; which of them a device needs, link/gather.py says.
Linked: of the few files that are made of these for one device.json, and deployed.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, NamedTuple, TypeVar

import typer
from rich import box
from rich.progress import track
from rich.table import Table

from tools import toolchain
from tools.board import library
from tools.firmware import frozen, sizes
from tools.json_file import read_object
from tools.link.device import device_of, devices, modules, read_device
from tools.parts import PARTS, package, part_of_module
from tools.paths import CACHE, LIB, ROOT
from tools.toolchain.progress import told
from tools.ui import console, errors

GOAL_LOADED = 20_000
GOAL_FLASH = 30_000
"""Bytes of what is linked for one device."""

_PROGRAMS = ("main.py", "boot.py", "firmware/boards/esp32/board.py")
_STAY = ("__init__", "core", "aio")
_EACH_START = ("ready", "lost", "start", "network_time", "modem")
"""Linked files that stay in the heap, and those that come at each start, and go."""

_MISSED = """
Missed: to keep reports through outages and power cuts, and to say in words what
is wrong, takes more; what of it is not loaded waits on flash for its day."""

_TEXTS = ("part, module", "linked into", "device", "file", "key", "when it is loaded")

Config = Mapping[str, Any]
_Item = TypeVar("_Item")


class Sizes(NamedTuple):
    """Bytes of .mpy for one device.json: readable; linked, what stays in the heap, what is
    loaded at each start and forgotten, and all that lies on flash.
    """

    readable: int
    stays: int
    passes: int
    flash: int

    @property
    def loaded(self) -> int:
        """Linked, at each start."""
        return self.stays + self.passes


def measured() -> dict[str, int]:
    """Bytes of .mpy of every module."""
    compiled = toolchain.compile_tree(LIB, CACHE / "mpy" / "lib")
    return {
        name: len(compiled[path.relative_to(LIB).with_suffix(".mpy")])
        for name, path in modules().items()
    }


class File(NamedTuple):
    """A linked one. size: bytes of .mpy. modules: of lib/signet, what of them the device needs."""

    size: int
    modules: list[str]


def linked(config: Config) -> dict[str, File]:
    """The files that are linked for a device.json and the project's programs, by their name."""
    found = library.linked(config, _programs())
    return {
        PurePosixPath(path).stem: File(len(code), found.map.modules[path])
        for path, code in found.files.items()
    }


def _programs() -> list[bytes]:
    return [(ROOT / name).read_bytes() for name in _PROGRAMS]


def when(name: str) -> str:
    """When a linked file is loaded. name: for example "core"."""
    return "stays" if name in _STAY else "at each start" if name in _EACH_START else "in trouble"


def _modules(files: Mapping[str, File]) -> set[str]:
    return {name for file in files.values() for name in file.modules}


def sizes_of(config: Config) -> Sizes:
    """What a device.json makes of signet."""
    sizes, files = measured(), linked(config)
    readable = sum(sizes[name] for name in _modules(files))
    counts: Counter[str] = Counter()
    for name, file in files.items():
        counts[when(name)] += file.size
    return Sizes(readable, counts["stays"], counts["at each start"], counts.total())


class Key(NamedTuple):
    """A choice of device.json that costs code, and to whom it is open."""

    name: str
    value: object
    clouds: tuple[str, ...]
    ways: tuple[str, ...]

    def variants(self, config: Config) -> tuple[Config, Config] | None:
        """A device.json without this choice and with it; None where it has no sense."""
        device = device_of(config)
        if device.cloud not in self.clouds or device.way not in self.ways:
            return None
        if self.name == "cert" and not device.tls:
            return None
        without = {name: value for name, value in config.items() if name != self.name}
        without |= {"tls": False} if self.name == "tls" else {}
        return without, {**config, self.name: self.value}


KEYS = (
    Key("tls", True, ("alibaba",), ("coap",)),
    Key("tls", True, ("enos",), ("mqtt",)),
    Key("cert", "board.pem", ("azure", "broker", "enos", "watson"), ("mqtt",)),
    Key("id_scope", "0ne000A1B2C", ("azure",), ("mqtt",)),
    Key("websocket", True, ("azure", "broker", "watson"), ("mqtt",)),
    Key("preset", "homeassistant", ("broker",), ("mqtt",)),
    Key("qos", 0, ("broker",), ("mqtt",)),
    Key("role", "gateway", ("watson",), ("mqtt",)),
    Key("role", "application", ("watson",), ("mqtt",)),
    Key("format", "cbor", ("alibaba",), ("coap",)),
    Key("profile", "documented", ("alibaba",), ("coap",)),
    Key("modem", {"family": "bg95"}, ("alibaba",), ("coap",)),
    Key(
        "deep_sleep",
        True,
        ("alibaba", "azure", "broker", "enos", "watson"),
        ("mqtt", "coap", "http"),
    ),
)


def size(
    device: Annotated[
        Path | None,
        typer.Option("--device", "-d", help="A device.json: count only what it needs."),
    ] = None,
    *,
    image: Annotated[
        bool, typer.Option("--image", help="What the image of `make firmware` takes, instead.")
    ] = False,
) -> None:
    """Bytes of .mpy by part and module, by device, and by key of device.json."""
    if device:
        read_device(device)  # or raises
        configs: list[Config] = [read_object(device)]
    else:
        configs = [{"cloud": each.cloud, "way": each.way, "tls": each.tls} for each in devices()]
    if image:
        console.print(sizes.table(sizes.of_image()))
        console.print(_frozen(configs))
        return
    files = linked(configs[0]) if device else {}
    console.print(_parts(_modules(files) or {*modules()}, files))
    if files:
        console.print(_files(files))
    console.print(table := _devices(configs))
    if any("missed" in str(cell) for column in table.columns for cell in column.cells):
        console.print(_MISSED, soft_wrap=True)
    console.print(_keys(configs))


def _parts(names: set[str], files: Mapping[str, File]) -> Table:
    sizes = {name: count for name, count in measured().items() if name in names}
    columns = ("part, module", "bytes", *(["linked into"] if files else []))
    table = _table("lib/signet, readable: bytes of .mpy", *columns)
    for part in PARTS:
        own = [name for name in sizes if part_of_module(name) == part]
        if own:
            table.add_section()
            count = sum(sizes[name] for name in own)
            table.add_row(f"{part}, mip's {package(part)}", str(count), style="bold")
        for name in sorted(own, key=lambda name: (-sizes[name], name)):
            places = [file for file, linked in files.items() if name in linked.modules]
            cells = (f"  {name.removeprefix('signet.')}", str(sizes[name]), ", ".join(places))
            table.add_row(*cells[: len(columns)])
    table.add_section()
    table.add_row(f"{len(sizes)} modules", str(sum(sizes.values())), style="bold")
    return table


def _files(files: Mapping[str, File]) -> Table:
    table = _table("Linked: bytes of .mpy", "file", "bytes", "when it is loaded")
    for name, file in files.items():
        table.add_row(name, str(file.size), when(name))
    return table


def _devices(configs: Iterable[Config]) -> Table:
    columns = ("readable", "linked", "of it loaded", "and kept")
    table = _table("What a device gets: bytes of .mpy", "device", *columns)
    for config in _told(configs, "linking"):
        found = sizes_of(config)
        flash, loaded = _judged(found.flash, GOAL_FLASH), _judged(found.loaded, GOAL_LOADED)
        name = device_of(config).name
        table.add_row(name, str(found.readable), flash, loaded, str(found.stays))
    table.add_section()
    table.add_row("goal", "", str(GOAL_FLASH), str(GOAL_LOADED))
    return table


def _frozen(configs: Iterable[Config]) -> Table:
    """What the image would take if it were for one device.json."""
    columns = ("signet", "the image then")
    table = _table("The image for one device: bytes of flash", "device", *columns)
    rest = sum(size.flash for part, size in sizes.of_image().items() if part != sizes.SIGNET)
    for config in _told(configs, "linking and freezing"):
        own = frozen.size(library.linked(config, _programs(), frozen=True).files)
        table.add_row(device_of(config).name, str(own), str(rest + own))
    return table


def _judged(count: int, goal: int) -> str:
    return f"[green]{count}[/]" if count <= goal else f"[yellow]missed: {count}[/]"


def _keys(configs: Iterable[Config]) -> Table:
    """Each key for the first device that may have it."""
    columns = ("readable", "linked", "of it loaded")
    table = _table("What a key of device.json adds: bytes of .mpy", "key", "device", *columns)
    found = [next(filter(None, map(key.variants, configs)), None) for key in KEYS]
    pairs = [(key, pair) for key, pair in zip(KEYS, found, strict=True) if pair]
    for key, (without, chosen) in _told(pairs, "linking without each key and with it"):
        before, after = sizes_of(without), sizes_of(chosen)
        counts = (
            after.readable - before.readable,
            after.flash - before.flash,
            after.loaded - before.loaded,
        )
        name = f"{key.name}: {json.dumps(key.value)}"
        table.add_row(name, device_of(chosen).name, *(f"{count:+}" for count in counts))
    return table


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    for column in columns:
        table.add_column(column, no_wrap=True, justify="left" if column in _TEXTS else "right")
    return table


def _told(items: Iterable[_Item], what: str) -> Iterator[_Item]:
    """The same, and how far they are."""
    items, done = [*items], 0
    with told(lambda: f"{what}: {done} of {len(items)}"):
        for item in track(items, what, console=errors, transient=True):
            yield item
            done += 1
