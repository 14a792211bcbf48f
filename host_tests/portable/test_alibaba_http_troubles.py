"""Does the Session over HTTPS keep its token and its reports when network, flash or memory do not?

The token lives seven days: Alibaba "Establish connections over HTTP" (the seed).
"""

import json
import os

import check
from check_alibaba_http import (
    AUTH,
    DONE,
    FRESH,
    TOPIC,
    Flash,
    again,
    fresh,
    opened,
    says,
)
from check_http_session import (
    CLOSE,
    SECRET,
    File,
    Time,
    ended,
    event_of,
    flash_full,
    lost,
    opens,
    outcome,
    sent,
    shown,
)
from signet import clock
from signet.device.state import State
from signet.errors import Lost, Rejected, Untrusted
from signet.reports.messages import Report

EXPIRED = says(20001)
WEEK_MS = 7 * 24 * 60 * 60 * 1000


def _tokens(server):
    return [request.headers.get("password", request.path) for request in server.requests]


def test_a_token_is_kept_with_its_time_and_used_again_after_a_reset():
    opened()
    session, server = again(DONE)
    kept = State(Flash.state).values
    check.equal((kept["token"], kept["expires"]), ("t0k3n", Time.unix_ms + WEEK_MS))
    check.equal(outcome(session, Report({"t": 1}))[0], "acked")
    check.equal(_tokens(server), ["t0k3n"])


def test_a_token_is_renewed_after_seven_days_and_not_a_moment_before():
    opened()
    Time.sleep(WEEK_MS - 1)
    session, server = again(DONE, FRESH, DONE)
    check.equal(outcome(session, Report({"t": 1}))[0], "acked")
    Time.sleep(1)
    assert session.submit(2, Report({"t": 2})) is False  # the login goes first
    assert session.poll(0) is None and session.poll(1000) is None and session.poll(0) is None
    check.equal(outcome(session, Report({"t": 2}), 2)[0], "acked")
    check.equal(_tokens(server), ["t0k3n", "/auth", "fresh"])
    _, server = again()
    check.equal(server.requests, [])


def test_without_a_clock_no_token_is_too_old():
    opened()
    Time.is_set = False
    Time.sleep(WEEK_MS + 1)
    try:
        session, server = again(DONE)
        check.equal(outcome(session, Report({"t": 1}))[0], "acked")
    finally:
        Time.is_set = True
    check.equal(_tokens(server), ["t0k3n"])


def test_a_token_of_unknown_age_is_used_until_the_cloud_says_otherwise():
    Time.is_set = False
    try:
        opened()
    finally:
        Time.is_set = True
    session, server = again(EXPIRED, FRESH, DONE)
    assert "expires" not in State(Flash.state).values
    check.equal(outcome(session, Report({"t": 1}))[0], "acked")
    check.equal(_tokens(server), ["t0k3n", "/auth", "fresh"])


def test_a_token_of_a_clock_that_was_wrong_costs_one_login():
    opened()
    Time.unix_ms -= WEEK_MS
    try:
        again(AUTH)
        _, server = again()
    finally:
        Time.unix_ms += WEEK_MS
    check.equal(server.requests, [])


def test_another_device_json_does_not_use_the_token_of_the_one_before():
    opened()
    _, server = again(FRESH, device_name="other", crc=2)
    check.equal(_tokens(server), ["/auth"])
    _, server = again(device_name="other", crc=2)
    check.equal(_tokens(server), [])


def test_a_renewed_token_survives_a_reset_too():
    session, _ = opened(EXPIRED, FRESH, DONE)
    check.equal(outcome(session, Report({"t": 1}))[0], "acked")
    session, server = again(DONE)
    check.equal(outcome(session, Report({"t": 1}))[0], "acked")
    check.equal(_tokens(server), ["fresh"])


def test_with_a_full_flash_reports_go_on_with_the_token_in_memory():
    save = State.save
    State.save = flash_full
    try:
        session, server = opened(DONE, EXPIRED, FRESH, DONE, DONE)
        for key in range(3):
            check.equal(outcome(session, Report({"t": 1}), key)[0], "acked")
    finally:
        State.save = save
    check.equal(_tokens(server), ["/auth", "t0k3n", "t0k3n", "/auth", "fresh", "fresh"])
    assert "not saved: is the flash full?" in session.lines
    _, server = again(AUTH)
    check.equal(_tokens(server), ["/auth"])


def test_after_damage_to_the_flash_there_is_one_login():
    for damage in (b"", b"\xff\xff", b'{"token":"x"}\n', bytes(64)):
        opened()
        with open(Flash.state, "wb") as file:
            file.write(damage)
        again(AUTH)
        _, server = again()
        check.equal(server.requests, [])


def test_a_connection_that_the_server_closed_meanwhile_is_opened_anew():
    session, server = opened(CLOSE, DONE)
    check.equal(outcome(session, Report({"t": 1}))[0], "acked")
    check.equal([request.connection for request in server.requests], [1, 1, 2])
    check.equal(server.requests[1].body, server.requests[2].body)


def test_a_connection_lost_in_the_middle_keeps_the_report_and_its_id():
    for replies, keys in (
        ((CLOSE, CLOSE), (1,)),
        (((DONE[:-3],),), (1,)),
        (((DONE[:40],),), (1,)),
        ((CLOSE, Lost("no route")), ()),  # the second time it was not on the wire
    ):
        session, server = opened(*replies)
        report = Report({"t": 1})
        ended(outcome(session, report), Lost, *keys)
        server.replies[:] = [DONE]
        opens(session)
        check.equal(outcome(session, report)[:2], ("acked", 1))
        bodies = [request.body for request in server.requests[1:]]
        check.equal(bodies, [bodies[0]] * len(bodies))


