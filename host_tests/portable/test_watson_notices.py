"""Which report does a gateway's notice cost, when several to one topic are on their way?

A notice names the topic only, and comes before PUBACK or after it (eclipse/amlen server_proxy,
pxmqtt.c). The broker here is written by hand.
"""

import json

import check
from check_mqtt import message, opens, puback
from signet.cloud.watson import mqtt
from signet.errors import Rejected, Throttled
from signet.reports.messages import Report

_METER = ("m", "1")


def _session(reports, window=4):
    lines = []
    config = {
        "cloud": "watson",
        "role": "gateway",
        "org_id": "myorg1",
        "type_id": "r",
        "device_id": "g",
        "event": "status",
        "token": "s3cr3t",
        "window": window,
        "keepalive_s": 60,
        "ack_timeout_s": 10,
        "clean_session": True,
    }
    session = mqtt.session(config, lines.append)
    line = opens(session)
    for key in range(1, reports + 1):
        assert session.submit(key, Report({"t": key}, device=_METER))
    return session, line, lines


def _notice(code=180, device="1"):
    body = {
        "Request": "Publish",
        "Topic": "iot-2/type/m/id/{}/evt/status/fmt/json".format(device),
        "RC": code,
        "Message": "no",
    }
    return message(b"iot-2/type/r/id/g/notify", json.dumps(body).encode())


def _events(session, line, *script):
    """Returns what `poll` makes of it: (kind, key) each; an int is the PUBACK of that report."""
    found = []
    for each in script:
        line.says(puback(line.published[each - 1][2]) if isinstance(each, int) else each)
        event = session.poll(0)
        if event is not None:
            found.append(event[:2])
    return found


def _lost(lines):
    """Returns the keys of the reports that the log calls lost."""
    return [int(line.split()[1]) for line in lines if "is lost" in line]


def test_each_notice_behind_an_acknowledgement_is_about_that_report():
    session, line, lines = _session(3)
    script = []
    for key in (1, 2, 3):
        script += [key, _notice()]
    check.equal(_events(session, line, *script), [("acked", 1), ("acked", 2), ("acked", 3)])
    check.equal(_lost(lines), [1, 2, 3])
    assert "(3 so far): Publish refused" in lines[2] and "RC 180: no" in lines[2], lines


def test_notices_behind_all_acknowledgements_are_about_the_reports_in_their_order():
    session, line, lines = _session(3)
    script = [1, 2, 3, _notice(), _notice(), _notice()]
    check.equal(_events(session, line, *script), [("acked", 1), ("acked", 2), ("acked", 3)])
    check.equal(_lost(lines), [1, 2, 3])


def test_a_notice_before_the_acknowledgement_fails_the_oldest_in_flight():
    session, line, lines = _session(3)
    script = [_notice(), 1, _notice(), 2, 3]
    check.equal(_events(session, line, *script), [("failed", 1), ("failed", 2), ("acked", 3)])
    check.equal(lines, [])


def test_a_report_to_another_topic_is_not_blamed():
    session, line, lines = _session(2)
    check.equal(_events(session, line, 1, _notice(device="2")), [("acked", 1)])
    assert _lost(lines) == [] and lines[0].startswith("Publish refused"), lines


def test_an_acknowledgement_of_long_ago_is_not_blamed():
    session, line, lines = _session(2)
    check.equal(_events(session, line, 1), [("acked", 1)])
    with check.Ahead(10_500):
        check.equal(_events(session, line, _notice()), [("failed", 2)])
    check.equal(_lost(lines), [])


def test_what_passes_by_itself_is_sent_again_where_it_is_in_flight():
    for code, error_class in ((176, Throttled), (180, Rejected)):
        session, line, _ = _session(1)
        line.says(_notice(code))
        event = session.poll(0)
        check.equal(event[:2], ("failed", 1))
        assert type(event[2]) is error_class


def test_no_more_than_two_windows_of_acknowledgements_are_remembered():
    session, line, lines = _session(0, 2)
    for key in range(1, 8):
        assert session.submit(key, Report({"t": key}, device=_METER))
        check.equal(_events(session, line, key), [("acked", key)])
    check.equal(_events(session, line, *[_notice() for _ in range(5)]), [])
    check.equal(_lost(lines), [4, 5, 6, 7])
