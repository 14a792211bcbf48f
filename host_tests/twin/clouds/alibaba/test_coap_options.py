"""Does the twin's CoAP server take the options of Alibaba's document, and no others?

Rules: RFC 7252, sections 5.4.1, 5.4.3, 5.4.5, 5.7.2 and 5.10; Alibaba Cloud, "Establish
communication over the CoAP protocol". What neither has, the vendor's C SDK 3 is refused too.
"""

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import aiocoap
import pytest

from host_tests.support import Twin
from host_tests.twin.coap_device import JSON, CoapDevice, Udp, alink, auth, code, message
from tools.twin.clouds.alibaba.coap import AlibabaCoap
from tools.twin.clouds.alibaba.mqtt import Alibaba
from tools.twin.clouds.coap_request import Endpoint, Request
from tools.twin.clouds.shared import Shared
from tools.twin.registry.store import Store


@pytest.mark.parametrize("number", [9, 15, 2091])
def test_a_critical_option_that_the_document_does_not_have_gets_4_02(
    device: CoapDevice, number: int
) -> None:
    assert code(device.ask(message("auth", b"{}", options=[(number, b"x")]))) == "4.02"
    elective = auth(device.body(), options=[(number + 1, b"x")])
    assert code(device.ask(elective)) == "2.05"  # ignored


def test_the_token_in_option_61_as_the_vendors_c_sdk_3_sends_it_is_refused(
    twin: Twin, online: CoapDevice
) -> None:
    (_, token), seq = online.custom()
    body = online.encrypt(json.dumps(alink("61")).encode())
    request = message("topic" + online.post, body, options=[(61, token), seq])
    assert code(online.ask(request)) == "4.02"


@pytest.mark.parametrize("path", ["auth", "topic/a1SignetPk/board-1/user/update"])
def test_accept_42_as_the_vendors_c_sdk_3_sends_it_gets_4_06(
    device: CoapDevice, path: str
) -> None:
    assert code(device.ask(message(path, b"{}", options=[(17, bytes([42]))]))) == "4.06"


@pytest.mark.parametrize("way", ["coap", "coaps"])
def test_the_clouds_own_host_and_port_are_taken(twin: Twin, way: str) -> None:
    door = twin.way("alibaba", way)
    rules = _rules(door)
    own = door["host"].encode()
    documented = b"\x16\x32" if way == "coap" else b"\x16\x34"
    for host in (own, own.upper(), b"iot-06.coap.iothub.aliyuncs.com", door["address"].encode()):
        for port in (documented, door["port"].to_bytes(2, "big")):
            assert rules((3, host), (7, port)) == "4.04"  # there is no such path


def _rules(door: dict[str, Any]) -> Callable[..., str]:
    """The code that a request to no path with these options gets, without a server."""
    endpoint = Endpoint(door["tls"], door["address"], door["port"])
    store = cast("Store", None)
    shared = SimpleNamespace(report=lambda *_: None)
    rules = AlibabaCoap(Alibaba(store), cast("Shared", shared))
    return lambda *options: rules.answer(Request(2, list(options), b"", "peer"), endpoint).code


@pytest.mark.parametrize(
    "wrong",
    [
        (3, b"a1SignetPk.iot-as-mqtt.cn-shanghai.aliyuncs.com"),
        (3, b"coap.cn-shanghai.link.aliyuncs.com"),
        (3, b"a.coap.cn-shanghai.link.aliyuncs.com.example.com"),
        (3, b"127.0.0.9"),
        (3, b"\xc3\xa9"),
        (7, b"\x16\x33"),  # 5683, plain CoAP's
        (7, b"\x16\x34"),  # 5684, the other door's
        (7, b""),
        (35, b"coap://example.com/auth"),
        (39, b"coap"),
    ],
)
def test_a_request_for_another_server_gets_5_05_as_this_is_no_proxy(
    device: CoapDevice, wrong: tuple[int, bytes]
) -> None:
    assert code(_raw(device, wrong)) == "5.05"


def test_the_host_of_another_product_gets_4_03_at_auth_and_with_a_token(
    twin: Twin, online: CoapDevice
) -> None:
    after = twin.last_id()
    post = "topic" + online.post
    for product, expected in (("other", "4.03"), ("A1SIGNETPK", "2.05")):
        host = (3, f"{product}.coap.cn-shanghai.link.aliyuncs.com".encode())
        assert code(_raw(online, host)) == expected
        body = online.encrypt(json.dumps(alink(product)).encode())
        report = message(post, body, options=[host, *online.custom()])
        assert code(online.ask(report)) == expected
    assert [m["status"] for m in twin.messages("alibaba", after)] == ["refused", "stored"]


def _raw(device: CoapDevice, *added: tuple[int, bytes]) -> aiocoap.Message:
    """The reply to a good /auth with further options."""
    with Udp(device.way) as udp:
        udp.send(udp.encode(auth(device.body(), options=added)))
        return udp.receive()


@pytest.mark.parametrize(
    "wrong",
    [
        (3, b""),  # Uri-Host has 1 to 255 bytes
        (7, b"\0\x16\x32"),  # Uri-Port 0 to 2
        (17, b"\0\0\x32"),  # Accept 0 to 2
    ],
)
def test_a_critical_option_of_an_impossible_length_gets_4_02(
    device: CoapDevice, wrong: tuple[int, bytes]
) -> None:
    assert code(_raw(device, wrong)) == "4.02"


def test_a_content_format_of_an_impossible_length_is_ignored(device: CoapDevice) -> None:
    assert code(_raw(device, (12, b"\0\0\0"))) == "2.05"  # JSON follows
    overlong = message("auth", b"{}", form=None, options=[(12, b"\1\0\0")])
    assert code(device.ask(overlong)) == "4.15"  # as without any


@pytest.mark.parametrize("again", [(3, b"127.0.0.2"), (7, b"\x16\x32"), (17, bytes([JSON]))])
def test_a_critical_option_that_is_repeated_gets_4_02(
    device: CoapDevice, again: tuple[int, bytes]
) -> None:
    if again[0] == 3:
        again = (3, device.way["address"].encode())
    assert code(_raw(device, again)) == "2.05"
    assert code(_raw(device, again, again)) == "4.02"


def test_a_second_seq_gets_4_02_and_a_second_token_is_ignored(
    twin: Twin, online: CoapDevice
) -> None:
    after = twin.last_id()
    body = online.encrypt(json.dumps(alink("twice")).encode())
    token, seq = online.custom()
    for options, expected in (
        ([token, seq, seq], "4.02"),
        ([(2088, b"none"), token, seq], "4.01"),
        ([token, (2088, b"none"), seq], "2.05"),
    ):
        request = message("topic" + online.post, body, options=options)
        assert code(online.ask(request)) == expected
    assert [m["status"] for m in twin.messages("alibaba", after)] == ["stored"]
