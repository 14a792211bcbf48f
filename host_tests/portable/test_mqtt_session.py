"""Does the MQTT Session keep the contract: what is acked, sent again, failed, lost?

The client here is scripted, so that a reply can be late by more than a test may wait.
"""

import json

import check
from signet import clock, modules
from signet.cloud import mqtt_session
from signet.cloud.alibaba.mqtt import Dialect as Alibaba
from signet.cloud.watson.mqtt import Dialect as Watson
from signet.errors import Lost, ProtocolError, Refused, Rejected, Throttled
from signet.reports.messages import Command, Report

_POST_REPLY = b"/sys/pk/dn/thing/event/property/post_reply"


class _Client:
    def __init__(self):
        self.events = []
        self.published = []
        self.forgotten = []
        self.failing = False
        self.in_the_air = 0
        self.sock = None
        self.ready = True
        self.busy = False

    def poll(self, timeout_ms):
        event = self.events.pop(0) if self.events else None
        if isinstance(event, Exception):
            raise event
        return event

    def publish(self, topic, payload, qos=0):
        if self.failing:
            raise Lost("reset by the peer")
        if "+" in topic:
            raise ValueError("a wildcard")
        self.published.append((topic, payload))
        return len(self.published)

    def unacked(self):
        return self.in_the_air

    def subscribe(self, topics):
        pass

    def set_login(self, *login):
        pass

    def begin(self, stream):
        self.ready = True

    def readable(self):
        return None

    def forget(self, packet_id):
        self.forgotten.append(packet_id)

    def close(self):
        pass

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
        "clean_session": True,
    }
    dialect = dialect or Alibaba({"product_key": "pk", "device_name": "dn"})
    session = mqtt_session.MqttSession(config, dialect, lines.append)
    session._client = client = _Client()
    client.events = [("connected", False)]
    assert session.poll(0) == ("opened",)
    return session, client, lines


def _watson():
    config = {"role": "device", "org_id": "myorg1", "type_id": "m", "device_id": "7"}
    return Watson(dict(config, event="status"), print)


def _reply(client, index, code=200):
    message_id = json.loads(client.published[index][1])["id"]
    body = {"id": message_id, "code": code, "message": "m"}
    return ("message", _POST_REPLY, json.dumps(body).encode(), False)


def _reconnects(session, client):
    connect, mqtt_session.connect = mqtt_session.connect, lambda config, deadline: None
    try:
        session.begin(None)
    finally:
        mqtt_session.connect = connect
    client.events = [("connected", True)]
    assert session.poll(0) == ("opened",)


def _late(session):
    """Moves what is in flight into the past, by more than a reply may take."""
    for entry in session._flight:
        entry.sent_at = clock.ticks_add(clock.ticks_ms(), -10_500)


def test_a_refusal_is_one_where_no_memory_is_left_to_say_what_to_check():
    session, client, _ = _session()
    session._opened = False
    call, refusal = modules.call, Refused("CONNACK 5: not authorized", 5)

    def fail(*arguments):
        raise MemoryError

    for modules.call, text in ((call, "; check "), (fail, "")):
        client.events = [refusal]
        kind, error = session.poll(0)
        check.equal((kind, type(error), error.code), ("lost", Refused, 5))
        assert str(error).startswith(str(refusal) + text), error
    modules.call = call
    assert error is refusal


def test_where_the_cloud_replies_only_its_reply_acknowledges():
    session, client, _ = _session()
    assert session.submit(5, Report({"t": 1}))
    client.events = [("acked", 1)]
    assert session.poll(0) is None
    client.events = [_reply(client, 0)]
    assert session.poll(0) == ("acked", 5, None)
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


def test_a_lost_reply_is_asked_for_again_once_with_the_same_id_then_the_link_is_lost():
    session, client, lines = _session()
    session.submit(5, Report({"t": 1}))
    client.events = [("acked", 1)]
    session.poll(0)
    _late(session)
    assert session.poll(0) is None
    assert client.published[0] == client.published[1] and "no reply to report 5" in lines[0]
    client.events = [("acked", 2)]
    session.poll(0)
    _late(session)
    kind, error = session.poll(0)
    assert kind == "lost" and isinstance(error, Lost)


def _unanswered(session, client, report):
    """It has its PUBACK, and no reply in time."""
    session.submit(5, report)
    client.events = [("acked", len(client.published))]
    session.poll(0)
    _late(session)


def test_a_report_that_is_never_answered_lets_the_others_pass_after_the_third_time():
    session, client, _ = _session()
    report = Report({"t": 1})
    session.submit(5, report)
    for number in (1, 2, 3):
        for _ in range(2):  # as it is sent with the connection, and once more
            session.poll(0)
            client.events = [("acked", len(client.published))]
            session.poll(0)
            _late(session)
        event = session.poll(0)
        check.equal(event[0], "lost" if number < 3 else "failed")
        _reconnects(session, client)
    assert event[1] == 5 and isinstance(event[2], Throttled)


def test_a_report_that_cannot_be_sent_again_fails_and_the_connection_stands():
    session, client, _ = _session()
    values = {"t": 1.5}
    _unanswered(session, client, Report(values))
    values["t"] = float("nan")  # the program uses its dict again
    event = session.poll(0)
    assert event[:2] == ("failed", 5) and isinstance(event[2], Rejected)
    assert session.submit(6, Report({"t": 1}))


def test_an_answer_for_which_there_is_no_memory_is_dropped_and_said():
    session, client, lines = _session()
    command = Command("x", {}, "/sys/pk/dn/thing/service/x", id="1")
    session.reply(command, {})
    publish = client.publish

    def full(topic, payload, qos=0):
        raise MemoryError("none")

    client.publish = full
    assert session.poll(0) is None and "dropped an answer" in lines[0]
    client.publish = publish
    assert session.poll(0) is None and not client.published


