"""Do the clouds' own device SDKs work with the twin, unchanged?

Each SDK runs from PyPI as it is, in its own environment and its own process; what it is told is
what its public parameters offer. For wiotp-sdk the process maps a host name (clients/hosts.py).
"""

import json
from pathlib import Path
from typing import Any

import pytest

from host_tests.support import Twin
from host_tests.twin.http_device import WatsonDevice
from host_tests.twin.mqtt_device import application_connect, paho
from host_tests.twin.sdk import Sdk
from tools.ui import UserError


def _given(twin: Twin, cloud: str, way: str, kind: str = "device") -> dict[str, Any]:
    entry = twin.ready["clouds"][cloud]
    return {
        **entry["device"],
        **entry[kind],
        **entry["ways"][way],
        "ca": twin.ready["ca_file"],
    }


def test_enos_sdk_logs_in_posts_and_obeys(twin: Twin, start: Any) -> None:
    after = twin.last_id()
    sdk = start("enos_device.py", _given(twin, "enos", "mqtt"))
    assert sdk.hear("connected")["ok"]
    assert sdk.hear("posted")["code"] == 200
    assert sdk.hear("late")["code"] == 200
    report, *late = twin.wait_for_messages("enos", 3, after, direction="up", status="stored")
    assert report["topic"].endswith("/thing/measurepoint/post")
    assert json.loads(report["payload"])["params"]["measurepoints"] == {"temperature": 21.5}
    assert {each["topic"][-25:] for each in late} == {"measurepoint/resume/batch"}
    params = [json.loads(each["payload"])["params"] for each in late]
    assert [(each["measurepoints"], each["time"]) for each in params] == [
        ({"n": 1}, 1),
        ({"n": 2}, 2),
    ]
    answer = twin.command("enos", "multiply", {"left": 6, "right": 7})
    assert sdk.hear("command")["params"] == {"left": 6, "right": 7}
    assert answer["reply"]["code"] == 200
    assert answer["reply"]["data"] == {"result": 42}


def test_enos_sdk_is_activated_with_a_product_secret(twin: Twin, start: Any) -> None:
    product = twin.device("enos")["product_key"]
    added = json.loads(twin.cli("device", "add", "enos", product, "fresh"))
    given = _given(twin, "enos", "mqtt")
    names = {"product_secret": twin.ready["clouds"]["enos"]["product_secret"]}
    after = twin.last_id()
    sdk = start("enos_activation.py", {**given, **names, "device_key": "fresh"})
    assert sdk.hear("activated")["secret"] == added["device_secret"]
    reply = twin.wait_for_messages("enos", 1, after, direction="up")[0]
    assert reply["topic"].endswith("/thing/activate/info_reply")
    (info,) = twin.wait_for_messages("enos", 1, after, direction="down")
    assert json.loads(info["payload"])["params"]["deviceSecret"].startswith("*")
    assert added["device_secret"] not in info["payload"] + twin.output()


_MODEL = {
    "events": [{"identifier": "post", "outputData": [{"identifier": "temperature"}]}],
    "services": [
        {"identifier": "set", "inputData": [{"identifier": "setpoint"}]},
        {"identifier": "blink", "inputData": []},
    ],
}


def _alibaba_sdk_posts(twin: Twin, start: Any, folder: Path, way: str) -> Sdk:
    after = twin.last_id()
    model = folder / "model.json"
    model.write_text(json.dumps(_MODEL))
    sdk: Sdk = start("alibaba_device.py", {**_given(twin, "alibaba", way), "model": str(model)})
    assert sdk.hear("connected")["ok"]
    assert sdk.hear("posted")["code"] == 200
    (report,) = twin.wait_for_messages("alibaba", 1, after, direction="up", status="stored")
    assert report["topic"].endswith("/thing/event/property/post")
    assert json.loads(report["payload"])["params"] == {"temperature": 21.5}
    return sdk


