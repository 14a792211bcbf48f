"""What does `signet board link` do?  Writes the signet of one device.json, for an image."""

from pathlib import Path
from typing import Annotated

import typer

from tools.board.deploy import check_programs, content
from tools.board.library import keep_maps, linked
from tools.json_file import read_object
from tools.link.device import read_device
from tools.paths import ROOT
from tools.ui import UserError, console, errors


def link(
    *,
    config: Annotated[Path, typer.Option(help="device.json of the devices that get the image.")],
    to: Annotated[Path, typer.Option(help="A folder that is new, or empty.")],
    program: Annotated[
        list[Path] | None,
        typer.Option(help="Each source that runs beside; default: signet's main.py."),
    ] = None,
) -> None:
    """Write signet as a device.json needs it, for an image: frozen, or in a ROM partition.

    Frozen: SIGNET=FOLDER make BOARD=... FROZEN_MANIFEST=firmware/manifest.py, absolute paths both.
    In a ROM partition: mpremote romfs deploy FOLDER.
    """
    read_device(config)
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise UserError(f"--to {to}: something is there; name a folder that is new, or empty")
    programs = {f"{file}": content(file) for file in program or [ROOT / "main.py"]}
    check_programs(programs)
    with errors.status("linking signet"):
        files = linked(read_object(config), programs.values(), frozen=True).files
    keep_maps(files.values())
    for path, code in files.items():
        file = to / path[1:]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(code)
    console.print(f"{len(files)} files below {to}", markup=False, soft_wrap=True)
