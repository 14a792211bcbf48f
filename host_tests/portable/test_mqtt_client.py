"""Does client/mqtt.py keep MQTT 3.1.1's rules, whatever the broker sends?

Packets are written out by hand from the OASIS text; section numbers are its own.  No sockets: the
line is made up, and so is the clock.
"""

import gc

import check
from check_far import Broker
from check_mqtt import connect
from signet import clock
from signet.client.mqtt import MQTTClient
from signet.errors import Lost, ProtocolError, Refused, Rejected, Throttled

_CONNACK = b"\x20\x02\x00\x00"
_MESSAGE = b"\x30\x06\x00\x03a/bx"
_PINGRESP = b"\xd0\x00"
_END = b"end"  # of the connection
_TIMEOUT_MS = 500

_time = [0]
clock.ticks_ms = lambda: _time[0]


class _Scripted(Broker):
    """Answers each packet with what stands next in a script; then as a polite broker does."""

    def __init__(self, script):
        super().__init__()
        self._script = list(script)
        self.heard = b""

    def received(self, data):
        self.heard += data
        return super().received(data)

    def _answer(self, kind, flags, body):
        return self._script.pop(0) if self._script else super()._answer(kind, flags, body)


class _Line:
    """A channel on which `speed` bytes go each way in a ms, of a made-up clock.

    Args:
        script: see _Scripted.
        room: int, bytes that the send buffer holds.
    """

    busy = False
    speed = 4
    piece = 8000  # bytes that come at once
    reads = 0

    def __init__(self, script=(), room=8000):
        self.broker = _Scripted(script)
        self._room = room
        self._up = self.down = self._here = b""

    def passes(self, ms):
        _time[0] += ms
        size = self.speed * ms
        arrived, self._up = self._up[:size], self._up[size:]
        self.down += self.broker.received(arrived)
        self._here += self.down[:size]
        self.down = self.down[size:]

    def write(self, data):
        count = min(len(data), self._room - len(self._up))
        self._up += bytes(data[:count])
        return count or None

    def readinto(self, buffer):
        if self._here == _END:
            return 0
        self.reads += 1
        count = min(len(buffer), len(self._here), self.piece)
        buffer[:count] = self._here[:count]
        self._here = self._here[count:]
        return count or None

    def readable(self, sending):
        return None

    def wait(self, events, deadline):
        self.passes(10)
        return events

    def close(self):
        pass


def _client(**options):
    options.setdefault("keepalive_s", 10)
    return MQTTClient(timeout_ms=_TIMEOUT_MS, **options)


def _connected(*script, room=8000, **options):
    """Returns a client that has logged in, and its line."""
    client, line = _client(**options), _Line(script, room)
    connect(client, line)
    return client, line


def _is_closed(client):
    return "not connected" in str(check.raises(Lost, client.poll))


def _events(client, count):
    return [client.poll(5000) for _ in range(count)]


def test_connect_is_laid_out_as_in_3_1():
    # header, protocol name, level 4, flags: user password clean; keepalive
    for clean, login, expected in (
        (
            True,
            ("id", "user", "pass"),
            b"\x10\x1a\x00\x04MQTT\x04\xc2\x00\x0a\x00\x02id\x00\x04user\x00\x04pass",
        ),
        (
            False,
            ("d:quickstart:t:1", None, None),
            b"\x10\x1c\x00\x04MQTT\x04\x00\x00\x0a\x00\x10d:quickstart:t:1",
        ),
    ):
        line = _Line()
        connect(_client(clean_session=clean), line, login)
        check.equal(line.broker.heard, expected)


def test_return_codes_are_typed_errors_without_the_password():
    for code, kind in (
        (1, Refused),
        (2, Refused),
        (3, Throttled),
        (4, Refused),
        (5, Refused),
        (9, ProtocolError),
    ):
        line = _Line([b"\x20\x02\x00" + bytes((code,))])
        client = _client()
        error = check.raises(kind, connect, client, line, ("c", "user", "s3cr3t-17"))
        assert "s3cr3t-17" not in repr(error) and _is_closed(client)
        if kind is Refused:
            assert error.code == code and str(code) in str(error)


def test_session_present_is_returned():
    for connack, present in ((b"\x20\x02\x01\x00", True), (_CONNACK, False)):
        assert connect(_client(clean_session=False), _Line([connack])) is present


