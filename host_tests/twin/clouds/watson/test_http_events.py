"""Does the twin keep the rules of Watson's HTTP messaging API for events?

Rules: the platform's docs (`devices/api.md`); status and content types: the tests of its opened
proxy, eclipse/amlen `proxy_test.c` (vectors/watson-http.json has the source of each).
"""

from pathlib import Path
from typing import Any

import pytest

from host_tests.support import Twin
from host_tests.twin.http_device import (
    JSON,
    VECTORS,
    Answer,
    Http,
    WatsonDevice,
    WatsonGateway,
    path_of,
)
from host_tests.twin.mqtt_device import application_connect, paho
from tools.twin.clouds.throttle import Throttle
from tools.twin.wire import packets


def test_an_event_is_on_file_as_an_mqtt_devices_would_be(twin: Twin) -> None:
    device = WatsonDevice(twin, "h-event")
    after = twin.last_id()
    with device.http() as http:
        answer = device.event(http, b'{"t":21.5}')
        assert (answer.status, answer.body) == (200, b"")
    (message,) = twin.messages("watson", after)
    assert message["device"] == "signet/esp32/h-event"
    assert (message["topic"], message["payload"]) == ("iot-2/evt/status/fmt/json", '{"t":21.5}')
    assert (message["direction"], message["status"], message["qos"]) == ("up", "stored", 0)


@pytest.mark.parametrize("way", ["http", "mqtts", "https"])
def test_an_application_hears_by_mqtt_what_was_posted_to_any_port(twin: Twin, way: str) -> None:
    device = WatsonDevice(twin, f"h-heard-{way}", way)
    with paho(twin, "watson", connect=application_connect(twin, f"h-{way}")) as application:
        application.subscribe(f"iot-2/type/esp32/id/{device.name}/evt/+/fmt/+")
        with device.http() as http:
            assert device.event(http).status == 200
        heard = application.next()
    assert heard.topic == f"iot-2/type/esp32/id/{device.name}/evt/status/fmt/json"
    assert (heard.payload, heard.retain) == (b'{"t":21}', False)


@pytest.mark.parametrize(("form", "level"), VECTORS["http_content_type"]["map"].items())
def test_content_types_become_formats_as_in_the_proxys_own_test(
    twin: Twin, form: str, level: str | None
) -> None:
    device = WatsonDevice(twin, "h-form")
    after = twin.last_id()
    with device.http() as http:
        answer = device.event(http, b"x", **{"Content-Type": form})
        assert answer.status == (200 if level else 415)
    assert [m["topic"] for m in twin.messages("watson", after)] == (
        [f"iot-2/evt/status/fmt/{level}"] if level else []
    )


@pytest.mark.parametrize("form", ["", "json", "application/jsonx", "text/"])
def test_another_content_type_gets_415(twin: Twin, form: str) -> None:
    device = WatsonDevice(twin, "h-form")
    with device.http() as http:
        assert device.event(http, **{"Content-Type": form}).status == 415


_STATUS_CASES = [
    (role, case)
    for case in VECTORS["http_status"]["cases"]
    for role in ("device", "gateway")
    if case["as"] in ("both", role)
]


@pytest.mark.parametrize(
    ("role", "case"),
    _STATUS_CASES,
    ids=lambda c: c if isinstance(c, str) else c["req"] + c["body"],
)
def test_status_as_in_the_proxys_own_test(twin: Twin, role: str, case: dict[str, Any]) -> None:
    device = (WatsonDevice if role == "device" else WatsonGateway)(twin, f"D-{role}")
    base = device.path
    assert VECTORS["http_status"]["base"] == path_of("T", "D")
    method, path = case["req"].replace("/D/", f"/{device.name}/").split(" ")
    headers = {**device.authorized, "Content-Type": case.get("content_type", "")}
    with device.http() as http:
        http.send(path.replace("{base}", base), case["body"].encode(), headers, method)
        if case.get("wait"):
            twin.wait_for_output(f"{device.name} waits: for a command, {case['wait']} s at most")
            twin.command("watson", "C", {}, device.name)
        answer = http.receive()
    # 200 is the proxy's word for a good request; without a command the answer then is 204.
    good = case["status"] == 200 and "request" in path and not case.get("wait")
    assert answer.status == (204 if good else case["status"])


