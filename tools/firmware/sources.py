"""Where do the sources of the image come from, and which versions are they?

As their authors published them, by Debian's source packages without Debian's changes: an archive
counts only when its SHA-256 is the pinned one. They are put where MicroPython's own build looks
for them (docs/develop/gettingstarted.rst: `make submodules`).
"""

from __future__ import annotations

import hashlib
import shutil
import tarfile
import tempfile
from pathlib import Path
from typing import NamedTuple

from tools import toolchain
from tools.firmware import FIRMWARE
from tools.toolchain import debian, together
from tools.toolchain.run import Report
from tools.ui import UserError


class Source(NamedTuple):
    """An archive of Debian's, and what of it goes where in MicroPython's tree."""

    package: str
    archive: str
    sha256: str
    place: str
    folders: tuple[str, ...]


SOURCES = (
    Source(
        "micropython",
        "micropython_1.25.0+ds.orig.tar.xz",
        "7b25be99a502f070b2de81dafc08da7051d992325d6e67daa9045a918fffdbea",
        "",
        ("extmod", "lib", "mpy-cross", "ports/esp32", "ports/unix", "py", "shared", "tools"),
    ),
    Source(
        "mbedtls",
        "mbedtls_3.6.6.orig.tar.bz2",
        "8fb65fae8dcae5840f793c0a334860a411f884cc537ea290ce1c52bb64ca007a",
        "lib/mbedtls",
        ("include", "library"),
    ),
    Source(
        "lwip",
        "lwip_2.2.1+dfsg1.orig.tar.xz",
        "83729c274c499d3348e9fbbe043a3113f3fa8953e7efddc7c21c7fcbb1f2b7b1",
        "lib/lwip",
        ("src",),
    ),
)

_UMQTT = "lib/micropython-lib/micropython/umqtt.simple"
_MANIFEST = 'metadata(version="1.3.4")\npackage("umqtt")\n'


def tree() -> Path:
    """Where the sources lie once they are installed: MicroPython's own folder."""
    pins = [part for source in SOURCES for part in (source.sha256, *source.folders)]
    return together.pinned(FIRMWARE, "src", *pins, _MANIFEST)


def install(report: Report) -> None:
    """Fetch and unpack the sources where they are not there yet.

    report: told how far it is.
    raises: UserError when an archive cannot be had, or is another one than was pinned.
    """
    together.once(tree(), lambda new: _build(new, report))


def _build(target: Path, report: Report) -> None:
    with tempfile.TemporaryDirectory(dir=target.parent) as name:
        archives = Path(name, "archives")
        debian.fetch_sources(archives, [source.package for source in SOURCES], report)
        for done, source in enumerate(SOURCES):
            report(f"unpacking {source.package}", done / len(SOURCES))
            _unpack(_verified(archives, source), target / source.place, source.folders)
    umqtt = target / _UMQTT
    shutil.copytree(toolchain.umqtt() / "umqtt", umqtt / "umqtt")
    (umqtt / "manifest.py").write_text(_MANIFEST)
    (umqtt.parent.parent / "README.md").touch()  # by which py/mkrules.mk knows micropython-lib


def _verified(folder: Path, source: Source) -> Path:
    archive = folder / source.archive
    if not archive.exists():
        found = ", ".join(path.name for path in folder.glob(f"{source.package}_*")) or "nothing"
        raise UserError(
            f"Debian's suite {debian.SUITE} has {found}, not {source.archive}, which "
            "tools/firmware/sources.py pins"
        )
    with archive.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != source.sha256:
            raise UserError(f"{source.archive} is not the one that tools/firmware/sources.py pins")
    return archive


def _unpack(archive: Path, target: Path, folders: tuple[str, ...]) -> None:
    """Unpack some folders of an archive's single top folder."""
    wanted = tuple(f"{folder}/" for folder in folders)
    with tarfile.open(archive) as tar:
        # Python 3.11.4 and newer refuse what would leave the folder.
        tar.extraction_filter = getattr(tarfile, "data_filter", lambda entry, _: entry)
        for entry in tar:
            entry.name = entry.name.partition("/")[2]
            if entry.name.startswith(wanted):
                tar.extract(entry, target)