def test_an_answer_that_is_no_connack_is_a_protocol_error():
    for answer in (b"\x20\x02\x02\x00", b"\xd0\x00\x00\x00", b"HTTP/1.1 400 Bad Request\r\n"):
        check.raises(ProtocolError, _connected, answer)


def test_no_answer_to_connect_is_lost():
    check.raises(Lost, _connected, b"")
    assert check.raises(Lost, _connected, _END).code == 0


def test_a_message_is_handed_out():
    client, line = _connected(_CONNACK + _MESSAGE)
    check.equal(client.poll(5000), ("message", b"a/b", b"x"))
    for piece in (b"\x30", b"\x06\x00", b"\x03a/", b"bx"):
        line.down += piece
        line.passes(100)
        event = client.poll(0)
    check.equal(event, ("message", b"a/b", b"x"))


def test_a_broker_that_stalls_inside_a_packet_is_lost():
    client, _ = _connected(_CONNACK + _MESSAGE[:5])
    assert "middle of a packet" in str(check.raises(Lost, client.poll, 5000))


def test_a_qos_1_message_is_acknowledged():
    client, line = _connected(_CONNACK + b"\x32\x08\x00\x03a/b\x00\x07x")
    check.equal(client.poll(5000), ("message", b"a/b", b"x"))
    client.poll(10)
    assert line.broker.heard.endswith(b"\x40\x02\x00\x07"), line.broker.heard


def test_an_oversize_message_is_dropped_acknowledged_and_the_next_one_read():
    big = b"\x32\x15\x00\x03a/b\x00\x07" + b"x" * 14
    client, line = _connected(_CONNACK + big + _MESSAGE, max_packet_bytes=16)
    check.equal(_events(client, 2), [("oversize", "21 bytes on a/b"), ("message", b"a/b", b"x")])
    client.poll(10)
    assert line.broker.heard.endswith(b"\x40\x02\x00\x07"), line.broker.heard


def test_publish_is_laid_out_as_in_3_3():
    client, line = _connected()
    check.equal(client.publish("t/\xfc", b"\x00\xff"), 1)
    check.equal(client.publish("t", b"1", "a key"), 2)
    check.equal(_events(client, 2), [("acked", 1, None), ("acked", "a key", None)])
    expected = b"\x32\x0a\x00\x04t/\xc3\xbc\x00\x01\x00\xff" + b"\x32\x06\x00\x01t\x00\x021"
    assert line.broker.heard.endswith(expected)


