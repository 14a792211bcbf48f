"""What does a board do about each HTTP status that Watson answers?

Statuses as eclipse/amlen's proxy answers them, RFC 9110 section 15 for their meaning.
"""

import contextlib
import re
import subprocess
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

NO_COMMANDS = {"command_poll_s": 0}
PATIENT_BOARD = ("watson", "https", COUNT, NO_COMMANDS)
HASTY_BOARD = ("watson", "https", HASTY, NO_COMMANDS)

patient = pytest.mark.parametrize("_lasting", [PATIENT_BOARD], indirect=True, ids=[""])
hasty = pytest.mark.parametrize("_lasting", [HASTY_BOARD], indirect=True, ids=[""])


@patient
@pytest.mark.parametrize(
    ("status", "meaning"),
    [
        (400, "the body is not what the cloud takes"),
        (413, "too large"),
        (415, "the content type is not supported"),
    ],
)
def test_a_report_that_watson_cannot_take_is_set_aside(lasting, answered, status, meaning):
    seen = answered("events", code=status)
    line = lasting.wait_for("^report 1 .*$")
    assert line == f"report 1 set aside: events: HTTP status {status} {meaning}"
    assert counts(seen.numbers(2), first=1)
    assert seen.beside_stored() == 1


@hasty
@pytest.mark.parametrize(
    ("status", "meaning"),
    [
        (429, " too many requests"),
        (500, ""),
        (503, " the cloud is busy"),
    ],
)
def test_a_report_that_watson_does_not_take_now_waits_says_how_long_and_comes_again(
    lasting, answered, status, meaning
):
    seen = answered("events", code=status)
    line = lasting.wait_for("^report 1: .*$")
    assert line == f"report 1: events: HTTP status {status}{meaning}; sent again in 0 s"
    assert counts(seen.numbers(2))
    assert seen.beside_stored() == 1
    assert "connection lost" not in lasting.output(), "though Watson closes it after a refusal"


@hasty
def test_retry_after_says_how_long_a_report_waits(lasting, answered):
    seen = answered("events", code=503, retry_after_s=1)
    assert lasting.wait_for("^report 1: .*$").endswith("sent again in 1 s")
    assert counts(seen.numbers(2))


@patient
@pytest.mark.parametrize(
    ("status", "says"),
    [
        (401, "misses the credentials; check token, org_id, type_id and device_id"),
        (403, "refuses the credentials; check token, org_id, type_id and device_id"),
        (404, "no such path; does another server answer? check `host` and `address`"),
        (405, "no such method; does another server answer? check `host` and `address`"),
    ],
)
def test_a_device_that_watson_refuses_does_not_hammer(lasting, answered, status, says):
    seen = answered("events", code=status)
    line = lasting.wait_for("^connection lost: .*$")
    assert line.startswith(f"connection lost: events: HTTP status {status}") and says in line
    assert seconds(line) >= REFUSED_FIRST_S and seen.count() == 1


@hasty
@pytest.mark.parametrize("status", [401, 403, 404, 405])
def test_after_a_refusal_of_watson_the_report_comes_again(lasting, answered, status):
    seen = answered("events", code=status)
    assert counts(seen.numbers(2))
    assert "set aside" not in lasting.output()


@pytest.mark.parametrize(
    ("status", "says"),
    [
        (404, "report 1 set aside: events: HTTP status 404 no such path"),
        (
            302,
            "connection lost: events: HTTP status 302; does another server answer? check `host`",
        ),
    ],
)
def test_an_event_of_its_own_is_set_aside_where_only_its_path_can_be_wrong(
    device, twin, config, status, says
):
    """Unlike the plain report, whose path is as device.json has it."""
    seen = Seen(twin, "watson")
    twin.fault("answer_http", cloud="watson", path="events", code=status)
    once = HASTY.replace("n = 0\n", 'link.report({"n": -1}, event="alarm")\nn = 0\n')
    device.run(config("watson", "https", **NO_COMMANDS), once)
    device.wait_for("^" + re.escape(says))
    assert counts(seen.numbers(3), first=0 if "set aside" in says else -1)


_BEHIND = "link.report(b'x', topic='iot-2/type/pump/id/alone/evt/own/fmt/text')\nn = 0\n"


@pytest.mark.parametrize("asks", [NO_COMMANDS, {}])
def test_a_gateway_goes_on_when_watson_refuses_its_report_for_another_device(
    device, twin, config, asks
):
    with contextlib.suppress(subprocess.CalledProcessError):  # the other case made it
        twin.cli("device", "add", "watson", "signet/pump", "alone")
    seen = Seen(twin, "watson")
    values = config("watson", "https", role="gateway", **asks)
    device.run(values, COUNT.replace("n = 0\n", _BEHIND))
    device.wait_for("^report 1 set aside: events: HTTP status 403: not a device of this gateway$")
    assert counts(seen.numbers(2))


def test_a_gateway_that_a_policy_shuts_out_sets_no_report_aside(device, twin, config):
    twin.cli("policy", "certificate", "--type", "router")
    try:
        device.run(config("watson", "https", role="gateway"), COUNT.replace("n = 0\n", _BEHIND))
        line = device.wait_for("^connection lost: .*$")
    finally:
        twin.cli("policy", "--type", "router", "--unset")
    assert "HTTP status 403 the cloud refuses the credentials" in line and "policy" in line
    assert seconds(line) >= REFUSED_FIRST_S
    assert "set aside" not in device.output()


def test_a_wrong_token_is_refused_and_not_hammered(device, twin, config):
    seen = Seen(twin, "watson")
    device.run(config("watson", "https", token="not-the-right-one", **NO_COMMANDS), COUNT)
    line = device.wait_for("^connection lost: .*$")
    assert "HTTP status 403 the cloud refuses the credentials; check token, org_id" in line
    assert seconds(line) >= REFUSED_FIRST_S and seen.count() == 1


def test_a_cloud_that_throttles_gets_every_report_once(device, config, busy_twin):
    seen = Seen(busy_twin, "watson")
    values = {**config("watson", "https"), **busy_twin.device_config("watson", "https")}
    device.run({**values, **NO_COMMANDS}, THROTTLED, ca=Path(busy_twin.ready["ca_file"]))
    device.wait_for(
        "^report [0-9]*: events: HTTP status 503 the cloud is busy; sent again in 1 s$"
    )
    assert counts(seen.numbers(7))
    assert seen.beside_stored() < 7
