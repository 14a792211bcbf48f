"""Do the programs of firmware/examples do on a board what they say?"""

import base64
import json
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest

from host_tests.support import Twin
from tools.paths import ROOT
from tools.twin.process import TwinProcess

_EXAMPLES = ROOT / "firmware" / "examples"


@pytest.fixture
def example(device: Any, twin: Twin) -> Callable[[str, str], Any]:
    """Runs an example on the board, by a way in that it logs in by in its role."""

    def run(name: str, role: str) -> Any:
        values = TwinProcess.device_config(twin, "watson", "mqtt", role)
        values |= {"retry_s": 1, "report_interval_s": 1}
        device.run(values, (_EXAMPLES / f"{name}.py").read_text())
        device.wait_for("^connected")
        return device

    return run


def _by_http(twin: Twin, what: str, values: dict[str, Any]) -> None:
    """As `curl` would send it for the ready device."""
    who, way = twin.device("watson"), twin.way("watson", "http")
    path = f"types/{who['type_id']}/devices/{who['device_id']}/{what}"
    login = base64.b64encode(f"use-token-auth:{who['token']}".encode()).decode()
    request = urllib.request.Request(
        f"http://{way['address']}:{way['port']}/api/v0002/device/{path}",
        json.dumps(values).encode(),
        {
            "Content-Type": "application/json",
            "Authorization": f"Basic {login}",
            "Host": way["host"],
        },
    )
    with urllib.request.urlopen(request, timeout=10) as reply:
        assert reply.status == 200


def test_the_gateway_reports_for_its_meters_and_hands_their_commands_on(example, twin):
    after = twin.last_id()
    gateway = example("gateway", "gateway")
    for device in ("router/id/gateway-1", "meter/id/meter-1", "meter/id/meter-2"):
        topic = f"iot-2/type/{device}/evt/status/fmt/json"
        twin.wait_for_messages("watson", 1, after, direction="up", status="stored", topic=topic)
    twin.command("watson", "set", {"led": 1}, "signet/meter/meter-1")
    gateway.wait_for("^for meter-1: set {'led': 1}")
    twin.command("watson", "set", {"led": 1}, "signet/router/gateway-1")
    gateway.wait_for("^command set: {'led': 1}")


def test_the_dashboard_prints_what_a_device_says_and_lights_its_led_once(example, twin):
    after = twin.last_id()
    dashboard = example("dashboard", "application")
    for number in (1, 2):
        _by_http(twin, "events/status", {"d": {"n": number}})
        dashboard.wait_for(f"^event status of board-1: {{'d': {{'n': {number}}}}}")
    dashboard.wait_for("^report 1 stored")
    topic = "iot-2/type/esp32/id/board-1/cmd/set/fmt/json"
    (command,) = twin.wait_for_messages("watson", 1, after, topic=topic)
    assert json.loads(command["payload"]) == {"led": 1}
    dashboard.wait_for("^event status: None")
    assert "report 2" not in dashboard.output()
    _by_http(twin, "commands/set/request", {"waitTimeSecs": 0})  # it waits for no other test


def test_the_sampler_reads_its_sensor_beside_the_link_and_obeys(example, twin):
    after = twin.last_id()
    sampler = example("sampler", "device")
    sampler.wait_for("^report 3 stored")
    topic = "iot-2/evt/status/fmt/json"
    messages = twin.wait_for_messages("watson", 3, after, direction="up", topic=topic)
    reports = [json.loads(message["payload"])["d"] for message in messages]
    assert all(20 <= report["temperature"] <= 23 for report in reports), reports
    assert sum(report["readings"] for report in reports) > 100, reports
    twin.command("watson", "set", {"led": 1})
    sampler.wait_for("^command set: {'led': 1}")
