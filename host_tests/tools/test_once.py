"""Is what several workers need made once, whole, and anew when its sources change?"""

import subprocess
import sys

import pytest

from host_tests import once
from tools.paths import ROOT

_WORKER = """
import os, sys, time
from pathlib import Path
from host_tests import once

once._FOLDER = Path(sys.argv[1])


def make(folder):
    print("made")
    (folder / "one").touch()
    while len(list(Path(sys.argv[1]).glob("waiting-*"))) < 3:  # the others come meanwhile
        time.sleep(0.01)
    (folder / "two").touch()


Path(sys.argv[1], f"waiting-{os.getpid()}").touch()
print(len(list(once.made("thing", [sys.argv[2]], make).iterdir())))
"""


def test_workers_that_come_at_once_wait_for_the_one_that_makes_it(tmp_path):
    command = [sys.executable, "-c", _WORKER, str(tmp_path), "source"]
    workers = [
        subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    said = [worker.communicate(timeout=60)[0].split() for worker in workers]
    assert sorted(said) == [["2"], ["2"], ["made", "2"]]


def test_other_sources_make_another_and_a_failure_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(once, "_FOLDER", tmp_path)
    source = tmp_path / "source.py"
    source.write_text("1")
    first = once.made("thing", [source], lambda folder: None)
    source.write_text("2")
    assert once.made("thing", [source], lambda folder: None) != first
    source.write_text("3")
    with pytest.raises(ZeroDivisionError):
        once.made("thing", [source], lambda folder: 1 / 0)
    again = once.made("thing", [source], lambda folder: (folder / "whole").touch())
    assert [path.name for path in again.iterdir()] == ["whole"]
    assert len([path for path in tmp_path.iterdir() if path.is_dir()]) == 3
