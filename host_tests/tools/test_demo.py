"""Does `signet demo` show what it promises, and leave nothing behind?"""

import contextlib
import html
import os
import pty
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests

from host_tests import screens
from tools import toolchain
from tools.paths import ROOT
from tools.ui import UserError

SIGNET = Path(sys.executable).with_name("signet")


def _commanded(part):
    for line in ("report 1 as stored", "report 2 as stored", "report 3 as stored"):
        assert part.count(line) == 1
    assert part.count("command set: {'led': 1}") == 1


def _arrived(part):
    for line in ("report 1 as it arrived", "report 2 as it arrived", "report 3 as it arrived"):
        assert part.count(line) == 1
    assert part.count("command set: {'led': 1}") == part.count("answer as it arrived") == 1


def _slept(part):
    awake, _, again = part.partition("board, awake again")
    assert "report 1 as stored" in awake and "report 2 as stored" in awake
    assert "authenticated" in awake and "authenticated" not in again
    assert re.search(r"report \d+ stored as", awake) and re.search(r"report \d+ stored as", again)
    assert "datagrams: " in again


def _lapsed(part):
    before, _, after = part.partition("the token expires")
    for line in ("report 1 as stored", "report 2 as stored", "report 3 as stored"):
        assert before.count(line) == 1
    assert after.count("authenticated") == 1 and "report 4 as stored" in after


ANY, VIRTUAL = (False, True), (False,)
WAYS = {
    "Any broker, MQTT: plain mosquitto": (_arrived, ANY),
    "EnOS, MQTT": (_commanded, ANY),
    "EnOS, MQTT over TLS, a certificate of its own": (_commanded, VIRTUAL),
    "Alibaba Cloud IoT Platform, MQTT over TLS": (_commanded, ANY),
    "Watson IoT Platform, MQTT over TLS": (_commanded, VIRTUAL),
    "Watson IoT Platform, MQTT over WebSocket and TLS": (_commanded, ANY),
    "Alibaba Cloud IoT Platform, CoAP with AES, deep sleep": (_slept, ANY),
    "Alibaba Cloud IoT Platform, CoAP over DTLS, deep sleep": (_slept, VIRTUAL),
    "Alibaba Cloud IoT Platform, CoAP over NB-IoT, deep sleep": (_slept, ANY),
    "Alibaba Cloud IoT Platform, DTLS over NB-IoT, deep sleep": (_slept, (True,)),
    "Alibaba Cloud IoT Platform, HTTPS, a token that lapses": (_lapsed, ANY),
    "Azure IoT Hub, MQTT over TLS": (_commanded, VIRTUAL),
    "Watson IoT Platform, HTTPS, commands are asked for": (_commanded, VIRTUAL),
    "Watson IoT Platform, MQTT over TLS, certificate only": (_commanded, VIRTUAL),
}
"""What each shows, and whether on the image."""


def _likened(text):
    """Without what differs each time (numbers), or by the width of a table."""
    return re.sub(r"\d+", "0", re.sub(r"[\s\u2500-\u257f]+", "", text))


def _pictured(svg):
    """The lines of each table of a picture, its title first; and its frame's title."""
    texts = re.findall(r"<text[^>]*>(.*?)</text>", svg)
    return re.split(r"\n(?=.+files\sdeployed)", html.unescape("\n".join(texts)))


@pytest.mark.parametrize(
    "image",
    [pytest.param(False, id="virtual"), pytest.param(True, id="image", marks=pytest.mark.proof)],
)
def test_each_way_in_shows_what_it_promises(tmp_path, tmp_path_factory, image):
    if image:
        try:
            toolchain.image()
        except UserError as error:
            pytest.skip(str(error))
    ways = {title: show for title, (show, boards) in WAYS.items() if image in boards}
    environment = os.environ | {"TMPDIR": str(tmp_path), "COLUMNS": "80"}
    picture = tmp_path_factory.mktemp("picture") / "demo.svg"
    command = [SIGNET, "demo", "--svg", picture, *(["--image"] if image else [])]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=390, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    titles = re.findall(r"^(.+?) \(\d+ files? deployed\)", done.stdout, re.MULTILINE)
    assert titles == list(ways)
    parts = re.split(r"files? deployed\)", done.stdout)[1:]
    for show, part in zip(ways.values(), parts, strict=True):
        show(part)
    assert done.stdout.count("datagrams: 1 out, 1 in") == 2, "a warm report with AES"
    replies = sum(
        way is _commanded and not name.startswith(("Azure", "Watson"))
        for name, way in ways.items()
    )
    assert done.stdout.count("reply as stored") == replies, "of others `set` is not answered"
    screens.look("demo", done.stdout)
    assert "\x1b" not in done.stderr, "colour belongs on a terminal only"
    assert list(tmp_path.iterdir()) == []
    shown = _likened(done.stdout)
    assert all(_likened(table) in shown for table in _pictured(picture.read_text())[1:])
    if not image:
        kept = (ROOT / "docs" / "demo.svg").read_text()
        assert len(kept) < 60_000
        title, *tables = _pictured(kept)
        assert title == "make\xa0demo" and len(tables) == 2
        assert all(_likened(table) in shown for table in tables)


@pytest.mark.proof
def test_on_a_terminal_the_demo_ends_with_the_page_s_address_which_opens_until_ctrl_c(tmp_path):
    ours, theirs = pty.openpty()
    demo = subprocess.Popen(
        [SIGNET, "demo"],
        env=os.environ | {"TMPDIR": str(tmp_path), "COLUMNS": "80", "TERM": "dumb"},
        stdin=theirs,
        stdout=theirs,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    os.close(theirs)
    printed = ""
    with contextlib.suppress(OSError), os.fdopen(ours, "r", errors="replace") as terminal:
        for line in terminal:
            printed += line
            if found := re.search(r"^Look at it: (http://127\.0\.0\.1:\S+)", line):
                assert requests.get(found[1] + "api/state", timeout=60).json()["live"]
                demo.send_signal(signal.SIGINT)
    assert demo.wait(60) == 0, printed
    assert "Look at it: " in printed
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_interrupted_demo_leaves_no_secret_and_no_process(tmp_path, number):
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    demo = subprocess.Popen(
        [SIGNET, "demo"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob("*/board/flash.img")):
        assert time.monotonic() < deadline and demo.poll() is None
        time.sleep(0.01)
    demo.send_signal(number)
    _, errors = demo.communicate(timeout=60)
    assert demo.returncode == 2
    assert "signet: the demo was interrupted" in errors and "Traceback" not in errors
    assert list(tmp_path.iterdir()) == []
