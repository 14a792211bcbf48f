"""What does a board do about each code of Alibaba's tables?

Alibaba "Establish connections over HTTP", both tables. Codes that the twin has a cause for are
tried by their cause too.
"""

import re
from pathlib import Path

import pytest

from host_tests.device.coap_programs import COUNT
from host_tests.device.http_programs import (
    HASTY,
    REFUSED_FIRST_S,
    THROTTLED,
    Seen,
    counts,
    seconds,
)

PATIENT_BOARD = ("alibaba", "https", COUNT, {})
HASTY_BOARD = ("alibaba", "https", HASTY, {"timestamp": False})

patient = pytest.mark.parametrize("_lasting", [PATIENT_BOARD], indirect=True, ids=[""])
hasty = pytest.mark.parametrize("_lasting", [HASTY_BOARD], indirect=True, ids=[""])


# The second table: reports.


@hasty
@pytest.mark.parametrize(
    ("code", "message"),
    [
        (10000, "common error"),
        (20004, "update session error"),
        (40000, "request too many"),
        (30001, "publish message error"),
        (77777, "the moon is full"),
    ],
)
def test_a_report_that_alibaba_does_not_take_now_waits_says_how_long_and_comes_again(
    lasting, answered, code, message
):
    seen = answered("topic", code=code, message=message)
    line = lasting.wait_for("^report 1: .*$")
    assert line == f"report 1: /topic: code {code} {message}; sent again in 0 s"
    assert counts(seen.numbers(2))
    assert seen.beside_stored() == 2, "/auth, and the one that was answered so"
    assert seen.count("connections") == 1


@hasty
@pytest.mark.parametrize("code", [10000, 20004, 40000])
def test_a_report_that_alibaba_throttles_is_never_given_up(lasting, answered, code):
    seen = answered("topic", code=code, n=5)  # others are set aside after four
    assert counts(seen.numbers(2))
    assert seen.beside_stored() == 1 + 5
    assert "set aside" not in lasting.output()


@patient
def test_code_10001_sets_the_report_aside_at_once(lasting, answered):
    seen = answered("topic", code=10001)
    line = lasting.wait_for("^report 1 .*$")
    assert line == "report 1 set aside: /topic: code 10001 param error"
    assert counts(seen.numbers(2), first=1)
    assert seen.beside_stored() == 1 + 1


@patient
@pytest.mark.parametrize("code", [20001, 20002, 20003])
def test_a_bad_token_is_one_login_and_one_report_again(lasting, answered, code):
    seen = answered("topic", code=code)
    assert counts(seen.numbers(2))
    assert seen.beside_stored() == 1 + 2, "/auth, the one that was answered so, /auth"
    assert lasting.output().count("authenticated") == 2
    for word in ("lost", "again", "not connected", "set aside"):
        assert word not in lasting.output()
    assert seen.count("connections") == 1


@patient
@pytest.mark.parametrize("code", [20001, 20002, 20003])
def test_a_token_that_is_bad_again_at_once_is_not_hammered(lasting, answered, code):
    seen = answered("topic", code=code, n=2)
    line = lasting.wait_for("^connection lost: .*$")
    assert f"/topic: code {code} " in line and seconds(line) >= REFUSED_FIRST_S
    assert seen.count() == 4, "/auth, the report, /auth, the report"


@patient
def test_code_20000_stops_the_hammering(lasting, answered):
    seen = answered("topic", code=20000)
    line = lasting.wait_for("^connection lost: .*$")
    assert line.startswith("connection lost: /topic: code 20000 auth check error; check device_")
    assert seconds(line) >= REFUSED_FIRST_S
    assert seen.count() == 2


@hasty
def test_after_code_20000_the_report_comes_again(lasting, answered):
    seen = answered("topic", code=20000)
    assert counts(seen.numbers(2))
    assert "set aside" not in lasting.output()


@hasty
@pytest.mark.parametrize(
    ("status", "says"),
    [
        (400, "report 1 set aside: /topic: HTTP status 400 the body is not what the cloud takes"),
        (
            404,
            "connection lost: /topic: HTTP status 404 no such path; does another server answer?",
        ),
        (
            407,
            "connection lost: /topic: HTTP status 407; does another server answer? check `host`",
        ),
        (413, "report 1 set aside: /topic: HTTP status 413 too large"),
        (502, "report 1: /topic: HTTP status 502; sent again in"),
        (503, "report 1: /topic: HTTP status 503 the cloud is busy; sent again in"),
    ],
)
def test_what_stands_in_front_of_alibaba_answers_in_statuses(lasting, answered, status, says):
    seen = answered("topic", status=status)
    lasting.wait_for("^" + re.escape(says))
    assert counts(seen.numbers(2), first=int("set aside" in says))
    assert seen.beside_stored() == 1 + 1


# The first table: the login.


@hasty
@pytest.mark.parametrize(
    ("code", "message"),
    [
        (10000, "common error"),
        (20004, "update session error"),
        (40000, "request too many"),
        (77777, "the moon is full"),
    ],
)
def test_a_login_that_alibaba_does_not_take_now_is_tried_again(lasting, answered, code, message):
    seen = answered("auth", code=code, message=message)
    line = lasting.wait_for("^not connected: .*$")
    assert line == f"not connected: /auth: code {code} {message}; next try in 0 s"
    assert counts(seen.numbers(2))
    assert seen.beside_stored() == 2, "the one that was answered so, and another"


