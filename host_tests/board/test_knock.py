"""Is a board reached that sleeps most of the time, as NB-IoT devices do?"""

import os
import tty
from collections.abc import Callable

import pytest

from tools import toolchain
from tools.board.deploy import deploy
from tools.board.knock import knock
from tools.board.virtual import VirtualBoard

# Awake for a moment after each sleep only. `finally`: sleeps, even when interrupted just before.
_SLEEPER = """
import machine, time
if machine.reset_cause() == machine.DEEPSLEEP_RESET:
    print("woke")
time.sleep(0.3)
try:
    print("bye")
finally:
    machine.deepsleep({})
"""


@pytest.fixture
def bits() -> int:
    """One word width is enough: it is about the serial line."""
    return toolchain.word_sizes()[0]


@pytest.fixture
def sleeper(board: VirtualBoard, put: Callable[..., None]) -> Callable[[int], VirtualBoard]:
    def start(sleep_ms: int) -> VirtualBoard:
        put(main=_SLEEPER.format(sleep_ms))
        before = board.printed
        board.reset()
        board.wait_for("^bye$", since=before)
        return board

    return start


def _unexpected() -> None:
    pytest.fail("the board answered late")


def test_a_program_is_deployed_to_a_board_when_it_wakes(
    sleeper: Callable[[int], VirtualBoard],
) -> None:
    board = sleeper(1500)
    told: list[str] = []
    changed = deploy(board.device, {"/x.py": b""}, lambda done, total, text: told.append(text))
    assert changed == 1
    assert "woke" in board.output()
    assert "press its reset, or wait until it wakes" in told[0]


def test_a_board_asleep_for_ever_is_reached_when_its_reset_is_pressed(
    sleeper: Callable[[int], VirtualBoard],
) -> None:
    board = sleeper(0)
    assert knock(board.device, 20, board.reset)


def test_a_board_left_in_the_raw_repl_is_reached_at_once(
    board: VirtualBoard, mpremote: Callable[..., str]
) -> None:
    line = os.open(board.device, os.O_RDWR | os.O_NOCTTY)
    heard = b""
    os.write(line, b"\x01")
    while not heard.endswith(b"raw REPL; CTRL-B to exit\r\n>"):
        heard += os.read(line, 4096)
    os.close(line)
    assert knock(board.device, 5, _unexpected)
    assert mpremote("exec", "print('in')") == "in\n"


def test_what_is_no_board_is_given_up() -> None:
    master, slave = os.openpty()
    tty.setraw(slave)
    waited: list[bool] = []
    assert not knock(os.ttyname(slave), 1.1, lambda: waited.append(True))
    assert waited == [True]
    os.close(master)
    os.close(slave)
