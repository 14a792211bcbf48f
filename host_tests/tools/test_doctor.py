"""Does `signet doctor` find what is right and what is wrong, and say how to mend it?

The faults are real ones, at a twin and on a virtual board; what no board here can have (another
MicroPython, another clock) is put into what one has said.
"""

import datetime
import json
import os
import re
from pathlib import Path

import pytest

from host_tests import screens
from host_tests.board.test_outbox import VALUES
from host_tests.support import no_image, signet
from tools.board.deploy import project_files
from tools.board.mpremote import reach
from tools.board.virtual import VirtualBoard
from tools.doctor import board as on_board
from tools.doctor import command, laptop
from tools.doctor.row import OK, WRONG
from tools.paths import ROOT
from tools.pki.authority import Authority

_SECRETS = ("device_secret", "token", "password")
_WAYS = [
    ("enos", "mqtt", "device"),
    ("alibaba", "mqtts", "device"),
    ("alibaba", "https", "device"),
    ("alibaba", "coap", "device"),
    ("alibaba", "coaps", "device"),
    ("watson", "mqtts", "application"),
    ("watson", "ws", "gateway"),
    ("azure", "mqtts", "enrollment"),
    ("azure", "wss", "device"),
]


@pytest.fixture(autouse=True)
def _no_other_board(tmp_path, monkeypatch):
    monkeypatch.setattr(command, "DEFAULT_FOLDER", tmp_path / "none")
    monkeypatch.setenv("COLUMNS", "80")


def _printed(*words, hidden=()):
    """What `signet doctor` prints below what it says of this computer."""
    done = signet("doctor", *words)
    assert done.returncode in (0, 1), done.stderr
    screens.look("doctor", done.stdout)
    for secret in hidden:
        assert secret not in done.stdout + done.stderr
    return done.stdout[done.stdout.index("\nBoard") :]


def _asked(*words, hidden=()):
    """The same, blanks made one."""
    return re.sub(r"\s+", " ", _printed(*words, hidden=hidden))


def _columns(printed):
    """State and name of each row there."""
    rows = printed.partition("\nBoard (")[2].partition("Nothing is wrong.")[0].splitlines()[1:]
    return [(row[:7].strip(), row[7:22].strip()) for row in rows if row[:1].strip()]


def _at(folder, config, ca, *words):
    folder.mkdir(exist_ok=True)
    (folder / "device.json").write_text(json.dumps(config))
    if ca is not None:
        (folder / "ca.pem").write_bytes(ca)
    secret = _SECRETS + (("device_key",) if config["cloud"] == "azure" else ())
    hidden = [config[key] for key in secret if key in config]
    return _asked("--config", folder / "device.json", *words, hidden=hidden)


@pytest.mark.parametrize(("cloud", "way", "role"), _WAYS)
def test_at_the_twin_all_is_right_and_it_hears_nothing_but_a_login(
    twin, tmp_path, cloud, way, role
):
    last = twin.last_id()
    config = twin.device_config(cloud, way, role)
    ca = Path(twin.ready["ca_file"]).read_bytes()
    said = _at(tmp_path / "board", config, ca, "--login")
    assert " wrong " not in said
    assert " ok login " in said
    assert ("TLS 1.2 ca.pem trusts " in said) == config["tls"]
    assert [message for message in twin.messages(after=last) if message["direction"] == "up"] == []


def test_without_login_none_is_tried_and_it_is_said_why(twin, tmp_path):
    said = _at(tmp_path / "board", twin.device_config("enos"), None)
    assert "- login not tried: --login does, which may push a running board off" in said


