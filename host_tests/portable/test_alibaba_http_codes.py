"""Does the Session over HTTPS do the right thing about each code of Alibaba's two tables?

Codes and their messages: Alibaba "Establish connections over HTTP" (the seed).
"""

import check
from check_alibaba_http import DONE, FRESH, MESSAGES, TOPIC, fresh, opened, says
from check_http_session import START_MS, Time, ended, lost, opens, outcome, reply, shown
from signet.errors import Lost, Refused, Rejected, Throttled
from signet.reports.messages import Report


def either():
    """Returns a property post, and a report to a topic of the program\'s own, both new."""
    return (Report({"t": 1}), Report(b"x", topic=TOPIC))


def test_a_token_that_is_expired_missing_or_unknown_costs_one_login_and_no_report():
    for code in (20001, 20002, 20003):
        for report in either():
            session, server = opened(says(code), FRESH, DONE)
            check.equal(outcome(session, report), ("acked", 1, "892687627916247040"))
            paths = [request.path[:6] for request in server.requests]
            check.equal(paths, ["/auth", "/topic", "/auth", "/topic"])
            passwords = [each.headers.get("password") for each in server.requests]
            check.equal(passwords, [None, "t0k3n", None, "fresh"])
            check.equal(server.requests[1].body, server.requests[3].body)  # the same Alink id


def test_a_new_token_that_is_refused_too_is_refused_and_no_loop():
    for code in (20001, 20002, 20003):
        session, server = opened(says(code), FRESH, says(code))
        error = ended(outcome(session, Report({"t": 1})), Refused)
        check.equal(error.code, code)
        assert MESSAGES[code] in shown(error) and "fresh" not in shown(error)
        check.equal(len(server.requests), 4)


def test_after_that_the_next_report_may_renew_its_token_again():
    session, server = opened(says(20001), FRESH, DONE, says(20001), FRESH, DONE)
    for key in (1, 2):
        check.equal(outcome(session, Report({"t": 1}), key)[:2], ("acked", key))
    check.equal(len(server.requests), 7)


def test_a_login_that_fails_in_the_middle_loses_the_connection_and_keeps_the_report():
    for answer, expected in (
        (says(20000), Refused),
        (says(40000), Throttled),
        (reply(200, "{}"), Lost),
        (reply(400), Refused),
    ):
        session, _ = opened(says(20001), answer, FRESH, DONE)
        shown(ended(outcome(session, Report({"t": 1})), expected))
        opens(session)
        check.equal(outcome(session, Report({"t": 1}))[:2], ("acked", 1))


def test_not_now_is_throttled_on_both_paths():
    for code in (10000, 20004, 40000):
        session, _ = fresh(says(code))
        error = lost(session, Throttled)
        assert str(code) in str(error) and MESSAGES[code] in str(error)
        for report in either():
            session, _ = opened(says(code))
            kind, key, error = outcome(session, report)
            assert (kind, key) == ("failed", 1) and isinstance(error, Throttled)
            assert str(code) in str(error) and MESSAGES[code] in str(error)


_DATE = "Date: Sun, 06 Nov 1994 08:49:37 GMT"  # the example of RFC 9110 section 5.6.7
_WAITS = (
    # headers, ms; the board's clock says 2027-01-15 08:00:00 UTC
    ("Retry-After: 30", 30_000),
    ("Retry-After: 99999999", 3_600_000),
    ("Retry-After: 999999999999999999999", 3_600_000),
    ("Retry-After: -1", 0),
    ("Retry-After: 1.5", 0),
    ("X-Nothing: 1", 0),
    ("Retry-After: Sun, 06 Nov 1994 08:51:37 GMT\r\n" + _DATE, 120_000),
    ("Retry-After: Sun, 06 Nov 1994 08:49:36 GMT\r\n" + _DATE, 0),
    ("Retry-After: Mon, 07 Nov 1994 08:49:37 GMT\r\n" + _DATE, 3_600_000),
    ("Retry-After: Fri, 15 Jan 2027 08:01:00 GMT", 60_000),
    ("Retry-After: Fri, 15 Jan 2027 08:01:00 GMT\r\nDate: now", 60_000),
    ("Retry-After: Fri, 15 Jan 2027 08:61:00 GMT", 0),
    ("Retry-After: \xb2", 0),
)


def test_retry_after_says_in_seconds_or_by_a_date_how_long_to_wait():
    session, _ = fresh(says(40000, "Retry-After: 7"))
    check.equal(lost(session, Throttled).retry_after_ms, 7000)
    for headers, ms in _WAITS:
        session, _ = opened(says(40000, headers))
        Time.unix_ms = START_MS
        check.equal(outcome(session, Report({"t": 1}))[2].retry_after_ms, ms, headers)
    session, _ = opened(says(40000, "Retry-After: Fri, 15 Jan 2027 08:01:00 GMT"))
    Time.is_set = False
    error = outcome(session, Report({"t": 1}))[2]
    Time.is_set = True
    check.equal(error.retry_after_ms, 0)


def test_what_cannot_be_published_or_no_table_has_is_told_whole_and_the_next_report_goes():
    for code in (30001, 1, -1, 400, 30002, 99999, 4294967296):
        for report in either():
            session, _ = opened(says(code), DONE)
            kind, key, error = outcome(session, report)
            assert (
                (kind, key) == ("failed", 1)
                and isinstance(error, Throttled)
                and error.code == code
            )
            assert "code {} {}".format(code, MESSAGES.get(code, "who knows")) in str(error)
            check.equal(outcome(session, Report({"t": 2}), 2)[0], "acked")


def test_a_parameter_error_sets_the_report_aside_at_once():
    for report in either():
        session, _ = opened(says(10001))
        kind, key, error = outcome(session, report)
        assert (kind, key) == ("failed", 1) and isinstance(error, Rejected)
        check.equal(error.code, 10001)
        assert "param error" in str(error)


def test_a_login_with_a_parameter_error_or_a_wrong_identity_is_refused_and_says_what_to_check():
    for code in (10001, 20000):
        session, server = fresh(says(code))
        error = lost(session, Refused)
        check.equal(error.code, code)
        for part in (str(code), MESSAGES[code], "device_secret", "product_key", "clock"):
            assert part in shown(error), part
        check.equal(len(server.requests), 1)
        assert session._client.channel is None, "nothing may stay open until the next try"


def test_an_identity_that_is_refused_on_a_report_stops_the_device_without_another_login():
    session, server = opened(says(20000))
    check.equal(ended(outcome(session, Report({"t": 1})), Refused).code, 20000)
    check.equal(len(server.requests), 2)


def test_an_unknown_code_of_a_login_is_not_now():
    for code in (1, 30001, 20001):
        session, _ = fresh(says(code))
        error = lost(session, Throttled)
        assert "/auth: code {} ".format(code) in str(error)