def test_a_network_that_is_gone_when_a_token_is_due_keeps_the_report():
    session, server = opened(EXPIRED, CLOSE, Lost("cannot reach it"))
    ended(outcome(session, Report({"t": 1})), Lost)
    server.replies += [FRESH, DONE]
    opens(session)
    check.equal(outcome(session, Report({"t": 1}))[0], "acked")


def test_a_server_that_cannot_prove_who_it_is_gets_nothing():
    for error in (Untrusted("the certificate has another name"), Lost("connection refused")):
        session, server = fresh(error, AUTH)
        assert lost(session) is error
        check.equal(server.requests, [])
        opens(session)


def test_a_login_has_the_time_of_its_connect():
    session, server = fresh(AUTH)
    deadline = clock.Deadline(5_000)
    session.begin(deadline)
    check.equal(event_of(session), ("opened",))
    assert server.deadline is deadline


def test_a_later_connection_has_open_timeout_s():
    session, server = opened(CLOSE, DONE, open_timeout_s=7)
    check.equal(outcome(session, Report({"t": 1}))[0], "acked")
    check.equal((server.opened, server.deadline.remaining_ms()), (2, 7000))


def test_a_file_is_a_report_and_is_sent_anew_from_its_start():
    session, server = opened(EXPIRED, FRESH, CLOSE, DONE)
    check.equal(outcome(session, Report(File(5000), topic=TOPIC))[0], "acked")
    check.equal([request.size for request in server.requests if request.body is None], [5000] * 3)


def test_a_file_on_flash_goes_up_whole():
    path = check.scratch("photo.jpg")
    with open(path, "wb") as file:
        file.write(b"0123456789" * 300)
    session, server = opened(DONE)
    with open(path, "rb") as file:
        check.equal(outcome(session, Report(file, topic=TOPIC))[0], "acked")
    check.equal(server.requests[1].body, b"0123456789" * 300)
    os.remove(path)


def test_a_file_that_is_closed_already_is_rejected_and_says_so():
    session, server = opened(DONE)
    file = File(5000)
    file.is_open = False
    error = check.raises(Rejected, session.submit, 1, Report(file, topic=TOPIC))
    assert "is its file open?" in str(error)
    check.equal(len(server.requests), 1)
    check.equal(outcome(session, Report({"t": 1}), 2)[0], "acked")


def test_a_file_that_is_closed_too_early_is_rejected_when_it_would_be_sent_again():
    session, server = opened(CLOSE)
    file = File(5000)
    sent(session, Report(file, topic=TOPIC))
    file.is_open = False
    kind, key, error = event_of(session)
    assert (kind, key) == ("failed", 1) and isinstance(error, Rejected)
    assert "is its file open?" in str(error)
    server.replies.append(DONE)
    check.equal(outcome(session, Report({"t": 1}), 2)[0], "acked")


def test_a_file_that_is_shorter_than_it_said_is_rejected():
    session, _ = opened()
    file = File(5000)
    file.readinto = lambda buffer: 0
    kind, key, error = outcome(session, Report(file, topic=TOPIC))
    assert (kind, key) == ("failed", 1) and isinstance(error, Rejected)
    assert "ended before its length" in str(error)


def test_a_file_that_raises_whatever_it_likes_is_the_report_s_fault():
    for raised in (OSError(5), KeyError("x"), RuntimeError("no")):
        session, server = opened(DONE)
        file = File(5000)

        def readinto(buffer, raised=raised):
            raise raised

        file.readinto = readinto
        kind, key, error = outcome(session, Report(file, topic=TOPIC))
        assert (kind, key) == ("failed", 1) and isinstance(error, Rejected)
        check.equal(outcome(session, Report({"t": 1}), 2)[0], "acked")
        check.equal(server.opened, 2)


def test_an_event_with_an_odd_name_is_rejected_and_the_next_report_goes():
    session, server = opened(DONE)
    check.raises(Rejected, session.submit, 1, Report({"t": 1}, event="a/b"))
    check.equal(outcome(session, Report({"t": 1}), 2)[0], "acked")
    check.equal(len(server.requests), 2)


def _no_memory(*arguments):
    raise MemoryError("allocating")


def test_without_memory_for_a_login_the_connection_is_lost_and_the_report_kept():
    session, server = opened(FRESH, DONE)
    Time.sleep(WEEK_MS + 1)
    session._dialect.ask, ask = _no_memory, session._dialect.ask
    assert session.submit(1, Report({"t": 1})) is False
    ended(session.poll(0), Lost)
    session._dialect.ask = ask
    opens(session)
    check.equal(outcome(session, Report({"t": 1}))[0], "acked")
    check.equal(_tokens(server), ["/auth", "/auth", "fresh"])


def test_the_log_tells_of_logins_but_not_of_tokens_and_secrets():
    session, _ = opened(EXPIRED, FRESH, DONE)
    outcome(session, Report({"t": 1}))
    check.equal(session.lines, ["authenticated", "authenticated"])
    for line in session.lines:
        shown(line)
    assert SECRET not in json.dumps(session.lines)
