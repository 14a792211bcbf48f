"""Do the boards' own files keep the contract of every board?

The ESP32's board.py runs here on the virtual board, whose `network` and `machine` have the same
names; what only a chip can show (Wi-Fi, temperature) is for a real one.
"""

import ast
import re
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from host_tests.board.conftest import TimeServer, signet_board
from tools import toolchain
from tools.board.deploy import BOARDS
from tools.board.virtual import VirtualBoard
from tools.paths import ROOT

_KINDS = ["virtual", "esp32"]
_WITH_PPP = [*_KINDS, "esp32_ppp"]
_ALL = [*_WITH_PPP, "esp32_nbiot"]
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


@pytest.mark.parametrize("kind", _ALL)
def test_sensors_give_a_dict_of_numbers(on_board: Callable[..., str], kind: str) -> None:
    program = (
        "v = board.sensors()\n"
        "print(sorted(v), all(isinstance(x, (int, float)) for x in v.values()))"
    )
    names = {
        "virtual": ["humidity", "temperature", "uptime"],
        "esp32": ["free_heap", "rssi", "uptime"],
    }
    found = names.get(kind, ["free_heap", "uptime"])
    assert on_board(kind, program) == f"{found} True\n"


def test_the_virtual_sensors_are_the_same_each_time(on_board: Callable[..., str]) -> None:
    program = (
        "vs = [board.sensors() for _ in range(9)]\n"
        "print([v['temperature'] for v in vs], [v['humidity'] for v in vs])"
    )
    assert on_board("virtual", program) == (
        "[21.5, 21.75, 22.0, 22.25, 22.5, 22.25, 22.0, 21.75, 21.5] "
        "[40, 41, 42, 43, 44, 45, 46, 47, 40]\n"
    )


@pytest.mark.parametrize("kind", _WITH_PPP)
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


@pytest.mark.parametrize("kind", _ALL)
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
        ("{", f"wifi.json: is not JSON in UTF-8; .*; it holds {_FORM}"),
        ("[1]", f"wifi.json: is not JSON in UTF-8; .*; it holds {_FORM}"),
        (_WIFI.encode("utf-16"), f"wifi.json: is not JSON in UTF-8; .*; it holds {_FORM}"),
        (f'{{"password": "{_PASSWORD}"}}', f"wifi.json: has no such texts; it holds {_FORM}"),
        (f'{{"ssid": ["{_PASSWORD}"]}}', f"wifi.json: has no such texts; it holds {_FORM}"),
        (
            f'{{"ssid": "home", "password": ["{_PASSWORD}"]}}',
            f"wifi.json: has no such texts; it holds {_FORM}",
        ),
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


def test_what_the_esp32s_have_in_common_is_the_same_in_each() -> None:
    found: dict[str, set[str]] = {"_temperature": set(), "_uptime_s": set(), "feed": set()}
    for kind in ("esp32", "esp32_ppp", "esp32_nbiot"):
        for part in ast.parse((BOARDS / kind / "board.py").read_text()).body:
            if isinstance(part, ast.FunctionDef) and part.name in found:
                found[part.name].add(ast.unparse(part))
    assert [len(texts) for texts in found.values()] == [1, 1, 1]


_UART = """
import machine
class UART:
    def __init__(self, number, baud, **more):
        print(number, baud, sorted(more.items()))
machine.UART = UART
"""


def test_a_modem_s_line_has_the_pins_and_the_baud_of_device_json(
    on_board: Callable[..., str],
) -> None:
    more = "('rxbuf', 2048)", "('timeout', 0)"
    for pins, found in (("17, 'rx': 16", ["('rx', 16)", *more, "('tx', 17)"]), ("None", more)):
        settings = f"{{'uart': 1, 'baud': 9600, 'tx': {pins}}}"
        shown = on_board("esp32_nbiot", f"{_UART}board.uart({settings})")
        assert shown.endswith(f"1 9600 [{', '.join(found)}]\n")


