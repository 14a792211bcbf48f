"""A virtual board for each test, of each word width that this machine has."""

import base64
import contextlib
import json
import os
import pty
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from host_tests.support import signet
from tools import toolchain
from tools.board.virtual import VirtualBoard
from tools.paths import CACHE, LIB

PROMPT = r"^>>> \Z"
SIGNET = Path(sys.executable).with_name("signet")


def signet_board(*arguments: str | Path, status: int = 0) -> str:
    """What `signet board` prints, where nobody can be asked."""
    with Path(os.devnull).open() as nobody, mock.patch.object(sys, "stdin", nobody):
        done = signet("board", *arguments)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


@contextlib.contextmanager
def console(folder: Path, *options: str) -> Iterator[Callable[[bytes, bytes], bytes]]:
    """`signet board console` in a terminal: what types a text, and returns what comes up to
    another. It leaves by Ctrl-].
    """
    child, terminal = pty.fork()
    if child == 0:
        command = [str(SIGNET), "board", "console", "--folder", str(folder), *options]
        os.execv(SIGNET, command)
    seen = b""

    def says(typed: bytes, until: bytes) -> bytes:
        nonlocal seen
        os.write(terminal, typed)
        deadline = time.monotonic() + 60
        while until not in seen:
            assert select.select([terminal], [], [], deadline - time.monotonic())[0], seen
            seen += os.read(terminal, 4096)
        before, _, seen = seen.partition(until)
        return before

    try:
        yield says
        os.write(terminal, b"\x1d")
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        child = 0
    finally:
        if child:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
        os.close(terminal)


_FLASH = """
import vfs, sys, os, json, binascii
f = open(sys.argv[1], "rb")
class Flash:
    def readblocks(self, block, buf, off=0):
        f.seek(block * 4096 + off); f.readinto(buf)
    def ioctl(self, op, arg):
        return f.seek(0, 2) // 4096 if op == 4 else 4096 if op == 5 else 0
vfs.mount(vfs.VfsLfs2(Flash()), "/flash", readonly=True)
def show(folder):
    for entry in os.ilistdir("/flash" + folder):
        path = folder + "/" + entry[0]
        if entry[1] & 0x4000:
            show(path)
        else:
            with open("/flash" + path, "rb") as file:
                print(json.dumps([path, binascii.b2a_base64(file.read()).decode()]))
show("")
"""


def flash(folder: Path) -> dict[str, bytes]:
    """The files on the flash of a virtual board that is off."""
    program = [toolchain.micropython(toolchain.word_sizes()[0]), "-X", "heapsize=8M"]
    command = [*program, "-c", _FLASH, folder / "flash.img"]
    done = subprocess.run(command, capture_output=True, check=True)
    return {
        path: base64.b64decode(text) for path, text in map(json.loads, done.stdout.splitlines())
    }


class Serial:
    """A terminal on the board's serial line; it shows at once what comes, as a terminal does."""

    def __init__(self, board: VirtualBoard) -> None:
        self._board = board
        self._line = os.open(board.device, os.O_RDWR | os.O_NOCTTY)
        self._shown = b""
        self._news = threading.Condition()
        self._closed_read, self._closed_write = os.pipe()
        self._reader = threading.Thread(target=self._show, daemon=True)
        self._reader.start()

    def _show(self) -> None:
        while self._closed_read not in select.select([self._line, self._closed_read], [], [])[0]:
            try:
                data = os.read(self._line, 65536)
            except OSError:  # the board is gone
                return
            with self._news:
                self._shown += data
                self._news.notify_all()

    def type(self, text: str) -> int:
        """Sends text; returns where in the board's output to look for what comes of it."""
        before = self._board.printed
        os.write(self._line, text.encode())
        return before

    def read_until(self, end: bytes) -> bytes:
        """Returns all that came over the line, once it ends so."""
        with self._news:
            assert self._news.wait_for(lambda: self._shown.endswith(end), 30), self._shown
            return self._shown

    def close(self) -> None:
        os.close(self._closed_write)
        self._reader.join()
        os.close(self._line)
        os.close(self._closed_read)


def widths() -> list[Any]:
    """Word sizes as a test's parameters; all but the first, an ESP32's, are for `make proof`."""
    first, *others = toolchain.word_sizes()
    proofs = [pytest.param(bits, marks=pytest.mark.proof) for bits in others]
    return [first, *proofs]


@pytest.fixture(params=widths(), ids="{}-bit".format)
def bits(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture
def board(tmp_path: Path, bits: int) -> Iterator[VirtualBoard]:
    """A board with empty flash that has booted to its prompt."""
    with VirtualBoard(tmp_path / "board", bits=bits).create() as board:
        board.wait_for(PROMPT)
        yield board


class TimeServer:
    """Answers SNTP on loopback with the host's time, or as it is told; counts who asks.

    head: leap indicator, version and mode, then the stratum. transmitted: in place of the time.
    """

    head = b"\x24\x02"
    transmitted: bytes | None = None

    def __init__(self) -> None:
        self.asked = 0
        self._socket = socket.socket(type=socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._answer, daemon=True)
        self._thread.start()

    def _answer(self) -> None:
        while (request := self._socket.recvfrom(48))[0]:
            self.asked += 1
            now = (int(time.time()) + 2_208_988_800) % 2**32
            time_sent = self.transmitted or now.to_bytes(4, "big") + bytes(4)
            answer = self.head.ljust(24, b"\0") + request[0][40:] + bytes(8) + time_sent
            self._socket.sendto(answer, request[1])

    def close(self) -> None:
        self._socket.sendto(b"", self._socket.getsockname())
        self._thread.join()
        self._socket.close()


@pytest.fixture
def time_server() -> Iterator[TimeServer]:
    server = TimeServer()
    yield server
    server.close()


@pytest.fixture
def with_clock(board: VirtualBoard) -> VirtualBoard:
    """The board, with what of signet a board.py needs to set its clock, and nothing else."""
    board.stop()
    names = [*("clock", "modules", "network_time", "device/files", "device/state")]
    names += ["__init__", "errors", "device/json_file", "wire/exact_json", "wire/http_date"]
    names += ["wire/iso8601", "net/modem/at", "net/modem/channel", "net/modem/network_clock"]
    compiled = toolchain.compile_tree(LIB, CACHE / "mpy" / "lib")
    board.fill({f"/lib/signet/{name}.mpy": compiled[Path(f"signet/{name}.mpy")] for name in names})
    board.start().wait_for(PROMPT)
    return board


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
        done = subprocess.run(command, capture_output=True, text=True, cwd=cwd, check=False)
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
