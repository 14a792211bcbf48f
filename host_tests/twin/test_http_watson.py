"""Does the twin keep the rules of Watson's HTTP messaging API, told by other people's code?

Rules: the platform's docs (`devices/api.md`); status and content types: the tests of its opened
proxy, eclipse/amlen `proxy_test.c` (vectors/watson-http.json has the source of each).
"""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from host_tests.support import Twin
from host_tests.twin.http_device import (
    Answer,
    Http,
    WatsonDevice,
    basic,
    path_of,
)
from host_tests.twin.wire import application_connect, connect_of, paho
from tools.twin import packets
from tools.twin.polls import Polls
from tools.twin.throttle import Throttle
from tools.ui import UserError

_VECTORS = json.loads((Path(__file__).parent.parent / "vectors" / "watson-http.json").read_text())


def _gateway(device: WatsonDevice, form: str = "g/signet/esp32/{}") -> dict[str, str]:
    return basic(form.format(device.name), device.device.secret)


def _application(twin: Twin) -> dict[str, str]:
    given = twin.ready["clouds"]["watson"]["application"]
    return basic(given["api_key"], given["token"])


_JSON = {"Content-Type": "application/json"}


# Events


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


@pytest.mark.parametrize(("form", "level"), _VECTORS["http_content_type"]["map"].items())
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
    for case in _VECTORS["http_status"]["cases"]
    for role in ("device", "gateway")
    if case["as"] in ("both", role)
]


@pytest.mark.parametrize(
    ("role", "case"),
    _STATUS_CASES,
    ids=lambda c: c if isinstance(c, str) else c["req"] + c["body"],
)
def test_status_as_in_the_proxys_own_test(twin: Twin, role: str, case: dict[str, Any]) -> None:
    device = WatsonDevice(twin, f"D-{role}")
    base = device.path
    assert _VECTORS["http_status"]["base"] == path_of("T", "D")
    method, path = case["req"].replace("/D/", f"/{device.name}/").split(" ")
    headers = device.authorized if role == "device" else _gateway(device)
    headers = {**headers, "Content-Type": case.get("content_type", "")}
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
        assert http.ask(path, b"{}", {**_JSON, **device.authorized}).status == 200


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
        assert http.ask(path, b"{}", {**_JSON, **device.authorized}).status == 404


def test_an_event_id_is_percent_encoded_utf_8(twin: Twin) -> None:
    device = WatsonDevice(twin, "h-utf8")
    after = twin.last_id()
    with device.http() as http:
        path = device.path + "/events/%E6%B8%A9"
        assert http.ask(path, b"{}", {**_JSON, **device.authorized}).status == 200
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


# Who is it?


@pytest.mark.parametrize("case", _VECTORS["http_basic"]["cases"], ids=lambda c: c["user"])
def test_basic_headers_are_the_documents(case: dict[str, str]) -> None:
    assert basic(case["user"], case["password"]) == {"Authorization": case["header"]}


@pytest.mark.parametrize("given", ["", "Bearer x", "Basic", "Basic !!!", "Basic bm9jb2xvbg=="])
def test_without_basic_authorization_comes_a_challenge(twin: Twin, given: str) -> None:
    device = WatsonDevice(twin, "h-auth")
    with device.http() as http:
        answer = device.event(http, Authorization=given)
    assert answer.status == 401
    assert answer.headers["www-authenticate"].startswith("Basic realm=")


@pytest.mark.parametrize(
    "user", ["use-token-auth", "use-auth-token", "g/other/esp32/h-auth", "g-signet-esp32", "g/"]
)
def test_wrong_credentials_get_403_and_close_the_connection(twin: Twin, user: str) -> None:
    device = WatsonDevice(twin, "h-auth")
    password = "wrong" if user == "use-token-auth" else device.device.secret
    with device.http() as http:
        answer = device.event(http, **basic(user, password))
        assert answer.status == 403
        assert answer.headers["connection"] == "close"
        assert not http.kept


def test_a_device_that_is_unknown_disabled_or_sealed_gets_403(twin: Twin) -> None:
    sealed = WatsonDevice(twin, "h-sealed", policy="certificate")
    disabled = WatsonDevice(twin, "h-disabled")
    twin.cli("device", "disable", "watson", "signet/esp32", "h-disabled")
    unknown = WatsonDevice(twin, "h-known")
    unknown.path = path_of("esp32", "h-unknown")
    for device in (sealed, disabled, unknown):
        with device.http() as http:
            assert device.event(http).status == 403


def test_who_it_is_is_asked_once_on_a_connection(twin: Twin) -> None:
    device = WatsonDevice(twin, "h-once")
    with device.http() as http:
        assert device.event(http).status == 200
        assert device.event(http, Authorization="").status == 200
    assert twin.output().count("h-once connected: HTTP, as device") == 1


