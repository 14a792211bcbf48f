"""Does the twin's CoAP server keep every rule of Alibaba's document, told by other people's code?

Rules and codes: Alibaba Cloud, "Establish communication over the CoAP protocol".
"""

import json
import math
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import aiocoap
import cbor2
import pytest

from host_tests.support import Twin
from host_tests.twin.coap_device import (
    CBOR,
    IMPOSSIBLE_LOGINS,
    JSON,
    WRONG_LOGINS,
    CoapDevice,
    Options,
    Udp,
    alink,
    auth,
    code,
    message,
    option,
)
from host_tests.twin.mqtt_device import wait_until
from tools import signing, toolchain
from tools.twin.clouds.alibaba.token import session_key
from tools.ui import UserError

# The formulas, held to what others published.


def test_the_content_of_the_documents_sample_signature() -> None:
    fields = {
        "clientId": "123",
        "deviceName": "test",
        "productKey": "123",
        "seq": "123",
        "timestamp": "1524448722000",
    }
    expected = "clientId123deviceNametestproductKey123seq123timestamp1524448722000"
    assert signing.alibaba(fields, "x", "hmacmd5").content == expected


def test_the_session_key_is_the_middle_of_the_hash_of_secret_comma_random() -> None:
    # Computed by two other implementations; the published sample fixes the slice (doc 57697).
    key = session_key("signetExampleSecret0123456789abc", "ad2b3a5eb51d64f7")
    assert key.hex() == "8f0e6f49102279bfac22b3a51c89622b"


# /auth


def test_auth_answers_random_seq_offset_and_token_as_in_the_documents_sample(
    device: CoapDevice,
) -> None:
    reply = device.login()
    assert option(reply, 12) == bytes([JSON])
    assert re.fullmatch(r"[0-9a-f]{16}", device.random)
    assert re.fullmatch(r"[A-Za-z0-9]{30}\." + device.random[:4], device.token)
    assert device.offset >= 1


def test_the_hexadecimal_of_a_signature_may_be_upper_case(device: CoapDevice) -> None:
    device.login(sign=str(device.body()["sign"]).upper())


@pytest.mark.parametrize("seq", ["10", 16, "19D7"])  # document, Java sample, C SDK 4
def test_auth_takes_any_seq_text_or_number(device: CoapDevice, seq: object) -> None:
    device.login(seq=seq)


@pytest.mark.parametrize(
    ("field", "value"),
    [("seq", "11"), ("timestamp", "1524448722000"), ("ackMode", 1), ("ackMode", "0")],
)
def test_what_is_sent_beside_the_signature_is_signed(
    device: CoapDevice, field: str, value: object
) -> None:
    device.login(**{field: value})
    unsigned = {**device.body(), field: value}
    assert code(device.ask(auth(unsigned))) == "4.01"


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"{",
        b"\xff",
        b"[]",
        b'"text"',
        b'{"productKey": {}}',
        b'{"productKey": true}',
        b'{"productKey": "\\ud800"}',
        b'{"productKey": "\\u0007"}',
        b"[" * 1000,
        b'{"seq": 1' + b"0" * 500 + b"}",
    ],
)
def test_an_auth_payload_that_is_no_object_of_texts_gets_4_00(
    device: CoapDevice, payload: bytes
) -> None:
    assert code(device.ask(message("auth", payload))) == "4.00"


@pytest.mark.parametrize(
    "fields",
    [
        *IMPOSSIBLE_LOGINS,
        {"seq": None},
        {"ackMode": 2},
        {"clientId": "bell\x07"},
    ],
)
def test_an_auth_field_that_is_missing_or_impossible_gets_4_00(
    device: CoapDevice, fields: dict[str, Any]
) -> None:
    assert code(device.ask(auth(device.body(**fields)))) == "4.00"


@pytest.mark.parametrize("fields", WRONG_LOGINS)
def test_a_wrong_signature_or_an_unknown_device_gets_4_01(
    device: CoapDevice, fields: dict[str, Any]
) -> None:
    assert code(device.ask(auth(device.body(**fields)))) == "4.01"


