"""Does `.cache` hold what this version of the toolchain would install?

The stamp names every file that was installed, whether that is everything or what the tools need,
and the state of the toolchain's own files then.
"""

from __future__ import annotations

import hashlib
import json
import platform
import sys
from collections.abc import Iterable
from pathlib import Path

from tools.paths import CACHE

STAMP = CACHE / "toolchain.json"


def fingerprint() -> str:
    """Changes with the toolchain's files, the folder, the machine and the Python."""
    digest = hashlib.sha256()
    for part in (CACHE, platform.machine(), sys.base_prefix, sys.version):
        digest.update(f"{part}\0".encode())
    for file in sorted(Path(__file__).parent.glob("*.*")):
        if file.suffix in (".py", ".lock"):
            digest.update(file.read_bytes() + b"\0")
    return digest.hexdigest()


def is_current(everything: bool) -> bool:
    """Is the stamp of this fingerprint, and every file that it names still there?

    everything: is it asked for what only tests need, too?
    """
    try:
        stamp = json.loads(STAMP.read_bytes())
        return (
            stamp["fingerprint"] == fingerprint()
            and (stamp["everything"] or not everything)
            and all(Path(file).exists() for file in stamp["files"])
        )
    except (OSError, ValueError, KeyError, TypeError):
        return False


def write(files: Iterable[Path], everything: bool) -> None:
    """Record what is installed.

    files: all of it, including programs of the machine itself. everything: with what only tests
    need.
    """
    scratch = STAMP.with_suffix(".new")
    content = {
        "fingerprint": fingerprint(),
        "everything": everything,
        "files": sorted(str(file) for file in files),
    }
    scratch.write_text(json.dumps(content, indent=1))
    scratch.replace(STAMP)
