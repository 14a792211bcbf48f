"""What does a device see on the wire, and what is on file, for whatever it does?

Raw packets where a byte matters, paho-mqtt (somebody else's client) where it does not.
"""

import asyncio
import contextlib
import json
import os
import queue
import signal
import socket
import ssl
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from host_tests.depth import scaled
from host_tests.support import Twin
from host_tests.twin.mqtt_device import (
    TIMEOUT_S,
    Paho,
    Raw,
    application_connect,
    children,
    connect_of,
    gateway_connect,
    paho,
    wait_until,
)
from tools.twin.mqtt.silence import Silence
from tools.twin.wire import packets
from tools.ui import UserError

_CLOUDS = ("enos", "alibaba", "watson")
_UP = {
    "enos": "/sys/signetEnOS/board-1/thing/event/alarm/post",
    "alibaba": "/a1SignetPk/board-1/user/update",
    "watson": "iot-2/evt/status/fmt/json",
}
_DOWN = {
    "enos": "/sys/signetEnOS/board-1/thing/service/+",
    "alibaba": "/sys/a1SignetPk/board-1/thing/service/+",
    "watson": "iot-2/cmd/+/fmt/+",
}


# CONNECT.


@pytest.mark.parametrize(
    ("cloud", "code", "changes"),
    [
        ("enos", 2, {"client_id": "c1"}),
        ("enos", 4, {"password": b"0" * 64}),
        ("enos", 5, {"user": "nobody&signetEnOS"}),
        ("alibaba", 2, {"client_id": "c1"}),
        ("alibaba", 3, {"keepalive_s": 10}),
        ("alibaba", 4, {"password": b"0" * 64}),
        ("alibaba", 5, {"user": "nobody&a1SignetPk"}),
        ("watson", 2, {"client_id": "d:signet:esp32:bo/rd"}),
        ("watson", 5, {"password": b"wrong"}),
        ("watson", 5, {"client_id": "d:signet:esp32"}),
    ],
)
def test_a_bad_login_gets_its_connack_and_is_closed(
    twin: Twin, cloud: str, code: int, changes: dict[str, Any]
) -> None:
    with Raw(twin.way(cloud)) as raw:
        assert raw.login(connect_of(twin, cloud, **changes)) == code
        assert raw.closed()


def test_a_refusal_is_explained_without_a_secret(twin: Twin) -> None:
    with Raw(twin.way("enos")) as raw:
        raw.login(connect_of(twin, "enos", password=b"0" * 64))
    twin.wait_for_output("signature differs")
    twin.wait_for_output("clientIdc1deviceKeyboard-1productKeysignetEnOStimestamp1700000000000")
    for cloud in _CLOUDS:
        device = twin.device(cloud)
        assert device.get("device_secret", device.get("token")) not in twin.output()


@pytest.mark.parametrize("cloud", _CLOUDS)
def test_a_good_login_gets_connack_0(twin: Twin, cloud: str) -> None:
    with Raw(twin.way(cloud)) as raw:
        assert raw.login(connect_of(twin, cloud)) == 0


def test_mqtt_3_1_logs_in_too(twin: Twin) -> None:
    with Raw(twin.way("watson")) as raw:
        assert raw.login(connect_of(twin, "watson", level=3)) == 0


def test_mqtt_5_gets_connack_1(twin: Twin) -> None:
    with Raw(twin.way("watson")) as raw:
        raw.send(b"\x10\x0e\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x01a")
        packet = raw.receive()
        assert packet is not None
        assert packet.body == b"\x00\x01"
        assert raw.closed()


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x00\x50\x01\x00\x00\x4c\x03\x03",  # a TLS ClientHello on the plain port
        b"\xc0\x00",  # PINGREQ before CONNECT
        b"\x10\xff\xff\xff\xff\x7f",  # remaining length of five bytes
        b"\x10\xff\xff\x7f",  # a CONNECT of 2 MB
        b"\x10\x02\x00\x04",  # ends inside the protocol name
    ],
)
def test_what_is_no_connect_is_closed_without_a_word(twin: Twin, data: bytes) -> None:
    with Raw(twin.way("enos")) as raw:
        raw.send(data)
        assert raw.closed()