def test_several_slashes_count_as_one(twin: Twin) -> None:
    device = WatsonDevice(twin, "h-slash")
    with device.http() as http:
        path = device.path.replace("/", "//") + "/events//status"
        assert http.ask(path, b"{}", {**JSON, **device.authorized}).status == 200


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/api/v0002/device/types/esp32/devices/x/events",
        "/api/v0003/device/types/esp32/devices/x/events/e",
        "/api/v0002/thing/types/esp32/devices/x/events/e",
        "/api/v0002/device/types/esp32/devices/x/alerts/e",
        "/api/v0002/device/types/esp32/devices/x/events/e/request",
        "/api/v0002/application/types/esp32/devices/x/commands/c/request",
        "/api/v0002/device/types/esp 32/devices/x/events/e".replace(" ", "%20"),
        "/api/v0002/device/types/esp32/devices/x/events/a%2Fb",
        "/api/v0002/device/types/esp32/devices/x/events/%23",
        "/api/v0002/device/types/esp32/devices/x/events/%zz",
        "/api/v0002/device/types/esp32/devices/x/events/%0D%0A",
    ],
)
def test_another_path_gets_404(twin: Twin, path: str) -> None:
    device = WatsonDevice(twin, "x")
    with device.http() as http:
        assert http.ask(path, b"{}", {**JSON, **device.authorized}).status == 404


def test_an_event_id_is_percent_encoded_utf_8(twin: Twin) -> None:
    device = WatsonDevice(twin, "h-utf8")
    after = twin.last_id()
    with device.http() as http:
        path = device.path + "/events/%E6%B8%A9"
        assert http.ask(path, b"{}", {**JSON, **device.authorized}).status == 200
    assert twin.messages("watson", after)[0]["topic"] == "iot-2/evt/温/fmt/json"


def test_an_empty_event_gets_400(twin: Twin) -> None:
    device = WatsonDevice(twin, "h-empty")
    with device.http() as http:
        assert device.event(http, b"").status == 400


def test_131072_bytes_are_taken_and_one_more_gets_413(twin: Twin) -> None:
    device = WatsonDevice(twin, "h-large")
    with device.http() as http:
        assert device.event(http, b"x" * 131072).status == 200
        assert device.event(http, b"x" * 131073).status == 413
    with device.http() as http:
        assert device.event(http, b"x" * 1_000_000).status == 413


def test_quickstart_takes_json_without_authorization_on_the_plain_port(twin: Twin) -> None:
    with paho(twin, "watson", connect=_quickstart()) as application:
        application.subscribe("iot-2/type/any/id/thing/evt/+/fmt/+")
        assert _quick(twin).status == 200
        assert application.next().topic == "iot-2/type/any/id/thing/evt/e/fmt/json"


def _quickstart() -> packets.Connect:
    return packets.Connect(4, "a:quickstart:h", True, 60, None, None, None)


def _quick(twin: Twin, way: str = "http", end: str = "events/e", **headers: str) -> Answer:
    with Http(twin, "watson", way, "quickstart.messaging.internetofthings.ibmcloud.com") as http:
        return http.ask(path_of("any", "thing") + f"/{end}", b"{}", {**JSON, **headers})


def test_quickstart_takes_no_other_format_no_tls_and_has_no_commands(twin: Twin) -> None:
    assert _quick(twin, **{"Content-Type": "text/plain"}).status == 415
    assert _quick(twin, "https").status == 403
    assert _quick(twin, end="commands/+/request").status == 403


def test_a_bucket_holds_a_seconds_worth_and_fills_again() -> None:
    now = [100.0]
    throttle = Throttle(2.0, lambda: now[0])
    assert [throttle.wait_s("a") for _ in range(3)] == [0.0, 0.0, 0.5]
    assert throttle.wait_s("b") == 0.0
    now[0] += 0.5
    assert [throttle.wait_s("a") for _ in range(2)] == [0.0, 0.5]


def test_too_many_requests_of_one_device_get_503_and_retry_after(tmp_path: Path) -> None:
    with Twin(tmp_path, "--http-rate", "0.01") as twin:
        device = WatsonDevice(twin, "h-busy")
        with device.http() as http:
            assert device.event(http).status == 200
            answer = device.event(http)
            assert answer.status == 503
            assert 95 <= int(answer.headers["retry-after"]) <= 100
        assert len(twin.messages()) == 1


def test_while_the_broker_is_down_an_event_gets_503_and_is_not_stored(own_twin: Twin) -> None:
    device = WatsonDevice(own_twin, "h-down")
    own_twin.fault("kill_broker")
    with device.http() as http:
        answer = device.event(http)
    assert (answer.status, answer.headers["retry-after"]) == (503, "5")
    assert own_twin.messages() == []
