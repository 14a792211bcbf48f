"""How does `signet twin` start, end and answer, as a user sees it?"""

import asyncio
import contextlib
import errno
import io
import json
import os
import shlex
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from host_tests.support import Twin, signet
from host_tests.twin.certified import openssl
from host_tests.twin.coap_device import Udp
from host_tests.twin.mqtt_device import (
    Raw,
    children,
    connect_of,
    gateway_connect,
    paho,
    wait_until,
)
from tools.twin.clouds import CLOUDS
from tools.twin.clouds.doors import DOORS
from tools.twin.command import app, console
from tools.twin.process import TwinProcess
from tools.twin.registry.certificates import Certificates
from tools.twin.registry.store import open_store
from tools.ui import fail

_SIGNET = Path(sys.executable).with_name("signet")


def _run(*words: object) -> subprocess.CompletedProcess[str]:
    return signet("twin", *words)


def _gone(folder: Path) -> bool:
    """Whether the process of a /proc folder ended (a zombie that nobody reaps counts)."""
    try:
        return (folder / "stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_cleanly_and_leaves_nothing(
    tmp_path: Path, number: signal.Signals
) -> None:
    twin = Twin(tmp_path).start()
    process = twin.process
    assert process is not None
    brokers = children(twin)
    assert len(brokers) == 1
    way = twin.way("watson", "ws")
    with Raw(twin.way("enos")) as raw, connect("ws://{address}:{port}/mqtt".format(**way)) as web:
        raw.login(connect_of(twin, "enos"))
        web.send(connect_of(twin, "watson").encode())
        web.recv(20)
        process.send_signal(number)
        assert process.wait(20) == 0
        assert raw.closed()
        with pytest.raises(ConnectionClosed):
            web.recv(20)
    assert "Traceback" not in twin.output()
    assert all(map(_gone, brokers))
    assert not twin.ready_file.exists()
    assert not (twin.state / "run").exists()
    assert "Traceback" not in twin.output()


def test_a_killed_twin_leaves_no_broker(tmp_path: Path) -> None:
    twin = Twin(tmp_path).start()
    process = twin.process
    assert process is not None
    (broker,) = children(twin)
    process.send_signal(signal.SIGKILL)
    process.wait(20)
    wait_until(lambda: _gone(broker))
    told = _run("command", "enos", "set", "--state", twin.state)  # running.json is still there
    assert told.returncode == 2
    assert "start one with" in told.stderr
    with Twin(tmp_path) as again:  # and nothing that is in the way of the next
        assert again.ready["pid"] != twin.ready["pid"]


