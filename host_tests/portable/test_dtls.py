"""Does a DTLS channel keep net/dtls.py's promises?"""

import socket
import sys

import check
from signet import clock
from signet.errors import Lost, SignetError, Untrusted
from signet.net.datagram import UdpChannel
from signet.net.dtls import DtlsChannel
from signet.net.trust import context

SERVERS = {
    "good": ("dtls", "good", "echo"),
    "wrong_name": ("dtls", "wrong_name", "echo"),
    "wrong_ca": ("dtls", "wrong_ca", "echo"),
    "self_signed": ("dtls", "self_signed", "echo"),
    "expired": ("dtls", "expired", "echo"),
    "not_yet_valid": ("dtls", "not_yet_valid", "echo"),
    "sha_1": ("s_server", "sha_1", "-cert_chain", "{chain}", "-cipher", "ALL@SECLEVEL=0"),
    "md_5": ("s_server", "md_5", "-cert_chain", "{chain}", "-cipher", "ALL@SECLEVEL=0"),
    "short_key": ("s_server", "short_key", "-cert_chain", "{chain}", "-cipher", "ALL@SECLEVEL=0"),
    "for_clients": (
        "s_server",
        "for_clients",
        "-cert_chain",
        "{chain}",
        "-cipher",
        "ALL@SECLEVEL=0",
    ),
    "cannot_sign": (
        "s_server",
        "cannot_sign",
        "-cert_chain",
        "{chain}",
        "-cipher",
        "ALL@SECLEVEL=0",
    ),
    "under_a_device": (
        "s_server",
        "under_a_device",
        "-cert_chain",
        "{chain}",
        "-cipher",
        "ALL@SECLEVEL=0",
    ),
    "too_deep": ("s_server", "too_deep", "-cert_chain", "{chain}", "-cipher", "ALL@SECLEVEL=0"),
    "constrained": (
        "s_server",
        "constrained",
        "-cert_chain",
        "{chain}",
        "-cipher",
        "ALL@SECLEVEL=0",
    ),
    "ed25519": ("s_server", "ed25519", "-cert_chain", "{chain}", "-cipher", "ALL@SECLEVEL=0"),
    "three": ("dtls", "good", [("datagram",), ("send", "41"), ("send", "424242"), ("send", "43")]),
    "vanishing": ("dtls", "good", [("datagram",), ("send", "41")]),
    "leaving": ("dtls", "good", "close_notify"),
    "eager": ("dtls", "good", "speaks_first"),
    "unable": ("dtls", "good", "no_common_suite"),
    "hole": ("udp", "black_hole"),
    "junk": ("udp", [("datagram",), ("send", "ff00f00f"), ("send", "16fefd0000"), ("echo",)]),
    "openssl": ("s_server", "good"),
    "openssl_cookie": ("s_server", "good", "-listen"),
}


class _Weather:
    """A channel between DTLS and UDP where the test decides what passes.

    up, down: functions of (count, datagram) -> list of datagrams to go on.
    """

    def __init__(self, below, up=None, down=None):
        self._below = below
        self._up = up or (lambda count, datagram: [datagram])
        self._down = down or (lambda count, datagram: [datagram])
        self._here = []
        self.sent = self.received = 0
        self.address = below.address
        self.replies = None
        self.hints = []
        self.down = False  # the whole network
        self.full = False
        self.closed = False

    ignored = 7

    def opened(self):
        return True

    @property
    def largest(self):
        return self._below.largest

    @largest.setter
    def largest(self, size):
        self._below.largest = size

    def send(self, datagram, replies=None):
        self.replies = replies
        self.hints.append(replies)
        if self.down:
            raise Lost("no network")
        if self.full:
            return False
        self.sent += 1
        for each in self._up(self.sent, bytes(datagram)):
            self._below.send(each)
        return True

    def receive(self):
        if self.down:
            raise Lost("no network")
        if not self._here:
            datagram = self._below.receive()
            if datagram is None:
                return None
            self.received += 1
            self._here = self._down(self.received, datagram)
        return self._here.pop(0) if self._here else None

    def wait(self, timeout_ms):
        return self.down or bool(self._here) or self._below.wait(timeout_ms)

    def close(self):
        self.closed = True
        self._below.close()


def _udp(name):
    end = check.server(name)
    return UdpChannel(end["host"], end["port"], clock.Deadline(3000), 1152)


