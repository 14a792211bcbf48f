"""How do a program and its configuration get onto a board?  With mpremote, only what changed.

The same for a real ESP32 on USB and for the virtual board.  Two mpremote sessions: one asks the
board for the SHA-256 of its files, one copies what differs; device.json goes last, so that a
deployment cut short does not start with half a program.
"""

import hashlib
import json
import re
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath

from tools import toolchain
from tools.board.mpremote import RESTART, ask, reach, run
from tools.link.imports import imports
from tools.link.needed import device_of, modules, needed
from tools.paths import CACHE, LIB, ROOT
from tools.ui import UserError

BOARDS = ROOT / "firmware" / "boards"
CONFIG = "device.json"
_CA = "ca.pem"

_MANAGED = "/lib/signet"
"""Folder of the board that holds what we deploy and nothing else."""

_COPY_S = 120.0  # for one file; mpremote itself waits for ever

# Runs on the board; prints "SHA256 path" for each file at or below `paths` and "folder path" for
# each folder.
_LOOK = """
import os, hashlib, binascii
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
        mode = os.stat(path)[0]
    except OSError:
        return
    if mode & 0x4000:
        print("folder", path)
        for entry in os.ilistdir(path):
            look(path.rstrip("/") + "/" + entry[0])
    else:
        print(digest(path), path)
for path in {folders!r}:
    try:
        os.stat(path)
        print("folder", path)
    except OSError:
        pass
for path in {paths!r}:
    look(path)
"""

Progress = Callable[[int, int, str], None]
"""Told (bytes done, bytes in all, path on the board); (0, 0, what must be done) while it waits."""


def _quiet(_done: int, _total: int, _path: str) -> None:
    pass


def project_files(
    config: dict[str, object],
    ca: Path | None = None,
    board: str = "virtual",
    beside: Path | None = None,
    main: Path | None = None,
) -> dict[str, bytes]:
    """Returns what a board with this device.json needs: path on the board -> content.

    config: the values of device.json; of wrong ones, what says on the board that they are wrong.
    ca: file of the certificate authority that the cloud's server must show, or None.
    board: a folder of firmware/boards/.
    beside: the folder of device.json, where certificate and key lie that it names, and the CA.
    main: the device program; None for main.py of the project.
    raises: UserError when a file is missing, does not compile or is not Python.
    """
    board_file = BOARDS / board / "board.py"
    if not board_file.exists():
        known = ", ".join(sorted(path.parent.name for path in BOARDS.glob("*/board.py")))
        raise UserError(f"no board {board!r}; there are: {known}")
    programs = {
        "/board.py": board_file,
        "/boot.py": ROOT / "boot.py",
        "/main.py": main or ROOT / "main.py",
    }
    files = {path: _content(file) for path, file in programs.items()}
    names = _modules(config, files)
    compiled = toolchain.compile_tree(LIB, CACHE / "mpy" / "lib")
    for name, source in modules().items():
        if name in names:
            path = source.relative_to(LIB).with_suffix(".mpy")
            files[f"/lib/{path.as_posix()}"] = compiled[path]
    if "signet.client.mqtt" in names:
        files |= _umqtt()
    files |= _named_files(config, beside)
    if ca is not None:
        files[f"/{config.get('ca', _CA)}"] = _content(ca)
    files[f"/{CONFIG}"] = json.dumps(config, indent=2).encode()
    return files


def _modules(config: dict[str, object], programs: dict[str, bytes]) -> set[str]:
    """The modules of signet that a board needs, also for its own programs."""
    for path, source in programs.items():
        try:
            imports(source)
        except SyntaxError as error:
            raise UserError(f"{path[1:]}, line {error.lineno}: {error.msg}") from None
    return needed(device_of(config), programs.values())


def _umqtt() -> dict[str, bytes]:
    """What MQTT needs beside signet, in a folder that may hold other people's modules too."""
    compiled = toolchain.compile_tree(toolchain.umqtt(), CACHE / "mpy" / "umqtt")
    return {f"/lib/{path.as_posix()}": code for path, code in compiled.items()}