def test_what_holds_secrets_is_readable_by_its_owner_alone(twin: Twin) -> None:
    for path in (twin.ready_file, Path(twin.ready["database"]), twin.state / "ca.key"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(Path(twin.ready["control"]).parent.stat().st_mode) == 0o700


def test_the_ready_file_names_every_way_in_and_all_of_them_accept(twin: Twin) -> None:
    assert set(twin.ready["clouds"]) == set(CLOUDS)
    assert twin.ready["pid"] == twin.process.pid if twin.process else False
    for entry in twin.ready["clouds"].values():
        for name, way in entry["ways"].items():
            if name.startswith("mqtt"):
                Raw(way).socket.close()
    assert {"coap", "coaps"} < set(twin.ready["clouds"]["alibaba"]["ways"])


def test_ca_devices_and_messages_outlive_a_restart(tmp_path: Path) -> None:
    with Twin(tmp_path) as first:
        with paho(first, "watson") as device:
            device.publish("iot-2/evt/status/fmt/json", b"{}")
        ca = Path(first.ready["ca_file"]).read_bytes()
        devices = [first.device(cloud) for cloud in first.ready["clouds"]]
    with Twin(tmp_path) as second:
        assert Path(second.ready["ca_file"]).read_bytes() == ca
        assert [second.device(cloud) for cloud in second.ready["clouds"]] == devices
        assert second.messages("watson")[0]["topic"] == "iot-2/evt/status/fmt/json"


def test_two_twins_run_side_by_side_and_one_folder_has_one(twin: Twin, own_twin: Twin) -> None:
    with Raw(twin.way("enos")) as one, Raw(own_twin.way("enos")) as other:
        assert one.login(connect_of(twin, "enos")) == 0
        assert other.login(connect_of(own_twin, "enos")) == 0
    refused = _run("--state", twin.state)
    assert refused.returncode == 2
    assert "another twin" in refused.stderr


def test_a_taken_port_that_was_asked_for_is_one_clear_error(twin: Twin, tmp_path: Path) -> None:
    port = twin.way("enos")["port"]
    refused = _run("--state", tmp_path / "state", "--port", f"enos-mqtt={port}")
    assert refused.returncode == 2
    assert str(port) in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_ready_file_without_a_folder_is_one_clear_error(tmp_path: Path) -> None:
    refused = _run("--state", tmp_path, "--ready-file", tmp_path / "no" / "ready.json")
    assert refused.returncode == 2
    assert "no folder" in refused.stderr.replace("\n", " ")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--port", "enos-mqtt=99999"), "a port is 0 to 65535"),
        (("--port", "enos-mqtt=-4"), "a port is 0 to 65535"),
        (("--port", "enos-mqtt"), "a port is 0 to 65535"),
        (("--port", "enos=0"), "no door 'enos'; --port takes enos-mqtt=11883, enos-mqtts=18883"),
        (("--loss", "130%"), "write it as 0.3 or 30%"),
        (("--loss", "much"), "write it as 0.3 or 30%"),
        (("--reorder", "-0.1"), "write it as 0.3 or 30%"),
        (("--delay-ms", "-1"), "Invalid value for '--delay-ms': -1"),
        (("--state", __file__), "is a file"),
        (("--state", "/dev/null/twin"), "/dev/null/twin: Not a directory"),
        (("--ready-file", "."), "is a directory"),
    ],
)
def test_an_impossible_port_or_path_is_one_clear_error(
    words: tuple[str, ...], sentence: str
) -> None:
    refused = _run(*words)
    assert refused.returncode == 2
    assert sentence in " ".join(refused.stderr.replace("│", " ").split())
    assert "Traceback" not in refused.stderr