def test_a_disabled_device_is_refused_until_enabled(own_twin: Twin) -> None:
    device = ("enos", "signetEnOS", "board-1")
    for action, code in (("disable", 5), ("enable", 0)):
        own_twin.cli("device", action, *device)
        with Raw(own_twin.way("enos")) as raw:
            assert raw.login(connect_of(own_twin, "enos")) == code


def test_the_tls_ports_show_a_certificate_of_the_twins_own_ca(twin: Twin) -> None:
    context = ssl.create_default_context(cafile=twin.ready["ca_file"])
    context.verify_flags |= ssl.VERIFY_X509_STRICT  # RFC 5280 to the letter
    for cloud in ("alibaba", "watson"):
        way = twin.way(cloud, "mqtts")
        with (
            socket.create_connection((way["address"], way["port"]), TIMEOUT_S) as plain,
            context.wrap_socket(plain, server_hostname=way["host"]) as secured,
        ):
            assert secured.version() in ("TLSv1.2", "TLSv1.3")


def test_the_certificate_is_not_for_any_name(twin: Twin) -> None:
    way = twin.way("watson", "mqtts")
    context = ssl.create_default_context(cafile=twin.ready["ca_file"])
    with (
        socket.create_connection((way["address"], way["port"]), TIMEOUT_S) as plain,
        pytest.raises(ssl.SSLCertVerificationError, match=r"[Hh]ostname"),
    ):
        context.wrap_socket(plain, server_hostname="cloud.example.org")


def test_a_client_without_the_ca_is_explained(twin: Twin) -> None:
    way = twin.way("alibaba", "mqtts")
    context = ssl.create_default_context()
    with (
        socket.create_connection((way["address"], way["port"]), TIMEOUT_S) as plain,
        pytest.raises(ssl.SSLCertVerificationError),
    ):
        context.wrap_socket(plain, server_hostname=way["host"])
    twin.wait_for_output("give it the twin's ca.pem")


def test_a_server_name_of_another_org_is_refused_by_watson(twin: Twin) -> None:
    way = twin.way("watson", "mqtts")
    context = ssl.create_default_context(cafile=twin.ready["ca_file"])
    name = "other1.messaging.internetofthings.ibmcloud.com"
    with (
        socket.create_connection((way["address"], way["port"]), TIMEOUT_S) as plain,
        context.wrap_socket(plain, server_hostname=name) as secured,
    ):
        secured.sendall(connect_of(twin, "watson").encode())
        assert secured.recv(4) == packets.connack(5)


# The same client again.


@pytest.mark.parametrize("cloud", _CLOUDS)
def test_the_newcomer_wins(twin: Twin, cloud: str) -> None:
    with Raw(twin.way(cloud)) as old, Raw(twin.way(cloud)) as new:
        assert old.login(connect_of(twin, cloud)) == 0
        assert new.login(connect_of(twin, cloud)) == 0
        assert old.closed()
        new.send(packets.encode(packets.PINGREQ, 0, b""))
        packet = new.receive()
        assert packet is not None
        assert packet.kind == packets.PINGRESP


@pytest.mark.parametrize("cloud", _CLOUDS)
def test_a_thief_without_the_secret_does_not_evict(twin: Twin, cloud: str) -> None:
    with Raw(twin.way(cloud)) as owner, Raw(twin.way(cloud)) as thief:
        assert owner.login(connect_of(twin, cloud)) == 0
        assert thief.login(connect_of(twin, cloud, password=b"0" * 64)) in (4, 5)
        owner.send(packets.encode(packets.PINGREQ, 0, b""))
        packet = owner.receive()
        assert packet is not None
        assert packet.kind == packets.PINGRESP


# Reports.


@pytest.mark.parametrize("cloud", _CLOUDS)
@pytest.mark.parametrize("qos", [0, 1])
def test_a_report_is_on_file_as_sent(twin: Twin, cloud: str, qos: int) -> None:
    after = twin.last_id()
    with paho(twin, cloud) as client:
        client.publish(_UP[cloud], b'{"temperature":21.5}', qos)
        (report,) = twin.wait_for_messages(cloud, 1, after, direction="up")
    assert report["topic"] == _UP[cloud]
    assert report["payload"] == '{"temperature":21.5}'
    assert report["qos"] == qos
    assert report["device"].endswith("/board-1")