@patient
@pytest.mark.parametrize(
    ("code", "message"), [(10001, "param error"), (20000, "auth check error")]
)
def test_a_login_that_alibaba_refuses_is_not_hammered(lasting, answered, code, message):
    seen = answered("auth", code=code)
    line = lasting.wait_for("^not connected: .*$")
    assert line.startswith(f"not connected: /auth: code {code} {message}; check device_secret, ")
    assert seconds(line) >= REFUSED_FIRST_S
    assert seen.count() == 1


@hasty
@pytest.mark.parametrize("code", [10001, 20000])
def test_a_login_that_was_refused_is_tried_again_and_no_report_is_missing(lasting, answered, code):
    seen = answered("auth", code=code)
    assert counts(seen.numbers(2))
    assert seen.beside_stored() == 2


@hasty
@pytest.mark.parametrize("code", [10000, 20000, 20004, 40000])
def test_a_login_that_fails_in_the_middle_of_a_run_loses_no_report(lasting, twin, answered, code):
    seen = answered("topic", code=20001)
    twin.fault("answer_http", cloud="alibaba", path="auth", code=code)
    lasting.wait_for("(lost|not connected).*: /auth: code")
    assert counts(seen.numbers(3))


# Both tables, by their causes.


def test_an_expired_token_is_20001_and_a_forgotten_one_20003(device, twin, config):
    for fault, code in (("expire_tokens", 20001), ("forget_tokens", 20003)):
        seen = Seen(twin, "alibaba")
        device.run(config("alibaba", "https"), COUNT)
        seen.stored(1)
        twin.fault(fault)
        assert counts(seen.more(3))
        assert seen.beside_stored() == 1 + 2
        device.stop()
        twin.wait_for_output(str(code))


def test_a_wrong_secret_is_refused_and_not_hammered(device, twin, config):
    seen = Seen(twin, "alibaba")
    secret = "00112233445566778899aabbccddeeff"
    device.run(config("alibaba", "https", device_secret=secret), COUNT)
    line = device.wait_for("^not connected: .*$")
    assert "/auth: code 20000 auth check error; check device_secret, product_key" in line
    assert seconds(line) >= REFUSED_FIRST_S and seen.count() == 1


def test_a_device_that_is_unknown_is_refused(device, config):
    device.run(config("alibaba", "https", device_name="nobody"), COUNT)
    line = device.wait_for("^not connected: .*$")
    assert "code 20000" in line and "device_name" in line


def test_a_device_that_is_disabled_meanwhile_is_refused_until_it_is_enabled(device, twin, config):
    seen = Seen(twin, "alibaba")
    values = config("alibaba", "https")
    device.run(values, HASTY)
    seen.stored(2)
    twin.cli("device", "disable", "alibaba", values["product_key"], values["device_name"])
    try:
        line = device.wait_for("^(?:connection lost|not connected): .*$")
        assert "code 20000" in line and "is the device enabled?" in line
    finally:
        twin.cli("device", "enable", "alibaba", values["product_key"], values["device_name"])
    assert counts(seen.more(2))


def test_a_clock_that_is_wrong_is_refused_with_a_hint(device, config):
    program = "from signet import clock\nclock.unix_ms = lambda: 1_750_000_000_000\n" + COUNT
    device.run(config("alibaba", "https"), program)
    line = device.wait_for("^not connected: .*$")
    assert "code 20000" in line and "the clock" in line


def test_a_topic_that_is_not_allowed_is_30001_and_set_aside_and_the_next_is_stored(
    device, twin, config
):
    seen = Seen(twin, "alibaba")
    topic = "/a1SignetPk/another/user/update"
    once = f'link.report(b"x", topic="{topic}")\nn = 0\n'
    device.run(config("alibaba", "https"), HASTY.replace("n = 0\n", once))
    line = device.wait_for("^report . set aside: .*$")
    assert line.endswith("set aside: /topic: code 30001 publish message error")
    assert counts(seen.numbers(2))
    refused = seen.stored(4, status="refused")
    assert [message["topic"] for message in refused] == [topic] * 4


def test_a_cloud_whose_platform_is_down_answers_20004_and_30001(device, twin, config):
    seen = Seen(twin, "alibaba")
    twin.fault("kill_broker")
    try:
        device.run(config("alibaba", "https"), HASTY)
        device.wait_for("^not connected: /auth: code 20004 update session error; next try in")
    finally:
        twin.fault("start_broker")
    seen.stored(2)
    twin.fault("kill_broker")
    try:
        device.wait_for("^report .*: /topic: code 30001 publish message error; sent again in")
    finally:
        twin.fault("start_broker")
    numbers = seen.more(2)
    aside = device.output().count("set aside")
    assert len(set(numbers)) == len(numbers) == max(numbers) + 1 - aside


def test_a_cloud_that_throttles_gets_every_report_once(device, config, busy_twin):
    seen = Seen(busy_twin, "alibaba")
    values = {**config("alibaba", "https"), **busy_twin.device_config("alibaba", "https")}
    device.run(values, THROTTLED, ca=Path(busy_twin.ready["ca_file"]))
    device.wait_for("^report [0-9]*: /topic: code 40000 request too many; sent again in 1 s$")
    assert counts(seen.numbers(7))
    assert seen.beside_stored() < 7
