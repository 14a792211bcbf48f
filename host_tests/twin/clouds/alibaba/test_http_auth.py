"""Does the twin keep every rule of Alibaba's document for a login by HTTPS?

Rules and codes: Alibaba Cloud, "Establish connections over HTTP".
"""

import hmac
import json
import re
import time
from typing import Any
from urllib.parse import urlencode

import pytest

from host_tests.support import Twin
from host_tests.twin.coap_device import IMPOSSIBLE_LOGINS, WRONG_LOGINS
from host_tests.twin.http_device import AlibabaDevice, Http, code_of


def test_auth_answers_code_message_and_token_as_in_the_documents_sample(
    alibaba: AlibabaDevice,
) -> None:
    answer = alibaba.auth(alibaba.body())
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("application/json")
    assert list(answer.json) == ["code", "message", "info"]
    assert (answer.json["code"], answer.json["message"]) == (0, "success")
    assert list(answer.json["info"]) == ["token"]
    assert re.fullmatch(r"[0-9a-f]{32}", answer.json["info"]["token"])


def test_info_is_spelt_as_in_the_documents_sample_when_asked(
    twin: Twin, alibaba: AlibabaDevice
) -> None:
    twin.fault("spell_info", word="Info")
    try:
        assert "token" in alibaba.auth(alibaba.body()).json["Info"]
    finally:
        twin.fault("spell_info", word="info")


@pytest.mark.parametrize("kind", [str, int])
@pytest.mark.parametrize("minutes", [-14, 0, 14])
def test_a_timestamp_within_15_minutes_is_good_as_text_or_number(
    alibaba: AlibabaDevice, minutes: int, kind: type
) -> None:
    alibaba.login(timestamp=kind(_ms(minutes)))


def _ms(minutes: int) -> int:
    return time.time_ns() // 1_000_000 + minutes * 60_000


@pytest.mark.parametrize("minutes", [-16, 16])
def test_a_timestamp_further_away_gets_20000(alibaba: AlibabaDevice, minutes: int) -> None:
    assert code_of(alibaba.auth(alibaba.body(timestamp=_ms(minutes)))) == 20000


def test_a_timestamp_is_signed(alibaba: AlibabaDevice) -> None:
    assert code_of(alibaba.auth({**alibaba.body(), "timestamp": _ms(0)})) == 20000


@pytest.mark.parametrize(
    "payload",
    [b"", b"{", b"\xff", b"[]", b'"text"', b'{"productKey": {}}', b'{"productKey": "\\ud800"}'],
)
def test_an_auth_body_that_is_no_object_of_texts_gets_10001(
    alibaba: AlibabaDevice, payload: bytes
) -> None:
    assert code_of(alibaba.auth(payload)) == 10001


@pytest.mark.parametrize(
    "fields",
    [
        *IMPOSSIBLE_LOGINS,
        {"version": "1.0"},
        {"timestamp": "yesterday"},
        {"timestamp": -1},
    ],
)
def test_an_auth_field_that_is_missing_or_impossible_gets_10001(
    alibaba: AlibabaDevice, fields: dict[str, Any]
) -> None:
    assert code_of(alibaba.auth(alibaba.body(**fields))) == 10001


@pytest.mark.parametrize("fields", WRONG_LOGINS)
def test_a_wrong_signature_or_an_unknown_device_gets_20000(
    alibaba: AlibabaDevice, fields: dict[str, Any]
) -> None:
    answer = alibaba.auth(alibaba.body(**fields))
    assert answer.json == {"code": 20000, "message": "auth check error"}


@pytest.mark.parametrize(
    "form", ["", "text/plain", "application/octet-stream", "application/json; charset=gbk"]
)
def test_an_auth_content_type_other_than_json_gets_10001(
    alibaba: AlibabaDevice, form: str
) -> None:
    assert code_of(alibaba.auth(alibaba.body(), {"Content-Type": form})) == 10001


