"""How is an image made of the sources, and does the one that is there still fit them?"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

from tools.firmware import FIRMWARE, OBJECTS, compiler, sources
from tools.paths import LIB, ROOT
from tools.toolchain import BIN
from tools.toolchain import compile as mpy
from tools.toolchain.run import Report, RunError, run
from tools.ui import UserError

PORT = ROOT / "firmware" / "port"
MANIFEST = ROOT / "firmware" / "manifest.py"
IN_USE = FIRMWARE / "image.elf"
STAMP = FIRMWARE / "image.stamp"
IMAGE = "firmware.elf"
MAP = "firmware.map"
_LINKED = "SIGNET"  # read by MANIFEST
_STANDS_ON = "stands-on.json"


def is_current(gcc: Path) -> bool:
    """Is the image there, and all that it is made of as it was then? gcc: the compiler."""
    there = (gcc, BIN / compiler.QEMU, IN_USE, STAMP, sources.tree(), OBJECTS)
    try:
        return all(path.exists() for path in there) and STAMP.read_text() == fingerprint(gcc)
    except RunError:  # the compiler lay elsewhere when it came: this folder was moved
        return False


def fingerprint(gcc: Path) -> str:
    """Changes with everything that the image is made of. gcc: the compiler."""
    digest = hashlib.sha256("\0".join(_outside(gcc)).encode())
    own = [*PORT.rglob("*"), MANIFEST, *LIB.rglob("*.py"), Path(__file__)]
    own += [file for folder in _linked().values() for file in Path(folder).rglob("*.mpy")]
    for file in sorted(file for file in own if file.is_file()):
        digest.update(f"\0{file}\0".encode() + file.read_bytes())
    return digest.hexdigest()


def build(folder: Path, gcc: Path, report: Report) -> None:
    """Compile what has changed, with signet frozen as firmware/manifest.py says.

    folder: for the objects, IMAGE and MAP. gcc: the compiler. report: told how far it is.
    raises: UserError with the compiler's words.
    """
    stands_on = folder / _STANDS_ON
    text = json.dumps([*_outside(gcc), (PORT / "Makefile").read_text()])
    if not stands_on.exists() or stands_on.read_text() != text:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        stands_on.write_text(text)
    compiler = str(gcc).removesuffix("gcc")
    variables = (f"BUILD={folder}", f"MPY={sources.tree()}", f"CROSS_COMPILE={compiler}")
    run_make("the image", PORT, (*variables, f"FROZEN_MANIFEST={MANIFEST}"), report)


def run_make(what: str, port: Path, variables: Iterable[str], report: Report) -> None:
    """Run the Makefile of a port of MicroPython.

    what: for the error. port: its folder. variables: for make. report: told how far it is.
    raises: UserError with the compiler's words.
    """
    command = [
        *("make", "-C", str(port), f"-j{os.cpu_count() or 1}", *variables),
        *(f"PYTHON={sys.executable}", f"MICROPY_MPYCROSS={mpy.compiler()[0]}"),
    ]
    compiled = 0

    def line(text: str) -> None:
        nonlocal compiled
        if text.startswith(("CC ", "AS ")):
            compiled += 1
            report(f"compiling, {compiled} files", None)

    try:
        run(command, environment=_environment(sources.tree()) | _linked(), line=line)
    except RunError as failure:
        said = [text for text in failure.lines if re.search(r"\berror\b", text, re.IGNORECASE)]
        raise UserError(
            "\n  ".join([f"{what} does not build:", *(said or failure.lines)[:5]])
        ) from None


def _linked() -> dict[str, str]:
    """The folder that MANIFEST freezes in place of lib/signet, from wherever make runs."""
    folder = os.environ.get(_LINKED)
    return {_LINKED: str(Path(folder).absolute())} if folder else {}


def _outside(gcc: Path) -> list[str]:
    """What else counts: the sources, the compilers."""
    return [str(sources.tree()), run([gcc, "--version"])[0], mpy.compiler()[1]]


def _environment(tree: Path) -> dict[str, str]:
    """What py/makeversionhdr.py would else ask this project's git, and the day; none of the flags
    that are meant for this machine."""
    version = sources.SOURCES[0].archive.partition("_")[2].partition("+")[0]
    released = int((tree / "py" / "mpconfig.h").stat().st_mtime)
    return {
        "CFLAGS": "",
        "MICROPY_GIT_TAG": f"v{version}",
        "SOURCE_DATE_EPOCH": str(released),
    }
