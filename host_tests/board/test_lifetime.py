"""Does a virtual board end when it should, and leave nothing behind?"""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tools.board import rom
from tools.board.virtual import VirtualBoard
from tools.modem.emulator import Emulator
from tools.paths import ROOT
from tools.ui import UserError

_OWNER = """
import pathlib, sys
from tools.board.virtual import VirtualBoard
board = VirtualBoard(pathlib.Path(sys.argv[1])).create(64).start()
from host_tests.board.conftest import Serial
Serial(board).type(sys.argv[2] + "\\r\\r")
board.wait_for("running")
print(board._bridge._process.child.pid, flush=True)
sys.stdin.read()
"""


def _descriptors() -> set[str]:
    return {path.name for path in Path("/proc/self/fd").iterdir()}


@pytest.mark.parametrize(
    "program", ["print('run' + 'ning')", "print('run' + 'ning')\rwhile True: pass"]
)
def test_micropython_dies_with_its_killed_owner(tmp_path: Path, program: str) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", _OWNER, str(tmp_path), program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
    )
    assert owner.stdout
    assert owner.stdin
    board = os.pidfd_open(int(owner.stdout.readline()))
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    poll = __import__("select").poll()
    poll.register(board, 1)
    assert poll.poll(10_000), "MicroPython still runs"
    os.close(board)
    owner.stdin.close()
    owner.stdout.close()
    VirtualBoard(tmp_path).create(64)  # nobody holds the board


def test_stop_ends_the_process_and_closes_the_line(tmp_path: Path, bits: int) -> None:
    before = _descriptors()
    board = VirtualBoard(tmp_path, bits=bits).create().start()
    assert (tmp_path / "device").resolve() == Path(board.device)
    board.stop()
    assert _descriptors() <= before  # others may end meanwhile
    assert not (tmp_path / "device").is_symlink()
    with pytest.raises(UserError, match="not running"):
        _ = board.device
    board.stop()


def test_the_output_is_there_after_stop(tmp_path: Path) -> None:
    with VirtualBoard(tmp_path).create() as board:
        board.wait_for(">>> ")
    assert "MicroPython v" in board.output()


def test_a_board_that_runs_cannot_be_started_or_emptied_by_another(tmp_path: Path) -> None:
    with VirtualBoard(tmp_path).create():
        with pytest.raises(UserError, match="in use"):
            VirtualBoard(tmp_path).start()
        with pytest.raises(UserError, match="in use"):
            VirtualBoard(tmp_path).create()


def test_a_board_must_be_created_first(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="signet board create"):
        VirtualBoard(tmp_path).start()


def test_a_modem_that_has_gone_is_said(tmp_path: Path) -> None:
    with Emulator("bg95") as modem:
        VirtualBoard(tmp_path).create(modem=modem.path)
    (tmp_path / "modem").write_text("/dev/null")  # another may have its line by now
    with pytest.raises(UserError, match="line is gone: start `signet modem` again"):
        VirtualBoard(tmp_path).start()


def test_a_heap_too_small_to_start_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    board = VirtualBoard(tmp_path, heap="8k").create()
    monkeypatch.setattr(rom, "HEAP_BYTES", {32: -7000, 64: -7000})
    with pytest.raises(UserError, match="does not start"):
        board.start()


@pytest.mark.parametrize("heap", ["foo", "", "3k", "-1"])
def test_a_heap_that_is_no_size_is_said(tmp_path: Path, heap: str) -> None:
    with pytest.raises(UserError, match="heap"):
        VirtualBoard(tmp_path, heap=heap).create().start()


def test_wait_for_ends_with_what_the_board_printed(tmp_path: Path) -> None:
    with VirtualBoard(tmp_path).create() as board:
        board.wait_for(">>> ")
        with pytest.raises(TimeoutError, match=r"no 'never'(.|\n)*MicroPython v"):
            board.wait_for("never", timeout_s=0.01)


def test_starting_twice_is_starting_once(tmp_path: Path) -> None:
    with VirtualBoard(tmp_path).create() as board:
        board.wait_for(">>> ")
        board.start()
        assert board.output().count("MicroPython v") == 1