@pytest.mark.parametrize("what", ["device", "class"])
def test_another_identity_on_the_same_connection_gets_403(twin: Twin, what: str) -> None:
    device = WatsonDevice(twin, "h-first")
    with device.http() as http:
        assert device.event(http).status == 200
        if what == "device":
            answer = WatsonDevice(twin, "h-second").event(http)
        else:
            path = path_of("esp32", "h-first", "application") + "/events/e"
            answer = http.ask(path, b"{}", {**_JSON, **_application(twin)})
        assert answer.status == 403


@pytest.mark.parametrize("form", ["g/signet/esp32/{}", "g-signet-esp32-{}"])
def test_a_gateway_posts_for_a_device_behind_it(twin: Twin, form: str) -> None:
    gateway = WatsonDevice(twin, "h-gateway")
    after = twin.last_id()
    with gateway.http() as http:
        path = path_of("sensor", "behind") + "/events/e"
        assert http.ask(path, b"{}", {**_JSON, **_gateway(gateway, form)}).status == 200
    (message,) = twin.messages("watson", after)
    assert message["topic"] == "iot-2/type/sensor/id/behind/evt/e/fmt/json"
    assert message["device"] == "signet/esp32/h-gateway"


def test_an_application_posts_an_event_for_a_device(twin: Twin) -> None:
    with paho(twin, "watson", connect=application_connect(twin, "h-app")) as listening:
        listening.subscribe("iot-2/type/esp32/id/h-any/evt/e/fmt/text")
        with Http(twin, "watson") as http:
            path = path_of("esp32", "h-any", "application") + "/events/e"
            headers = {"Content-Type": "text/plain", **_application(twin)}
            assert http.ask(path, b"x", headers).status == 200
        assert listening.next().payload == b"x"


def test_an_application_posts_a_command_to_a_device_that_listens_by_mqtt(twin: Twin) -> None:
    with paho(twin, "watson") as board:
        board.subscribe("iot-2/cmd/+/fmt/+")
        with Http(twin, "watson") as http:
            path = path_of("esp32", "board-1", "application") + "/commands/blink"
            assert http.ask(path, b"{}", {**_JSON, **_application(twin)}).status == 200
        assert board.next().topic == "iot-2/cmd/blink/fmt/json"


def test_a_device_may_not_post_a_command(twin: Twin) -> None:
    device = WatsonDevice(twin, "h-command")
    with device.http() as http:
        answer = http.ask(device.path + "/commands/c", b"{}", {**_JSON, **device.authorized})
        assert answer.status == 403


# Hosts


@pytest.mark.parametrize("middle", [".messaging", ""])
@pytest.mark.parametrize("way", ["http", "https"])
def test_both_host_forms_of_the_documents_are_taken_also_in_tls(
    twin: Twin, way: str, middle: str
) -> None:
    device = WatsonDevice(twin, "h-host", way)
    with device.http(host=f"signet{middle}.internetofthings.ibmcloud.com") as http:
        assert device.event(http).status == 200
        assert device.event(http, Host=f"SIGNET{middle}.internetofthings.ibmcloud.com:443").status


@pytest.mark.parametrize("host", ["127.0.0.3", "signet.example.com", "messaging.ibmcloud.com"])
def test_a_host_that_names_no_org_gets_400(twin: Twin, host: str) -> None:
    device = WatsonDevice(twin, "h-host")
    with device.http() as http:
        assert device.event(http, Host=host).status == 400


def test_a_host_of_another_org_than_the_server_name_gets_403(twin: Twin) -> None:
    device = WatsonDevice(twin, "h-host", "https")
    with device.http() as http:
        host = "other.messaging.internetofthings.ibmcloud.com"
        assert device.event(http, Host=host).status == 403


# Quickstart


def test_quickstart_takes_json_without_authorization_on_the_plain_port(twin: Twin) -> None:
    with paho(twin, "watson", connect=_quickstart()) as application:
        application.subscribe("iot-2/type/any/id/thing/evt/+/fmt/+")
        assert _quick(twin).status == 200
        assert application.next().topic == "iot-2/type/any/id/thing/evt/e/fmt/json"


def _quickstart() -> packets.Connect:
    return packets.Connect(4, "a:quickstart:h", True, 60, None, None, None)


def _quick(twin: Twin, way: str = "http", end: str = "events/e", **headers: str) -> Answer:
    with Http(twin, "watson", way, "quickstart.messaging.internetofthings.ibmcloud.com") as http:
        return http.ask(path_of("any", "thing") + f"/{end}", b"{}", {**_JSON, **headers})


