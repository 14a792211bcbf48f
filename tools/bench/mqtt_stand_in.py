"""Which broker is so far away that a round trip takes its time?

As far as a device needs one (MQTT 3.1.1, sections 3.1 to 3.13), without what the twin checks.
"""

import contextlib
import selectors
import socket
import time
from collections import deque
from typing import Any

from tools.bench.background import Background

_CONNECT, _PUBLISH, _SUBSCRIBE, _PINGREQ = 1, 3, 8, 12
_CONNACK, _SUBACK, _PINGRESP = b"\x20\x02\x00\x00", 0x90, b"\xd0\x00"
_TICK_S = 0.05


class StandIn(Background):
    """Stands on a port of loopback while its context lasts. delay_s: of each answer."""

    def __init__(self, delay_s: float) -> None:
        super().__init__(name="stand-in broker", daemon=True)
        self._delay_s = delay_s
        self._connections: dict[socket.socket, _Connection] = {}
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._ended = False

    def config(self) -> dict[str, Any]:
        """What the device.json of a device at Watson needs to come here."""
        return {
            "cloud": "watson",
            "host": "stand-in.test",
            "address": "127.0.0.1",
            "port": self._listener.getsockname()[1],
            "tls": False,
            "insecure": True,
            "org_id": "signet",
            "type_id": "bench",
            "device_id": "device-1",
            "token": "not-a-secret",
        }

    def run(self) -> None:
        """Serve until the end."""
        while not self._ended:
            for key, _ in self._selector.select(self._wait_s()):
                here = key.fileobj
                assert isinstance(here, socket.socket)
                if here is self._listener:
                    self._accept()
                elif not self._connections[here].hear(self._delay_s):
                    self._drop(here)
            for each in self._connections.values():
                each.answer()
        for here in list(self._connections):
            self._drop(here)

    def _wait_s(self) -> float:
        due = min((each.due() for each in self._connections.values()), default=_TICK_S)
        return max(0.0, min(due, _TICK_S))

    def _accept(self) -> None:
        device = self._listener.accept()[0]
        device.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._connections[device] = _Connection(device)
        self._selector.register(device, selectors.EVENT_READ)

    def _drop(self, device: socket.socket) -> None:
        self._selector.unregister(device)
        del self._connections[device]
        device.close()

    def stop(self) -> None:
        """See Background."""
        self._ended = True
        self.join()
        self._selector.close()
        self._listener.close()


class _Connection:
    """What one device has said, and is to hear."""

    def __init__(self, device: socket.socket) -> None:
        self._device = device
        self._heard = b""
        self._answers: deque[tuple[float, bytes]] = deque()  # when, what

    def due(self) -> float:
        """In how many seconds an answer goes."""
        return self._answers[0][0] - time.monotonic() if self._answers else _TICK_S

    def hear(self, delay_s: float) -> bool:
        """Take what the device has sent; False when it is gone."""
        try:
            data = self._device.recv(65_536)
        except ConnectionError:
            return False
        self._heard += data
        at = time.monotonic() + delay_s
        while (packet := self._packet()) is not None:
            answer = _answer(*packet)
            if answer:
                self._answers.append((at, answer))
        return bool(data)

    def answer(self) -> None:
        """Send what is due."""
        now = time.monotonic()
        due = b""
        while self._answers and self._answers[0][0] <= now:
            due += self._answers.popleft()[1]
        if due:
            with contextlib.suppress(ConnectionError):
                self._device.sendall(due)

    def _packet(self) -> tuple[int, bytes] | None:
        """The next whole control packet: its first byte, and what follows its length (2.2)."""
        length = shift = 0
        for at in range(1, min(5, len(self._heard))):
            length |= (self._heard[at] & 0x7F) << shift
            shift += 7
            if self._heard[at] < 0x80:
                end = at + 1 + length
                if len(self._heard) < end:
                    return None
                first, body = self._heard[0], self._heard[at + 1 : end]
                self._heard = self._heard[end:]
                return first, body
        return None


def _answer(first: int, body: bytes) -> bytes:
    kind = first >> 4
    if kind == _CONNECT:
        return _CONNACK
    if kind == _PINGREQ:
        return _PINGRESP
    if kind == _SUBSCRIBE:
        filters, at = 0, 2
        while at < len(body):
            at += 3 + int.from_bytes(body[at : at + 2], "big")
            filters += 1
        return bytes((_SUBACK, 2 + filters)) + body[:2] + b"\x01" * filters
    if kind == _PUBLISH:
        at = 2 + int.from_bytes(body[:2], "big")
        return b"\x40\x02" + body[at : at + 2]  # every report has QoS 1
    return b""
