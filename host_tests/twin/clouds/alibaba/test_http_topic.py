"""Does the twin keep every rule of Alibaba's document for a report by HTTPS?

Rules and codes: Alibaba Cloud, "Establish connections over HTTP"; topics: "Messaging" (length),
MQTT 3.1.1, section 3.3.2.1 (wildcards).
"""

import json
from pathlib import Path
from urllib.parse import unquote

import pytest

from host_tests.support import Twin
from host_tests.twin.coap_device import CoapDevice
from host_tests.twin.http_device import (
    OCTETS,
    AlibabaDevice,
    Bare,
    alink,
    code_in,
    code_of,
    registered,
)
from tools.twin.clouds.alibaba.token import TokenError, Tokens


def test_a_report_is_answered_an_integer_of_19_digits_and_is_on_file_by_then(
    twin: Twin, logged_in: AlibabaDevice
) -> None:
    after = twin.last_id()
    answer = logged_in.report(b"\x00\xff")
    (message,) = twin.messages("alibaba", after)
    assert answer.json == {
        "code": 0,
        "message": "success",
        "info": {"messageId": (1 << 60) + message["id"]},
    }
    assert message["topic"] == "/a1SignetPk/board-1/user/update"
    assert (message["payload"], message["qos"]) == ({"hex": "00ff"}, 0)
    assert (message["status"], message["dup"]) == ("stored", False)


def test_an_alink_report_whose_id_came_before_is_marked(
    twin: Twin, logged_in: AlibabaDevice
) -> None:
    after = twin.last_id()
    for _ in range(2):
        assert code_of(logged_in.report(alink("http-dup", t=1), logged_in.post)) == 0
    assert [m["dup"] for m in twin.messages("alibaba", after)] == [False, True]


def test_each_report_of_several_in_one_request_is_on_file(
    twin: Twin, logged_in: AlibabaDevice
) -> None:
    after = twin.last_id()
    topic = logged_in.post.replace("property/", "property/batch/")
    values = [{"value": n, "time": 1524448722000 + n} for n in range(3)]
    answer = logged_in.report(alink("several", properties={"t": values}), topic)
    filed = twin.messages("alibaba", after)
    assert answer.json["info"] == {"messageId": (1 << 60) + filed[0]["id"]}
    assert [json.loads(each["payload"])["params"]["t"] for each in filed] == values
    assert code_of(logged_in.report(alink("bad", properties={"t": [1]}), topic)) == 0
    assert [each["status"] for each in twin.messages("alibaba", after)][3:] == ["rejected"]


@pytest.mark.parametrize("data", [b"no JSON", b"[]", b'{"id": 1}', alink("") + b"\x00"])
def test_what_is_no_alink_is_taken_and_rejected_behind_the_server(
    twin: Twin, logged_in: AlibabaDevice, data: bytes
) -> None:
    after = twin.last_id()
    assert code_of(logged_in.report(data, logged_in.post)) == 0
    (message,) = twin.messages("alibaba", after)
    assert message["status"] == "rejected"
    assert message["reason"].startswith("code 460")


def test_a_topic_is_percent_encoded_utf_8(twin: Twin, logged_in: AlibabaDevice) -> None:
    after = twin.last_id()
    assert code_of(logged_in.report(path=logged_in.custom + "/%E6%B8%A9%20a")) == 0
    (message,) = twin.messages("alibaba", after)
    assert message["topic"] == "/a1SignetPk/board-1/user/update/温 a"


@pytest.mark.parametrize("end", ["/%E6", "/%", "/%4", "/%zz", "/%+1"])
def test_a_path_that_is_not_percent_encoded_utf_8_gets_10001(
    logged_in: AlibabaDevice, end: str
) -> None:
    assert code_of(logged_in.report(path=logged_in.custom + end)) == 10001


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": ""},
        {"Content-Type": "application/json"},
        {"Content-Type": "application/octet-stream; charset=utf-8"},
    ],
)
def test_a_report_whose_content_type_is_not_octet_stream_gets_10001(
    logged_in: AlibabaDevice, headers: dict[str, str]
) -> None:
    assert code_of(logged_in.report(headers=headers)) == 10001


@pytest.mark.parametrize("query", ["?", "?a=1"])
def test_a_query_string_gets_10001(logged_in: AlibabaDevice, query: str) -> None:
    assert code_of(logged_in.report(path=logged_in.custom + query)) == 10001


def test_128_kilobytes_are_taken(twin: Twin, logged_in: AlibabaDevice) -> None:
    after = twin.last_id()
    assert code_of(logged_in.report(b"x" * 131072)) == 0
    assert len(twin.messages("alibaba", after)[0]["payload"]) == 131072


def test_a_byte_more_gets_10001(twin: Twin, logged_in: AlibabaDevice) -> None:
    after = twin.last_id()
    assert code_of(logged_in.report(b"x" * 131073)) == 10001
    assert twin.messages("alibaba", after) == []


def test_a_report_without_a_token_gets_20002(logged_in: AlibabaDevice) -> None:
    assert code_of(logged_in.report(headers={"password": ""})) == 20002


@pytest.mark.parametrize("token", ["0" * 32, "x, y"])
def test_a_token_that_is_unknown_gets_20003(logged_in: AlibabaDevice, token: str) -> None:
    assert code_of(logged_in.report(headers={"password": token})) == 20003


def test_a_token_that_came_by_coap_gets_20003(device: CoapDevice, alibaba: AlibabaDevice) -> None:
    device.login()
    assert code_of(alibaba.report(headers={"password": device.token})) == 20003