def test_alibaba_sdk_logs_in_over_tls_and_posts(twin: Twin, start: Any, tmp_path: Path) -> None:
    # No command here: the SDK then writes from two threads at once, which before CPython 3.13 may
    # garble the TLS record it sends.
    _alibaba_sdk_posts(twin, start, tmp_path, "mqtts")


def test_alibaba_sdk_logs_in_posts_and_obeys(twin: Twin, start: Any, tmp_path: Path) -> None:
    sdk = _alibaba_sdk_posts(twin, start, tmp_path, "mqtt")
    assert twin.command("alibaba", "set", {"setpoint": 20})["reply"]["code"] == 200
    assert sdk.hear("set")["params"] == {"setpoint": 20}
    answer = twin.command("alibaba", "blink", {"times": 3})
    assert sdk.hear("service") == {"event": "service", "name": "blink", "params": {"times": 3}}
    assert answer["reply"]["data"] == {"done": 1}


@pytest.mark.parametrize("way", ["mqtt", "mqtts", "ws", "wss"])
def test_watson_sdk_logs_in_publishes_and_obeys(twin: Twin, start: Any, way: str) -> None:
    after = twin.last_id()
    sdk = start("watson_device.py", _given(twin, "watson", way))
    assert sdk.hear("connected")["ok"]
    sdk.hear("acknowledged")
    (event,) = twin.wait_for_messages("watson", 1, after, direction="up")
    assert event["topic"] == "iot-2/evt/status/fmt/json"
    assert json.loads(event["payload"]) == {"temperature": 21.5}
    assert twin.command("watson", "reboot", {"in": 5})["sent"]
    assert sdk.hear("command") == {"event": "command", "name": "reboot", "data": {"in": 5}}


_FIRMWARE = {"uri": "https://files.example/1.1", "version": "1.1"}


def test_watson_sdk_is_a_managed_device_and_obeys(twin: Twin, start: Any) -> None:
    sdk = start("watson_managed.py", {**_given(twin, "watson", "mqtt"), "kind": "device"})
    done = [sdk.hear("done") for _ in range(6)]
    assert [each["ok"] for each in done] == [True] * 6
    for name, action in (("device/reboot", "reboot"), ("device/factoryReset", "reset")):
        assert twin.command("watson", name)["reply"]["rc"] == 202
        assert sdk.hear("action")["action"] == action
    after = twin.last_id()
    for action in ("download", "update"):
        data = _FIRMWARE if action == "download" else {}
        assert twin.command("watson", f"firmware/{action}", data)["reply"]["rc"] == 202
        assert sdk.hear("firmware") == {"event": "firmware", "action": action, **_FIRMWARE}
        twin.wait_for_messages("watson", 1, after, topic="iotdm-1/cancel")
        after = twin.last_id()
    custom = "example-dme-actions-v1/updatePublishInterval"
    answer = twin.command("watson", custom, {"publishInterval": 5})
    assert answer["reply"]["rc"] == 200
    heard = sdk.hear("custom")
    assert heard["topic"] == f"iotdm-1/mgmt/custom/{custom}"
    assert heard["data"]["fields"] == [{"field": "publishInterval", "value": 5}]
    assert twin.command("watson", "device/update", {"metadata": {"room": 5}})["sent"]
    sdk.tell("metadata")
    assert sdk.hear("metadata")["data"] == {"room": 5}
    sdk.tell("unmanage")
    assert sdk.hear("done") == {"event": "done", "what": "unmanage", "ok": True}
    with pytest.raises(UserError, match="not managed"):
        twin.command("watson", "device/reboot")


def test_watson_sdk_is_a_managed_gateway(twin: Twin, start: Any) -> None:
    given = {**_given(twin, "watson", "mqtt", "gateway"), "kind": "gateway"}
    sdk = start("watson_managed.py", given)
    sdk.tell("unmanage")
    done = [sdk.hear("done") for _ in range(4)]
    assert [each["what"] for each in done if each["ok"]] == ["manage", "code", "codes", "unmanage"]


