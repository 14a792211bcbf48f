"""Do a Link and a session over HTTP lose no report together, through deep sleep too?"""

import check
from check_alibaba_http import AUTH, DONE, FRESH, TOPIC, fresh, restarted, says
from check_http_session import CLOSE, SILENCE, File, Time, reply, shown
from signet.link import Link

TAKEN = reply(200, '{"code":0,"info":{"messageId":1152921504606846997}}')


def _link(session, deep_sleep=False):
    """Returns (link, lines)."""
    settings = {
        "retry_s": 20,
        "report_interval_s": 60,
        "deep_sleep": deep_sleep,
        "drop": "oldest",
    }
    log = session.lines.append
    return Link(session, settings, check.outbox(log), None, log), session.lines


def test_the_log_says_what_was_stored_under_which_id():
    session, _ = fresh(AUTH, TAKEN)
    link, lines = _link(session)
    link.report({"t": 1})
    assert link.flush(60_000)
    check.equal(lines, ["authenticated", "connected", "report 1 stored as 1152921504606846997"])


def test_a_token_that_lapses_in_the_middle_of_a_run_loses_nothing():
    session, server = fresh(AUTH, DONE, says(20001), FRESH, DONE)
    link, lines = _link(session)
    link.report({"t": 1}, event="alarm")
    for _ in range(3):
        link.report({"t": 1})
    assert link.flush(60_000)
    check.equal(link.handed_over, 4)
    check.equal(lines.count("authenticated"), 2)
    check.equal(len(server.requests), 5)
    check.equal(server.requests[2].body, server.requests[4].body)  # three in one, under one id


def test_too_many_requests_wait_as_long_as_the_cloud_says():
    session, _ = fresh(AUTH, says(40000, "Retry-After: 33"), says(40000), DONE)
    link, lines = _link(session)
    link.report({"t": 1})
    before = Time.ticks
    assert link.flush(600_000)
    text = "report 1: /topic: code 40000 request too many; sent again in {} s"
    check.equal(lines[2:4], [text.format(33), text.format(40)])
    assert 73_000 <= Time.ticks - before < 75_000
    check.equal(link.handed_over, 1)


def test_what_cannot_be_published_lets_the_next_pass_and_is_set_aside_after_four_tries():
    session, server = fresh(AUTH, says(30001), says(30001), DONE, *[says(30001)] * 3)
    link, lines = _link(session)
    link.report({"t": 1})
    link.report({"t": 2})
    assert link.flush(600_000)
    again = "report 1: /topic: code 30001 publish message error; sent again in {} s"
    stored = "report 2 stored as 892687627916247040"
    aside = "report 1 set aside: /topic: code 30001 publish message error"
    both = "reports 1 to 2: /topic: code 30001 publish message error; sent again, one by one"
    waits = [both, again.format(20), stored, again.format(40), again.format(80)]
    check.equal(lines[2:-1], waits)
    check.equal(lines[-1], aside)
    bodies = [request.body for request in server.requests]
    check.equal([bodies.count(body) for body in bodies], [1, 1, 4, 1, 4, 4, 4])


def test_a_wrong_identity_is_not_hammered():
    session, server = fresh(*[says(20000)] * 9)
    link, lines = _link(session)
    link.report({"t": 1})
    link.poll(3_600_000)
    assert len(server.requests) <= 5, len(server.requests)
    check.equal(len(link.outbox), 1)
    for line in lines:
        shown(line)


def test_a_lost_connection_is_opened_again_and_the_report_stored_once():
    session, server = fresh(AUTH, CLOSE, CLOSE, DONE)
    link, lines = _link(session)
    link.report({"t": 1})
    assert link.flush(600_000)
    check.equal(link.handed_over, 1)
    assert any("connection lost" in line for line in lines)
    bodies = [request.body for request in server.requests[1:]]
    check.equal(bodies, [bodies[0]] * 3)


def test_a_file_that_was_closed_too_early_never_ends_the_link():
    session, server = fresh(AUTH, SILENCE, DONE)
    link, lines = _link(session)
    file = File(5000)
    link.report(file, topic=TOPIC)
    link.report({"t": 1})
    while len(server.requests) < 2:
        link.poll(0)
    file.is_open = False
    session._client.channel.end()
    assert link.flush(600_000)
    assert any(line.startswith("report -1 set aside: cannot be sent") for line in lines), lines
    check.equal(link.handed_over, 1)


def test_what_deep_sleep_interrupts_goes_after_it_under_its_id_without_another_login():
    session, server = fresh(AUTH, CLOSE, CLOSE)
    link, _ = _link(session, True)
    link.report({"t": 1})
    link.report(b"raw", topic=TOPIC)
    assert not link.flush(5_000)
    link.close()
    sent = server.requests[-1].body
    session, server = restarted(DONE, DONE)
    link, lines = _link(session, True)
    assert link.flush(60_000)
    check.equal(lines[0], "connected")
    check.equal([request.body for request in server.requests], [sent, b"raw"])


def test_a_report_at_which_the_server_closes_lets_the_others_pass_and_is_set_aside():
    session, server = fresh(AUTH, *[CLOSE] * 6, DONE, *[CLOSE] * 40)
    link, lines = _link(session)
    link.report({"t": 1})
    link.report({"t": 2})
    link.poll(4_000_000)
    assert "report 1: closed by the peer, 3 times; it goes last and alone" in lines
    check.equal((link.handed_over, link.waiting), (1, 1))  # it may be the network
    server.replies[:] = [DONE, CLOSE, CLOSE]
    link.report({"t": 3})
    assert link.flush(1_000_000)
    assert "report 1 set aside: closed by the peer" in lines
    check.equal(link.handed_over, 2)


def test_memory_that_is_missing_for_a_new_connection_sets_no_report_aside():
    session, _ = fresh(AUTH, (DONE,), *[MemoryError()] * 5, DONE)
    link, lines = _link(session)
    for _ in range(2):
        link.report({"t": 1}, event="alarm")
    assert link.flush(3_000_000)
    check.equal((link.handed_over, link.outbox.dead), (2, []))
    assert "connection lost: no memory" in " ".join(lines)