def test_a_disabled_device_gets_4_01_at_auth_and_with_its_token(twin: Twin) -> None:
    name = ("alibaba", "a1SignetPk", "off-by-coap")
    device = CoapDevice(twin, json.loads(twin.cli("device", "add", *name)))
    device.login()
    twin.cli("device", "disable", *name)
    assert code(device.ask(auth(device.body()))) == "4.01"
    assert code(device.ask(device.report())) == "4.01"


@pytest.mark.parametrize("path", ["", "aut", "auth/x", "topic", "auth/register/device"])
def test_another_path_gets_4_04(device: CoapDevice, path: str) -> None:
    assert code(device.ask(message(path, b"{}"))) == "4.04"


@pytest.mark.parametrize("method", [1, 3, 4, 5, 31])
@pytest.mark.parametrize("path", ["auth", "topic/a1SignetPk/board-1/user/update"])
def test_another_method_than_post_gets_4_05(device: CoapDevice, path: str, method: int) -> None:
    assert code(device.ask(message(path, b"{}", code=method))) == "4.05"


@pytest.mark.parametrize("path", ["auth", "topic/a1SignetPk/board-1/user/update"])
def test_an_accept_other_than_json_and_cbor_gets_4_06(device: CoapDevice, path: str) -> None:
    reply = device.ask(message(path, b"{}", options=[(17, b"\x28")]))
    assert code(reply) == "4.06"


@pytest.mark.parametrize("form", [None, 0, 42])
@pytest.mark.parametrize("path", ["auth", "topic/a1SignetPk/board-1/user/update"])
def test_a_content_format_other_than_json_and_cbor_gets_4_15(
    device: CoapDevice, path: str, form: int | None
) -> None:
    assert code(device.ask(message(path, b"{}", form=form))) == "4.15"


def test_an_error_reply_has_no_payload(device: CoapDevice) -> None:
    assert device.ask(message("auth", b"{")).payload == b""


def test_auth_fails_with_5_00_as_often_as_asked(twin: Twin, device: CoapDevice) -> None:
    twin.fault("fail_auth", n=2)
    assert code(device.ask(auth(device.body()))) == "5.00"
    assert code(device.ask(auth(device.body()))) == "5.00"
    device.login()


def test_while_the_platform_is_down_auth_and_reports_get_5_00(own_twin: Twin) -> None:
    device = CoapDevice(own_twin)
    device.login()
    own_twin.fault("kill_broker")
    assert code(device.ask(auth(device.body()))) == "5.00"
    assert code(device.ask(device.report())) == "5.00"
    own_twin.fault("start_broker")
    assert code(device.ask(device.report())) == "2.05"
    assert [m["status"] for m in own_twin.messages()] == ["refused", "stored"]


def test_auth_in_cbor_and_the_reply_in_what_was_accepted(device: CoapDevice) -> None:
    payload = cbor2.dumps(device.body())
    reply = device.ask(message("auth", payload, form=CBOR))
    assert option(reply, 12) == bytes([CBOR])
    assert set(cbor2.loads(reply.payload)) == {"random", "seqOffset", "token"}
    reply = device.ask(message("auth", payload, form=CBOR, options=[(17, bytes([JSON]))]))
    assert option(reply, 12) == bytes([JSON])
    device.logged_in(reply)


# /topic


def test_a_report_is_answered_2_05_with_a_message_id_in_2090_and_is_on_file_by_then(
    twin: Twin, online: CoapDevice
) -> None:
    after = twin.last_id()
    replies = online.ask_all([online.report(alink("a1")), online.report(alink("a2"))])
    ids = [option(reply, 2090) or b"" for reply in replies]
    assert [code(reply) for reply in replies] == ["2.05", "2.05"]
    assert all(re.fullmatch(rb"[0-9]{19}", message_id) for message_id in ids)
    assert ids[0] != ids[1]
    assert replies[0].payload == b""
    first, second = twin.messages("alibaba", after)
    assert json.loads(second["payload"]) == alink("a2")
    expected = {
        "cloud": "alibaba",
        "device": "a1SignetPk/board-1",
        "direction": "up",
        "topic": online.post,
        "qos": 0,
        "retain": False,
        "dup": False,
        "status": "stored",
        "reason": "",
    }
    assert {name: first[name] for name in expected} == expected


