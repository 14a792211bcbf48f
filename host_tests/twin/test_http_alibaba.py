"""Does the twin's HTTPS server keep every rule of Alibaba's document, told by other people's code?

Rules and codes: Alibaba Cloud, "Establish connections over HTTP".
"""

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from host_tests.support import Twin
from host_tests.twin.http_device import AlibabaDevice, Http, alink, registered
from tools.ui import UserError

# The document's tables.
AUTH_CODES = {
    10000: "common error",
    10001: "param error",
    20000: "auth check error",
    20004: "update session error",
    40000: "request too many",
}
TOPIC_CODES = {
    10000: "common error",
    10001: "param error",
    20001: "token is expired",
    20002: "token is null",
    20003: "check token error",
    30001: "publish message error",
    40000: "request too many",
}


@pytest.fixture
def device(twin: Twin) -> Iterator[AlibabaDevice]:
    """The ready device on a connection of its own, not logged in."""
    with AlibabaDevice(twin) as device:
        yield device


@pytest.fixture
def online(device: AlibabaDevice) -> AlibabaDevice:
    """The same, logged in."""
    device.login()
    return device


def _code(answer: Any) -> int:
    assert answer.status == 200
    return int(answer.json["code"])


# /auth


def test_auth_answers_code_message_and_token_as_in_the_documents_sample(
    device: AlibabaDevice,
) -> None:
    answer = device.auth(device.body())
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("application/json")
    assert list(answer.json) == ["code", "message", "info"]
    assert (answer.json["code"], answer.json["message"]) == (0, "success")
    assert list(answer.json["info"]) == ["token"]
    assert re.fullmatch(r"[0-9a-f]{32}", answer.json["info"]["token"])


def test_info_is_spelt_as_in_the_documents_sample_when_asked(
    twin: Twin, device: AlibabaDevice
) -> None:
    twin.fault("spell_info", word="Info")
    try:
        assert "token" in device.auth(device.body()).json["Info"]
    finally:
        twin.fault("spell_info", word="info")


@pytest.mark.parametrize(
    ("digest", "named"),
    [("md5", None), ("md5", "hmacmd5"), ("sha1", "hmacsha1"), ("sha256", "hmacsha256")],
)
def test_auth_takes_each_signmethod_and_hmacmd5_by_default(
    device: AlibabaDevice, digest: str, named: str | None
) -> None:
    device.login(digest, signmethod=named)


def test_the_hexadecimal_of_a_signature_may_be_upper_case(device: AlibabaDevice) -> None:
    device.login(sign=str(device.body()["sign"]).upper())


def test_version_default_may_be_said_and_is_not_signed(device: AlibabaDevice) -> None:
    device.login(version="default")


@pytest.mark.parametrize("kind", [str, int])
@pytest.mark.parametrize("minutes", [-14, 0, 14])
def test_a_timestamp_within_15_minutes_is_good_as_text_or_number(
    device: AlibabaDevice, minutes: int, kind: type
) -> None:
    device.login(timestamp=kind(_ms(minutes)))


def _ms(minutes: int) -> int:
    return time.time_ns() // 1_000_000 + minutes * 60_000


@pytest.mark.parametrize("minutes", [-16, 16])
def test_a_timestamp_further_away_gets_20000(device: AlibabaDevice, minutes: int) -> None:
    assert _code(device.auth(device.body(timestamp=_ms(minutes)))) == 20000


def test_a_timestamp_is_signed(device: AlibabaDevice) -> None:
    assert _code(device.auth({**device.body(), "timestamp": _ms(0)})) == 20000


@pytest.mark.parametrize(
    "payload",
    [b"", b"{", b"\xff", b"[]", b'"text"', b'{"productKey": {}}', b'{"productKey": "\\ud800"}'],
)
def test_an_auth_body_that_is_no_object_of_texts_gets_10001(
    device: AlibabaDevice, payload: bytes
) -> None:
    assert _code(device.auth(payload)) == 10001


