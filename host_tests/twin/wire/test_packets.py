"""Does the gate read MQTT packets as MQTT 3.1.1 has them, and refuse all others in one way?

Bytes are the figures of MQTT 3.1.1 (OASIS, 2014) and what paho-mqtt sends.
"""

import contextlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from host_tests.depth import scaled
from tools.twin.wire import packets
from tools.twin.wire.fields import MalformedError, text
from tools.twin.wire.packets import (
    Connect,
    Decoder,
    Packet,
    Publish,
    TooLargeError,
    UnsupportedLevelError,
)

_often = settings(
    max_examples=scaled(100),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
_ERRORS = (MalformedError, UnsupportedLevelError, TooLargeError)

# MQTT 3.1.1, figure 3.6 (variable header: level 4, flags 0xCE, keep alive 10), with the fields
# that these flags announce.
_CONNECT = (
    b"\x10\x20\x00\x04MQTT\x04\xce\x00\x0a\x00\x02id\x00\x01w\x00\x02hi\x00\x04user\x00\x03pwd"
)


def test_connect_of_figure_3_6() -> None:
    (packet,) = Decoder().feed(_CONNECT[:1] + bytes((len(_CONNECT) - 2,)) + _CONNECT[2:])
    connect = Connect.parse(packet.body)
    assert (connect.level, connect.client_id, connect.keepalive_s) == (4, "id", 10)
    assert connect.clean_session
    assert connect.will == packets.Will("w", b"hi", 1, False)
    assert (connect.user, connect.password) == ("user", b"pwd")


def test_connect_repr_shows_no_password() -> None:
    connect = Connect(4, "id", True, 60, None, "user", b"s3cret")
    assert "s3cret" not in repr(connect)


@pytest.mark.parametrize(
    ("size", "header"),
    # MQTT 3.1.1, table 2.4: the sizes at which the remaining length grows.
    [
        (0, b"\x00"),
        (127, b"\x7f"),
        (128, b"\x80\x01"),
        (16383, b"\xff\x7f"),
        (16384, b"\x80\x80\x01"),
        (2097151, b"\xff\xff\x7f"),
        (2097152, b"\x80\x80\x80\x01"),
    ],
)
def test_remaining_length_of_table_2_4(size: int, header: bytes) -> None:
    data = packets.encode(packets.PUBLISH, 0, bytes(size))
    assert data[1 : 1 + len(header)] == header
    assert Decoder().feed(data) == [Packet(packets.PUBLISH, 0, bytes(size))]


def test_packets_come_out_whatever_the_pieces() -> None:
    data = Publish("a/b", b"payload", 1, packet_id=7).encode() + packets.encode(12, 0, b"")
    decoder = Decoder()
    found = [packet for i in range(len(data)) for packet in decoder.feed(data[i : i + 1])]
    assert Publish.parse(found[0]) == Publish("a/b", b"payload", 1, packet_id=7)
    assert found[1].kind == packets.PINGREQ


def test_too_large_is_told_before_the_body_arrives() -> None:
    with pytest.raises(TooLargeError):
        Decoder(limit=100).feed(b"\x30\x65")


@pytest.mark.parametrize(
    ("what", "body"),
    [
        ("reserved connect flag", b"\x00\x04MQTT\x04\x01\x00\x0a\x00\x01a"),
        ("password without user name", b"\x00\x04MQTT\x04\x42\x00\x0a\x00\x01a\x00\x01p"),
        ("will QoS without will", b"\x00\x04MQTT\x04\x0a\x00\x0a\x00\x01a"),
        ("will QoS 3", b"\x00\x04MQTT\x04\x1e\x00\x0a\x00\x01a\x00\x01w\x00\x00"),
        ("bytes after the last field", b"\x00\x04MQTT\x04\x02\x00\x0a\x00\x01aX"),
        ("client id not UTF-8", b"\x00\x04MQTT\x04\x02\x00\x0a\x00\x01\xff"),
        ("U+0000 in client id", b"\x00\x04MQTT\x04\x02\x00\x0a\x00\x01\x00"),
        ("other protocol name", b"\x00\x04AMQP\x04\x02\x00\x0a\x00\x01a"),
    ],
)
def test_malformed_connect(what: str, body: bytes) -> None:
    with pytest.raises(MalformedError):
        Connect.parse(body)


def test_level_5_is_unsupported_not_malformed() -> None:
    with pytest.raises(UnsupportedLevelError):
        Connect.parse(b"\x00\x04MQTT\x05\x02\x00\x0a\x00\x00\x01a")


@pytest.mark.parametrize(
    "packet",
    [
        Packet(packets.PUBLISH, 6, b"\x00\x01a\x00\x01"),  # QoS 3
        Packet(packets.PUBLISH, 8, b"\x00\x01a"),  # DUP with QoS 0
        Packet(packets.PUBLISH, 2, b"\x00\x01a\x00\x00"),  # packet id 0
        Packet(packets.PUBLISH, 0, b"\x00\x03a/#"),  # wildcard in a topic name
        Packet(packets.PUBLISH, 0, b"\x00\x00"),  # no topic
        Packet(packets.PUBLISH, 0, b"\x00\x05a"),  # topic longer than the packet
    ],
)
def test_malformed_publish(packet: Packet) -> None:
    with pytest.raises(MalformedError):
        Publish.parse(packet)


@pytest.mark.parametrize("name", ["", "a#", "a/#/b", "a+", "+a/b", "#a"])
def test_malformed_filters_of_section_4_7(name: str) -> None:
    body = b"\x00\x01" + text(name) + b"\x00"
    with pytest.raises(MalformedError):
        packets.parse_subscribe(body)


@_often
@given(st.binary(max_size=300))
def test_no_bytes_make_the_parser_raise_anything_else(data: bytes) -> None:
    with contextlib.suppress(*_ERRORS):
        for packet in Decoder(1000).feed(data):
            packets.check_from_client(packet)
            _parse(packet)


@_often
@given(st.integers(1, 14), st.integers(0, 15), st.binary(max_size=100))
def test_no_packet_body_makes_the_parser_raise_anything_else(
    kind: int, flags: int, body: bytes
) -> None:
    with contextlib.suppress(*_ERRORS):
        _parse(Packet(kind, flags, body))


def _parse(packet: Packet) -> None:
    if packet.kind == packets.CONNECT:
        Connect.parse(packet.body)
    elif packet.kind == packets.PUBLISH:
        Publish.parse(packet)
    elif packet.kind == packets.SUBSCRIBE:
        packets.parse_subscribe(packet.body)
    elif packet.kind == packets.UNSUBSCRIBE:
        packets.parse_unsubscribe(packet.body)


@_often
@given(
    st.text(st.characters(exclude_characters="\0+#", exclude_categories=["Cs"]), min_size=1),
    st.binary(),
    st.integers(0, 2),
    st.booleans(),
)
def test_publish_survives_the_wire(topic: str, payload: bytes, qos: int, retain: bool) -> None:
    publish = Publish(topic, payload, qos, retain, packet_id=9 if qos else 0)
    (packet,) = Decoder().feed(publish.encode())
    assert Publish.parse(packet) == publish
