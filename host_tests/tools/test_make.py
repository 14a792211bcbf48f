"""What does make install, in which order, and what not again?

The Makefile and `venv.py` are the real ones, in a folder of their own; what makes an environment,
runs pip or is installed only notes that it was called.
"""

import fcntl
import os
import shutil
import subprocess
import sys

import pytest

from tools.paths import ROOT

_FILES = (
    "Makefile",
    "tools/__init__.py",
    "tools/paths.py",
    "tools/toolchain/__init__.py",
    "tools/toolchain/alone.py",
    "tools/toolchain/progress.py",
    "tools/toolchain/venv.py",
)
_NO_PACKAGES = ("requirements.lock", "requirements-dev.lock", "pyproject.toml")

_PYTHON = """#!/bin/sh
[ "$1" = -m ] || exec {python} "$@"
shift 2
exec {python} noting_venv.py "$@"
"""
_NOTING_VENV = """
import sys
from pathlib import Path
from tools.toolchain import venv

def note(text):
    with open("notes", "a") as file:
        print(text, file=file)

def create(folder, cache):
    note("environment")
    (folder / "bin").mkdir(parents=True, exist_ok=True)
    for name, notes in (("python", '"${2#tools.}${3:+ $3}"'), ("signet", '"$*"'), ("pip", "")):
        program = folder / "bin" / name
        program.write_text(f"#!/bin/sh\\necho {notes} >> notes\\n")
        program.chmod(0o755)
    return ["pip"]

def install(pip, locks):
    note("pip " + " ".join(lock.name for lock in locks))
    if Path("interrupt").exists():
        Path("interrupt").unlink()
        raise KeyboardInterrupt

venv.create = create
venv.install = install
venv._run = lambda command, what: note("project")
venv.main(*(venv.ROOT / name for name in sys.argv[1:]))
"""

_FOR_TOOLS = "pip requirements.lock"
_FOR_ALL = "pip requirements.lock requirements-dev.lock"
_DEMO = ["toolchain", "demo"]
_SETUP = ["toolchain --all"]


@pytest.fixture
def place(tmp_path):
    """A folder with what make needs, nothing installed; `python3` there notes what it is asked."""
    for name in _FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    for name in _NO_PACKAGES:
        (tmp_path / name).touch()
    (tmp_path / "noting_venv.py").write_text(_NOTING_VENV)
    (tmp_path / "path").mkdir()
    (tmp_path / "path/python3").write_text(_PYTHON.format(python=sys.executable))
    (tmp_path / "path/python3").chmod(0o755)
    return tmp_path


def make(place, goal):
    return subprocess.Popen(
        ["make", goal],
        cwd=place,
        env={**os.environ, "PATH": f"{place}/path:{os.environ['PATH']}", "MAKEFLAGS": ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def notes(place):
    """What was called since the last question."""
    file = place / "notes"
    lines = file.read_text().splitlines() if file.exists() else []
    file.unlink(missing_ok=True)
    return lines


# What is done in turn: a goal with what it calls, or a file that changes.
_CASES = {
    "demo": [("demo", ["environment", _FOR_TOOLS, "project", *_DEMO]), ("demo", _DEMO)],
    "broker": [("broker", ["environment", _FOR_TOOLS, "project", "toolchain", "broker"])],
    "setup": [("setup", ["environment", _FOR_ALL, "project", *_SETUP]), ("setup", _SETUP)],
    "setup after demo": [("demo",), ("setup", [_FOR_ALL, *_SETUP]), ("demo", _DEMO)],
    "demo after setup": [("setup",), ("demo", _DEMO), ("setup", _SETUP)],
    "a new lock, demo": [
        ("setup",),
        ("requirements.lock",),
        ("demo", [_FOR_TOOLS, *_DEMO]),
        ("setup", [_FOR_ALL, *_SETUP]),
    ],
    "a new lock, setup": [
        ("setup",),
        ("requirements.lock",),
        ("setup", [_FOR_ALL, *_SETUP]),
        ("demo", _DEMO),
    ],
    "a new lock of development": [
        ("setup",),
        ("requirements-dev.lock",),
        ("demo", _DEMO),
        ("setup", [_FOR_ALL, *_SETUP]),
    ],
    "a new project": [("demo",), ("pyproject.toml",), ("demo", [_FOR_TOOLS, "project", *_DEMO])],
    "an interrupted demo": [
        ("interrupt",),
        ("demo", ["environment", _FOR_TOOLS]),
        ("demo", ["environment", _FOR_TOOLS, "project", *_DEMO]),
    ],
    "an interrupted setup": [
        ("demo",),
        ("interrupt",),
        ("setup", [_FOR_ALL]),
        ("demo", ["environment", _FOR_TOOLS, "project", *_DEMO]),
        ("setup", [_FOR_ALL, *_SETUP]),
    ],
}


@pytest.mark.parametrize("steps", _CASES.values(), ids=_CASES)
def test_a_goal_installs_what_it_lacks_and_no_more(place, steps):
    for step, *calls in steps:
        if step in ("demo", "setup"):
            make(place, step).communicate(timeout=60)
            called = notes(place)
            assert calls in ([], [called]), step
        else:
            (place / step).touch()


def test_without_a_python_that_is_new_enough_a_line_says_what_to_install(place):
    for name in ("python3", "python3.14", "python3.13", "python3.12", "python3.11"):
        (place / "path" / name).write_text("#!/bin/sh\nexit 1\n")
        (place / "path" / name).chmod(0o755)
    process = make(place, "setup")
    _, said = process.communicate(timeout=60)
    assert process.returncode == 2 and not notes(place) and not (place / ".venv").exists()
    assert said.startswith("signet: no Python 3.11 or newer on PATH; install one")


def test_two_at_once_install_once(place):
    (place / ".cache").mkdir()
    with (place / ".cache/.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        both = [make(place, "demo"), make(place, "demo")]
        for process in both:
            assert "another make is installing here; waiting" in process.stderr.readline()
    for process in both:
        process.communicate(timeout=60)
        assert process.returncode == 0
    called = notes(place)
    assert called.count("environment") == called.count(_FOR_TOOLS) == called.count("project") == 1
    assert called.count("demo") == 2
