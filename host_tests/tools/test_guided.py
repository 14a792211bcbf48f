"""Does fuzzing by coverage find anything that a reader of a board must not raise?"""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools import toolchain
from tools.lifeline import die_with_parent
from tools.paths import LIB, ROOT

pytestmark = [
    pytest.mark.proof,
    pytest.mark.timeout(600),
    pytest.mark.skipif(
        importlib.util.find_spec("atheris") is None,
        reason="no atheris here: `make proof` installs it where it has a wheel",
    ),
]

# How many inputs each takes; those that are read from files take longer.
_RUNS = {
    **dict.fromkeys(("json", "cbor", "codes", "x509", "dates"), 60_000),
    "replies": 15_000,
    **dict.fromkeys(("state", "outbox", "config"), 5_000),
}


def _guided(folder: Path, reader: str, runs: int, lib: Path = LIB) -> subprocess.CompletedProcess:
    path = ROOT / "firmware/bench", ROOT / "host_tests/shims", toolchain.umqtt(), lib
    program = ROOT / "host_tests/guided.py"
    return subprocess.run(
        [sys.executable, program, reader, folder, f"-runs={runs}", "-seed=1"],
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(map(str, path)),
            "PYTHONDONTWRITEBYTECODE": "1",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        errors="replace",
        text=True,
        check=False,
        preexec_fn=die_with_parent(),
    )


@pytest.mark.parametrize("reader", _RUNS)
def test_a_reader_raises_nothing_but_what_it_promises(tmp_path, reader):
    done = _guided(tmp_path, reader, _RUNS[reader])
    assert done.returncode == 0, done.stdout[-4000:]
    assert f"Done {_RUNS[reader]} runs" in done.stdout


_WRONG = """

_right = loads


def loads(payload, source):
    if payload[:1] == b"Q":
        {}["found"]
    return _right(payload, source)
"""


def test_an_exception_is_found_with_its_input(tmp_path):
    shutil.copytree(LIB, tmp_path / "lib")
    file = tmp_path / "lib/signet/wire/exact_json.py"
    file.write_text(file.read_text() + _WRONG)
    done = _guided(tmp_path, "json", 60_000, tmp_path / "lib")
    assert "KeyError: 'found'" in done.stdout, done.stdout[-4000:]
    (found,) = tmp_path.glob("crash-*")
    assert found.read_bytes().startswith(b"Q")