def test_an_alink_id_that_came_before_is_filed_as_a_duplicate(
    twin: Twin, online: CoapDevice
) -> None:
    after = twin.last_id()
    online.ask_all([online.report(alink("again")), online.report(alink("again"))])
    assert [m["dup"] for m in twin.messages("alibaba", after)] == [False, True]


def test_an_alink_mistake_is_filed_as_rejected(twin: Twin, online: CoapDevice) -> None:
    after = twin.last_id()
    assert code(online.ask(online.report({"params": {}}))) == "2.05"
    (filed,) = twin.messages("alibaba", after)
    assert (filed["status"], filed["reason"]) == (
        "rejected",
        "code 460: request parameter error: id is not a text",
    )


def test_a_cbor_report_is_understood_and_filed_as_it_came(twin: Twin, online: CoapDevice) -> None:
    after = twin.last_id()
    body = cbor2.dumps(alink("c"))
    assert code(online.ask(online.report(body, form=CBOR))) == "2.05"
    (filed,) = twin.messages("alibaba", after)
    assert filed["status"] == "stored"
    assert filed["payload"] == {"hex": body.hex()}


@pytest.mark.parametrize(
    ("form", "dumps"), [(JSON, lambda value: json.dumps(value).encode()), (CBOR, cbor2.dumps)]
)
def test_each_report_of_several_in_one_datagram_is_filed_in_its_format(
    twin: Twin, online: CoapDevice, form: int, dumps: Callable[[Any], bytes]
) -> None:
    after = twin.last_id()
    topic = online.post.replace("property/", "property/batch/")
    values = [{"value": n, "time": 1524448722000 + n} for n in range(3)]
    body = alink(f"several {form}") | {"method": "thing.event.property.batch.post"}
    body["params"] = {"properties": {"t": values}}
    answer = online.ask(online.report(dumps(body), topic=topic, form=form))
    filed = twin.messages("alibaba", after)
    assert option(answer, 2090) == str((1 << 60) + filed[0]["id"]).encode()
    bodies = [body | {"params": {"t": value}} for value in values]
    if form == CBOR:
        assert [each["payload"] for each in filed] == [{"hex": dumps(b).hex()} for b in bodies]
    else:
        assert [json.loads(each["payload"]) for each in filed] == bodies


@pytest.mark.parametrize("options", [[], [(2088, b"MZ8m37hp01w1SSqoDFzo0010500d00.ad2b")]])
def test_a_report_without_a_token_or_with_an_unknown_one_gets_4_01(
    online: CoapDevice, options: Options
) -> None:
    request = message("topic" + online.post, online.encrypt(b"{}"), options=options)
    assert code(online.ask(request)) == "4.01"


@pytest.mark.parametrize("fault", ["expire_tokens", "forget_tokens"])
def test_an_expired_or_forgotten_token_gets_4_01_and_a_new_login_mends_it(
    twin: Twin, online: CoapDevice, fault: str
) -> None:
    twin.fault(fault)
    assert code(online.ask(online.report())) == "4.01"
    online.login()
    assert code(online.ask(online.report())) == "2.05"


def test_a_token_lives_as_long_as_the_option_says(tmp_path: Path) -> None:
    with Twin(tmp_path, "--token-life", "0") as twin:
        device = CoapDevice(twin)
        device.login()
        assert code(device.ask(device.report())) == "4.01"
        twin.wait_for_output("the token has expired")


def test_a_seq_not_above_seq_offset_is_refused(twin: Twin, online: CoapDevice) -> None:
    after = twin.last_id()
    assert code(online.ask(online.report(seq=online.offset))) == "4.01"
    assert code(online.ask(online.report(seq=0))) == "4.01"
    assert code(online.ask(online.report(seq=online.offset + 1))) == "2.05"
    assert [m["status"] for m in twin.messages("alibaba", after)] == [
        "refused",
        "refused",
        "stored",
    ]


