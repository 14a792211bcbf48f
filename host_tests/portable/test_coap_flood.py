"""Does a CoAP request, or a handshake of DTLS, end by its deadline in a flood?

Datagrams are written out by hand from RFC 7252 section 3 and RFC 7641 section 2.
"""

from binascii import unhexlify

import check
from check_flood import Flood
from signet import clock
from signet.client.coap import CoapClient
from signet.errors import Lost, TimedOut
from signet.net.dtls import DtlsChannel
from signet.net.trust import context
from signet.wire import coap

SERVERS = {"good": ("dtls", "good", "echo")}


class _Notifications:
    """A datagram channel with a notification of an observed resource whenever it is asked."""

    ignored, largest = 0, 1152

    def __init__(self, flood):
        self._flood = flood
        self._count = 0

    def opened(self):
        return True

    def send(self, datagram, replies=None):
        return True

    def receive(self):
        self._flood._look()
        self._count += 1
        return b"\x54\x45" + self._count.to_bytes(2, "big") + b"toke\x61" + b"\x07\xffx"


def test_a_coap_request_is_given_up_in_a_flood_of_notifications():
    flood = Flood(b"", b"")
    coap_client = CoapClient(1)
    coap_client.use(_Notifications(flood))
    coap_client.exchange.observed.append(b"toke")
    deadline = clock.Deadline(1500)
    error = check.raises(TimedOut, coap_client.ask, coap.GET, (), b"", deadline)
    flood.close()
    assert "no answer in time" in str(error) and 1500 <= flood.now <= 1600
    assert flood.unfed <= clock.WAIT_SLICE_MS, flood.unfed


class _Junk:
    """A datagram channel on which a peer sends the same thing as fast as it is read."""

    address, ignored, largest = "127.0.0.1", 0, 1152

    def __init__(self, flood, datagram):
        self._flood, self._datagram = flood, datagram

    def opened(self):
        return True

    def send(self, datagram, replies=None):
        return True

    def receive(self):
        self._flood._look()
        return self._datagram

    def wait(self, timeout_ms):
        self._flood._look()
        return True

    def close(self):
        pass


def _a_handshake_is_given_up(datagram):
    with open(check.server("good")["ca"], "rb") as file:
        trust = context(file.read(), datagrams=True)
    flood = Flood(b"", b"")
    coap_client = CoapClient(1)
    coap_client.use(DtlsChannel(_Junk(flood, datagram), "good.test", trust, 9000))
    error = check.raises(Lost, coap_client.ask, coap.GET, (), b"", clock.Deadline(20_000))
    flood.close()
    assert "handshake" in str(error) and "no answer in time" in str(error), error
    assert 9000 <= flood.now <= 9000 + clock.WAIT_SLICE_MS, flood.now
    assert flood.unfed <= clock.WAIT_SLICE_MS, flood.unfed


def test_a_dtls_handshake_is_given_up_in_a_flood_of_warning_alerts():
    # RFC 6347 section 4.1, RFC 5246 section 7.2: a warning, user_canceled, in epoch 0
    _a_handshake_is_given_up(unhexlify("15fefd000000000000000100" + "02015a"))


def test_a_dtls_handshake_is_given_up_in_a_flood_of_what_is_no_record():
    _a_handshake_is_given_up(b"anybody may send this")
