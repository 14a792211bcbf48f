"""Does client/mqtt.py keep MQTT 3.1.1's rules, whatever the broker sends?

Packets are written out by hand from the OASIS text; section numbers are its own.
"""

import check
from check_mqtt import connect
from signet import clock
from signet.client.mqtt import MQTTClient
from signet.errors import Lost, ProtocolError, Refused, Throttled
from signet.net.stream import TcpChannel
from signet.net.umqtt_stream import Stream

SERVERS = {
    "polite": ("tcp", "mqtt"),
    "silent": ("tcp", "black_hole"),
    "closing": ("tcp", "close_at_once"),
    "junk": ("tcp", "junk"),
    "code1": ("tcp", [("packet",), ("send", "20020001")]),
    "code2": ("tcp", [("packet",), ("send", "20020002")]),
    "code3": ("tcp", [("packet",), ("send", "20020003")]),
    "code4": ("tcp", [("packet",), ("send", "20020004")]),
    "code5": ("tcp", [("packet",), ("send", "20020005")]),
    "code9": ("tcp", [("packet",), ("send", "20020009")]),
    "present": ("tcp", [("packet",), ("send", "20020100")]),
    "bad_flags": ("tcp", [("packet",), ("send", "20020200")]),
    "not_connack": ("tcp", [("packet",), ("send", "d0000000")]),
    # PUBLISH before and after CONNACK's own bytes
    "message": ("tcp", [("packet",), ("send", "2002000030060003612f6278")]),
    "in_pieces": (
        "tcp",
        [
            ("packet",),
            ("send", "2002000030"),
            ("wait", 60),
            ("send", "080003612f"),
            ("wait", 60),
            ("send", "62787979"),
        ],
    ),
    "stalls": ("tcp", [("packet",), ("send", "2002000030060003")]),
    "qos1": ("tcp", [("packet",), ("send", "2002000032080003612f62000778"), ("packet",)]),
    "retained": ("tcp", [("packet",), ("send", "2002000031060003612f6278")]),
    # the client's limit is 16 bytes in this test
    "big": (
        "tcp",
        [
            ("packet",),
            ("send", "2002000032150003612f6200077878787878787878787878787878"),
            ("packet",),
            ("send", "30060003612f6279"),
        ],
    ),
    "twice": (
        "tcp",
        [("packet",), ("send", "20020000"), ("packet",), ("send", "400200014002000140020063")],
    ),
    "no_puback": ("tcp", [("packet",), ("send", "20020000")]),
    "no_suback": ("tcp", [("packet",), ("send", "20020000"), ("packet",)]),
    "sub_refused": (
        "tcp",
        [("packet",), ("send", "20020000"), ("packet",), ("send", "9003000180")],
    ),
    "sub_late": (
        "tcp",
        [("packet",), ("send", "20020000"), ("packet",), ("send", "30060003612f62789003000101")],
    ),
    "resend": (
        "tcp",
        [("packet",), ("send", "20020000"), ("packet",), ("packet",), ("close",)],
        [("answer",), ("answer",), ("answer",), ("answer",)],
    ),
    "subscribes_again": (
        "tcp",
        [("answer",), ("answer",), ("close",)],
        [("answer",), ("answer",), ("answer",)],
    ),
    "subscribes_late": (
        "tcp",
        [("answer",), ("answer",)],
        [("answer",), ("packet",), ("wait", 50), ("send", "9003000301"), ("answer",)],
    ),
    "no_pingresp": ("tcp", [("packet",), ("send", "20020000"), ("packet",)]),
    "pings": ("tcp", [("answer",), ("answer",), ("answer",), ("answer",)]),
    "broken": (
        "tcp",
        [("packet",), ("send", "200200000000")],  # type 0 (2.2.1)
        [("packet",), ("send", "20020000f000")],  # type 15
        [("packet",), ("send", "2002000020020000")],  # CONNACK twice
        [("packet",), ("send", "200200008200")],  # SUBSCRIBE from a server
        [("packet",), ("send", "2002000050020001")],  # PUBREC: QoS 2 was never asked for
        [("packet",), ("send", "2002000034080003612f62000178")],  # QoS 2
        [("packet",), ("send", "2002000036080003612f62000178")],  # QoS 3 (3.3.1.2)
        [("packet",), ("send", "2002000030ffffffff7f")],  # five length bytes (2.2.3)
        [("packet",), ("send", "200200003000")],  # PUBLISH without a topic
        [("packet",), ("send", "2002000030020005")],  # topic longer than the packet
        [("packet",), ("send", "2002000030020000")],  # empty topic (4.7.3)
        [("packet",), ("send", "20020000320400026161")],  # QoS 1 without a packet id
        [("packet",), ("send", "200200004003000100")],  # PUBACK of three bytes
        [("packet",), ("send", "20020000410200014002")],  # PUBACK with flags
        [("packet",), ("send", "20020000d00100")],  # PINGRESP with a body
        [("packet",), ("send", "2002000090020001")],  # SUBACK without a code
        [("packet",), ("send", "2002000090ff01")],  # SUBACK of 255 codes
    ),
}
_BROKEN = 17