def test_a_report_is_on_file_before_its_puback(twin: Twin) -> None:
    after = twin.last_id()
    with Raw(twin.way("watson")) as raw:
        raw.login(connect_of(twin, "watson"))
        for number in range(1, 51):
            raw.publish(_UP["watson"], b"%d" % number, qos=1, packet_id=number)
            packet = raw.receive()
            assert packet is not None
            assert (packet.kind, packet.packet_id()) == (packets.PUBACK, number)
            assert twin.messages("watson", after)[-1]["payload"] == str(number)


def test_every_report_of_a_flood_is_on_file_and_acknowledged(twin: Twin) -> None:
    after = twin.last_id()
    wanted = list(range(1, 2001))
    with Raw(twin.way("watson")) as raw:
        raw.login(connect_of(twin, "watson"))
        flood = [packets.Publish(_UP["watson"], b"x", 1, packet_id=n).encode() for n in wanted]
        raw.send(b"".join(flood))
        received = [raw.receive() for _ in wanted]
    assert [packet.packet_id() for packet in received if packet] == wanted
    filed = twin.wait_for_messages("watson", 2000, after, direction="up")  # two pages of them
    assert len(filed) == twin.last_id() - after == 2000


def test_bytes_that_are_no_text_are_kept(twin: Twin) -> None:
    after = twin.last_id()
    with paho(twin, "alibaba") as client:
        client.publish("/sys/a1SignetPk/board-1/thing/model/up_raw", b"\x00\xff")
    (report,) = twin.wait_for_messages("alibaba", 1, after, direction="up")
    assert report["payload"] == {"hex": "00ff"}


@pytest.mark.parametrize(
    ("cloud", "topic", "payload"),
    [
        (
            "enos",
            "/sys/signetEnOS/board-1/thing/measurepoint/post",
            {
                "id": "5",
                "version": "1.0",
                "method": "thing.measurepoint.post",
                "params": {"measurepoints": {"t": 1}},
            },
        ),
        (
            "alibaba",
            "/sys/a1SignetPk/board-1/thing/event/property/post",
            {"id": "5", "version": "1.0", "params": {"t": 1}},
        ),
    ],
)
def test_a_subscribed_device_gets_the_reply_to_its_post(
    twin: Twin, cloud: str, topic: str, payload: dict[str, Any]
) -> None:
    with paho(twin, cloud) as client:
        client.subscribe(topic + "_reply")
        client.publish(topic, json.dumps(payload))
        message = client.next()
    body = json.loads(message.payload)
    assert message.topic == topic + "_reply"
    assert (body["id"], body["code"]) == ("5", 200)


def test_a_post_that_the_cloud_rejects_is_filed_with_its_reason(twin: Twin) -> None:
    after = twin.last_id()
    with paho(twin, "enos") as client:
        client.publish("/sys/signetEnOS/board-1/thing/measurepoint/post", b"oops")
    (report,) = twin.wait_for_messages("enos", 1, after, direction="up")
    assert report["status"] == "rejected"
    assert "1220" in report["reason"]


# Wrong topics, sizes, QoS.


@pytest.mark.parametrize(
    "topic",
    [
        "iot-2/cmd/reboot/fmt/json",
        # The broker would close on these, and all boards send through one connection.
        "iot-2/evt/\x85/fmt/json",
        "iot-2/evt/\ufdd0/fmt/json",
        "iot-2/evt/\U0001ffff/fmt/json",
        "iot-2/evt/%s/fmt/json" % ("a" * (65535 - len("iot-2/evt//fmt/json"))),
    ],
    ids=["a command", "C1", "no character", "no character of plane 1", "too long"],
)
@pytest.mark.parametrize("clean_session", [True, False])
def test_watson_closes_on_a_wrong_topic(twin: Twin, topic: str, clean_session: bool) -> None:
    after, said = twin.last_id(), len(twin.output())
    with Raw(twin.way("watson")) as raw:
        raw.login(connect_of(twin, "watson", clean_session=clean_session))
        raw.publish(topic, b"{}", qos=1, packet_id=1)
        assert raw.closed()
    (message,) = twin.wait_for_messages("watson", 1, after, direction="up")
    assert message["status"] == "refused"
    assert "lost its connection" not in twin.output()[said:]