def _trust():
    with open(check.server("good")["ca"], "rb") as file:
        return context(file.read(), datagrams=True)


def _begin(name, channel=None, timeout_ms=10000, host="good.test"):
    return DtlsChannel(channel or _udp(name), host, _trust(), timeout_ms)


def _open(*arguments, first=b"hello"):
    """A channel over which `first` has gone."""
    channel = _begin(*arguments)
    assert channel.send(first) is True
    while not channel.opened():
        channel.wait(100)
        assert channel.receive() is None
    return channel


def _receive(channel, timeout_ms=3000):
    """The next datagram, or None in time."""
    deadline = clock.Deadline(timeout_ms)
    while not deadline.expired():
        datagram = channel.receive()
        if datagram is not None:
            return datagram
        channel.wait(deadline.remaining_ms())
    return None


def _echoes(channel):
    channel.send(b"hello")
    return _receive(channel) == b"hello"


def test_a_datagram_goes_with_the_handshake_and_comes_back():
    channel = _begin("good")
    for _ in range(2):
        assert channel.send(b"hello") is True
        assert _receive(channel) == b"hello"
    check.equal(check.connections("good", 10)[-2:], [b"hello", b"hello"])
    channel.close()


def test_nothing_is_sent_without_a_datagram():
    below = _Weather(_udp("junk"))
    below.ignored = 0
    channel = _begin("junk", below)
    assert channel.receive() is None and not channel.opened()
    below._below.send(b"?")  # so two datagrams come that nobody asked for
    for count in (1, 2):
        assert channel.wait(3000)
        assert channel.receive() is None
        check.equal(channel.ignored, count)
    check.equal(below.sent, 0)
    channel.close()


def test_one_datagram_is_kept_during_the_handshake_and_a_step_takes_one_and_sends_one_flight():
    below = _Weather(_udp("good"))
    channel = _begin("good", below)
    assert channel.send(bytearray(b"first"), 1) is True
    steps = 0
    while not channel.opened():
        assert channel.send(b"second") is False
        channel.wait(3000)
        taken = below.received
        assert channel.receive() is None
        assert below.received <= taken + 1
        steps += 1
    assert below.received <= steps
    # to a radio only what ends with a reply is the last
    check.equal(below.hints[:-1], [None] * (len(below.hints) - 1))
    check.equal(below.hints[-1], 1)
    check.equal(_receive(channel), b"first")
    channel.close()


def test_boundaries_are_kept():
    channel = _open("three")
    check.equal([_receive(channel) for _ in range(3)], [b"A", b"BBB", b"C"])
    channel.close()


def test_records_that_share_a_datagram_come_one_by_one():
    held = []

    def join(count, datagram):
        if datagram[0] != 23:  # application data
            return [datagram]
        held.append(datagram)
        return [b"".join(held)] if len(held) == 3 else []

    channel = _open("three", _Weather(_udp("three"), down=join))
    check.equal([_receive(channel) for _ in range(3)], [b"A", b"BBB", b"C"])
    assert channel.receive() is None
    channel.close()


def test_what_comes_right_after_the_handshake_is_kept():
    for joined in (False, True):
        held = []

        def hold(count, datagram, held=held, joined=joined):
            if datagram[3:5] == b"\x00\x00" and datagram[0] != 20:  # not protected yet
                return [datagram]
            held.append(datagram)
            if datagram[0] != 23:
                return []
            return [b"".join(held)] if joined else held  # Finished and application data at once

        channel = _open("eager", _Weather(_udp("eager"), down=hold))
        assert _receive(channel) == b"hello"
        channel.close()


def test_a_datagram_as_large_as_coap_allows_passes():
    channel = _begin("good")  # the handshake's datagrams may be larger than the channel takes
    for size in (1, 1024, 1152):
        channel.send(b"x" * size)
        check.equal(_receive(channel), b"x" * size)
    channel.close()


def test_a_datagram_larger_than_the_channel_takes_comes_cut():
    below = _udp("good")
    below.largest = 384
    channel = _open("good", below)
    check.equal(_receive(channel), b"hello")
    receive, large = below.receive, []

    def poor():  # of heap, for more than most answers need
        large.append(below.largest)
        if below.largest > 1000:
            raise MemoryError
        return receive()

    for size in (384, 385, 1152, 20):
        channel.send(b"x" * size)
        check.equal(_receive(channel), b"x" * min(size, 385))
    below.receive = poor
    for _ in range(2):
        channel.send(b"hello")
        check.equal(_receive(channel), b"hello")
    check.equal(set(large), {1472, 448})
    channel.close()


