"""A virtual board for each test, of each word width that this machine has."""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tools import toolchain
from tools.board.virtual import VirtualBoard

PROMPT = r"^>>> \Z"


class Serial:
    """A terminal on the board's serial line."""

    def __init__(self, board: VirtualBoard) -> None:
        self._board = board
        self._line = os.open(board.device, os.O_RDWR | os.O_NOCTTY)

    def type(self, text: str) -> int:
        """Sends text; returns where in the board's output to look for what comes of it."""
        before = len(self._board.output())
        os.write(self._line, text.encode())
        return before

    def read(self) -> bytes:
        """Returns what has come over the line, at least a byte."""
        return os.read(self._line, 65536)

    def close(self) -> None:
        os.close(self._line)


@pytest.fixture(params=toolchain.word_sizes(), ids="{}-bit".format)
def bits(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture
def board(tmp_path: Path, bits: int) -> Iterator[VirtualBoard]:
    """A board with empty flash that has booted to its prompt."""
    with VirtualBoard(tmp_path / "board", bits=bits).create() as board:
        board.wait_for(PROMPT)
        yield board


@pytest.fixture
def terminal(board: VirtualBoard) -> Iterator[Callable[[], Serial]]:
    """Opens the serial line; for tests that use mpremote first."""
    opened: list[Serial] = []

    def open_line() -> Serial:
        opened.append(Serial(board))
        return opened[-1]

    yield open_line
    for serial in opened:
        serial.close()


@pytest.fixture
def serial(terminal: Callable[[], Serial]) -> Serial:
    return terminal()


@pytest.fixture
def mpremote(board: VirtualBoard) -> Callable[..., str]:
    """The real mpremote on the board: steps and their arguments in, what it printed out."""

    def run(*arguments: str, status: int = 0, cwd: Path | None = None) -> str:
        command = [*toolchain.mpremote(), "connect", board.device, *arguments]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=30, cwd=cwd, check=False
        )
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout + done.stderr

    return run


@pytest.fixture
def put(board: VirtualBoard, mpremote: Callable[..., str], tmp_path: Path) -> Callable[..., None]:
    """Writes files to the flash: `put(main="text")` writes /main.py."""

    def write(**files: str) -> None:
        steps = []
        for name, text in files.items():
            (tmp_path / f"{name}.py").write_text(text)
            steps += ["fs", "cp", "-f", str(tmp_path / f"{name}.py"), f":/{name}.py", "+"]
        mpremote(*steps[:-1])

    return write