def test_a_token_that_came_by_coap_over_dtls_gets_20003() -> None:
    tokens = Tokens(60.0)
    token = tokens.give("pk", "dn", "secret", way="coaps")
    assert tokens.find(token.text, "coaps") is token
    for way in ("coap", "https"):
        with pytest.raises(TokenError, match="another way in: coaps") as unknown:
            tokens.find(token.text, way)
        assert unknown.value.kind == "unknown"


def test_two_password_headers_get_20003_even_if_both_are_good(
    twin: Twin, logged_in: AlibabaDevice
) -> None:
    with Bare(twin, "alibaba") as bare:
        request = bare.request(logged_in.custom, b"1", **OCTETS, password=logged_in.token)
        line = f"password: {logged_in.token}\r\n".encode()
        bare.send(request.replace(line, line * 2))
        assert code_in(bare.until(b"}")) == 20003


def test_of_a_devices_tokens_the_last_16_are_good(twin: Twin) -> None:
    with AlibabaDevice(twin, registered(twin, "alibaba", "a1SignetPk", "often")) as device:
        tokens = [device.login().json["info"]["token"] for _ in range(17)]
        codes = [code_of(device.report(headers={"password": token})) for token in tokens]
    assert codes == [20003] + [0] * 16


def test_a_tokens_header_may_be_written_in_any_case(logged_in: AlibabaDevice) -> None:
    token = logged_in.token
    assert code_of(logged_in.report(headers={"password": "", "PASSWORD": token})) == 0


def test_a_token_that_has_expired_gets_20001_and_a_new_one_is_good(
    twin: Twin, logged_in: AlibabaDevice
) -> None:
    twin.fault("expire_tokens")
    assert code_of(logged_in.report()) == 20001
    logged_in.login()
    assert code_of(logged_in.report()) == 0


def test_tokens_that_the_cloud_has_lost_get_20003(twin: Twin, logged_in: AlibabaDevice) -> None:
    twin.fault("forget_tokens")
    assert code_of(logged_in.report()) == 20003


def test_an_older_token_is_still_good(logged_in: AlibabaDevice) -> None:
    older = logged_in.token
    logged_in.login()
    assert logged_in.token != older
    assert code_of(logged_in.report(headers={"password": older})) == 0


@pytest.mark.parametrize(
    "topic",
    [
        "/sys/a1SignetPk/board-2/thing/event/property/post",
        "/a1SignetPk/board-2/user/update",
        "/a1SignetPk/board-1/user/get",
        "/ext/session/a1SignetPk/board-1/combine/login",
        "/a1SignetPk/board-1//update",
        "/other",
        "/a1SignetPk/board-1/user/+",
        "/a1SignetPk/board-1/user/%2B",
        "/a1SignetPk/board-1/user/%23",
        "/a1SignetPk/board-1/user/update%23x",
        "/a1SignetPk/board-1/user/a%00b",
        "/a1SignetPk/board-1/user/%0A",
        "/a1SignetPk/board-1/user/%7F",
        "/a1SignetPk/board-1/user/" + "x" * 104,
        "/a1SignetPk/board-1/user/" + "x" * 5000,
    ],
)
def test_a_topic_that_is_not_the_devices_own_gets_30001(
    twin: Twin, logged_in: AlibabaDevice, topic: str
) -> None:
    after = twin.last_id()
    answer = logged_in.report(path="/topic" + topic)
    assert answer.json == {"code": 30001, "message": "publish message error"}
    (message,) = twin.messages("alibaba", after)
    assert (message["topic"], message["status"]) == (unquote(topic), "refused")


def test_a_topic_of_128_characters_is_taken(logged_in: AlibabaDevice) -> None:
    path = "/topic/a1SignetPk/board-1/user/"
    assert code_of(logged_in.report(path=path + "x" * (128 + len("/topic") - len(path)))) == 0


def test_a_disabled_device_gets_20000_at_auth_and_20003_with_its_token(twin: Twin) -> None:
    name = ("alibaba", "a1SignetPk", "off-by-http")
    with AlibabaDevice(twin, registered(twin, *name)) as device:
        device.login()
        twin.cli("device", "disable", *name)
        assert code_of(device.auth(device.body())) == 20000
        assert code_of(device.report()) == 20003


def test_while_the_platform_is_down_no_session_is_updated_and_nothing_is_published(
    own_twin: Twin,
) -> None:
    with AlibabaDevice(own_twin) as device:
        device.login()
        own_twin.fault("kill_broker")
        assert code_of(device.auth(device.body())) == 20004
        assert code_of(device.report()) == 30001
        own_twin.fault("start_broker")
        assert code_of(device.report()) == 0
        device.login()


def test_too_many_requests_of_one_device_get_40000(tmp_path: Path) -> None:
    with Twin(tmp_path, "--http-rate", "0.001") as twin:
        other = registered(twin, "alibaba", "a1SignetPk", "other")
        with AlibabaDevice(twin) as device, AlibabaDevice(twin, other) as second:
            device.login()
            assert code_of(device.report()) == 40000
            assert code_of(device.auth(device.body())) == 40000
            assert twin.messages() == []
            second.login()


def test_a_token_is_good_for_as_long_as_the_twin_was_told(tmp_path: Path) -> None:
    with Twin(tmp_path, "--token-life", "0") as twin, AlibabaDevice(twin) as device:
        device.login()
        assert code_of(device.report()) == 20001