@pytest.mark.parametrize("way", ["mqtt", "mqtts", "wss"])
def test_watson_sdk_gateway_speaks_and_hears_for_itself_and_a_device_behind_it(
    twin: Twin, start: Any, way: str
) -> None:
    after = twin.last_id()
    gateway = start("watson_gateway.py", _given(twin, "watson", way, "gateway"))
    assert gateway.hear("connected")["ok"]
    assert [gateway.hear("subscribed")["qos"] for _ in range(3)] == [[0], [1], [1]]
    own, behind = twin.wait_for_messages("watson", 2, after, direction="up", status="stored")
    assert own["topic"] == "iot-2/type/router/id/gateway-1/evt/status/fmt/json"
    assert behind["topic"] == "iot-2/type/sensor/id/s-sdk/evt/status/fmt/json"
    for device in ("gateway-1", "sensor/s-sdk"):
        twin.command("watson", "reboot", {"in": 5}, device)
        heard = gateway.hear("command")
        assert heard["device"] == device.rpartition("/")[2]
        assert (heard["name"], heard["data"]) == ("reboot", {"in": 5})
    gateway.tell("wrong")
    notice = gateway.hear("notice")["data"]
    assert (notice["Type"], notice["Id"], notice["RC"]) == ("esp32", "board-1", 180)


def test_each_command_goes_to_one_of_two_instances_of_watson_sdk(twin: Twin, start: Any) -> None:
    given = {**_given(twin, "watson", "mqtt", "application"), "app_id": "shared"}
    both = [start("watson_application.py", {**given, "instance": name}) for name in "12"]
    for application in both:
        for _ in range(3):  # status, commands, events
            application.hear("subscribed")
    with paho(twin, "watson", connect=application_connect(twin)) as sender:
        for number in range(6):
            topic = f"iot-2/type/esp32/id/board-1/cmd/shared-{number}/fmt/json"
            sender.publish(topic, b"{}")
        sender.publish("iot-2/type/esp32/id/board-1/evt/last/fmt/json", b"{}")
        sender.publish("iot-2/type/esp32/id/board-1/evt/last/fmt/json", b"{}")
    first, second = (
        [said["name"] for said in application.until("heard") if said["event"] == "command"]
        for application in both
    )
    assert first
    assert second
    assert sorted(first + second) == [f"shared-{number}" for number in range(6)]


@pytest.mark.parametrize(("way", "protocol"), [("mqtts", "mqtt4"), ("wss", "mqtt4-ws")])
def test_watson_sdk_application_hears_events_and_commands_a_device(
    twin: Twin, start: Any, way: str, protocol: str
) -> None:
    application = start("watson_application.py", _given(twin, "watson", way, "application"))
    assert application.hear("connected")["ok"]
    for _ in range(3):  # status, commands, events
        application.hear("subscribed")
    device = start("watson_device.py", _given(twin, "watson", way))
    wanted = {"action": "Connect", "device": "d:signet:esp32:board-1", "protocol": protocol}
    while not application.hear("presence").items() >= wanted.items():
        pass  # the retained message of an earlier visit
    heard = application.hear("heard")
    assert (heard["device"], heard["name"]) == ("board-1", "status")
    assert heard["data"] == {"temperature": 21.5}
    application.tell("command")
    assert device.hear("command")["data"] == {"in": 5}


def test_watson_sdk_application_hears_and_commands_a_device_that_speaks_http(
    twin: Twin, start: Any
) -> None:
    device = WatsonDevice(twin, "h-sdk", "https")
    given = {**_given(twin, "watson", "mqtts", "application"), "device_id": device.name}
    application = start("watson_application.py", given)
    for _ in range(3):
        application.hear("subscribed")
    with device.http() as http:
        assert device.event(http, b'{"temperature": 21.5}').status == 200
        heard = application.hear("heard")
        assert (heard["device"], heard["name"]) == ("h-sdk", "status")
        assert heard["data"] == {"temperature": 21.5}
        application.tell("command")
        command = device.poll(http, wait_s=30)
        assert (command.headers["x-commandid"], command.json) == ("reboot", {"in": 5})
