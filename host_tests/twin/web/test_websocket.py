"""Do Watson's doors speak MQTT over WebSocket as RFC 6455 and MQTT 3.1.1, section 6, have it?

The client is the library `websockets`, and paho-mqtt. Subprotocols and paths: eclipse/amlen
`wstcp.c`, the platform's opened proxy.
"""

import contextlib
import json
import socket
import ssl
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, ConnectionClosedError, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from host_tests.support import Twin
from host_tests.twin.http_device import Bare, basic, path_of
from host_tests.twin.mqtt_device import (
    TIMEOUT_S,
    Raw,
    application_connect,
    connect_of,
    paho,
    wait_until,
)
from tools.twin.wire import packets

_TOPIC = "iot-2/evt/status/fmt/json"
_PING = packets.encode(packets.PINGREQ, 0, b"")
_PONG = packets.encode(packets.PINGRESP, 0, b"")
_GOODBYE = packets.encode(packets.DISCONNECT, 0, b"")
_LIMIT = 131072


def _opened(
    twin: Twin, way: str = "ws", path: str = "/mqtt", offered: Iterable[str] = ("mqtt",)
) -> ClientConnection:
    door = twin.way("watson", way)
    more: dict[str, Any] = {}
    if door["tls"]:
        more["ssl"] = ssl.create_default_context(cafile=twin.ready["ca_file"])
        more["server_hostname"] = door["host"]
    return connect(
        f"{'wss' if door['tls'] else 'ws'}://{door['host']}:{door['port']}{path}",
        sock=socket.create_connection((door["address"], door["port"]), TIMEOUT_S),
        subprotocols=list(offered) or None,
        compression=None,
        max_size=1 << 20,
        **more,
    )


@contextlib.contextmanager
def _logged_in(twin: Twin, way: str = "ws", **changes: Any) -> Iterator[ClientConnection]:
    with _opened(twin, way) as client:
        client.send(connect_of(twin, "watson", **changes).encode())
        assert client.recv(TIMEOUT_S) == packets.connack(0)
        yield client


def _close_code(client: ClientConnection) -> int | None:
    """The code of the Close that the server sends; None where it sends none."""
    try:
        while True:
            client.recv(TIMEOUT_S)
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd else None


def _report(payload: bytes = b"{}", packet_id: int = 1) -> bytes:
    return packets.Publish(_TOPIC, payload, 1, packet_id=packet_id).encode()


def _puback(packet_id: int = 1) -> bytes:
    return packets.encode(packets.PUBACK, 0, packet_id.to_bytes(2, "big"))


# The handshake.


@pytest.mark.parametrize("way", ["ws", "wss", "https"])
@pytest.mark.parametrize("path", ["/mqtt", "/", "/any/path?q=1"])
def test_every_path_of_every_door_leads_to_mqtt(twin: Twin, way: str, path: str) -> None:
    with _opened(twin, way, path) as client:
        assert client.subprotocol == "mqtt"
        client.send(connect_of(twin, "watson").encode())
        assert client.recv(TIMEOUT_S) == packets.connack(0)


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [(["mqtt4"], "mqtt4"), (["mqttv3.1"], "mqttv3.1"), (["chat", "mqtt4", "mqtt"], "mqtt4")],
)
def test_the_first_subprotocol_that_is_known_is_chosen(
    twin: Twin, offered: list[str], chosen: str
) -> None:
    with _opened(twin, offered=offered) as client:
        assert client.subprotocol == chosen


def test_without_a_subprotocol_the_path_names_it(twin: Twin) -> None:
    with _opened(twin, path="/mqtt", offered=()) as client:
        assert client.subprotocol is None
        client.send(connect_of(twin, "watson").encode())
        assert client.recv(TIMEOUT_S) == packets.connack(0)


@pytest.mark.parametrize(("path", "offered"), [("/mqtt", ["chat"]), ("/chat", []), ("/", [])])
def test_an_unknown_subprotocol_gets_404(twin: Twin, path: str, offered: list[str]) -> None:
    with pytest.raises(InvalidStatus) as refused:
        _opened(twin, path=path, offered=offered)
    assert refused.value.response.status_code == 404


def test_another_version_of_websocket_gets_400(twin: Twin) -> None:
    with Bare(twin, "watson", "http") as bare:
        bare.send(
            b"GET /mqtt HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 99\r\n\r\n"
        )
        assert bare.until(b"\r\n").startswith(b"HTTP/1.1 400 ")


