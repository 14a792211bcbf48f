"""What does EnOS answer about devices behind a gateway that is not as it should be?

Codes: the vendor's documents, `reference/mqtt/topology_management` and `upstream`.
"""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from host_tests.support import Twin
from host_tests.twin.mqtt_device import Raw, connect_of
from tools import signing
from tools.twin.clouds.enos.mqtt import EnOS
from tools.twin.clouds.values import BadCommandError, Client, Verdict
from tools.twin.registry.store import Device, Store
from tools.twin.wire.packets import Publish
from tools.ui import UserError

_POINTS = {"measurepoints": {"t": 1}, "time": 1}


class Gateway:
    """A gateway pk/gw, and pk/sub, pk/off (disabled) behind it; pk/far is behind none."""

    def __init__(self, store: Store) -> None:
        self.rules = EnOS(store)
        self.devices = {
            name: store.add("enos", "device", "pk", name) for name in ("gw", "sub", "off", "far")
        }
        store.enable(self.devices["off"], False)
        for name in ("sub", "off"):
            self.rules.registry.attach(f"pk/{name}", "pk/gw")
        names = {"product_key": "pk", "device_key": "gw"}
        self.client = Client(self.devices["gw"], "s", names=names)

    def ask(self, topic: str, params: Any, **more: Any) -> dict[str, Any]:
        """The reply to a request."""
        method = ".".join(topic.split("/")[4:])
        body = {"id": "1", "version": "1.0", "method": method, "params": params, **more}
        verdict: Verdict = self.rules.judge(self.client, Publish(topic, json.dumps(body).encode()))
        assert verdict.reply is not None
        assert verdict.reply.topic == topic + "_reply"
        reply: dict[str, Any] = json.loads(verdict.reply.payload)
        return reply

    def signed(self, name: str, **changes: str) -> dict[str, str]:
        """A device's names and signature, as it hands them to its gateway."""
        fields = {"clientId": "c", "deviceKey": name, "productKey": "pk", "timestamp": "1"}
        device = self.devices.get(name, Device("enos", "device", "pk", name, "?"))
        sign = signing.enos(fields, device.secret, "sha256").signature
        return {**fields, "signMethod": "sha256", "sign": sign, "secureMode": "2", **changes}


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    with contextlib.closing(Store(tmp_path / "twin.db")) as store:
        yield Gateway(store)


@pytest.mark.parametrize(
    ("code", "name", "changes"),
    [
        (200, "sub", {}),
        (200, "sub", {"signMethod": "SHA256"}),
        (705, "nobody", {}),
        (723, "off", {}),
        (740, "far", {}),
        (742, "sub", {"sign": "00"}),
        (742, "sub", {"secureMode": "3"}),
        (460, "sub", {"clientId": ""}),
    ],
)
def test_a_login_behind_a_gateway(
    gateway: Gateway, code: int, name: str, changes: dict[str, str]
) -> None:
    topic = "/ext/session/pk/gw/combine/login"
    assert gateway.ask(topic, gateway.signed(name, **changes))["code"] == code


def test_a_batch_of_logins_names_those_that_failed(gateway: Gateway) -> None:
    entries = [gateway.signed(name) for name in ("sub", "off")]
    params = {"subDevices": entries, **gateway.signed("sub")}
    reply = gateway.ask("/ext/session/pk/gw/combine/login/batch", params)
    found = {key: [each["deviceKey"] for each in reply["data"][key]] for key in reply["data"]}
    assert found == {"loginedSubDevices": ["sub"], "failedSubDevices": ["off"]}
    assert reply["code"] == 723


@pytest.mark.parametrize(
    ("code", "what", "name", "changes"),
    [
        (200, "add", "far", {}),
        (200, "add", "sub", {}),
        (1255, "add", "nobody", {}),
        (1255, "add", "gw", {}),
        (1255, "add", "far", {"sign": "00"}),
        (200, "delete", "sub", {}),
        (1256, "delete", "far", {}),
    ],
)
def test_topology(
    gateway: Gateway, code: int, what: str, name: str, changes: dict[str, str]
) -> None:
    params = [gateway.signed(name, **changes)]
    assert gateway.ask(f"/sys/pk/gw/thing/topo/{what}", params)["code"] == code


def test_a_device_that_is_on_line_stays_behind_its_gateway(gateway: Gateway) -> None:
    gateway.ask("/ext/session/pk/gw/combine/login", gateway.signed("sub"))
    reply = gateway.ask("/sys/pk/gw/thing/topo/delete", [gateway.signed("sub")])
    assert (reply["code"], "on line" in reply["message"]) == (1256, True)


@pytest.mark.parametrize(
    ("code", "name", "more"),
    [
        (200, "gw", {}),
        (1212, "sub", {}),
        (200, "sub", {"allowOfflineSubDevice": True}),
        (1212, "far", {"allowOfflineSubDevice": True}),
    ],
)
def test_a_batch_of_reports(gateway: Gateway, code: int, name: str, more: dict[str, bool]) -> None:
    entry = {"productKey": "pk", "deviceKey": name, **_POINTS}
    topic = "/sys/pk/gw/thing/measurepoint/post/batch"
    assert gateway.ask(topic, [entry], **more)["code"] == code


