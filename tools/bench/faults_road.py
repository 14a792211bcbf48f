"""What lies between a device and a cloud, and what can it do to what passes?

Each road stands on a port of loopback while its context lasts. `mode` says what it does:

    open      hands on
    shut      ends connections, and takes no new one; loses datagrams
    stalled   hands on nothing for now, and keeps it
    lost      loses what comes: to both ends a connection looks alive for good (half-open)
    portal    ends connections, and answers new ones as a captive portal does, in plain HTTP
"""

import contextlib
import select
import socket
import threading

from tools.bench.waits_stages import Stage, reset

_TICK_S = 0.02
_PAGE = b"<html><body>Welcome! Please accept our terms.</body></html>"
_PORTAL = (
    b"HTTP/1.1 302 Found\r\nLocation: http://portal.invalid/\r\nContent-Type: text/html\r\n"
    b"Content-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(_PAGE), _PAGE)
)
_PUBLISH, _SUBACK = 0x30, 0x90


class Road(Stage):
    """Hands on to `server`, which may change.

    victim: what a report of MQTT holds at which the broker does what `spite` says: "closes" the
    connection, or "swallows" the packet; "refuses": it refuses every subscription.
    """

    def __init__(self, server: tuple[str, int], victim: bytes = b"", spite: str = "") -> None:
        super().__init__()
        self.server, self.mode = server, "open"
        self._victim, self._spite = victim, spite
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(_TICK_S)
        self.port = self._listener.getsockname()[1]

    def run(self) -> None:
        """Serve until the end."""
        threads = []
        with self._listener:
            while not self.ended.is_set():
                with contextlib.suppress(TimeoutError):
                    device = self._listener.accept()[0]
                    threads.append(
                        threading.Thread(target=self._serve, args=[device], daemon=True)
                    )
                    threads[-1].start()
        for thread in threads:
            thread.join()

    def _serve(self, device: socket.socket) -> None:
        with contextlib.suppress(OSError), device:
            if self.mode == "shut":
                reset(None, device)
                return
            if self.mode == "portal":
                device.recv(16_384)
                device.sendall(_PORTAL)
                return
            with socket.create_connection(self.server, 1) as server:
                self._pass_on(device, server)

    def _pass_on(self, device: socket.socket, server: socket.socket) -> None:
        lost = False
        up, down = (_Packets(), _Packets()) if self._spite else (None, None)
        while not self.ended.is_set():
            if self.mode in ("shut", "portal"):
                reset(None, device)
                return
            lost = lost or self.mode == "lost"
            if self.mode == "stalled":
                self.ended.wait(_TICK_S)
                continue
            for source in select.select([device, server], [], [], _TICK_S)[0]:
                data = source.recv(16_384)
                if not data:
                    return
                if not lost:
                    if source is device:
                        server.sendall(self._upwards(up, data))
                    else:
                        device.sendall(self._downwards(down, data))

    def _upwards(self, packets: "_Packets | None", data: bytes) -> bytes:
        if packets is None:
            return data
        out = b""
        for packet in packets.feed(data):
            is_victim = packet[0] & 0xF0 == _PUBLISH and self._victim in packet
            if is_victim and self._spite == "closes":
                raise ConnectionError
            if not is_victim or self._spite == "refuses":
                out += packet
        return out

    def _downwards(self, packets: "_Packets | None", data: bytes) -> bytes:
        if packets is None or self._spite != "refuses":
            return data
        found = packets.feed(data)
        return b"".join(p[:4] + b"\x80" * len(p[4:]) if p[0] == _SUBACK else p for p in found)


class _Packets:
    """Cuts a stream of MQTT into packets (3.1.1, section 2.2)."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """The packets that are whole now."""
        self._rest += data
        found = []
        while (size := self._size()) and size <= len(self._rest):
            found.append(self._rest[:size])
            self._rest = self._rest[size:]
        return found

    def _size(self) -> int:
        length = 0
        for index, byte in enumerate(self._rest[1:5]):
            length |= (byte & 0x7F) << 7 * index
            if byte < 0x80:
                return length + index + 2
        return 0


class DatagramRoad(Stage):
    """The same for datagrams: what is not handed on is lost."""

    def __init__(self, server: tuple[str, int]) -> None:
        super().__init__()
        self.server, self.mode = server, "open"
        self._here = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._here.bind(("127.0.0.1", 0))
        self.port = self._here.getsockname()[1]

    def run(self) -> None:
        """Serve until the end; a new port of the device has a new one of ours, as behind a NAT."""
        ways: dict[tuple[str, int], socket.socket] = {}
        with self._here, contextlib.ExitStack() as stack:
            while not self.ended.is_set():
                for source in select.select([self._here, *ways.values()], [], [], _TICK_S)[0]:
                    with contextlib.suppress(ConnectionError):
                        data, sender = source.recvfrom(65_535)
                        if self.mode != "open":
                            continue
                        if source is not self._here:
                            device = next(who for who, way in ways.items() if way is source)
                            self._here.sendto(data, device)
                            continue
                        if sender not in ways:
                            made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                            ways[sender] = stack.enter_context(made)
                        ways[sender].sendto(data, self.server)
