"""Which peers does a device meet in `signet bench waits`, and what do they do to it?

Each stands on loopback, between the device and the twin: it hands on what both say until its time
has come. Records are written out from RFC 5246 and RFC 6347, frames from RFC 6455, packets from
MQTT 3.1.1 and RFC 7252.
"""

import contextlib
import select
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

from tools.bench.background import Background

_TICK_S = 0.02
_DRIP_S = 0.002
_PATIENCE_S = 1.0
_SMALL_BUFFER = 2048
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


class Server(NamedTuple):
    """What stands behind a peer. host: its name in TLS. context: makes a TLS server of a peer."""

    address: tuple[str, int]
    host: str
    context: ssl.SSLContext

    def connect(self, *, secure: bool) -> socket.socket:
        """Connect to it; secure: by TLS, which is not verified."""
        plain = socket.create_connection(self.address, _PATIENCE_S)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if not secure:
            return plain
        behind = ssl.create_default_context()
        behind.check_hostname, behind.verify_mode = False, ssl.CERT_NONE
        return behind.wrap_socket(plain, server_hostname=self.host)


class Peer(NamedTuple):
    """What a device meets.

    once_open: the twin answers until the first report is stored. meets: can a device of this way
    meet it? make: what stands there; None: the twin alone. terminates: it is the device's TLS
    server. text_bytes: of each report.
    """

    name: str
    once_open: bool
    meets: Callable[[Way], bool]
    make: "Callable[[Way, Server], Stage] | None"
    terminates: bool = False
    text_bytes: int = 0


class Stage(Background):
    """Stands on `port` while the context lasts; `opened` is set from outside."""

    def __init__(self) -> None:
        super().__init__(name="bench peer", daemon=True)
        self.opened = threading.Event()
        self.ended = threading.Event()
        self.port = 0

    def stop(self) -> None:
        """See Background."""
        self.ended.set()
        self.join()


class Unanswered(Stage):
    """A listener whose backlog is full: SYN gets no answer."""

    def __init__(self) -> None:
        super().__init__()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=0)
        self.port = self._listener.getsockname()[1]
        self._waiting = [socket.socket() for _ in range(4)]
        for each in self._waiting:
            each.setblocking(False)
            each.connect_ex(("127.0.0.1", self.port))

    def run(self) -> None:
        """Until the end."""
        self.ended.wait()
        for each in (self._listener, *self._waiting):
            each.close()


class Refusing(Stage):
    """A port where nobody listens."""

    def __init__(self, kind: socket.SocketKind) -> None:
        super().__init__()
        with socket.socket(socket.AF_INET, kind) as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]

    def run(self) -> None:
        """Nothing is done."""


class TcpPeer(Stage):
    """Accepts connections, one after the other.

    server: to hand on to, until `opened`; None: act at once, when the device has said something.
    act: what is done to the device then. terminates: it is a TLS server. drip: hand on to the
    device byte by byte.
    """

    def __init__(
        self,
        act: Callable[["TcpPeer", socket.socket], None],
        server: Server | None = None,
        *,
        terminates: bool = False,
        drip: bool = False,
    ) -> None:
        super().__init__()
        self._act, self._server, self._terminates, self._drip = act, server, terminates, drip
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SMALL_BUFFER)
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen()
        self._listener.settimeout(_TICK_S)
        self.port = self._listener.getsockname()[1]

    def run(self) -> None:
        """Serve until the end."""
        with self._listener:
            while not self.ended.is_set():
                with contextlib.suppress(TimeoutError):
                    device = self._listener.accept()[0]
                    device.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    self.opened.clear()
                    with device, contextlib.suppress(OSError):
                        self._serve(device)

    def _serve(self, device: socket.socket) -> None:
        device.settimeout(_PATIENCE_S)
        if self._server is None:
            device.recv(1, socket.MSG_PEEK)
            self._act(self, device)
            return
        with contextlib.ExitStack() as stack:
            if self._terminates:
                device = self._server.context.wrap_socket(device, server_side=True)
                stack.enter_context(device)
            server = stack.enter_context(self._server.connect(secure=self._terminates))
            self._hand_on(device, server)
            self._act(self, device)

    def _hand_on(self, device: socket.socket, server: socket.socket) -> None:
        """Until the device is open; raises OSError when one side ends."""
        while not self.ended.is_set() and not self.opened.is_set():
            for source in select.select([device, server], [], [], _TICK_S)[0]:
                data = source.recv(16_384)
                if not data:
                    raise ConnectionError
                if source is device:
                    server.sendall(data)
                elif self._drip:
                    for index in range(len(data)):
                        device.sendall(data[index : index + 1])
                        time.sleep(_DRIP_S)
                else:
                    device.sendall(data)


