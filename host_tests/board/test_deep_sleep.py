"""Does a board that wakes from deep sleep go on where it was, and ask nobody for the time?"""

from collections.abc import Callable
from pathlib import Path

import pytest

from host_tests.board.conftest import PROMPT, TimeServer
from tools import toolchain
from tools.board.deploy import BOARDS
from tools.board.virtual import VirtualBoard
from tools.paths import ROOT

_SERVERS = "import board\nboard.time_servers = [('ntp', '127.0.0.1', {})]\n"
_MAIN = """
import board, machine, network
cause = machine.reset_cause()
try:
    with open("lives") as file:
        lives = int(file.read())
except OSError:
    lives = 0
with open("lives", "w") as file:
    file.write(str(lives + 1))
print("life", lives, "cause", cause, network.WLAN().isconnected(), board.set_clock())
board.deep_sleep(%s)
print("still awake")
"""


@pytest.fixture
def bits() -> int:
    """One word width is enough: the bridge, which sleeps, is the same for all."""
    return toolchain.word_sizes()[0]


@pytest.fixture(params=["virtual", "esp32"])
def sleeper(
    request: pytest.FixtureRequest,
    with_clock: VirtualBoard,
    mpremote: Callable[..., str],
    tmp_path: Path,
    time_server: TimeServer,
) -> Callable[[str], VirtualBoard]:
    """Puts the project's boot.py, a board.py and a main.py that sleeps on the board; starts it."""

    def start(sleep_ms: str) -> VirtualBoard:
        (tmp_path / "boot.py").write_text(
            _SERVERS.format(time_server.port) + (ROOT / "boot.py").read_text()
        )
        (tmp_path / "main.py").write_text(_MAIN % sleep_ms)
        (tmp_path / "wifi.json").write_text('{"ssid": "home", "password": "secret"}')
        files = [tmp_path / name for name in ("boot.py", "main.py", "wifi.json")]
        files.append(BOARDS / request.param / "board.py")
        mpremote("fs", "cp", *map(str, files), ":")
        with_clock.power_cut()
        return with_clock.start()

    return start


def test_a_board_wakes_with_its_clock_its_flash_and_a_new_cause(
    sleeper: Callable[[str], VirtualBoard], time_server: TimeServer
) -> None:
    board = sleeper("20 if lives < 3 else 600000")
    begin = board.wait_for(r"^life 0 cause 1 True True$")
    board.wait_for(
        r"^life 1 cause 4 True True\nlife 2 cause 4 True True\nlife 3 cause 4 True True$",
        since=begin.end(),
    )
    assert time_server.asked == 1
    assert "still awake" not in board.output()


def test_a_power_cut_in_deep_sleep_costs_the_clock_only(
    sleeper: Callable[[str], VirtualBoard], time_server: TimeServer
) -> None:
    board = sleeper("600000")
    begin = board.wait_for("^life 0 cause 1")
    board.power_cut()
    board.start()
    board.wait_for(r"^life 1 cause 1 True True$", since=begin.end())
    assert time_server.asked == 2


def test_the_reset_button_wakes_a_board_and_is_no_deep_sleep(
    sleeper: Callable[[str], VirtualBoard],
) -> None:
    board = sleeper("600000")
    begin = board.wait_for("^life 0 cause 1")
    board.reset()
    board.wait_for("^life 1 cause 1", since=begin.end())


def test_deepsleep_of_0_ms_is_for_ever_as_on_an_esp32(
    board: VirtualBoard, put: Callable[..., None]
) -> None:
    put(main="import machine\nprint('bye')\nmachine.deepsleep(0)\n")
    before = board.printed
    board.reset()
    match = board.wait_for("^bye$", since=before)
    with pytest.raises(TimeoutError):
        board.wait_for("bye|" + PROMPT, 0.3, since=match.end())
