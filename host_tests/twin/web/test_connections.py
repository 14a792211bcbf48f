"""How do the twin's HTTP servers treat connections: kept, ended, shared with MQTT?

Rules: RFC 9112; "Connecting applications, devices, and gateways" (Watson's ports speak both).
"""

import socket
from pathlib import Path

import pytest

from host_tests.support import Twin
from host_tests.twin.http_device import (
    OCTETS,
    AlibabaDevice,
    Bare,
    Http,
    WatsonDevice,
    code_in,
    connected,
)
from host_tests.twin.mqtt_device import connect_of, paho

_WATSON_WAYS = ("http", "mqtts", "https")


def _nobody(bare: Bare) -> bytes:
    """A request that is answered without a login: 20002, the token is null."""
    return bare.request("/topic/a/b", b"x", **OCTETS)


def test_a_connection_is_kept_and_counted_apart_from_its_requests(own_twin: Twin) -> None:
    assert own_twin.http() == {
        cloud: {"connections": 0, "requests": 0, "answered": 0}
        for cloud in ("alibaba", "azure", "watson")
    }
    with AlibabaDevice(own_twin) as device:
        device.login()
        for _ in range(2):
            device.report()
    WatsonDevice(own_twin, "h-count").http().__exit__()
    assert own_twin.http()["alibaba"] == {"connections": 1, "requests": 3, "answered": 3}
    assert own_twin.http()["watson"] == {"connections": 0, "requests": 0, "answered": 0}


def test_a_request_that_comes_byte_by_byte_is_one_request(twin: Twin) -> None:
    with Bare(twin, "alibaba") as bare:
        bare.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in _nobody(bare):
            bare.send(bytes([byte]))
        assert code_in(bare.until(b"}")) == 20002


def test_requests_that_follow_one_another_at_once_are_answered_in_order(twin: Twin) -> None:
    with Bare(twin, "alibaba") as bare:
        last = bare.request("/auth", b"x", **OCTETS, Connection="close")
        bare.send(_nobody(bare) + last)
        first, second = bare.rest().split(b"HTTP/1.1 200 OK\r\n")[1:]
        assert b"20002" in first
        assert b"10001" in second


def test_a_body_may_come_in_chunks(twin: Twin) -> None:
    with AlibabaDevice(twin) as device, Bare(twin, "alibaba") as bare:
        device.login()
        after = twin.last_id()
        head = bare.request(device.custom, **OCTETS, password=device.token)
        head = head.replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
        bare.send(head + b"2\r\n21\r\n2;x=y\r\n.5\r\n0\r\n\r\n")
        assert code_in(bare.until(b"}}")) == 0
        assert twin.messages("alibaba", after)[0]["payload"] == "21.5"


def test_who_expects_100_continue_gets_it(twin: Twin) -> None:
    with Bare(twin, "alibaba") as bare:
        request = bare.request("/topic/a/b", b"x", **OCTETS, Expect="100-continue")
        bare.send(request[:-1])
        assert bare.until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        bare.send(request[-1:])
        assert code_in(bare.until(b"}")) == 20002


def test_the_absolute_form_of_a_target_is_taken(twin: Twin) -> None:
    with Bare(twin, "alibaba") as bare:
        bare.send(bare.request(f"https://{bare.way['host']}/topic/a/b", b"x", **OCTETS))
        assert code_in(bare.until(b"}")) == 20002


@pytest.mark.parametrize(
    "data",
    [
        b"\x10\x0e\x00\x04MQTT\x04\x02\x00\x3c\x00\x00",
        b"POST\r\n\r\n",
        b"POST /auth HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n",
        b"POST /auth HTTP/1.1\r\nHost: x\r\nA B: x\r\n\r\n",
        b"POST /auth HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 20_000 + b"\r\n\r\n",
    ],
)
def test_what_is_no_http_gets_400_and_is_closed(twin: Twin, data: bytes) -> None:
    with Bare(twin, "alibaba") as bare:
        bare.send(data)
        assert b" 400 " in bare.rest().splitlines()[0]


def test_a_body_whose_chunks_are_no_chunks_gets_400(twin: Twin) -> None:
    with Bare(twin, "alibaba") as bare:
        request = bare.request("/topic/a/b", **OCTETS)
        chunked = request.replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
        bare.send(chunked + b"zz\r\n")
        assert b" 400 " in bare.rest().splitlines()[0]


def test_dropped_connections_are_kept_ones_too(own_twin: Twin) -> None:
    with AlibabaDevice(own_twin) as device, Bare(own_twin, "watson") as other:
        device.login()
        other.send(other.request("/x", b""))
        other.rest()
    with Bare(own_twin, "alibaba") as bare:
        bare.send(_nobody(bare))
        bare.until(b"}")
        own_twin.fault("drop_connections", cloud="watson")
        bare.send(_nobody(bare))
        bare.until(b"}")
        own_twin.fault("drop_connections", cloud="alibaba")
        with pytest.raises((OSError, AssertionError)):
            bare.until(b"never")


def test_a_twin_that_stops_does_not_wait_for_those_who_wait(tmp_path: Path) -> None:
    with Twin(tmp_path) as twin:
        device = WatsonDevice(twin, "h-stop")
        http = device.http()
        http.send(device.path + "/commands/+/request", b'{"waitTimeSecs":3600}', device.authorized)
        twin.wait_for_output("h-stop waits")
        assert twin.stop() == 0
        assert "Traceback" not in twin.output()


def test_who_leaves_without_a_request_is_told_apart(own_twin: Twin) -> None:
    with Bare(own_twin, "alibaba") as bare:
        bare.socket.unwrap()  # says goodbye as TLS does
    own_twin.wait_for_output("closed: left without a request")


@pytest.mark.parametrize("way", _WATSON_WAYS)
def test_each_port_of_watson_speaks_http(twin: Twin, way: str) -> None:
    device = WatsonDevice(twin, f"h-{way}", way)
    with device.http() as http:
        assert [device.event(http).status for _ in range(2)] == [200, 200]


def test_each_port_of_watson_speaks_mqtt(twin: Twin) -> None:
    with paho(twin, "watson", way="mqtt"):
        pass
    with paho(twin, "watson", way="mqtts"):
        pass
    with connected(twin, twin.way("watson", "https")) as secured:
        secured.sendall(connect_of(twin, "watson", way="https").encode())
        assert secured.recv(4) == b"\x20\x02\x00\x00"


@pytest.mark.parametrize("data", [b"\x10", b"P"])
def test_the_first_byte_alone_tells_what_a_connection_speaks(twin: Twin, data: bytes) -> None:
    device = WatsonDevice(twin, "h-peek")
    connect = connect_of(
        twin,
        "watson",
        client_id="d:signet:esp32:h-peek",
        password=device.device.secret.encode(),
    ).encode()
    with Bare(twin, "watson", "http") as bare:
        rest = connect if data == b"\x10" else bare.request("/x")
        bare.send(data)
        bare.send(rest[1:])
        wanted = b"\x20\x02\x00\x00" if data == b"\x10" else b"HTTP/1.1 404 Not Found\r\n"
        assert bare.until(wanted).startswith(wanted)


@pytest.mark.parametrize("cloud", ["enos", "alibaba"])
def test_other_ports_for_mqtt_speak_no_http(twin: Twin, cloud: str) -> None:
    with Bare(twin, cloud, "mqtt") as bare:
        bare.send(bare.request("/auth"))
        assert bare.rest() == b""


def test_an_open_connection_is_no_bar_to_another(twin: Twin) -> None:
    with Http(twin, "watson"), Http(twin, "watson") as http:
        assert http.ask("/x").status == 404
