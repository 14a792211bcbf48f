"""Is a secret gone from the disk when the command that had it there was killed?"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tools.paths import ROOT
from tools.pki.keys import write_file
from tools.scratch import scratch
from tools.secret_files import secret_files

_HOLDER = """
import sys, time
from tools.scratch import scratch
with scratch() as folder:
    open(folder + "/key", "w").write("secret")
    print(folder, flush=True)
    time.sleep(60)
"""


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """Where temporary files go, ours and a child's."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


def _holder():
    process = subprocess.Popen([sys.executable, "-c", _HOLDER], cwd=ROOT, stdout=subprocess.PIPE)
    return process, Path(process.stdout.readline().decode().strip(), "key")


def test_what_a_killed_run_left_goes_when_the_next_begins_and_what_is_used_stays(temporary):
    (killed, left), (alive, used) = _holder(), _holder()
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert left.exists()
    with scratch() as folder:
        assert not left.parent.exists()
        assert used.exists()
        assert Path(folder).stat().st_mode & 0o077 == 0
    alive.kill()
    alive.wait()
    assert not Path(folder).exists()


def test_secret_files_are_read_by_a_child_and_are_in_no_folder(temporary):
    with secret_files([b"one", b"two"]) as paths:
        shown = subprocess.run(["cat", *paths], capture_output=True, check=True).stdout
        assert shown == b"onetwo"
        assert list(temporary.iterdir()) == []
    assert not any(path.exists() for path in paths)


def test_secret_files_are_private_where_there_are_none_in_memory(temporary, monkeypatch):
    monkeypatch.setattr("sys.platform", "darwin")
    with secret_files([b"one"]) as (path,):
        assert path.read_bytes() == b"one"
        assert path.parent.stat().st_mode & 0o077 == 0
    assert list(temporary.iterdir()) == []


def test_what_a_killed_writer_of_a_key_left_goes_with_the_next_write(tmp_path):
    left, fresh = tmp_path / ".device.key.signet-a1b2c3d4", tmp_path / ".device.key.signet-e5f6"
    other = tmp_path / ".device.key.original"
    for path in (left, fresh, other):
        path.write_text("secret")
    for path in (left, other):
        os.utime(path, (time.time() - 3600,) * 2)
    write_file(tmp_path / "device.key", b"key", 0o600)
    assert {path.name for path in tmp_path.iterdir()} == {fresh.name, other.name, "device.key"}