def _named_files(config: dict[str, object], beside: Path | None) -> dict[str, bytes]:
    """The certificates and the key that device.json names, by path on the board.

    A CA may come from elsewhere; a client certificate lies beside device.json, or it is a slip.
    """
    if beside is None:
        return {}
    files = {}
    for key, default in (("ca", _CA), ("cert", None), ("key", None)):
        name = config.get(key, default)
        if name is None:
            continue
        if not isinstance(name, str) or "/" in name:
            raise UserError(f"device.json: {key} is {name!r}; name a file beside device.json")
        path = beside / name
        if key != "ca" or path.exists():
            files[f"/{name}"] = _content(path)
    return files


def deploy_project(
    device: str,
    config: dict[str, object],
    ca: Path | None = None,
    board: str = "virtual",
    progress: Progress = _quiet,
) -> int:
    """Put signet, the program and its configuration on a board and restart it.

    device: serial line. progress: told of every file copied. Others: see `project_files`.
    returns: how many files had changed.
    raises: UserError.
    """
    return deploy(device, project_files(config, ca, board), progress)


def deploy(
    device: str,
    files: dict[str, bytes | Path] | dict[str, bytes],
    progress: Progress = _quiet,
    restart: bool = True,
) -> int:
    """Make files of a board equal to `files`, then restart it.

    device: serial line, for example /dev/ttyUSB0.
    files: path on the board (absolute) -> content, or the file that holds it.
    progress: told of every file copied.
    restart: reset the board at the end, so that boot.py and main.py start.
    returns: how many files had changed.
    raises: UserError; it names no content of any file.
    """
    wanted = {
        path: _content(content) if isinstance(content, Path) else content
        for path, content in files.items()
    }
    reach(device, lambda text: progress(0, 0, text))
    known = _umqtt() if any(map(_is_ours, wanted)) else {}
    present, folders = _look(device, wanted, known)
    stale = sorted(
        path
        for path, digest in present.items()
        if path not in wanted and (path not in known or digest == _digest(known[path]))
    )
    changed = [
        path
        for path in sorted(wanted, key=lambda path: (path == f"/{CONFIG}", path))
        if present.get(path) != _digest(wanted[path])
    ]
    steps = [["fs", "rm", f":{path}"] for path in stale]
    steps += [["fs", "mkdir", f":{path}"] for path in _new_folders(changed, folders)]
    total = sum(len(wanted[path]) for path in changed)
    with tempfile.TemporaryDirectory(prefix="signet-") as scratch:
        for number, path in enumerate(changed):
            local = Path(scratch) / str(number)
            local.write_bytes(wanted[path])
            steps.append(["fs", "cp", "-f", str(local), f":{path}"])
        if restart:
            steps.append(["exec", "--no-follow", RESTART])
        done = 0

        def copied(line: str) -> None:
            nonlocal done
            match = re.match(r"cp (\S+) :(.*)", line)
            if match:
                progress(done, total, match[2])
                done += len(wanted[match[2]])

        run(device, ["resume"], steps, _COPY_S, copied)
    progress(total, total, "")
    return len(changed)


def _is_ours(path: str) -> bool:
    return path.startswith(f"{_MANAGED}/")


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _look(
    device: str, wanted: Iterable[str], known: Iterable[str]
) -> tuple[dict[str, str], set[str]]:
    """Returns the SHA-256 of what the board has of ours, and its folders.

    known: further paths to look at.
    """
    # A .py file would be imported in place of the .mpy beside it.
    twins = [path[:-3] + "py" for path in wanted if path.endswith(".mpy")]
    paths = {_MANAGED if _is_ours(path) else path for path in (*wanted, *twins, *known)}
    parents = {str(parent) for path in wanted for parent in PurePosixPath(path).parents}
    program = _LOOK.format(folders=sorted(parents - {"/"}), paths=sorted(paths))
    present, folders = {}, {"/"}
    for line in ask(device, program).splitlines():
        digest, _, path = line.partition(" ")
        if digest == "folder":
            folders.add(path)
        elif re.fullmatch("[0-9a-f]{64}", digest):
            present[path] = digest
    return present, folders


def _new_folders(paths: Iterable[str], present: set[str]) -> list[str]:
    needed = {str(parent) for path in paths for parent in PurePosixPath(path).parents}
    return sorted(needed - present)


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from None
