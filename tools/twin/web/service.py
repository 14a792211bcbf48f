"""How do HTTP requests get from a connection to a cloud's rules, and their replies back?

aiohttp speaks RFC 9112. The gate hands connections over that it has accepted, TLS done and the
first bytes read.
"""

import asyncio
import functools
import logging
import sqlite3
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.http import HttpProcessingError

from tools.twin.clouds.http_request import BODY_LIMIT, Reply, Request, Visit
from tools.twin.clouds.values import Way
from tools.twin.hub.tap import Tap
from tools.twin.web import broken, websocket
from tools.twin.web import tap as taps
from tools.twin.web.websocket_faults import WebSocketFaults

_LATE = b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
_NO_LOG = logging.Logger("signet.twin.http", logging.CRITICAL)  # the rules report what matters


class Service:
    """One cloud's HTTP service.

    answer: its rules. misbehaviour: takes a request's path and says how its reply shall go out,
    None for well. report: takes device, kind and text of an event. head_s, body_s: for all of a
    request's head and of its body. idle_s: after which a kept connection is closed, as by nginx.
    misbehaviours: of WebSocket. websocket_path: the only one that it is at; None: any.
    """

    def __init__(
        self,
        answer: Callable[[Request], Awaitable[Reply]],
        misbehaviour: Callable[[str], str | None],
        report: Callable[[str, str, str], None],
        *,
        head_s: float = 30.0,
        body_s: float = 30.0,
        idle_s: float = 75.0,
        misbehaviours: WebSocketFaults | None = None,
        websocket_path: str | None = None,
    ) -> None:
        self._answer = answer
        self._misbehaviour = misbehaviour
        self._report = report
        self._head_s = head_s
        self._body_s = body_s
        self._idle_s = idle_s
        self._misbehaviours = misbehaviours or WebSocketFaults()
        self._websocket_path = websocket_path
        self.counts = {"connections": 0, "requests": 0, "answered": 0}

    async def serve(
        self,
        way: Way,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        first: bytes,
        speak: websocket.Speak | None = None,
        *,
        tap: Tap | None = None,
    ) -> None:
        """Serve a connection until it is closed.

        first: everything that was read from it. speak: what it may leave HTTP for, by WebSocket.
        tap: its records.
        """
        transport = writer.transport
        if transport.is_closing():
            return
        self.counts["connections"] += 1
        visit = Visit(way)

        async def handle(request: web.BaseRequest) -> web.StreamResponse:
            if speak is not None and websocket.asked(request, self._websocket_path):
                report = functools.partial(self._report, way.peer)
                return await websocket.serve(request, speak, self._misbehaviours, report)
            return await self._handle(request, visit, tap)

        handler = _Handler(
            handle,
            lambda text: self._report(way.peer, "refused", text),
            self._head_s,
            self._idle_s,
        )
        transport.set_protocol(handler)
        handler.connection_made(transport)
        handler.data_received(first)
        if reader.at_eof():  # it came with the first bytes
            transport.close()
        await handler.gone.wait()

    async def _handle(
        self, given: web.BaseRequest, visit: Visit, tap: Tap | None
    ) -> web.StreamResponse:
        self.counts["requests"] += 1
        if given.headers.get("Expect", "").lower() == "100-continue" and given.transport:
            given.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        try:
            async with asyncio.timeout(self._body_s):
                request = await _request(given, visit)
        except (web.RequestPayloadError, ConnectionError) as error:
            self._report(visit.way.peer, "refused", f"HTTP 400: {error}")
            reply = Reply(400, close=True)
        except TimeoutError:  # also of malformed chunks, of which aiohttp tells no handler
            text = f"HTTP 408: its body did not come within {self._body_s:g} s"
            self._report(visit.way.peer, "refused", text)
            reply = Reply(408, close=True)
        else:
            reply = await self._answered(request, tap)
        self.counts["answered"] += 1  # in the same step that has stored a report
        how = self._misbehaviour(given.raw_path.partition("?")[0])
        if how is not None:
            self._report(visit.way.peer, "fault", f"the reply {reply.status} goes out: {how}")
            if how == "close":
                reply.close = True
            elif given.transport is not None:
                return await broken.send(reply, how, given.transport)
        response = web.Response(status=reply.status, body=reply.body, headers=reply.headers)
        if reply.close:
            response.force_close()
        return response

    async def _answered(self, request: Request, tap: Tap | None) -> Reply:
        if tap is None or not tap.journal.heard:
            return await self._answer(request)
        taps.request(tap, request)
        reply = await self._answer(request)
        taps.reply(tap, request, reply)
        return reply


class _Handler(web.RequestHandler):
    """aiohttp's protocol of one connection. gone: set when that is closed."""

    def __init__(
        self,
        handle: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]],
        refused: Callable[[str], None],
        head_s: float,
        idle_s: float,
    ) -> None:
        # A request that waits for a command ends with its connection.
        server = web.Server(handle, handler_cancellation=True)
        super().__init__(
            server,
            loop=asyncio.get_running_loop(),
            access_log=_NO_LOG,
            keepalive_timeout=idle_s,
            auto_decompress=False,
        )
        self._refused = refused
        self._head_s = head_s
        self._head_timer: asyncio.TimerHandle | None = None
        self.gone = asyncio.Event()

    def data_received(self, data: bytes) -> None:
        """From the first byte that comes while nothing is under way, a head has its time."""
        super().data_received(data)
        waiter = self._waiter  # None before aiohttp has begun, and while a request is under way
        idle = not self._request_count if waiter is None else not waiter.done()
        if self._messages or not idle:
            self._stop_head_timer()
        elif self._head_timer is None:
            loop = asyncio.get_running_loop()
            self._head_timer = loop.call_later(self._head_s, self._head_is_late)

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _head_is_late(self) -> None:
        self._refused(f"HTTP 408: its head did not come within {self._head_s:g} s")
        if self.transport is not None:
            self.transport.write(_LATE)
        self.force_close()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Let `serve` end."""
        self._stop_head_timer()
        super().connection_lost(exc)
        self.gone.set()

    def log_exception(self, *args: Any, **kw: Any) -> None:
        """A malformed request is the client's affair, a full disk nobody's, the rest ours."""
        error = kw.get("exc_info")
        if isinstance(error, HttpProcessingError):
            self._refused(f"HTTP 400: {error.message}")
        elif isinstance(error, sqlite3.Error):
            self._refused(f"HTTP 500: what it sent cannot be put on file: {error}")
        else:
            super().log_exception(*args, **kw)


async def _request(given: web.BaseRequest, visit: Visit) -> Request:
    """A request as the rules see it. Reading ends where its body is too long for all of them."""
    body = bytearray()
    while len(body) <= BODY_LIMIT and (part := await given.content.readany()):
        body += part
    headers: dict[str, str] = {}
    for name, value in given.headers.items():
        lower = name.lower()
        headers[lower] = f"{headers[lower]}, {value}" if lower in headers else value
    path, mark, query = given.raw_path.partition("?")
    if not path.startswith("/"):  # absolute-form: RFC 9112, section 3.2.2
        path = urlsplit(path).path or "/"
    limited = bytes(body[: BODY_LIMIT + 1])
    return Request(given.method, path, query if mark else None, headers, limited, visit)
