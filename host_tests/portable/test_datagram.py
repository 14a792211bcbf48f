"""Does a UDP channel keep net/datagram.py's promises?"""

import check
from signet import clock
from signet.errors import Lost
from signet.net.datagram import UdpChannel

SERVERS = {
    "echo": ("udp", "echo"),
    "hole": ("udp", "black_hole"),
    "elsewhere": ("udp", "from_another_port"),
    "twice": ("udp", "duplicates"),
    "three": ("udp", [("datagram",), ("send", "41"), ("send", "424242"), ("send", "4343")]),
    "mixed": (
        "udp",
        [("datagram",), ("send_from_other", "58"), ("send", "59"), ("send_from_other", "5a")],
    ),
    "empty": ("udp", [("datagram",), ("send", ""), ("send", "59")]),
    "coap": ("udp", [("datagram",), ("send", "6045{mid}{token}ff31"), ("echo",)]),
    "nobody": ("udp", "refused"),
}


def _open(name, host=None, largest=1152):
    end = check.server(name)
    return UdpChannel(host or end["host"], end["port"], clock.Deadline(3000), largest)


def _receive(channel, timeout_ms=3000):
    """The next datagram of the peer, or None in time."""
    deadline = clock.Deadline(timeout_ms)
    while not deadline.expired():
        if channel.wait(deadline.remaining_ms()):
            datagram = channel.receive()
            if datagram is not None:
                return datagram
    return None


def test_a_datagram_goes_and_comes_back():
    channel = _open("echo")
    assert channel.send(b"hello") is True
    assert _receive(channel) == b"hello"
    channel.close()


def test_boundaries_are_kept():
    channel = _open("three")
    channel.send(b"?")
    check.equal([_receive(channel) for _ in range(3)], [b"A", b"BBB", b"CC"])
    channel.close()


def test_nothing_there_is_none():
    channel = _open("hole")
    assert channel.receive() is None
    assert channel.wait(0) is False
    assert channel.wait(20) is False
    channel.close()


def test_any_bytes_like_can_be_sent():
    channel = _open("echo")
    for data in (bytearray(b"abc"), memoryview(b"xabcx")[1:4]):
        channel.send(data)
        assert _receive(channel) == b"abc"
    channel.close()


def test_a_name_is_looked_up_and_its_address_told():
    channel = _open("echo", "localhost")
    check.equal(channel.address, "127.0.0.1")
    channel.send(b"hello")
    assert _receive(channel) == b"hello"
    channel.close()
    again = _open("echo", channel.address)
    check.equal(again.address, "127.0.0.1")
    again.close()


def test_ipv6_where_the_port_has_it():
    try:
        channel = UdpChannel("::1", 9, clock.Deadline(3000))
    except Lost:
        check.skip("no IPv6 here")
    check.equal(channel.address, "::1")
    channel.close()


def test_an_unknown_name_is_lost_and_says_so():
    name = "n" * 64 + ".invalid"  # a label too long for DNS: fails without asking anybody
    error = check.raises(Lost, _open, "echo", name)
    assert "cannot find" in str(error)


def test_a_datagram_from_elsewhere_is_ignored_and_counted():
    channel = _open("elsewhere")
    channel.send(b"hello")
    assert channel.wait(3000)
    assert channel.receive() is None
    check.equal(channel.ignored, 1)
    channel.close()


def test_the_peer_is_heard_among_strangers():
    channel = _open("mixed")
    channel.send(b"?")
    assert _receive(channel) == b"Y"
    assert _receive(channel, 200) is None
    check.equal(channel.ignored, 2)
    channel.close()


def test_a_datagram_that_is_too_large_is_cut_one_byte_behind_the_largest():
    channel = _open("echo", largest=10)
    for size in (11, 200, 10):
        channel.send(b"x" * size)
    check.equal([len(_receive(channel)) for _ in range(3)], [11, 11, 10])
    check.equal(channel.ignored, 0)
    channel.close()


def test_an_empty_datagram_is_ignored_and_counted():
    channel = _open("empty")
    channel.send(b"?")
    assert _receive(channel) == b"Y"
    check.equal(channel.ignored, 1)
    channel.close()


def test_duplicates_come_as_they_are():
    channel = _open("twice")
    channel.send(b"hello")
    check.equal([_receive(channel) for _ in range(2)], [b"hello"] * 2)
    channel.close()


def test_where_nobody_is_there_is_silence_not_an_error():
    channel = _open("nobody")
    for _ in range(3):
        assert channel.send(b"hello") is True
    assert _receive(channel, 50) is None
    check.equal(channel.ignored, 0)
    channel.close()


def test_no_way_to_the_network_is_lost():
    channel = UdpChannel("255.255.255.255", 9, clock.Deadline(3000))  # broadcast: not allowed
    check.raises(Lost, channel.send, b"hello")
    channel.close()


def test_the_hint_for_the_radio_is_kept():
    channel = _open("hole")
    assert channel.replies is None
    channel.send(b"hello", replies=1)
    check.equal(channel.replies, 1)
    channel.send(b"hello", 0)
    check.equal(channel.replies, 0)
    channel.send(b"hello")
    assert channel.replies is None
    channel.close()


def test_closing_twice_is_harmless():
    channel = _open("hole")
    channel.close()
    channel.close()


def test_the_scripted_server_answers_as_coap_and_records_each_datagram():
    channel = _open("coap")
    channel.send(b"\x42\x01\x12\x34\xaa\xbb")
    check.equal(_receive(channel), b"\x60\x45\x12\x34\xaa\xbb\xff1")
    channel.send(b"second")
    check.equal(_receive(channel), b"second")
    check.equal(check.connections("coap", 12), [b"\x42\x01\x12\x34\xaa\xbb", b"second"])
    channel.close()
