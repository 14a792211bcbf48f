"""How does MQTT come in over WebSocket: who may speak it, and what carries its bytes?

aiohttp speaks RFC 6455; MQTT 3.1.1, section 6, says what goes into the frames. Which subprotocols
Watson takes, and that a path may name one, is its opened proxy's: eclipse/amlen `wstcp.c`, facts
only, no code. aiohttp does not check that a client masks its frames (RFC 6455, section 5.1): the
twin takes them without a mask, too.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import WSCloseCode, WSMsgType, web

from tools.twin.web.websocket_faults import WebSocketFaults

PROTOCOLS = ("mqtt", "mqtt4", "mqttv3.1")

Speak = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
"""Speaks MQTT with one client until either side ends it."""

Report = Callable[[str, str], None]
"""Takes kind and text of an event."""

_LARGEST_MESSAGE = 5 * 65537 + 11  # no CONNECT is longer, nor any PUBLISH that Watson takes
_GOODBYE_S = 5.0  # for the client's own Close
_READ_AHEAD = 1 << 16
_PAUSE_AT, _RESUME_AT = 64, 16  # messages that wait to be sent


def asked(request: web.BaseRequest, path: str | None = None) -> bool:
    """Whether a request wants to leave HTTP (RFC 6455, section 4.2.1). path: where that may be."""
    wants = request.headers.get("Upgrade", "").lower() == "websocket"
    return wants and path in (None, request.path)


async def serve(
    request: web.BaseRequest, speak: Speak, faults: WebSocketFaults, report: Report
) -> web.StreamResponse:
    """Serve a request that wants to speak WebSocket, until its connection ends."""
    if (status := faults.refusal()) is not None:
        report("fault", f"the handshake was answered {status} on demand")
        return web.Response(status=status)
    offered = request.headers.get("Sec-WebSocket-Protocol", request.path.strip("/"))
    if not any(name.strip() in PROTOCOLS for name in offered.split(",")):
        known = ", ".join(PROTOCOLS)
        report("refused", f"HTTP 404: no subprotocol in {offered!r} is one of: {known}")
        return web.Response(status=404)
    socket = web.WebSocketResponse(
        protocols=PROTOCOLS,
        compress=False,
        autoping=False,
        timeout=_GOODBYE_S,
        max_msg_size=_LARGEST_MESSAGE,
    )
    await socket.prepare(request)
    assert request.transport is not None
    reader = asyncio.StreamReader(_READ_AHEAD)
    protocol = asyncio.StreamReaderProtocol(reader)
    messages = _Messages(socket, request.transport, protocol, faults, report)
    writer = asyncio.StreamWriter(messages, protocol, reader, asyncio.get_running_loop())
    sending = asyncio.create_task(messages.send())
    spoken = asyncio.ensure_future(speak(reader, writer))
    try:
        await messages.receive(reader)
    finally:
        reader.feed_eof()
        await asyncio.wait((spoken,))
        messages.close()
        await asyncio.wait((sending,))
    return socket


class _Messages(asyncio.Transport):
    """Carries a stream's bytes in binary messages, whose limits mean nothing (MQTT, section 6)."""

    def __init__(
        self,
        socket: web.WebSocketResponse,
        below: asyncio.Transport,
        protocol: asyncio.StreamReaderProtocol,
        faults: WebSocketFaults,
        report: Report,
    ) -> None:
        super().__init__()
        self._socket = socket
        self._below = below
        self._protocol = protocol
        self._faults = faults
        self._report = report
        self._waiting: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._paused = False
        self._closing = False
        self._may_read = asyncio.Event()
        self._may_read.set()
        protocol.connection_made(self)

    async def receive(self, reader: asyncio.StreamReader) -> None:
        """Hand on what the client sends, until one side has said goodbye."""
        while True:
            await self._may_read.wait()
            message = await self._socket.receive()
            if message.type is WSMsgType.BINARY:
                reader.feed_data(message.data)
            elif message.type is WSMsgType.PING:
                await self._socket.pong(message.data)
            elif message.type is WSMsgType.PONG:
                self._report("pong", "the device answered a ping")
            elif message.type is WSMsgType.TEXT:
                self._report("refused", "a text message; MQTT goes in binary ones (close 1003)")
                await self._socket.close(code=WSCloseCode.UNSUPPORTED_DATA)
                return
            else:
                if message.type is WSMsgType.ERROR:
                    code = getattr(message.data, "code", self._socket.close_code)
                    self._report("refused", f"{message.data} (close {code})")
                return

    async def send(self) -> None:
        """Send what waits, until told to close."""
        try:
            while (data := await self._waiting.get()) is not None:
                if (fault := self._faults.next()) is not None:
                    self._report("fault", f"a message goes out: {fault.how}")
                    await fault.send(data, self._socket, self._below)
                else:
                    await self._socket.send_bytes(data)
                if self._paused and self._waiting.qsize() < _RESUME_AT:
                    self._resume()
            await self._socket.close()
        except (OSError, RuntimeError):  # the client is gone; aiohttp has either
            self._closing = True
        if self._paused:
            self._resume()

    def _resume(self) -> None:
        self._paused = False
        self._protocol.resume_writing()

    # What asyncio's stream classes ask of a transport.

    def write(self, data: Any) -> None:
        """Send it when its turn comes."""
        if self._closing:
            return
        self._waiting.put_nowait(bytes(data))
        if not self._paused and self._waiting.qsize() > _PAUSE_AT:
            self._paused = True
            self._protocol.pause_writing()

    def close(self) -> None:
        """Send what waits, then say goodbye."""
        if not self._closing:
            self._closing = True
            self._waiting.put_nowait(None)

    def abort(self) -> None:
        """Close the connection at once."""
        self._closing = True
        self._waiting.put_nowait(None)
        self._below.abort()

    def is_closing(self) -> bool:
        """Whether nothing more is sent."""
        return self._closing

    def pause_reading(self) -> None:
        """Leave what comes where it is."""
        self._may_read.clear()

    def resume_reading(self) -> None:
        """Read on."""
        self._may_read.set()