def test_a_seq_that_was_used_is_refused_and_a_greater_or_a_lesser_one_is_not(
    online: CoapDevice,
) -> None:
    seqs = [online.offset + number for number in (9, 9, 4, 2**60, 4)]
    replies = online.ask_all([online.report(seq=seq) for seq in seqs])
    assert [code(reply) for reply in replies] == ["2.05", "4.01", "2.05", "2.05", "4.01"]


@pytest.mark.parametrize("seq", ["ten", "", "-5", "1.5", "9" * 20])
def test_a_seq_that_is_no_decimal_number_is_refused(online: CoapDevice, seq: str) -> None:
    assert code(online.ask(online.report(seq=seq))) == "4.01"


@pytest.mark.parametrize("value", [None, b"", b"7", b"\0" * 16, b"\0" * 15])
def test_a_seq_that_is_missing_or_does_not_decrypt_is_refused(
    online: CoapDevice, value: bytes | None
) -> None:
    options = [(2088, online.token.encode())]
    options += [] if value is None else [(2089, value)]
    request = message("topic" + online.post, online.encrypt(b"{}"), options=options)
    assert code(online.ask(request)) == "4.01"


@pytest.mark.parametrize("payload", [b"", b"{}", b"\0" * 16, b"\0" * 17])
def test_a_payload_that_does_not_decrypt_gets_4_00(online: CoapDevice, payload: bytes) -> None:
    request = message("topic" + online.post, payload, options=online.custom())
    assert code(online.ask(request)) == "4.00"


@pytest.mark.parametrize(
    ("form", "payload"),
    [
        (JSON, b"{"),
        (JSON, b"\xff{"),
        (JSON, b"{} {}"),
        (CBOR, b"\xff{"),
        (CBOR, b"\xa1"),
        (CBOR, cbor2.dumps(alink("1")) + b"\0"),
        (CBOR, b"\x81" * 1000),
        (CBOR, cbor2.dumps({**alink("1"), "params": {"t": math.nan}})),
    ],
)
def test_an_alink_payload_that_does_not_decode_gets_4_00(
    online: CoapDevice, form: int, payload: bytes
) -> None:
    assert code(online.ask(online.report(payload, form=form))) == "4.00"


def test_a_command_waits_for_a_device_that_asks_with_pull(twin: Twin) -> None:
    identity = json.loads(twin.cli("device", "add", "alibaba", "a1SignetPk", "pulls"))
    device = CoapDevice(twin, identity)
    device.login()

    def pull(size: object) -> Any:
        payload = device.encrypt(json.dumps({"pageSize": size}).encode())
        reply = device.ask(message("pull", payload, options=device.custom()))
        if code(reply) != "2.05":
            return code(reply)
        return [each["topic"] for each in json.loads(device.decrypt(reply.payload))]

    assert pull("11") == "4.00"
    assert pull("1") == []
    for service in ("one", "two"):
        assert twin.command("alibaba", service, {}, "pulls")["queued"]
    where = "/sys/a1SignetPk/pulls/thing/service/"
    assert (pull("1"), pull("10"), pull("1")) == ([where + "one"], [where + "two"], [])


def test_a_custom_topic_takes_any_bytes(twin: Twin, online: CoapDevice) -> None:
    after = twin.last_id()
    topic = "/a1SignetPk/board-1/user/update"
    assert code(online.ask(online.report(b"\xff\0", topic))) == "2.05"
    (filed,) = twin.messages("alibaba", after)
    assert (filed["topic"], filed["payload"]) == (topic, {"hex": "ff00"})


@pytest.mark.parametrize(
    "topic",
    [
        "/sys/a1SignetPk/board-2/thing/event/property/post",
        "/sys/other/board-1/thing/event/property/post",
        "/a1SignetPk/board-1/user/get",
        "/a1SignetPk",
    ],
)
def test_a_topic_that_the_device_may_not_publish_to_gets_4_03(
    twin: Twin, online: CoapDevice, topic: str
) -> None:
    after = twin.last_id()
    assert code(online.ask(online.report(b"{}", topic))) == "4.03"
    assert twin.messages("alibaba", after)[0]["status"] == "refused"