def test_nothing_there_is_none():
    channel = _open("leaving", first=b"?")
    assert _receive(channel) == b"?"
    channel.close()
    channel = _open("vanishing")
    assert _receive(channel) == b"A"
    assert channel.receive() is None
    assert channel.wait(10) is False
    channel.close()


def test_one_context_serves_many_channels():
    trust = _trust()
    for _ in range(3):
        channel = DtlsChannel(_udp("good"), "good.test", trust, 5000)
        assert _echoes(channel)
        channel.close()


def test_a_server_that_asks_for_no_cookie_is_fine():
    channel = _begin("leaving")
    assert _echoes(channel)
    channel.close()


def test_a_wrong_certificate_is_untrusted_and_says_why():
    unfit = check.UNFIT_CERTIFICATES if check.server("sha_1")["port"] else ()
    for name, sign in check.BAD_CERTIFICATES + unfit:
        error = check.raises(Untrusted, _open, name)
        assert sign in str(error) and "\n" not in str(error), (name, str(error))


def test_a_silent_server_is_lost_in_time():
    error = check.raises(Lost, _open, "hole", None, 300)
    assert "no answer in time" in str(error)


def test_a_name_that_the_certificate_does_not_carry_is_untrusted():
    error = check.raises(Untrusted, _open, "good", None, 5000, "evil.test")
    assert "another name" in str(error) and "evil.test" in str(error)


def test_nothing_is_sent_to_a_server_that_is_not_trusted():
    check.raises(Untrusted, _open, "wrong_ca")
    check.equal(check.connections("wrong_ca"), [])


def test_a_server_that_vanishes_in_the_handshake_is_lost_in_time():
    for last in (1, 2):
        channel = _Weather(
            _udp("good"), down=lambda count, datagram: [datagram] if count <= last else []
        )
        check.raises(Lost, _open, "good", channel, 300)
        assert channel.closed


class _Lwip:
    """The module `socket`, as extmod/modlwip.c names it."""

    __name__ = "lwip"


def _first_of_a_flight(_, datagram):
    """HelloVerifyRequest, and of what begins with ServerHello that datagram (RFC 6347 4.3.2)."""
    return [datagram] if datagram[13] in (3, 2) else []


def test_where_a_socket_keeps_one_datagram_the_time_out_says_so():
    for module in (_Lwip(), socket):
        weather = _Weather(_udp("good"), down=_first_of_a_flight)
        sys.modules["socket"] = module
        try:
            text = str(check.raises(Lost, _open, "good", weather, 1500))
        finally:
            sys.modules["socket"] = socket
        assert "no answer in time" in text
        check.equal("MicroPython 1.26" in text, module is not socket, text)


def test_a_server_that_vanishes_later_is_silence():
    channel = _open("vanishing")
    assert _receive(channel) == b"A"
    assert channel.send(b"?") is True
    assert _receive(channel, 100) is None
    channel.close()


def test_a_session_that_the_peer_closes_is_lost():
    channel = _open("leaving", first=b"?")
    assert _receive(channel) == b"?"
    error = check.raises(Lost, _receive, channel)
    assert "closed by the peer" in str(error)
    channel.close()


def test_a_fatal_alert_in_the_handshake_is_lost_at_once():
    error = check.raises(Lost, _open, "unable", None, 20000)
    assert "alert" in str(error) and not isinstance(error, Untrusted), error


def test_a_handshake_with_junk_is_lost_in_time():
    error = check.raises(Lost, _open, "junk", None, 300)
    assert not isinstance(error, Untrusted)


def test_a_network_that_fails_is_lost():
    channel = _Weather(_udp("good"))
    channel.down = True
    error = check.raises(Lost, _open, "good", channel)
    assert "no network" in str(error)
    channel = _Weather(_udp("good"))
    session = _open("good", channel)
    assert _receive(session) == b"hello"
    channel.down = True
    assert "no network" in str(check.raises(Lost, session.send, b"hello"))
    assert "no network" in str(check.raises(Lost, session.receive))
    session.close()


