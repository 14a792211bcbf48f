"""Does each page of docs/clouds/ lead from what a console shows to a stored report, as typed?

A shell on a terminal gets the page's commands; YOUR_... in them becomes what the far side shows,
which plays the console: a twin, or a mosquitto. Added are only folders for the virtual board and
the twin's state. `pytest -rP` shows the seconds of each way.
"""

import contextlib
import os
import pty
import re
import select
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from host_tests.support import Twin
from tools import toolchain
from tools.board.virtual import VirtualBoard
from tools.mosquitto import mosquitto
from tools.new_clouds import CLOUDS
from tools.paths import ROOT
from tools.pki.authority import Authority
from tools.twin.clouds import CLOUDS as OF_THE_TWIN

_LIMIT_S = 300
_SECRET = "4711-secret"
_PAGES = {page.stem: page.read_text() for page in (ROOT / "docs" / "clouds").glob("*.md")}
_LISTENERS = {
    "mqtts": "password_file passwords\n{tls}",
    "mqtt": "password_file passwords\n",
    "wss": "password_file passwords\nprotocol websockets\n{tls}",
    "ws": "password_file passwords\nprotocol websockets\n",
    "cert": "{tls}cafile {ca}\nrequire_certificate true\nuse_identity_as_username true\n",
}


class Way(NamedTuple):
    """A row of a page's table. words: of `signet new`, in place of those of the first row."""

    page: str
    title: str
    words: str

    @property
    def name(self) -> str:
        """As `--way` has it."""
        return self.words.split()[1]


def _ways(page: str) -> list[Way]:
    rows = re.findall(r"^\| ([^|]+) \| `(--way [^`]+)`", _PAGES[page], re.MULTILINE)
    return [Way(page, *row) for row in rows]


def _commands(way: Way) -> list[str]:
    """What the page has a person type for that, up to the virtual board."""
    page = _PAGES[way.page].replace(" \\\n", "")
    lines = re.findall(r"^    (\.venv/bin/signet .+)", page, re.MULTILINE)
    (first,) = (at for at, line in enumerate(lines) if " new " in line)
    new, deploy, boot = lines[first : first + 3]
    (elsewhere,) = re.findall(r"`(--address [^`]+)`", page)
    usual = _ways(way.page)[0].words
    assert new.endswith(usual)
    before = re.findall(r"(\.venv/bin/signet pki [^\n`]*\bkeys\b[^\n`]*)", page)
    return [
        *(before if "keys/" in way.words else []),
        f"{new.removesuffix(usual)}{way.words} {elsewhere}",
        deploy,
        boot,
    ]


class Terminal:
    """A shell that runs commands; asked for a secret, somebody types it. A context manager."""

    def __init__(self, commands: str, folder: Path, secret: str) -> None:
        self.shown = ""
        self._secret, self._typed = secret, 0
        self._process, self._end = pty.fork()
        if self._process == 0:
            try:
                os.chdir(folder)
                os.execlp("sh", "sh", "-ec", commands)
            finally:
                os._exit(127)

    def wait_for(self, text: str | None, deadline: float) -> None:
        """Until it shows that. None: until all has ended."""
        while text is None or text not in self.shown:
            left_s = deadline - time.monotonic()
            assert left_s > 0, f"took too long:\n{self.shown}"
            if not select.select([self._end], [], [], left_s)[0]:
                continue
            try:
                piece = os.read(self._end, 4096)
            except OSError:  # how Linux says that the other side is gone
                piece = b""
            if not piece:
                assert text is None, f"it ended:\n{self.shown}"
                return
            self.shown += piece.decode(errors="replace")
            if self.shown.count("(not shown)") > self._typed:
                self._typed += 1
                os.write(self._end, f"{self._secret}\n".encode())

    def interrupt(self) -> None:
        """Presses Ctrl-C."""
        os.write(self._end, b"\x03")

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(self, *_: object) -> None:
        os.killpg(self._process, signal.SIGKILL)  # of what has not ended, when a test fails
        os.waitpid(self._process, 0)
        os.close(self._end)