def test_a_reply_to_the_second_sending_acknowledges():
    session, client, _ = _session()
    session.submit(5, Report({"t": 1}))
    client.events = [("acked", 1)]
    session.poll(0)
    _late(session)
    session.poll(0)
    client.events = [_reply(client, 1)]
    assert session.poll(0) == ("acked", 5, None)


def test_what_has_its_puback_but_no_reply_is_sent_again_at_reconnect_with_the_same_id():
    session, client, _ = _session()
    session.submit(5, Report({"t": 1}))
    session.submit(6, Report({"t": 2}))
    client.events = [("acked", 1)]
    session.poll(0)
    _reconnects(session, client)
    session.poll(0)
    # 6 has no PUBACK yet: the client itself sends it again
    assert client.published[2:] == client.published[:1]
    client.events = [_reply(client, 2)]
    assert session.poll(0) == ("acked", 5, None)


def test_what_has_no_room_at_reconnect_is_sent_again_when_there_is():
    session, client, _ = _session()
    check.equal(session.submit(1, Report({"n": 1})), True)
    client.events.append(("acked", 1))
    check.equal(session.poll(0), None)
    client.in_the_air = 3  # answers to commands fill the client's window of 3
    client.events.append(("connected", False))
    check.equal(session.poll(0), ("opened",))
    check.equal(len(client.published), 1)
    client.in_the_air = 0
    _late(session)
    check.equal(session.poll(0), None)
    check.equal(client.published[1], client.published[0])


def test_message_ids_do_not_repeat():
    session, client, _ = _session()
    session.submit(1, Report({"t": 1}))
    session.submit(2, Report({"t": 1}))
    first, second = [json.loads(payload)["id"] for _, payload in client.published]
    assert first != second and 0 <= int(first) < 1 << 32
    other, other_client, _ = _session()
    other.submit(1, Report({"t": 1}))
    assert json.loads(other_client.published[0][1])["id"] != first, "after a reboot"


def test_a_report_is_not_taken_while_something_waits_to_be_sent():
    session, client, _ = _session()
    client.ready = False
    assert not session.submit(5, Report({"t": 1}))
    client.ready = True
    assert session.submit(5, Report({"t": 1})) and len(client.published) == 1


def test_a_lost_connection_and_a_broken_packet_are_events():
    session, client, _ = _session()
    for error in (Lost("x"), ProtocolError("y")):
        client.events = [error]
        assert session.poll(0) == ("lost", error)


def test_a_message_that_breaks_the_format_is_dropped_and_named():
    session, client, lines = _session()
    client.events = [
        ("message", b"/sys/pk/dn/thing/service/x", b"{", False),
        ("message", b"/sys/pk/dn/thing/service/\xff", b"{}", False),
        ProtocolError("9000 bytes on a/b, more than this board takes"),
    ]
    client.sock = "still connected"
    for _ in range(3):
        assert session.poll(0) is None
    assert len(lines) == 3
    assert "thing/service/x" in lines[0] and "9000 bytes" in lines[2]


def test_a_raw_report_goes_out_as_it_is():
    session, client, _ = _session()
    session.submit(5, Report(b"\x00\x01", topic="/pk/dn/user/update"))
    assert client.published == [("/pk/dn/user/update", b"\x00\x01")]
    client.events = [("acked", 1)]
    assert session.poll(0) == ("acked", 5, None)


def test_answers_wait_for_room_and_go_before_reports():
    session, client, _ = _session()
    client.in_the_air = 3  # the window, and one more
    assert not session.submit(1, Report({"t": 1})), "no room for a report"
    for number in range(8):
        session.reply(Command("x", {}, "a/b", number), {})
    check.raises(Throttled, session.reply, Command("x", {}, "a/b", 9), {})
    assert session.poll(0) is None and client.published == []
    client.in_the_air = 0
    session.poll(0)
    ids = [json.loads(payload)["id"] for _, payload in client.published]
    assert ids == [0, 1, 2, 3, 4, 5, 6, 7] and client.published[0][0] == "a/b_reply"


def test_what_the_cloud_would_punish_is_rejected_before_it_is_sent():
    session, client, _ = _session(_watson())
    check.raises(Rejected, session.submit, 1, Report(b"x", topic="iot-2/cmd/a/fmt/json"))
    session._dialect.max_payload_bytes = 10
    error = check.raises(Rejected, session.submit, 3, Report({"t": "x" * 20}))
    assert "more than this cloud takes" in str(error)
    assert client.published == []


def test_a_topic_that_no_server_may_send_or_no_log_may_hold_is_dropped():
    session, client, lines = _session()
    for level in (b"go\nreport 7 stored", b"+", b"#", b"x#", b"x" * 512):  # MQTT-3.3.2-2
        topic = b"/sys/pk/dn/thing/service/" + level
        client.events.append(("message", topic, b'{"id":"1"}', False))
    client.events.append(("message", b"", b"{}", False))
    while client.events:
        assert session.poll(0) is None
    check.equal(lines, ["dropped a message: a bad topic"] * 6)


def test_an_answer_that_cannot_be_published_does_not_hold_up_the_next():
    session, client, lines = _session()
    session.reply(Command("x", {}, "a/+", 1), {})
    session.reply(Command("x", {}, "a/b", 2), {})
    assert session.poll(0) is None
    check.equal([topic for topic, _ in client.published], ["a/b_reply"])
    check.equal(lines, ["dropped an answer: a wildcard"])