@pytest.mark.parametrize(
    "fields",
    [
        {"productKey": None},
        {"deviceName": None},
        {"clientId": None},
        {"clientId": "x" * 65},
        {"sign": ""},
        {"signmethod": "hmacmd4"},
        {"version": "1.0"},
        {"timestamp": "yesterday"},
        {"timestamp": -1},
    ],
)
def test_an_auth_field_that_is_missing_or_impossible_gets_10001(
    device: AlibabaDevice, fields: dict[str, Any]
) -> None:
    assert _code(device.auth(device.body(**fields))) == 10001


@pytest.mark.parametrize(
    "fields", [{"sign": "0" * 32}, {"deviceName": "nobody"}, {"productKey": "none"}]
)
def test_a_wrong_signature_or_an_unknown_device_gets_20000(
    device: AlibabaDevice, fields: dict[str, Any]
) -> None:
    answer = device.auth(device.body(**fields))
    assert answer.json == {"code": 20000, "message": "auth check error"}


@pytest.mark.parametrize(
    "form", ["", "text/plain", "application/octet-stream", "application/json; charset=gbk"]
)
def test_an_auth_content_type_other_than_json_gets_10001(device: AlibabaDevice, form: str) -> None:
    assert _code(device.auth(device.body(), {"Content-Type": form})) == 10001


@pytest.mark.parametrize(
    "form", ["application/json;charset=utf-8", "application/json; charset=UTF-8"]
)
def test_the_json_of_auth_may_name_its_charset(device: AlibabaDevice, form: str) -> None:
    assert _code(device.auth(device.body(), {"Content-Type": form})) == 0


def test_auth_ignores_a_query_as_the_vendors_c_sdk_4_sends_one(device: AlibabaDevice) -> None:
    body = json.dumps(device.body()).encode()
    answer = device.http.ask("/auth?_v=c-sdk", body, {"Content-Type": "application/json"})
    assert _code(answer) == 0


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
@pytest.mark.parametrize("path", ["/auth", "/topic/a1SignetPk/board-1/user/update"])
def test_another_method_than_post_gets_405_and_10001(
    device: AlibabaDevice, path: str, method: str
) -> None:
    answer = device.http.ask(path, method=method)
    assert (answer.status, answer.json["code"]) == (405, 10001)
    assert answer.headers["allow"] == "POST"


@pytest.mark.parametrize("path", ["/", "/aut", "/auth/", "/topic", "/topic/", "/auth/register"])
def test_another_path_gets_404(device: AlibabaDevice, path: str) -> None:
    answer = device.http.ask(path, b"{}", {"Content-Type": "application/json"})
    assert (answer.status, answer.json["code"]) == (404, 10001)


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("iot-as-http.cn-shanghai.aliyuncs.com", 200),
        ("IOT-AS-HTTP.cn-shanghai.aliyuncs.com:443", 200),
        ("iot-06.http.iothub.aliyuncs.com", 200),
        ("127.0.0.2:443", 200),
        ("example.com", 421),
    ],
)
def test_a_request_for_another_host_is_misdirected(
    device: AlibabaDevice, host: str, status: int
) -> None:
    assert device.auth(device.body(), {"Host": host}).status == status


# /topic


def test_a_report_is_answered_an_integer_of_19_digits_and_is_on_file_by_then(
    twin: Twin, online: AlibabaDevice
) -> None:
    after = twin.last_id()
    answer = online.report(b"\x00\xff")
    (message,) = twin.messages("alibaba", after)
    assert answer.json == {
        "code": 0,
        "message": "success",
        "info": {"messageId": (1 << 60) + message["id"]},
    }
    assert message["topic"] == "/a1SignetPk/board-1/user/update"
    assert (message["payload"], message["qos"]) == ({"hex": "00ff"}, 0)
    assert (message["status"], message["dup"]) == ("stored", False)


def test_an_alink_report_whose_id_came_before_is_marked(twin: Twin, online: AlibabaDevice) -> None:
    after = twin.last_id()
    for _ in range(2):
        assert _code(online.report(alink("http-dup", t=1), online.post)) == 0
    assert [m["dup"] for m in twin.messages("alibaba", after)] == [False, True]


@pytest.mark.parametrize("data", [b"no JSON", b"[]", b'{"id": 1}', alink("") + b"\x00"])
def test_what_is_no_alink_is_taken_and_rejected_behind_the_server(
    twin: Twin, online: AlibabaDevice, data: bytes
) -> None:
    after = twin.last_id()
    assert _code(online.report(data, online.post)) == 0
    (message,) = twin.messages("alibaba", after)
    assert message["status"] == "rejected"
    assert message["reason"].startswith("code 460")