def _type(way: Way, values: Mapping[str, Any], secret: str, state: Path, folder: Path) -> None:
    """Types the page's commands for that way, until a report is stored; no longer than may be."""
    (folder / ".venv").symlink_to(sys.prefix)
    flash = folder / "flash"
    VirtualBoard(flash).create()  # `deploy` makes the usual one by itself
    lines = []
    for line in _commands(way):
        apart = {"board": f" --folder {flash}", "pki": f" --state {state}" * (" csr " not in line)}
        lines.append(line + apart.get(line.split()[1], ""))
    typed = re.sub(
        r"YOUR_(\w+)", lambda found: shlex.quote(str(values[found[1].lower()])), "\n".join(lines)
    )
    began = time.monotonic()
    with Terminal(typed, folder, secret) as terminal:
        terminal.wait_for("report 1 stored", began + _LIMIT_S)
        took_s = time.monotonic() - began
        terminal.interrupt()
        terminal.wait_for(None, time.monotonic() + _LIMIT_S)
    assert secret not in terminal.shown
    print(f"{way.page}, {way.title}: {took_s:.1f} s")


def _cases(*pages: str) -> list[Any]:
    """The first way of each cloud; the others for proof."""
    return [
        pytest.param(
            way,
            id=f"{page}: {way.title}",
            marks=[pytest.mark.proof] * (at > 0 or page not in CLOUDS),
        )
        for page in pages
        for at, way in enumerate(_ways(page))
    ]


@pytest.mark.parametrize("cloud", CLOUDS)
def test_the_page_of_a_cloud_has_its_ways_in(cloud):
    assert [*dict.fromkeys(way.name for way in _ways(cloud))] == [*CLOUDS[cloud].ways]


@pytest.mark.parametrize("page", _PAGES)
def test_a_page_has_500_words_at_most(page):
    shown = re.sub(r"<!--.*?-->", "", _PAGES[page])
    assert len(shown.split()) <= 500


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Twin]:
    with Twin(tmp_path_factory.mktemp("twin")) as twin:
        yield twin


@pytest.mark.parametrize("way", _cases(*OF_THE_TWIN))
def test_from_the_values_of_a_console_to_a_report_at_the_twin(twin, tmp_path, way):
    role = "enrollment" if "--registration-id" in way.words else "device"
    config = twin.device_config(way.page, way.name, role)
    group = twin.ready["clouds"][way.page]["group"] if "--enrollment-group" in way.words else {}
    secret = group.get("group_key") or config[OF_THE_TWIN[way.page].hidden]
    values = config | {"ca": twin.ready["ca_file"], "name": "meter-7"}
    before = twin.last_id()
    _type(way, values, secret, twin.state, tmp_path)
    stored = [each for each in twin.messages(way.page, before) if each["direction"] == "up"]
    assert any("21.5" in each["payload"] for each in stored)


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, dict[str, Any]]]:
    """A mosquitto with a listener for each way in: its folder, and their ports and files."""
    folder = tmp_path_factory.mktemp("broker")
    authority = Authority(folder / "ca", "Console CA")
    names = ["mqtt.example.com", "abc123-ats.iot.eu-central-1.amazonaws.com"]
    server = authority.server(names, folder / "server.pem")
    authority.client("meter-7", target=folder / "meter-7.pem")
    words = ["-b", "-c", folder / "passwords", "meter-7", _SECRET]
    subprocess.run([toolchain.mosquitto("mosquitto_passwd"), *words], check=True)
    with contextlib.ExitStack() as free:
        sockets = [free.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in _LISTENERS]
        ports = dict(zip(_LISTENERS, (each.getsockname()[1] for each in sockets), strict=True))
    ca = authority.certificate_file
    tls = f"certfile {server}\nkeyfile {server}\n"
    settings = "".join(
        f"listener {ports[name]} 127.0.0.1\nallow_anonymous false\n{more.format(tls=tls, ca=ca)}"
        for name, more in _LISTENERS.items()
    )
    settings = f"per_listener_settings true\nlog_type all\n{settings}"
    with mosquitto(folder, settings, ("127.0.0.1", ports["mqtt"])):
        yield folder, {"ports": ports, "ca": ca, "names": names}


@pytest.mark.parametrize("way", _cases("broker", "aws"))
def test_from_the_values_of_a_console_to_a_report_at_a_broker(broker, tmp_path, way):
    folder, far = broker
    certificate = folder / "meter-7.pem"
    values = {
        "host": far["names"][way.page == "aws"],
        "address": "127.0.0.1",
        "port": far["ports"]["cert" if "--cert" in way.words else way.name],
        "ca": far["ca"],
        "user": "meter-7",
        "client_id": "meter-7",
        "certificate": certificate,
        "key": certificate,
    }
    log = folder / "mosquitto.log"
    since = len(log.read_text())
    _type(way, values, _SECRET, folder, tmp_path)
    topic = "dt/meter-7" if way.page == "aws" else "signet/meter-7/report"
    assert re.search(rf"Received PUBLISH from meter-7 .*'{topic}'", log.read_text()[since:])
