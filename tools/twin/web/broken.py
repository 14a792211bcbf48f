"""How does a reply look that goes out broken on demand?

Source: RFC 9112, which all but "dribble", "bytes" and "interim" violate or leave unfinished.
"""

import asyncio
import contextlib
import http
import socket
import struct
from typing import Any

from aiohttp import web

from tools.twin.clouds.http_request import Reply

_DRIBBLE_S = 0.05
_FILLER = b"X-Filler: " + b"z" * 1000 + b"\r\n"
_ENOUGH_BYTES = 65536
_PAUSE_S = 0.001


class Sent(web.StreamResponse):
    """What aiohttp is told of a reply that has gone out already. kept: so is the connection."""

    def __init__(self, kept: bool) -> None:
        super().__init__()
        self._kept = kept

    @property
    def keep_alive(self) -> bool | None:
        """Whether another request may come."""
        return self._kept

    async def prepare(self, request: web.BaseRequest) -> None:
        """Send no head."""

    async def write_eof(self, data: Any = b"") -> None:
        """Send no body."""


async def send(reply: Reply, how: str, transport: asyncio.Transport) -> Sent:
    """Send a reply in one of the ways of `HOWS`."""
    kept = await HOWS[how](reply, transport)
    return Sent(kept and not reply.close)


# Each returns whether the connection is kept.


async def _silent(_reply: Reply, _transport: asyncio.Transport) -> bool:
    """It never comes; the connection stays open until the client leaves."""
    await asyncio.Event().wait()
    return False


async def _cut(reply: Reply, transport: asyncio.Transport) -> bool:
    """Half of the body, then the connection is closed."""
    whole = _whole(reply)
    transport.write(whole[: len(whole) - (len(reply.body) + 1) // 2])
    return False


async def _cut_head(reply: Reply, transport: asyncio.Transport) -> bool:
    """Half of the head, then the connection is closed."""
    head = _head(reply)
    transport.write(head[: len(head) // 2])
    return False


async def _dribble(reply: Reply, transport: asyncio.Transport) -> bool:
    """A byte every 50 ms."""
    for byte in _whole(reply):
        transport.write(bytes([byte]))
        await asyncio.sleep(_DRIBBLE_S)
    return True


async def _bytes(reply: Reply, transport: asyncio.Transport) -> bool:
    """Chunked, with one byte in each chunk."""
    transport.write(_head(reply) + b"Transfer-Encoding: chunked\r\n\r\n")
    for byte in reply.body:
        transport.write(b"1\r\n" + bytes([byte]) + b"\r\n")
    transport.write(b"0\r\n\r\n")
    return True


async def _interim(reply: Reply, transport: asyncio.Transport) -> bool:
    """A 103 comes first."""
    transport.write(b"HTTP/1.1 103 Early Hints\r\nLink: </>\r\n\r\n" + _whole(reply))
    return True


async def _reset(_reply: Reply, transport: asyncio.Transport) -> bool:
    """The kernel sends RST instead (SO_LINGER of 0 seconds)."""
    with contextlib.suppress(OSError):
        kernel = transport.get_extra_info("socket")
        kernel.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
    return False


async def _huge(reply: Reply, transport: asyncio.Transport) -> bool:
    """Header lines without an end."""
    transport.write(_head(reply))
    while not transport.is_closing():
        if transport.get_write_buffer_size() < _ENOUGH_BYTES:
            transport.write(_FILLER)
        await asyncio.sleep(_PAUSE_S)
    return False


async def _garbage(_reply: Reply, transport: asyncio.Transport) -> bool:
    """No HTTP at all, then the connection is closed."""
    transport.write(b"\x00\xffno HTTP\r\n\r\n")
    return False


HOWS = {
    "silent": _silent,
    "cut": _cut,
    "cut_head": _cut_head,
    "dribble": _dribble,
    "bytes": _bytes,
    "interim": _interim,
    "reset": _reset,
    "huge": _huge,
    "garbage": _garbage,
}


def _whole(reply: Reply) -> bytes:
    return _head(reply) + f"Content-Length: {len(reply.body)}\r\n\r\n".encode() + reply.body


def _head(reply: Reply) -> bytes:
    """The status line and the header lines save those about the body's length."""
    phrase = http.HTTPStatus(reply.status).phrase if reply.status in _KNOWN else ""
    lines = [f"HTTP/1.1 {reply.status} {phrase}"]
    lines += [f"{name}: {value}" for name, value in reply.headers.items()]
    if reply.close:
        lines.append("Connection: close")
    return "".join(line + "\r\n" for line in lines).encode()


_KNOWN = frozenset(status.value for status in http.HTTPStatus)