def test_reports_of_a_device_need_its_login(gateway: Gateway) -> None:
    topic = "/sys/pk/sub/thing/measurepoint/post"
    assert gateway.ask(topic, _POINTS)["code"] == 1212
    gateway.ask("/ext/session/pk/gw/combine/login", gateway.signed("sub"))
    assert gateway.ask(topic, _POINTS)["code"] == 200
    gateway.rules.answers.offline(gateway.client)
    assert gateway.ask(topic, _POINTS)["code"] == 1212


@pytest.mark.parametrize(
    ("allowed", "topic"),
    [
        (True, "/sys/pk/sub/thing/measurepoint/post"),
        (True, "/sys/pk/sub/thing/service/blink_reply"),
        (False, "/sys/pk/sub/thing/topo/get"),
        (False, "/sys/pk/far/thing/measurepoint/post"),
        (False, "/ext/session/pk/sub/combine/login"),
        (False, "/sys/pk/integration/measurepoint/post"),
    ],
)
def test_topics_of_devices_behind_a_gateway(gateway: Gateway, allowed: bool, topic: str) -> None:
    assert (gateway.rules.up(gateway.client, topic) is not None) == allowed


def test_a_device_is_registered_once(gateway: Gateway) -> None:
    new, topic = {"productKey": "pk", "deviceKey": "new"}, "/sys/pk/gw/thing/device/register"
    assert gateway.ask(topic, [new, new])["code"] == 460
    assert gateway.ask(topic, [{**new, "deviceKey": 2**70}])["code"] == 460
    assert [gateway.ask(topic, [new])["code"] for _ in range(2)] == [200, 460]


def test_attributes_are_kept_until_they_are_deleted(gateway: Gateway) -> None:
    topic = "/sys/pk/gw/thing/attribute/"
    for hundred in range(0, 1200, 100):
        many = {str(hundred + number): 0 for number in range(100)}
        gateway.ask(topic + "update", {"attributes": many})
    held = list(gateway.ask(topic + "query", {"attributes": []})["data"])
    assert (len(held), held[-1]) == (1000, "1199")
    for hundred in range(0, 1200, 100):
        names = [str(hundred + number) for number in range(100)]
        gateway.ask(topic + "delete", {"attributes": names})
    gateway.ask(topic + "update", {"attributes": {"a": 1, "b": [2]}})
    assert gateway.ask(topic + "query", {"attributes": ["b"]})["data"] == {"b": [2]}
    gateway.ask(topic + "delete", {"attributes": ["a"]})
    assert gateway.ask(topic + "query", {"attributes": []})["data"] == {"b": [2]}


def test_firmware_waits_until_its_version_is_reported(gateway: Gateway) -> None:
    own, offer = gateway.devices["gw"], {"version": "1.1", "fileUrl": "https://files.example/1.1"}
    with pytest.raises(BadCommandError, match="has not reported a version"):
        gateway.rules.order(own, "upgrade", offer, "9")
    inform, listing = "/sys/pk/gw/ota/device/inform", "/sys/pk/gw/ota/device/getversion"
    gateway.ask(inform, {"version": "1.0"})
    gateway.rules.order(own, "upgrade", offer, "9")
    assert [each["version"] for each in gateway.ask(listing, {})["data"]] == ["1.1"]
    gateway.ask(inform, {"version": "1.1"})
    assert gateway.ask(listing, {})["data"] == []


@pytest.mark.parametrize("name", ["enable", "disable", "delete"])
def test_a_gateway_is_told_what_becomes_of_a_device(gateway: Gateway, name: str) -> None:
    gateway.ask("/ext/session/pk/gw/combine/login", gateway.signed("sub"))
    order = gateway.rules.order(gateway.devices["sub"], name, {}, "9")
    assert order.topic == f"/ext/session/pk/gw/combine/{name}"
    body = json.loads(order.payload)
    assert body["params"] == [{"productKey": "pk", "deviceKey": "sub"}]
    assert gateway.rules.answers.is_online(gateway.devices["sub"]) == (name == "enable")


def test_a_command_reaches_a_device_through_its_gateway(twin: Twin) -> None:
    product = twin.device("enos")["product_key"]
    sub = json.loads(twin.cli("device", "add", "enos", product, "sub-1"))
    fields = {"clientId": "c", "deviceKey": "sub-1", "productKey": product, "timestamp": "1"}
    sign = signing.enos(fields, sub["device_secret"], "sha256").signature
    params = {**fields, "signMethod": "sha256", "sign": sign}
    own = f"{product}/{twin.device('enos')['device_key']}"
    body = {"id": "1", "version": "1.0"}
    after = twin.last_id()
    with Raw(twin.way("enos")) as raw:
        assert raw.login(connect_of(twin, "enos")) == 0
        requests = (("sys", "thing/topo/add", [params]), ("ext/session", "combine/login", params))
        for prefix, what, value in requests:
            payload = json.dumps(body | {"params": value}).encode()
            raw.publish(f"/{prefix}/{own}/{what}", payload)
        twin.wait_for_messages("enos", 2, after, direction="up", status="answered")
        sent = f"/sys/{product}/sub-1/thing/service/blink"
        with pytest.raises(UserError, match="did not reply"):
            twin.ask(
                {
                    "do": "command",
                    "cloud": "enos",
                    "name": "blink",
                    "device": "sub-1",
                    "timeout_s": 0,
                }
            )
        packet = raw.receive()
        assert packet is not None
        assert Publish.parse(packet).topic == sent
