"""Does the MQTT Session keep the contract: what is acked, sent again, failed, lost?

The broker here is written by hand, so that an answer can be late by more than a test may wait.
"""

import json

import check
from check_mqtt import Line, message, opens, puback, suback
from signet import modules
from signet.cloud import mqtt_session
from signet.cloud.alibaba.mqtt import Dialect as Alibaba
from signet.cloud.watson.mqtt import Dialect as Watson
from signet.errors import Lost, ProtocolError, Refused, Rejected, TimedOut
from signet.reports.messages import Command, Report

_POST_REPLY = b"/sys/pk/dn/thing/event/property/post_reply"
_PINGRESP = b"\xd0\0"


def _session(dialect=None):
    """Returns a session that is open, its line, and the lines of its log."""
    lines = []
    config = {
        "cloud": "watson",
        "role": "device",
        "org_id": "myorg1",
        "type_id": "t",
        "device_id": "d",
        "token": "s3cr3t",
        "window": 2,
        "keepalive_s": 60,
        "ack_timeout_s": 10,
        "clean_session": True,
    }
    dialect = dialect or Alibaba({"product_key": "pk", "device_name": "dn"})
    session = mqtt_session.MqttSession(config, dialect, lines.append)
    return session, opens(session), lines


def _watson():
    config = {"role": "device", "org_id": "myorg1", "type_id": "m", "device_id": "7"}
    return Watson(dict(config, event="status"), print)


def _reply(line, index, code=200):
    message_id = json.loads(line.published[index][1])["id"]
    body = {"id": message_id, "code": code, "message": "m"}
    return message(_POST_REPLY, json.dumps(body).encode())


def _hears(session, line, *packets):
    """Returns what `poll` makes of each."""
    events = []
    for packet in packets:
        line.says(packet)
        events.append(session.poll(0))
    return events


def _numbers(line):
    """Returns packet id, and whether it goes again, of what was published."""
    return [tuple(each[2:]) for each in line.published]


def test_a_refusal_is_one_where_no_memory_is_left_to_say_what_to_check():
    session, _, _ = _session()
    session._opened = False
    call, refusal = modules.call, "CONNACK 5: not authorized"

    def fail(*arguments):
        raise MemoryError

    for modules.call, text in ((call, "; check "), (fail, "")):
        line = Line()
        session.client.begin(line, ("c", None, None))
        kind, error, keys = _hears(session, line, b"\x20\2\0\5")[0]
        check.equal((kind, type(error), error.code, keys), ("lost", Refused, 5, []))
        assert str(error).startswith(refusal + text), error
    modules.call = call
    check.equal(str(error), refusal)


def test_where_the_cloud_replies_only_its_reply_acknowledges():
    session, line, _ = _session()
    assert session.submit(5, Report({"t": 1}))
    answers = puback(line.published[0][2]), _reply(line, 0), _reply(line, 0)
    check.equal(_hears(session, line, *answers), [None, ("acked", 5, None), None])


def test_where_the_cloud_does_not_reply_the_broker_acknowledges():
    session, line, _ = _session(_watson())
    session.submit(5, Report({"t": 1}))
    check.equal(_hears(session, line, puback(2)), [("acked", 5, None)])


def test_a_reply_before_the_puback_is_enough_and_nothing_is_sent_again():
    session, line, _ = _session()
    session.submit(5, Report({"t": 1}))
    check.equal(_hears(session, line, _reply(line, 0), puback(2)), [("acked", 5, None), None])
    with check.Ahead(30_000):
        check.equal(_hears(session, line, b"", _PINGRESP, b""), [None] * 3)


def test_a_bad_code_fails_the_report_that_it_is_about():
    session, line, _ = _session()
    session.submit(5, Report({"t": 1}))
    session.submit(6, Report({"t": 2}))
    failed, acked = _hears(session, line, _reply(line, 1, 460), _reply(line, 0))
    check.equal((failed[:2], failed[2].code), (("failed", 6), 460))
    check.equal(acked, ("acked", 5, None))


def test_what_has_no_puback_or_no_reply_in_time_fails_and_the_connection_stands():
    session, line, _ = _session()
    session.submit(5, Report({"t": 1}))
    session.submit(6, Report({"t": 2}))
    check.equal(_hears(session, line, puback(3)), [None])
    with check.Ahead(15_000):
        check.equal(_hears(session, line, b"", _PINGRESP), [None, ("alive",)])
    with check.Ahead(16_000):
        first = session.poll(0)
    with check.Ahead(17_000):
        second = session.poll(0)
    for event, key, missing in (first, 5, "PUBACK"), (second, 6, "reply"):
        check.equal((event[:2], type(event[2])), (("failed", key), TimedOut))
        assert missing in str(event[2])
    for key in 5, 6:
        assert session.submit(key, Report({"t": 1}))
    check.equal(_numbers(line)[2:], [(2, True), (4, False)])  # what has no PUBACK goes again


def test_all_in_flight_is_forgotten_and_named_when_the_connection_ends():
    session, line, _ = _session()
    report = Report({"t": 1})
    ids = []
    for error in (None, Lost("x"), ProtocolError("y"), MemoryError("z")):
        session.submit(5, report)
        session.submit(6, Report({"t": 2}))
        check.equal(_hears(session, line, puback(2)), [None])
        ids.append(json.loads(line.published[0][1])["id"])
        if error is None:
            session.close()
        else:
            line.error = error
            check.equal(session.poll(0), ("lost", error, [5, 6]))
        line = opens(session)
        assert session.poll(0) is None
    check.equal(ids, ids[:1] * 4)  # the same message id, whenever