def test_watson_closes_on_a_wrong_filter(twin: Twin) -> None:
    with Raw(twin.way("watson")) as raw:
        raw.login(connect_of(twin, "watson"))
        raw.send(packets.subscribe(1, [("#", 0)]))
        assert raw.closed()


def test_watson_keeps_a_gateway_on_a_wrong_topic_and_tells_it(twin: Twin) -> None:
    with paho(twin, "watson", connect=gateway_connect(twin)) as client:
        client.subscribe("iot-2/type/router/id/gateway-1/notify")
        client.publish("iot-2/evt/status/fmt/json", b"{}")
        notice = json.loads(client.next().payload)
    assert notice["Topic"] == "iot-2/evt/status/fmt/json"
    assert notice["Request"].lower() == "publish"


@pytest.mark.parametrize("cloud", ["enos", "alibaba"])
def test_a_wrong_topic_is_acknowledged_and_dropped(twin: Twin, cloud: str) -> None:
    after = twin.last_id()
    with paho(twin, cloud) as client:
        client.publish("/sys/other/board-1/thing/event/property/post", b"{}")
        client.publish(_UP[cloud], b"{}")
    wrong, right = twin.wait_for_messages(cloud, 2, after, direction="up")
    assert (wrong["status"], right["topic"]) == ("refused", _UP[cloud])


@pytest.mark.parametrize("cloud", ["enos", "alibaba"])
def test_a_wrong_filter_gets_suback_0x80_and_the_others_are_granted(
    twin: Twin, cloud: str
) -> None:
    with Raw(twin.way(cloud)) as raw:
        raw.login(connect_of(twin, cloud))
        raw.send(packets.subscribe(9, [(_DOWN[cloud], 2), ("#", 0), (_DOWN[cloud] + "/x", 0)]))
        packet = raw.receive()
        assert packet is not None
        assert packet.kind == packets.SUBACK
        codes = packet.body[2:]
        assert packet.packet_id() == 9
        assert codes[0] == 1  # these clouds have QoS 0 and 1
        assert codes[1] == 0x80


@pytest.mark.parametrize(
    ("cloud", "limit"), [("watson", 131072), ("alibaba", 256 * 1024), ("enos", 512 * 1024)]
)
def test_a_payload_at_the_limit_passes_and_one_byte_more_closes(
    twin: Twin, cloud: str, limit: int
) -> None:
    after = twin.last_id()
    with Raw(twin.way(cloud)) as raw:
        raw.login(connect_of(twin, cloud))
        raw.publish(_UP[cloud], b"x" * limit, qos=1, packet_id=1)
        while (packet := raw.receive()) is not None and packet.kind != packets.PUBACK:
            pass
        assert packet is not None
        raw.publish(_UP[cloud], b"x" * (limit + 1), qos=1, packet_id=2)
        while (packet := raw.receive()) is not None:
            assert packet.kind != packets.PUBACK
    statuses = [m["status"] for m in twin.messages(cloud, after) if m["direction"] == "up"]
    assert statuses[-1] == "refused"


@pytest.mark.parametrize("cloud", ["enos", "alibaba"])
def test_qos_2_closes_where_the_cloud_has_none(twin: Twin, cloud: str) -> None:
    with Raw(twin.way(cloud)) as raw:
        raw.login(connect_of(twin, cloud))
        raw.publish(_UP[cloud], b"{}", qos=2, packet_id=1)
        assert raw.closed()


def test_watson_takes_qos_2_to_its_end(twin: Twin) -> None:
    with paho(twin, "watson") as client:
        client.publish(_UP["watson"], b"{}", 2)


@pytest.mark.parametrize(
    "data",
    [
        b"\x36\x05\x00\x01aXY",  # PUBLISH with QoS 3
        b"\x82\x02\x00\x01",  # SUBSCRIBE without a filter
        b"\x80\x06\x00\x01\x00\x01a\x00",  # SUBSCRIBE with the flags of nothing
        b"\x20\x02\x00\x00",  # CONNACK from a client
        b"\x40\x03\x00\x01\x00",  # PUBACK of three bytes
        b"\xf0\x00",  # type 15
    ],
)
def test_a_malformed_packet_closes_this_connection_only(twin: Twin, data: bytes) -> None:
    with Raw(twin.way("enos")) as bad, Raw(twin.way("watson")) as good:
        bad.login(connect_of(twin, "enos"))
        good.login(connect_of(twin, "watson"))
        bad.send(data)
        assert bad.closed()
        good.send(packets.encode(packets.PINGREQ, 0, b""))
        assert good.receive() is not None


