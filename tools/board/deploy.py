"""How do a program and its configuration get onto a board?  With mpremote, only what changed.

The same for a real ESP32 on USB and for the virtual board.  Two mpremote sessions: one asks the
board for the SHA-256 of its files, one copies what differs; device.json goes last, so that a
deployment cut short does not start with half a program. A file that is cut short never has its
name: it is copied to another, and renamed, which LittleFS does at once or not at all.
"""

import json
import re
from codecs import BOM_UTF8
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path, PurePosixPath

from tools.board import plan
from tools.board.check import proved
from tools.board.library import keep_maps, library, umqtt
from tools.board.look import look
from tools.board.mpremote import RESTART, reach, run
from tools.board.plan import MANIFEST, PART, Board, Plan, is_managed
from tools.link.imports import imports
from tools.paths import ROOT
from tools.secret_files import secret_files
from tools.ui import UserError, one_of

BOARDS = ROOT / "firmware" / "boards"
CONFIG = "device.json"
_CA = "ca.pem"
_ENDINGS = (".pem", ".crt", ".cer", ".der", ".key")

PROGRAMS = ("/board.py", "/boot.py", "/main.py")
_MOST_BYTES = 1 << 20
_COPY_S = 120.0  # for one file; mpremote itself waits for ever
_RENAME = "import os; os.rename({!r}, {!r})"

Progress = Callable[[int, int, str], None]
"""Told (bytes done, bytes in all, path on the board); (0, 0, what must be done) while it waits."""


def boards() -> list[str]:
    """Folders of firmware/boards/ that hold a board.py."""
    return sorted(path.parent.name for path in BOARDS.glob("*/board.py"))


def _quiet(_done: int, _total: int, _path: str) -> None:
    pass


def project_files(
    config: dict[str, object],
    ca: Path | None = None,
    board: str = "virtual",
    beside: Path | None = None,
    *,
    main: Path | None = None,
    program: Path | None = None,
    others: Iterable[bytes] = (),
    plain: bool = False,
    frozen: bool = False,
) -> dict[str, bytes]:
    """Returns what a board with this device.json needs: path on the board -> content.

    config: the values of device.json; of wrong ones, what says on the board that they are wrong.
    ca: file of the certificate authority that the cloud's server must show, or None.
    board: a folder of firmware/boards/.
    beside: the folder of device.json, where certificate and key lie that it names, and the CA.
    main: the device program; None for main.py of the project.
    program: a folder whose main.py, boot.py and board.py go before the project's.
    others: sources that are on the board beside, and may use signet too.
    plain: signet a file a module, not linked; see library.py.
    frozen: signet is in the firmware, which counts before /lib: none of it goes on flash.
    raises: UserError when a file is missing, does not compile or is not Python.
    """
    board_file = BOARDS / board / "board.py"
    if not board_file.exists():
        raise UserError(f"no board {board!r}; {one_of(board, boards())}")
    programs = {
        "/board.py": board_file,
        "/boot.py": ROOT / "boot.py",
        "/main.py": main or ROOT / "main.py",
    } | (own_programs(program) if program else {})
    files = {path: content(file).removeprefix(BOM_UTF8) for path, file in programs.items()}
    check_programs({path[1:]: source for path, source in files.items()})
    if modem := config.get("modem"):
        wakes = isinstance(modem, dict) and modem.get("wake") is not None
        for name in ("uart", *(["modem_wake"] if wakes else [])):
            offers = rf"^\s*(?:def )?{name}\b|^\s*from .+\b{name}\b".encode()
            if not re.search(offers, files["/board.py"], re.MULTILINE):
                raise UserError(
                    f"device.json names a modem, and board.py has no {name}(): firmware/boards/"
                    "esp32_nbiot has one"
                )
    named = named_files(config, beside)
    if ca is not None:
        named[f"/{config.get('ca') or _CA}"] = content(ca)
    if not frozen:
        files |= library(config, [*files.values(), *filter(_is_python, others)], plain=plain)
    files[f"/{CONFIG}"] = json.dumps(config, indent=2).encode()
    for name in named.keys() & files.keys():
        raise UserError(f"device.json: {name[1:]} cannot be a certificate's or a key's name, too")
    files |= named
    return files | {f"/{CONFIG}": proved(files)}


def own_programs(folder: Path) -> dict[str, Path]:
    """Those of PROGRAMS that are in a folder. raises: UserError for none."""
    found = {path: folder / path[1:] for path in PROGRAMS if (folder / path[1:]).exists()}
    if not found:
        names = ", ".join(path[1:] for path in PROGRAMS)
        raise UserError(f"--program {folder}: it has none of {names}")
    return found


def check_programs(programs: Mapping[str, bytes]) -> None:
    """Is that Python? programs: by name. raises: UserError with the line that is not."""
    for name, source in programs.items():
        try:
            imports(source)
        except SyntaxError as error:
            raise UserError(f"{name}, line {error.lineno or 1}: {error.msg}") from None


def _is_python(source: bytes) -> bool:
    """What is none cannot load anything either."""
    try:
        imports(source)
    except (SyntaxError, ValueError):  # ValueError: a NUL in it
        return False
    return True


