"""Is every lost datagram of a DTLS handshake made good (RFC 6347 section 4.2.4)?

Each costs the second after which DTLS sends again.
"""

import check
from signet import clock
from signet.net.datagram import UdpChannel
from signet.net.dtls import DtlsChannel
from signet.net.trust import context

SERVERS = {"good": ("dtls", "good", "echo")}


class _Lossy:
    """A channel that loses one datagram; up, down: which, counted from 1, 0 for none."""

    def __init__(self, up, down):
        end = check.server("good")
        self._below = UdpChannel(end["host"], end["port"], clock.Deadline(3000))
        self._lost_up, self._lost_down = up, down
        self.up = self.down = 0
        self.address = self._below.address
        self.largest = 1152
        self.wait = self._below.wait
        self.close = self._below.close
        self.opened = self._below.opened

    def send(self, datagram, replies=None):
        self.up += 1
        if self.up != self._lost_up:
            self._below.send(datagram)
        return True

    def receive(self):
        datagram = self._below.receive()
        if datagram is not None:
            self.down += 1
            if self.down == self._lost_down:
                return None
        return datagram


def _shake_hands(up, down):
    with open(check.server("good")["ca"], "rb") as file:
        trust = context(file.read(), datagrams=True)
    below = _Lossy(up, down)
    channel = DtlsChannel(below, "good.test", trust, 15000)
    channel.send(b"hello")
    while not channel.opened():
        channel.wait(3000)
        channel.receive()
    counted = below.up - 1, below.down
    while (datagram := channel.receive()) is None:
        assert channel.wait(3000)
    check.equal(datagram, b"hello")
    channel.close()
    return counted


def test_any_one_datagram_of_the_client_may_be_lost():
    count = _shake_hands(0, 0)[0]
    for lost in check.spread(range(1, count + 1)):
        assert _shake_hands(lost, 0)[0] > count


def test_any_one_datagram_of_the_server_may_be_lost():
    count = _shake_hands(0, 0)[1]
    for lost in check.spread(range(1, count + 1)):
        assert _shake_hands(0, lost)[1] > count