_TIMEOUT_MS = 8000  # for what comes, on a busy machine too
_SHORT_MS = 1500  # for what does not come


def _client(client_id="c", **options):
    options.setdefault("timeout_ms", _TIMEOUT_MS)
    return MQTTClient(client_id, "user", "pass", **options)


def _stream(name):
    end = check.server(name)
    return Stream(TcpChannel(end["host"], end["port"], clock.Deadline(3000)))


def _connected(name, **options):
    client = _client(**options)
    connect(client, _stream(name))
    return client


def _event(client, timeout_ms=_TIMEOUT_MS):
    """The next event, or None after a time that no test waits for on purpose."""
    return client.poll(timeout_ms)


def test_connect_is_laid_out_as_in_3_1():
    client = _client("id", keepalive_s=60)
    client.set_last_will("w/t", "gone", retain=True, qos=1)
    connect(client, _stream("polite"))
    client.close()
    # header, protocol name, level 4, flags: user password will-retain will-QoS-1 will clean
    expected = (
        b"\x10\x25\x00\x04MQTT\x04\xee\x00\x3c\x00\x02id"
        b"\x00\x03w/t\x00\x04gone\x00\x04user\x00\x04pass"
    )
    assert expected in check.connections("polite", len(expected))


def test_a_client_without_login_sends_no_user():
    client = MQTTClient("d:quickstart:t:1", keepalive_s=1, clean_session=False)
    connect(client, _stream("polite"))
    client.close()
    expected = b"\x10\x1c\x00\x04MQTT\x04\x00\x00\x01\x00\x10d:quickstart:t:1"
    assert expected in check.connections("polite", 1)


def test_return_codes_are_typed_errors():
    for code in (1, 2, 4, 5):
        error = check.raises(Refused, _connected, "code{}".format(code))
        assert error.code == code and str(code) in str(error)
    check.raises(Throttled, _connected, "code3")
    check.raises(ProtocolError, _connected, "code9")


def test_no_error_shows_the_password():
    for name in ("code4", "code5", "closing", "silent", "junk"):
        client = MQTTClient("c", "user", "s3cr3t-17", timeout_ms=_SHORT_MS)
        error = check.raises(Exception, client.connect, _stream(name))
        assert "s3cr3t-17" not in str(error) and "s3cr3t-17" not in repr(error)


def test_session_present_is_returned():
    assert connect(_client(clean_session=False), _stream("present")) is True
    assert connect(_client(), _stream("polite")) is False


def test_an_answer_that_is_no_connack_is_a_protocol_error():
    for name in ("bad_flags", "not_connack", "junk"):
        check.raises(ProtocolError, _connected, name)


def test_no_answer_to_connect_is_lost():
    check.raises(Lost, _connected, "silent", timeout_ms=200)
    check.raises(Lost, _connected, "closing")


def test_a_message_is_handed_out():
    client = _connected("message")
    assert _event(client) == ("message", b"a/b", b"x", False)
    client.close()


def test_a_retained_message_is_marked():
    client = _connected("retained")
    assert _event(client) == ("message", b"a/b", b"x", True)
    client.close()