@settings(max_examples=scaled(60), deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.binary(min_size=1, max_size=200), logged_in=st.booleans())
def test_no_bytes_disturb_the_twin(twin: Twin, data: bytes, logged_in: bool) -> None:
    with Raw(twin.way("enos")) as raw:
        if logged_in:
            assert raw.login(connect_of(twin, "enos")) == 0
        raw.send(data)
        raw.socket.shutdown(socket.SHUT_WR)
        while raw.receive() is not None:
            pass
    assert "Traceback" not in twin.output()


def test_silence_beyond_the_keepalive_closes(twin: Twin) -> None:
    with Raw(twin.way("watson")) as raw:
        assert raw.login(connect_of(twin, "watson", keepalive_s=1)) == 0
        assert raw.closed()
    twin.wait_for_output("1.5 times its keepalive")


# Applications, presence, retained, wills, sessions.


def _application(twin: Twin) -> Any:
    return paho(twin, "watson", connect=application_connect(twin))


def test_what_came_while_the_twin_stood_still_is_no_silence() -> None:
    over: list[bool] = []

    async def run() -> None:
        ours, device = socket.socketpair()
        reader, writer = await asyncio.open_connection(sock=ours)
        silence = Silence(lambda: over.append(True))
        with silence.watched(1):
            silence.begins()
            reading = asyncio.create_task(reader.read(2))
            await asyncio.sleep(0)
            device.send(packets.encode(packets.PINGREQ, 0, b""))
            time.sleep(1.6)
            await reading
            silence.ends()
            await asyncio.sleep(0.1)
        writer.close()
        device.close()

    asyncio.run(run())
    assert not over


def test_watson_applications_hear_events_under_the_long_topic(twin: Twin) -> None:
    with _application(twin) as application, paho(twin, "watson") as device:
        application.subscribe("iot-2/type/+/id/+/evt/+/fmt/+")
        device.publish(_UP["watson"], b"{}")
        assert application.next().topic == "iot-2/type/esp32/id/board-1/evt/status/fmt/json"


def test_what_comes_after_a_message_goes_on_after_it(twin: Twin) -> None:
    topic = "iot-2/type/esp32/id/board-1/evt/own/fmt/json"
    with Raw(twin.way("watson")) as raw:
        assert raw.login(application_connect(twin)) == 0
        raw.send(packets.subscribe(1, [(topic, 0)]))
        assert (suback := raw.receive()) and suback.kind == packets.SUBACK
        message = packets.Publish(topic, b"{}").encode()
        raw.send(message + packets.unsubscribe(2, [topic]))
        assert [p and p.kind for p in (raw.receive(), raw.receive())] == [
            packets.PUBLISH,
            packets.UNSUBACK,
        ]


def test_watson_clears_the_retain_flag(twin: Twin) -> None:
    with paho(twin, "watson") as device:
        device.publish("iot-2/evt/kept/fmt/json", b"{}", retain=True)
    with _application(twin) as application:
        application.subscribe("iot-2/type/+/id/+/evt/kept/fmt/+")
        with paho(twin, "watson") as device:
            device.publish("iot-2/evt/kept/fmt/json", b"new")
        message = application.next()
        assert (message.payload, message.retain) == (b"new", False)


def test_watson_presence_is_retained_and_tells_who_came_and_how_it_left(twin: Twin) -> None:
    topic = "iot-2/type/esp32/id/board-1/mon"
    with paho(twin, "watson"):
        pass
    with _application(twin) as application:
        application.subscribe(topic)
        first = application.next()
        assert first.retain
        assert json.loads(first.payload)["Action"] == "Disconnect"
        with Raw(twin.way("watson")) as old, Raw(twin.way("watson")) as new:
            old.login(connect_of(twin, "watson"))
            new.login(connect_of(twin, "watson"))
            seen = [json.loads(application.next().payload) for _ in range(3)]
        assert [entry["Action"] for entry in seen] == ["Connect", "Disconnect", "Connect"]
        assert seen[1]["CloseCode"] == 288
        assert seen[0]["ClientID"] == "d:signet:esp32:board-1"


