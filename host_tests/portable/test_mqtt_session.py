"""Does the MQTT Session keep the contract: what is acked, sent again, failed, lost?

The client here is scripted, so that a reply can be late by more than a test may wait.
"""

import json

import check
from signet import modules
from signet.cloud import mqtt_session
from signet.cloud.alibaba.mqtt import Dialect as Alibaba
from signet.cloud.watson.mqtt import Dialect as Watson
from signet.errors import Lost, ProtocolError, Refused, Rejected, TimedOut
from signet.reports.messages import Command, Report

_POST_REPLY = b"/sys/pk/dn/thing/event/property/post_reply"


class _Client:
    def __init__(self):
        self.events = []
        self.published = []  # (topic, payload, packet id that it had before)
        self.expected = []
        self.forgotten = []
        self.subscribed = []
        self.ready = True
        self.busy = False
        self.count = 0

    def poll(self, timeout_ms):
        event = self.events.pop(0) if self.events else None
        if isinstance(event, Exception):
            raise event
        return event

    def publish(self, topic, payload, again):
        if "+" in topic:
            raise ValueError("a wildcard")
        self.count += again is None
        self.published.append((topic, payload, again))
        return again or self.count

    def subscribe(self, topics):
        self.subscribed.append(topics)

    def expect(self, packet_id):
        self.expected.append(packet_id)

    def forget(self, packet_id):
        self.forgotten.append(packet_id)

    def close(self):
        self.ready = False

    disconnect = close


def _session(dialect=None):
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
    session.client = client = _Client()
    _opens(session)
    return session, client, lines


def _opens(session, present=False):
    session.client.ready = True
    session.client.events = [("connected", present)]
    assert session.poll(0) == ("opened",)


def _watson():
    config = {"role": "device", "org_id": "myorg1", "type_id": "m", "device_id": "7"}
    return Watson(dict(config, event="status"), print)


def _reply(client, index, code=200):
    message_id = json.loads(client.published[index][1])["id"]
    body = {"id": message_id, "code": code, "message": "m"}
    return ("message", _POST_REPLY, json.dumps(body).encode())


def test_a_refusal_is_one_where_no_memory_is_left_to_say_what_to_check():
    session, client, _ = _session()
    session._opened = False
    call, refusal = modules.call, Refused("CONNACK 5: not authorized", 5)

    def fail(*arguments):
        raise MemoryError

    for modules.call, text in ((call, "; check "), (fail, "")):
        client.events = [refusal]
        kind, error, keys = session.poll(0)
        check.equal((kind, type(error), error.code, keys), ("lost", Refused, 5, []))
        assert str(error).startswith(str(refusal) + text), error
    modules.call = call
    assert error is refusal


def test_where_the_cloud_replies_only_its_reply_acknowledges():
    session, client, _ = _session()
    assert session.submit(5, Report({"t": 1}))
    client.events = [("acked", 1)]
    assert session.poll(0) is None and client.expected == [1]
    client.events = [_reply(client, 0)]
    assert session.poll(0) == ("acked", 5, None) and client.forgotten == [1]
    client.events = [_reply(client, 0)]
    assert session.poll(0) is None, "a second reply"


def test_where_the_cloud_does_not_reply_the_broker_acknowledges():
    session, client, _ = _session(_watson())
    session.submit(5, Report({"t": 1}))
    client.events = [("acked", 1)]
    assert session.poll(0) == ("acked", 5, None)


def test_a_reply_before_the_puback_is_enough_and_nothing_is_sent_again():
    session, client, _ = _session()
    session.submit(5, Report({"t": 1}))
    client.events = [_reply(client, 0)]
    assert session.poll(0) == ("acked", 5, None)
    assert client.forgotten == [1]


def test_a_bad_code_fails_the_report_that_it_is_about():
    session, client, _ = _session()
    session.submit(5, Report({"t": 1}))
    session.submit(6, Report({"t": 2}))
    client.events = [_reply(client, 1, 460), _reply(client, 0)]
    kind, key, error = session.poll(0)
    assert (kind, key, error.code) == ("failed", 6, 460)
    assert session.poll(0) == ("acked", 5, None)


def test_what_has_no_puback_or_no_reply_in_time_fails_and_the_connection_stands():
    session, client, _ = _session()
    session.submit(5, Report({"t": 1}))
    session.submit(6, Report({"t": 2}))
    client.events = [("acked", 2), ("late", 1), ("late", 2)]
    assert session.poll(0) is None
    for key, missing in ((5, "PUBACK"), (6, "reply")):
        kind, about, error = session.poll(0)
        check.equal((kind, about, type(error)), ("failed", key, TimedOut))
        assert missing in str(error)
    assert session.submit(7, Report({"t": 1}))


def test_all_in_flight_is_forgotten_and_named_when_the_connection_ends():
    session, client, _ = _session()
    report = Report({"t": 1})
    for ends in (None, Lost("x"), ProtocolError("y"), MemoryError("z")):
        session.submit(5, report)
        session.submit(6, Report({"t": 2}))
        client.events = [("acked", client.count - 1)]
        assert session.poll(0) is None
        if ends is None:
            session.close()
        else:
            client.events = [ends]
            check.equal(session.poll(0), ("lost", ends, [5, 6]))
        _opens(session)
        assert client.events == [] and session.poll(0) is None
    ids = [payload for _, payload, _ in client.published[::2]]
    check.equal(ids, ids[:1] * 4)  # the same message id, whenever