def test_quickstart_takes_no_other_format_no_tls_and_has_no_commands(twin: Twin) -> None:
    assert _quick(twin, **{"Content-Type": "text/plain"}).status == 415
    assert _quick(twin, "https").status == 403
    assert _quick(twin, end="commands/+/request").status == 403


# Commands


def test_a_device_that_never_used_http_is_not_connected(twin: Twin) -> None:
    WatsonDevice(twin, "h-never")
    with pytest.raises(UserError, match="not connected by MQTT, and has not used HTTP yet"):
        twin.command("watson", "blink", {}, "h-never")


def test_commands_are_queued_for_a_device_that_has_used_http(twin: Twin) -> None:
    device = WatsonDevice(twin, "h-queue")
    with device.http() as http:
        assert device.poll(http).status == 204
        for led in (1, 2):
            answer = twin.command("watson", "set", {"led": led}, "h-queue")
            assert answer == {
                "sent": True,
                "queued": True,
                "topic": "iot-2/cmd/set/fmt/json",
                "device": "signet/esp32/h-queue",
            }
        after = twin.last_id()
        for led in (1, 2):
            command = device.poll(http)
            assert (command.status, command.json) == (200, {"led": led})
            assert command.headers["content-type"] == "application/json"
            assert command.headers["x-commandid"] == "set"
            assert "x-deviceid" not in command.headers
        assert device.poll(http).status == 204
    fetched = twin.messages("watson", after)
    assert [(m["direction"], m["topic"], m["status"]) for m in fetched] == [
        ("down", "iot-2/cmd/set/fmt/json", "sent")
    ] * 2


def test_a_command_that_was_asked_for_by_name_comes_without_its_name(twin: Twin) -> None:
    device = WatsonDevice(twin, "h-name")
    with device.http() as http:
        device.event(http)
        twin.command("watson", "other", {}, "h-name")
        twin.command("watson", "set", {}, "h-name")
        command = device.poll(http, name="set")
        assert (command.status, command.body) == (200, b"{}")
        assert "x-commandid" not in command.headers
        assert device.poll(http, name="set").status == 204
        assert device.poll(http).headers["x-commandid"] == "other"


def _waits(twin: Twin, device: WatsonDevice, before: int) -> None:
    said = f"{device.name} waits: for a command"
    while twin.output().count(said) <= before:
        twin.wait_for_output(said)


def test_a_request_that_waits_gets_a_command_at_once(twin: Twin) -> None:
    device = WatsonDevice(twin, "h-wait")
    with device.http() as http:
        http.send(device.path + "/commands/+/request", b'{"waitTimeSecs":60}', device.authorized)
        _waits(twin, device, 0)
        assert "queued" not in twin.command("watson", "set", {"led": 1}, "h-wait")
        assert http.receive().json == {"led": 1}


def test_a_request_that_waited_in_vain_gets_204(twin: Twin) -> None:
    device = WatsonDevice(twin, "h-vain")
    with device.http() as http:
        assert device.poll(http, wait_s=1).status == 204
        assert http.kept


def test_a_second_request_of_the_same_device_ends_the_first_with_204(twin: Twin) -> None:
    device = WatsonDevice(twin, "h-twice")
    with device.http() as first, device.http() as second:
        for count, http in enumerate((first, second)):
            path = device.path + "/commands/+/request"
            http.send(path, b'{"waitTimeSecs":60}', device.authorized)
            _waits(twin, device, count)
        assert first.receive().status == 204
        twin.command("watson", "set", {}, "h-twice")
        assert second.receive().status == 200


def test_a_device_that_left_while_it_waited_finds_the_command_later(twin: Twin) -> None:
    device = WatsonDevice(twin, "h-left")
    with device.http() as http:
        http.send(device.path + "/commands/+/request", b'{"waitTimeSecs":60}', device.authorized)
        _waits(twin, device, 0)
    while "queued" not in twin.command("watson", "set", {}, "h-left"):
        pass  # the twin had not noticed yet
    with device.http() as http:
        assert device.poll(http).status == 200


def test_an_applications_commands_are_queued_by_mqtt_and_by_http(twin: Twin) -> None:
    device = WatsonDevice(twin, "h-app-command")
    with device.http() as http:
        device.event(http)
        with paho(twin, "watson", connect=application_connect(twin, "h-mqtt")) as application:
            topic = "iot-2/type/esp32/id/h-app-command/cmd/{}/fmt/{}"
            application.publish(topic.format("first", "text"), b"one")
            with Http(twin, "watson") as posting:
                path = path_of("esp32", device.name, "application") + "/commands/second"
                headers = {"Content-Type": "application/octet-stream", **_application(twin)}
                assert posting.ask(path, b"\x00", headers).status == 200
            application.publish(topic.format("third", "own"), b"three")
        first, second, third = (device.poll(http) for _ in range(3))
    assert (first.body, first.headers["content-type"]) == (b"one", "text/plain;charset=utf-8")
    assert (second.body, second.headers["content-type"]) == (b"\x00", "application/octet-stream")
    assert (third.headers["x-commandid"], third.body) == ("third", b"three")


