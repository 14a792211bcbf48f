"""Does a board hear Watson's commands over HTTPS, whatever becomes of the questions for them?"""

import re

import pytest

from host_tests.device.http_programs import HASTY, HEAR, NIGHTS, Seen, counts


def test_a_command_is_heard_at_the_next_question(device, twin, config):
    seen = Seen(twin, "watson")
    device.run(config("watson", "https", command_poll_s=1), HEAR)
    seen.stored(1)
    for led in (1, 0):
        assert twin.command("watson", "set", {"led": led})["queued"]
        line = device.wait_for(rf"^iot-2/.*'led': {led}}}$")
        assert line == f"iot-2/cmd/set/fmt/json {{'led': {led}}}"
    assert counts(seen.more(1)) and seen.count("connections") == 1


def test_commands_that_queued_up_are_heard_at_once_and_in_order(device, twin, config):
    seen = Seen(twin, "watson")
    device.run(config("watson", "https", command_poll_s=1), HEAR)
    seen.stored(1)
    for step in range(4):
        twin.command("watson", "step", {"step": step})
    device.wait_for("'step': 3")
    steps = re.findall(r"'step': (\d)", device.output())
    assert steps == ["0", "1", "2", "3"]


def test_with_a_long_poll_a_command_is_heard_while_the_board_waits(device, twin, config):
    device.run(config("watson", "https", command_poll_s=1, command_wait_s=30), HEAR)
    deadline_line = r"^iot-2/cmd/set/fmt/json {'led': 1}$"
    device.wait_for(r"^report \d+ stored")
    answer = {}
    while "queued" not in answer and "sent" not in answer:
        answer = twin.command("watson", "set", {"led": 1})
    device.wait_for(deadline_line)


def test_a_command_is_heard_over_deep_sleep(device, twin, config):
    seen = Seen(twin, "watson")
    heard = "link.on_command = lambda c: print('heard', c.name, c.data)\n"
    program = NIGHTS.replace('link.report({"n"', heard + 'link.report({"n"')
    device.run(config("watson", "https"), program)
    device.wait_for("^sleeps")
    assert twin.command("watson", "set", {"led": 1})["queued"]
    device.wait_for("^heard set {'led': 1}")
    assert counts(seen.more(1))


def test_a_gateway_hears_its_own_commands_and_those_of_a_device_behind_it(device, twin, config):
    raw = "link.report(b'x', topic='iot-2/type/pump/id/p-1/evt/own/fmt/text')\nlink.on_c"
    device.run(
        config("watson", "https", role="gateway", command_poll_s=1), HEAR.replace("link.on_c", raw)
    )
    device.wait_for("^report 2 stored")
    for name in ("gateway-1", "p-1"):
        twin.command("watson", "set", {"of": name}, device=name)
    # Not what another test has left in the queue.
    lines = device.wait_for("^iot-2/.*of.*}\\n(?s:.*)^iot-2/.*of.*}$").splitlines()
    heard = [line for line in lines if line.startswith("iot-2/") and "'of'" in line]
    assert heard == [
        "iot-2/type/router/id/gateway-1/cmd/set/fmt/json {'of': 'gateway-1'}",
        "iot-2/type/pump/id/p-1/cmd/set/fmt/json {'of': 'p-1'}",
    ]


@pytest.mark.parametrize(
    ("status", "says"),
    [
        (503, "no commands now: commands: HTTP status 503 the cloud is busy"),
        (404, "no commands: commands: HTTP status 404 no such path; asked again later"),
        (403, "no commands: commands: HTTP status 403 the cloud refuses the credentials; check"),
    ],
)
def test_a_question_for_commands_that_is_refused_costs_no_report(
    device, twin, config, status, says
):
    seen = Seen(twin, "watson")
    twin.fault("answer_http", cloud="watson", path="commands", code=status)
    device.run(config("watson", "https", command_poll_s=1), HASTY)
    device.wait_for("^" + re.escape(says))
    assert counts(seen.numbers(2))
    assert "lost" not in device.output()


@pytest.mark.parametrize("how", ["silent", "garbage"])
def test_a_question_for_commands_that_nothing_answers_costs_no_report(device, twin, config, how):
    seen = Seen(twin, "watson")
    twin.fault("misbehave_http", cloud="watson", how=how, path="commands")
    device.run(config("watson", "https", timeout_s=1), HASTY)
    device.wait_for("^connection lost: ")
    assert counts(seen.numbers(3))
    assert seen.beside_stored() == 1, "it is not asked again at once"


def test_commands_are_asked_for_again_after_503(device, twin, config):
    twin.fault("answer_http", cloud="watson", path="commands", code=503)
    device.run(config("watson", "https", command_poll_s=1), HEAR)
    device.wait_for("^no commands now: ")
    twin.command("watson", "set", {"led": 1})
    device.wait_for("^iot-2/cmd/set/fmt/json {'led': 1}$")
