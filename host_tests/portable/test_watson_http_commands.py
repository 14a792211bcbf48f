"""Does the Session over HTTPS hear Watson's commands, and do reports not suffer from it?

Expected: Watson IoT "HTTP messaging API", commands; eclipse/amlen server_proxy, test/proxy_test.c.
"""

import check
from check_http_session import (
    CLOSE,
    SILENCE,
    Time,
    ended,
    event_of,
    opens,
    outcome,
    reply,
    settle,
    spend,
)
from check_watson_http import BASE, DONE, NOTHING, listening, opened
from signet.clock import Deadline
from signet.errors import Lost, ProtocolError
from signet.reports.messages import Report

ASK = BASE + "commands/+/request"
EVENT = BASE + "events/status"


def _command(body="{}", *headers):
    return reply(
        200, body, "X-commandId: reboot", *(headers or ("Content-Type: application/json",))
    )


def _paths(server):
    return [request.path for request in server.requests]


def test_commands_are_asked_for_with_a_post_of_json_and_the_wait_in_its_body():
    session, server = listening(NOTHING, NOTHING, command_wait_s=30)
    settle(session)
    spend(session, 60_000)
    settle(session)
    first, request = server.requests
    check.equal(first.body, b'{"waitTimeSecs":0}')  # before a report that may wait
    check.equal(request.line, "POST " + ASK + " HTTP/1.1")
    check.equal(request.body, b'{"waitTimeSecs":30}')
    check.equal(request.headers["Content-Type"], "application/json")
    assert request.headers["Authorization"].startswith("Basic ")


def test_before_the_first_report_commands_are_asked_for_without_a_wait():
    session, server = listening(NOTHING, DONE, DONE, command_wait_s=30)
    assert session.submit(1, Report({"t": 1})) is False
    settle(session)
    for key in (1, 2):
        check.equal(outcome(session, Report({"t": 1}), key)[0], "acked")
    check.equal(_paths(server), [ASK, EVENT, EVENT])
    check.equal(server.requests[0].body, b'{"waitTimeSecs":0}')


def test_after_another_connect_they_are_asked_for_when_it_is_time():
    session, server = listening(NOTHING, DONE, DONE, NOTHING, DONE)
    assert session.submit(1, Report({"t": 1})) is False
    settle(session)
    for _ in range(2):
        check.equal(outcome(session, Report({"t": 1}))[0], "acked")
        session.close()
        opens(session)
    Time.sleep(60_000)
    assert session.submit(1, Report({"t": 1})) is False  # a full outbox must not starve them
    settle(session)
    check.equal(outcome(session, Report({"t": 1}))[0], "acked")
    check.equal(_paths(server), [ASK, EVENT, EVENT, ASK, EVENT])


def test_a_question_that_is_due_before_it_is_open_keeps_nothing_back():
    session, server = listening(NOTHING, _command())
    settle(session)
    session.close()
    Time.sleep(59_999)
    session.begin(Deadline(30_000))
    Time.sleep(1)
    check.equal(event_of(session), ("opened",))
    check.equal(event_of(session)[0], "command")
    check.equal(_paths(server), [ASK, ASK])


def test_they_are_asked_for_again_after_command_poll_s():
    session, server = listening(NOTHING, NOTHING, NOTHING)
    settle(session)
    spend(session, 59_999)
    check.equal(len(server.requests), 1)
    before = Time.ticks
    session.poll(200_000)  # it wakes by itself
    check.equal(Time.ticks - before, 1)
    settle(session)
    check.equal(len(server.requests), 2)


def test_with_command_poll_s_0_they_are_never_asked_for():
    session, server = opened(DONE)
    check.equal(outcome(session, Report({"t": 1}))[0], "acked")
    spend(session, 200_000)
    check.equal(_paths(server), [EVENT])


