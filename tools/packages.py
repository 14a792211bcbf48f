"""What does mip install for each part of lib/signet?

From a checkout, or wherever its files can be read: lists of .py, `package.json` for core,
`lib/signet-<part>.json` for the others. mip looks for what a package needs in its index alone; so
such a list holds what its part needs beside core, and names none of ours.
From `build/index/`: an index, which any web server can show, of packages that name each other, as
.mpy for boards with that version of bytecode, and as .py; and beside it, for mip without an index,
`signet-<part>.json`: a list of .mpy that is all a board needs. `make package` writes all of it.

Sources: the MicroPython documentation, "Package management"; micropython-lib, tools/build.py.
"""

import hashlib
import json
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from tools import stubs, toolchain
from tools.link.device import constant, device_of, modules
from tools.parts import CORE, PARTS, package, part_of_module, with_needed
from tools.paths import CACHE, LIB, ROOT
from tools.toolchain.archive import UMQTT
from tools.ui import console

INDEX = ROOT / "build" / "index"
_DIGITS = 8  # of the SHA-256 of a file, which is its name in an index


def paths_of(part: str, lib: Path = LIB) -> list[str]:
    """The files of a part, relative to lib."""
    found = modules(lib).items()
    return sorted(
        path.relative_to(lib).as_posix() for name, path in found if part_of_module(name) == part
    )


def packages_for(config: Mapping[str, Any]) -> list[str]:
    """The packages that a device.json needs; each brings the core, and what else it needs."""
    device = device_of(config)
    parts = {device.cloud, "modem" if device.modem else device.way}
    parts |= {"roles"} if device.role != "device" else set()
    parts |= {"websocket"} if device.websocket else set()
    parts |= {"certificates"} if device.cert else set()
    return [package(part) for part in PARTS if part in parts] or [package(CORE)]


def lists(lib: Path = LIB) -> dict[str, str]:
    """The lists of a checkout: path -> content. Addresses are relative to the list itself."""
    found = {}
    for part, (_, _, _, others) in PARTS.items():
        paths = sorted(path for each in with_needed(part) for path in paths_of(each, lib))
        folder = f"{lib.name}/" if part == CORE else ""
        content = {
            "urls": [[path, folder + path] for path in paths],
            "deps": [[other, "latest"] for other in others],
            "version": _version(lib),
        }
        name = "package.json" if part == CORE else f"{lib.name}/{package(part)}.json"
        found[name] = json.dumps(content, indent=2) + "\n"
    return found


def write_index(target: Path, lib: Path = LIB, url: str = "") -> None:
    """Write the index of all parts, and of umqtt.simple; what was in the folder goes.

    url: where it will be shown, with a "/" at its end: for the addresses in the lists, which are
    relative without it. A board's mip takes those from its version 0.4 on.
    raises: UserError when a file does not compile.
    """
    shutil.rmtree(target, ignore_errors=True)
    ours = _forms(lib, CACHE / "mpy" / "lib")
    umqtt = _forms(toolchain.umqtt(), CACHE / "mpy" / "umqtt")
    _write(target, "umqtt.simple", UMQTT.version, {}, umqtt)
    for part, (_, _, needs, others) in PARTS.items():
        parts = needs or (CORE,) * (part != CORE)
        deps = {package(each): _version(lib) for each in parts} | dict.fromkeys(others, "latest")
        files = {path: ours[path] for path in paths_of(part, lib)}
        _write(target, package(part), _version(lib), deps, files)
        every = {path for each in (CORE, *with_needed(part)) for path in paths_of(each, lib)}
        whole = {path: ours[path] for path in sorted(every)} | (umqtt if others else {})
        urls = [[_mpy(path), f"{url}{_address(file.mpy)}"] for path, file in whole.items()]
        listed = {"urls": urls, "version": _version(lib)}
        _put(target / f"{package(part)}.json", json.dumps(listed).encode())


class _File(NamedTuple):
    source: bytes
    mpy: bytes


def _forms(folder: Path, target: Path) -> dict[str, _File]:
    """Each .py below a folder, by its path there. target: for what is compiled."""
    compiled = toolchain.compile_tree(folder, target)
    paths = {path.with_suffix(".py"): mpy for path, mpy in compiled.items()}
    return {
        path.as_posix(): _File((folder / path).read_bytes(), mpy) for path, mpy in paths.items()
    }


def _write(
    target: Path, name: str, version: str, deps: Mapping[str, str], files: Mapping[str, _File]
) -> None:
    """Add a package to an index."""
    sources = {path: file.source for path, file in files.items()}
    compiled = {_mpy(path): file.mpy for path, file in files.items()}
    bytecode = str(next(iter(compiled.values()))[1])  # its version: the second byte of an .mpy
    for kind, contents in (("py", sources), (bytecode, compiled)):
        hashes = []
        for path, content in contents.items():
            address = _address(content)
            _put(target / address, content)
            hashes.append([path, address.rpartition("/")[2]])
        listed = {"v": 1, "hashes": hashes, "deps": [*deps.items()], "version": version}
        for file in (version, "latest"):
            _put(target / "package" / kind / name / f"{file}.json", json.dumps(listed).encode())


def _mpy(path: str) -> str:
    return path.removesuffix("py") + "mpy"


def _address(content: bytes) -> str:
    """Of a file in an index."""
    digits = hashlib.sha256(content).hexdigest()[:_DIGITS]
    return f"file/{digits[:2]}/{digits}"


def _put(file: Path, content: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)


def _version(lib: Path) -> str:
    return str(constant(lib / "signet" / "__init__.py", "__version__"))


def main(url: str = "") -> None:
    """Write the lists, and the index.

    url: as for `write_index`.
    """
    for path, content in lists().items():
        (ROOT / path).write_text(content)
    write_index(INDEX, url=url and url.rstrip("/") + "/")
    stubs.write()
    console.print("for mip, see docs/install.md:")
    console.print(f"  {INDEX.relative_to(ROOT)}/: from there, or from a web server that shows it")
    console.print(f"  package.json, {LIB.name}/signet-*.json: the sources, from this checkout")
    console.print(f"for an editor: {stubs.TARGET.relative_to(ROOT)}/; pip installs it")


if __name__ == "__main__":
    main(*sys.argv[1:])
