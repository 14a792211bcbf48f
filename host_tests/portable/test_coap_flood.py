"""Does a CoAP request end by its deadline in a flood of what it did not ask for?

Datagrams are written out by hand from RFC 7252 section 3 and RFC 7641 section 2.
"""

import check
from check_flood import Flood
from signet import clock
from signet.client.coap import CoapClient
from signet.errors import TimedOut
from signet.wire import coap


class _Notifications:
    """A datagram channel with a notification of an observed resource whenever it is asked."""

    ignored = 0

    def __init__(self, flood):
        self._flood = flood
        self._count = 0

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