def test_a_plus_in_a_topic_is_a_character_like_others(online: CoapDevice) -> None:
    topic = "/a1SignetPk/board-1/user/+"
    assert code(online.ask(online.report(b"{}", topic))) == "2.05"


# Forms


def test_the_bytes_of_the_lean_form_as_the_vendors_c_sdk_4_sends_them(online: CoapDevice) -> None:
    path = b"".join(bytes([len(s)]) + s.encode() for s in online.post.strip("/").split("/"))
    token, seq = online.token.encode(), online.encrypt(b"%d" % (online.offset + 1))
    datagram = (
        bytes.fromhex("44021234 01020304")  # CON, four bytes of token; POST; message id
        + b"\xb5topic"  # delta 11, then 0 for each further segment
        + path
        + bytes.fromhex("11 32")  # 12: 50
        + bytes.fromhex("ed 070f")  # 2088: delta 14 ext, length 13 ext
        + bytes([len(token) - 13])
        + token
        + bytes.fromhex("1d 03")  # 2089: delta 1, length 16
        + seq
        + b"\xff"
        + online.encrypt(json.dumps(alink("raw")).encode())
    )
    with Udp(online.way) as udp:
        udp.send(datagram)
        reply = udp.socket.recv(2000)
    assert reply[:8] == bytes.fromhex("64451234 01020304")  # ACK 2.05, same message id and token


def test_a_report_is_answered_4_02_as_libcoap_does_as_often_as_asked(
    twin: Twin, online: CoapDevice
) -> None:
    after = twin.last_id()
    twin.fault("answer_4_02", n=2)
    requests = [online.report(seq=online.offset + 1) for _ in range(3)]
    sent = [option(request, 2089) for request in requests]
    replies = online.ask_all(requests)
    assert [code(reply) for reply in replies] == ["4.02", "4.02", "2.05"]
    assert [option(reply, 2089) for reply in replies] == [*sent[:2], None]
    assert len(twin.messages("alibaba", after)) == 1


# Messages on the wire


def test_ack_mode_0_answers_in_the_acknowledgement(online: CoapDevice) -> None:
    with Udp(online.way) as udp:
        udp.send(udp.encode(request := online.report()))
        reply = udp.receive()
    assert (reply.mtype, reply.mid, reply.token) == (aiocoap.ACK, request.mid, request.token)


def test_ack_mode_1_acknowledges_at_once_and_answers_in_a_message_of_its_own(
    twin: Twin, device: CoapDevice
) -> None:
    with Udp(device.way) as udp:
        udp.send(udp.encode(request := auth(device.body(ackMode=1))))
        assert udp.socket.recv(100) == b"\x60\x00" + request.mid.to_bytes(2, "big")
        reply = udp.receive()
        assert (reply.mtype, reply.token) == (aiocoap.CON, request.token)
        udp.send(b"\x60\x00" + reply.mid.to_bytes(2, "big"))
        device.logged_in(reply)
        udp.send(udp.encode(request := device.report()))
        assert udp.socket.recv(100) == b"\x60\x00" + request.mid.to_bytes(2, "big")
        reply = udp.receive()
        assert (reply.mtype, reply.token, code(reply)) == (aiocoap.CON, request.token, "2.05")
        assert option(reply, 2090)
        udp.send(b"\x60\x00" + reply.mid.to_bytes(2, "big"))
        assert udp.silent()


