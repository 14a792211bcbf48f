"""Does a board speak to a plain mosquitto, by password, certificate or nothing, in its own words?

Its broker and its far side are mosquitto's own programs, with a configuration as a person has it.
"""

import json
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from host_tests.device.conftest import Device
from host_tests.portable.host.broker import free_port
from host_tests.portable.host.certificates import NAME, Certificates
from host_tests.portable.host.interpreters import TIED
from tools import toolchain
from tools.bench import heap as bench
from tools.bench.line import Line
from tools.board.deploy import project_files
from tools.board.virtual import VirtualBoard
from tools.toolchain import word_sizes

_CONFIG = """\
per_listener_settings true
listener {open} 127.0.0.1
allow_anonymous true
listener {password} 127.0.0.1
allow_anonymous false
password_file {folder}/passwords
acl_file {folder}/acl
listener {certificate} 127.0.0.1
certfile {chain}
keyfile {chain}
cafile {client_ca}
require_certificate true
use_identity_as_username true
listener {websocket} 127.0.0.1
protocol websockets
allow_anonymous true
"""
# What no line allows is denied.
_ACL = "user meter\ntopic readwrite #\ntopic readwrite $aws/#\nuser mute\ntopic read #\n"
_WAYS = ("open", "password", "certificate", "websocket")


class Mosquitto:
    """The broker, a listener a way in, and what mosquitto_sub has heard there."""

    def __init__(self, folder: Path) -> None:
        self.certificates = Certificates()
        self.ports = {way: free_port() for way in _WAYS}
        for user in ("meter", "mute"):
            how = ["-b"] if (folder / "passwords").exists() else ["-b", "-c"]
            words = [*how, folder / "passwords", user, "pass"]
            command = [toolchain.mosquitto("mosquitto_passwd"), *words]
            subprocess.run(command, check=True, capture_output=True)
        (folder / "acl").write_text(_ACL)
        names = {"chain": self.certificates.chain("good"), "folder": folder}
        names["client_ca"] = self.certificates.client_ca
        text = _CONFIG.format(**self.ports, **names) + "user root\n"
        (folder / "mosquitto.conf").write_text(text)
        command = [*TIED, toolchain.mosquitto(), "-c", folder / "mosquitto.conf"]
        self._heard = folder / "heard"
        with (folder / "log").open("w") as log:
            self._running = [subprocess.Popen(command, stdout=log, stderr=log)]
        words = ["-t", "#", "-t", "$aws/#", "-q", "1", "-F", "%r %q %t %p"]
        with self._heard.open("w") as out:
            for _ in range(100):  # until it listens
                self._running[1:] = [subprocess.Popen(self._client("sub", *words), stdout=out)]
                time.sleep(0.1)
                if self._running[1].poll() is None:
                    break

    def _client(self, tool: str, *words: str) -> list[str]:
        address = ["-h", "127.0.0.1", "-p", str(self.ports["open"])]
        return [*TIED, str(toolchain.mosquitto(f"mosquitto_{tool}")), *address, *words]

    def close(self) -> None:
        """Ends both."""
        for each in self._running:
            each.kill()
            each.wait()

    def publish(self, topic: str, payload: str) -> None:
        """Somebody says that."""
        subprocess.run(self._client("pub", "-q", "1", "-t", topic, "-m", payload), check=True)

    def kept(self, pattern: str, count: int) -> set[str]:
        """The topics of messages that the broker has retained. count: of them."""
        words = ["-t", pattern, "-C", str(count), "-W", "5", "-F", "%t", "--retained-only"]
        done = subprocess.run(self._client("sub", *words), capture_output=True, check=True)
        return {*done.stdout.decode().split()}

    def heard(self, topic: str, pattern: str = ".*", timeout_s: float = 60) -> re.Match[str]:
        """Waits for a message (retained, QoS, topic, payload); returns what matched."""
        wanted = re.compile(rf"^(\d) (\d) {re.escape(topic)} ({pattern})$", re.MULTILINE)
        deadline = time.monotonic() + timeout_s
        while not (found := wanted.search(self._heard.read_text())):
            assert time.monotonic() < deadline, self._heard.read_text()
            time.sleep(0.02)
        return found

    def config(self, way: str, client_id: str, **values: Any) -> dict[str, Any]:
        """A device.json. client_id: another for each test, for what is retained stays."""
        found = {
            "cloud": "broker",
            "host": NAME,
            "address": "127.0.0.1",
            "port": self.ports[way],
            "client_id": client_id,
            "retry_s": 1,
            "report_interval_s": 1,
        }
        found |= {"tls": False, "insecure": True} if way != "certificate" else {}
        found |= {"user": "meter", "password": "pass"} if way == "password" else {}
        found |= {"websocket": True} if way == "websocket" else {}
        found |= {"cert": "own.pem", "key": "own.key"} if way == "certificate" else {}
        return found | values

    def run(self, device: Device, way: str, client_id: str, **values: Any) -> Device:
        """A board with that."""
        config = self.config(way, client_id, **values)
        return device.run(config, ca=self.certificates.ca, more=self.files(config))

    def files(self, config: dict[str, Any]) -> dict[str, bytes]:
        """The certificate and the key that a device.json names."""
        paths = zip(("cert", "key"), self.certificates.client("good"), strict=True)
        return {f"/{config[key]}": path.read_bytes() for key, path in paths if key in config}


