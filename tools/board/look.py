"""What has a board on its flash, of what a deployment would touch?

It is asked by programs that change nothing. What it answers is bounded, and taken as a whole or
not at all: a file that was not heard of would be replaced as if it were not there.
"""

import base64
import json
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Any

from tools.board.mpremote import ask
from tools.board.plan import (
    HIDING,
    MANAGED,
    MANIFEST,
    PART,
    Board,
    File,
    is_managed,
    others,
    read_manifest,
)
from tools.ui import UserError

_MANIFEST_BYTES = 65_536
_SOURCE_BYTES = 65_536
"""Of a program or a certificate that is read from a board; more is neither."""

# Run on the board; each line is JSON, the last one their number. `paths`: files and folders;
# what is in the folder `deep` as well.
_LOOK = """
import os, hashlib, binascii, json
n = 0
def say(*what):
    global n
    n += 1
    print(json.dumps(what))
def digest(path):
    h = hashlib.sha256()
    with open(path, "rb") as f:
        while True:
            b = f.read(512)
            if not b:
                break
            h.update(b)
    return binascii.hexlify(h.digest()).decode()
def look(path):
    try:
        s = os.stat(path)
    except OSError:
        return
    if s[0] & 0x4000:
        say(path)
        if path.startswith({deep!r}):
            for entry in os.ilistdir(path):
                look(path + "/" + entry[0])
    else:
        say(path, s[6], digest(path))
for path in {paths!r}:
    look(path)
"""
_READ = """
def read(path):
    with open(path, "rb") as f:
        while True:
            b = f.read(384)
            if not b:
                break
            say(path, binascii.b2a_base64(b).decode())
for path in {files!r}:
    try:
        if os.stat(path)[6] <= {most}:
            read(path)
    except OSError:
        pass
"""
# Every source on flash that names signet; what others keep in folders of their own too. An empty
# line for each folder tells a long search from a board that hangs.
_SEARCH = """
def names(path):
    with open(path, "rb") as f:
        last = b""
        while True:
            b = f.read(384)
            if b"signet" in last + b:
                return True
            if not b:
                return False
            last = b[-5:]
def search(folder):
    print()
    for entry in os.ilistdir(folder or "/"):
        path = folder + "/" + entry[0]
        if entry[1] & 0x4000:
            if path not in ({deep!r}, "/outbox", "/rom"):
                search(path)
        elif path.endswith(".py") and os.stat(path)[6] <= {most} and names(path):
            read(path)
search("")
"""
_END = "print(json.dumps(n))\n"


def look(device: str, wanted: Iterable[str]) -> Board:
    """Returns what a board has of these files, what stands in their way, and in MANAGED.

    raises: UserError.
    """
    paths = {MANAGED, PART, *HIDING, *map(str, PurePosixPath(MANAGED).parents)}
    for path in wanted:
        if not is_managed(path):
            paths |= {path, *others(path), *map(str, PurePosixPath(path).parents)}
    program = _LOOK.format(deep=MANAGED, paths=sorted(paths - {"/"}))
    program += _READ.format(files=[MANIFEST], most=_MANIFEST_BYTES)
    files, folders, note = {}, {"/"}, b""
    for answer in _answers(device, program):
        match answer:
            case [str(path)]:
                folders.add(path)
            case [str(path), int(size), str(digest)] if size >= 0:
                files[path] = File(size, digest)
            case [str(), str(piece)]:
                note += _decoded(device, piece)
            case _:
                raise _unreadable(device)
    return Board(files, frozenset(folders), read_manifest(note.decode(errors="replace")))


def read(device: str, paths: Iterable[str], search: bool = False) -> dict[str, bytes]:
    """Returns the content of files of a board that was looked at just before; what is missing or
    too large is left out.

    search: every program there that names signet, too.
    raises: UserError.
    """
    program = _LOOK.format(deep=MANAGED, paths=[])
    program += _READ.format(files=sorted(paths), most=_SOURCE_BYTES)
    if search:
        program += _SEARCH.format(deep=MANAGED, most=_SOURCE_BYTES)
    found: dict[str, bytes] = {}
    for answer in _answers(device, program, again=True):
        match answer:
            case [str(path), str(piece)]:
                found[path] = found.get(path, b"") + _decoded(device, piece)
            case _:
                raise _unreadable(device)
    return found


def _answers(device: str, program: str, *, again: bool = False) -> list[Any]:
    """What a program has said, where all of it came."""
    said = ask(device, program + _END, again=again).splitlines()
    try:
        *answers, count = map(json.loads, filter(None, said))
    except (ValueError, RecursionError):
        raise _unreadable(device) from None
    if count != len(answers):
        raise _unreadable(device)
    return answers


def _decoded(device: str, piece: str) -> bytes:
    try:
        return base64.b64decode(piece.strip(), validate=True)
    except ValueError:
        raise _unreadable(device) from None


def _unreadable(device: str) -> UserError:
    return UserError(
        f"what the board at {device} says of its files cannot be read: nothing was changed;"
        " press its reset and try again"
    )
