"""Does the twin's Watson answer the REST calls of applications as the vendor's SDK expects it?

wiotp-sdk runs as it is published; what it would never send comes from http.client.
"""

import json
import math
from typing import Any

import pytest

from host_tests.support import Twin
from host_tests.twin.http_device import (
    Http,
    WatsonDevice,
    WatsonGateway,
    of_application,
    path_of,
)
from host_tests.twin.mqtt_device import paho
from tools.twin.clouds.http_request import BODY_LIMIT

_HOST = "signet.internetofthings.ibmcloud.com"
_TYPES = "/api/v0002/device/types"
_OWN = "device/types/esp32/devices/rest-own"


def test_the_vendors_sdk_registers_asks_and_removes(twin: Twin, start: Any) -> None:
    ready = twin.ready["clouds"]["watson"]
    ca = {"ca": twin.ready["ca_file"]}
    sdk = start(
        "watson_registry.py", {**twin.way("watson", "https"), **ready["application"], **ca}
    )
    made = sdk.hear("registered")
    assert (made["known"], made["model"]) == ([True, True], "m")
    assert made["ids"] == sorted(f"rest-{number}" for number in range(60))
    own = {"client_id": "d:signet:by-rest:rest-7", "password": made["token"].encode()}
    manage = {"d": {"supports": {"deviceActions": True}, "deviceInfo": {"model": "own"}}}
    with paho(twin, "watson", **own) as device:
        device.subscribe("iotdm-1/#")
        for topic, body in (
            ("iot-2/evt/status/fmt/json", {"t": 1}),
            ("iot-2/evt/status/fmt/json", {"t": 2}),
            ("iot-2/evt/alarm/fmt/text", "hot"),
            ("iotdevice-1/mgmt/manage", {"reqId": "1", **manage}),
            ("iotdevice-1/add/diag/log", {"reqId": "2", "d": {"message": "log"}}),
        ):
            device.publish(topic, body if isinstance(body, str) else json.dumps(body))
        assert [json.loads(device.next().payload)["rc"] for _ in range(2)] == [200, 200]
        sdk.tell("go on")
        told = sdk.hear("told")
        assert told["info"] == ["own", "1", {"floor": 3}]
        assert (told["location"], told["codes"], told["logs"]) == ([50, 60], [5], ["log"])
        assert told["managed"] == {"deviceActions": True}
        assert told["last"] == [["alarm", "text", "hot"], ["status", "json", '{"t": 2}']]
        assert (told["one"], told["status"]) == ("json", "green")
        since = len(twin.output())
        sdk.tell("go on")
        assert sdk.hear("gone")["known"] == [False, False]
        twin.wait_for_output("removed from the registry", since=since)


@pytest.mark.parametrize(
    ("status", "call", "body"),
    [
        (200, f"GET {_OWN}", None),
        (200, "GET device/types/esp32/devices/rest%2Down", None),
        (200, "GET device/types?_limit=1", None),
        (400, "GET device/types?_limit=x", None),
        (404, "GET device/types/none", None),
        (404, "GET nothing", None),
        (404, "GET device/types/esp32%2Fdevices%2Frest-own", None),
        (404, "POST device/types/events/devices", {"deviceId": "a"}),
        (404, f"GET {_OWN}/location", None),
        (404, f"GET {_OWN}/mgmt", None),
        (404, f"GET {_OWN}/events/none", None),
        (404, f"DELETE {_OWN}/diag/logs/none", None),
        (405, f"PATCH {_OWN}", {}),
        (409, "POST device/types", {"id": "esp32"}),
        (409, "DELETE device/types/esp32", None),
        (409, "POST device/types/esp32/devices", {"deviceId": "rest-own"}),
        (400, "POST device/types", {"id": "a/b"}),
        (400, "POST device/types", {"id": "t", "classId": "Thing"}),
        (400, "POST device/types", {"id": "t", "metadata": math.nan}),
        (413, "POST device/types", {"id": "t", "description": "t" * BODY_LIMIT}),
        (400, "POST device/types/esp32/devices", {"deviceId": "a", "authToken": 1}),
        (404, "POST device/types/none/devices", {"deviceId": "a"}),
        (400, f"PUT {_OWN}", []),
        (400, f"PUT {_OWN}/location", {"latitude": 100, "longitude": 120}),
        (400, f"POST {_OWN}/diag/logs", {"message": "m", "severity": 3}),
        (400, f"POST {_OWN}/diag/errorCodes", {"errorCode": "5"}),
        (202, "POST bulk/devices/add", [{"typeId": "none", "deviceId": "a"}]),
        (400, "POST bulk/devices/add", {}),
    ],
)
def test_a_call_has_its_status(twin: Twin, status: int, call: str, body: Any) -> None:
    WatsonDevice(twin, "rest-own")
    method, _, path = call.partition(" ")
    data = b"" if body is None else json.dumps(body).encode()
    with Http(twin, "watson", "https", _HOST) as http:
        answer = http.ask(f"/api/v0002/{path}", data, of_application(twin), method=method)
    assert answer.status == status
    if status >= 400:
        assert answer.json["message"]


def test_each_call_proves_that_an_application_asks(twin: Twin) -> None:
    device = WatsonDevice(twin, "rest-device", "https")
    with Http(twin, "watson", "https", _HOST) as http:
        for status, headers in ((200, of_application(twin)), (401, {})):
            assert http.ask(_TYPES, b"", headers, method="GET").status == status
    with Http(twin, "watson", "https", _HOST) as http:
        assert http.ask(_TYPES, b"", device.authorized, method="GET").status == 403
    with Http(twin, "watson", "http", _HOST.replace("signet", "quickstart")) as http:
        event = path_of("esp32", "any", "application") + "/events/status"
        assert http.ask(event, b"{}", {"Content-Type": "application/json"}).status == 200
        assert http.ask(_TYPES, b"", method="GET").status == 403


def test_a_device_that_was_removed_and_added_anew_has_nothing_of_before(twin: Twin) -> None:
    device = WatsonDevice(twin, "rest-anew")
    path, app = path_of("esp32", "rest-anew"), of_application(twin)
    with device.http() as own, Http(twin, "watson", "https", _HOST) as http:
        assert device.event(own).status == 200
        assert len(http.ask(f"{path}/events", b"", app, method="GET").json) == 1
        assert http.ask(path, b"", app, method="DELETE").status == 204
        body = json.dumps({"deviceId": device.name}).encode()
        assert http.ask(f"{_TYPES}/esp32/devices", body, app).status == 201
        assert http.ask(f"{path}/events", b"", app, method="GET").json == []
        assert device.event(own).status == 403


def test_a_device_whose_gateway_was_removed_is_behind_none(twin: Twin) -> None:
    gateway = WatsonGateway(twin, "rest-gateway")
    behind = WatsonDevice(twin, "rest-behind", gateway=gateway.device.label)
    with Http(twin, "watson", "https", _HOST) as http:
        assert http.ask(gateway.path, b"", of_application(twin), method="DELETE").status == 204
    own = {
        "client_id": "d:signet:esp32:rest-behind",
        "password": behind.device.secret.encode(),
    }
    with paho(twin, "watson", **own) as device:
        device.subscribe("iot-2/cmd/+/fmt/+")
        assert "queued" not in twin.command("watson", "blink", {}, "esp32/rest-behind")
        assert device.next().topic == "iot-2/cmd/blink/fmt/json"