def test_a_command_comes_with_name_value_and_the_topic_of_mqtt():
    session, _ = listening(_command('{"delay":5}'))
    kind, command = event_of(session)
    check.equal(kind, "command")
    check.equal((command.name, command.data, command.id), ("reboot", {"delay": 5}, None))
    check.equal(command.topic, "iot-2/cmd/reboot/fmt/json")
    check.equal(session.answer(command, {"done": True}), None)


def test_one_command_by_name_needs_no_header():
    session, server = listening(
        reply(200, "[1]", "Content-Type: application/json"), command="reboot"
    )
    _, command = event_of(session)
    check.equal(server.requests[0].path, BASE + "commands/reboot/request")
    check.equal((command.name, command.data), ("reboot", [1]))


def test_a_gateway_hears_commands_of_every_device_behind_it():
    session, server = listening(
        _command("{}", "Content-Type: application/json", "X-deviceType: meter", "X-deviceId: m-7"),
        _command(),
        role="gateway",
    )
    _, command = event_of(session)
    check.equal(server.requests[0].path, "/api/v0002/device/types/+/devices/+/commands/+/request")
    check.equal(command.topic, "iot-2/type/meter/id/m-7/cmd/reboot/fmt/json")
    check.equal(command.device, ("meter", "m-7"))
    _, command = event_of(session)
    check.equal(command.topic, "iot-2/type/T/id/D/cmd/reboot/fmt/json")  # its own
    check.equal(command.device, None)


def test_each_content_type_of_the_vectors_is_its_format():
    for content_type, form in (
        ("application/json", "json"),
        ("application/xml ; charset=utf-8", "xml"),
        ("application/octet-stream", "bin"),
        ("text/plain; charset=utf-8", "text"),
        ("text/xml; charset=utf-8", "text"),
        ("Application/JSON;charset=utf-8", "json"),
    ):
        session, _ = listening(_command('{"a":1}', "Content-Type: " + content_type))
        _, command = event_of(session)
        check.equal(command.topic, "iot-2/cmd/reboot/fmt/" + form)
        check.equal(command.data, {"a": 1} if form == "json" else b'{"a":1}', content_type)


def test_a_command_without_a_known_content_type_is_bytes():
    for header in ("Content-Type: image/jpeg", "X-none: 1"):
        session, _ = listening(_command(b"\xff\x00", header))
        _, command = event_of(session)
        check.equal((command.data, command.topic), (b"\xff\x00", "iot-2/cmd/reboot/fmt/bin"))


def test_all_commands_are_heard_before_a_report_but_no_more_than_eight():
    report = Report({"t": 1})
    for count in (1, 8):
        session, server = listening(*[_command()] * count + [NOTHING, DONE, NOTHING])
        for _ in range(count):
            assert session.submit(1, report) is False
            check.equal(event_of(session)[0], "command")
        if count < 8:
            assert session.submit(1, report) is False
            settle(session)
        else:
            server.replies.pop(0)
        check.equal(outcome(session, report)[0], "acked")
        check.equal(_paths(server)[:9], [ASK] * (count + (count < 8)) + [EVENT])


def test_a_wildcard_answered_without_a_name_is_no_command():
    session, server = listening(reply(200, ""), DONE)
    settle(session)
    assert session.lines == ["dropped a message: a command without a name"]
    check.equal(outcome(session, Report({"t": 1}))[0], "acked")
    check.equal(_paths(server), [ASK, EVENT])


def test_a_page_or_a_redirect_is_no_command_and_reports_go_on():
    for answer in (
        reply(200, "<html>Please log in</html>", "Content-Type: text/html; charset=utf-8"),
        reply(302, "", "Location: http://portal.example/"),
    ):
        session, server = listening(answer, DONE, NOTHING, command="reboot")
        settle(session)
        (line,) = session.lines
        assert line.startswith("dropped a message: ") and "does another server answer?" in line
        check.equal(outcome(session, Report({"t": 1}))[0], "acked")
        spend(session, 60_001)
        check.equal(len(server.requests), 3)