def test_a_topic_is_percent_encoded_utf_8(twin: Twin, online: AlibabaDevice) -> None:
    after = twin.last_id()
    assert _code(online.report(path=online.custom + "/%E6%B8%A9%20a")) == 0
    (message,) = twin.messages("alibaba", after)
    assert message["topic"] == "/a1SignetPk/board-1/user/update/温 a"


@pytest.mark.parametrize("end", ["/%E6", "/%", "/%4", "/%zz", "/%+1"])
def test_a_path_that_is_not_percent_encoded_utf_8_gets_10001(
    online: AlibabaDevice, end: str
) -> None:
    assert _code(online.report(path=online.custom + end)) == 10001


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": ""},
        {"Content-Type": "application/json"},
        {"Content-Type": "application/octet-stream; charset=utf-8"},
    ],
)
def test_a_report_whose_content_type_is_not_octet_stream_gets_10001(
    online: AlibabaDevice, headers: dict[str, str]
) -> None:
    assert _code(online.report(headers=headers)) == 10001


@pytest.mark.parametrize("query", ["?", "?a=1"])
def test_a_query_string_gets_10001(online: AlibabaDevice, query: str) -> None:
    assert _code(online.report(path=online.custom + query)) == 10001


def test_128_kilobytes_are_taken(twin: Twin, online: AlibabaDevice) -> None:
    after = twin.last_id()
    assert _code(online.report(b"x" * 131072)) == 0
    assert len(twin.messages("alibaba", after)[0]["payload"]) == 131072


def test_a_byte_more_gets_10001(twin: Twin, online: AlibabaDevice) -> None:
    after = twin.last_id()
    assert _code(online.report(b"x" * 131073)) == 10001
    assert twin.messages("alibaba", after) == []


def test_a_report_without_a_token_gets_20002(online: AlibabaDevice) -> None:
    assert _code(online.report(headers={"password": ""})) == 20002


@pytest.mark.parametrize("token", ["0" * 32, "x, y"])
def test_a_token_that_is_unknown_gets_20003(online: AlibabaDevice, token: str) -> None:
    assert _code(online.report(headers={"password": token})) == 20003


def test_a_tokens_header_may_be_written_in_any_case(online: AlibabaDevice) -> None:
    token = online.token
    assert _code(online.report(headers={"password": "", "PASSWORD": token})) == 0


def test_a_token_that_has_expired_gets_20001_and_a_new_one_is_good(
    twin: Twin, online: AlibabaDevice
) -> None:
    twin.fault("expire_tokens")
    assert _code(online.report()) == 20001
    online.login()
    assert _code(online.report()) == 0


def test_tokens_that_the_cloud_has_lost_get_20003(twin: Twin, online: AlibabaDevice) -> None:
    twin.fault("forget_tokens")
    assert _code(online.report()) == 20003


def test_an_older_token_is_still_good(online: AlibabaDevice) -> None:
    older = online.token
    online.login()
    assert online.token != older
    assert _code(online.report(headers={"password": older})) == 0


@pytest.mark.parametrize(
    "topic",
    [
        "/sys/a1SignetPk/board-2/thing/event/property/post",
        "/a1SignetPk/board-2/user/update",
        "/a1SignetPk/board-1/user/get",
        "/a1SignetPk/board-1//update",
        "/other",
    ],
)
def test_a_topic_that_is_not_the_devices_own_gets_30001(
    twin: Twin, online: AlibabaDevice, topic: str
) -> None:
    after = twin.last_id()
    answer = online.report(path="/topic" + topic)
    assert answer.json == {"code": 30001, "message": "publish message error"}
    (message,) = twin.messages("alibaba", after)
    assert (message["topic"], message["status"]) == (topic, "refused")


def test_a_disabled_device_gets_20000_at_auth_and_20003_with_its_token(twin: Twin) -> None:
    name = ("alibaba", "a1SignetPk", "off-by-http")
    with AlibabaDevice(twin, registered(twin, *name)) as device:
        device.login()
        twin.cli("device", "disable", *name)
        assert _code(device.auth(device.body())) == 20000
        assert _code(device.report()) == 20003


