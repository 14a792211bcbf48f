"""Does the `signet` command list what it can, import only what is called, and fail in a line?"""

import importlib
import subprocess
import sys

import pytest
import typer

from tools import cli
from tools.paths import ROOT


def signet(*arguments):
    return subprocess.run(
        [sys.executable, "-c", "from tools.cli import main; main()", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        env={"PATH": "", "COLUMNS": "100"},
    )


@pytest.mark.parametrize("arguments", [("--help",), ("-h",)])
def test_help_lists_every_subcommand_with_its_sentence(arguments):
    done = signet(*arguments)
    assert done.returncode == 0
    for name, entry in cli._ENTRIES.items():
        assert name in done.stdout
        assert entry.help in done.stdout


def test_help_imports_no_subcommand():
    program = """
import sys
from tools.cli import app
try:
    app(["--help"])
except SystemExit:
    pass
print("LOADED", *sorted(name for name in sys.modules if name.startswith("tools")))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "LOADED tools tools.cli tools.lifeline tools.ui"


@pytest.mark.parametrize("name", cli._ENTRIES)
def test_every_subcommand_exists_and_explains_itself(name):
    entry = cli._ENTRIES[name]
    target = getattr(importlib.import_module(entry.module), entry.attribute)
    assert isinstance(target, typer.Typer) or callable(target)
    done = signet(name, "--help")
    assert done.returncode == 0, done.stderr
    assert f"signet {name}" in done.stdout


def test_an_unknown_subcommand_is_refused_without_a_traceback():
    done = signet("fly")
    assert done.returncode == 2
    assert "No such command" in done.stderr
    assert "Traceback" not in done.stderr


def test_what_the_user_can_mend_is_one_line_and_status_2(tmp_path):
    done = signet("size", "--device", str(tmp_path / "absent.json"))
    assert done.returncode == 2
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"signet: cannot read {tmp_path}/absent.json: ")
