"""Do the lines of docs/install.md bring signet into a project that is on a board, and no more?

The board, its heap of 110 KiB and mpremote are those of all tests; a project is the expected value
of itself.
"""

import contextlib
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from typer.testing import CliRunner

from host_tests.board.conftest import flash
from host_tests.support import Twin, signet
from tools import cli, packages, toolchain
from tools.board.virtual import VirtualBoard
from tools.lifeline import die_with_parent
from tools.parts import PARTS, package
from tools.paths import ROOT

_PAGE = (ROOT / "docs" / "install.md").read_text()
_MAIN = re.findall(r"```python\n(.+?)```", _PAGE, re.DOTALL)
_ADDRESS = "http://192.168.1.10:8000"
_PRODUCT = "a1Greenhouse"

# Somebody's: a driver, settings, a log, umqtt.simple as it was copied by hand, and a boot.py.
_PROJECT = {
    "/boot.py": b"""
import network, ntptime, settings
station = network.WLAN(network.STA_IF)
station.active(True)
station.connect(settings.SSID, settings.KEY)
while not station.isconnected():
    pass
ntptime.settime()
from umqtt.simple import MQTTClient
home = MQTTClient("bed-4", settings.BROKER)
""",
    "/settings.py": b"SSID, KEY, BROKER = '', '', '10.0.0.2'\nSDA, SCL, EVERY_MS = 21, 22, 2000\n",
    "/lib/bme280.py": b"""
class BME280:
    def __init__(self, sda, scl):
        self._celsius = 21.25

    def read(self):
        self._celsius += 0.25
        return self._celsius, 40
""",
    "/log.csv": b"2026-11-29T12:00:00Z;21.5;40\n" * 200,
    "/data/calibration.bin": bytes(range(256)),
}


def _before(main: str) -> str:
    """A program as it was without signet, by its comments."""
    kept = (line for line in main.splitlines(keepends=True) if "  # new" not in line)
    return "import time\n" + re.sub(r"\S.*  # was: ", "", "".join(kept))


def _section(title: str) -> list[list[str]]:
    """The commands of a section of the page."""
    text = _PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    lines = re.findall(r"^    (make .+|\.venv/bin/.+)", text, re.MULTILINE)
    return [shlex.split(line, comments=True) for line in lines]