def test_a_door_that_moved_says_so_and_hints_can_be_copied(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with contextlib.suppress(OSError):  # taken by somebody else: as good
            taken.bind(("127.0.0.1", 11883))
            taken.listen()
        free = {door.key: 0 for door in DOORS if door.key != "enos-mqtt"}
        with TwinProcess(tmp_path, free) as twin:
            port = twin.ready["clouds"]["enos"]["ways"]["mqtt"]["port"]
            wait_until(lambda: "Ctrl-C ends it" in twin.output())
            printed = twin.output()
            (moved,) = [line for line in printed.splitlines() if " moved: " in line]
            assert "enos-mqtt" in moved
            assert f"11883 of 127.0.0.1 is taken; it is at port {port}" in moved
            (hint,) = [line for line in printed.splitlines() if " messages " in line]
            done = subprocess.run(shlex.split(hint), capture_output=True, text=True, check=True)
            assert "no message yet" in done.stderr


def test_losses_hold_for_both_coap_doors_and_are_shown(tmp_path: Path) -> None:
    with Twin(tmp_path, "--loss", "100%", "--seed", "7") as twin:
        for way in ("coap", "coaps"):
            twin.wait_for_output(f"twin    alibaba-{way} network: drop 100%, seed 7")
            with Udp(twin.way("alibaba", way)) as udp:
                udp.send(b"\x40\x00\x00\x01")
            wait_until(lambda: twin.datagrams()[f"alibaba-{way}"]["up"].get("dropped") == 1)  # noqa: B023


def test_messages_are_shown_to_the_last_or_only_the_last(tmp_path: Path) -> None:
    with contextlib.closing(open_store(tmp_path)) as store:
        for number in range(1200):
            store.record("enos", "d", "up", "t", str(number).encode(), status="stored")
            store.record("watson", "d", "up", "t", b"", status="stored")
    shown = _run("messages", "enos", "--json", "--state", tmp_path).stdout.splitlines()
    assert [int(json.loads(line)["payload"]) for line in shown] == list(range(1200))
    shown = _run(
        "messages", "enos", "--last", 3, "--json", "--state", tmp_path
    ).stdout.splitlines()
    assert [json.loads(line)["payload"] for line in shown] == ["1197", "1198", "1199"]
    with contextlib.closing(open_store(tmp_path)) as store:
        store.record("enos", "pk/other_d", "up", "t", b"no", status="stored")
        store.record("enos", "pk/d", "up", "t", b"yes", status="stored")
    for device, count in (("pk/d", 1), ("d", 1201), ("k/d", 0)):
        found = _run("messages", "enos", "--device", device, "--json", "--state", tmp_path)
        assert len(found.stdout.splitlines()) == count, device
    shown = _run("messages", "--device", "d", "--last", 1, "--state", tmp_path).stdout
    assert shown.endswith(" enos    pk/d up stored (QoS 0)\n      t\n      yes\n")
    unknown = _run("messages", "mars", "--state", tmp_path)
    assert unknown.returncode == 2
    assert "enos, alibaba, watson" in unknown.stderr


@pytest.mark.parametrize("tls", [False, True])
def test_config_prints_a_device_json_for_the_ready_device(twin: Twin, tls: bool) -> None:
    done = _run("config", "watson", *["--tls"] * tls, "--state", twin.state)
    door = twin.way("watson", "mqtts" if tls else "mqtt")
    assert json.loads(done.stdout) == {
        "cloud": "watson",
        "way": "mqtt",
        **door,
        "insecure": not tls,
        **twin.device("watson"),
    }
    assert (f"--ca {twin.ready['ca_file']}" in done.stderr) == tls


@pytest.mark.parametrize("way", ["coap", "coaps"])
def test_config_prints_a_device_json_for_each_way_of_coap(twin: Twin, way: str) -> None:
    done = _run("config", "alibaba", "--way", way, "--state", twin.state)
    assert json.loads(done.stdout) == {
        "cloud": "alibaba",
        "way": "coap",
        **twin.way("alibaba", way),
        **twin.device("alibaba"),
    }
    assert (f"--ca {twin.ready['ca_file']}" in done.stderr) == (way == "coaps")


def test_config_with_tls_for_coap_names_the_way_with_dtls(twin: Twin) -> None:
    refused = _run("config", "alibaba", "--way", "coap", "--tls", "--state", twin.state)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "CoAP over DTLS is --way coaps" in refused.stderr
    both = _run("config", "alibaba", "--way", "coaps", "--tls", "--state", twin.state)
    assert json.loads(both.stdout)["tls"] is True


def test_config_for_a_way_that_is_not_there_names_those_that_are(twin: Twin) -> None:
    refused = _run("config", "enos", "--way", "coap", "--state", twin.state)
    assert refused.returncode == 2
    assert "no way 'coap' to enos; use one of: mqtt" in refused.stderr


def test_policies_are_kept_and_shown(tmp_path: Path) -> None:
    with Twin(tmp_path, "--policy", "certificate") as twin:
        twin.wait_for_output("Watson's security policy: certificate")
        twin.cli("policy", "token", "--type", "router")
    with Twin(tmp_path) as again:
        shown = again.cli("policy").splitlines()
    assert [line.split() for line in shown[1:]] == [
        ["(default)", "certificate"],
        ["router", "token"],
    ]


def test_a_policy_of_a_type_is_taken_back(tmp_path: Path) -> None:
    with contextlib.closing(open_store(tmp_path)) as store:
        store.add("watson", "device", "signet/esp32", "b1")
        certificates = Certificates(store)
        certificates.set_policy("signet", "token")
        certificates.set_policy("signet", "certificate", "esp32")
        done = _run("policy", "--type", "esp32", "--unset", "--state", tmp_path)
        assert [line.split() for line in done.stdout.splitlines()[1:]] == [["(default)", "token"]]
        assert certificates.policy("signet", "esp32") == "token"


def test_a_private_key_that_was_removed_is_in_no_file_any_more(tmp_path: Path) -> None:
    key = b"a key that is long enough to be found " * 200
    with contextlib.closing(open_store(tmp_path)) as store:
        certificates = Certificates(store)
        certificates.remove_server(certificates.request_server("signet", b"", key, ""))
        assert not [file for file in tmp_path.iterdir() if key[:39] in file.read_bytes()]


def test_a_policy_that_there_is_not_is_one_clear_error(tmp_path: Path) -> None:
    refused = _run("--policy", "none", "--state", tmp_path)
    assert refused.returncode == 2
    assert "there is no policy 'none'; use one of: tls-optional" in refused.stderr


@pytest.mark.parametrize(("way", "tls"), [("ws", False), ("wss", True)])
def test_config_prints_a_device_json_for_websocket(twin: Twin, way: str, tls: bool) -> None:
    config = json.loads(twin.cli("config", "watson", "--way", way))
    assert config == twin.device_config("watson", way)
    assert (config["way"], config["websocket"], config["tls"]) == ("mqtt", True, tls)
    door = twin.way("watson", "mqtts" if tls else "mqtt")
    assert (config["address"], config["port"]) == (door["address"], door["port"])


@pytest.mark.parametrize(
    ("role", "kind"),
    [
        ("gateway", "gateway"),
        ("scalable-application", "application"),
    ],
)
def test_config_prints_a_device_json_for_each_role(twin: Twin, role: str, kind: str) -> None:
    config = json.loads(twin.cli("config", "watson", "--role", role))
    assert config == twin.device_config("watson", role=role)
    assert config["role"] == role
    assert config.items() >= twin.ready["clouds"]["watson"][kind].items()
    assert "role" not in twin.device_config("watson")


def test_config_for_a_role_that_is_not_there_names_those_that_are(twin: Twin) -> None:
    refused = _run("config", "enos", "--role", "gateway", "--state", twin.state)
    assert refused.returncode == 2
    assert "enos has no role 'gateway'; use one of: device" in refused.stderr


def test_tables_are_never_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with contextlib.closing(open_store(tmp_path)) as store:
        store.add("watson", "device", "signet/" + "t" * 60, "d" * 60)
    monkeypatch.setenv("COLUMNS", "60")
    listed = _run("device", "list", "--state", tmp_path).stdout
    assert "t" * 60 + "  " + "d" * 60 in listed
    monkeypatch.setenv("FORCE_COLOR", "1")  # as on a terminal
    listing = [_SIGNET, "twin", "device", "list", "--state", tmp_path]
    folded = subprocess.run(listing, capture_output=True, text=True, check=True).stdout
    assert folded.count("d" * 10)
    assert "d" * 60 not in folded
    rows = "".join(folded.splitlines()[1:])
    assert rows.count("t") >= 60
    assert rows.count("d") >= 60


def test_messages_and_commands_on_the_command_line(twin: Twin) -> None:
    after = twin.last_id()
    with paho(twin, "watson") as device:
        device.subscribe("iot-2/cmd/+/fmt/+")
        device.publish("iot-2/evt/status/fmt/json", b'{"t":1}')
        sent = json.loads(twin.cli("command", "watson", "reboot", '{"in": 5}'))
        assert sent["sent"]
        assert device.next().payload == b'{"in":5}'
    lines = twin.cli("messages", "watson", "--after", str(after), "--json").splitlines()
    assert json.loads(lines[0])["payload"] == '{"t":1}'
    assert "iot-2/evt" in twin.cli("messages", "watson", "--after", str(after))


@pytest.mark.parametrize(
    "words",
    [
        ("command", "watson", "reboot", "not json"),
        ("command", "watson", "reboot", "[" * 50_000),
        ("command", "watson", "reboot", "[1]"),
        ("command", "mars", "reboot"),
        ("device", "add", "mars", "p", "d"),
        ("device", "add", "watson", "no-type", "d"),
        ("device", "add", "watson", "Signet/esp32", "board-1"),
        ("device", "add", "watson", "signet/esp32", "a:b"),
        ("device", "add", "watson", "signet/e@32", "d"),
        ("device", "add", "watson", "signet/esp32", "d" * 37),
        ("device", "add", "watson", "o" * 37, "--application"),
        ("device", "add", "watson", "signet/esp32", "--application"),
        ("device", "add", "watson", "signet", "a-signet-x1", "--application"),
        ("device", "add", "enos", "p", "--application"),
        ("device", "add", "enos", "p"),
        ("device", "add", "enos", "p", "a&b"),
        ("device", "add", "enos", "p/q", "d"),
        ("device", "add", "enos", "p", "d", "--gateway"),
        ("device", "add", "enos", "p", "d", "--certificate", __file__),
        ("device", "add", "azure", "hub", "d", "--certificate", __file__),
        ("device", "add", "watson", "signet/sensor", "d", "--behind", "none"),
        ("device", "add", "watson", "other/sensor", "d", "--behind", "signet/router/gateway-1"),
        ("topic", "add", "enos", "p", "sensor/log"),
        ("topic", "add", "alibaba", "a1SignetPk", "/a1SignetPk/board-1/log"),
        ("topic", "add", "alibaba", "nobodys", "sensor/log"),
        ("topic", "list", "alibaba", "nobodys"),
        ("topic", "remove", "alibaba", "a1SignetPk", "nobodys"),
        ("policy", "none"),
        ("policy", "token", "--org", "nobodys"),
        ("policy", "token", "--type", "none-of-it"),
        ("policy", "token", "--type", "esp32", "--unset"),
        ("policy", "--unset"),
        ("device", "disable", "enos", "p", "nobody"),
        ("device", "disable", "mars", "p", "nobody"),
        ("config", "mars"),
    ],
)
def test_a_mistake_on_the_command_line_is_one_clear_error(
    twin: Twin, words: tuple[str, ...]
) -> None:
    refused = _run(*words, "--state", twin.state)
    assert refused.returncode == 2
    assert refused.stderr.startswith("signet: ")
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("command", "enos", "set"),
        ("config", "enos"),
        ("device", "add", "enos", "p", "d"),
        ("device", "list"),
        ("messages",),
        ("policy",),
    ],
)
def test_a_state_folder_before_the_subcommand_holds_for_it(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    for refused in (
        _run("--state", tmp_path, *words),
        _run("--state", "another", *words, "--state", tmp_path),  # what is said last counts
    ):
        assert refused.returncode == 2
        assert f" in {tmp_path};" in " ".join(refused.stderr.split())


def test_what_only_a_twin_that_starts_obeys_is_refused_before_a_subcommand(tmp_path: Path) -> None:
    refused = _run("--state", tmp_path, "--loss", "3%", "device", "list")
    assert refused.returncode == 2
    assert "--loss is for a twin that starts, which 'device' is not" in refused.stderr


def test_without_a_twin_the_command_line_says_how_to_start_one(tmp_path: Path) -> None:
    told = _run("command", "enos", "set", "--state", tmp_path).stderr
    assert f"signet twin --state {tmp_path}`" in told


def test_a_new_device_logs_in_with_the_secret_shown_once(twin: Twin) -> None:
    shown = json.loads(twin.cli("device", "add", "enos", "signetEnOS", "board-9"))
    twin.ready["clouds"]["enos"]["extra"] = shown
    listed = twin.cli("device", "list")
    assert "board-9" in listed
    assert shown["device_secret"] not in listed
    original = twin.ready["clouds"]["enos"]["device"]
    twin.ready["clouds"]["enos"]["device"] = shown
    try:
        with Raw(twin.way("enos")) as raw:
            assert raw.login(connect_of(twin, "enos")) == 0
    finally:
        twin.ready["clouds"]["enos"]["device"] = original


def test_the_list_says_who_is_connected(twin: Twin) -> None:
    def shown() -> list[str]:
        lines = [line.split() for line in twin.cli("device", "list").splitlines()]
        return [row[3] for row in lines if row[4:] == ["signet/router", "gateway-1"]]

    assert shown() == ["no"]
    with paho(twin, "watson", connect=gateway_connect(twin)) as gateway:
        gateway.publish("iot-2/type/sensor/id/c-behind/evt/e/fmt/json", b"{}")
        assert shown() == ["yes"]
        (behind,) = [
            line for line in twin.cli("device", "list").splitlines() if "c-behind" in line
        ]
        assert behind.split()[3] == "no"  # "shown as disconnected"
    assert shown() == ["no"]


def test_it_never_prints_a_secret(twin: Twin) -> None:
    for entry in twin.ready["clouds"].values():
        for name in ("device", "application"):
            for key, value in entry.get(name, {}).items():
                if "secret" in key or "token" in key:
                    assert value not in twin.output()


def test_it_runs_with_no_terminal_and_closed_output(tmp_path: Path) -> None:
    ready = tmp_path / "ready.json"
    free = [word for door in DOORS for word in ("--port", f"{door.key}=0")]
    process = subprocess.Popen(
        [_SIGNET, "twin", "--state", tmp_path / "s", "--ready-file", ready, *free],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        wait_until(ready.exists)
        assert process.stdout is not None
        process.stdout.close()  # a pipe to `head`, say
        clouds = json.loads(ready.read_text())["clouds"]
        with Raw(clouds["enos"]["ways"]["mqtt"]) as raw:
            raw.send(b"\xc0\x00")
            assert raw.closed()
        door = "{address}:{port}".format(**clouds["watson"]["ways"]["mqtts"])
        shaken = openssl("s_client", "-connect", door, "-cipher", "ECDHE-RSA-AES128-SHA")
        assert "Peer signature type: RSA\n" in shaken  # its OPENSSL_CONF, though we gave it none
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    finally:
        if process.poll() is None:
            os.kill(process.pid, signal.SIGTERM)
            process.wait(20)


def test_messages_are_followed_until_ctrl_c(tmp_path: Path) -> None:
    words = ["messages", "--follow", "--device", "d", "--state", str(tmp_path)]
    with contextlib.closing(open_store(tmp_path)) as store:
        process = subprocess.Popen([_SIGNET, "twin", *words], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        for number in range(2):
            body = json.dumps({"number": number, "params": ["a long one" * 3] * 3})
            store.record("enos", "pk/d", "up", "t", body.encode(), status="stored")
            lines = [process.stdout.readline() for _ in range(10)]
            assert lines[3] == f'        "number": {number},\n', "a long body, a member a line"
            assert max(map(len, lines)) <= 80
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0


def test_messages_cannot_command_the_terminal(twin: Twin) -> None:
    after = twin.last_id()
    with paho(twin, "watson") as device:
        device.publish("iot-2/evt/status/fmt/txt", b"\x1b[2Jgone")
    shown = twin.cli("messages", "watson", "--after", str(after))
    assert "\x1b" not in shown
    assert "\\x1b[2Jgone" in shown


def _printed(*event: str) -> None:
    async def add() -> None:
        events.add(*event)

    events = console.Events()
    asyncio.run(add())
    events.flush()


@pytest.mark.parametrize("terminal", [False, True])
def test_events_cannot_command_the_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, terminal: bool
) -> None:
    monkeypatch.setattr(console.console, "_force_terminal", terminal)
    _printed("watson", "d\x1b[2J", "report", "iot-2/evt/\x1b]0;x\x07\x9b/fmt (2 bytes)")
    shown = capsys.readouterr().out
    assert r"d\x1b[2J" in shown
    assert r"iot-2/evt/\x1b]0;x\x07\x9b/fmt" in shown
    assert not {"\x1b[2J", "\x1b]", "\x07", "\x9b"} & {
        shown[n : n + k] for n in range(len(shown)) for k in (1, 2, 4)
    }


def test_a_log_on_a_full_disk_holds_up_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(io.StringIO):
        def flush(self) -> None:
            raise OSError(errno.ENOSPC, "no space left on device")

    monkeypatch.setattr(sys, "stdout", Full())
    _printed("watson", "d", "refused", "gone")


def test_a_table_and_an_error_cannot_command_the_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    table = console.new_table("what", fold=("value",))
    table.add_row("[red]", "[/]")
    console.print_table(table)
    with pytest.raises(typer.Exit):
        fail("the board said [red]\x1b[2J\x9b\u2028\u202e\nand a line")
    shown = capsys.readouterr()
    assert "[red]  [/]" in shown.out
    assert shown.err == "signet: the board said [red]\\x1b[2J\\x9b\\u2028\\u202e\nand a line\n"


def test_a_reply_cannot_command_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    reply = {"label": "[red]\x9b2J\u2028 \U0001f600"}
    monkeypatch.setattr(app.control, "ask", lambda *_: reply)
    monkeypatch.setattr(app, "running", lambda _: {"control": ""})
    done = CliRunner().invoke(app.app, ["command", "enos", "set"])
    assert done.stdout.isascii() and "[red]" in done.stdout
    assert json.loads(done.stdout) == reply


def test_an_event_is_one_line_of_bounded_length(capsys: pytest.CaptureFixture[str]) -> None:
    _printed("watson", "d", "refused", "may not publish to '" + "x" * 65535)
    (line,) = capsys.readouterr().out.splitlines()
    assert line.endswith("xxx…")
    assert len(line) < 1100


def test_what_a_topic_holds_reaches_the_console_visibly(twin: Twin) -> None:
    with paho(twin, "watson") as device:
        device.publish("iot-2/evt/a\x1b[2Jb/fmt/json", b"{}", qos=0)  # no PUBACK will come
    twin.wait_for_output(r"a\x1b[2Jb")
    assert "\x1b" not in twin.output()
