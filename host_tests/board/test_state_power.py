"""Does device/state.py keep its promises whichever write to a board's flash the power cuts?"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from host_tests.depth import STEP
from tools import toolchain
from tools.board.virtual import VirtualBoard
from tools.paths import LIB

# Reserves and saves in a loop; a small limit, so that the file is written anew several times.
_MAIN = """
from signet.device.state import State
kept = State("state.log", 150)
print("start", kept.values)
for _ in range(40):
    number = kept.reserve("seq", 3)
    print("number", number)
    kept.save({"saved": number, "token": "t" * 30})
    print("saved", number)
print("done")
"""


@pytest.fixture
def board(tmp_path: Path) -> Iterator[VirtualBoard]:
    """A board, 32 bits where there are such, with the program on it; it is off."""
    names = ("__init__.py", "errors.py", "device/files.py", "device/state.py")
    files = {f"/lib/signet/{name}": (LIB / "signet" / name).read_bytes() for name in names}
    board = VirtualBoard(tmp_path / "board", bits=toolchain.word_sizes()[0]).create(256)
    board.fill(files | {"/main.py": _MAIN.encode()})
    yield board
    board.stop()


def test_no_number_repeats_and_no_value_is_half_saved_whichever_write_fails(
    board: VirtualBoard,
) -> None:
    last = attempted = saved = -1
    number = ended = 0
    while ended < 3:  # the last lives come to their end
        number += STEP
        before = board.printed
        board.start(cut_at_write=number)
        while not (cut := board.wait_for_cut(0.005)):
            if "done" in board.output(before):
                break
        life = board.output(before)
        board.power_cut()
        ended += not cut
        assert "Traceback" not in life and "Error" not in life, life
        found = re.search(r"^start .*?'saved': (\d+)", life, re.MULTILINE)
        assert saved == -1 or found, life
        if found:
            assert int(found[1]) in (saved, attempted), life
            saved = int(found[1])
        for what, value in re.findall(r"^(number|saved) (\d+)$", life, re.MULTILINE):
            if what == "number":
                assert int(value) > last, life
                last = attempted = int(value)
            else:
                saved = int(value)
    assert number > 150
