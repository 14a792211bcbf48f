"""How many bytes of a board's flash does signet take, in all and for a given device.json?

Sizes are those of the .mpy files that a deploy sends; what a device needs, link/needed.py says.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from tools import toolchain
from tools.link.needed import constant, devices, modules, needed, read_device
from tools.paths import CACHE, LIB, ROOT
from tools.ui import console

PACKAGE = ROOT / "package.json"
GOAL_BYTES = 48 * 1024
"""All of lib/signet; a yardstick of the design."""


def measured() -> dict[str, int]:
    """Bytes of .mpy of every module."""
    compiled = toolchain.compile_tree(LIB, CACHE / "mpy" / "lib")
    return {
        name: len(compiled[path.relative_to(LIB).with_suffix(".mpy")])
        for name, path in modules().items()
    }


def package_json(lib: Path = LIB) -> str:
    """The list of files that `mip install` fetches; addresses are relative to the list itself.

    Source: the MicroPython documentation, "Writing & publishing packages".
    """
    paths = [path.relative_to(lib).as_posix() for path in modules(lib).values()]
    content = {
        "urls": [[path, f"{lib.name}/{path}"] for path in paths],
        "deps": [["umqtt.simple", "latest"]],
        "version": constant(lib / "signet" / "__init__.py", "__version__"),
    }
    return json.dumps(content, indent=2) + "\n"


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