def test_a_name_that_could_forge_a_line_of_the_log_is_no_command():
    json_type = "Content-Type: application/json"
    for name in ("X-commandId: \x1b[2Jgo", "X-commandId: \x9b2Jgo", "X-commandId:"):
        session, _ = listening(reply(200, "{}", name, json_type))
        settle(session)
        assert session.lines == ["dropped a message: a command without a name"], session.lines


def test_a_request_for_commands_that_is_never_answered_lets_reports_go():
    session, server = listening(SILENCE, DONE)
    report = Report({"t": 1})
    assert session.submit(1, report) is False
    check.equal(session.poll(15_000)[0], "lost")
    opens(session)
    check.equal(outcome(session, report)[0], "acked")
    check.equal(_paths(server), [ASK, EVENT])


def test_a_malformed_command_is_dropped_and_neither_costs_the_connection_nor_begins_a_loop():
    session, server = listening(_command("{not JSON"), DONE, NOTHING)
    settle(session)
    assert session.lines[0].startswith("dropped a message: no JSON on iot-2/cmd/reboot/fmt/json")
    check.equal(outcome(session, Report({"t": 1}))[0], "acked")
    spend(session, 59_999)
    check.equal(_paths(server), [ASK, EVENT])
    spend(session, 2)
    check.equal(_paths(server), [ASK, EVENT, ASK])
    check.equal(server.opened, 1)


def test_a_4xx_ends_the_asking_for_an_hour_but_not_the_reports():
    for status in (400, 401, 403, 404, 405, 413, 415):
        session, server = listening(reply(status), DONE, NOTHING)
        settle(session)
        assert "asked again later" in session.lines[0], status
        assert "HTTP status {}".format(status) in session.lines[0]
        spend(session, 3_000_000)
        check.equal(outcome(session, Report({"t": 1}))[0], "acked")
        check.equal(_paths(server), [ASK, EVENT])
        spend(session, 600_001)
        check.equal(_paths(server), [ASK, EVENT, ASK])


def test_not_now_waits_as_long_as_the_cloud_says_and_reports_go_on():
    for status in (408, 429, 500, 503):
        session, server = listening(reply(status, "", "Retry-After: 300"), DONE, NOTHING)
        settle(session)
        assert "HTTP status {}".format(status) in session.lines[0]
        check.equal(outcome(session, Report({"t": 1}))[0], "acked")
        spend(session, 299_999)
        check.equal(_paths(server), [ASK, EVENT])
        spend(session, 2)
        check.equal(_paths(server), [ASK, EVENT, ASK])


def test_not_now_waits_command_poll_s_at_least():
    for headers in ((), ("Retry-After: 5",)):
        session, server = listening(reply(503, "", *headers), NOTHING)
        settle(session)
        spend(session, 59_999)
        check.equal(len(server.requests), 1)
        spend(session, 2)
        check.equal(len(server.requests), 2)


def test_the_cloud_may_hold_a_request_for_command_wait_s_and_a_report_waits_for_it():
    session, server = listening(NOTHING, SILENCE, command_wait_s=3600)
    settle(session)
    spend(session, 60_000)
    before = Time.ticks
    spend(session, 3_600_000)
    check.equal(session.submit(1, Report({"t": 1})), False)
    spend(session, 14_999)
    ended(session.poll(2_000), Lost)
    check.equal(Time.ticks - before, 3_615_000)  # and timeout_s
    check.equal(_paths(server), [ASK, ASK])


def test_a_connection_lost_while_asking_is_lost():
    for answer in (CLOSE, (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{",)):
        session, _ = listening(answer)
        ended(event_of(session), Lost)
    session, _ = listening(NOTHING, Lost("no route"))
    settle(session)
    session._client.close()
    ended(event_of(session, 60_000), Lost)


def test_a_command_larger_than_the_limit_loses_the_connection_once():
    session, _ = listening(_command("x" * 4097, "Content-Type: text/plain"), NOTHING)
    ended(event_of(session), ProtocolError)
    opens(session)
    settle(session)