@pytest.mark.parametrize(
    "form", ["application/json;charset=utf-8", "application/json; charset=UTF-8"]
)
def test_the_json_of_auth_may_name_its_charset(alibaba: AlibabaDevice, form: str) -> None:
    assert code_of(alibaba.auth(alibaba.body(), {"Content-Type": form})) == 0


def test_auth_ignores_a_query_as_the_vendors_c_sdk_4_sends_one(alibaba: AlibabaDevice) -> None:
    body = json.dumps(alibaba.body()).encode()
    answer = alibaba.http.ask("/auth?_v=c-sdk", body, {"Content-Type": "application/json"})
    assert code_of(answer) == 0


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
@pytest.mark.parametrize("path", ["/auth", "/topic/a1SignetPk/board-1/user/update"])
def test_another_method_than_post_gets_405_and_10001(
    alibaba: AlibabaDevice, path: str, method: str
) -> None:
    answer = alibaba.http.ask(path, method=method)
    assert (answer.status, answer.json["code"]) == (405, 10001)
    assert answer.headers["allow"] == "POST"


@pytest.mark.parametrize("path", ["/", "/aut", "/auth/", "/topic", "/topic/", "/auth/register"])
def test_another_path_gets_404(alibaba: AlibabaDevice, path: str) -> None:
    answer = alibaba.http.ask(path, b"{}", {"Content-Type": "application/json"})
    assert (answer.status, answer.json["code"]) == (404, 10001)


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("iot-as-http.cn-shanghai.aliyuncs.com", 200),
        ("IOT-AS-HTTP.cn-shanghai.aliyuncs.com:443", 200),
        ("iot-06.http.iothub.aliyuncs.com", 200),
        ("127.0.0.2:443", 200),
        ("iot-auth.cn-shanghai.aliyuncs.com", 421),  # for registration alone
        ("example.com", 421),
    ],
)
def test_a_request_for_another_host_is_misdirected(
    alibaba: AlibabaDevice, host: str, status: int
) -> None:
    assert alibaba.auth(alibaba.body(), {"Host": host}).status == status


@pytest.mark.parametrize(
    ("code", "fields"),
    [
        (200, {}),
        (460, {"random": ""}),
        (460, {"signMethod": "hmacmd4"}),
        (401, {"sign": "0"}),
        (6100, {"deviceName": "nobody"}),
        (6250, {"productKey": "none"}),
    ],
)
def test_a_device_gets_its_secret_for_its_products_or_a_code(
    twin: Twin, code: int, fields: dict[str, str]
) -> None:
    product = "a1SignetPk"
    secret = json.loads(twin.cli("device", "secret", "alibaba", product))["product_secret"]
    name = f"by-https-{code}-{len(fields)}"
    if code == 200:
        twin.cli("device", "add", "alibaba", product, name)
    body = {"productKey": product, "deviceName": name, "random": "r", **fields}
    content = f"deviceName{body['deviceName']}productKey{product}random{body['random']}"
    sign = hmac.new(secret.encode(), content.encode(), "sha256").hexdigest()
    body = {"sign": sign, "signMethod": "hmacsha256", **body}
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    with Http(twin, "alibaba", host="iot-auth.cn-shanghai.aliyuncs.com") as http:
        answer = http.ask("/auth/register/device", urlencode(body).encode(), form)
    assert code_of(answer) == code
    assert ("data" in answer.json) == (code == 200)
    if code == 200:
        assert answer.json["data"].keys() == {"productKey", "deviceName", "deviceSecret"}
        assert answer.json["data"]["deviceSecret"] not in twin.output()


def test_neither_token_nor_signature_is_ever_shown(twin: Twin, logged_in: AlibabaDevice) -> None:
    logged_in.report(path="/topic/other")
    logged_in.auth(logged_in.body(sign="5ecre7" * 6))
    with Http(twin, "alibaba") as other:
        other.ask(logged_in.custom, b"", {"password": "5ecre7-token"})
    twin.wait_for_output("signature differs")
    assert logged_in.token not in twin.output()
    assert "5ecre7" not in twin.output()
