"""Does `signet new` make a folder that a board takes of what a console shows, and show no secret?

Expected: what docs/clouds/ says, by hand; the keys of lib/signet/cloud/*/identity.py, read as
text. host_tests/device/test_console.py types the pages themselves.
"""

import ast
import base64
import getpass
import hmac
import json
import os
import pty
import re
import shlex
import sys
from pathlib import Path
from typing import get_args

import pytest

from host_tests.support import signet
from host_tests.tools.pki_files import Issued, device, mode
from tools import new, new_ask, new_clouds, sign
from tools.board.virtual import VirtualBoard
from tools.paths import LIB, ROOT
from tools.pki import roots

_KEY = "a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s="
_SECRET = "4711-secret"
_MQTTS, _MQTT = {"way": "mqtt", "tls": True}, {"way": "mqtt", "tls": False}
_WSS, _WS = _MQTTS | {"websocket": True}, _MQTT | {"websocket": True}
_HTTPS = {"way": "http", "tls": True}
_ALIBABA = {"product_key": "a1B2c3D4e5F", "device_name": "meter-7", "device_secret": _SECRET}
_HUB = {"host": "myhub.azure-devices.net", "device_id": "meter-7", "device_key": _KEY}
_DPS = {
    "host": "global.azure-devices-provisioning.net",
    "id_scope": "0ne000A1B2C",
    "registration_id": "meter-7",
    "device_key": _KEY,
}
_BROKER = {"client_id": "meter-7", "user": "meter-7", "password": _SECRET}
_ENOS = {
    "host": "mqtt-cn5.envisioniot.com",
    "product_key": "x1y2z3",
    "device_key": "meter-7",
    "device_secret": _SECRET,
}
_MAXIMO = {"org_id": "main", "host": "main.messaging.iot.mas.example.com"}
_WATSON = _MAXIMO | {"type_id": "meter", "device_id": "meter-7", "token": _SECRET}
_YES = {"insecure": True}
_CERT = {"cert": "device.pem"}
_JSON = {"preset": "json"}

# Cloud, way, further options, what device.json then holds beside it: typed, in this order.
_ROWS = [
    *(
        ("alibaba", way, (), said, {"host": "iot-0abc.aliyuncs.com"} | _ALIBABA | more)
        for way, said, more in (
            ("mqtts", _MQTTS, {}),
            ("mqtt", _MQTT, _YES),
            ("coaps", {"way": "coap", "tls": True}, {}),
            ("coap", {"way": "coap", "tls": False}, {}),
            ("https", _HTTPS, {}),
        )
    ),
    ("azure", "mqtts", (), _MQTTS, _HUB),
    ("azure", "wss", (), _WSS, _DPS),
    *(
        ("broker", way, (), said | _JSON, {"host": "broker.example.com"} | _BROKER | more)
        for way, said, more in (
            ("mqtts", _MQTTS, {}),
            ("mqtt", _MQTT, _YES),
            ("wss", _WSS, {}),
            ("ws", _WS, _YES),
        )
    ),
    *(
        ("broker", "mqtts", ("--preset", preset), _MQTTS | {"preset": preset}, typed)
        for preset, typed in (
            ("homeassistant", {"host": "home.example.com"} | _BROKER),
            ("thingsboard", {"host": "tb.example.com", "client_id": "m", "user": _SECRET}),
            ("aws", {"host": "a-ats.iot.eu-central-1.amazonaws.com", "client_id": "m"} | _CERT),
        )
    ),
    ("enos", "mqtt", (), _MQTT, _ENOS),
    ("enos", "mqtts", (), _MQTTS, _ENOS | _CERT),
    ("watson", "mqtts", (), _MQTTS, _WATSON),
    ("watson", "wss", (), _WSS, _WATSON),
    ("watson", "https", (), _HTTPS, _WATSON),
    (
        "watson",
        "mqtts",
        ("--role", "application"),
        _MQTTS | {"role": "application"},
        _MAXIMO | {"app_id": "dashboard", "api_key": "a-main-a84ps90Ajs", "token": _SECRET},
    ),
]


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(sign.VARIABLE, raising=False)