def test_a_message_in_pieces_is_put_together():
    client = _connected("in_pieces")
    check.equal(_event(client), ("message", b"a/b", b"xyy", False))
    client.close()


def test_a_broker_that_stalls_inside_a_packet_is_lost():
    client = _connected("stalls", timeout_ms=_SHORT_MS)
    check.raises(Lost, _event, client)


def test_a_qos_1_message_is_acknowledged():
    client = _connected("qos1")
    assert _event(client) == ("message", b"a/b", b"x", False)
    received = check.connections("qos1", 31)[0]
    assert received.endswith(b"\x40\x02\x00\x07"), received
    client.close()


def test_an_oversize_message_is_dropped_acknowledged_and_the_next_one_read():
    client = _connected("big", max_packet_bytes=16)
    error = check.raises(ProtocolError, _event, client)
    assert "21 bytes on a/b" in str(error) and client.sock is not None
    assert _event(client) == ("message", b"a/b", b"y", False)
    assert check.connections("big", 31)[0].endswith(b"\x40\x02\x00\x07")
    client.close()


def test_publish_is_laid_out_as_in_3_3():
    client = _connected("polite")
    assert client.publish("t/\xfc", "\xe9", retain=True) is None
    assert client.publish(b"t", b"\x00\xff", qos=1) == 1
    assert _event(client) == ("acked", 1)
    client.close()
    expected = b"\x31\x08\x00\x04t/\xc3\xbc\xc3\xa9" + b"\x32\x07\x00\x01t\x00\x01\x00\xff"
    assert any(expected in got for got in check.connections("polite", 1))


def test_what_is_too_long_for_a_length_byte_is_encoded_right():
    client = _connected("polite")
    size = 2_000 if check.MICROPYTHON else 3_000_000  # two and four length bytes
    client.publish("t", b"x" * size, qos=1)
    assert _event(client) == ("acked", 1)
    client.close()


def test_packet_ids_wrap_at_65535_and_are_never_0():
    client = _connected("polite")
    client.pid = 65_534
    ids = []
    for _ in range(3):
        ids.append(client.publish("t", b"", qos=1))
        _event(client)
    assert ids == [65_535, 1, 2]
    client.close()


def test_a_packet_id_in_flight_is_not_given_again():
    client = _connected("no_puback")
    assert client.publish("t", b"", qos=1) == 1
    client.pid = 65_535
    assert client.publish("t", b"", qos=1) == 2
    client.close()


def test_the_window_is_a_limit():
    client = _connected("no_puback", window=2)
    client.publish("t", b"", qos=1)
    client.publish("t", b"", qos=1)
    check.raises(Throttled, client.publish, "t", b"", False, 1)
    assert client.unacked() == 2
    client.publish("t", b"QoS 0 needs no window")
    client.close()


def test_an_acknowledgement_counts_once_and_a_foreign_one_not_at_all():
    client = _connected("twice")
    client.publish("t", b"", qos=1)
    assert _event(client) == ("acked", 1)
    assert client.poll(200) is None
    client.close()


def test_a_broker_that_does_not_acknowledge_is_lost():
    client = _connected("no_puback")
    client.publish("t", b"", qos=1)
    assert client.poll(100) is None
    with check.Ahead(_TIMEOUT_MS):
        check.raises(Lost, _event, client)


def test_unacknowledged_messages_are_sent_again_with_dup_and_their_id():
    client = _connected("resend")
    client.publish("t", b"1", qos=1)
    client.publish("t", b"2", qos=1)
    check.raises(Lost, _event, client)
    check.raises(Lost, client.publish, "t", b"3", False, 1)
    connect(client, _stream("resend"))
    assert [_event(client), _event(client)] == [("acked", 1), ("acked", 2)]
    assert client.publish("t", b"4", qos=1) > 2
    client.close()
    first, second = check.connections("resend", 40)
    sent = b"\x32\x06\x00\x01t\x00\x011\x32\x06\x00\x01t\x00\x022"
    assert first.endswith(sent)
    assert sent.replace(b"\x32\x06", b"\x3a\x06") in second


