"""In which form does signet come onto a board: linked for its device.json, or readable?

Linked, it is a few files of short names; what turns these back is kept here, in MAPS.
"""

import fcntl
import functools
import hashlib
import json
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tools import toolchain
from tools.link.api import gist
from tools.link.device import Device, device_of, modules
from tools.link.device import linked as linked_for
from tools.link.gather import needed
from tools.link.linked import Linked, link
from tools.link.map import Map, read
from tools.paths import CACHE, LIB, ROOT
from tools.toolchain.compile import compiler

MAPS = CACHE / "maps"
_RESULTS = CACHE / "link"
_KEPT_RESULTS = 300  # the newest

_UMQTT = "signet.client.umqtt"

_maps: dict[str, Map] = {}  # of this process, by id


def library(
    config: Mapping[str, object], programs: Iterable[bytes], *, plain: bool = False
) -> dict[str, bytes]:
    """Returns signet for a board: path on the board -> .mpy.

    config: the values of device.json. programs: sources of what else runs on the board.
    plain: a file a module, with its own names and lines; so it is anyway for a cloud or a way in
    that does not exist, which is all that the board will say.
    """
    programs = list(programs)
    if plain or not device_of(config).exists:
        return readable(config, programs)
    found = linked(config, programs)
    has_umqtt = any(_UMQTT in names for names in found.map.modules.values())
    return found.files | (umqtt() if has_umqtt else {})


def readable(config: Mapping[str, object], programs: Iterable[bytes] = ()) -> dict[str, bytes]:
    """What a board needs of signet, as `library` returns it, a file a module."""
    names = _needed(device_of(config), tuple(programs))
    paths = {
        f"/lib/{source.relative_to(LIB).with_suffix('.mpy').as_posix()}"
        for name, source in modules().items()
        if name in names
    }
    files = {path: code for path, code in whole().items() if path in paths}
    return files | (umqtt() if _UMQTT in names else {})


@functools.cache
def _needed(device: Device, programs: tuple[bytes, ...]) -> set[str]:
    return needed(device, programs)


def whole() -> dict[str, bytes]:
    """All of signet, readable: what a board may need, without asking what this one does."""
    compiled = toolchain.compile_tree(LIB, CACHE / "mpy" / "lib")
    return {f"/lib/{path.as_posix()}": code for path, code in compiled.items()}


def umqtt() -> dict[str, bytes]:
    """What _UMQTT needs beside signet, in a folder that may hold other people's modules too."""
    compiled = toolchain.compile_tree(toolchain.umqtt(), CACHE / "mpy" / "umqtt")
    return {f"/lib/{path.as_posix()}": code for path, code in compiled.items()}


def linked(
    config: Mapping[str, object], programs: Iterable[bytes], *, frozen: bool = False
) -> Linked:
    """Links signet for a device.json, or finds that this was done; for arguments see `link`."""
    sources = hashlib.sha256()
    for path in _sources():
        sources.update(hashlib.sha256(path.read_bytes()).digest())
    programs = [_gist(tuple(programs), sources.digest())]
    made = sources.copy()
    made.update(repr((compiler()[1], linked_for(config), frozen, programs)).encode())
    _RESULTS.mkdir(parents=True, exist_ok=True)
    with (_RESULTS / f"{made.hexdigest()[:16]}.json").open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # a second process waits, then finds it done
        file.seek(0)
        try:
            found = _read(json.load(file))
        except ValueError:  # it is empty, or cut short
            found = link(config, programs, frozen=frozen)
            file.truncate(0)
            json.dump(_written(found), file)
            for old in sorted(_RESULTS.iterdir(), key=_age)[:-_KEPT_RESULTS]:
                old.unlink(missing_ok=True)
    _maps[found.map.id] = found.map
    return found


@functools.cache
def _gist(programs: tuple[bytes, ...], _sources: bytes) -> bytes:
    """As `gist`. _sources: the digest of what else decides it."""
    return gist(programs)


def keep_maps(files: Iterable[bytes]) -> None:
    """Keeps the maps of the linked files among these, which go onto a board."""
    MAPS.mkdir(parents=True, exist_ok=True)
    for found in _maps.values():
        if any(f".{found.id}".encode() in content for content in files):
            (MAPS / f"{found.id}.json").write_text(found.text())


def _sources() -> list[Path]:
    """What decides, beside device.json and programs, what comes of linking, and its form here."""
    own = (ROOT / "tools" / "link").glob("*.py")
    return sorted([Path(__file__), *(LIB / "signet").rglob("*.py"), *own])


def _written(found: Linked) -> dict[str, object]:
    files = {path: b64encode(content).decode() for path, content in found.files.items()}
    return {"files": files, "map": found.map.text()}


def _read(values: dict[str, Any]) -> Linked:
    files = {path: b64decode(content) for path, content in values["files"].items()}
    return Linked(files, read(values["map"]))


def _age(file: Path) -> float:
    try:
        return file.stat().st_mtime
    except OSError:  # another process has removed it
        return 0
