"""Does the flash of the virtual board keep what was written, whenever the power fails?"""

from collections.abc import Callable
from pathlib import Path

import pytest

from host_tests.board.conftest import PROMPT, Serial
from tools.board.virtual import VirtualBoard
from tools.ui import UserError

# Replaces a file the safe way, over and over: the board's outbox and state will do the same.
_REPLACE = """
import os
def replace(n):
    with open("new", "w") as f:
        f.write(str(n) * 3000)
    os.rename("new", "kept")
try:
    print("found", set(open("kept").read()), len(open("kept").read()))
except OSError:
    print("found nothing")
for n in range(4):
    replace(n)
print("all written")
"""


def test_a_file_is_there_after_a_power_cut(board: VirtualBoard, serial: Serial) -> None:
    text = "f = open('a', 'w'); f.write('kept'); f.close(); print('writ' + 'ten')\r"
    board.wait_for("^written$", since=serial.type(text))
    board.power_cut()
    board.start()
    board.wait_for("^kept$", since=serial.type("print(open('a').read())\r"))


def test_a_power_cut_ends_the_board_and_start_begins_anew(
    board: VirtualBoard, serial: Serial
) -> None:
    device, before = board.device, board.printed
    board.power_cut()
    serial.type("print('lost')\r")
    board.start()
    assert board.device == device
    board.wait_for(PROMPT, since=before)
    assert "lost" not in board.output()


@pytest.mark.parametrize("bits", [32], indirect=True)
def test_the_power_can_fail_in_the_middle_of_any_write(
    board: VirtualBoard, put: Callable[..., None]
) -> None:
    put(main=_REPLACE)
    cuts = 0
    for number in range(1, 200, 3):
        before = board.printed
        board.power_cut()
        board.start(cut_at_write=number)
        board.wait_for(r"^found (nothing|\{'[0-3]'\} 3000)$", since=before)
        while not (cut := board.wait_for_cut(0.02)):
            if "all written" in board.output(before):
                break
        if not cut:
            break
        cuts += 1
    else:
        pytest.fail("the program never came to its end")
    assert cuts > 10


def test_a_full_flash_is_an_oserror_that_the_board_survives(tmp_path: Path, bits: int) -> None:
    with VirtualBoard(tmp_path, bits=bits).create(32) as board:
        board.wait_for(PROMPT)
        serial = Serial(board)
        text = "f = open('a', 'w')\rwhile True: f.write('x' * 512)\r\r"
        board.wait_for(r"OSError: (28|\[Errno 28\] ENOSPC)", since=serial.type(text))
        board.wait_for("^yes$", since=serial.type("f = None; print('y' + 'es')\r"))
        serial.close()


def test_create_empties_the_flash(tmp_path: Path, bits: int) -> None:
    board = VirtualBoard(tmp_path, bits=bits).create(64)
    assert board.image.stat().st_size == 64 * 1024
    first = board.image.read_bytes()
    with board:
        serial = Serial(board)
        board.wait_for(PROMPT)
        board.wait_for("^1$", since=serial.type("open('a', 'w').close(); print(0 + 1)\r"))
        serial.close()
    assert board.image.read_bytes() != first
    assert board.create(64).image.read_bytes() == first


def test_fill_leaves_these_files_and_no_others(
    board: VirtualBoard, put: Callable[..., None], mpremote: Callable[..., str]
) -> None:
    put(old="")
    with pytest.raises(UserError, match="is running; stop it first"):
        board.fill({})
    board.power_cut()
    files = {"/main.py": b"print('started')", "/a/b/c d": bytes(range(256)) * 40, "/a/empty": b""}
    board.fill(files)
    board.start()
    board.wait_for("^started$")
    assert mpremote("fs", "tree").splitlines()[2:] == [
        "├── a",
        "│   ├── b",
        "│   │   └── c d",
        "│   └── empty",
        "└── main.py",
    ]
    program = "with open('/a/b/c d', 'rb') as f: print(f.read() == bytes(range(256)) * 40)"
    assert mpremote("exec", program) == "True\n"


@pytest.mark.parametrize("size_kib", [0, 28, 33, -4])
def test_create_says_which_sizes_there_are(tmp_path: Path, size_kib: int) -> None:
    with pytest.raises(UserError, match="multiple of 4 from 32 up"):
        VirtualBoard(tmp_path).create(size_kib)


@pytest.mark.parametrize("modem", ["/etc/passwd", "/dev/null", "/nobody", "bg96"])
def test_create_says_which_modems_there_are(tmp_path: Path, modem: str) -> None:
    with pytest.raises(UserError, match=f"'{modem}' is no modem; use one of: bg95, .*or a serial"):
        VirtualBoard(tmp_path).create(modem=modem)