class _Project:
    """The board with the project on it, and mpremote."""

    def __init__(self, board: VirtualBoard) -> None:
        self.board = board
        umqtt = toolchain.umqtt() / "umqtt" / "simple.py"
        self.files = _PROJECT | {"/lib/umqtt/simple.py": umqtt.read_bytes()}
        board.fill(self.files | {"/main.py": _before(_MAIN[0]).encode()})
        board.start().wait_for("^21.5 C 40 %")

    def mpremote(self, *words: str) -> str:
        """As the page has it: `.venv/bin/mpremote WORDS`."""
        command = [*toolchain.mpremote(), "connect", self.board.device, *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture
def project(tmp_path: Path) -> Iterator[_Project]:
    bits = min(toolchain.word_sizes())
    board = VirtualBoard(tmp_path, f"{110 * bits // 32}k", bits).create()
    try:
        yield _Project(board)
    finally:
        board.stop()


class _Laptop(NamedTuple):
    """A folder with build/index and board/, the device's name, and what `signet new` said."""

    folder: Path
    name: str
    said: str


@pytest.fixture(scope="module")
def _laptop(twin: Twin, tmp_path_factory: pytest.TempPathFactory) -> _Laptop:
    folder = tmp_path_factory.mktemp("laptop")
    packages.write_index(folder / "build" / "index")  # as `make package`
    twin.cli("device", "add", "alibaba", _PRODUCT, folder.name)
    words = ["--twin", "--state", twin.state, "--cloud", "alibaba", "--way", "mqtts"]
    device = ["--device", f"{_PRODUCT}/{folder.name}", "--board", "esp32"]
    with contextlib.chdir(folder):
        done = signet("new", "board", *words, *device)
    assert done.returncode == 0, done.stderr
    return _Laptop(folder, folder.name, done.stdout)


@pytest.fixture
def laptop(_laptop: _Laptop, monkeypatch: pytest.MonkeyPatch) -> _Laptop:
    monkeypatch.chdir(_laptop.folder)
    return _laptop


@pytest.fixture
def server(laptop: _Laptop) -> Iterator[str]:
    """Address of build/index, shown as the page says."""
    start, *_ = _section("From a web server")
    assert [start[0], start[-1]] == [".venv/bin/python", "8000"]
    with subprocess.Popen(
        [sys.executable, "-u", *start[1:-1], "--bind", "127.0.0.1", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        preexec_fn=die_with_parent(),  # noqa: PLW1509
    ) as process:
        try:
            assert process.stdout
            found = re.search(r"port (\d+)", process.stdout.readline())
            assert found
            yield f"http://127.0.0.1:{found[1]}"
        finally:
            process.kill()


def _reports(project: _Project, twin: Twin, laptop: _Laptop) -> None:
    """Edit main.py as the page says; its own values are stored, and its files are as they were."""
    Path("main.py").write_text(_MAIN[0])
    after, since = twin.last_id(), project.board.printed
    project.mpremote("cp", "main.py", ":", "+", "reset")
    project.board.wait_for("^report 3 stored", 60, since)
    topic = f"/sys/{_PRODUCT}/{laptop.name}/thing/event/property/post"
    stored = twin.wait_for_messages("alibaba", 3, after, direction="up", topic=topic)
    values = [json.loads(each["payload"])["params"]["temperature"]["value"] for each in stored]
    assert [*dict.fromkeys(values)][:3] == [21.5, 21.75, 22.0]
    assert "Traceback" not in project.board.output(since)

    project.board.stop()
    now = flash(project.board.folder)
    assert now.pop("/main.py") == _MAIN[0].encode()
    assert {path: now.get(path) for path in project.files} == project.files
    by_signet = r"/lib/signet/.+|/device\.json|/ca\.pem|/outbox/.+|/signet\.state"
    assert all(re.fullmatch(by_signet, path) for path in now.keys() - project.files.keys())


def test_mip_and_three_lines_let_a_project_report_and_leave_its_files_alone(
    project: _Project, twin: Twin, laptop: _Laptop, server: str
) -> None:
    make, new, install, copy = _section("In an existing project")
    assert [make, new] == [["make", "package"], [".venv/bin/signet", "new", "board"]]
    for _, *words in (install, copy):
        project.mpremote(*words)
    told = laptop.said.splitlines()[-1]
    assert told.endswith(f"mip install {ROOT / install[-1]} + {shlex.join(copy[1:])}")
    assert ROOT / install[-1] == packages.INDEX / "signet.json"
    _, by_index, *_ = _section("From a web server")
    shown = [each.replace(_ADDRESS, server) for each in by_index[1:]]
    assert shown != by_index[1:]
    assert "Installing:" not in project.mpremote(*shown)  # the same, by its hashes
    _reports(project, twin, laptop)


def test_a_board_installs_by_itself_and_its_project_reports(
    project: _Project, twin: Twin, laptop: _Laptop, server: str
) -> None:
    *_, (_, *copy) = _section("In an existing project")
    project.mpremote(*copy)
    project.mpremote("exec", _MAIN[1].replace(_ADDRESS, server))
    _reports(project, twin, laptop)


def test_the_page_names_every_package_and_options_that_there_are() -> None:
    named = {*re.findall(r"signet-[a-z-]+", _PAGE)}
    assert named >= {package(part) for part in PARTS} - {"signet", "signet-token"}
    for _, *words in _section("On a board for this alone"):
        said = CliRunner().invoke(cli.app, [*words, "--help"]).stdout
        assert all(word in said for word in words if word.startswith("--"))
