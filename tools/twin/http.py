"""How do HTTP requests get from a connection to a cloud's rules, and their replies back?

aiohttp speaks RFC 9112. The gate hands connections over that it has accepted, TLS done and the
first bytes read.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.http import HttpProcessingError

from tools.twin import http_broken
from tools.twin.clouds.base import Way
from tools.twin.clouds.http_request import BODY_LIMIT, Reply, Request, Visit

_NO_LOG = logging.Logger("signet.twin.http", logging.CRITICAL)  # the rules report what matters
_BODY_S = 30.0  # for the whole of a request's body
_IDLE_S = 75.0  # after which a kept connection is closed, as nginx does


class Service:
    """One cloud's HTTP service.

    answer: its rules. misbehaviour: takes a request's path and says how its reply shall go out,
    None for well. report: takes device, kind and text of an event.
    """

    def __init__(
        self,
        answer: Callable[[Request], Awaitable[Reply]],
        misbehaviour: Callable[[str], str | None],
        report: Callable[[str, str, str], None],
    ) -> None:
        self._answer = answer
        self._misbehaviour = misbehaviour
        self._report = report
        self.counts = {"connections": 0, "requests": 0}

    async def serve(
        self, way: Way, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, first: bytes
    ) -> None:
        """Serve a connection until it is closed. first: everything that was read from it."""
        transport = writer.transport
        if transport.is_closing():
            return
        self.counts["connections"] += 1
        visit = Visit(way)

        async def handle(request: web.BaseRequest) -> web.StreamResponse:
            return await self._handle(request, visit)

        handler = _Handler(handle, lambda text: self._report(way.peer, "refused", text))
        transport.set_protocol(handler)
        handler.connection_made(transport)
        handler.data_received(first)
        if reader.at_eof():  # it came with the first bytes
            transport.close()
        await handler.gone.wait()

    async def _handle(self, given: web.BaseRequest, visit: Visit) -> web.StreamResponse:
        self.counts["requests"] += 1
        if given.headers.get("Expect", "").lower() == "100-continue" and given.transport:
            given.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        try:
            async with asyncio.timeout(_BODY_S):
                request = await _request(given, visit)
        except (web.RequestPayloadError, ConnectionError) as error:
            self._report(visit.way.peer, "refused", f"HTTP 400: {error}")
            reply = Reply(400, close=True)
        except TimeoutError:  # also of malformed chunks, of which aiohttp tells no handler
            text = f"HTTP 408: its body did not come within {_BODY_S:g} s"
            self._report(visit.way.peer, "refused", text)
            reply = Reply(408, close=True)
        else:
            reply = await self._answer(request)
        how = self._misbehaviour(given.raw_path.partition("?")[0])
        if how is not None:
            self._report(visit.way.peer, "fault", f"the reply {reply.status} goes out: {how}")
            if how == "close":
                reply.close = True
            elif given.transport is not None:
                return await http_broken.send(reply, how, given.transport)
        response = web.Response(status=reply.status, body=reply.body, headers=reply.headers)
        if reply.close:
            response.force_close()
        return response


class _Handler(web.RequestHandler):
    """aiohttp's protocol of one connection. gone: set when that is closed."""

    def __init__(
        self,
        handle: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]],
        refused: Callable[[str], None],
    ) -> None:
        # A request that waits for a command ends with its connection.
        server = web.Server(handle, handler_cancellation=True)
        super().__init__(
            server,
            loop=asyncio.get_running_loop(),
            access_log=_NO_LOG,
            keepalive_timeout=_IDLE_S,
            auto_decompress=False,
        )
        self._refused = refused
        self.gone = asyncio.Event()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Let `serve` end."""
        super().connection_lost(exc)
        self.gone.set()

    def log_exception(self, *args: Any, **kw: Any) -> None:
        """A malformed request is the client's affair, anything else an error of ours."""
        error = kw.get("exc_info")
        if isinstance(error, HttpProcessingError):
            self._refused(f"HTTP 400: {error.message}")
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