def test_ack_mode_1_separates_refusals_too(twin: Twin, device: CoapDevice) -> None:
    device.login(ackMode=1)
    twin.fault("expire_tokens")
    wrong = device.body(ackMode=1, sign="0" * 32)
    with Udp(device.way) as udp:
        for request, expected in (
            (auth(wrong), "4.01"),
            (device.report(), "4.01"),
            (device.report(form=42), "4.15"),
        ):
            udp.send(udp.encode(request))
            assert udp.socket.recv(100) == b"\x60\x00" + request.mid.to_bytes(2, "big")
            reply = udp.receive()
            told = (reply.mtype, reply.token, code(reply))
            assert told == (aiocoap.CON, request.token, expected)
            udp.send(b"\x60\x00" + reply.mid.to_bytes(2, "big"))


def test_a_separate_answer_that_nobody_acknowledges_comes_again(device: CoapDevice) -> None:
    device.login(ackMode=1)
    with Udp(device.way) as udp:
        udp.send(udp.encode(device.report()))
        assert udp.receive().code == aiocoap.EMPTY
        first, second = udp.receive(), udp.receive()
        assert (first.mtype, first.mid) == (second.mtype, second.mid) == (aiocoap.CON, first.mid)
        udp.send(b"\x70\x00" + first.mid.to_bytes(2, "big"))


@pytest.mark.parametrize("ack_mode", [0, 1])
def test_a_repeated_datagram_is_answered_the_same_and_filed_once(
    twin: Twin, device: CoapDevice, ack_mode: int
) -> None:
    device.login(ackMode=ack_mode)
    after = twin.last_id()
    with Udp(device.way) as udp:
        datagram = udp.encode(device.report())
        udp.send(datagram)
        first = udp.socket.recv(2000)
        if ack_mode:
            udp.send(b"\x60\x00" + udp.receive().mid.to_bytes(2, "big"))
        udp.send(datagram)
        assert udp.socket.recv(2000) == first
        assert udp.silent()
    assert len(twin.messages("alibaba", after)) == 1


def test_a_swallowed_reply_was_filed_and_comes_with_the_next_transmission(
    twin: Twin, online: CoapDevice
) -> None:
    after = twin.last_id()
    twin.fault("swallow_coap_replies", n=1)
    with Udp(online.way) as udp:
        datagram = udp.encode(online.report())
        udp.send(datagram)
        assert udp.silent()
        assert len(twin.messages("alibaba", after)) == 1
        udp.send(datagram)
        assert code(udp.receive()) == "2.05"
    assert len(twin.messages("alibaba", after)) == 1


def test_a_non_confirmable_report_is_answered_non_confirmable(online: CoapDevice) -> None:
    with Udp(online.way) as udp:
        udp.send(udp.encode(online.report(), kind=1))
        reply = udp.receive()
    assert (reply.mtype, code(reply)) == (aiocoap.NON, "2.05")


@pytest.mark.parametrize(
    "datagram",
    [
        "",
        "40",
        "400212",
        "80021234 b461757468",  # version 2
        "50021234 f0",  # Non-confirmable, and malformed
        "60021234",  # a request as an acknowledgement
    ],
)
def test_a_malformed_or_senseless_datagram_is_never_answered_as_a_request(
    device: CoapDevice, datagram: str
) -> None:
    with Udp(device.way) as udp:
        udp.send(bytes.fromhex(datagram))
        assert udp.silent()


@pytest.mark.parametrize(
    "datagram",
    [
        "4f021234 010203040506070809",  # token length 15
        "40001234 ff",  # an Empty message with something after
        "40021234 f0",  # 15 in an option's delta
        "40021234 b5617574",  # an option cut off
        "40021234 b2ff80",  # Uri-Path that is no UTF-8
        "40021234 b461757468 ff",  # a payload marker, and no payload
        "40201234",  # codes of the reserved classes 1, 6 and 7
        "40c01234",
        "40ff1234",
        "40451234",  # a response that nobody waits for
    ],
)
def test_a_confirmable_message_that_is_none_is_reset(device: CoapDevice, datagram: str) -> None:
    with Udp(device.way) as udp:  # RFC 7252, section 4.2
        udp.send(bytes.fromhex(datagram))
        assert udp.socket.recv(100) == bytes.fromhex("70001234")
        assert udp.silent()


# What people see


