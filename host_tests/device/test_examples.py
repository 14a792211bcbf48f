"""Do the programs of firmware/examples do on a board what they say?"""

import base64
import json
import re
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from host_tests.support import Twin
from tools.paths import ROOT

_EXAMPLES = ROOT / "firmware" / "examples"


@pytest.fixture
def example(device: Any, config: Callable[..., dict[str, Any]]) -> Callable[..., Any]:
    """Runs an example on the board, by a way in: `example("raw", "alibaba")`."""

    def run(name: str, cloud: str, way: str = "mqtt", **changes: Any) -> Any:
        device.run(config(cloud, way, **changes), (_EXAMPLES / f"{name}.py").read_text())
        device.wait_for("^connected")
        return device

    return run


def _program(page: str) -> str:
    """The only one of a page."""
    (program,) = re.findall(r"```python\n(.+?)```", (ROOT / page).read_text(), re.DOTALL)
    return str(program)


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
    with urllib.request.urlopen(request, timeout=60) as reply:
        assert reply.status == 200


def test_the_gateway_reports_for_its_meters_and_hands_their_commands_on(example, twin):
    after = twin.last_id()
    gateway = example("gateway", "watson", role="gateway")
    for device in ("router/id/gateway-1", "meter/id/meter-1", "meter/id/meter-2"):
        topic = f"iot-2/type/{device}/evt/status/fmt/json"
        twin.wait_for_messages("watson", 1, after, direction="up", status="stored", topic=topic)
    twin.command("watson", "set", {"led": 1}, "signet/meter/meter-1")
    gateway.wait_for("^for meter-1: set {'led': 1}")
    twin.command("watson", "set", {"led": 1}, "signet/router/gateway-1")
    gateway.wait_for("^command set: {'led': 1}")


def test_the_dashboard_prints_what_a_device_says_and_lights_its_led_once(example, twin):
    after = twin.last_id()
    dashboard = example("dashboard", "watson", role="application")
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
    sampler = example("sampler", "watson")
    sampler.wait_for("^report 3 stored")
    topic = "iot-2/evt/status/fmt/json"
    messages = twin.wait_for_messages("watson", 3, after, direction="up", topic=topic)
    reports = [json.loads(message["payload"])["d"] for message in messages]
    assert all(20 <= report["temperature"] <= 23 for report in reports), reports
    assert sum(report["readings"] for report in reports) > 100, reports
    twin.command("watson", "set", {"led": 1})
    sampler.wait_for("^command set: {'led': 1}")


@pytest.mark.parametrize(
    ("page", "name"),
    [("README.md", "plain"), ("docs/deep-sleep.md", "sleeper"), ("docs/gateways.md", "gateway")],
)
def test_the_program_of_a_page_is_an_example(page, name):
    assert _program(page) == (_EXAMPLES / f"{name}.py").read_text().partition('"""\n\n')[2]


@pytest.mark.parametrize(
    ("page", "said"),
    [("docs/asyncio.md", "^report 2 stored"), ("docs/promise.md", r"^True 0 \{.*'dropped': 0")],
)
def test_the_program_of_a_page_does_what_it_says(device, config, page, said):
    device.run(config("enos"), _program(page))
    device.wait_for(said)


def test_the_sleeper_wakes_reports_in_one_datagram_and_sleeps(example, twin):
    after = twin.last_id()
    sleeper = example("sleeper", "alibaba", "coap", deep_sleep=True)
    found = twin.wait_for_messages("alibaba", 3, after, direction="up", status="stored")
    woke = [json.loads(message["payload"])["params"]["woke"]["value"] for message in found]
    assert woke[-2:] == [True, True], found
    assert sleeper.output().count("authenticated") <= 1


def test_raw_bytes_and_a_whole_file_arrive_as_they_are(example, twin):
    after = twin.last_id()
    example("raw", "alibaba", "https").wait_for("^all stored")
    topic = "/a1SignetPk/board-1/user/update"
    found = twin.wait_for_messages("alibaba", 2, after, direction="up", topic=topic)
    file = b"".join(number.to_bytes(4, "little") for number in range(1000))
    assert [message["payload"] for message in found] == [{"hex": file.hex()}, {"hex": "0102ff"}]


def test_a_service_answers_with_what_its_function_returns_or_raises(example, twin):
    example("services", "enos")
    replies = [
        twin.command("enos", name, {"a": 2, "b": 3})["reply"] for name in ("add", "sense", "dance")
    ]
    assert [reply["code"] for reply in replies] == [200, 200, 500]
    assert replies[0]["data"] == {"sum": 5}
    assert "temperature" in replies[1]["data"]
    assert "no such service" in replies[2]["message"]


def test_a_board_of_ones_own_reports_what_it_has_and_obeys(device, twin, config):
    own = (_EXAMPLES / "own_board.py").read_text().replace("pool.ntp.org", "127.0.0.1")
    main = (_EXAMPLES / "plain.py").read_text()
    after = twin.last_id()
    device.run(config("enos"), main, more={"/board.py": own.encode()})
    device.wait_for("^report 1 stored")
    (report, *_) = twin.wait_for_messages("enos", 1, after, direction="up", status="stored")
    values = json.loads(report["payload"])["params"]["measurepoints"]
    assert values == {"button": 0, "relay": 0}
    assert twin.command("enos", "set", {"relay": 1})["reply"]["data"] == {"relay": 1}


def test_each_example_is_run_here():
    text = Path(__file__).read_text()
    assert all(f'"{file.stem}' in text for file in _EXAMPLES.glob("*.py"))