def test_a_gateway_fetches_for_every_device_it_has_spoken_for(twin: Twin) -> None:
    gateway = WatsonDevice(twin, "h-fetch")
    with gateway.http() as http:
        event = path_of("sensor", "h-behind") + "/events/e"
        assert http.ask(event, b"{}", {**_JSON, **_gateway(gateway)}).status == 200
        with Http(twin, "watson") as posting:
            path = path_of("sensor", "h-behind", "application") + "/commands/blink"
            assert posting.ask(path, b"{}", {**_JSON, **_application(twin)}).status == 200
        twin.command("watson", "own", {}, "h-fetch")
        answers = [http.ask(path_of("+", "+") + "/commands/+/request") for _ in range(3)]
    assert [answer.status for answer in answers] == [200, 200, 204]
    found = [
        [a.headers[f"x-{n}"] for n in ("devicetype", "deviceid", "commandid")] for a in answers[:2]
    ]
    assert found == [["sensor", "h-behind", "blink"], ["esp32", "h-fetch", "own"]]


def test_a_device_with_an_mqtt_session_gets_its_commands_there(twin: Twin) -> None:
    device = WatsonDevice(twin, "h-both")
    changes = {
        "client_id": "d:signet:esp32:h-both",
        "password": device.device.secret.encode(),
    }
    with device.http() as http:
        device.event(http)
        with paho(twin, "watson", connect=connect_of(twin, "watson", **changes)) as board:
            board.subscribe("iot-2/cmd/+/fmt/+")
            assert "queued" not in twin.command("watson", "set", {}, "h-both")
            assert board.next().topic == "iot-2/cmd/set/fmt/json"
        assert device.poll(http).status == 204


def _polling(act: Callable[[Polls], Any]) -> Any:
    async def run() -> Any:
        polls = Polls()
        polls.visited("reader", "o", "t", "d")
        return await act(polls)

    return asyncio.run(run())


_COMMAND = "watson/o/iot-2/type/t/id/d/cmd/c/fmt/json"


def test_a_command_that_was_on_its_way_to_a_device_that_left_is_kept() -> None:
    async def act(polls: Polls) -> Any:
        waiting = asyncio.create_task(polls.fetch("reader", ("+", "+", "+"), 60))
        await asyncio.sleep(0)
        assert polls.offer("reader", _COMMAND, b"{}")
        waiting.cancel()
        await asyncio.wait((waiting,))
        return await polls.fetch("reader", ("t", "d", "c"), 0)

    assert _polling(act).payload == b"{}"


def test_who_used_http_last_for_a_device_fetches_its_commands() -> None:
    async def act(polls: Polls) -> Any:
        polls.visited("gateway", "o", "t", "d")
        return polls.reader(_COMMAND)

    assert _polling(act) == "gateway"


# Too busy


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
            assert 1 <= int(answer.headers["retry-after"]) <= 100
        assert len(twin.messages()) == 1


def test_while_the_broker_is_down_an_event_gets_503_and_is_not_stored(own_twin: Twin) -> None:
    device = WatsonDevice(own_twin, "h-down")
    own_twin.fault("kill_broker")
    with device.http() as http:
        answer = device.event(http)
    assert (answer.status, answer.headers["retry-after"]) == (503, "5")
    assert own_twin.messages() == []


# Answers on demand


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 413, 415, 429, 500, 502, 503, 504])
@pytest.mark.parametrize("path", ["events", "commands"])
def test_every_status_can_be_had_on_demand(twin: Twin, path: str, status: int) -> None:
    device = WatsonDevice(twin, "h-demand")
    after = twin.last_id()
    twin.fault(
        "answer_http", cloud="watson", path=path, code=status, retry_after_s=3, message="no"
    )

    def ask() -> Answer:
        with device.http() as http:
            answer = device.event(http) if path == "events" else device.poll(http)
            assert http.kept == (answer.status < 400)
            return answer

    wrong = ask()
    assert (wrong.status, wrong.body, wrong.headers["retry-after"]) == (status, b"no", "3")
    assert twin.messages("watson", after) == []
    assert ask().status == (200 if path == "events" else 204)


def test_neither_token_nor_password_is_ever_shown(twin: Twin) -> None:
    device = WatsonDevice(twin, "h-secret")
    with device.http() as http:
        device.event(http, **basic("use-token-auth", "5ecret-password"))
    with device.http() as http:
        device.event(http)
    twin.wait_for_output("h-secret: the token (the password) is wrong")
    assert device.device.secret not in twin.output()
    assert "5ecret-password" not in twin.output()
