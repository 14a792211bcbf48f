"""Does a poll of MQTT end by its deadline, and is the watchdog fed, whatever a peer floods?

What a server sends is written out by hand from RFC 6455 section 5.2 (two bytes of header, then
payload) and MQTT 3.1.1 section 2.2.
"""

import check
from check_flood import CONNACK, Flood, client, ends
from signet import clock
from signet.errors import Lost

_IN_FRAME = b"\x82\x04" + CONNACK
_MESSAGE = b"\x30\x06\0\x01tfar"


def _over_websocket(again, start=_IN_FRAME):
    flood = Flood(start, again)
    ends(flood, client(flood, True).poll)


def test_a_poll_ends_in_a_flood_of_websocket_pings():
    _over_websocket(b"\x89\x01x")


def test_a_poll_ends_in_a_flood_of_websocket_pongs():
    _over_websocket(b"\x8a\0")


def test_a_poll_ends_in_a_flood_of_empty_fragments():
    _over_websocket(b"\0\0", _IN_FRAME + b"\x02\0")


def test_a_poll_ends_in_a_flood_of_answers_to_pings():
    flood = Flood(CONNACK, b"\xd0\0")
    ends(flood, client(flood).poll)


def test_a_poll_ends_in_a_flood_of_acknowledgements():
    flood = Flood(CONNACK, b"\x40\2\0\7")
    ends(flood, client(flood).poll)


def test_a_poll_ends_in_a_message_of_256_megabytes():
    flood = Flood(CONNACK + b"\x30\xff\xff\xff\x7f\0\1t", b"x" * 64)
    ends(flood, client(flood).poll)


def test_a_message_that_takes_longer_than_a_packet_may_is_the_end():
    flood = Flood(CONNACK + b"\x30\xff\xff\xff\x7f\0\1t", b"x" * 64)
    mqtt_client = client(flood)
    error = check.raises(Lost, mqtt_client.poll, 15_000)
    flood.close()
    assert "in the middle of a packet" in str(error) and flood.now < 11_000


def test_a_poll_of_no_time_gets_through_what_means_nothing():
    start = _IN_FRAME + b"\x89\0" * 200 + b"\x82\x08" + _MESSAGE
    flood = Flood(start, b"")
    mqtt_client = client(flood, True)
    events = [mqtt_client.poll(0) for _ in range(8)]
    flood.close()
    assert ("message", b"t", b"far", False) in events, events


def test_a_login_is_given_up_in_a_flood_of_websocket_pings():
    flood = Flood(b"", b"\x89\0")
    error = check.raises(Lost, client, flood, True)
    flood.close()
    assert "does not answer CONNECT" in str(error)
    assert 10_000 <= flood.now <= 11_000, flood.now
    assert flood.unfed <= clock.WAIT_SLICE_MS, flood.unfed
