"""Does each fault break what it says, once, and does the twin heal?"""

import json
import os
import signal
import socket
from typing import Any

import pytest

from host_tests.support import Twin
from host_tests.twin.mqtt_device import (
    Paho,
    Raw,
    application_connect,
    children,
    connect_of,
    paho,
    wait_until,
)
from tools.twin.broker.platform import CLIENT_ID
from tools.twin.wire import packets
from tools.ui import UserError

_POST = "/sys/a1SignetPk/board-1/thing/event/property/post"
_EVENT = "iot-2/evt/status/fmt/json"


def _body(message_id: str) -> str:
    return json.dumps({"id": message_id, "version": "1.0", "params": {"t": 1}})


def test_a_swallowed_reply_never_comes_and_the_next_one_does(twin: Twin) -> None:
    with paho(twin, "alibaba") as client:
        client.subscribe(_POST + "_reply")
        twin.fault("swallow_replies", n=1)
        client.publish(_POST, _body("1"))
        client.publish(_POST, _body("2"))
        assert json.loads(client.next().payload)["id"] == "2"


def test_a_swallowed_puback_leaves_the_report_on_file_and_its_resend_is_marked(twin: Twin) -> None:
    after = twin.last_id()
    twin.fault("swallow_pubacks", n=1)
    with Raw(twin.way("watson")) as raw:
        raw.login(connect_of(twin, "watson"))
        raw.publish(_EVENT, b"{}", qos=1, packet_id=7)
        raw.publish(_EVENT, b"{}", qos=1, packet_id=8)
        packet = raw.receive()
        assert packet is not None
        assert packet.packet_id() == 8
        raw.publish(_EVENT, b"{}", qos=1, packet_id=7, dup=True)
        packet = raw.receive()
        assert packet is not None
        assert (packet.kind, packet.packet_id()) == (packets.PUBACK, 7)
    filed = twin.wait_for_messages("watson", 3, after, direction="up")
    assert [message["dup"] for message in filed] == [False, False, True]


def test_dropped_connections_of_one_cloud_leave_the_others(twin: Twin) -> None:
    with Raw(twin.way("enos")) as enos, Raw(twin.way("watson")) as watson:
        enos.login(connect_of(twin, "enos"))
        watson.login(connect_of(twin, "watson"))
        twin.fault("drop_connections", cloud="enos")
        assert enos.closed()
        watson.send(packets.encode(packets.PINGREQ, 0, b""))
        assert watson.receive() is not None


def test_a_killed_broker_closes_all_refuses_with_3_and_serves_again_when_started(
    own_twin: Twin,
) -> None:
    twin = own_twin
    with Raw(twin.way("enos")) as enos, Raw(twin.way("watson")) as watson:
        enos.login(connect_of(twin, "enos"))
        watson.login(connect_of(twin, "watson"))
        twin.fault("kill_broker")
        assert enos.closed()
        assert watson.closed()
    for cloud in ("enos", "alibaba", "watson"):
        with Raw(twin.way(cloud)) as raw:
            assert raw.login(connect_of(twin, cloud)) == 3
    twin.fault("start_broker")
    with paho(twin, "watson") as device:
        device.subscribe("iot-2/cmd/+/fmt/+")
        device.publish(_EVENT, b"{}")
        twin.command("watson", "reboot")
        assert device.next().topic == "iot-2/cmd/reboot/fmt/json"


def test_a_broker_that_dies_by_itself_is_started_again(own_twin: Twin) -> None:
    (broker,) = children(own_twin)
    os.kill(int(broker.name), signal.SIGKILL)
    own_twin.wait_for_output("starting it again")

    def serves() -> bool:
        with Raw(own_twin.way("enos")) as raw:
            return raw.login(connect_of(own_twin, "enos")) == 0

    wait_until(serves)


def test_a_lost_platform_connection_alone_is_made_anew(own_twin: Twin) -> None:
    with paho(own_twin, "watson") as device:
        device.subscribe("iot-2/cmd/+/fmt/+")
        with socket.socket(socket.AF_UNIX) as rival:  # mosquitto drops the older of two namesakes
            rival.settimeout(20)
            rival.connect(str(own_twin.state / "run" / "mosquitto.sock"))
            hello = packets.Connect(4, CLIENT_ID, True, 0, None, None, None)
            rival.sendall(hello.encode())
            while rival.recv(100):
                pass  # until the platform side is back and takes its name
        own_twin.command("watson", "reboot")
        assert device.next().topic == "iot-2/cmd/reboot/fmt/json"


def test_an_unknown_fault_is_an_error(twin: Twin) -> None:
    with pytest.raises(UserError, match="no_such_fault"):
        twin.fault("no_such_fault")


@pytest.mark.parametrize(
    "request_",
    [
        {},
        {"do": "dance"},
        {"do": "command"},
        {"do": "command", "cloud": "mars", "name": "x"},
        {"do": "command", "cloud": "enos", "name": "x", "device": "nobody"},
        {"do": "messages", "after": "yesterday"},
        {"do": "fault", "fault": "swallow_replies", "n": "many"},
    ],
)
def test_a_bad_request_is_answered_with_an_error(twin: Twin, request_: dict[str, Any]) -> None:
    with pytest.raises(UserError):
        twin.ask(request_)


def test_retained_presence_is_back_with_the_next_visit_after_a_broker_kill(own_twin: Twin) -> None:
    own_twin.fault("kill_broker")
    own_twin.fault("start_broker")
    application = Paho(own_twin.way("watson"), application_connect(own_twin))
    application.subscribe("iot-2/type/+/id/+/mon")
    with paho(own_twin, "watson"):
        assert json.loads(application.next().payload)["Action"] == "Connect"
    application.end()
