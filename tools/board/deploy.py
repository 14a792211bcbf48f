"""How do a program and its configuration get onto a board?  With mpremote, only what changed.

The same for a real ESP32 on USB and for the virtual board.  Two mpremote sessions: one asks the
board for the SHA-256 of its files, one copies what differs; device.json goes last, so that a
deployment cut short does not start with half a program.
"""

import hashlib
import json
import os
import re
import signal
import stat
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath

from tools import toolchain
from tools.board.knock import knock
from tools.link.imports import imports
from tools.link.needed import device_of, modules, needed
from tools.paths import CACHE, LIB, ROOT
from tools.ui import UserError

BOARDS = ROOT / "firmware" / "boards"
CONFIG = "device.json"
_CA = "ca.pem"

_MANAGED = "/lib/signet"
"""Folder of the board that holds what we deploy and nothing else."""

_WATCHDOG_MS = 600_000
_PATIENCE_S = 75.0  # a board that reports once a minute wakes meanwhile
_LOOK_S = 20.0
_COPY_S = 120.0  # for one file; mpremote itself waits for ever

# As mpremote's own `reset`, which waits for 100 ms: a deployment that follows at once must not
# meet the board before its reset.
_RESTART = "import time, machine; time.sleep_ms(10); machine.reset()"

# Runs on the board; prints "SHA256 path" for each file at or below `paths` and "folder path" for
# each folder. A watchdog that the interrupted program feeds no more gets time for the copying.
_LOOK = """
import os, hashlib, binascii
try:
    import machine
    machine.WDT(timeout={watchdog_ms})
except (ImportError, AttributeError, OSError, ValueError):
    pass
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

# What mpremote says, and what a person can do about it. {0} is the device.
_CURES = (
    ("failed to access", "{0} is in use by another program (a serial console?); close it"),
    ("timeout waiting", "{0} stopped answering; press the board's reset and try again"),
    ("ENOSPC", "the flash of the board is full; remove files with `mpremote fs rm`"),
    ("No space left", "the flash of the board is full; remove files with `mpremote fs rm`"),
    ("MemoryError", "the board ran out of memory; press its reset and try again"),
    ("device disconnected", "{0} was unplugged, or the board restarted; try again"),
    ("Input/output error", "{0} was unplugged, or the board restarted; try again"),
    ("read failed", "{0} was unplugged, or the board restarted; try again"),
)

_NO_ANSWER = "{0} does not answer as MicroPython; press the board's reset, then try again"
_NO_RAW_REPL = ("could not enter raw repl", "could not exec command")


class _NoAnswerError(UserError):
    """The board does not speak the raw REPL: not MicroPython, busy, or in reset."""


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
    check_device(device)
    wanted = {
        path: _content(content) if isinstance(content, Path) else content
        for path, content in files.items()
    }
    asleep = "the board sleeps or is busy: press its reset, or wait until it wakes"
    if not knock(device, _PATIENCE_S, lambda: progress(0, 0, asleep)):
        raise _NoAnswerError(_NO_ANSWER.format(device))
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
            steps.append(["exec", "--no-follow", _RESTART])
        done = 0

        def copied(line: str) -> None:
            nonlocal done
            match = re.match(r"cp (\S+) :(.*)", line)
            if match:
                progress(done, total, match[2])
                done += len(wanted[match[2]])

        _mpremote(device, ["resume"], steps, _COPY_S, copied)
    progress(total, total, "")
    return len(changed)


def check_device(device: str) -> None:
    """Is there a serial line that this user may open?

    raises: UserError that says what to do.
    """
    path = Path(device)
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        raise UserError(f"no device {device}: is the board plugged in?") from None
    except PermissionError:
        mode = stat.S_IFCHR
    if not stat.S_ISCHR(mode):
        raise UserError(f"{device} is not a serial line")
    if not os.access(path, os.R_OK | os.W_OK):
        group = path.group()
        raise UserError(
            f"no permission for {device}: run `sudo usermod -aG {group} $USER`, then log in again"
            + ("" if group == "dialout" else " (the group is `dialout` on most systems)")
        )


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
    program = _LOOK.format(
        watchdog_ms=_WATCHDOG_MS, folders=sorted(parents - {"/"}), paths=sorted(paths)
    )
    present, folders = {}, {"/"}
    for line in _ask(device, program).splitlines():
        digest, _, path = line.partition(" ")
        if digest == "folder":
            folders.add(path)
        elif re.fullmatch("[0-9a-f]{64}", digest):
            present[path] = digest
    return present, folders


def _ask(device: str, program: str) -> str:
    """Returns what a program that changes nothing prints on the board."""
    # It may be just restarting; its boot.py may wait for a network longer than mpremote for
    # boot.py (10 s); and an interrupted boot.py leaves a raw REPL that answers twice.
    for first in ([], ["resume"]):
        try:
            return _mpremote(device, first, [["exec", program]], _LOOK_S)
        except _NoAnswerError:
            pass
    return _mpremote(device, ["resume"], [["exec", program]], _LOOK_S)


def _new_folders(paths: Iterable[str], present: set[str]) -> list[str]:
    needed = {str(parent) for path in paths for parent in PurePosixPath(path).parents}
    return sorted(needed - present)


def _mpremote(
    device: str,
    first: list[str],
    steps: list[list[str]],
    silence_s: float,
    heard: Callable[[str], None] = lambda line: None,
) -> str:
    """Run one mpremote session of several steps; returns what it printed.

    silence_s: end it when it prints no line for so long. heard: told of each line.
    """
    command = [*toolchain.mpremote(), "connect", device, *first]
    for step in steps:
        command += [*step, "+"]
    if command[-1] == "+":
        command.pop()
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )
    assert process.stdout is not None
    text = ""
    timer = _kill_later(process, silence_s)
    try:
        for line in process.stdout:
            timer.cancel()
            text += line
            heard(line.rstrip("\n"))
            timer = _kill_later(process, silence_s)
        status = process.wait()
    finally:
        timer.cancel()
        process.kill()
        process.wait()
        process.stdout.close()
    if status == 0:
        return text
    if status == -signal.SIGKILL or any(sign in text for sign in _NO_RAW_REPL):
        raise _NoAnswerError(_NO_ANSWER.format(device))
    # Never mpremote's own words: they may quote a file's content.
    for sign, cure in _CURES:
        if sign in text:
            raise UserError(cure.format(device))
    raise UserError(f"mpremote failed on {device}; press the board's reset and try again")


def _kill_later(process: subprocess.Popen[str], delay_s: float) -> threading.Timer:
    timer = threading.Timer(delay_s, process.kill)
    timer.daemon = True
    timer.start()
    return timer


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from None
