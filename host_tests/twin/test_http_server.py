"""How do the twin's HTTP servers treat connections: kept, shared with MQTT, broken on demand?

Rules: RFC 9112; "Connecting applications, devices, and gateways" (Watson's ports speak both).
"""

import errno
import json
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest
import requests

from host_tests.support import Twin
from host_tests.twin.http_device import (
    AlibabaDevice,
    Answer,
    Bare,
    Http,
    WatsonDevice,
    alink,
    connected,
)
from host_tests.twin.wire import connect_of, paho, wait_until
from tools.twin import listeners
from tools.ui import UserError

_WATSON_WAYS = ("http", "mqtts", "https")
_HEADERS = {"Content_Type": "application/octet-stream"}


def _nobody(bare: Bare) -> bytes:
    """A request that is answered without a login: 20002, the token is null."""
    return bare.request("/topic/a/b", b"x", **_HEADERS)


def _code_of(reply: bytes) -> int:
    """The code in the body of a whole reply."""
    head, _, body = reply.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    return int(json.loads(body)["code"])


# Connections


def test_a_connection_is_kept_and_counted_apart_from_its_requests(own_twin: Twin) -> None:
    assert own_twin.http() == {
        cloud: {"connections": 0, "requests": 0} for cloud in ("alibaba", "watson")
    }
    with AlibabaDevice(own_twin) as device:
        device.login()
        for _ in range(2):
            device.report()
    WatsonDevice(own_twin, "h-count").http().__exit__()
    assert own_twin.http()["alibaba"] == {"connections": 1, "requests": 3}
    assert own_twin.http()["watson"] == {"connections": 0, "requests": 0}


def test_a_request_that_comes_byte_by_byte_is_one_request(twin: Twin) -> None:
    with Bare(twin, "alibaba") as bare:
        bare.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in _nobody(bare):
            bare.send(bytes([byte]))
        assert _code_of(bare.until(b"}")) == 20002


def test_requests_that_follow_one_another_at_once_are_answered_in_order(twin: Twin) -> None:
    with Bare(twin, "alibaba") as bare:
        last = bare.request("/auth", b"x", **_HEADERS, Connection="close")
        bare.send(_nobody(bare) + last)
        first, second = bare.rest().split(b"HTTP/1.1 200 OK\r\n")[1:]
        assert b"20002" in first
        assert b"10001" in second


def test_a_body_may_come_in_chunks(twin: Twin) -> None:
    with AlibabaDevice(twin) as device, Bare(twin, "alibaba") as bare:
        device.login()
        after = twin.last_id()
        head = bare.request(device.custom, **_HEADERS, password=device.token)
        head = head.replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
        bare.send(head + b"2\r\n21\r\n2;x=y\r\n.5\r\n0\r\n\r\n")
        assert _code_of(bare.until(b"}}")) == 0
        assert twin.messages("alibaba", after)[0]["payload"] == "21.5"


def test_who_expects_100_continue_gets_it(twin: Twin) -> None:
    with Bare(twin, "alibaba") as bare:
        request = bare.request("/topic/a/b", b"x", **_HEADERS, Expect="100-continue")
        bare.send(request[:-1])
        assert bare.until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        bare.send(request[-1:])
        assert _code_of(bare.until(b"}")) == 20002


def test_the_absolute_form_of_a_target_is_taken(twin: Twin) -> None:
    with Bare(twin, "alibaba") as bare:
        bare.send(bare.request(f"https://{bare.way['host']}/topic/a/b", b"x", **_HEADERS))
        assert _code_of(bare.until(b"}")) == 20002


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
        request = bare.request("/topic/a/b", **_HEADERS)
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


# MQTT and HTTP on one port


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


# Broken on demand


def _misbehaving(twin: Twin, how: str) -> tuple[AlibabaDevice, Bare, bytes]:
    device = AlibabaDevice(twin)
    device.login()
    bare = Bare(twin, "alibaba")
    request = bare.request(device.post, alink(how), **_HEADERS, password=device.token)
    twin.fault("misbehave_http", how=how, cloud="alibaba")
    bare.send(request)
    return device, bare, request


def _good_again(bare: Bare, request: bytes) -> None:
    bare.send(request)
    assert _code_of(bare.until(b"}}")) == 0


def _filed(twin: Twin, how: str) -> None:
    """The request was processed."""
    wait_until(lambda: any(how in str(m["payload"]) for m in twin.messages("alibaba")))


def test_a_silent_reply_never_comes_and_the_connection_stays_open(twin: Twin) -> None:
    _, bare, _ = _misbehaving(twin, "silent")
    _filed(twin, '"silent"')
    bare.socket.settimeout(0.05)
    with pytest.raises(TimeoutError):
        bare.until(b"x")