def test_what_a_persistent_broker_may_have_goes_again_as_the_same_packet():
    session, line, _ = _session()  # MQTT-4.4.0-1
    for key in 5, 6:
        session.submit(key, Report({"t": key}))
    line.error = Lost("x")
    check.equal(_hears(session, line, puback(2))[0], None)
    check.equal(session.poll(0)[2], [5, 6])
    line = opens(session, True)
    for key in 6, 5:
        session.submit(key, Report({"t": key}))
    check.equal(_numbers(line), [(3, True), (5, False)])
    session.close()
    line = opens(session, False)  # it has forgotten them
    session.submit(6, Report({"t": 6}))
    check.equal(_numbers(line), [(7, False)])


def test_a_refused_subscription_is_named_asked_for_again_and_reports_go_on():
    session, line, lines = _session()
    wanted = session.dialect.subscriptions
    session.client.subscribe(wanted)
    suback(session, line, b"\1\1\x80\x80")
    text = "subscription to {} refused; reports go on without it"
    check.equal(lines, [text.format(", ".join(wanted[2:]))])
    session.poll(0)
    with check.Ahead(3_600_000):
        session.poll(0)
        session.poll(0)
    check.equal(line.subscribed, [wanted, wanted, wanted[2:]])
    for key in range(2):  # SUBACK is awaited, and takes no place of a report
        assert session.submit(key, Report({"n": key}))
    assert not session.submit(2, Report({"n": 2}))
    check.equal(_hears(session, line, puback(line.published[0][2])), [None])  # replies can come


def test_puback_counts_where_the_subscription_to_replies_is_refused():
    session, line, lines = _session()
    session.client.subscribe(["x/post_reply"])
    session.submit(5, Report({"t": 1}))
    suback(session, line, b"\x80")
    assert "PUBACK" in lines[0], lines
    session.submit(6, Report({"t": 1}))
    acked, failed = _hears(session, line, puback(3), _reply(line, 1, 460))
    check.equal(acked, ("acked", 5, None))
    check.equal(failed[:2], ("failed", 6))  # where it comes in spite of that
    line = opens(session)
    session.submit(7, Report({"t": 1}))
    check.equal(_hears(session, line, puback(line.published[0][2])), [None])  # it asked again


def test_the_answer_to_a_command_is_a_report_like_any_other():
    session, line, _ = _session()
    report = session.answer(Command("x", {}, "a/b", "7"), {"led": 1})
    check.equal(report.topic, "a/b_reply")
    assert session.answer(Command("x", {}, "a/b"), {"led": 1}) is None
    session.submit(-1, report)
    check.equal(json.loads(line.published[0][1])["data"], {"led": 1})
    check.equal(_hears(session, line, puback(2)), [("acked", -1, None)])
    check.raises(Rejected, session.answer, Command("x", {}, "a/b", "7"), {"t": b"bytes"})


def test_a_report_is_not_taken_while_something_waits_to_be_sent():
    session, line, _ = _session()
    line.takes = False
    assert session.submit(5, Report({"t": 1}))
    assert not session.submit(6, Report({"t": 1}))
    line.takes = True
    assert session.poll(5000) is None  # at once
    assert session.submit(6, Report({"t": 1})) and len(line.published) == 2


def test_a_message_that_breaks_the_format_is_dropped_and_named():
    session, line, lines = _session()
    topic = b"/sys/pk/dn/thing/service/x"
    large = message(topic, bytes(5000))
    packets = message(topic, b"{"), message(topic[:-1] + b"\xff", b"{}"), large
    check.equal(_hears(session, line, *packets)[:2], [None] * 2)
    while line.rest:
        assert session.poll(0) is None
    assert len(lines) == 3
    assert "thing/service/x" in lines[0] and "5028 bytes" in lines[2], lines


def test_a_raw_report_goes_out_as_it_is():
    session, line, _ = _session()
    session.submit(5, Report(b"\x00\x01", topic="/pk/dn/user/update"))
    check.equal(line.published, [["/pk/dn/user/update", b"\x00\x01", 2, False]])
    check.equal(_hears(session, line, puback(2)), [("acked", 5, None)])


def test_what_the_cloud_would_punish_is_rejected_before_it_is_sent():
    session, line, _ = _session(_watson())
    check.raises(Rejected, session.submit, 1, Report(b"x", topic="iot-2/cmd/a/fmt/json"))
    check.raises(Rejected, _session()[0].submit, 1, Report(b"x", topic="a/+"))
    session.dialect.max_payload_bytes = 10
    error = check.raises(Rejected, session.submit, 3, Report({"t": "x" * 20}))
    assert "more than this cloud takes" in str(error)
    check.equal(line.published, [])


def test_a_topic_that_no_server_may_send_or_no_log_may_hold_is_dropped():
    session, line, lines = _session()
    levels = [b"go\nreport 7 stored", b"+", b"#", b"x#", b"x" * 512]  # MQTT-3.3.2-2
    levels += [odd.encode() for odd in ("\x7f", "\x9b2J", "\u2028", "\u202e", "\uffff")]
    for level in levels:
        topic = b"/sys/pk/dn/thing/service/" + level
        check.equal(_hears(session, line, message(topic, b'{"id":"1"}')), [None])
    check.equal(lines, ["dropped a message: a bad topic"] * 10)
