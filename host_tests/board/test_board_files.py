"""Do the boards' own files keep the contract of every board?

The ESP32's board.py runs here on the virtual board, whose `network` and `machine` have the same
names; what only a chip can show (Wi-Fi, NTP, temperature) is for a real one.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from tools import toolchain
from tools.board.deploy import BOARDS
from tools.board.virtual import VirtualBoard
from tools.paths import ROOT

_KINDS = ["virtual", "esp32"]
_PASSWORD = "never-to-be-shown-4711"


@pytest.fixture
def bits() -> int:
    """One word width is enough: the files do no arithmetic that could tell."""
    return toolchain.word_sizes()[0]


@pytest.fixture
def on_board(
    board: VirtualBoard, mpremote: Callable[..., str], tmp_path: Path
) -> Callable[..., str]:
    """Deploys a board.py, and wifi.json if there is text for it, and runs a program beside it."""

    def run(kind: str, program: str, wifi: str | None = None) -> str:
        steps = ["fs", "cp", str(BOARDS / kind / "board.py"), ":", "+"]
        if wifi is not None:
            (tmp_path / "wifi.json").write_text(wifi)
            steps += ["fs", "cp", str(tmp_path / "wifi.json"), ":", "+"]
        shown = mpremote(*steps, "exec", "import board\n" + program)
        return "".join(line for line in shown.splitlines(True) if not line.startswith("cp "))

    return run


_FORM = '/wifi.json must be {"ssid": "...", "password": "..."}'
_WIFI = f'{{"ssid": "home", "password": "{_PASSWORD}"}}'


@pytest.mark.parametrize("kind", _KINDS)
def test_the_network_comes_up_and_the_clock_is_set(
    on_board: Callable[..., str], kind: str
) -> None:
    program = "print(board.network_up(5000), board.network_up(5000), board.set_clock())"
    shown = on_board(kind, program, _WIFI)
    assert shown == "True True True\n"


_COUNTS = "import machine, ntptime, time\nntptime.settime = lambda: print('asked')\n"


@pytest.mark.parametrize("kind", _KINDS)
def test_the_time_is_not_asked_for_while_it_is_known(
    on_board: Callable[..., str], kind: str
) -> None:
    program = _COUNTS + "print(board.set_clock(), board.set_clock())"
    assert on_board(kind, program) == "asked\nTrue True\n"


@pytest.mark.parametrize("kind", _KINDS)
@pytest.mark.parametrize(
    ("memory", "asked"),
    [
        ("b'set ' + (int(time.time()) - 82700).to_bytes(4, 'little')", False),
        ("b'set ' + (int(time.time()) - 82800).to_bytes(4, 'little')", True),
        ("b'set ' + (int(time.time()) + 60).to_bytes(4, 'little')", True),  # the clock went back
        ("b'set ' + bytes(4)", True),
        ("b'set '", True),
        ("b'somebody else'", True),
    ],
)
def test_the_time_is_asked_for_after_a_day_or_when_rtc_memory_does_not_tell(
    on_board: Callable[..., str], kind: str, memory: str, asked: bool
) -> None:
    program = _COUNTS + f"machine.RTC().memory({memory})\nprint(board.set_clock())"
    assert on_board(kind, program) == ("asked\nTrue\n" if asked else "True\n")


@pytest.mark.parametrize("kind", _KINDS)
def test_sensors_give_a_dict_of_numbers(on_board: Callable[..., str], kind: str) -> None:
    program = (
        "v = board.sensors()\n"
        "print(sorted(v), all(isinstance(x, (int, float)) for x in v.values()))"
    )
    names = {
        "virtual": ["humidity", "temperature", "uptime"],
        "esp32": ["free_heap", "rssi", "uptime"],
    }
    assert on_board(kind, program) == f"{names[kind]} True\n"


def test_the_virtual_sensors_are_the_same_each_time(on_board: Callable[..., str]) -> None:
    program = (
        "vs = [board.sensors() for _ in range(9)]\n"
        "print([v['temperature'] for v in vs], [v['humidity'] for v in vs])"
    )
    assert on_board("virtual", program) == (
        "[21.5, 21.75, 22.0, 22.25, 22.5, 22.25, 22.0, 21.75, 21.5] "
        "[40, 41, 42, 43, 44, 45, 46, 47, 40]\n"
    )


@pytest.mark.parametrize("kind", _KINDS)
@pytest.mark.parametrize(
    ("data", "result"),
    [
        ("{'led': 1, 'colour': 'red'}", "{'led': 1} 1"),
        ("{'colour': 'red'}", "{} 0"),
        ("b'\\x00\\xff'", "{} 0"),
        ("None", "{} 0"),
    ],
)
def test_obey_sets_what_the_board_has_and_tells_what_it_set(
    on_board: Callable[..., str], kind: str, data: str, result: str
) -> None:
    program = (
        "import machine\n"
        f"class C:\n name, kind, device = 'set', 'command', None\n data = {data}\n"
        "print(board.obey(C()), machine.Pin(2, machine.Pin.OUT).value())"
    )
    assert on_board(kind, program) == result + "\n"


@pytest.mark.parametrize("kind", _KINDS)
def test_idle_waits_with_the_watchdog_fed(on_board: Callable[..., str], kind: str) -> None:
    program = (
        "import time\nt = time.ticks_ms()\nboard.idle(120)\n"
        "print(time.ticks_diff(time.ticks_ms(), t) >= 120)\nboard.feed()\nboard.idle(0)"
    )
    assert on_board(kind, program) == "True\n"


@pytest.mark.parametrize(
    ("wifi", "said"),
    [
        (None, 'no /wifi.json on the board; it holds {"ssid": ..., "password": ...}'),
        ("{", _FORM),
        ("[1]", _FORM),
        (
            f'{{"password": "{_PASSWORD}"}}',
            '/wifi.json must be {"ssid": "...", "password": "..."}',
        ),
    ],
)
def test_an_esp32_says_what_is_wrong_with_wifi_json(
    on_board: Callable[..., str], wifi: str | None, said: str
) -> None:
    shown = on_board("esp32", "print(board.network_up(100))", wifi)
    assert shown == f"board: {said}\nFalse\n"


def test_an_esp32_without_wi_fi_goes_on(on_board: Callable[..., str]) -> None:
    program = (
        "import network\n"
        "network.WLAN.isconnected = lambda self: False\n"
        "print(board.network_up(60))"
    )
    assert on_board("esp32", program, _WIFI) == "board: no Wi-Fi yet, status 1001\nFalse\n"


def test_an_esp32_that_is_only_asked_joins_once_in_five_seconds_and_says_nothing(
    on_board: Callable[..., str],
) -> None:
    program = (
        "import network\n"
        "network.WLAN.isconnected = lambda self: False\n"
        "network.WLAN.status = lambda self: 201\n"
        "network.WLAN.connect = lambda self, *wifi: print('joins')\n"
        "print(board.network_up(0), board.network_up(0))"
    )
    assert on_board("esp32", program, _WIFI) == "joins\nFalse False\n"


def test_an_esp32_without_ntp_goes_on(on_board: Callable[..., str]) -> None:
    program = (
        "import ntptime\n"
        "def settime():\n print('asked')\n raise OSError(110)\n"
        "ntptime.settime = settime\nprint(board.set_clock())"
    )
    assert on_board("esp32", program) == "asked\nasked\nasked\nFalse\n"


@pytest.mark.parametrize(
    ("chip", "celsius"),
    [
        ("class esp32:\n mcu_temperature = lambda: 31", "31"),
        ("class esp32:\n raw_temperature = lambda: 122", "50"),
        ("class esp32: pass", "None"),
    ],
    ids=["ESP32-C3", "ESP32", "none"],
)
def test_an_esp32_measures_its_temperature_where_it_can(
    on_board: Callable[..., str], chip: str, celsius: str
) -> None:
    program = f"{chip}\nboard.esp32 = esp32\nprint(board.sensors().get('temperature'))"
    assert on_board("esp32", program) == celsius + "\n"


def test_the_firmware_manifest_names_what_there_is() -> None:
    manifest = ROOT / "firmware" / "manifest.py"
    named: list[Path] = []

    def package(name: str, base_path: str, opt: int) -> None:
        named.append(manifest.parent / base_path / name / "__init__.py")

    def module(name: str, base_path: str, opt: int) -> None:
        named.append(manifest.parent / base_path / name)

    names = {"package": package, "module": module, "include": str, "require": str}
    exec(compile(manifest.read_text(), manifest, "exec"), names)
    assert len(named) == 2
    assert all(path.exists() for path in named)
