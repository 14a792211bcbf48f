"""Does the Session over HTTPS send events as Watson's documents ask for, and read its statuses?

Expected: Watson IoT "Connecting applications, devices, and gateways using the API" (the seed),
"HTTP messaging API"; statuses of eclipse/amlen server_proxy, test/proxy_test.c.
"""

import json

import check
from check_http_session import (
    CLOSE,
    SECRET,
    File,
    ended,
    judged,
    opens,
    outcome,
    reply,
    shown,
    spend,
)
from check_watson_http import BASE, DONE, NOTHING, opened
from signet.errors import Lost, ProtocolError, Refused, Rejected, Throttled
from signet.reports.messages import Report


def test_the_documents_event_is_reproduced():
    """The curl example of "HTTP messaging API"."""
    session, server = opened(
        DONE,
        host="myOrgID.messaging.internetofthings.ibmcloud.com",
        org_id="myOrgID",
        type_id="TestDevices",
        device_id="TestPublishEvent",
        token="passw0rd",
    )
    values = {"myName": "Publish Test", "cputemp": 46, "sine": -10, "cpuload": 1.45}
    check.equal(outcome(session, Report(values, event="TestMessage")), ("acked", 1, None))
    (request,) = server.requests
    check.equal(
        request.line,
        "POST /api/v0002/device/types/TestDevices/devices/TestPublishEvent/events/TestMessage"
        " HTTP/1.1",
    )
    check.equal(request.headers["Host"], "myOrgID.messaging.internetofthings.ibmcloud.com:8883")
    check.equal(request.headers["Content-Type"], "application/json")
    # base64 of use-token-auth:passw0rd
    check.equal(request.headers["Authorization"], "Basic dXNlLXRva2VuLWF1dGg6cGFzc3cwcmQ=")
    check.equal(json.loads(request.body), {"d": values})


def test_a_plain_report_goes_to_the_event_of_device_json_with_its_time():
    session, server = opened(DONE, event="reading")
    outcome(session, Report({"t": 21.5}, 1_700_000_000_250))
    check.equal(server.requests[0].path, BASE + "events/reading")
    body = {"d": {"t": 21.5}, "ts": "2023-11-14T22:13:20.250Z"}  # RFC 3339
    check.equal(json.loads(server.requests[0].body), body)


