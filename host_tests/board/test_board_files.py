"""Do the boards' own files keep the contract of every board?

The ESP32's board.py runs here on the virtual board, whose `network` and `machine` have the same
names; what only a chip can show (Wi-Fi, temperature) is for a real one.
"""

import re
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from host_tests.board.conftest import TimeServer
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
    with_clock: VirtualBoard, mpremote: Callable[..., str], tmp_path: Path
) -> Callable[..., str]:
    """Deploys a board.py, and wifi.json if there is text for it, and runs a program beside it."""

    def run(kind: str, program: str, wifi: str | bytes | None = None) -> str:
        steps = ["fs", "cp", str(BOARDS / kind / "board.py"), ":", "+"]
        if wifi is not None:
            content = wifi.encode() if isinstance(wifi, str) else wifi
            (tmp_path / "wifi.json").write_bytes(content)
            steps += ["fs", "cp", str(tmp_path / "wifi.json"), ":", "+"]
        shown = mpremote(*steps, "exec", "import board\n" + program)
        return "".join(line for line in shown.splitlines(True) if not line.startswith("cp "))

    return run


_FORM = re.escape('{"ssid": "...", "password": "..."}')
_WIFI = f'{{"ssid": "home", "password": "{_PASSWORD}"}}'


_SERVERS = "board.time_servers = [('ntp', '127.0.0.1', {}), ('http', '127.0.0.1', {})]\n"
_SHOWN = "import machine\nmachine.RTC.datetime = lambda self, value: print('set to', value[0])\n"


@pytest.fixture
def web_server() -> Iterator[HTTPServer]:
    """It knows what time it is, and no page."""
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("kind", _KINDS)
def test_the_network_comes_up_and_the_clock_is_set_once_a_day(
    on_board: Callable[..., str], kind: str, time_server: TimeServer
) -> None:
    program = _SERVERS.format(time_server.port, 9) + _SHOWN
    program += "print(board.network_up(5000), board.network_up(5000))\n"
    program += "print(board.set_clock(), board.set_clock())"
    year = time.gmtime().tm_year
    assert on_board(kind, program, _WIFI) == f"True True\nset to {year}\nTrue True\n"
    assert time_server.asked == 1


@pytest.mark.parametrize("kind", _KINDS)
def test_where_ntp_says_no_time_the_date_of_a_web_server_serves(
    on_board: Callable[..., str], kind: str, time_server: TimeServer, web_server: HTTPServer
) -> None:
    time_server.head, time_server.transmitted = b"\xe4\0", bytes(8)  # kiss of death
    program = _SERVERS.format(time_server.port, 9) + _SHOWN + "print(board.set_clock())\n"
    program += _SERVERS.format(time_server.port, web_server.server_port)
    program += "print(board.set_clock())"
    said = "board: what 127.0.0.1 answers is no time\n"
    year = time.gmtime().tm_year
    assert on_board(kind, program) == f"{said}False\n{said}set to {year}\nTrue\n"
    assert time_server.asked == 2


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
        (None, f"wifi.json: there is no such file on the board; .*; it holds {_FORM}"),
        ("{", f"wifi.json: is not JSON; .*; it holds {_FORM}"),
        ("[1]", f"wifi.json: is not JSON; .*; it holds {_FORM}"),
        (_WIFI.encode("utf-16"), f"wifi.json: is UTF-16; save it as UTF-8; it holds {_FORM}"),
        (f'{{"password": "{_PASSWORD}"}}', f"wifi.json must hold {_FORM}"),
        (f'{{"ssid": ["{_PASSWORD}"]}}', f"wifi.json must hold {_FORM}"),
        (f'{{"ssid": "home", "password": ["{_PASSWORD}"]}}', f"wifi.json must hold {_FORM}"),
    ],
)
def test_an_esp32_says_what_is_wrong_with_wifi_json(
    on_board: Callable[..., str], wifi: str | bytes | None, said: str
) -> None:
    shown = on_board("esp32", "print(board.network_up(100))", wifi)
    assert re.fullmatch(f"board: {said}\nFalse\n", shown)


def test_an_esp32_takes_wifi_json_as_an_editor_of_windows_saves_it(
    on_board: Callable[..., str],
) -> None:
    wifi = _WIFI.replace(" ", "\r\n").encode("utf-8-sig")
    program = "import network\nnetwork.WLAN.connect = lambda *wifi: print(wifi[1:])\n"
    shown = on_board("esp32", program + "board.network_up(0)", wifi)
    assert shown == f"('home', '{_PASSWORD}')\n"


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