def test_the_console_shows_logins_and_reports_but_never_tokens(
    twin: Twin, online: CoapDevice
) -> None:
    body = alink("seen")
    online.ask(online.report(body))
    twin.wait_for_output(
        "alibaba a1SignetPk/board-1 connected: CoAP with AES, hmacmd5, ackMode 0, token for"
    )
    size = len(json.dumps(body))
    twin.wait_for_output(f"alibaba a1SignetPk/board-1 report: {online.post} ({size} bytes)")
    assert online.token not in twin.output()
    assert online.key.hex() not in twin.output()


# A bad network


@pytest.fixture
def lossy(twin: Twin) -> Iterator[Twin]:
    """The shared twin with 30 % loss, duplication and reordering."""
    twin.fault("set_losses", drop=0.3, duplicate=0.3, reorder=0.3, seed=5)
    yield twin
    twin.fault("set_losses")


def test_every_report_arrives_once_through_30_percent_loss_duplication_and_reordering(
    lossy: Twin, device: CoapDevice
) -> None:
    after = lossy.last_id()
    device.login()
    replies = device.ask_all([device.report(alink(f"lossy-{n}")) for n in range(12)])
    assert {code(reply) for reply in replies} == {"2.05"}
    filed = lossy.messages("alibaba", after)
    assert [json.loads(m["payload"])["id"] for m in filed] == [f"lossy-{n}" for n in range(12)]
    assert not any(m["dup"] for m in filed)
    counts = lossy.datagrams()["alibaba-coap"]
    assert all(counts[way]["dropped"] for way in ("up", "down"))


def test_changed_losses_reach_both_doors(lossy: Twin) -> None:
    lossy.fault("set_losses", drop=1.0, seed=9)
    for way in ("coap", "coaps"):
        lossy.wait_for_output(f"twin    alibaba-{way} network: drop 100%, seed 9")
        before = lossy.datagrams()[f"alibaba-{way}"]["up"].get("dropped", 0)
        with Udp(lossy.way("alibaba", way)) as udp:
            udp.send(b"\x40\x00\x00\x01")
            wait_until(lambda: lossy.datagrams()[f"alibaba-{way}"]["up"]["dropped"] > before)  # noqa: B023


def test_a_loss_of_another_name_is_an_error_that_says_which_there_are(twin: Twin) -> None:
    with pytest.raises(UserError, match="no 'dorp'; it takes drop, duplicate, reorder, delay_ms"):
        twin.fault("set_losses", dorp=0.3)


@pytest.mark.parametrize("values", [{"drop": 1.5}, {"drop": "30%"}, {"delay_ms": -1}])
def test_impossible_losses_are_an_error(twin: Twin, values: dict[str, Any]) -> None:
    with pytest.raises(UserError):
        twin.fault("set_losses", **values)


# libcoap, a third implementation


def _libcoap(*words: object) -> bytes:
    try:
        program = toolchain.libcoap("coap-client")
    except UserError as error:
        pytest.skip(str(error))
    command = [str(program), "-m", "post", "-B", "10", "-o", "-", *map(str, words)]
    return subprocess.run(command, capture_output=True, check=True).stdout


def test_libcoaps_client_logs_in_and_reports(
    twin: Twin, device: CoapDevice, tmp_path: Path
) -> None:
    uri = f"coap://{device.way['address']}:{device.way['port']}"
    payload = tmp_path / "payload"
    payload.write_text(json.dumps(device.body()))
    answer = json.loads(_libcoap("-t", JSON, "-f", payload, f"{uri}/auth"))
    device.logged_in(aiocoap.Message(code=aiocoap.CONTENT, payload=json.dumps(answer).encode()))
    after = twin.last_id()
    payload.write_bytes(device.encrypt(json.dumps(alink("libcoap")).encode()))
    custom = [f"-O{number},0x{value.hex()}" for number, value in device.custom()]
    _libcoap("-t", JSON, "-f", payload, *custom, f"{uri}/topic{device.post}")
    (filed,) = twin.messages("alibaba", after)
    assert filed["status"] == "stored"
    assert json.loads(filed["payload"])["id"] == "libcoap"
