"""Does a board reach Watson by WebSocket, and as a gateway or an application?"""

import json

import pytest

from host_tests.device.conftest import COUNTER
from host_tests.twin.mqtt_device import paho

GATEWAY = """
import board, signet
link = signet.open("device.json", board)

def obey(command):
    print("for", command.device, command.name, command.data)

link.on_command = obey
link.report({"n": 1})
link.report({"n": 2}, device=("sensor", "s-{id}"), event="reading")
while True:
    link.poll(100)
"""

APPLICATION = """
import board, signet
from signet.cloud.watson import application
link = signet.open("device.json", board)

def hear(command):
    print(command.kind, command.name, command.device, command.topic)
    if command.name == "boot":
        link.report(*application.command("esp32", "board-1", "set", {"led": 1}))
        link.report({"seen": True}, event="note", device=command.device)

link.on_command = hear
while True:
    link.poll(100)
"""


@pytest.mark.parametrize("way", ["ws", "wss"])
def test_reports_and_commands_go_over_websocket(device, twin, config, way):
    after = twin.last_id()
    device.run(config("watson", way))
    stored = twin.wait_for_messages("watson", 3, after, direction="up", status="stored")
    assert [json.loads(m["payload"])["d"]["humidity"] for m in stored[:3]] == [40, 41, 42]
    device.wait_for("report 3 stored")
    twin.command("watson", "set", {"led": 1})
    device.wait_for(r"^command set: {'led': 1}$")


def test_websocket_goes_over_the_port_of_https_too(device, twin, config):
    after = twin.last_id()
    device.run(config("watson", "wss", port=twin.way("watson", "https")["port"]))
    twin.wait_for_messages("watson", 2, after, direction="up", status="stored")


def test_mqtt_goes_over_the_port_of_https_too(device, twin, config):
    after = twin.last_id()
    device.run(config("watson", "mqtts", port=twin.way("watson", "https")["port"]))
    twin.wait_for_messages("watson", 2, after, direction="up", status="stored")


@pytest.mark.parametrize(
    ("how", "said"),
    [("close", "1001"), ("text", "text frame"), ("masked", "mask"), ("huge", ""), ("cut", "")],
)
def test_a_report_outlives_what_ends_a_websocket(device, twin, config, how, said):
    device.run(config("watson", "wss"), COUNTER)
    device.wait_for("report 2 stored")
    after = twin.last_id()
    twin.fault("misbehave_websocket", how=how)
    lost = device.wait_for("^connection lost: .*$")
    assert said in lost
    device.wait_for(r"^connection lost: (?:.*\n)*?connected\n(?:.*\n)*?report \d+ stored")
    _all_came(twin, device, after)


@pytest.mark.parametrize("how", ["ping", "fragment"])
def test_what_a_websocket_may_do_disturbs_nothing(device, twin, config, how):
    device.run(config("watson", "wss"))
    device.wait_for("report 1 stored")
    twin.fault("misbehave_websocket", how=how)
    twin.command("watson", "set", {"led": 1})
    device.wait_for(r"^command set: {'led': 1}$")
    device.wait_for("report 4 stored")
    assert "connection lost" not in device.output()


def test_a_refused_upgrade_is_named(device, twin, config):
    twin.fault("misbehave_websocket", how="refuse", status=503)
    device.run(config("watson", "wss"))
    assert "503" in device.wait_for("^not connected: .*$")
    device.wait_for("report 1 stored")


@pytest.mark.parametrize("way", ["mqtts", "wss"])
def test_a_gateway_reports_and_hears_for_itself_and_for_a_device_behind_it(
    device, twin, config, way
):
    after = twin.last_id()
    name = f"s-{way}"
    device.run(config("watson", way, role="gateway"), GATEWAY.replace("s-{id}", name))
    stored = twin.wait_for_messages("watson", 2, after, direction="up", status="stored")
    assert [message["topic"] for message in stored] == [
        "iot-2/type/router/id/gateway-1/evt/status/fmt/json",
        f"iot-2/type/sensor/id/{name}/evt/reading/fmt/json",
    ]
    device.wait_for("report 2 stored")
    twin.command("watson", "on", {"a": 1}, device="gateway-1")
    device.wait_for("^for None on {'a': 1}$")
    twin.command("watson", "off", {"b": 2}, device=name)
    device.wait_for(rf"^for \('sensor', '{name}'\) off {{'b': 2}}$")


def test_a_gateway_is_told_of_what_is_not_its_own(device, twin, config):
    # board-1 was never behind this gateway
    program = GATEWAY.replace('"sensor", "s-{id}"', '"esp32", "board-1"')
    device.run(config("watson", "mqtts", role="gateway"), program)
    told = device.wait_for(r"^.*refused: iot-2/type/esp32/id/board-1/evt/reading/fmt/json: .*$")
    assert "RC 180" in told
    assert "connection lost" not in device.output()


@pytest.mark.parametrize("role", ["application", "scalable-application"])
def test_an_application_hears_events_and_status_and_commands_a_device(device, twin, config, role):
    topics = ["iot-2/type/+/id/+/evt/+/fmt/+", "iot-2/type/+/id/+/mon"]
    device.run(config("watson", "mqtts", role=role, subscribe=topics), APPLICATION)
    device.wait_for("^connected$")
    after = twin.last_id()
    with paho(twin, "watson") as other:
        other.subscribe("iot-2/cmd/+/fmt/+")
        other.publish("iot-2/evt/boot/fmt/json", b'{"d": {}}')
        device.wait_for(r"^status Connect \('esp32', 'board-1'\) ")
        device.wait_for(r"^event boot \('esp32', 'board-1'\) iot-2/type/esp32/id/board-1/evt/boot")
        command = other.next()
        assert (command.topic, command.payload) == ("iot-2/cmd/set/fmt/json", b'{"led": 1}')
        device.wait_for(r"^event note \('esp32', 'board-1'\) ")
    device.wait_for(r"^status Disconnect \('esp32', 'board-1'\) ")
    twin.wait_for_messages(
        "watson", 2, after, direction="up", device="signet/a-signet-dashboard1", status="stored"
    )


def _all_came(twin, device, after):
    """No number is missing of what was reported before and after the loss."""
    twin.wait_for_messages("watson", 4, after, direction="up", status="stored")
    seen = {
        json.loads(message["payload"])["d"]["n"]
        for message in twin.messages("watson", after)
        if message["direction"] == "up" and message["status"] == "stored"
    }
    assert seen == set(range(min(seen), max(seen) + 1))
