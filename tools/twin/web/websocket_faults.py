"""What goes wrong with WebSocket on demand?

Sources: RFC 6455, sections 5 (frames) and 7 (closing). "ping" and "fragment" are good WebSocket
that a client may not expect; the others it must refuse, or survive.
"""

import asyncio
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from tools.twin.faults import Fault, check, given, quickly

_FINAL, _MASKED = 0x80, 0x80
_CONTINUATION, _BINARY, _PING = 0, 2, 9
_PIECE = 100


@dataclass(slots=True)
class Misbehaviour:
    """How the next `n` messages to clients go out; or with "refuse" how handshakes are answered.

    code: of "close". status: HTTP's, of "refuse".
    """

    how: str
    code: int = 1001
    status: int = 503
    n: int = 1

    async def send(
        self, data: bytes, socket: web.WebSocketResponse, transport: asyncio.Transport
    ) -> None:
        """Send a message in one of the ways of `HOWS`."""
        if self.how == "close":
            await socket.close(code=self.code)
        elif self.how == "text":
            await socket.send_str(data.decode("latin-1"))
        elif self.how == "ping":
            await socket.ping(b"signet")
            await socket.send_bytes(data)
        else:
            transport.write(_BYTES[self.how](data))
            if self.how == "cut":
                transport.close()


class WebSocketFaults:
    """What control requests have ordered."""

    def __init__(self) -> None:
        self._orders: list[Misbehaviour] = []

    def refusal(self) -> int | None:
        """The HTTP status that a handshake is answered with, if it is refused; counts down."""
        order = self._take(lambda order: order.how == "refuse")
        return None if order is None else order.status

    def next(self) -> Misbehaviour | None:
        """How the next message goes out, if not well; counts down."""
        return self._take(lambda order: order.how != "refuse")

    def _take(self, wanted: Callable[[Misbehaviour], bool]) -> Misbehaviour | None:
        for order in self._orders:
            if wanted(order):
                order.n -= 1
                self._orders = [other for other in self._orders if other.n > 0]
                return order
        return None

    def faults(self) -> dict[str, Fault]:
        """What control requests may break."""
        return {"misbehave_websocket": quickly(self._order)}

    def _order(self, request: Mapping[str, Any]) -> None:
        order = Misbehaviour(**given(request, Misbehaviour))
        check(order.how, HOWS, "how")
        if order.n > 0:
            self._orders.append(order)


def _frame(first: int, payload: bytes, mask: int = 0) -> bytes:
    """One frame of at most 65535 bytes (section 5.2)."""
    size = len(payload)
    if size < 126:
        return bytes((first, mask | size)) + payload
    return bytes((first, mask | 126)) + size.to_bytes(2, "big") + payload


def _fragment(data: bytes) -> bytes:
    """Several frames: the first of one byte, then a Ping, an empty one, and the rest."""
    rest = [data[at : at + _PIECE] for at in range(1, len(data), _PIECE)]
    frames = [_frame(_BINARY, data[:1]), _frame(_FINAL | _PING, b""), _frame(_CONTINUATION, b"")]
    frames += [_frame(_CONTINUATION, piece) for piece in rest]
    return b"".join(frames) + _frame(_FINAL | _CONTINUATION, b"")


def _masked(data: bytes) -> bytes:
    """Masked, which no server may do (section 5.1)."""
    key = os.urandom(4)
    masked = bytes(byte ^ key[index % 4] for index, byte in enumerate(data))
    head = _frame(_FINAL | _BINARY, data, _MASKED)[: -len(data)]
    return head + key + masked


def _cut(data: bytes) -> bytes:
    """Half of it; then the connection is closed without a Close."""
    frame = _frame(_FINAL | _BINARY, data)
    return frame[: (len(frame) + 1) // 2]


_BYTES: Mapping[str, Callable[[bytes], bytes]] = {
    "fragment": _fragment,
    "masked": _masked,
    "cut": _cut,
    "garbage": lambda data: b"\xf7\x7fno frame",  # reserved bits, an unknown opcode
    "huge": lambda data: bytes((_FINAL | _BINARY, 127)) + b"\x7f" + b"\xff" * 7,  # 2**63 - 1
}
HOWS = ("refuse", "close", "ping", "text", *_BYTES)