def test_a_board_that_listens_to_nothing_needs_no_session_at_the_broker(own_twin: Twin) -> None:
    (broker,) = children(own_twin)
    with paho(own_twin, "watson", connect=application_connect(own_twin)) as application:
        application.subscribe("iot-2/type/+/id/+/evt/+/fmt/+")
        with Raw(own_twin.way("watson")) as raw:
            with _stopped(broker):
                assert raw.login(connect_of(own_twin, "watson")) == 0
                assert _is_acknowledged(raw, 9)
            assert application.next().payload == b"{}"
            raw.send(packets.subscribe(1, [(_DOWN["watson"], 1)]))
            assert (granted := raw.receive()) is not None
            assert granted.kind == packets.SUBACK
            own_twin.command("watson", "blink")
            assert (command := raw.receive()) is not None
            assert command.kind == packets.PUBLISH
            with _stopped(broker):  # its reports do not need that session
                assert _is_acknowledged(raw, 10)
            assert application.next().payload == b"{}"


@contextlib.contextmanager
def _stopped(process: Path) -> Iterator[None]:
    os.kill(int(process.name), signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(int(process.name), signal.SIGCONT)


def _is_acknowledged(raw: Raw, packet_id: int) -> bool:
    raw.publish(_UP["watson"], b"{}", qos=1, packet_id=packet_id)
    packet = raw.receive()
    assert packet is not None
    return (packet.kind, packet.packet_id()) == (packets.PUBACK, packet_id)


def test_a_will_is_published_and_filed_when_a_device_is_lost(twin: Twin) -> None:
    after = twin.last_id()
    will = packets.Will("iot-2/evt/lost/fmt/json", b"{}", 1, False)
    with _application(twin) as application:
        application.subscribe("iot-2/type/+/id/+/evt/lost/fmt/+")
        Paho(twin.way("watson"), connect_of(twin, "watson", will=will)).drop()
        assert application.next().topic == "iot-2/type/esp32/id/board-1/evt/lost/fmt/json"
    (filed,) = twin.wait_for_messages("watson", 1, after, reason="will")
    assert filed["topic"] == "iot-2/evt/lost/fmt/json"


def test_a_goodbye_publishes_no_will(twin: Twin) -> None:
    after = twin.last_id()
    will = packets.Will("iot-2/evt/lost/fmt/json", b"{}", 1, False)
    with paho(twin, "watson", will=will) as device:
        device.publish(_UP["watson"], b"{}")
    with Raw(twin.way("watson")) as next_one:  # logs in once the other is gone
        next_one.login(connect_of(twin, "watson"))
    assert not [m for m in twin.messages("watson", after) if m["reason"] == "will"]


def test_a_will_to_a_topic_the_device_may_not_publish_is_refused(twin: Twin) -> None:
    will = packets.Will("iot-2/cmd/reboot/fmt/json", b"{}", 0, False)
    with Raw(twin.way("watson")) as raw:
        assert raw.login(connect_of(twin, "watson", will=will)) == 5


@pytest.mark.parametrize("cloud", _CLOUDS)
def test_a_durable_session_gets_the_command_that_came_meanwhile(twin: Twin, cloud: str) -> None:
    first = Paho(twin.way(cloud), connect_of(twin, cloud, clean_session=False))
    first.subscribe(_DOWN[cloud])
    first.end()
    wait_until(lambda: _queued(twin, cloud))
    second = Paho(twin.way(cloud), connect_of(twin, cloud, clean_session=False))
    assert second.session_present
    assert "blink" in second.next().topic
    second.end()
    with paho(twin, cloud) as clean:  # and a clean one ends it
        assert not clean.session_present


def _queued(twin: Twin, cloud: str) -> bool:
    """Whether the command was queued, so that the device was seen off line."""
    try:
        return bool(twin.command(cloud, "blink", {"times": 3}).get("queued"))
    except UserError:
        return False


def test_a_command_to_a_device_that_is_off_line_is_an_error(twin: Twin) -> None:
    for cloud in _CLOUDS:
        with paho(twin, cloud):
            pass  # a clean session, so that none is left
    wait_until(lambda: "not connected" in _error(twin, "watson"))
    assert "CoAP" not in _error(twin, "watson")
    told = "not connected by MQTT, and to a device that speaks CoAP or HTTPS nothing comes down"
    wait_until(lambda: told in _error(twin, "alibaba"))


def test_a_command_just_after_connack_waits_for_the_subscription(twin: Twin) -> None:
    with paho(twin, "watson") as device, ThreadPoolExecutor(1) as other:
        early = other.submit(twin.command, "watson", "blink", {"times": 3})
        time.sleep(0.3)
        assert not early.done()
        device.subscribe("iot-2/cmd/+/fmt/json")
        assert early.result(30)["sent"]
        assert "blink" in device.next().topic


def test_a_command_that_nobody_subscribed_to_says_so(twin: Twin) -> None:
    with paho(twin, "watson"):
        assert "has not subscribed to iot-2/cmd/blink/fmt/json" in _error(twin, "watson")


def _error(twin: Twin, cloud: str) -> str:
    with pytest.raises(UserError) as caught:
        twin.command(cloud, "blink")
    return str(caught.value)


def test_a_command_is_marked_acknowledged_when_the_device_did(twin: Twin) -> None:
    after = twin.last_id()
    with paho(twin, "watson") as device:
        device.subscribe(_DOWN["watson"])
        twin.command("watson", "reboot", {"in": 5})
        assert device.next().payload == b'{"in":5}'
        (sent,) = twin.wait_for_messages("watson", 1, after, direction="down", status="acked")
        assert sent["topic"] == "iot-2/cmd/reboot/fmt/json"


def test_enos_pushes_commands_once_whether_subscribed_or_not(twin: Twin) -> None:
    # The vendor's SDKs never subscribe to them; a device that does must not get them twice.
    after = twin.last_id()
    with paho(twin, "enos") as device:
        device.subscribe(_DOWN["enos"])
        for _ in range(2):
            with pytest.raises(UserError, match="did not reply"):
                twin.ask({"do": "command", "cloud": "enos", "name": "b", "timeout_s": 0.1})
        assert len(twin.wait_for_messages("enos", 2, after, direction="down", status="acked")) == 2


def test_the_clouds_never_see_each_other(twin: Twin) -> None:
    with (
        paho(twin, "alibaba") as alibaba,
        paho(twin, "enos") as enos,
        _application(twin) as application,
        paho(twin, "watson") as watson,
    ):
        alibaba.subscribe("/sys/a1SignetPk/board-1/thing/#")
        application.subscribe("iot-2/type/+/id/+/evt/+/fmt/+")
        enos.publish(_UP["enos"], b"{}")
        watson.publish(_UP["watson"], b"last")
        assert application.next().payload == b"last"
        for client in (alibaba, enos, application):
            with pytest.raises(queue.Empty):
                client.messages.get_nowait()


def test_a_device_does_not_hear_its_own_reports(twin: Twin) -> None:
    with paho(twin, "alibaba") as client:
        client.subscribe("/a1SignetPk/board-1/user/#")
        client.subscribe("/sys/a1SignetPk/board-1/thing/#")
        client.publish("/a1SignetPk/board-1/user/update", b"own")
        body = {"id": "6", "version": "1.0", "params": {"t": 1}}
        client.publish("/sys/a1SignetPk/board-1/thing/event/property/post", json.dumps(body))
        assert client.next().topic.endswith("/post_reply")


def test_quickstart_needs_no_login_and_is_heard_by_quickstart_applications(twin: Twin) -> None:
    device_id = {"client_id": "d:quickstart:esp32:lamp", "user": None, "password": None}
    app_id = {"client_id": "a:quickstart:tests", "user": None, "password": None}
    with (
        paho(twin, "watson", **app_id) as application,
        paho(twin, "watson", **device_id) as device,
    ):
        application.subscribe("iot-2/type/+/id/lamp/evt/+/fmt/+")
        device.publish(_UP["watson"], b"{}")
        assert application.next().topic == "iot-2/type/esp32/id/lamp/evt/status/fmt/json"