# A modem and a PPP of this test: what a real one does is not known here.
_DIALS = r"""
import json, machine, network, time
settings = {"apn": "iot.example"}
ANSWERS = {b"AT\r": b"OK", b"ATE0\r": b"ATE0OK", b'AT+CGDCONT=1,"IP","iot.example"\r': b"OK"}
ANSWERS[b"ATD*99#\r"] = b"CONNECT 115200"
class UART:
    def __init__(self, number, baud, **more):
        print("uart", number, baud, sorted(more.items()))
        self.said = None
    def write(self, text):
        data = text.encode()
        print(data)
        self.said = ANSWERS.get(data) and b"\r\n" + ANSWERS[data] + b"\r\n"
    def read(self, count=None):
        said, self.said = self.said, None
        return said
class PPP:
    SEC_CHAP = 2
    up = False
    def __init__(self, line):
        pass
    def connect(self, *, security=0, user=None, key=None):
        print("ppp", security, user, key)
        PPP.up = True
    def isconnected(self):
        return self.up
    def disconnect(self):
        print("hangs up")
        PPP.up = False
machine.UART, network.PPP = UART, PPP
def dial(ms):
    with open("device.json", "w") as file:
        json.dump({"app": {"ppp": settings}}, file)
    return board.network_up(ms)
"""
_DIALLED = r"""uart 1 115200 [('rxbuf', 4096), ('timeout', 0), ('txbuf', 2048)]
b'AT\r'
b'ATE0\r'
b'AT+CGDCONT=1,"IP","iot.example"\r'
b'ATD*99#\r'
"""


def test_an_esp32_dials_by_a_modem_a_step_a_call(on_board: Callable[..., str]) -> None:
    program = _DIALS + "n = 1\nwhile not dial(0):\n    n += 1\nprint(n > 4, dial(0))"
    assert on_board("esp32_ppp", program) == f"{_DIALLED}ppp 0 None None\nTrue True\n"


def test_it_logs_in_and_dials_again_when_the_connection_ends(on_board: Callable[..., str]) -> None:
    program = _DIALS + f"settings.update(user='meter', password='{_PASSWORD}', tx=17, rx=16)\n"
    program += "print(dial(9000))\nPPP.up = False\nprint(dial(9000))"
    once = _DIALLED.replace("[", "[('rx', 16), ").replace("('txb", "('tx', 17), ('txb")
    once += f"ppp 2 meter {_PASSWORD}\nTrue\n"
    assert on_board("esp32_ppp", program) == once + "hangs up\n" + once


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("settings.clear()", "device.json: app: needs the modem's; for example .*"),
        ("ANSWERS[b'ATD*99#\\r'] = b'NO CARRIER'", "the modem does not take ATD[*]99#"),
        ("ANSWERS.clear()", "the modem does not take ATH"),
        ("PPP.isconnected = lambda self: False", "the network answers no PPP"),
    ],
)
def test_an_esp32_that_cannot_dial_says_why_and_waits(
    on_board: Callable[..., str], change: str, said: str
) -> None:
    quick = "really = board.clock.Deadline\nboard.clock.Deadline = lambda ms: really(min(ms, 50))"
    program = f"{_DIALS}{quick}\n{change}\nprint(dial(3000), dial(0))"
    shown = on_board("esp32_ppp", program)
    assert re.search(f"^board: {said}", shown, re.MULTILINE) and shown.endswith("False False\n")
    assert shown.count("board:") == 1


def _frozen() -> list[Path]:
    """What firmware/manifest.py puts into an image, beside what is not ours."""
    manifest = ROOT / "firmware" / "manifest.py"
    named: list[Path] = []

    def package(name: str, base_path: str, opt: int) -> None:
        named.append(manifest.parent / base_path / name / "__init__.py")

    def module(name: str, base_path: str, opt: int) -> None:
        named.append(manifest.parent / base_path / name)

    def freeze_mpy(path: str) -> None:
        named.extend(Path(path).rglob("*.mpy"))

    names = {"package": package, "module": module, "include": str, "require": str}
    exec(compile(manifest.read_text(), manifest, "exec"), names | {"freeze_mpy": freeze_mpy})
    return named


def test_the_firmware_manifest_names_what_there_is() -> None:
    assert len(_frozen()) == 1
    assert all(path.exists() for path in _frozen())


def test_an_image_may_hold_what_one_device_json_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "device.json"
    config.write_text('{"cloud": "alibaba", "way": "coap"}')
    folder = tmp_path / "new"
    wrong = tmp_path / "wrong.py"
    wrong.write_text("a = 1\ndef f(:\n")
    refused = signet_board(
        "link", "--config", config, "--to", folder, "--program", wrong, status=2
    )
    assert "wrong.py, line 2: invalid syntax" in " ".join(refused.split())
    said = signet_board("link", "--config", config, "--to", folder)
    monkeypatch.setenv("SIGNET", str(folder))
    frozen = [path.relative_to(folder) for path in _frozen() if path.suffix == ".mpy"]
    assert Path("lib/signet/__init__.mpy") in frozen
    for path in frozen:  # tools/mpy-tool.py finds the module's name there
        assert (
            f"{path.relative_to('lib').with_suffix('.py')}".encode()
            in (folder / path).read_bytes()
        )
    assert said.startswith(f"{len(frozen)} files below ")
    assert "something is there" in signet_board(
        "link", "--config", config, "--to", folder, status=2
    )
