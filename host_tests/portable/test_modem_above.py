"""Do CoAP and DTLS go through a modem as they go over UDP?  Its datagrams are real ones here."""

import select
import socket

import check
import check_modem_line
from check_modem import Bc66, Bg95
from check_modem_families import FAMILIES
from signet import clock
from signet.client.coap import CoapClient
from signet.wire import coap

HEAP = "220k"
SERVERS = {
    "echo": ("udp", [("datagram",), ("send", "6445{mid}{token}ff6f6b")]),
    "good": ("dtls", "good", "echo"),
}
# Their modems have release assistance for an answer that is still to come.
_RELEASES = ("bg95", "bc66", "bc660k", "bc95", "sara_n2")


class _Far:
    """The network behind a modem: a socket."""

    def __init__(self, server, modem):
        self._modem = modem
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._to = socket.getaddrinfo(server["host"], server["port"], 0, socket.SOCK_DGRAM)[0][-1]
        self._poll = select.poll()
        self._poll.register(self._sock, 1)

    def received(self, datagram):
        self._sock.sendto(datagram, self._to)
        return []

    def look(self):
        """Each call of the UART looks whether a datagram has come."""
        if self._poll.poll(0):
            self._modem.arrive(self._sock.recv(1500))


class _NoPoll:
    """Its UART cannot be polled."""

    def poll(self):
        raise OSError


def _modem(family, server):
    modem = family()
    modem.far = _Far(check.server(server), modem)
    modem.call = modem.far.look
    check_modem_line.use(modem, _NoPoll())
    return modem


def _channel(modem):
    from signet.net.modem.channel import ModemChannel

    return ModemChannel(modem.settings(), "good.test", 5684, clock.Deadline(10_000))


def test_a_coap_request_is_answered():
    for family in FAMILIES:
        modem = _modem(family, "echo")
        client = CoapClient(1, 8000, 3)
        client.use(_channel(modem))
        answer = client.ask(coap.GET, (), b"", clock.Deadline(10_000), last=1)
        check.equal(answer.payload, b"ok")
        release = 2 if family.family in _RELEASES else 0
        check.equal([each[1] for each in modem.sent], [release], family.family)
        client.close()
    check_modem_line.disconnect()


def test_dtls_shakes_hands_and_echoes():
    from signet.net.dtls import DtlsChannel
    from signet.net.trust import context

    with open(check.server("good")["ca"], "rb") as file:
        trust = context(file.read(), datagrams=True)
    for family in (Bg95, Bc66):
        modem = _modem(family, "good")
        channel = DtlsChannel(_channel(modem), "good.test", trust, 9000)
        channel.send(b"ping")
        end = clock.Deadline(10_000)
        heard = None
        while heard is None and not end.expired():
            heard = channel.receive()
            channel.wait(100)
        check.equal(heard, b"ping", family)
        channel.close()
    check_modem_line.disconnect()
