"""Where do the temporary files of a run lie, and who takes them away when it was killed?

In a folder of its own, whose lock is held for as long as it is used. Whoever makes the next one
takes away those whose lock is free: no key outlasts a SIGKILL by more than that.
"""

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

_PREFIX, _SUFFIX = "signet-", ".d"


@contextlib.contextmanager
def scratch() -> Iterator[str]:
    """Gives a new folder, which only this user may enter, while `with` lasts."""
    for left in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*{_SUFFIX}"):
        with contextlib.suppress(OSError), _locked(left, fcntl.LOCK_NB) as is_there:
            if is_there and left.stat().st_uid == os.getuid():
                shutil.rmtree(left, ignore_errors=True)
    folder, lock = _new()
    with lock:
        try:
            yield str(folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _new() -> tuple[Path, contextlib.ExitStack]:
    """A folder and what holds its lock."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, suffix=_SUFFIX))
        lock = contextlib.ExitStack()
        with contextlib.suppress(FileNotFoundError):
            if lock.enter_context(_locked(folder)):
                return folder, lock
        lock.close()  # another run took it away before it was locked


@contextlib.contextmanager
def _locked(folder: Path, how: int = 0) -> Iterator[bool]:
    """Hold a folder's lock; gives whether it is there still."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | how)
        yield folder.exists()
    finally:
        os.close(descriptor)