# What is wrong in a device.json for the twin (cloud, way, changes), and what is said.
_WRONG = {
    "secret": (
        ("enos", "mqtt", {"device_secret": "another-secret"}),
        "wrong login refused: CONNACK 4, user or password are wrong check product_key, ",
    ),
    "secret by HTTPS": (
        ("alibaba", "https", {"device_secret": "another-secret"}),
        "wrong login refused: code 20000, auth check error check product_key, ",
    ),
    "secret by CoAP": (
        ("alibaba", "coap", {"device_secret": "another-secret"}),
        "wrong login refused: /auth answers 4.",
    ),
    "another's name by DTLS": (
        ("alibaba", "coaps", {"host": "mqtt.example.com"}),
        "wrong DTLS the certificate is of ",
    ),
    "token by WebSocket": (
        ("watson", "wss", {"token": "another-token"}),
        "wrong login refused: CONNACK ",
    ),
    "key": (
        ("azure", "mqtts", {"device_key": "d3Jvbmd3cm9uZ3dyb25nd3Jvbmc="}),
        "token also needs this computer's clock right",
    ),
    "closed port": (("enos", "mqtt", {"port": 1}), "is closed there check `host` and `port`"),
    "CoAP to where nothing goes": (
        ("alibaba", "coap", {"address": "255.255.255.255"}),
        "(UDP) cannot be reached: Permission denied is the network up?",
    ),
    "unknown name": (
        ("enos", "mqtt", {"address": None, "host": "meter.invalid"}),
        "meter.invalid",
    ),
    "another's name": (
        ("alibaba", "mqtts", {"host": "mqtt.example.com"}),
        ", not of mqtt.example.com check `host` in device.json",
    ),
    "no TLS there": (
        ("alibaba", "mqtt", {"tls": True, "insecure": False}),
        "wrong TLS the server ends the handshake without a word check `port` and `tls`",
    ),
    "no certificate": (
        ("enos", "mqtts", {}),
        "it may ask for a certificate of the device: name its file in `cert`",
    ),
    "a slip in a key": (
        ("enos", "mqtt", {"devicekey": "x"}),
        "wrong device.json device.json: devicekey: ",
    ),
}


@pytest.mark.parametrize("mistake", _WRONG)
def test_what_is_wrong_in_device_json_is_said_where_it_shows(twin, tmp_path, mistake):
    (cloud, way, changes), expected = _WRONG[mistake]
    config = twin.device_config(cloud, way) | changes
    ca = Path(twin.ready["ca_file"]).read_bytes()
    said = _at(tmp_path / "board", config, ca, "--login")
    assert expected in said and "Wrong: " in said


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("expired", "or a CA above it, is expired: it ends on 20"),
        ("not_yet_valid", "is this computer's clock right?"),
        ("unknown_ca", "wrong TLS ca.pem does not trust it: it was signed by CN="),
    ],
)
def test_a_servers_certificate_that_a_board_would_refuse_is_said(twin, tmp_path, kind, expected):
    ca = Path(twin.ready["ca_file"]).read_bytes()
    twin.fault("tls", cloud="alibaba", certificate=kind)
    try:
        said = _at(tmp_path / "board", twin.device_config("alibaba", "mqtts"), ca)
    finally:
        twin.fault("tls", cloud="alibaba")
    assert expected in said


def test_a_ca_that_is_anothers_or_is_missing_is_said(twin, tmp_path):
    config = twin.device_config("alibaba", "mqtts")
    said = _at(tmp_path / "missing", config, None)
    assert "wrong device.json ca.pem, the server's CA, is not beside it `signet pki ca-of" in said
    stranger = Authority(tmp_path / "stranger").certificate_file.read_bytes()
    assert "wrong TLS ca.pem does not trust it" in _at(tmp_path / "wrong", config, stranger)
    config = twin.device_config("alibaba", "coaps")
    assert "wrong DTLS ca.pem does not trust it" in _at(tmp_path / "wrong", config, stranger)


def test_a_devices_own_certificate_is_shown_and_one_of_another_ca_is_refused(org, tmp_path):
    config = org.twin.device_config("watson", "mqtts") | {"cert": "own.pem"}
    name = f"d:{config['type_id']}:{config['device_id']}"
    ca = Path(org.twin.ready["ca_file"]).read_bytes()
    folder = tmp_path / "board"
    folder.mkdir()
    (folder / "own.pem").write_bytes(org.certificate(name).read_bytes())
    assert "ok login the cloud takes it" in _at(folder, config, ca, "--login")
    (folder / "own.pem").write_bytes(org.certificate(name, org.stranger).read_bytes())
    assert "it may not take `cert`" in _at(folder, config, ca, "--login")


