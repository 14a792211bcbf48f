"""For whom does a gateway of the twin's Watson speak, what does it hear, what is it told?

Sources: the platform's docs (`gateways/mqtt.md`); for the server's own conduct its opened proxy,
eclipse/amlen `server_proxy`.
"""

import contextlib
import json
import queue
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from host_tests.support import Twin
from host_tests.twin.http_device import WatsonGateway, path_of, registered
from host_tests.twin.mqtt_device import (
    Paho,
    Raw,
    application_connect,
    connect_of,
    gateway_connect,
    paho,
    wait_until,
)
from tools.twin.registry.store import Store, open_store
from tools.twin.wire import packets
from tools.ui import UserError

_OWN = "iot-2/type/router/id/gateway-1"
_ALL = "iot-2/type/+/id/+/cmd/+/fmt/+"


def _event(device: str, type_id: str = "sensor") -> str:
    return f"iot-2/type/{type_id}/id/{device}/evt/status/fmt/json"


@contextlib.contextmanager
def _gateway(twin: Twin, **changes: Any) -> Iterator[Paho]:
    """The ready gateway, which hears its notices."""
    with paho(twin, "watson", connect=gateway_connect(twin, **changes)) as client:
        client.subscribe(f"{_OWN}/notify")
        yield client


@contextlib.contextmanager
def _another(twin: Twin, name: str) -> Iterator[Paho]:
    device = registered(twin, "watson", "signet/router", name, "gateway")
    changes = {"client_id": f"g:signet:router:{name}", "password": device.secret.encode()}
    with paho(twin, "watson", connect=gateway_connect(twin, **changes)) as client:
        client.subscribe(f"iot-2/type/router/id/{name}/notify")
        yield client


def _behind(twin: Twin, name: str, type_id: str = "sensor") -> str | None:
    """The gateway that a device is behind; None where nobody registered it."""
    with contextlib.closing(open_store(twin.state)) as store:
        found = store.device("watson", "device", f"signet/{type_id}", name)
        return found and found.gateway


def _enable(twin: Twin, name: str, enabled: bool) -> None:
    with contextlib.closing(open_store(twin.state)) as store:
        found = store.device("watson", "device", "signet/sensor", name)
        assert found is not None
        store.enable(found, enabled)


def _notice(client: Paho) -> dict[str, Any]:
    notice: dict[str, Any] = json.loads(client.next().payload)
    return notice


def _nothing(client: Paho) -> bool:
    """Whether no message came, once all that was published before must have."""
    client.publish(f"{_OWN}/evt/status/fmt/json", b"{}")
    with contextlib.suppress(queue.Empty):
        client.messages.get_nowait()
        return False
    return True


def _answer(twin: Twin, device: str) -> str:
    """What the twin says to a command; a client that has left may be there for a moment."""
    try:
        return str(twin.command("watson", "blink", {}, device))
    except UserError as error:
        return str(error)


# Registration.


def test_publishing_for_an_unknown_device_registers_it_behind_the_gateway(twin: Twin) -> None:
    assert _behind(twin, "g-new") is None
    with _gateway(twin) as client:
        client.publish(_event("g-new"), b"{}")
    assert _behind(twin, "g-new") == "signet/router/gateway-1"


def test_subscribing_for_an_unknown_device_registers_it_too(twin: Twin) -> None:
    with _gateway(twin) as client:
        client.subscribe("iot-2/type/sensor/id/g-heard/cmd/+/fmt/+")
    assert _behind(twin, "g-heard") == "signet/router/gateway-1"


def test_a_wildcard_registers_nothing(twin: Twin) -> None:
    with _gateway(twin) as client:
        client.subscribe("iot-2/type/sensor/id/+/cmd/+/fmt/+")
    assert _behind(twin, "+") is None


def test_an_id_that_no_device_may_have_is_refused(twin: Twin) -> None:
    with _gateway(twin) as client:
        client.publish(_event("g" * 37), b"{}")
        assert _notice(client)["RC"] == 180


def test_a_type_that_no_device_may_have_is_refused(twin: Twin) -> None:
    with _gateway(twin) as client:
        client.publish(_event("g-long", "t" * 37), b"{}")
        assert _notice(client)["RC"] == 180


def test_what_a_gateway_reports_for_a_device_is_heard_as_the_devices(twin: Twin) -> None:
    with (
        paho(twin, "watson", connect=application_connect(twin, "g-app")) as application,
        _gateway(twin) as client,
    ):
        application.subscribe(_event("g-report"))
        client.publish(_event("g-report"), b'{"t":1}')
        assert application.next().payload == b'{"t":1}'


# Refusals.


def test_a_refused_report_is_acknowledged_and_the_gateway_told_why(twin: Twin) -> None:
    after = twin.last_id()
    with _gateway(twin) as client:
        client.publish(_event("board-1", "esp32"), b"{}")  # a device on its own
        notice = _notice(client)
        assert _nothing(client)  # and it stays connected
    assert notice.pop("Time").endswith("Z")
    assert notice.pop("Message")
    assert notice == {
        "Request": "Publish",
        "Topic": _event("board-1", "esp32"),
        "Type": "esp32",
        "Id": "board-1",
        "Client": "g:signet:router:gateway-1",
        "RC": 180,
    }
    found = twin.messages("watson", after)
    assert [m["status"] for m in found if m["direction"] == "up"] == ["refused", "stored"]


