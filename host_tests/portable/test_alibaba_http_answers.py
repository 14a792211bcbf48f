"""Does the Session over HTTPS see through an answer of Alibaba's that is none of the document's?

The document: Alibaba "Establish connections over HTTP" (the seed); statuses: RFC 9110 section 15.
"""

import check
from check_alibaba_http import DONE, TOPIC, fresh, opened
from check_http_session import SILENCE, ended, judged, lost, opens, outcome, reply, sent, shown
from signet.errors import Lost, ProtocolError, Refused, Rejected, Throttled, TimedOut
from signet.reports.messages import Report


def either():
    """Returns a property post, and a report to a topic of the program\'s own, both new."""
    return (Report({"t": 1}), Report(b"x", topic=TOPIC))


_STATUSES = (
    # status, in answer to /auth, to a property post, to a topic or event of the program's own
    (400, Refused, Rejected, Rejected),
    (401, Refused, Refused, Refused),
    (403, Refused, Refused, Refused),
    (404, Refused, Refused, Rejected),
    (405, Refused, Refused, Refused),
    (407, Refused, Refused, Refused),
    (408, Throttled, Throttled, Throttled),
    (413, Refused, Rejected, Rejected),
    (415, Refused, Rejected, Rejected),
    (429, Throttled, Throttled, Throttled),
    (301, Lost, Lost, Lost),
    (500, Throttled, Throttled, Throttled),
    (502, Throttled, Throttled, Throttled),
    (503, Throttled, Throttled, Throttled),
)


def test_a_status_other_than_200_is_the_right_error():
    for status, in_auth, in_post, in_topic in _STATUSES:
        answer = reply(status, "<html>no JSON</html>", "Retry-After: 5")
        session, _ = fresh(answer)
        error = lost(session, in_auth)
        assert "/auth: HTTP status {}".format(status) in str(error)
        for report, expected in (
            (either()[0], in_post),
            (either()[1], in_topic),
            (Report({"t": 1}, event="alarm"), in_topic),
        ):
            session, _ = opened(answer)
            error = judged(outcome(session, report), expected)
            assert "HTTP status {}".format(status) in str(error)
            if expected is Throttled:
                check.equal(error.retry_after_ms, 5000)


def test_a_long_page_about_an_error_is_still_its_status():
    session, _ = opened(reply(502, "<html>" * 500))
    kind, _, error = outcome(session, either()[0])
    assert kind == "failed" and isinstance(error, Throttled)
    assert "HTTP status 502" in str(error)


def test_a_login_answered_by_a_bad_status_never_sets_a_report_aside():
    for status in (400, 413, 415, 404):
        session, _ = fresh(reply(status))
        lost(session, Refused)


def test_an_answer_that_is_not_the_documents_is_lost():
    """Who gives it may be another server: it is no word on the report."""
    for body in (
        "",
        "null",
        "[]",
        "{}",
        "OK",
        '{"code":0,"message":"success","info":{"messageId":1',
        '{"code":"0"}',
        '{"code":null}',
        '{"code":true}',
        '{"code":0.0}',
        '{"code":[0]}',
        '{"code":%s}' % ("9" * 300),
        '{"code":0,"info":[1]}',
        '{"code":0,"info":"t0k3n"}',
        b"\xff\xfe",
    ):
        for auth in (True, False):
            if auth:
                session, _ = fresh(reply(200, body))
                error = lost(session, Lost)
            else:
                session, _ = opened(reply(200, body))
                error = ended(outcome(session, Report({"t": 1})), Lost, 1)
            shown(error)


def test_a_token_that_is_missing_or_could_split_a_header_is_a_protocol_error_without_it():
    for token in (
        "null",
        '""',
        "12345",
        '["t0k3n"]',
        '"t0k3n\\r\\nX: y"',
        '"t0k3n\\u000a"',
        '"t0k3n x"',
        '"t0k3n\\u0000"',
        '"t0k3n\xfc"',
    ):
        session, server = fresh(reply(200, '{"code":0,"info":{"token":%s}}' % token))
        shown(lost(session, ProtocolError))
        check.equal(len(server.requests), 1)


def test_tokens_of_every_documented_form_are_taken():
    """32 hexadecimal digits now; JWT of 161 characters once."""
    for token in ("6944e5bfb92e4d4ea3918d1eda3942f6", "eyJ0eXAiOiJKV1Qi.e-J_.MZ8m=+/" * 7):
        session, server = fresh(reply(200, '{"code":0,"info":{"token":"%s"}}' % token), DONE)
        opens(session)
        check.equal(outcome(session, Report({"t": 1}))[0], "acked")
        check.equal(server.requests[1].headers["password"], token)


def test_an_answer_beyond_the_limit_is_a_protocol_error():
    session, _ = opened(reply(200, '{"code":0,"x":"' + "x" * 2100 + '"}'))
    ended(outcome(session, Report({"t": 1})), ProtocolError, 1)


def test_a_server_that_closes_after_each_answer_is_reported_to_all_the_same():
    last = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 10\r\n\r\n" + b'{"code":0}'
    session, server = opened(last, last)
    for key in (1, 2):
        check.equal(outcome(session, Report({"t": 1}), key)[0], "acked")
    check.equal([request.connection for request in server.requests], [1, 1, 2])


def test_silence_is_lost_after_timeout_s_and_keeps_the_report():
    session, server = opened(SILENCE, DONE)
    report = Report({"t": 1})
    sent(session, report)
    check.equal(session.poll(14_999), None)
    ended(session.poll(1), TimedOut, 1)
    opens(session)
    check.equal(outcome(session, report)[0], "acked")
    check.equal(server.requests[1].body, server.requests[2].body)
