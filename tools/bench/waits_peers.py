"""Which peers does a device meet in `signet bench waits`, and what do they do to it?

Records are written out from RFC 5246 and RFC 6347, frames from RFC 6455, packets from
MQTT 3.1.1 and RFC 7252.
"""

import contextlib
import socket
from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

from tools.bench.waits_stages import (
    Refusing,
    Server,
    Stage,
    TcpPeer,
    UdpPeer,
    Unanswered,
    end,
    flood,
    reset,
    say_nothing,
    take_nothing,
)

_WARNING = b"\x15\x03\x03\x00\x02\x01\x5a"  # user_canceled
_FATAL = b"\x15\x03\x03\x00\x02\x02\x28"  # handshake_failure
_CHANGE_CIPHER_SPEC = b"\x14\x03\x03\x00\x01\x01"
_PINGS = {
    "mqtt": b"\xd0\x00",
    "websocket": b"\x89\x00",
    "http": b"HTTP/1.1 100 Continue\r\n\r\n",
    "coap": b"\x40\x00\x12\x34",
}


class Way(NamedTuple):
    """A way in of the twin's ready file; `title`: of its column."""

    cloud: str
    way: str
    title: str

    @property
    def is_datagrams(self) -> bool:
        """UDP, not TCP?"""
        return self.way.startswith("coap")

    @property
    def is_secure(self) -> bool:
        """TLS or DTLS?"""
        return self.way.endswith("s") and self.way != "ws"

    @property
    def protocol(self) -> str:
        """A key of _PINGS."""
        names = {"mq": "mqtt", "ws": "websocket", "ht": "http", "co": "coap"}
        return names[self.way[:2]]


class Peer(NamedTuple):
    """What a device meets.

    once_open: the twin answers until the first report is stored. meets: can a device of this way
    meet it? make: what stands there; None: the twin alone. terminates: it is the device's TLS
    server. report_bytes: of each report after the first; 0: a small one.
    """

    name: str
    once_open: bool
    meets: Callable[[Way], bool]
    make: "Callable[[Way, Server], Stage] | None"
    terminates: bool = False
    report_bytes: int = 0


def _refuse(_: TcpPeer, device: socket.socket) -> None:
    device.recv(16_384)
    device.sendall(_FATAL)


def _datagram(record: bytes) -> bytes:
    """The DTLS 1.2 form of a TLS record: epoch 0, and a sequence number."""
    return record[:1] + b"\xfe\xfd" + bytes(7) + b"\x07" + record[3:]


def _everybody(_: Way) -> bool:
    return True


def _streams(way: Way) -> bool:
    return not way.is_datagrams


def _secured(way: Way) -> bool:
    return way.is_secure


def _datagrams(way: Way) -> bool:
    return way.is_datagrams


def _pingable(way: Way) -> bool:
    return way.way != "coaps"  # it would take a DTLS server of the bench's own


def _silent(way: Way, _: Server) -> Stage:
    return UdpPeer() if way.is_datagrams else TcpPeer(say_nothing)


def _refused(way: Way, _: Server) -> Stage:
    return Refusing(socket.SOCK_DGRAM if way.is_datagrams else socket.SOCK_STREAM)


def _flooding(record: bytes, way: Way, _: Server) -> Stage:
    if way.is_datagrams:
        return UdpPeer(flood=_datagram(record))
    return TcpPeer(partial(flood, record))


def _fatal(way: Way, _: Server) -> Stage:
    return UdpPeer(answer=_datagram(_FATAL)) if way.is_datagrams else TcpPeer(_refuse)


def _silent_later(way: Way, server: Server) -> Stage:
    return UdpPeer(server) if way.is_datagrams else TcpPeer(say_nothing, server)


def _pinging(way: Way, server: Server) -> Stage:
    pings = _PINGS[way.protocol]
    if way.is_datagrams:
        return UdpPeer(server, flood=pings)
    return TcpPeer(partial(flood, pings), server, terminates=way.is_secure)


def _gone_later(way: Way, server: Server) -> Stage:
    return UdpPeer(server, closes=True) if way.is_datagrams else TcpPeer(reset, server)


_JUNK = bytes(range(256))

PEERS = (
    Peer("answering", False, _everybody, None),
    Peer("silent", False, _everybody, _silent),
    Peer("SYN unanswered", False, _streams, lambda way, server: Unanswered()),
    Peer("flood: alerts", False, _secured, partial(_flooding, _WARNING)),
    Peer("flood: CCS", False, _secured, partial(_flooding, _CHANGE_CIPHER_SPEC)),
    Peer("flood: junk", False, _datagrams, lambda way, server: UdpPeer(flood=_JUNK)),
    Peer(
        "a byte each 2 ms",
        False,
        _streams,
        lambda way, server: TcpPeer(say_nothing, server, drip=True),
    ),
    Peer("refused", False, _everybody, _refused),
    Peer("reset", False, _streams, lambda way, server: TcpPeer(reset)),
    Peer("end", False, _streams, lambda way, server: TcpPeer(end)),
    Peer("fatal alert", False, _secured, _fatal),
    Peer("silent", True, _everybody, _silent_later),
    Peer("flood: pings", True, _pingable, _pinging, terminates=True),
    Peer("flood: junk", True, _datagrams, lambda way, server: UdpPeer(server, flood=_JUNK)),
    Peer(
        "takes no data",
        True,
        _streams,
        lambda way, server: TcpPeer(take_nothing, server),
        report_bytes=12000,
    ),
    Peer("reset", True, _everybody, _gone_later),
    Peer("end", True, _streams, lambda way, server: TcpPeer(end, server)),
)


@contextlib.contextmanager
def standing(peer: Peer, way: Way, server: Server) -> Iterator[Stage | None]:
    """Gives what stands between the device and the server; None for the server itself."""
    if peer.make is None:
        yield None
        return
    with peer.make(way, server) as stage:
        assert isinstance(stage, Stage)
        yield stage