def test_a_long_token_is_one_line():
    _, server = _one(token="MP$08VKz!8rXwnR-Q*" * 14)
    header = server.requests[0].headers["Authorization"]
    check.equal(len(header), len("Basic ") + (15 + 18 * 14 + 2) // 3 * 4)


def _one(report=None, **changes):
    session, server = opened(DONE, **changes)
    check.equal(outcome(session, report or Report({"t": 1})), ("acked", 1, None))
    return session, server


def test_the_host_form_of_the_older_document_and_both_tls_ports_do():
    for port, shown_port in ((443, ""), (8883, ":8883")):
        host = "myorg1.internetofthings.ibmcloud.com"
        _, server = _one(host=host, port=port)
        check.equal(server.requests[0].headers["Host"], host + shown_port)
    _, server = _one(tls=False, insecure=True)
    assert server.requests[0].headers["Host"].endswith(":1883")


def test_raw_topics_carry_each_format_as_its_content_type():
    for form, content_type in (
        ("json", "application/json"),
        ("xml", "application/xml"),
        ("text", "text/plain"),
        ("bin", "application/octet-stream"),
    ):
        _, server = _one(Report(b"\x00raw\xff", topic="iot-2/evt/E/fmt/" + form))
        (request,) = server.requests
        check.equal(request.path, BASE + "events/E")
        check.equal(request.headers["Content-Type"], content_type)
        check.equal(request.body, b"\x00raw\xff")


def test_a_topic_that_cannot_be_sent_is_rejected_before_anything_is():
    session, server = opened()
    for rest in ("E/fmt/jpeg", "E/fmt/JSON", "E/fmt/+", "E/fmt/bin2"):
        topic = "iot-2/evt/" + rest
        check.raises(Rejected, session.submit, 1, Report(b"x", topic=topic))
    check.equal(server.requests, [])


def test_the_topics_that_a_device_may_publish_to_are_those_of_the_vectors():
    topics = check.vectors("watson-rules")["topics"]
    for role, key in (("device", "d/pub"), ("gateway", "g/pub")):
        session, server = opened(role=role)
        for topic in topics[key]["bad"]:
            check.raises(Rejected, session.submit, 1, Report(b"x", topic=topic))
        check.equal(server.requests, [])
        for topic in topics[key]["ok"]:
            server.replies.append(DONE)
            check.equal(outcome(session, Report(b"x", topic=topic))[0], "acked")
    session, _ = opened()
    for topic in (
        "iot-2/type/T/id/D/evt/E/fmt/json",
        "/iot-2/evt/E/fmt/json",
        "iot-2",
        "iot-3/evt/E/fmt/json",
        "iot-2/evt/+/fmt/json",
    ):
        check.raises(Rejected, session.submit, 1, Report(b"x", topic=topic))


def test_a_gateway_logs_in_by_its_own_user_name_and_speaks_for_devices_behind_it():
    session, server = opened(DONE, DONE, DONE, role="gateway", token="passw0rd")
    outcome(session, Report({"t": 1}))
    outcome(session, Report(b"x", topic="iot-2/type/meter/id/m-7/evt/E/fmt/text"), 2)
    outcome(session, Report({"t": 1}, event="F", device=("meter", "m-7")), 3)
    check.equal(server.requests[0].path, BASE + "events/status")
    for request, event in zip(server.requests[1:], ("E", "F")):
        check.equal(request.path, "/api/v0002/device/types/meter/devices/m-7/events/" + event)
    for request in server.requests:
        # base64 of g/myorg1/T/D:passw0rd
        header = "Basic Zy9teW9yZzEvVC9EOnBhc3N3MHJk"
        check.equal(request.headers["Authorization"], header)


def test_quickstart_has_no_login_and_takes_json_only():
    session, server = opened(
        DONE,
        DONE,
        org_id="quickstart",
        host="quickstart.messaging.internetofthings.ibmcloud.com",
        token=None,
        tls=False,
        command_poll_s=60,
    )
    check.equal(outcome(session, Report({"t": 1}))[0], "acked")
    check.equal(outcome(session, Report(b"{}", topic="iot-2/evt/E/fmt/json"), 2)[0], "acked")
    for form in ("xml", "text", "bin"):
        topic = "iot-2/evt/E/fmt/" + form
        check.raises(Rejected, session.submit, 3, Report(b"x", topic=topic))
    check.equal(
        [request.path for request in server.requests], [BASE + "events/status", BASE + "events/E"]
    )
    for request in server.requests:
        assert "Authorization" not in request.headers
    spend(session, 200_000)  # and no commands are asked for


_STATUSES = (
    # status, in answer to a plain report, to a topic or event of the program's own
    (400, Rejected, Rejected),
    (401, Refused, Refused),
    (403, Refused, Refused),
    (404, Refused, Rejected),
    (405, Refused, Refused),
    (302, Lost, Lost),
    (408, Throttled, Throttled),
    (413, Rejected, Rejected),
    (415, Rejected, Rejected),
    (429, Throttled, Throttled),
    (500, Throttled, Throttled),
    (503, Throttled, Throttled),
)


def test_each_status_is_the_right_error():
    for status, plain, raw in _STATUSES:
        for report, expected in (
            (Report({"t": 1}), plain),
            (Report(b"x", topic="iot-2/evt/E/fmt/bin"), raw),
            (Report({"t": 1}, event="alarm"), raw),
        ):
            session, _ = opened(reply(status, "", "Retry-After: 9", "Connection: close"))
            error = judged(outcome(session, report), expected)
            text = shown(error)
            assert "HTTP status {}".format(status) in text and text == text.strip()
            if expected is Throttled:
                check.equal(error.retry_after_ms, 9000)
            else:
                check.equal(error.code, None if expected is Lost else status)
            if status in (401, 403):
                assert "check token, org_id, type_id and device_id" in str(error)


def test_after_a_status_that_closes_the_next_report_goes_over_a_new_connection():
    session, server = opened((reply(400),), DONE)
    check.equal(outcome(session, Report({"t": 1}))[0], "failed")
    check.equal(outcome(session, Report({"t": 2}), 2)[0], "acked")
    check.equal([request.connection for request in server.requests], [1, 2])


def test_a_page_of_somebody_else_stores_nothing():
    """Watson answers an event with a status and nothing more (amlen, ism_http_Reply)."""
    page = "\r\n<!DOCTYPE html><title>Log in</title>" + "x" * 3000
    for tls, body in ((True, page), (False, page), (False, "OK"), (False, "{}")):
        answer = reply(200, body, "Content-Type: text/html")
        session, _ = opened(answer, DONE, tls=tls, insecure=True)
        error = ended(outcome(session, Report({"t": 1})), Lost, 1)
        assert "another server" in str(error)
        opens(session)
        check.equal(outcome(session, Report({"t": 1})), ("acked", 1, None))


def test_a_long_answer_that_nobody_reads_is_a_success():
    session, _ = opened(reply(200, "x" * 3000))
    check.equal(outcome(session, Report({"t": 1})), ("acked", 1, None))


def test_a_gateway_that_may_not_speak_for_a_device_sets_that_report_aside_and_goes_on():
    session, server = opened(role="gateway")
    for own, report in (
        (NOTHING, Report(b"{}", topic="iot-2/type/T/id/OTHER/evt/E/fmt/json")),
        (reply(404), Report({"t": 1}, device=("T", "OTHER"))),
    ):
        server.replies.extend([reply(403), own, reply(403)])
        error = judged(outcome(session, report), Rejected)
        assert "not a device of this gateway" in str(error)
    paths = [request.path for request in server.requests]
    foreign, asks = BASE.replace("/D/", "/OTHER/") + "events/", "devices/+/commands/+/request"
    assert paths[0] == paths[2] == foreign + "E" and paths[1].endswith(asks)
    server.replies.append(reply(403))
    ended(outcome(session, Report({"t": 1}), 2), Refused)
    check.equal(len(server.requests), 7)


def test_a_gateway_that_is_refused_itself_loses_no_report_of_a_device_behind_it():
    for own in (403, 401, 500):  # a policy that wants a certificate, a wrong token; not now
        session, server = opened(reply(403), reply(own), reply(403), role="gateway")
        error = ended(outcome(session, Report({"t": 1}, device=("meter", "m-7"))), Refused)
        assert "check token" in str(error) and "policy" in str(error)
        check.equal(len(server.requests), 3)


def test_a_device_behind_a_gateway_that_is_not_there_is_the_report_s_fault():
    session, server = opened(reply(404), role="gateway")
    judged(outcome(session, Report({"t": 1}, device=("meter", "m-7"))), Rejected)
    for device in (("meter", "+"), ("", "m-7"), ("meter", "m/7")):
        check.raises(Rejected, session.submit, 2, Report({"t": 1}, device=device))
    check.equal(len(server.requests), 1)


def test_each_2xx_is_a_success_whatever_its_body_says():
    for answer in (reply(200, "{not JSON"), reply(201), reply(202, "x"), reply(204)):
        session, _ = opened(answer)
        check.equal(outcome(session, Report({"t": 1})), ("acked", 1, None))


def test_what_is_no_http_loses_the_connection():
    session, _ = opened(b"\x20\x02\x00\x00\r\n\r\n")
    ended(outcome(session, Report({"t": 1})), ProtocolError, 1)


def test_a_lost_connection_keeps_the_report():
    session, server = opened(CLOSE)
    ended(outcome(session, Report({"t": 1})), Lost, 1)
    server.replies.append(DONE)
    opens(session)
    check.equal(outcome(session, Report({"t": 1}))[0], "acked")
    check.equal(server.requests[0].body, server.requests[1].body)


def test_of_131072_bytes_not_one_more_is_sent():
    session, server = opened(DONE)
    topic = "iot-2/evt/photo/fmt/bin"
    check.raises(Rejected, session.submit, 1, Report(File(131_073), topic=topic))
    check.equal(server.requests, [])
    check.equal(outcome(session, Report(File(131_072), topic=topic), 2)[0], "acked")
    check.equal(server.requests[0].size, 131_072)


def test_an_event_with_an_odd_name_is_rejected():
    session, server = opened()
    check.raises(Rejected, session.submit, 1, Report({"t": 1}, event="a/b"))
    check.equal(server.requests, [])


def test_nothing_shows_the_token():
    session, _ = opened(reply(403, SECRET))
    shown(outcome(session, Report({"t": 1}))[1])
    check.equal(session.lines, [])
    assert SECRET not in repr(session)