def test_a_refused_filter_gets_suback_0x80_and_the_gateway_is_told_why(twin: Twin) -> None:
    wrong = "iot-2/type/esp32/id/board-1/cmd/+/fmt/+"
    with Raw(twin.way("watson")) as raw:
        assert raw.login(gateway_connect(twin)) == 0
        filters = [(f"{_OWN}/notify", 0), (wrong, 1), (_ALL, 1)]
        raw.send(packets.subscribe(7, filters))
        suback, notice = raw.receive(), raw.receive()  # the notify topic is granted with it
    assert suback
    assert notice
    assert suback.body[2:] == b"\x00\x80\x01"
    body = json.loads(packets.Publish.parse(notice).payload)
    assert (body["Request"], body["Topic"], body["RC"]) == ("Subscribe", wrong, 180)
    assert (body["Type"], body["Id"]) == ("esp32", "board-1")


def test_a_gateway_answers_no_request_to_a_device_on_its_own(twin: Twin) -> None:
    with _gateway(twin) as client:
        client.publish("iotdevice-1/type/esp32/id/board-1/response", b"{}")
        assert _notice(client)["RC"] == 180


def test_a_gateway_hears_no_request_to_a_device_on_its_own(twin: Twin) -> None:
    with _gateway(twin) as client:
        topic = "iotdm-1/type/esp32/id/board-1/mgmt/initiate/device/reboot"
        client.client.subscribe(topic)
        assert _notice(client)["Topic"] == topic


def test_a_device_behind_another_gateway_is_refused(twin: Twin) -> None:
    with _another(twin, "g-first") as first, _gateway(twin) as second:
        first.publish(_event("g-taken"), b"{}")
        second.publish(_event("g-taken"), b"{}")
        assert _notice(second)["RC"] == 180


def test_another_gateway_is_no_device_behind_it(twin: Twin) -> None:
    with _another(twin, "g-peer"), _gateway(twin) as client:
        client.publish("iot-2/type/router/id/g-peer/evt/status/fmt/json", b"{}")
        assert _notice(client)["RC"] == 180


def test_a_disabled_device_behind_it_is_refused_until_enabled(twin: Twin) -> None:
    with _gateway(twin) as client:
        client.publish(_event("g-off"), b"{}")
        _enable(twin, "g-off", False)
        client.publish(_event("g-off"), b"{}")
        assert _notice(client)["RC"] == 180
        _enable(twin, "g-off", True)
        client.publish(_event("g-off"), b"{}")
        assert _nothing(client)


@pytest.mark.parametrize(
    ("topic", "named"),
    [
        ("iot-2/evt/status/fmt/json", {}),  # a device's own form
        ("no/such/topic", {}),
        ("iot-2/type/sensor/id/s-1/cmd/blink/fmt/json", {"Type": "sensor", "Id": "s-1"}),
    ],
)
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_a_topic_that_no_gateway_may_publish_to(
    twin: Twin, topic: str, named: dict[str, str], qos: int
) -> None:
    with _gateway(twin) as client:
        client.publish(topic, b"{}", qos)
        notice = _notice(client)
        assert _nothing(client)
    assert notice["RC"] == 276
    assert {name: notice[name] for name in ("Type", "Id") if name in notice} == named


def test_a_notice_is_for_the_gateway_that_it_speaks_of(twin: Twin) -> None:
    with _another(twin, "g-nosy") as nosy, _gateway(twin) as client:
        nosy.subscribe("iot-2/type/+/id/+/notify")
        client.publish("no/such/topic", b"{}")
        _notice(client)
        nosy.publish("no/such/topic", b"{}")
        assert _notice(nosy)["Client"] == "g:signet:router:g-nosy"


def test_a_will_for_a_device_that_is_not_behind_it_is_refused(twin: Twin) -> None:
    will = packets.Will(_event("board-1", "esp32"), b"gone", 1, False)
    with Raw(twin.way("watson")) as raw:
        assert raw.login(gateway_connect(twin, will=will)) == 5


# Commands.


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_a_gateway_hears_commands_of_itself_and_of_devices_behind_it_only(
    twin: Twin, qos: int
) -> None:
    topic = "iot-2/type/{}/id/{}/cmd/{}/fmt/json"
    with (
        paho(twin, "watson", connect=application_connect(twin, "g-hears")) as application,
        _gateway(twin) as client,
    ):
        client.publish(_event("g-mine"), b"{}")
        client.subscribe(_ALL, qos)
        # More than the broker has under way at once: what is not heard must be acknowledged.
        for _ in range(25):
            application.publish(topic.format("esp32", "board-1", "foreign"), b"{}", qos)
        application.publish(topic.format("sensor", "g-mine", "behind"), b"{}", qos)
        application.publish(topic.format("router", "gateway-1", "own"), b"{}", qos)
        assert client.next().topic == topic.format("sensor", "g-mine", "behind")
        assert client.next().topic == topic.format("router", "gateway-1", "own")