def test_what_waited_long_for_its_acknowledgement_may_still_be_subscribed_for():
    client = _client()
    client.subscribe("a", 1)
    connect(client, _stream("subscribes_late"))
    assert _event(client) == ("subscribed", [b"a"])
    client.publish("t", b"1", qos=1)
    with check.Ahead(_TIMEOUT_MS):
        check.raises(Lost, _event, client)
    connect(client, _stream("subscribes_late"))
    assert _event(client) == ("subscribed", [b"a"])
    assert _event(client) == ("acked", 2)
    client.close()


def test_a_forgotten_message_is_not_sent_again():
    client = _connected("no_puback")
    client.forget(client.publish("t", b"1", qos=1))
    client.close()
    connect(client, _stream("no_puback"))
    assert client.poll(100) is None
    client.close()
    assert not any(b"\x3a" in got[30:] for got in check.connections("no_puback", 1))


def test_subscribe_is_laid_out_as_in_3_8_and_done_again_after_a_reconnect():
    client = _client()
    client.subscribe([("a/+", 1), ("b", 0)])
    connect(client, _stream("subscribes_again"))
    assert _event(client) == ("subscribed", [b"a/+", b"b"])
    check.raises(Lost, _event, client)
    connect(client, _stream("subscribes_again"))
    client.subscribe("b", 1)
    assert _event(client) == ("subscribed", [b"a/+", b"b"])
    assert _event(client) == ("subscribed", [b"b"])
    client.close()
    first, second = check.connections("subscribes_again", 80)
    assert first.endswith(b"\x82\x0c\x00\x01\x00\x03a/+\x01\x00\x01b\x00")
    assert b"\x82\x0c\x00\x02\x00\x03a/+\x01\x00\x01b\x00" in second
    assert second.endswith(b"\x82\x06\x00\x03\x00\x01b\x01")


def test_a_refused_subscription_names_its_topic():
    client = _connected("sub_refused")
    client.subscribe("secret/#")
    error = check.raises(Refused, _event, client)
    assert "secret/#" in str(error) and client.sock is not None
    connect(client, _stream("polite"))
    assert client.poll(100) is None, "it is not asked for again"
    client.close()


def test_no_suback_is_lost():
    client = _connected("no_suback")
    client.subscribe("t")
    with check.Ahead(_TIMEOUT_MS):
        check.raises(Lost, _event, client)


def test_a_message_before_the_suback_is_not_lost():
    client = _connected("sub_late")
    client.subscribe("a/b", 1)
    assert _event(client) == ("message", b"a/b", b"x", False)
    client.close()


def test_an_idle_connection_is_kept_alive():
    client = _connected("pings", keepalive_s=1)
    assert client.poll(1700) is None
    client.close()
    assert check.connections("pings", 30)[0].endswith(b"\xc0\x00\xc0\x00")


def test_a_dead_link_is_noticed():
    client = _connected("no_pingresp", keepalive_s=1, timeout_ms=_SHORT_MS)
    check.raises(Lost, _event, client, 5000)
    check.raises(Lost, _event, client)


def test_goodbye_is_said():
    client = _connected("polite")
    client.disconnect()
    assert client.sock is None
    client.disconnect()
    client.close()


def test_every_broken_packet_is_a_protocol_error_and_closes():
    for index in range(_BROKEN):
        client = _connected("broken")
        error = check.raises(ProtocolError, _event, client)
        assert client.sock is None, (index, error)


def test_a_topic_that_must_not_be_published_to_is_refused_at_once():
    client = _connected("polite")
    topics = ["", "a/#", "a/+", "a\0"]
    if not check.MICROPYTHON:  # more than the heap of a board
        topics.append("x" * 65_536)
    for topic in topics:
        check.raises(ValueError, client.publish, topic, b"")
    check.raises(ValueError, client.publish, "t", b"", False, 2)
    assert client.publish("t", b"still there", qos=1) == 1
    client.close()


def test_nothing_is_sent_before_connect():
    client = _client()
    check.raises(Lost, client.publish, "t", b"")
    check.raises(Lost, client.poll)
