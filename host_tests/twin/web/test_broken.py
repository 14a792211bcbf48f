"""How do replies look that go out broken on demand?

What is broken: RFC 9112.
"""

from typing import Any

import pytest

from host_tests.support import Twin
from host_tests.twin.http_device import OCTETS, AlibabaDevice, Bare, WatsonDevice, alink, code_in
from host_tests.twin.mqtt_device import wait_until
from tools.ui import UserError


def _misbehaving(twin: Twin, how: str) -> tuple[AlibabaDevice, Bare, bytes]:
    device = AlibabaDevice(twin)
    device.login()
    bare = Bare(twin, "alibaba")
    request = bare.request(device.post, alink(how), **OCTETS, password=device.token)
    twin.fault("misbehave_http", how=how, cloud="alibaba")
    bare.send(request)
    return device, bare, request


def _good_again(bare: Bare, request: bytes) -> None:
    bare.send(request)
    assert code_in(bare.until(b"}}")) == 0


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
        bare.send(bare.request(device.post, alink("lost"), **OCTETS, password=device.token))
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
    assert code_in(reply) == 0


def test_an_interim_reply_may_come_first(twin: Twin) -> None:
    _, bare, request = _misbehaving(twin, "interim")
    first, _, second = bare.until(b"}}").partition(b"\r\n\r\n")
    assert first.startswith(b"HTTP/1.1 103 Early Hints\r\n")
    assert code_in(second) == 0
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


@pytest.mark.parametrize(
    ("fault", "said"),
    [({"how": "loud"}, "no how 'loud'; use one of: .*garbage"), ({}, "'how'")],
)
def test_a_misbehaviour_that_there_is_not_is_an_error(
    twin: Twin, fault: dict[str, Any], said: str
) -> None:
    with pytest.raises(UserError, match=said):
        twin.fault("misbehave_http", **fault)