def _say_nothing(peer: TcpPeer, device: socket.socket) -> None:
    device.settimeout(_TICK_S)
    while not peer.ended.is_set():
        with contextlib.suppress(TimeoutError):
            if not device.recv(16_384):
                return


def _take_nothing(peer: TcpPeer, _: socket.socket) -> None:
    peer.ended.wait()


def _flood(data: bytes, peer: TcpPeer, device: socket.socket) -> None:
    flood = data * (4096 // len(data))
    device.settimeout(_TICK_S)
    while not peer.ended.is_set():
        if select.select([device], [], [], 0)[0] and not device.recv(16_384):
            return
        with contextlib.suppress(TimeoutError):
            device.sendall(flood)  # a record cut short only ends the TLS of this bench


def _reset(_: TcpPeer, device: socket.socket) -> None:
    device.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _end(_: TcpPeer, device: socket.socket) -> None:
    device.recv(16_384)  # what is unread would make a reset of it


def _refuse(_: TcpPeer, device: socket.socket) -> None:
    device.recv(16_384)
    device.sendall(_FATAL)


class UdpPeer(Stage):
    """Answers a device, and hands on to `server` until `opened`; None: never.

    flood: a datagram that comes for ever from then on. answer: one to each of the device's.
    closes: the port is closed then.
    """

    def __init__(
        self,
        server: Server | None = None,
        *,
        flood: bytes = b"",
        answer: bytes = b"",
        closes: bool = False,
    ) -> None:
        super().__init__()
        self._server, self._flood, self._answer, self._closes = server, flood, answer, closes
        self._here = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._here.bind(("127.0.0.1", 0))
        self.port = self._here.getsockname()[1]

    def run(self) -> None:
        """Serve until the end."""
        device: tuple[str, int] | None = None
        with self._here, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as there:
            if self._server is not None:
                there.connect(self._server.address)
            while not self.ended.is_set():
                on = self._server is not None and not self.opened.is_set()
                flooding = bool(self._flood and device and not on)
                if not on and self._closes:
                    return
                pause_s = 0 if flooding else _TICK_S
                with contextlib.suppress(ConnectionError):
                    for source in select.select([self._here, there], [], [], pause_s)[0]:
                        data, sender = source.recvfrom(65_535)
                        if source is self._here:
                            device = sender
                        if not on:
                            if self._answer:
                                self._here.sendto(self._answer, device)
                        elif source is self._here:
                            there.send(data)
                        elif device:
                            self._here.sendto(data, device)
                    if flooding:
                        for _ in range(16):
                            self._here.sendto(self._flood, device)


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
    return UdpPeer() if way.is_datagrams else TcpPeer(_say_nothing)


def _refused(way: Way, _: Server) -> Stage:
    return Refusing(socket.SOCK_DGRAM if way.is_datagrams else socket.SOCK_STREAM)


def _flooding(record: bytes, way: Way, _: Server) -> Stage:
    if way.is_datagrams:
        return UdpPeer(flood=_datagram(record))
    return TcpPeer(partial(_flood, record))


def _fatal(way: Way, _: Server) -> Stage:
    return UdpPeer(answer=_datagram(_FATAL)) if way.is_datagrams else TcpPeer(_refuse)


def _silent_later(way: Way, server: Server) -> Stage:
    return UdpPeer(server) if way.is_datagrams else TcpPeer(_say_nothing, server)


def _pinging(way: Way, server: Server) -> Stage:
    pings = _PINGS[way.protocol]
    if way.is_datagrams:
        return UdpPeer(server, flood=pings)
    return TcpPeer(partial(_flood, pings), server, terminates=way.is_secure)


def _gone_later(way: Way, server: Server) -> Stage:
    return UdpPeer(server, closes=True) if way.is_datagrams else TcpPeer(_reset, server)


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
        lambda way, server: TcpPeer(_say_nothing, server, drip=True),
    ),
    Peer("refused", False, _everybody, _refused),
    Peer("reset", False, _streams, lambda way, server: TcpPeer(_reset)),
    Peer("end", False, _streams, lambda way, server: TcpPeer(_end)),
    Peer("fatal alert", False, _secured, _fatal),
    Peer("silent", True, _everybody, _silent_later),
    Peer("flood: pings", True, _pingable, _pinging, terminates=True),
    Peer("flood: junk", True, _datagrams, lambda way, server: UdpPeer(server, flood=_JUNK)),
    Peer(
        "takes no data",
        True,
        _streams,
        lambda way, server: TcpPeer(_take_nothing, server),
        text_bytes=6000,
    ),
    Peer("reset", True, _everybody, _gone_later),
    Peer("end", True, _streams, lambda way, server: TcpPeer(_end, server)),
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