def test_what_a_persistent_broker_may_have_goes_again_as_the_same_packet():
    session, client, _ = _session()  # MQTT-4.4.0-1
    for key in 5, 6:
        session.submit(key, Report({"t": key}))
    client.events = [("acked", 1), Lost("x")]
    session.poll(0)
    check.equal(session.poll(0)[2], [5, 6])
    _opens(session, True)
    for key in 6, 5:
        session.submit(key, Report({"t": key}))
    check.equal([again for _, _, again in client.published[2:]], [2, None])
    session.close()
    _opens(session, False)  # it has forgotten them
    session.submit(6, Report({"t": 6}))
    check.equal(client.published[-1][2], None)


def test_what_had_no_puback_in_time_goes_again_as_the_same_packet():
    session, client, _ = _session()
    session.submit(5, Report({"t": 1}))
    client.events = [("late", 1)]
    check.equal(session.poll(0)[:2], ("failed", 5))
    session.submit(6, Report({"t": 2}))
    session.submit(5, Report({"t": 1}))
    check.equal([again for _, _, again in client.published], [None, None, 1])


def test_a_refused_subscription_is_named_asked_for_again_and_reports_go_on():
    session, client, lines = _session()
    check.equal(client.subscribed, [session.dialect.subscriptions])
    client.events = [("refused", ["a", "b"])]
    assert session.poll(0) is None
    check.equal(lines, ["subscription to a, b refused; reports go on without it"])
    session.poll(0)
    with check.Ahead(3_600_000):
        session.poll(0)
        session.poll(0)
    check.equal(client.subscribed[1:], [["a", "b"]])
    session.submit(5, Report({"t": 1}))
    client.events = [("acked", 1)]
    assert session.poll(0) is None, "it was not the subscription to replies"


def test_puback_counts_where_the_subscription_to_replies_is_refused():
    session, client, lines = _session()
    session.submit(5, Report({"t": 1}))
    session.submit(6, Report({"t": 1}))
    client.events = [("refused", ["x/post_reply"]), ("acked", 1), _reply(client, 1, 460)]
    assert session.poll(0) is None
    assert "PUBACK" in lines[0], lines
    assert session.poll(0) == ("acked", 5, None)
    check.equal(session.poll(0)[:2], ("failed", 6))  # where it comes in spite of that
    _opens(session)
    session.submit(7, Report({"t": 1}))
    client.events = [("acked", client.count)]
    assert session.poll(0) is None, "another connection asks again"


def test_a_ping_that_was_answered_is_told():
    session, client, _ = _session()
    client.events = [("alive",)]
    assert session.poll(0) == ("alive",)


def test_the_answer_to_a_command_is_a_report_like_any_other():
    session, client, _ = _session()
    report = session.answer(Command("x", {}, "a/b", "7"), {"led": 1})
    check.equal(report.topic, "a/b_reply")
    assert session.answer(Command("x", {}, "a/b"), {"led": 1}) is None
    session.submit(-1, report)
    check.equal(json.loads(client.published[0][1])["data"], {"led": 1})
    client.events = [("acked", 1)]
    assert session.poll(0) == ("acked", -1, None)
    check.raises(Rejected, session.answer, Command("x", {}, "a/b", "7"), {"t": b"bytes"})


def test_a_report_is_not_taken_while_something_waits_to_be_sent():
    session, client, _ = _session()
    client.ready = False
    assert not session.submit(5, Report({"t": 1}))
    client.ready = True
    assert session.submit(5, Report({"t": 1})) and len(client.published) == 1


def test_a_message_that_breaks_the_format_is_dropped_and_named():
    session, client, lines = _session()
    client.events = [
        ("message", b"/sys/pk/dn/thing/service/x", b"{"),
        ("message", b"/sys/pk/dn/thing/service/\xff", b"{}"),
        ("oversize", "9000 bytes on a/b"),
    ]
    for _ in range(3):
        assert session.poll(0) is None
    assert len(lines) == 3
    assert "thing/service/x" in lines[0] and "9000 bytes" in lines[2]


def test_a_raw_report_goes_out_as_it_is():
    session, client, _ = _session()
    session.submit(5, Report(b"\x00\x01", topic="/pk/dn/user/update"))
    assert client.published == [("/pk/dn/user/update", b"\x00\x01", None)]
    client.events = [("acked", 1)]
    assert session.poll(0) == ("acked", 5, None)


def test_what_the_cloud_would_punish_is_rejected_before_it_is_sent():
    session, client, _ = _session(_watson())
    check.raises(Rejected, session.submit, 1, Report(b"x", topic="iot-2/cmd/a/fmt/json"))
    check.raises(Rejected, _session()[0].submit, 1, Report(b"x", topic="a/+"))
    session.dialect.max_payload_bytes = 10
    error = check.raises(Rejected, session.submit, 3, Report({"t": "x" * 20}))
    assert "more than this cloud takes" in str(error)
    assert client.published == []


def test_a_topic_that_no_server_may_send_or_no_log_may_hold_is_dropped():
    session, client, lines = _session()
    levels = [b"go\nreport 7 stored", b"+", b"#", b"x#", b"x" * 512]  # MQTT-3.3.2-2
    levels += [odd.encode() for odd in ("\x7f", "\x9b2J", "\u2028", "\u202e", "\uffff")]
    for level in levels:
        topic = b"/sys/pk/dn/thing/service/" + level
        client.events.append(("message", topic, b'{"id":"1"}'))
    client.events.append(("message", b"", b"{}"))
    while client.events:
        assert session.poll(0) is None
    check.equal(lines, ["dropped a message: a bad topic"] * 11)