def _sends(client, size):
    client.publish("t", bytes(size))
    client.poll(100 + size // 4)


def test_a_message_is_not_kept_once_it_has_been_sent():
    if not check.MICROPYTHON:
        check.skip("nobody counts its heap")
    client, line = _connected(_CONNACK, b"", b"")
    used = []
    for size in 10, 4000:
        _sends(client, size)
        line.broker.heard = b""
        gc.collect()
        used.append(gc.mem_alloc())
    assert used[1] - used[0] < 2000, used


def test_what_is_too_long_for_a_length_byte_is_encoded_right():
    size = 2_000 if check.MICROPYTHON else 3_000_000  # two and four length bytes
    client, line = _connected(room=size + 100)
    client.publish("t", b"x" * size)
    line.passes(size)
    check.equal(client.poll(5000), ("acked", 1, None))


def test_packet_ids_wrap_at_65535_and_are_never_0_nor_one_in_flight():
    client, _ = _connected(_CONNACK, b"", b"")
    check.equal(client.publish("t", b""), 1)
    client._last_id = 65_534
    check.equal([client.publish("t", b"") for _ in range(2)], [65_535, 2])


def test_an_acknowledgement_counts_once_and_a_foreign_one_not_at_all():
    client, _ = _connected(_CONNACK, b"\x40\x02\x00\x01\x40\x02\x00\x01\x40\x02\x00\x63")
    client.publish("t", b"")
    check.equal(client.poll(5000), ("acked", 1, None))
    assert client.poll(5000) is None


def test_what_is_not_acknowledged_in_time_is_late_once_the_broker_has_answered_a_ping():
    client, line = _connected(_CONNACK, b"")
    client.publish("t", b"")
    check.equal(_events(client, 2), [("alive",), ("late", 1, "PUBACK")])
    check.equal(client.publish("t", b""), 2)
    line.down += b"\x40\x02\x00\x01"  # it comes after all, and is not that of another
    check.equal(client.poll(5000), ("acked", 2, None))


def test_where_the_ping_is_not_answered_either_the_connection_is_lost():
    client, _ = _connected(_CONNACK, b"", b"")
    client.publish("t", b"")
    began = _time[0]
    assert "pings" in str(check.raises(Lost, client.poll, 5000))
    assert _time[0] - began < 3 * _TIMEOUT_MS
    check.raises(Lost, client.poll, 5000)


def test_what_has_an_id_is_acknowledged_by_an_answer_of_its_own():
    client, _ = _connected()
    for key, id in (5, "a"), (6, "b"), (7, None):
        client.publish("t", b"", key, id)
    check.equal(client.poll(5000), ("acked", 7, None))
    check.equal([client.holds(key) for key in (5, 6, 7, 8)], [True, True, False, False])
    check.equal([client.replied(id) for id in ("a", "a", "x")], [5, None, None])
    check.equal(_events(client, 2), [("alive",), ("late", 6, "reply")])
    client.replies = False
    client.publish("t", b"", 5, "a")
    check.equal(client.poll(5000), ("acked", 5, "a"))


def test_what_has_no_puback_goes_again_as_the_same_packet_where_the_broker_knows_it():
    for present in True, False:  # MQTT-4.4.0-1
        client, _ = _connected(_CONNACK, b"", b"\x40\2\0\2")
        for key in 5, 6:
            client.publish("t", b"", key, "id")
        assert client.poll(100) is None
        check.equal(client.forget(), [5, 6])
        line = _Line([b"\x20\2" + bytes((present, 0))])
        connect(client, line)
        client.publish("t", b"", 6)
        client.publish("t", b"", 5)
        client.poll(100)
        first, again = b"\x32\5\0\1t\0", b"\x3a\5\0\1t\0\1"
        assert line.broker.heard.endswith(first + b"\3" + (again if present else first + b"\4"))


def test_a_peer_that_sends_a_byte_at_a_time_does_not_hold_a_step():
    for most in 4096, 16:  # a message that is kept, or read away
        client, line = _connected(max_packet_bytes=most)
        line.down, line.piece = b"\x30\x67\0\1t" + bytes(100), 1
        line.passes(1000)
        event, total = None, 0
        while event is None:
            line.reads = 0
            event = client.poll(0)
            assert 0 < line.reads <= 20 and client.busy is (event is None)
            total += line.reads
        check.equal((total, event[0]), (105, "oversize" if most == 16 else "message"))


def test_subscribe_is_laid_out_as_in_3_8():
    client, line = _connected()
    client.subscribe(["a/+", "b"])
    assert client.poll(200) is None
    expected = b"\x82\x0c\x00\x01\x00\x03a/+\x01\x00\x01b\x01"
    assert line.broker.heard.endswith(expected), line.broker.heard


def test_a_refused_subscription_is_named_and_costs_that_filter_only():
    client, _ = _connected(_CONNACK, b"\x90\x05\x00\x01\x01\x80\x01")
    client.subscribe(["a", "secret/#", "b"])
    check.equal(client.poll(5000), ("refused", ["secret/#"]))
    assert client.ready


def test_a_subscription_that_is_not_answered_is_refused():
    client, _ = _connected(_CONNACK, b"")
    client.subscribe(["t"])
    check.equal(_events(client, 2), [("alive",), ("refused", ["t"])])


def test_an_idle_connection_is_kept_alive():
    client, line = _connected()
    for _ in range(2):
        check.equal(client.poll(9000), ("alive",))  # the broker hears something within 10 s
    assert line.broker.heard.endswith(b"\xc0\x00\xc0\x00")


def test_what_takes_longer_than_an_answer_on_a_slow_line_is_acknowledged():
    for room in 100, 8000:
        client, line = _connected(room=room)
        check.equal(client.publish("t", bytes(6000)), 1)
        while not client.ready:
            assert client.poll(0) is None
            line.passes(10)
        check.equal(client.publish("t", b"behind it"), 2)
        check.equal(_events(client, 2), [("acked", 1, None), ("acked", 2, None)], room)


def test_a_line_that_takes_nothing_more_is_lost():
    client, line = _connected(room=100)
    client.publish("t", bytes(6000))
    began = _time[0]
    line.speed = 0
    check.raises(Lost, client.poll, 5000)
    assert _time[0] - began < 2 * _TIMEOUT_MS


def test_a_message_that_comes_slowly_is_a_sign_of_life():
    client, line = _connected()
    line.down = b"\x30\xf0\x2e\x00\x01t" + bytes(5997)
    client.publish("t", b"")
    events = _events(client, 3)
    assert ("oversize", "6000 bytes on t") in events and ("acked", 1, None) in events, events


def test_an_answer_that_waited_while_the_program_was_busy_is_in_time():
    client, line = _connected()
    for packet_id in (1, 2):
        check.equal(client.publish("t", b""), packet_id)
    for _ in range(3):
        line.passes(1000)
    check.equal(_events(client, 2), [("acked", 1, None), ("acked", 2, None)])


def test_goodbye_is_said():
    client, line = _connected()
    client.disconnect()
    assert _is_closed(client)
    client.disconnect()
    line.passes(10)
    assert line.broker.heard.endswith(b"\xe0\x00")


def test_every_broken_packet_is_a_protocol_error_and_closes():
    for broken in (
        b"\x00\x00",  # type 0 (2.2.1)
        b"\xf0\x00",  # type 15
        _CONNACK,  # twice
        b"\x82\x00",  # SUBSCRIBE from a server
        b"\x50\x02\x00\x01",  # PUBREC: QoS 2 was never asked for
        b"\x34\x08\x00\x03a/b\x00\x01x",  # QoS 2
        b"\x36\x08\x00\x03a/b\x00\x01x",  # QoS 3 (3.3.1.2)
        b"\x30\xff\xff\xff\xff\x7f",  # five length bytes (2.2.3)
        b"\x30\x00",  # PUBLISH without a topic
        b"\x30\x02\x00\x05",  # topic longer than the packet
        b"\x30\x02\x00\x00",  # empty topic (4.7.3)
        b"\x32\x04\x00\x02aa",  # QoS 1 without a packet id
        b"\x40\x03\x00\x01\x00",  # PUBACK of three bytes
        b"\x41\x02\x00\x01",  # PUBACK with flags
        b"\xd0\x01\x00",  # PINGRESP with a body
        b"\x90\x02\x00\x01",  # SUBACK without a code
        b"\x90\xff\x01",  # SUBACK of 255 codes
    ):
        client, _ = _connected(_CONNACK + broken)
        error = check.raises(ProtocolError, client.poll, 5000)
        assert _is_closed(client), (broken, error)


def test_a_topic_that_must_not_be_published_to_is_refused_at_once():
    client, _ = _connected()
    topics = [
        "",
        "a/#",
        "a/+",
        "a\0",
        "a\tb",
        "a\n",
        "\x7f",
        "a\x80",
        "\x9f",
        "\u2028",
        "a\ufffe",
        "\uffff",
    ]
    if check.MICROPYTHON:  # surrogates are what its json makes of an emoji
        topics += ["\ud83d\ude00", "a\udfff", b"\xc0\x80".decode()]
    else:  # more than the heap of a board
        topics.append("x" * 65_536)
    for topic in topics:
        check.raises((Rejected, ValueError), client.publish, topic, b"")
    for topic in ("t", "\xa0\ud7ff\ue000", "\u4fff", "\U0001f600", "\u0800"):
        packet_id = client.publish(topic, b"still there")
        check.equal(client.poll(5000), ("acked", packet_id, None))


def test_nothing_is_sent_before_connect():
    client = _client()
    assert not client.ready
    check.raises(Lost, client.poll)


def test_packet_ids_of_what_was_dropped_meanwhile_are_forgotten():
    client, line = _connected()
    for key in range(70):
        client.publish("t", b"", key)
        if key != 7:
            client.flight.pop(key + 1)  # as if it had been late
    check.equal([client.holds(key) for key in (6, 7)], [False, True])
    client.publish("t", b"", 0)
    line.passes(1000)
    assert line.broker.heard.endswith(b"\x32\5\0\1t\0\x47"), "its id is not remembered"