def named_files(config: dict[str, object], beside: Path | None) -> dict[str, bytes]:
    """The certificates and the key that device.json names, by path on the board.

    A CA may come from elsewhere; a client certificate lies beside device.json, or it is a slip.
    """
    if beside is None:
        return {}
    files = {}
    present = {file.name for file in beside.iterdir()}
    for key, default in (("ca", _CA), ("cert", None), ("key", None)):
        name = default if config.get(key) is None else config[key]
        if name is None:
            continue
        if not isinstance(name, str) or "/" in name:
            raise UserError(f"device.json: {key}: name a file beside device.json")
        if name not in present and not name.endswith(_ENDINGS):  # perhaps a secret, or a key
            raise UserError(f"device.json: {key}: there is no file of that name beside it")
        if key != "ca" or name in present:
            files[f"/{name}"] = content(beside / name)
    return files


def yielding(files: Iterable[str]) -> set[str]:
    """Of the files of a project, what gives way to another's that stands on the board.

    The programs, and umqtt.simple, which is in its place then.
    """
    return {path for path in files if path in PROGRAMS or path.startswith("/lib/umqtt/")}


def plan_for(
    board: Board,
    files: Mapping[str, bytes],
    yields: Iterable[str] = (),
    config: Mapping[str, object] | None = None,
) -> Plan:
    """What has to be done to make files of a board equal to `files`.

    yields: of those files, what gives way to another's. config: of device.json, where it is known.
    raises: UserError.
    """
    cert = (config or {}).get("cert")
    return plan.make(board, files, yields, f"/{cert}" if cert else None, _once(files))


def seen(device: str, files: Mapping[str, bytes]) -> Board:
    """What a board has of what a deployment of these files would touch. raises: UserError."""
    return look(device, {**files, **_once(files)})


def _once(files: Iterable[str]) -> dict[str, bytes]:
    """What may have been deployed with a project outside of its own folder."""
    return umqtt() if any(map(is_managed, files)) else {}


def deploy(
    device: str,
    files: Mapping[str, bytes | Path],
    progress: Progress = _quiet,
    restart: bool = True,
) -> int:
    """Make files of a board equal to `files`, then restart it.

    device: serial line, for example /dev/ttyUSB0.
    files: path on the board (absolute) -> content, or the file that holds it.
    progress: told of every file copied.
    restart: reset the board at the end, so that boot.py and main.py start.
    returns: how many files had changed.
    raises: UserError, also where another's file would have to go; it names no content of any file.
    """
    wanted = {
        path: content(given) if isinstance(given, Path) else given for path, given in files.items()
    }
    reach(device, lambda text: progress(0, 0, text))
    board = seen(device, wanted)
    steps = plan_for(board, wanted)
    if steps.not_ours:
        raise UserError(f"not deployed: another's file stands at {', '.join(steps.not_ours)}")
    return carry_out(device, board, steps, wanted, progress=progress, restart=restart)


def carry_out(
    device: str,
    board: Board,
    steps: Plan,
    files: Mapping[str, bytes],
    *,
    progress: Progress = _quiet,
    restart: bool = True,
) -> int:
    """Do what a plan for these files says; arguments, result and errors as in `deploy`."""
    keep_maps(files.values())
    contents = {path: files[path] for path in steps.copies}
    done = 0
    total = sum(map(len, contents.values()))
    noted = {} if steps.manifest is None else {MANIFEST: steps.manifest}
    paths = iter([*noted, *contents])

    def copied(line: str) -> None:
        nonlocal done
        if line.startswith("cp ") and (path := next(paths, None)) in contents:
            progress(done, total, path)
            done += len(contents[path])

    commands = [["fs", "rm", f":{path}"] for path in (*steps.remove, *steps.take_away)]
    commands += [["fs", "rmdir", f":{path}"] for path in _emptied(board, steps, files)]
    commands += [["fs", "mkdir", f":{path}"] for path in _new_folders(contents, board.folders)]
    with secret_files([*noted.values(), *contents.values()]) as local:
        for path, file in zip([*noted, *contents], local, strict=True):
            commands.append(["fs", "cp", "-f", str(file), f":{PART}"])
            commands.append(["exec", _RENAME.format(PART, path)])
        if restart:
            commands.append(["exec", "--no-follow", RESTART])
        if commands:
            run(device, ["resume"], commands, _COPY_S, copied)
    progress(total, total, "")
    return len(contents)


def _emptied(board: Board, steps: Plan, files: Iterable[str]) -> list[str]:
    """Folders of ours in which nothing is left; each takes two blocks of flash."""
    left = {*board.files, *files} - {*steps.remove, *steps.take_away}
    used = {str(parent) for path in left for parent in PurePosixPath(path).parents}
    return sorted(filter(is_managed, board.folders - used), reverse=True)


def _new_folders(paths: Iterable[str], present: Iterable[str]) -> list[str]:
    needed = {str(parent) for path in paths for parent in PurePosixPath(path).parents}
    return sorted(needed - {*present})


def content(path: Path) -> bytes:
    """What is in a file or a pipe. raises: UserError, also for more than any board takes."""
    try:
        with path.open("rb") as file:
            found = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from None
    if len(found) > _MOST_BYTES:
        raise UserError(f"{path} is longer than {_MOST_BYTES} bytes: no board takes it")
    return found