def test_losing_replies_is_the_same(twin: Twin) -> None:
    with AlibabaDevice(twin) as device, Bare(twin, "alibaba") as bare:
        device.login()
        twin.fault("lose_http_replies", n=1)
        bare.send(bare.request(device.post, alink("lost"), **_HEADERS, password=device.token))
        _filed(twin, '"lost"')
        assert device.report().json["code"] == 0
        bare.socket.settimeout(0.05)
        with pytest.raises(TimeoutError):
            bare.until(b"x")


@pytest.mark.parametrize(("how", "within"), [("cut", "body"), ("cut_head", "head")])
def test_a_cut_reply_ends_in_its_middle(twin: Twin, how: str, within: str) -> None:
    _, bare, _ = _misbehaving(twin, how)
    head, blank, body = bare.rest().partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert bool(blank) == (within == "body")
    if within == "body":
        length = int(head.rpartition(b"Content-Length: ")[2])
        assert len(body) == length // 2
    _filed(twin, f'"{how}"')


def test_a_reply_that_dribbles_comes_byte_by_byte(twin: Twin) -> None:
    with Bare(twin, "watson", "http") as bare:
        twin.fault("misbehave_http", how="dribble", cloud="watson")
        bare.send(bare.request("/x"))
        pieces = [bare.socket.recv(65536) for _ in range(6)]
        assert b"".join(pieces) == b"HTTP/1"


def test_a_reply_in_chunks_has_one_byte_in_each(twin: Twin) -> None:
    _, bare, request = _misbehaving(twin, "bytes")
    head, _, body = bare.until(b"\r\n0\r\n\r\n").partition(b"\r\n\r\n")
    assert b"Transfer-Encoding: chunked" in head
    assert body.startswith(b'1\r\n{\r\n1\r\n"\r\n')
    _good_again(bare, request)


def test_a_reply_may_close_the_connection(twin: Twin) -> None:
    _, bare, _ = _misbehaving(twin, "close")
    reply = bare.rest()
    assert b"\r\nConnection: close\r\n" in reply
    assert _code_of(reply) == 0


def test_an_interim_reply_may_come_first(twin: Twin) -> None:
    _, bare, request = _misbehaving(twin, "interim")
    first, _, second = bare.until(b"}}").partition(b"\r\n\r\n")
    assert first.startswith(b"HTTP/1.1 103 Early Hints\r\n")
    assert _code_of(second) == 0
    _good_again(bare, request)


def test_a_connection_may_be_reset_instead(twin: Twin) -> None:
    with Bare(twin, "watson", "http") as bare:  # under TLS, OpenSSL calls a reset the end
        twin.fault("misbehave_http", how="reset", cloud="watson")
        bare.send(bare.request("/x"))
        with pytest.raises(ConnectionResetError):
            bare.rest()


def test_a_head_may_have_no_end(twin: Twin) -> None:
    _, bare, _ = _misbehaving(twin, "huge")
    got = b""
    while len(got) < 100_000:
        got += bare.socket.recv(65536)
    assert got.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"\r\n\r\n" not in got
    bare.socket.close()
    assert twin.http()


def test_a_reply_may_be_no_http(twin: Twin) -> None:
    _, bare, _ = _misbehaving(twin, "garbage")
    assert not bare.rest().startswith(b"HTTP")


def test_n_replies_in_a_row_may_go_wrong(twin: Twin) -> None:
    twin.fault("misbehave_http", how="close", n=2, cloud="watson")
    kept = []
    for _ in range(3):
        device = WatsonDevice(twin, "h-row")
        with device.http() as http:
            device.event(http)
            kept.append(http.kept)
    assert kept == [False, False, True]


def test_replies_to_one_path_alone_may_go_wrong(twin: Twin) -> None:
    with AlibabaDevice(twin) as device:
        twin.fault("misbehave_http", how="close", cloud="alibaba", path="topic")
        device.login()
        assert device.http.kept
        assert device.report().json["code"] == 0
        assert not device.http.kept


def test_config_with_tls_for_http_names_the_way_with_tls(twin: Twin) -> None:
    with pytest.raises(subprocess.CalledProcessError) as refused:
        twin.cli("config", "watson", "--way", "http", "--tls")
    assert "HTTP over TLS is --way https" in refused.value.stderr


@pytest.mark.parametrize(
    ("fault", "said"),
    [({"how": "loud"}, "no how 'loud'; use one of: .*garbage"), ({}, "'how'")],
)
def test_a_misbehaviour_that_there_is_not_is_an_error(
    twin: Twin, fault: dict[str, Any], said: str
) -> None:
    with pytest.raises(UserError, match=said):
        twin.fault("misbehave_http", **fault)


# Other people's clients


