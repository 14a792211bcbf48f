"""What is made once, not once a worker?  Folders in .cache, named after their sources."""

import fcntl
import hashlib
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from tools.paths import CACHE, ROOT

_FOLDER = CACHE / "tests"
_KEPT_S = 7 * 24 * 3600
_LOCK_FILES = sorted(ROOT.glob("requirements*.lock"))  # other libraries may make other content


def made(name: str, sources: Iterable[Path | str], make: Callable[[Path], None]) -> Path:
    """The folder that `make` has filled, by this process, another one, or an earlier run.

    name: what it is. sources: files, and other text, that decide its content.
    make: gets an empty folder; nobody sees it before it is filled.
    """
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in _LOCK_FILES))
    for source in sources:
        digest.update(
            b"\0" + (source.encode() if isinstance(source, str) else source.read_bytes())
        )
    folder = _FOLDER / f"{name}-{digest.hexdigest()[:16]}"
    if folder.exists():
        return folder
    _FOLDER.mkdir(parents=True, exist_ok=True)
    with (_FOLDER / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            with tempfile.TemporaryDirectory(dir=_FOLDER, ignore_cleanup_errors=True) as scratch:
                new = Path(scratch, "new")
                new.mkdir()
                make(new)
                new.replace(folder)
            _forget_old(name)
    return folder


def _forget_old(name: str) -> None:
    """Removes what nobody has made for a week."""
    for old in _FOLDER.glob(f"{name}-*"):
        if time.time() - old.stat().st_mtime > _KEPT_S:
            shutil.rmtree(old, ignore_errors=True)
