"""How many packets, and how many bytes, do TCP connections of a device cost?

A TCP relay that counts. Packets are the segments that the kernel has counted on the device's side
(`TCP_INFO`, linux/tcp.h), acknowledgements, SYN and SYN-ACK included. Their bytes: what was
relayed, and for each packet 20 of IP, 20 of TCP, and TCP's options as negotiated (RFC 9293, 7323).
"""

import contextlib
import socket
import struct
import sys
import threading
import time

from tools.bench.background import Background
from tools.bench.relay import Traffic
from tools.ui import UserError

HEADERS_BYTES = 40
TIMESTAMP_BYTES = 12
"""Of options in each packet where both ends use timestamps, as Linux does and lwIP does not."""

_SEGMENT_BYTES = 1460  # of an Ethernet; loopback's own would hide how many packets there are
_ACK_S = 0.25  # an acknowledgement is delayed for up to 200 ms
_TIMESTAMPS, _SACK, _SCALE = 1, 2, 4  # TCPI_OPT_
_OPTIONS_AT, _SEGMENTS_AT = 5, 136  # tcpi_options; tcpi_segs_out, tcpi_segs_in
_INFO_BYTES = 144


class TcpRelay(Background):
    """Stands between devices and one server, and counts; a context manager.

    server: address and port of the server. port: where it listens; 0: where it can.
    raises: UserError where there is no Linux; `take` raises it when the server refuses.
    """

    def __init__(self, server: tuple[str, int], port: int = 0) -> None:
        super().__init__(name="counting TCP relay", daemon=True)
        if sys.platform != "linux":
            raise UserError("packets of TCP are counted by Linux only")
        self._server = server
        self._listener = socket.socket()
        self._listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, _SEGMENT_BYTES)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind(("127.0.0.1", port))
        self._listener.listen()
        self.port: int = self._listener.getsockname()[1]
        self._connections: list[_Connection] = []
        self._refusal = ""
        self._taken = Traffic()

    def take(self) -> Traffic:
        """Wait until nothing is under way; returns what has passed since the last call.

        raises: UserError when the server refused a connection.
        """
        if self._refusal:
            raise UserError(self._refusal)
        total, last = self._total(), None
        while total != last:
            time.sleep(_ACK_S)
            total, last = self._total(), total
        passed = Traffic(*(now - before for now, before in zip(total, self._taken, strict=True)))
        self._taken = total
        return passed

    def _total(self) -> Traffic:
        return _sum(*(each.traffic() for each in self._connections))

    def run(self) -> None:
        """Accept until the end."""
        with contextlib.suppress(OSError):  # closed
            while True:
                self._connect(self._listener.accept()[0])

    def _connect(self, device: socket.socket) -> None:
        try:
            self._connections.append(_Connection(device, self._server))
        except OSError as error:
            self._refusal = "the relay got no connection to {}:{}: {}".format(*self._server, error)
            device.close()

    def stop(self) -> None:
        """See Background."""
        self._listener.shutdown(socket.SHUT_RDWR)  # wakes `accept`
        self._listener.close()
        self.join()
        for each in self._connections:
            each.close()


class _Connection:
    """One connection of a device, and one to the server."""

    def __init__(self, device: socket.socket, server: tuple[str, int]) -> None:
        self._device = device
        self._server = socket.create_connection(server)
        for each in (device, self._server):
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._up = _Pump(device, self._server)
        self._down = _Pump(self._server, device)

    def traffic(self) -> Traffic:
        """What has passed on the device's side."""
        info = self._device.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _INFO_BYTES)
        sent, received = struct.unpack_from("II", info, _SEGMENTS_AT)
        sent += 1  # the kernel leaves the SYN-ACK out, but not the SYN
        return Traffic(
            received,
            sent,
            self._up.passed + _headers(received, info[_OPTIONS_AT]),
            self._down.passed + _headers(sent, info[_OPTIONS_AT]),
        )

    def close(self) -> None:
        """End it on both sides."""
        for each in (self._device, self._server):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        self._up.join()
        self._down.join()
        self._device.close()
        self._server.close()


class _Pump(threading.Thread):
    """Hands on what comes from `source`, and its end."""

    def __init__(self, source: socket.socket, target: socket.socket) -> None:
        super().__init__(daemon=True)
        self._source = source
        self._target = target
        self.passed = 0
        self.start()

    def run(self) -> None:
        with contextlib.suppress(OSError):  # reset
            while data := self._source.recv(65_536):
                self.passed += len(data)
                self._target.sendall(data)
        with contextlib.suppress(OSError):
            self._target.shutdown(socket.SHUT_WR)


def _headers(packets: int, options: int) -> int:
    """Bytes of IP and TCP headers of packets of which one has the SYN."""
    stamp = TIMESTAMP_BYTES if options & _TIMESTAMPS else 0
    sack = 4 if options & _SACK and not stamp else 0  # else it stands in the timestamp's padding
    scale = 4 if options & _SCALE else 0
    return packets * (HEADERS_BYTES + stamp) + 4 + sack + scale  # 4: the size of segments


def _sum(*each: Traffic) -> Traffic:
    return Traffic(*map(sum, zip(Traffic(), *each, strict=True)))