@pytest.mark.parametrize("image", [False, True], ids=["virtual", "image"])
def test_a_board_that_reports_is_right_as_the_page_has_it_and_reports_again(twin, tmp_path, image):
    if image and (reason := no_image()):
        pytest.skip(reason)
    config = twin.device_config("alibaba", "mqtts")
    folder = tmp_path / "flash"
    board = VirtualBoard(folder).create(image=image)
    kind = {"board": board.kind, "frozen": image}
    board.fill(project_files(config, Path(twin.ready["ca_file"]), **kind))
    with board:
        first = board.wait_for("report 1 stored", 90).end()
        printed = _printed("--folder", folder, hidden=[config["device_secret"]])
        page = (ROOT / "docs" / "doctor.md").read_text().replace("\n    ", "\n")
        example = _columns(page)
        if image:
            example = [("-" if name == "Wi-Fi" else state, name) for state, name in example]
        assert _columns(printed) == example and printed.endswith("Nothing is wrong.\n")
        board.wait_for(r"report \d+ stored", 90, since=first)


def test_what_is_wrong_on_a_board_is_said(tmp_path):
    board = VirtualBoard(tmp_path / "flash").create(64)
    board.fill(
        {
            "/wifi.json": b'{"ssid": "net", "pasword": "hidden-4711"}',
            "/device.json": b'["enos"]',
            "/outbox/x3": VALUES + b"no such property",
            "/full": bytes(36 << 10),
        }
    )
    said = _asked("--folder", tmp_path / "flash", hidden=["hidden-4711"])
    for wrong in (
        "signet not on the board: signet, main.py `",
        "full: no report can wait there. Remove files",
        "last errors 1 set aside, the last: no such property `signet board outbox`",
        'wifi.json wifi.json must be {"ssid": "...", "password": "..."}: there is another key',
        "device.json it is no JSON object deploy it again",
    ):
        assert wrong in said


_FULL = b"""
kept = []
try:
    while True:
        kept.append(bytes(200))
except MemoryError:
    print("full")
"""


def test_a_board_whose_heap_is_full_answers_all_the_same(tmp_path):
    folder = tmp_path / "flash"
    VirtualBoard(folder).create(64).fill({"/main.py": _FULL})
    with VirtualBoard(folder) as board:
        board.wait_for("full", 90)
        said = _asked("--folder", folder)
    assert "wrong heap " in said and "ok clock " in said


@pytest.fixture(scope="module")
def facts(tmp_path_factory):
    """What a virtual board says of itself."""
    with VirtualBoard(tmp_path_factory.mktemp("board")).create() as board:
        reach(board.device, lambda _: None)
        return on_board.facts(board.device)


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"micropython": [[1, 24, 1], "esp32", "an ESP32"]}, "signet needs 1.25 or newer"),
        ({"clock": [2000, 1, 1, 0, 0, 9]}, "does the network let NTP"),
        ({"reset": ["WDT_RESET"]}, "its program hung"),
        ({"heap": [1000, 110_000]}, "too little for a report"),
        ({"idf": [[100_000, 20_000, 9000], [50_000, 1000, 900]]}, "TLS takes about 38 KiB"),
        ({"flash": [65_536, 4096]}, "no report can wait there"),
        ({"wifi": [True, False, ["STAT_WRONG_PASSWORD"], None]}, "check password in wifi.json"),
        ({"wifi": [False, False, ["STAT_IDLE"], None]}, "nothing has tried to join: is wifi.json"),
        ({"wifi": [True, False, ["STAT_NO_AP_FOUND"], None]}, "check ssid in wifi.json"),
    ],
)
def test_what_a_board_says_is_judged(facts, changed, expected):
    there = {"files": [0, 100, 100, 60], "wifi": [True, True, [], -55]}  # as signet is deployed
    now = datetime.datetime.now(datetime.UTC)
    right = {row.name: row.state for row in on_board.rows(facts | there, now)}
    assert WRONG not in right.values() and right["Wi-Fi"] == right["flash"] == OK
    (wrong,) = (row for row in on_board.rows(facts | there | changed, now) if row.state == WRONG)
    assert expected in wrong.mend


def test_a_port_that_this_user_may_not_open_names_the_group_to_join(tmp_path, monkeypatch):
    master, line = os.openpty()
    (tmp_path / "ttyUSB0").symlink_to(os.ttyname(line))
    monkeypatch.setattr(laptop, "_DEV", tmp_path)
    try:
        assert [row.state for row in laptop.ports(None)] == [OK]
        monkeypatch.setattr(os, "access", lambda *_: False)  # as root, all may be opened
        (row,) = laptop.ports(None)
    finally:
        os.close(master)
        os.close(line)
    assert row.state == WRONG and "ttyUSB0: run `sudo usermod -aG " in row.text
