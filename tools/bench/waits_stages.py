"""What stands between a device and its server in `signet bench waits`, and what can it do to it?

Each stands on a port of loopback while its context lasts, and hands on what both say until its
time has come.
"""

import contextlib
import select
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable
from typing import NamedTuple

from tools.bench.background import Background

_TICK_S = 0.02
_DRIP_S = 0.002
_PATIENCE_S = 1.0
_SMALL_BUFFER = 2048
_AT_ONCE = 16  # datagrams of a flood


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
        self._device = ("127.0.0.1", 0)  # until it has sent something
        self._here = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._here.bind(("127.0.0.1", 0))
        self.port = self._here.getsockname()[1]

    def run(self) -> None:
        """Serve until the end."""
        with self._here, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as there:
            if self._server is not None:
                there.connect(self._server.address)
            while not self.ended.is_set():
                on = self._server is not None and not self.opened.is_set()
                if not on and self._closes:
                    return
                flooding = self._flood and self._device[1] and not on
                wait_s = 0 if flooding else _TICK_S
                for source in select.select([self._here, there], [], [], wait_s)[0]:
                    with contextlib.suppress(ConnectionError):
                        self._take(source, there, on)
                for _ in range(_AT_ONCE if flooding else 0):
                    self._here.sendto(self._flood, self._device)

    def _take(self, source: socket.socket, there: socket.socket, on: bool) -> None:
        data, sender = source.recvfrom(65_535)
        if source is there:
            if on:
                self._here.sendto(data, self._device)
            return
        self._device = sender
        if on:
            there.send(data)
        elif self._answer:
            self._here.sendto(self._answer, sender)


def say_nothing(peer: TcpPeer, device: socket.socket) -> None:
    device.settimeout(_TICK_S)
    while not peer.ended.is_set():
        with contextlib.suppress(TimeoutError):
            if not device.recv(16_384):
                return


def take_nothing(peer: TcpPeer, _: socket.socket) -> None:
    peer.ended.wait()


def flood(data: bytes, peer: TcpPeer, device: socket.socket) -> None:
    flood = data * (4096 // len(data))
    device.settimeout(_TICK_S)
    while not peer.ended.is_set():
        if select.select([device], [], [], 0)[0] and not device.recv(16_384):
            return
        with contextlib.suppress(TimeoutError):
            device.sendall(flood)  # a record cut short only ends the TLS of this bench


def reset(_: object, device: socket.socket) -> None:
    device.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def end(_: TcpPeer, device: socket.socket) -> None:
    device.recv(16_384)  # what is unread would make a reset of it
