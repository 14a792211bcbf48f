"""Which answers to HTTP requests can be had on demand, with nothing stored?

The codes: Alibaba Cloud, "Establish connections over HTTP", both tables; RFC 9110, section 15.
"""

from typing import Any

import pytest

from host_tests.support import Twin
from host_tests.twin.http_device import AlibabaDevice, Answer, WatsonDevice, code_of
from tools.ui import UserError

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


@pytest.mark.parametrize(
    ("path", "code", "message"),
    [("auth", *row) for row in AUTH_CODES.items()]
    + [("topic", *row) for row in TOPIC_CODES.items()],
)
def test_every_row_of_both_tables_can_be_had_on_demand(
    twin: Twin, logged_in: AlibabaDevice, path: str, code: int, message: str
) -> None:
    after = twin.last_id()
    twin.fault("answer_http", cloud="alibaba", path=path, code=code)
    wrong = logged_in.auth(logged_in.body()) if path == "auth" else logged_in.report()
    assert (wrong.status, wrong.json) == (200, {"code": code, "message": message})
    assert twin.messages("alibaba", after) == []
    assert logged_in.http.kept
    assert code_of(logged_in.auth(logged_in.body()) if path == "auth" else logged_in.report()) == 0


def test_an_answer_on_demand_comes_n_times_with_a_message_a_status_and_retry_after(
    twin: Twin, logged_in: AlibabaDevice
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
        answer = logged_in.report()
        assert (answer.status, answer.json) == (429, {"code": 40000, "message": "slow down"})
        assert answer.headers["retry-after"] == "7"
    assert code_of(logged_in.report()) == 0


def test_a_status_alone_is_answered_as_by_what_stands_in_front_of_the_service(
    twin: Twin, alibaba: AlibabaDevice
) -> None:
    twin.fault("answer_http", cloud="alibaba", path="auth", status=502, message="Bad Gateway")
    answer = alibaba.auth(alibaba.body())
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


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 413, 415, 429, 500, 502, 503, 504])
@pytest.mark.parametrize("path", ["events", "commands"])
def test_every_status_can_be_had_on_demand(twin: Twin, path: str, status: int) -> None:
    device = WatsonDevice(twin, "h-demand")
    after = twin.last_id()
    twin.fault(
        "answer_http", cloud="watson", path=path, code=status, retry_after_s=3, message="no"
    )

    def ask() -> Answer:
        with device.http() as http:
            answer = device.event(http) if path == "events" else device.poll(http)
            assert http.kept == (answer.status < 400)
            return answer

    wrong = ask()
    assert (wrong.status, wrong.body, wrong.headers["retry-after"]) == (status, b"no", "3")
    assert twin.messages("watson", after) == []
    assert ask().status == (200 if path == "events" else 204)