def test_while_the_platform_is_down_no_session_is_updated_and_nothing_is_published(
    own_twin: Twin,
) -> None:
    with AlibabaDevice(own_twin) as device:
        device.login()
        own_twin.fault("kill_broker")
        assert _code(device.auth(device.body())) == 20004
        assert _code(device.report()) == 30001
        own_twin.fault("start_broker")
        assert _code(device.report()) == 0
        device.login()


def test_too_many_requests_of_one_device_get_40000(tmp_path: Path) -> None:
    with Twin(tmp_path, "--http-rate", "0.001") as twin:
        other = registered(twin, "alibaba", "a1SignetPk", "other")
        with AlibabaDevice(twin) as device, AlibabaDevice(twin, other) as second:
            device.login()
            assert _code(device.report()) == 40000
            assert _code(device.auth(device.body())) == 40000
            assert twin.messages() == []
            second.login()


def test_a_token_is_good_for_as_long_as_the_twin_was_told(tmp_path: Path) -> None:
    with Twin(tmp_path, "--token-life", "0") as twin, AlibabaDevice(twin) as device:
        device.login()
        assert _code(device.report()) == 20001


# Answers on demand


@pytest.mark.parametrize(
    ("path", "code", "message"),
    [("auth", *row) for row in AUTH_CODES.items()]
    + [("topic", *row) for row in TOPIC_CODES.items()],
)
def test_every_row_of_both_tables_can_be_had_on_demand(
    twin: Twin, online: AlibabaDevice, path: str, code: int, message: str
) -> None:
    after = twin.last_id()
    twin.fault("answer_http", cloud="alibaba", path=path, code=code)
    wrong = online.auth(online.body()) if path == "auth" else online.report()
    assert (wrong.status, wrong.json) == (200, {"code": code, "message": message})
    assert twin.messages("alibaba", after) == []
    assert online.http.kept
    assert _code(online.auth(online.body()) if path == "auth" else online.report()) == 0


def test_an_answer_on_demand_comes_n_times_with_a_message_a_status_and_retry_after(
    twin: Twin, online: AlibabaDevice
) -> None:
    twin.fault(
        "answer_http",
        cloud="alibaba",
        path="topic",
        code=40000,
        message="slow down",
        status=429,
        retry_after_s=7,
        n=2,
    )
    for _ in range(2):
        answer = online.report()
        assert (answer.status, answer.json) == (429, {"code": 40000, "message": "slow down"})
        assert answer.headers["retry-after"] == "7"
    assert _code(online.report()) == 0


def test_a_status_alone_is_answered_as_by_what_stands_in_front_of_the_service(
    twin: Twin, device: AlibabaDevice
) -> None:
    twin.fault("answer_http", cloud="alibaba", path="auth", status=502, message="Bad Gateway")
    answer = device.auth(device.body())
    assert (answer.status, answer.body) == (502, b"Bad Gateway")
    assert answer.headers["content-type"].startswith("text/plain")


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ({"cloud": "enos", "path": "auth", "code": 1}, "no cloud 'enos'"),
        ({"cloud": "alibaba", "path": "events", "code": 1}, "use one of: auth, topic"),
        ({"cloud": "alibaba", "path": "auth"}, "needs a code"),
        ({"cloud": "alibaba", "path": "auth", "code": "1"}, "code is '1'"),
        ({"cloud": "alibaba", "path": "auth", "code": 1, "x": 1}, "no 'x' in this fault"),
    ],
)
def test_an_answer_that_cannot_be_is_an_error(
    twin: Twin, fault: dict[str, Any], said: str
) -> None:
    with pytest.raises(UserError, match=said):
        twin.fault("answer_http", **fault)


def test_neither_token_nor_signature_is_ever_shown(twin: Twin, online: AlibabaDevice) -> None:
    online.report(path="/topic/other")
    online.auth(online.body(sign="5ecre7" * 6))
    with Http(twin, "alibaba") as other:
        other.ask(online.custom, b"", {"password": "5ecre7-token"})
    twin.wait_for_output("signature differs")
    assert online.token not in twin.output()
    assert "5ecre7" not in twin.output()
