"""Does the twin keep the rules of Watson's HTTP messaging API for commands, waited for or not?

Rules: the platform's docs (`devices/api.md`); status and content types: the tests of its opened
proxy, eclipse/amlen `proxy_test.c` (vectors/watson-http.json has the source of each).
"""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from host_tests.support import Twin
from host_tests.twin.http_device import (
    JSON,
    Http,
    WatsonDevice,
    WatsonGateway,
    of_application,
    path_of,
)
from host_tests.twin.mqtt_device import application_connect, connect_of, paho
from tools.twin.clouds.watson.polls import Polls
from tools.ui import UserError


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
    twin.wait_for_output("h-left left: while it waited for a command")
    assert twin.command("watson", "set", {"led": 7}, "h-left")["queued"]
    with device.http() as http:
        assert device.poll(http).json == {"led": 7}
        assert device.poll(http).status == 204


def test_an_applications_commands_are_queued_by_mqtt_and_by_http(twin: Twin) -> None:
    device = WatsonDevice(twin, "h-app-command")
    with device.http() as http:
        device.event(http)
        with paho(twin, "watson", connect=application_connect(twin, "h-mqtt")) as application:
            topic = "iot-2/type/esp32/id/h-app-command/cmd/{}/fmt/{}"
            application.publish(topic.format("first", "text"), b"one")
            with Http(twin, "watson") as posting:
                path = path_of("esp32", device.name, "application") + "/commands/second"
                headers = {"Content-Type": "application/octet-stream", **of_application(twin)}
                assert posting.ask(path, b"\x00", headers).status == 200
            application.publish(topic.format("third", "own"), b"three")
        first, second, third = (device.poll(http) for _ in range(3))
    assert (first.body, first.headers["content-type"]) == (b"one", "text/plain;charset=utf-8")
    assert (second.body, second.headers["content-type"]) == (b"\x00", "application/octet-stream")
    assert (third.headers["x-commandid"], third.body) == ("third", b"three")


def test_a_gateway_fetches_for_every_device_it_has_spoken_for(twin: Twin) -> None:
    gateway = WatsonGateway(twin, "h-fetch")
    with gateway.http() as http:
        event = path_of("sensor", "h-behind") + "/events/e"
        assert http.ask(event, b"{}", {**JSON, **gateway.authorized}).status == 200
        with Http(twin, "watson") as posting:
            path = path_of("sensor", "h-behind", "application") + "/commands/blink"
            assert posting.ask(path, b"{}", {**JSON, **of_application(twin)}).status == 200
        twin.command("watson", "own", {}, "h-fetch")
        answers = [http.ask(path_of("+", "+") + "/commands/+/request") for _ in range(3)]
    assert [answer.status for answer in answers] == [200, 200, 204]
    found = [
        [a.headers[f"x-{n}"] for n in ("devicetype", "deviceid", "commandid")] for a in answers[:2]
    ]
    assert found == [["sensor", "h-behind", "blink"], ["esp32", "h-fetch", "own"]]


def test_a_device_with_an_mqtt_session_gets_its_commands_there(twin: Twin) -> None:
    device = WatsonDevice(twin, "h-mqtt-too")
    changes = {
        "client_id": "d:signet:esp32:h-mqtt-too",
        "password": device.device.secret.encode(),
    }
    with device.http() as http:
        device.event(http)
        with paho(twin, "watson", connect=connect_of(twin, "watson", **changes)) as board:
            board.subscribe("iot-2/cmd/+/fmt/+")
            assert "queued" not in twin.command("watson", "set", {}, "h-mqtt-too")
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
