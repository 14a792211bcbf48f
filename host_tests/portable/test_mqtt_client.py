"""Does client/mqtt.py keep MQTT 3.1.1's rules, whatever the broker sends?

Packets are written out by hand from the OASIS text; section numbers are its own.
"""

import check
from check_far import Broker
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
    "sub_refused": (
        "tcp",
        [("packet",), ("send", "20020000"), ("packet",), ("send", "90050001018001")],
    ),
    "sub_late": (
        "tcp",
        [("packet",), ("send", "20020000"), ("packet",), ("send", "30060003612f62789003000101")],
    ),
    "subscribes": ("tcp", [("answer",), ("answer",)]),
    # one more than a PUBACK may take after that
    "late": (
        "tcp",
        [
            ("answer",),
            ("packet",),
            ("packet",),
            ("send", "d000"),
            ("packet",),
            ("send", "40020001"),
        ],
    ),
    "no_puback": ("tcp", [("answer",), ("packet",), ("answer",), ("answer",), ("answer",)]),
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


def _client(**options):
    options.setdefault("timeout_ms", _TIMEOUT_MS)
    return MQTTClient(**options)


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
    client = _client(keepalive_s=60)
    connect(client, _stream("polite"), ("id", "user", "pass"))
    client.close()
    # header, protocol name, level 4, flags: user password clean
    expected = b"\x10\x1a\x00\x04MQTT\x04\xc2\x00\x3c\x00\x02id\x00\x04user\x00\x04pass"
    assert expected in check.connections("polite", len(expected))


def test_a_client_without_login_sends_no_user():
    client = MQTTClient(keepalive_s=1, clean_session=False)
    connect(client, _stream("polite"), ("d:quickstart:t:1", None, None))
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
        client = _client(timeout_ms=_SHORT_MS)
        error = check.raises(Exception, connect, client, _stream(name), ("c", "user", "s3cr3t-17"))
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
    assert _event(client) == ("message", b"a/b", b"x")
    client.close()


def test_a_message_in_pieces_is_put_together():
    client = _connected("in_pieces")
    check.equal(_event(client), ("message", b"a/b", b"xyy"))
    client.close()


def test_a_broker_that_stalls_inside_a_packet_is_lost():
    client = _connected("stalls", timeout_ms=_SHORT_MS)
    check.raises(Lost, _event, client)


def test_a_qos_1_message_is_acknowledged():
    client = _connected("qos1")
    assert _event(client) == ("message", b"a/b", b"x")
    received = check.connections("qos1", 31)[0]
    assert received.endswith(b"\x40\x02\x00\x07"), received
    client.close()


def test_an_oversize_message_is_dropped_acknowledged_and_the_next_one_read():
    client = _connected("big", max_packet_bytes=16)
    check.equal(_event(client), ("oversize", "21 bytes on a/b"))
    assert _event(client) == ("message", b"a/b", b"y")
    assert check.connections("big", 31)[0].endswith(b"\x40\x02\x00\x07")
    client.close()


def test_publish_is_laid_out_as_in_3_3():
    client = _connected("polite")
    assert client.publish("t/\xfc", b"\x00\xff") == 1
    assert _event(client) == ("acked", 1)
    assert client.publish("t", b"1", 7) == 7
    assert _event(client) == ("acked", 7)
    client.close()
    expected = b"\x32\x0a\x00\x04t/\xc3\xbc\x00\x01\x00\xff" + b"\x3a\x06\x00\x01t\x00\x071"
    assert any(expected in got for got in check.connections("polite", 1))


def test_what_is_too_long_for_a_length_byte_is_encoded_right():
    client = _connected("polite")
    size = 2_000 if check.MICROPYTHON else 3_000_000  # two and four length bytes
    client.publish("t", b"x" * size)
    assert _event(client) == ("acked", 1)
    client.close()


def test_packet_ids_wrap_at_65535_and_are_never_0():
    client = _connected("polite")
    client.pid = 65_534
    ids = []
    for _ in range(3):
        ids.append(client.publish("t", b""))
        _event(client)
    assert ids == [65_535, 1, 2]
    client.close()


def test_a_packet_id_in_flight_is_not_given_again():
    client = _connected("no_puback")
    assert client.publish("t", b"") == 1
    client.pid = 65_535
    assert client.publish("t", b"") == 2
    client.close()


def test_an_acknowledgement_counts_once_and_a_foreign_one_not_at_all():
    client = _connected("twice")
    client.publish("t", b"")
    assert _event(client) == ("acked", 1)
    assert client.poll(200) is None
    client.close()


def test_what_is_not_acknowledged_in_time_is_late_once_the_broker_has_answered_a_ping():
    client = _connected("no_puback")
    client.publish("t", b"")
    assert client.poll(100) is None
    with check.Ahead(_TIMEOUT_MS + 100):
        check.equal(_event(client), ("alive",))
        check.equal(_event(client), ("late", 1))
        check.equal(client.publish("t", b""), 2)
        check.equal(_event(client), ("acked", 2))
    client.close()


def test_an_acknowledgement_that_comes_after_all_is_another_s_in_no_case():
    client = _connected("late")
    client.publish("t", b"")
    assert client.poll(100) is None
    with check.Ahead(_TIMEOUT_MS + 100):
        check.equal([_event(client), _event(client)], [("alive",), ("late", 1)])
        check.equal(client.publish("t", b""), 2)
        assert client.poll(200) is None
    client.close()


def test_where_the_ping_is_not_answered_either_the_connection_is_lost():
    client = _connected("no_pingresp")
    client.publish("t", b"")
    with check.Ahead(_TIMEOUT_MS + 100):
        assert client.poll(100) is None
        with check.Ahead(_TIMEOUT_MS + 100):
            check.raises(Lost, _event, client)