@pytest.fixture
def person(monkeypatch):
    """Somebody at a terminal, who types these answers, hidden or not; returns what is left."""
    for module, name in ((new, "on_terminal"), (new_ask, "on_terminal"), (sign, "_on_terminal")):
        monkeypatch.setattr(module, name, lambda: True)

    def types(*answers):
        left = [*answers]
        monkeypatch.setattr("builtins.input", lambda *_: left.pop(0))
        monkeypatch.setattr(getpass, "getpass", lambda _: left.pop(0))
        return left

    return types


def _made(*words):
    """What `signet new board WORDS` says when all is well, and its device.json."""
    done = signet("new", "board", *words)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr, json.loads(Path("board/device.json").read_text())


def _refused(*words):
    done = signet("new", "board", *words)
    assert done.returncode == 2, done.stdout
    return done.stderr


@pytest.mark.parametrize("row", _ROWS, ids=lambda row: " ".join([*row[:2], *row[2]]))
def test_what_a_person_types_is_in_device_json_and_no_secret_is_shown(person, row):
    cloud, way, options, said, typed = row
    own = device("meter-7")
    Path("device.pem").write_bytes(own.pem + own.key_bytes())
    Path("own-ca.pem").write_bytes(Issued().pem)
    answers = [value for key, value in typed.items() if key != "insecure"]
    answers[:0] = ["json"] if said.get("preset") == "json" else []
    answers += [""] if "cert" in typed else []  # the key is in the same file
    by_option = ()
    if said["tls"] and roots.CLOUDS["aws" if "aws" in options else cloud].roots:
        by_option = ("--ca", "own-ca.pem")
    elif said["tls"]:
        answers.append("own-ca.pem")
    left = person(cloud, way, *answers, *(["y"] if "insecure" in typed else []))
    shown, values = _made(*options, *by_option)
    assert left == []
    assert values == {"cloud": cloud} | said | typed
    assert _SECRET not in shown and _KEY not in shown
    made = {path.name: mode(path) for path in Path("board").iterdir()}
    assert made == (
        {"device.json": 0o600, "main.py": 0o644, "board.py": 0o644}
        | ({"ca.pem": 0o644} if said["tls"] else {})
        | ({"device.pem": 0o600} if "cert" in typed else {})
    )
    for name, source in (("main.py", "main.py"), ("board.py", "firmware/boards/esp32/board.py")):
        assert Path("board", name).read_bytes() == (ROOT / source).read_bytes()


def _fields(cloud):
    """Its keys in lib/signet: name -> (kind, is it required), and its ways in."""
    fields, ways = {}, {}
    files = (LIB / "signet/device/config.py", LIB / f"signet/cloud/{cloud}/identity.py")
    for node in (node for file in files for node in ast.parse(file.read_text()).body):
        name = ast.unparse(node.targets[0]) if isinstance(node, ast.Assign) else ""
        if name == "PORTS":
            ways = ast.literal_eval(node.value)
        if name not in ("FIELDS", "BY_WAY"):
            continue
        by_way = node.value.values if name == "BY_WAY" else [node.value]
        for table in by_way:
            for key, entry in zip(table.keys, table.values, strict=True):
                required = ast.unparse(entry.elts[1]) == "..."
                fields[key.value] = (entry.elts[0].value, required)
    return fields, ways


@pytest.mark.parametrize(
    "cloud", sorted(path.parent.name for path in LIB.glob("signet/cloud/*/identity.py"))
)
def test_the_keys_and_ways_are_those_that_a_board_has(cloud):
    fields, ports = _fields(cloud)
    table = new_clouds.CLOUDS[cloud]
    assert cloud in get_args(new_clouds.CloudName)
    asked = {each.key: each for each in table.asked}
    assert asked.keys() <= fields.keys()
    required = {key for key, (_, needed) in fields.items() if needed}
    assert required <= asked.keys() | {"cloud"}
    secrets = {key for key, (kind, _) in fields.items() if kind == "secret"}
    assert {each.key for each in table.asked if each.secret} == secrets
    assert {new_clouds.WAYS[way]["way"] for way in table.ways} == ports.keys()
    assert any("websocket" in new_clouds.WAYS[way] for way in table.ways) == (
        "websocket" in fields
    )


def test_without_a_terminal_all_that_is_missing_is_named_at_once_and_nothing_is_written():
    said = _refused("--cloud", "enos", "--product-key", "x1y2z3")
    assert re.search(
        r"not given: --host; --device-key; --secret-file or SIGNET_SECRET, for device_secret$",
        said.strip(),
    )
    assert "--cloud alibaba|azure|" in _refused()
    assert not Path("board").exists()


