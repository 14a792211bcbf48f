"""Does a DTLS channel keep net/dtls.py's promises?"""

import check
from signet import clock
from signet.errors import Lost, Untrusted
from signet.net import secure
from signet.net.datagram import UdpChannel
from signet.net.dtls import DtlsChannel

SERVERS = {
    "good": ("dtls", "good", "echo"),
    "wrong_name": ("dtls", "wrong_name", "echo"),
    "wrong_ca": ("dtls", "wrong_ca", "echo"),
    "self_signed": ("dtls", "self_signed", "echo"),
    "expired": ("dtls", "expired", "echo"),
    "not_yet_valid": ("dtls", "not_yet_valid", "echo"),
    "three": ("dtls", "good", [("datagram",), ("send", "41"), ("send", "424242"), ("send", "43")]),
    "hole": ("udp", "black_hole"),
}


def _udp(name):
    end = check.server(name)
    return UdpChannel(end["host"], end["port"], clock.Deadline(3000), 1024)


def _open(name, channel=None, timeout_ms=10000):
    with open(check.server("good")["ca"], "rb") as file:
        trust = secure.context(file.read(), datagrams=True)
    return DtlsChannel(channel or _udp(name), "good.test", trust, clock.Deadline(timeout_ms))


def _receive(channel, timeout_ms=3000):
    """The next datagram, or None in time."""
    deadline = clock.Deadline(timeout_ms)
    while not deadline.expired():
        datagram = channel.receive()
        if datagram is not None:
            return datagram
        channel.wait(deadline.remaining_ms())
    return None


def test_a_datagram_goes_and_comes_back():
    channel = _open("good")
    assert channel.send(b"hello") is True
    assert _receive(channel) == b"hello"
    channel.close()


def test_a_wrong_certificate_is_untrusted_and_says_why():
    for name, sign in (
        ("wrong_name", "another name"),
        ("wrong_ca", "not signed by the CA"),
        ("self_signed", "not signed by the CA"),
        ("expired", "expired"),
        ("not_yet_valid", "not valid yet"),
    ):
        error = check.raises(Untrusted, _open, name)
        assert sign in str(error), (name, str(error))


def test_a_silent_server_is_lost_in_time():
    error = check.raises(Lost, _open, "hole", None, 300)
    assert "no answer in time" in str(error)