def test_a_datagram_that_cannot_go_now_is_false_and_lost():
    channel = _Weather(_udp("good"))
    session = _open("good", channel)
    assert _receive(session) == b"hello"
    channel.full = True
    assert session.send(b"lost") is False
    channel.full = False
    assert _echoes(session)
    session.close()


def test_the_hint_for_the_radio_reaches_the_channel_below():
    channel = _Weather(_udp("good"))
    session = _open("good", channel)
    for replies in (1, 0, None):
        session.send(b"hello", replies)
        check.equal((session.replies, channel.replies), (replies, replies))
    session.close()


def test_address_and_count_are_those_of_the_channel_below():
    session = _open("good", _Weather(_udp("good")))
    check.equal((session.address, session.ignored), ("127.0.0.1", 7))
    session.close()


def test_closing_is_harmless_in_every_state():
    channel = _begin("good")
    channel.close()
    channel.close()
    for name in ("hole", "good"):
        channel = _begin(name)
        channel.send(b"hello")
        channel.close()
        channel.close()
    channel = _open("good")
    channel.close()
    channel.close()


def test_a_ca_that_is_no_certificate_is_a_value_error():
    error = check.raises(ValueError, context, b"junk", True)
    check.equal(error.args[0], "ca")


_GARBAGE = [
    b"\x00",
    bytes(13),
    b"\xff" * 60,
    b"\x16\xfe\xfd" + bytes(8) + b"\xff\xff",  # says more than it has
    b"\x16\xfe\xfd" + bytes(8) + b"\x00\x00",  # empty
    b"\x17\xfe\xfd\x00\x01" + bytes(6) + b"\x00\x05hello",  # not encrypted
    b"\x42\x45\x00\x01\xaa\xbb\xffhello",  # CoAP
]


def test_garbage_in_handshake_and_session_is_survived():
    def litter(count, datagram):
        return _GARBAGE + [datagram]  # noqa: RUF005

    channel = _begin("good", _Weather(_udp("good"), down=litter))
    for _ in range(3):
        assert _echoes(channel)
    channel.close()


_FATAL = b"\x15\xfe\xfd" + bytes(8) + b"\x00\x02\x02\x28"
_FORGED = (
    _FATAL,
    b"\x15\xfe\xfd" + bytes(8) + b"\x00\x02\x01\x00",  # close_notify
    b"\x14\xfe\xfd" + bytes(8) + b"\x00\x01\x01",  # ChangeCipherSpec
    b"\x17\xfe\xfd" + bytes(8) + b"\x00\x05hello",  # application data
    b"\x16\xfe\xfd" + bytes(8) + b"\x00\x0c\x00" + bytes(11),  # HelloRequest
)


def test_what_anybody_can_forge_in_a_handshake_delays_it_or_ends_it_in_our_own_error():
    for record in _FORGED:

        def forge(count, datagram, record=record):
            return [record, datagram]

        try:
            _open("good", _Weather(_udp("good"), down=forge), 400).close()
        except Lost:
            pass


def test_what_anybody_can_forge_ends_no_session():
    def forge(count, datagram):
        protected = datagram[0] == 23  # application data
        return list(_FORGED) + [datagram] if protected else [datagram]  # noqa: RUF005

    channel = _Weather(_udp("good"), down=forge)
    session = _begin("good", channel)
    for _ in range(3):
        assert _echoes(session)
    session.close()


def test_whatever_is_mangled_on_the_way_ends_well_or_in_our_own_error():
    errors = set()
    for seed in range(15):

        def mangle(count, datagram, seed=seed):
            mangled = bytearray(datagram)
            place = seed * 7919 + count * 104729
            mangled[place % len(mangled)] ^= 1 << place % 8
            cut = mangled[: place % len(mangled)]
            return [cut if seed % 3 == 0 else mangled, datagram]

        try:
            channel = _open("good", _Weather(_udp("good"), down=mangle), 500)
        except SignetError as error:
            errors.add(type(error).__name__)
            continue
        assert _echoes(channel)
        channel.close()
    assert errors <= {"Lost", "Untrusted"}, errors


def test_openssl_s_server_is_understood():
    for name in ("openssl", "openssl_cookie"):
        if check.server(name)["port"] is None:
            check.skip("no openssl here")
        channel = _begin(name)
        assert _echoes(channel)
        channel.close()
