"""Does no poll of the CoAP session wait longer than told, in any state, whatever the peer does?

Time is made up: each look at the network takes 1 ms.  CoAP messages are written out by hand from
RFC 7252 section 3, records of DTLS from RFC 6347 section 4.1.
"""

import gc
import sys
from binascii import unhexlify

import check
from check_alibaba_coap import AUTH, bare
from check_flood import Flood
from signet import clock
from signet.errors import Lost, TimedOut
from signet.net import datagram
from signet.reports.messages import Report

SERVERS = {"good": ("dtls", "good", "echo")}  # for its CA

_FLOODS = (
    None,  # silence
    b"anybody may send this",
    unhexlify("40000001"),  # a ping
    unhexlify("4445beef") + b"toke\xffx",  # a response that nobody asked for
    unhexlify("15fefd00000000000000010002015a"),  # DTLS: a warning alert, user_canceled
    unhexlify("14fefd0000000000000001000101"),  # DTLS: ChangeCipherSpec
)
_ACK_TIMEOUT_MS, _RETRANSMISSIONS = 1000, 2
_LONGEST_MS = 1500 * 7  # RFC 7252 section 4.8.2: MAX_TRANSMIT_WAIT


def _trust():
    if check.MICROPYTHON and sys.maxsize > 1 << 32:
        check.skip("sessions of DTLS and AES do not fit one heap of 64-bit objects")
    from signet.net.trust import context

    with open(check.server("good")["ca"], "rb") as file:
        return context(file.read(), datagrams=True)


class _Net:
    """A UDP channel whose peer sends the same datagram for ever, and answers `/auth` when told."""

    address, busy, largest, most, ignored = "192.0.2.7", False, 384, 1152, 0

    def __init__(self, flood, again):
        self._flood, self._again = flood, again
        self.answers = False
        self.coming = []
        self.sent = self.received = 0

    def __call__(self, host, port, deadline, largest, turn):
        return self

    def opened(self):
        return True

    def send(self, datagram, replies=None):
        self.sent += 1
        if self.answers:
            self.answers = False
            self.coming.append(b"\x64\x45" + bytes(datagram[2:8]) + b"\xff" + AUTH)
        return True

    def receive(self):
        self._flood._look()
        if self.coming:
            return self.coming.pop()
        self.received += self._again is not None
        return self._again

    def wait(self, timeout_ms):
        self._flood._look()
        self._flood.now += 0 if self._again else timeout_ms
        return self._again is not None

    def close(self):
        pass


def _session(net, trust=None, ack_timeout_ms=_ACK_TIMEOUT_MS):
    datagram.UdpChannel = net
    gc.collect()
    return bare(
        check.scratch("signet.state"),
        trust=trust,
        host="good.test",
        ack_timeout_ms=ack_timeout_ms,
        max_retransmit=_RETRANSMISSIONS,
    )


def _poll(session, flood, net, timeout_ms):
    """A poll that is held to its word."""
    began, sent, received = flood.now, net.sent, net.received
    event = session.poll(timeout_ms)
    took = flood.now - began
    assert took <= timeout_ms + 4, took
    if not timeout_ms:  # one datagram in; out go what was due and what answers that one
        assert net.received <= received + 1 and net.sent <= sent + 2
    return event


def _is_lost(session, flood, net, timeouts, longest_ms, keys=()):
    """Polls until it is lost, in time, with these keys on the wire."""
    began = flood.now
    while True:
        for timeout_ms in timeouts:
            event = _poll(session, flood, net, timeout_ms)
            if event is not None:
                assert event[0] == "lost" and isinstance(event[1], Lost), event
                assert tuple(event[2]) == keys, event
                assert flood.now - began <= longest_ms, flood.now - began
                return event[1]
            assert flood.unfed <= clock.WAIT_SLICE_MS, flood.unfed


def _in_a_flood(work):
    for again in _FLOODS:
        flood = Flood(b"", b"")
        try:
            work(flood, _Net(flood, again))
        finally:
            flood.close()


def test_a_login_that_nobody_answers_is_given_up():
    def work(flood, net):
        session = _session(net)
        for _ in range(2):  # and it may begin again
            session.begin(clock.Deadline(30_000))
            assert not session.submit(1, Report({"t": 1}))
            error = _is_lost(session, flood, net, (0, 0, 700), _LONGEST_MS + 1000)
            assert isinstance(error, TimedOut)
            assert net.sent >= 1 + _RETRANSMISSIONS

    _in_a_flood(work)


def test_a_report_that_nobody_answers_is_given_up():
    def work(flood, net):
        session = _session(net)
        session.begin(clock.Deadline(30_000))
        net.answers = True
        event = None
        while event is None:
            event = _poll(session, flood, net, 0)
        assert event == ("opened",)
        sent = net.sent
        assert _poll(session, flood, net, 700) is None  # open, with nothing to do
        assert session.submit(1, Report({"t": 1})) and session.busy
        assert not session.submit(2, Report({"t": 2}))
        error = _is_lost(session, flood, net, (0, 0, 700), _LONGEST_MS + 1000, (1,))
        assert isinstance(error, TimedOut) and net.sent > sent + _RETRANSMISSIONS
        assert not session.submit(1, Report({"t": 1}))

    _in_a_flood(work)


def test_a_handshake_that_nobody_answers_is_given_up_after_half_a_minute():
    trust = _trust()

    def work(flood, net):
        session = _session(net, trust)
        session.begin(clock.Deadline(30_000))
        error = _is_lost(session, flood, net, (0, 0, 700), 31_000)
        assert "handshake" in str(error), error
        if net.received == 0:
            assert "no answer in time" in str(error) and flood.now >= 30_000

    _in_a_flood(work)


def test_a_handshake_may_take_15_times_ack_timeout_where_that_is_longer():
    trust = _trust()
    flood = Flood(b"", b"")
    net = _Net(flood, None)
    try:
        session = _session(net, trust, 3000)
        session.begin(clock.Deadline(30_000))
        error = _is_lost(session, flood, net, (900,), 46_000)
        assert "no answer in time" in str(error) and flood.now >= 45_000
    finally:
        flood.close()