def test_a_command_to_a_device_behind_a_gateway_goes_through_it(twin: Twin) -> None:
    after = twin.last_id()
    with _gateway(twin) as client:
        client.publish(_event("g-told"), b"{}")
        client.subscribe("iot-2/type/sensor/id/g-told/cmd/+/fmt/+")
        answer = twin.cli("command", "watson", "blink", '{"n": 3}', "--device", "sensor/g-told")
        message = client.next()
        twin.wait_for_messages("watson", 1, after, direction="down", status="acked")
    assert json.loads(answer)["device"] == "signet/sensor/g-told"
    assert message.topic == "iot-2/type/sensor/id/g-told/cmd/blink/fmt/json"
    assert json.loads(message.payload) == {"n": 3}


def test_a_command_to_the_gateway_itself(twin: Twin) -> None:
    with _gateway(twin) as client:
        client.subscribe(f"{_OWN}/cmd/+/fmt/+")
        twin.command("watson", "blink", {}, "gateway-1")
        assert client.next().topic == f"{_OWN}/cmd/blink/fmt/json"


def test_a_command_waits_for_a_gateway_that_comes_back(twin: Twin) -> None:
    with _gateway(twin, clean_session=False) as client:
        client.publish(_event("g-later"), b"{}")
        client.subscribe(_ALL)
    wait_until(lambda: "queued" in _answer(twin, "sensor/g-later"))
    with paho(twin, "watson", connect=gateway_connect(twin, clean_session=False)) as client:
        assert client.session_present
        assert client.next().topic == "iot-2/type/sensor/id/g-later/cmd/blink/fmt/json"
    with Raw(twin.way("watson")) as raw:
        assert raw.login(gateway_connect(twin)) == 0  # forgets the session


def test_a_command_through_a_gateway_that_is_off_line_names_it(twin: Twin) -> None:
    with _another(twin, "g-away") as client:
        client.publish(_event("g-lost"), b"{}")
    wait_until(lambda: "signet/router/g-away is not conn" in _answer(twin, "sensor/g-lost"))


def test_a_gateway_by_http_fetches_for_a_device_that_it_registered_by_mqtt(twin: Twin) -> None:
    gateway = WatsonGateway(twin, "g-http")
    changes = {
        "client_id": "g:signet:esp32:g-http",
        "password": gateway.device.secret.encode(),
    }
    with paho(twin, "watson", connect=gateway_connect(twin, **changes)) as client:
        client.publish(_event("g-both"), b"{}")
    with gateway.http() as http:
        ask = path_of("+", "+") + "/commands/+/request"
        assert http.ask(ask, b"", gateway.authorized).status == 204
        wait_until(lambda: "queued" in _answer(twin, "sensor/g-both"))
        answer = http.ask(ask, b"", gateway.authorized)
    assert (answer.status, answer.headers["x-deviceid"]) == (200, "g-both")


# Presence and the registry.


def test_a_gateways_presence_is_retained_and_a_device_behind_it_has_none(twin: Twin) -> None:
    with _gateway(twin) as client:
        client.publish(_event("g-quiet"), b"{}")
        with paho(twin, "watson", connect=application_connect(twin, "g-mon")) as application:
            application.subscribe("iot-2/type/sensor/id/g-quiet/mon")
            application.subscribe(f"{_OWN}/mon")
            message = application.next()
    assert message.topic == f"{_OWN}/mon"
    assert message.retain
    body = json.loads(message.payload)
    assert (body["Action"], body["ClientID"]) == ("Connect", "g:signet:router:gateway-1")


@pytest.mark.parametrize("kind", ["device", "gateway"])
def test_a_client_id_is_of_the_registered_kind(twin: Twin, kind: str) -> None:
    letter, other = ("d", gateway_connect) if kind == "gateway" else ("g", None)
    connect = other(twin) if other else connect_of(twin, "watson")
    connect.client_id = letter + connect.client_id[1:]
    with Raw(twin.way("watson")) as raw:
        assert raw.login(connect) == 5


def test_a_gateway_and_a_device_behind_it_are_added_on_the_command_line(twin: Twin) -> None:
    added = twin.cli("device", "add", "watson", "signet/router", "g-cli", "--gateway")
    assert json.loads(added)["device_id"] == "g-cli"
    behind = "signet/router/g-cli"
    twin.cli("device", "add", "watson", "signet/sensor", "g-under", "--behind", behind)
    assert _behind(twin, "g-under") == behind
    assert f"g-under behind {behind}" in twin.cli("device", "list")


def test_a_registry_of_before_there_were_gateways_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "twin.db"
    with contextlib.closing(Store(path)) as store:
        store.add("watson", "device", "signet/esp32", "old", secret="kept")
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("DROP INDEX devices_by_gateway")
        database.execute("ALTER TABLE devices DROP gateway")
    with contextlib.closing(Store(path)) as store:
        found = store.device("watson", "device", "signet/esp32", "old")
        assert found is not None
        assert (found.secret, found.gateway) == ("kept", "")