@pytest.fixture(scope="module")
def mosquitto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    broker = Mosquitto(tmp_path_factory.mktemp("mosquitto"))
    yield broker
    broker.close()


@pytest.mark.parametrize("way", _WAYS)
def test_reports_are_stored_and_a_command_is_obeyed_and_answered(device, mosquitto, way):
    client_id = f"works-{way}"
    mosquitto.run(device, way, client_id)
    device.wait_for("^report 1 stored")
    body = json.loads(mosquitto.heard(f"signet/{client_id}/report")[3])
    assert body["values"]["temperature"] == 21.5 and abs(body["ts"] / 1000 - time.time()) < 60
    mosquitto.publish(f"signet/{client_id}/command/set", '{"led": 1, "id": "c-1"}')
    device.wait_for("^command set: ")
    answer = json.loads(mosquitto.heard(f"signet/{client_id}/answer/set")[3])
    assert answer["id"] == "c-1" and answer["result"]["led"] == 1


def test_home_assistant_finds_the_sensors_and_hears_of_a_power_cut(device, power, mosquitto):
    units = {"temperature": {"device_class": "temperature", "unit_of_measurement": "\xb0C"}}
    mosquitto.run(device, "open", "ha", preset="homeassistant", sensors=units)
    device.wait_for("^report 1 stored")
    text = mosquitto.heard("homeassistant/device/ha/config")[3]
    assert json.loads(text)["cmps"]["temperature"]["unit_of_measurement"] == "\xb0C"
    mosquitto.heard("signet/ha/availability", "online")
    assert json.loads(mosquitto.heard("signet/ha/state")[3])["temperature"] == 21.5
    assert mosquitto.kept("signet/ha/#", 2) == {"signet/ha/state", "signet/ha/availability"}
    power.power_cut()
    mosquitto.heard("signet/ha/availability", "offline")
    power.start()


def test_thingsboard_hears_telemetry_and_calls_a_method(device, mosquitto):
    mosquitto.run(device, "open", "tb", preset="thingsboard", user="t0k3n")
    device.wait_for("^report 1 stored")
    body = json.loads(mosquitto.heard("v1/devices/me/telemetry")[3])
    assert body.keys() == {"ts", "values"} and body["values"]["humidity"] == 40
    mosquitto.publish("v1/devices/me/rpc/request/1", '{"method":"set","params":{"led":1}}')
    device.wait_for("^command set: ")
    assert json.loads(mosquitto.heard("v1/devices/me/rpc/response/1")[3])["led"] == 1
    mosquitto.publish("v1/devices/me/attributes", '{"led":0}')
    device.wait_for("^command set: {'led': 0}")


def test_a_shadow_of_aws_is_stored_when_it_says_so_and_its_delta_is_obeyed(device, mosquitto):
    update = "$aws/things/thing/shadow/update"
    mosquitto.run(device, "certificate", "thing", preset="aws", topic=update)
    request = json.loads(mosquitto.heard(update, '.*"clientToken".*')[3])
    assert request["state"]["reported"]["temperature"] == 21.5
    assert "stored" not in device.output(), "PUBACK is not enough"
    accepted = {"state": request["state"], "version": 1, "clientToken": request["clientToken"]}
    mosquitto.publish(f"{update}/accepted", json.dumps(accepted))
    device.wait_for("^report 1 stored")
    mosquitto.publish(f"{update}/delta", '{"version":2,"state":{"led":1}}')
    mosquitto.heard(update, r'\{"state": *\{"reported": *\{.*"led": *1.*')


def test_at_qos_0_what_has_left_is_called_stored_and_it_is_said(device, mosquitto):
    mosquitto.run(device, "open", "once", qos=0)
    device.wait_for("^warning: qos 0: nobody says that a report has arrived")
    device.wait_for("^report 2 stored")
    assert mosquitto.heard("signet/once/report")[2] == "0"


def test_a_wrong_password_is_refused_with_what_to_check(device, mosquitto):
    mosquitto.run(device, "password", "wrong", password="wr0ng")
    device.wait_for(r"CONNACK 5: not authorized; check user and password")
    assert "wr0ng" not in device.output()


def test_mosquitto_acknowledges_what_its_acl_denies_so_puback_does_not_prove_that_it_came(
    device, mosquitto
):
    mosquitto.run(device, "password", "denied", user="mute")
    device.wait_for("^report 2 stored")
    with pytest.raises(AssertionError):
        mosquitto.heard("signet/denied/report", timeout_s=1)


@pytest.mark.skipif(32 not in word_sizes(), reason="no 32-bit MicroPython here")
@pytest.mark.parametrize(
    ("way", "heap"),
    [("password", "58k"), pytest.param("certificate", "66k", marks=pytest.mark.proof)],
)
def test_it_comes_back_from_an_outage_longer_than_its_outbox(mosquitto, tmp_path, way, heap):
    """Found to work from 54 KiB, and 62 over TLS; see test_heap.py."""
    values = mosquitto.config(way, f"heap-{way}", **bench.SMALL) | {"way": "mqtt"}
    own = {"/main.py": bench.program().encode(), **mosquitto.files(values)}
    with (
        Line(values) as line,
        VirtualBoard(tmp_path / "board", heap=heap).create() as board,
    ):
        files = project_files(line.values, mosquitto.certificates.ca, others=[own["/main.py"]])
        board.power_cut()
        board.fill(files | own)
        board.start()
        assert bench.outage(board, line) == ""