def test_the_accept_is_that_of_the_rfcs_example(twin: Twin) -> None:
    with Bare(twin, "watson", "http") as bare:  # RFC 6455, section 1.3
        bare.send(
            b"GET /mqtt HTTP/1.1\r\nHost: x\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        head = bare.until(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101 ")
    assert b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" in head


def test_a_connection_that_spoke_http_may_go_on_with_websocket(twin: Twin) -> None:
    given = twin.device("watson")
    with Bare(twin, "watson", "http") as bare:
        path = path_of("esp32", "board-1") + "/events/status"
        authorized = basic("use-token-auth", given["token"])
        bare.send(bare.request(path, b"{}", Content_Type="application/json", **authorized))
        assert bare.until(b"\r\n\r\n").startswith(b"HTTP/1.1 200 ")
        bare.send(
            b"GET /mqtt HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        assert bare.until(b"\r\n\r\n").startswith(b"HTTP/1.1 101 ")


# Frames (RFC 6455, section 5; MQTT, section 6).


def test_a_packet_may_come_in_several_messages(twin: Twin) -> None:
    with _opened(twin) as client:
        for byte in connect_of(twin, "watson").encode():
            client.send(bytes((byte,)))
        assert client.recv(TIMEOUT_S) == packets.connack(0)


def test_a_message_may_hold_several_packets_and_nothing(twin: Twin) -> None:
    with _opened(twin) as client:
        client.send(b"")
        client.send(connect_of(twin, "watson").encode() + _report() + _PING)
        received = b""
        while len(received) < 10:
            received += client.recv(TIMEOUT_S)  # type: ignore[operator]
    # The PUBACK is the broker's, the PINGRESP the gate's own: either may come first.
    assert received in (
        packets.connack(0) + _PONG + _puback(),
        packets.connack(0) + _puback() + _PONG,
    )


def test_a_message_may_come_in_fragments(twin: Twin) -> None:
    with _logged_in(twin) as client:
        data = _report()
        client.send([data[:1], b"", data[1:5], data[5:]])
        assert client.recv(TIMEOUT_S) == _puback()


def test_a_ping_gets_its_pong(twin: Twin) -> None:
    with _logged_in(twin) as client:
        assert client.ping(b"seal").wait(TIMEOUT_S)


def test_a_text_message_closes_with_1003(twin: Twin) -> None:
    with _logged_in(twin) as client:
        client.send("text")
        assert _close_code(client) == 1003


def test_a_message_longer_than_any_packet_closes_with_1009(twin: Twin) -> None:
    with _logged_in(twin) as client:
        client.send(b"\x30" * 400_000)
        assert _close_code(client) == 1009
    wait_until(lambda: "(close 1009)" in twin.output())


def test_a_payload_at_the_limit_passes_and_one_byte_more_closes(twin: Twin) -> None:
    after = twin.last_id()
    with _logged_in(twin) as client:
        client.send(_report(b"x" * _LIMIT))
        assert client.recv(TIMEOUT_S) == _puback()
        client.send(_report(b"x" * (_LIMIT + 1), 2))
        assert _close_code(client) == 1000
    assert [m["status"] for m in twin.messages("watson", after)] == ["stored", "refused"]


def test_every_report_of_a_flood_is_acknowledged(twin: Twin) -> None:
    wanted = range(1, 1001)
    with _logged_in(twin, "wss") as client:
        for number in wanted:
            client.send(_report(b"x", number))
        received = b""
        while len(received) < 4 * len(wanted):
            received += client.recv(TIMEOUT_S)  # type: ignore[operator]
    assert received == b"".join(map(_puback, wanted))


# The end.


def test_a_refused_login_gets_its_connack_and_a_close(twin: Twin) -> None:
    with _opened(twin) as client:
        client.send(connect_of(twin, "watson", password=b"wrong").encode())
        assert client.recv(TIMEOUT_S) == packets.connack(5)
        assert _close_code(client) == 1000


def test_disconnect_is_answered_by_a_close(twin: Twin) -> None:
    with _logged_in(twin) as client:
        client.send(_GOODBYE)
        assert _close_code(client) == 1000


def test_a_malformed_packet_closes(twin: Twin) -> None:
    with _logged_in(twin) as client:
        client.send(b"\xf0\x00")
        assert _close_code(client) == 1000


def test_who_closes_without_disconnect_leaves_a_will(twin: Twin) -> None:
    after = twin.last_id()
    with _logged_in(twin, will=packets.Will(_TOPIC, b"gone", 1, False)) as client:
        client.close()
    (will,) = twin.wait_for_messages("watson", 1, after, reason="will")
    assert will["payload"] == "gone"


def test_the_newcomer_by_tcp_closes_the_one_by_websocket(twin: Twin) -> None:
    with _logged_in(twin) as old, Raw(twin.way("watson")) as new:
        assert new.login(connect_of(twin, "watson")) == 0
        assert _close_code(old) is None


def test_presence_tells_websocket_from_tcp(twin: Twin) -> None:
    with paho(twin, "watson", connect=application_connect(twin, "ws")) as application:
        application.subscribe("iot-2/type/esp32/id/board-1/mon")
        with _logged_in(twin):
            seen: tuple[str, ...] = ()
            while seen != ("Connect", "mqtt4-ws"):  # after what earlier visits have left
                body = json.loads(application.next().payload)
                seen = (body["Action"], body["Protocol"])


@pytest.mark.parametrize("way", ["ws", "wss"])
def test_paho_reports_and_obeys_over_websocket(twin: Twin, way: str) -> None:
    after = twin.last_id()
    with paho(twin, "watson", way=way) as board:
        board.subscribe("iot-2/cmd/+/fmt/+")
        board.publish(_TOPIC, b"x" * 100_000)
        twin.command("watson", "blink", {"times": 3})
        assert json.loads(board.next().payload) == {"times": 3}
    assert len(twin.wait_for_messages("watson", 1, after, direction="up")[0]["payload"]) == 100_000


# What goes wrong on demand.


def _misbehave(twin: Twin, how: str, **more: Any) -> None:
    twin.fault("misbehave_websocket", how=how, **more)


def test_a_handshake_can_be_refused(twin: Twin) -> None:
    _misbehave(twin, "refuse", status=403)
    with pytest.raises(InvalidStatus) as refused:
        _opened(twin)
    assert refused.value.response.status_code == 403
    with _opened(twin) as client:
        assert client.subprotocol == "mqtt"


def test_a_connection_can_be_closed_with_any_code(twin: Twin) -> None:
    with _logged_in(twin) as client:
        _misbehave(twin, "close", code=1012)
        client.send(_PING)
        assert _close_code(client) == 1012


def test_a_ping_can_come_before_a_message_and_its_pong_is_seen(twin: Twin) -> None:
    with _logged_in(twin) as client:
        _misbehave(twin, "ping")
        client.send(_PING)
        assert client.recv(TIMEOUT_S) == _PONG
        wait_until(lambda: "pong: the device answered a ping" in twin.output())


def test_a_message_can_come_in_fragments_with_a_ping_between(twin: Twin) -> None:
    with _logged_in(twin) as client:
        client.send(packets.subscribe(1, [("iot-2/cmd/+/fmt/+", 0)]))
        client.recv(TIMEOUT_S)
        _misbehave(twin, "fragment")
        twin.command("watson", "set", {"text": "x" * 500})
        frames = list(client.recv_streaming())
    assert len(frames) > 3
    publish = packets.Decoder().feed(b"".join(frames))[0]  # type: ignore[arg-type]
    assert json.loads(packets.Publish.parse(publish).payload) == {"text": "x" * 500}


def test_a_message_can_be_text(twin: Twin) -> None:
    with _logged_in(twin) as client:
        _misbehave(twin, "text")
        client.send(_PING)
        assert client.recv(TIMEOUT_S) == _PONG.decode("latin-1")


@pytest.mark.parametrize(
    ("how", "code"),
    # What a client answers, which `websockets` does: RFC 6455, sections 5.1, 5.2 and 10.4.
    [("garbage", 1002), ("masked", 1002), ("huge", 1009)],
)
def test_a_frame_can_be_wrong(twin: Twin, how: str, code: int) -> None:
    with _logged_in(twin) as client:
        _misbehave(twin, how)
        client.send(_PING)
        with pytest.raises(ConnectionClosedError) as closed:
            client.recv(TIMEOUT_S)
    assert closed.value.sent is not None
    assert closed.value.sent.code == code


def test_a_frame_can_be_cut(twin: Twin) -> None:
    with _logged_in(twin) as client:
        _misbehave(twin, "cut")
        client.send(_PING)
        assert _close_code(client) is None


def test_connections_can_be_dropped(own_twin: Twin) -> None:
    with _logged_in(own_twin, "wss") as client:
        own_twin.fault("drop_connections", cloud="watson")
        assert _close_code(client) is None
    with _logged_in(own_twin) as client:
        client.send(_PING)
        assert client.recv(TIMEOUT_S) == _PONG
