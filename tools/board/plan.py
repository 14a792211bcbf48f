"""What would a deployment change on a board, and whose is what stands there?

What it put there it notes on the board, in /.signet: a line for each file, the first 16 digits of
its SHA-256 and its path. A file is ours when it is as noted. Before there was a note, every .mpy
in /lib/signet was ours.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from tools.ui import UserError

MANIFEST = "/.signet"
PART = "/.signet.part"
"""What is being copied, until it is whole and takes its name."""
MANAGED = "/lib/signet"
"""Folder of the board that is made for what we deploy."""
HIDING = ("/signet", "/signet.py", "/signet.mpy")
"""What would be imported in place of that: the root folder comes before /lib."""
CONFIG = "/device.json"

FIRMWARE_BOOT = "16f5b4bcb120e9a032242b47967e649a0cc577b41939e81ef7d4b4da181bd17f"
"""SHA-256 of the /boot.py that an ESP32 makes on an empty flash: comments, and nobody's work."""

_HEADING = "# What `signet board deploy` put here; it asks before it replaces anything else.\n"
_DIGITS = 16

_NOT_OURS = "signet did not put it there"
_CHANGED = "changed on the board since"
_HIDES = "would be imported in place of {}"


class File(NamedTuple):
    """A file of the board. digest: its SHA-256 in hex."""

    size: int
    digest: str


class Board(NamedTuple):
    """What a board has. noted: what it was noted to have, path -> digests."""

    files: Mapping[str, File]
    folders: frozenset[str]
    noted: Mapping[str, frozenset[str]]


class Plan(NamedTuple):
    """What becomes of a board's files, by path.

    send: what is new, or ours; update: those of them that stand there. remove: ours. replace,
    take_away: what is not ours, and why it has to go. keep: what stays although there is another,
    and why. manifest: what is noted from the first step on, None where that is as it was.
    """

    send: list[str]
    update: list[str]
    remove: list[str]
    replace: dict[str, str]
    take_away: dict[str, str]
    keep: dict[str, str]
    manifest: bytes | None

    @property
    def copies(self) -> list[str]:
        """All that is sent, device.json last: a deployment cut short starts nothing by halves."""
        return sorted([*self.send, *self.replace], key=lambda path: (path == CONFIG, path))

    @property
    def not_ours(self) -> dict[str, str]:
        """What must not be done unasked."""
        return self.replace | self.take_away


def digest(content: bytes) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(content).hexdigest()


def read_manifest(text: str) -> dict[str, frozenset[str]]:
    """What MANIFEST notes; a line that is none is left out."""
    noted: dict[str, frozenset[str]] = {}
    for short, path in re.findall(rf"^([0-9a-f]{{{_DIGITS}}}) (/.+)$", text, re.MULTILINE):
        noted[path] = noted.get(path, frozenset()) | {short}
    return noted


def is_managed(path: str) -> bool:
    """Is it of a folder that is made for what we deploy?"""
    return path.startswith(f"{MANAGED}/")


def make(
    board: Board,
    wanted: Mapping[str, bytes],
    yielding: Iterable[str] = (),
    renewed: str | None = None,
    known: Mapping[str, bytes] | None = None,
) -> Plan:
    """What makes the files of a board equal to `wanted`.

    yielding: of those wanted, what gives way to another's that stands there. renewed: of those
    wanted, what the board may have renewed by itself. known: content of files that were deployed
    once beside MANAGED, and go when they are not wanted.
    raises: UserError where something stands in the way.
    """
    hides = next((path for path in HIDING if _stands(board, path)), None)
    if hides and any(map(is_managed, wanted)):
        raise UserError(f"{hides} on the board would be imported in place of {MANAGED}: remove it")
    for path in wanted:
        if path in board.folders:
            raise UserError(f"{path} is a folder on the board, and must be a file: remove it")
    keep, replace, send, update = {}, {}, [], []
    for path in sorted(wanted):
        new, found = wanted[path], board.files.get(path)
        other = next((name for name in others(path) if _stands(board, name)), None)
        if path in yielding and other is not None:
            keep[path] = f"{other} is there"
        elif found is None:
            send.append(path)
        elif found.digest == digest(new):
            continue
        elif _is_ours(board, path, known):
            send.append(path)
            update.append(path)
        elif path in yielding:
            keep[path] = _why(board, path)
        elif path == renewed and digest(new)[:_DIGITS] in board.noted.get(path, ()):
            keep[path] = _CHANGED
        else:
            replace[path] = _why(board, path)
    remove, take_away = _others_that_go(board, wanted, keep, known or {})
    changed = {*send, *replace}
    manifest = _manifest(board, {path: wanted[path] for path in wanted.keys() - keep}, changed)
    return Plan(send, update, remove, replace, take_away, keep, manifest)


def others(path: str) -> list[str]:
    """What MicroPython would import in place of a module, or beside it."""
    stem, _, kind = path.rpartition(".")
    if kind not in ("py", "mpy") or stem in ("/boot", "/main"):
        return []
    return [stem, f"{stem}.{'py' if kind == 'mpy' else 'mpy'}"]


def _stands(board: Board, path: str) -> bool:
    return path in board.files or path in board.folders


def _is_ours(board: Board, path: str, known: Mapping[str, bytes] | None = None) -> bool:
    """Did we put it there, as it is?"""
    found = board.files[path]
    if found.digest[:_DIGITS] in board.noted.get(path, ()):
        return True
    if known and path in known and found.digest == digest(known[path]):
        return True
    if path == "/boot.py" and found.digest == FIRMWARE_BOOT:
        return True
    return is_managed(path) and path.endswith(".mpy") and not board.noted


def _has(board: Board, path: str, short: str) -> bool:
    return path in board.files and board.files[path].digest[:_DIGITS] == short


def _why(board: Board, path: str) -> str:
    return _CHANGED if path in board.noted else _NOT_OURS


def _others_that_go(
    board: Board, wanted: Mapping[str, bytes], keep: Mapping[str, str], known: Mapping[str, bytes]
) -> tuple[list[str], dict[str, str]]:
    """What is ours and no longer wanted, and what hides what is wanted."""
    hidden = {
        path[:-3] + "py": path for path in wanted if path.endswith(".mpy") and path not in keep
    }
    ours, not_ours = [], {}
    for path in sorted(board.files.keys() - wanted.keys()):
        if path in hidden and not _is_ours(board, path):
            not_ours[path] = _HIDES.format(hidden[path])
        elif path == PART or (
            (path in hidden or is_managed(path) or path in known) and _is_ours(board, path, known)
        ):
            ours.append(path)
    return ours, not_ours


def _manifest(board: Board, there: Mapping[str, bytes], changed: set[str]) -> bytes | None:
    """What is noted before the first file goes, so that it holds wherever that ends: of a file
    that is about to be replaced, both digests. None where all of it is noted already.
    """
    new = {path: digest(content)[:_DIGITS] for path, content in there.items()}
    if all(short in board.noted.get(path, ()) for path, short in new.items()):
        return None
    lines = {
        (path, short)
        for path, shorts in board.noted.items()
        for short in shorts
        if (path not in new or (path in changed and _has(board, path, short)))
        and (path in board.files or not is_managed(path))
    }
    lines |= set(new.items())
    return (_HEADING + "".join(f"{short} {path}\n" for path, short in sorted(lines))).encode()