def _curl(twin: Twin, way: dict[str, Any], path: str, *words: str) -> Answer:
    curl = shutil.which("curl")
    if curl is None:
        pytest.skip("there is no curl")
    scheme = "https" if way["tls"] else "http"
    there = f"{way['host']}:{way['port']}"
    done = subprocess.run(
        [
            *(curl, "--silent", "--show-error", "--include", "--max-time", "20"),
            *("--cacert", twin.ready["ca_file"], "--noproxy", "*"),
            *("--resolve", f"{there}:{way['address']}", *words, f"{scheme}://{there}{path}"),
        ],
        capture_output=True,
        check=True,
    )
    head, _, body = done.stdout.rpartition(b"\r\n\r\n")
    return Answer(int(head.split(b"\r\n\r\n")[-1].split()[1]), {}, body)


def test_curl_as_in_the_documents_example_posts_an_event(twin: Twin) -> None:
    device = WatsonDevice(twin, "h-curl")
    user = f"use-token-auth:{device.device.secret}"
    event = '{"d": {"myName": "Publish Test", "cputemp": 46, "sine": -10, "cpuload": 1.45}}'
    after = twin.last_id()
    for way in _WATSON_WAYS:
        words = ("-u", user, "-H", "Content-Type: application/json", "-d", event)
        path = device.path + "/events/TestMessage"
        assert _curl(twin, twin.way("watson", way), path, *words).status == 200
    assert [m["payload"] for m in twin.messages("watson", after)] == [event] * 3


def test_curl_sends_a_large_report_and_waits_for_100_continue(twin: Twin, tmp_path: Path) -> None:
    with AlibabaDevice(twin) as device:
        device.login()
        data = tmp_path / "data"
        data.write_bytes(b"x" * 131072)
        words = ("-H", "Content-Type: application/octet-stream", "--data-binary", f"@{data}")
        words += ("-H", f"password: {device.token}", "-H", "Expect: 100-continue")
        answer = _curl(twin, twin.way("alibaba", "https"), device.custom, *words)
        assert answer.json["code"] == 0


def test_requests_logs_in_and_reports_on_one_connection(twin: Twin) -> None:
    with AlibabaDevice(twin) as device, requests.Session() as session:
        session.trust_env = False
        session.verify = twin.ready["ca_file"]
        way = twin.way("alibaba", "https")
        url = f"https://{way['address']}:{way['port']}"
        before = twin.http()["alibaba"]["connections"]
        token = session.post(f"{url}/auth", json=device.body(), timeout=20).json()["info"]["token"]
        headers = {"Content-Type": "application/octet-stream", "password": token}
        for data in (b"1", b"2"):
            reply = session.post(url + device.custom, data, headers=headers, timeout=20)
            assert reply.json()["message"] == "success"
        assert twin.http()["alibaba"]["connections"] == before + 1


# Doors


def test_the_ready_file_has_watsons_plain_port_twice(twin: Twin) -> None:
    assert twin.way("watson", "http") == twin.way("watson", "mqtt")
    assert not twin.way("watson", "http")["tls"]
    assert twin.way("watson", "https")["tls"]
    assert twin.way("alibaba", "https")["host"] == "iot-as-http.cn-shanghai.aliyuncs.com"
    assert "http" not in twin.ready["clouds"]["alibaba"]["ways"]


@pytest.mark.parametrize(
    ("cloud", "way", "tls"),
    [("alibaba", "https", True), ("watson", "https", True), ("watson", "http", False)],
)
def test_config_prints_a_device_json_for_http(twin: Twin, cloud: str, way: str, tls: bool) -> None:
    config = json.loads(twin.cli("config", cloud, "--way", way))
    assert config == twin.device_config(cloud, way)
    assert (config["way"], config["tls"], config["insecure"]) == ("http", tls, not tls)
    assert config["port"] == twin.way(cloud, way)["port"]


def _forbid(monkeypatch: pytest.MonkeyPatch) -> None:
    bind = listeners.bind

    def forbidden(kind: socket.SocketKind, address: str, port: int) -> socket.socket:
        if port == 443:
            raise OSError(errno.EACCES, "Permission denied")
        return bind(kind, address, port)

    monkeypatch.setattr(listeners, "bind", forbidden)


_DOOR = next(door for door in listeners.DOORS if door.key == "alibaba-https")


def test_without_the_right_to_443_a_free_port_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    _forbid(monkeypatch)
    listener, why = listeners.listen(_DOOR, None)
    with listener:
        assert listener.getsockname()[1] not in (0, 443)
    assert why == "not permitted"


def test_443_that_was_asked_for_without_the_right_to_it_is_an_error_that_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _forbid(monkeypatch)
    with pytest.raises(UserError, match=r"127.0.0.2:443 for alibaba-https: Permission denied, as"):
        listeners.listen(_DOOR, 443)


def test_an_open_connection_is_no_bar_to_another(twin: Twin) -> None:
    with Http(twin, "watson"), Http(twin, "watson") as http:
        assert http.ask("/x").status == 404
