"""What does an application of the twin's Watson hear, whom does it tell, who shares its load?

Sources: the platform's docs (`applications/mqtt.md`); for the server's own conduct its opened
proxy, eclipse/amlen `server_proxy`. The vendor's own SDK as an application:
test_foreign_clients.py.
"""

import contextlib
import json
import re
from typing import Any

import pytest

from host_tests.support import Twin
from host_tests.twin.mqtt_device import Raw, application_connect, connect_of, gateway_connect, paho
from tools.twin.wire import packets

_EVENTS = "iot-2/type/+/id/+/evt/+/fmt/+"
_COMMANDS = "iot-2/type/+/id/+/cmd/+/fmt/+"


def _as(twin: Twin, client_id: str, **changes: Any) -> packets.Connect:
    connect = application_connect(twin)
    connect.client_id = client_id
    for name, value in changes.items():
        setattr(connect, name, value)
    return connect


@pytest.mark.parametrize(
    ("ids", "clean"),
    [
        (["A:signet:a-clean", "A:signet:a-clean"], True),
        (["A:signet:a-named:1", "A:signet:a-named:2"], True),
        (["A:signet:a-kept:1", "A:signet:a-kept:2"], False),
    ],
)
@pytest.mark.parametrize("topic_filter", [_EVENTS, _COMMANDS])
def test_each_message_goes_to_exactly_one_instance(
    twin: Twin, ids: list[str], clean: bool, topic_filter: str
) -> None:
    said = topic_filter.split("/")[5]
    name = f"{ids[0].split(':')[2]}-{said}"  # so that each case shares nothing with another
    ids = [client_id.replace(ids[0].split(":")[2], name) for client_id in ids]
    topic = f"iot-2/type/esp32/id/a-shared/{said}/e/fmt/text"
    with contextlib.ExitStack() as stack:
        one, other = (
            stack.enter_context(
                paho(twin, "watson", connect=_as(twin, client_id, clean_session=clean))
            )
            for client_id in ids
        )
        alone = stack.enter_context(paho(twin, "watson", connect=_as(twin, f"a:signet:{name}")))
        other.messages = one.messages
        for client in (one, other, alone):
            client.subscribe(topic_filter)
        sender = stack.enter_context(paho(twin, "watson", connect=_as(twin, "a:signet:a-sender")))
        for number in range(20):
            sender.publish(topic, str(number))
        everything = [alone.next().payload for _ in range(20)]
        shared = [one.next().payload for _ in range(20)]
    assert sorted(shared) == sorted(everything)
    assert one.messages.empty()


def test_each_org_makes_api_keys_of_its_own_as_the_documents_example(twin: Twin) -> None:
    made = json.loads(twin.cli("device", "add", "watson", "mtxpd0", "--application"))
    assert re.fullmatch(r"a-mtxpd0-[A-Za-z0-9]{10}", made["api_key"])  # a-orgId-a84ps90Ajs
    login = {"user": made["api_key"], "password": made["token"].encode()}
    for org, code in (("mtxpd0", 0), ("signet", 5)):
        with Raw(twin.way("watson")) as raw:
            assert raw.login(_as(twin, f"a:{org}:never-registered", **login)) == code
    twin.cli("device", "disable", "watson", "mtxpd0", made["api_key"])
    with Raw(twin.way("watson")) as raw:
        assert raw.login(_as(twin, "a:mtxpd0:never-registered", **login)) == 5
    twin.wait_for_output(f"API key {made['api_key']!r} is disabled")


def test_applications_with_names_of_their_own_share_nothing(twin: Twin) -> None:
    with (
        paho(twin, "watson", connect=_as(twin, "A:signet:a-one")) as one,
        paho(twin, "watson", connect=_as(twin, "A:signet:a-two")) as two,
        paho(twin, "watson") as board,
    ):
        for client in (one, two):
            client.subscribe("iot-2/type/esp32/id/board-1/evt/a-both/fmt/text")
        board.publish("iot-2/evt/a-both/fmt/text", b"x")
        assert one.next().payload == two.next().payload == b"x"


def test_instances_of_one_client_id_do_not_close_each_other(twin: Twin) -> None:
    with Raw(twin.way("watson")) as one, Raw(twin.way("watson")) as other:
        for raw in (one, other):
            assert raw.login(_as(twin, "A:signet:a-twins")) == 0
        for raw in (one, other):
            raw.send(packets.encode(packets.PINGREQ, 0, b""))
            packet = raw.receive()
            assert packet is not None
            assert packet.kind == packets.PINGRESP


@pytest.mark.parametrize(
    ("topic", "connect"),
    [
        ("iot-2/type/esp32/id/board-1/mon", lambda twin: connect_of(twin, "watson")),
        ("iot-2/type/router/id/gateway-1/mon", gateway_connect),
        ("iot-2/app/a-seen/mon", lambda twin: _as(twin, "a:signet:a-seen")),
        ("iot-2/app/a-scaled/mon", lambda twin: _as(twin, "A:signet:a-scaled:1")),
    ],
)
def test_presence_is_retained(twin: Twin, topic: str, connect: Any) -> None:
    given = connect(twin)
    with paho(twin, "watson", connect=given):
        with paho(twin, "watson", connect=_as(twin, "a:signet:a-late")) as late:
            late.subscribe(topic)
            message = late.next()
        body = json.loads(message.payload)
        assert message.retain
        assert (body["Action"], body["ClientID"]) == ("Connect", given.client_id)


def test_a_command_of_an_application_reaches_device_gateway_and_what_is_behind(
    twin: Twin,
) -> None:
    with (
        paho(twin, "watson", connect=_as(twin, "a:signet:a-boss")) as boss,
        paho(twin, "watson") as board,
        paho(twin, "watson", connect=gateway_connect(twin)) as gateway,
    ):
        board.subscribe("iot-2/cmd/+/fmt/+")
        gateway.publish("iot-2/type/sensor/id/a-behind/evt/e/fmt/text", b"x")
        gateway.subscribe(_COMMANDS)
        names = [("esp32", "board-1"), ("router", "gateway-1"), ("sensor", "a-behind")]
        for type_id, device_id in names:
            boss.publish(f"iot-2/type/{type_id}/id/{device_id}/cmd/go/fmt/own", device_id)
        heard = [client.next().payload for client in (board, gateway, gateway)]
    assert heard == [b"board-1", b"gateway-1", b"a-behind"]


@pytest.mark.parametrize(
    "topic_filter", ["#", "iot-2/cmd/+/fmt/+", "iot-2/type/router/id/gateway-1/notify"]
)
def test_a_filter_that_no_application_has_closes(twin: Twin, topic_filter: str) -> None:
    with Raw(twin.way("watson")) as raw:
        assert raw.login(application_connect(twin)) == 0
        raw.send(packets.subscribe(1, [(topic_filter, 0)]))
        assert raw.closed()