def test_what_a_board_would_refuse_is_said_in_its_words_and_asked_again(person):
    host = "app-portal-cn5.envisioniot.com"
    typed = ["enos", "mqtt", host, "x1y2z3", "meter-7", _SECRET, "mqtt-cn5.envisioniot.com"]
    person(*typed)
    shown, values = _made()
    assert "device.json: host: is the console; write mqtt- for app-portal-" in shown
    assert values == {"cloud": "enos"} | _MQTT | _ENOS


def _options(values):
    return [
        word
        for key, value in values.items()
        if value not in (_SECRET, _KEY)
        for word in (f"--{key.replace('_', '-')}", value)
    ]


def test_a_script_gives_options_and_the_secret_by_a_file_or_the_environment(monkeypatch):
    Path("secret").write_text(_SECRET + "\n")
    words = ["--cloud", "enos", *_options(_ENOS)]
    by_file = _made(*words, "--secret-file", "secret")[1]
    monkeypatch.setenv(sign.VARIABLE, _SECRET)
    assert _made(*words, "--replace")[1] == by_file == {"cloud": "enos"} | _MQTT | _ENOS
    assert "--device-key would show a secret" in _refused(
        "--replace", "--cloud", "azure", "--device-key", _KEY
    )
    assert "device.json: cert: " in _refused(
        "--replace", *words, "--way", "mqtts", "--cert", "secret"
    )


def test_the_key_of_an_enrollment_group_is_not_written(monkeypatch):
    key = base64.b64encode(hmac.digest(b"group", b"meter-7", "sha256")).decode()
    monkeypatch.setenv(sign.VARIABLE, base64.b64encode(b"group").decode())
    made = _made("--cloud", "azure", "--enrollment-group", *_options(_DPS))[1]
    assert made == {"cloud": "azure"} | _MQTTS | _DPS | {"device_key": key}


def test_the_clouds_own_roots_are_written_and_a_file_that_is_there_stays(monkeypatch):
    monkeypatch.setenv(sign.VARIABLE, _KEY)
    words = ["--cloud", "azure", *_options(_HUB)]
    shown, _ = _made(*words)
    assert "DigiCert Global Root G2" in shown
    before = {path: path.read_bytes() for path in Path("board").iterdir()}
    assert "--replace" in _refused(*words)
    Path("board/device.json").unlink()
    assert "there is board/main.py, board/board.py; --replace" in _refused(*words)
    del before[Path("board/device.json")]
    assert {path: path.read_bytes() for path in Path("board").iterdir()} == before


def test_a_secret_that_is_typed_is_not_shown():
    terminal, end = pty.fork()
    if terminal == 0:
        signet_path = str(Path(sys.executable).with_name("signet"))
        os.execl(signet_path, signet_path, "new", "board", "--cloud", "enos", *_options(_ENOS))
    shown = b""
    answers = {b"way": b"mqtt\n", b"(not shown)": _SECRET.encode() + b"\n"}
    try:
        while piece := os.read(end, 4096):
            shown += piece
            for asked in [asked for asked in answers if asked in shown]:
                os.write(end, answers.pop(asked))
    except OSError:  # how Linux says that the other side is gone
        pass
    assert os.waitpid(terminal, 0)[1] == 0, shown
    assert b"device secret" in shown and _SECRET.encode() not in shown
    assert json.loads(Path("board/device.json").read_text())["device_secret"] == _SECRET


def _stored(shown):
    """A virtual board made by the commands that were told stores its first report."""
    deploy, boot = (shlex.split(line)[1:] for line in re.findall(r"^  .+", shown, re.MULTILINE))
    assert boot == ["board", "boot"]
    VirtualBoard(Path("flash")).create()
    done = signet(*deploy, "--folder", "flash")
    assert done.returncode == 0, done.stderr
    with VirtualBoard(Path("flash")) as board:
        board.wait_for("report 1 stored", 30)


def test_a_device_of_the_twin_reports_by_the_commands_that_it_tells(twin):
    twin.cli("device", "add", "enos", "otherProduct", "meter-7")
    words = ["--twin", "--state", twin.state, "--cloud", "enos"]
    shown, values = _made(*words, "--device", "otherProduct/meter-7")
    assert (values["product_key"], values["device_key"]) == ("otherProduct", "meter-7")
    _stored(shown)