def test_what_an_answer_is_awaited_for_once_more_is_late_or_forgotten():
    client = _connected("polite")
    for packet_id in (1, 2):
        client.expect(packet_id)
    client.forget(1)
    with check.Ahead(_TIMEOUT_MS + 100):
        check.equal([_event(client), _event(client)], [("alive",), ("late", 2)])
        assert client.poll(200) is None
    client.close()


def test_subscribe_is_laid_out_as_in_3_8():
    client = _connected("subscribes")
    client.subscribe(["a/+", "b"])
    assert client.poll(200) is None
    client.close()
    sent = check.connections("subscribes", 40)[0]
    assert sent.endswith(b"\x82\x0c\x00\x01\x00\x03a/+\x01\x00\x01b\x01")


def test_a_refused_subscription_is_named_and_costs_that_filter_only():
    client = _connected("sub_refused")
    client.subscribe(["a", "secret/#", "b"])
    check.equal(_event(client), ("refused", ["secret/#"]))
    assert client.ready
    client.close()


def test_a_subscription_that_is_not_answered_is_refused():
    client = _connected("no_puback")
    client.subscribe(["t"])
    with check.Ahead(_TIMEOUT_MS + 100):
        check.equal([_event(client), _event(client)], [("alive",), ("refused", ["t"])])
    client.close()


def test_a_message_before_the_suback_is_not_lost():
    client = _connected("sub_late")
    client.subscribe(["a/b"])
    assert _event(client) == ("message", b"a/b", b"x")
    client.close()


def test_an_idle_connection_is_kept_alive():
    client = _connected("pings", keepalive_s=1)
    check.equal([_event(client), _event(client)], [("alive",)] * 2)
    client.close()
    assert check.connections("pings", 30)[0].endswith(b"\xc0\x00\xc0\x00")


def test_a_dead_link_is_noticed():
    client = _connected("no_pingresp", keepalive_s=1, timeout_ms=_SHORT_MS)
    check.raises(Lost, _event, client, 5000)
    check.raises(Lost, _event, client)


class _SlowLine:
    """A channel on which 4 bytes go each way in a ms, of a made-up clock; behind it is a broker.

    Args:
        room: int, bytes that the send buffer holds.
    """

    busy = False

    def __init__(self, room):
        self._room = room
        self._now, self._broker = 0, Broker()
        self._up = self.down = self._here = b""

    def __enter__(self):
        self._ticks, clock.ticks_ms = clock.ticks_ms, lambda: self._now
        client = _client(timeout_ms=1000)
        connect(client, Stream(self))
        return client

    def __exit__(self, *error):
        clock.ticks_ms = self._ticks

    def passes(self, ms):
        self._now += ms
        arrived, self._up = self._up[: 4 * ms], self._up[4 * ms :]
        self.down += self._broker.received(arrived)
        self._here += self.down[: 4 * ms]
        self.down = self.down[4 * ms :]

    def write(self, data):
        count = min(len(data), self._room - len(self._up))
        self._up += bytes(data[:count])
        return count or None

    def readinto(self, buffer):
        count = min(len(buffer), len(self._here))
        buffer[:count] = self._here[:count]
        self._here = self._here[count:]
        return count or None

    def wait(self, events, deadline):
        self.passes(10)
        return events

    def close(self):
        pass


def test_what_takes_longer_than_an_answer_on_a_slow_line_is_acknowledged():
    for room in 100, 8000:
        line = _SlowLine(room)
        with line as client:
            check.equal(client.publish("t", bytes(6000)), 1)
            while not client.ready:
                assert client.poll(0) is None
                line.passes(10)
            check.equal(client.publish("t", b"behind it"), 2)
            check.equal([_event(client), _event(client)], [("acked", 1), ("acked", 2)], room)


def test_a_line_that_takes_nothing_more_is_lost():
    line = _SlowLine(100)
    with line as client:
        client.publish("t", bytes(6000))
        line.passes = lambda ms: setattr(line, "_now", line._now + ms)
        check.raises(Lost, _event, client)
        assert line._now < 1500


def test_a_message_that_comes_slowly_is_a_sign_of_life():
    line = _SlowLine(8000)
    with line as client:
        line.down = b"\x30\xf0\x2e\x00\x01t" + bytes(5997)
        client.publish("t", b"")
        events = [_event(client) for _ in range(3)]
        assert ("oversize", "6000 bytes on t") in events and ("acked", 1) in events, events


def test_an_answer_that_waited_while_the_program_was_busy_is_in_time():
    line = _SlowLine(8000)
    with line as client:
        client.publish("t", b"")
        client.publish("t", b"")
        client.poll(0)
        for _ in range(3):
            line.passes(1000)
        check.equal([_event(client), _event(client)], [("acked", 1), ("acked", 2)])


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
    topics = ["", "a/#", "a/+", "a\0", "a\tb", "a\n", "\x7f", "a\x80", "\x9f", "a\ufffe", "\uffff"]
    if check.MICROPYTHON:  # surrogates are what its json makes of an emoji
        topics += ["\ud83d\ude00", "a\udfff"]
    else:  # more than the heap of a board
        topics.append("x" * 65_536)
    for topic in topics:
        check.raises(ValueError, client.publish, topic, b"")
    for topic in ("t", "\xa0\ud7ff\ue000", "\u4fff", "\U0001f600", "\u0800"):
        packet_id = client.publish(topic, b"still there")
        check.equal(_event(client), ("acked", packet_id))
    client.close()


def test_nothing_is_sent_before_connect():
    client = _client()
    assert not client.ready
    check.raises(Lost, client.poll)
