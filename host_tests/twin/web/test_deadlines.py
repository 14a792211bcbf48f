"""How long may a request's head, its body and a pause between requests take?

Rules: RFC 9112, section 9.5 (time-outs are the server's affair); RFC 9110, section 15.5.9 (408).
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from tools.twin.clouds.http_request import Reply, Request
from tools.twin.clouds.values import Way
from tools.twin.web.service import Service

_TIMEOUT_S = 20.0
_SHORT_S = 0.1
_HEAD = b"POST / HTTP/1.1\r\nHost: x\r\n"
_WHOLE = _HEAD + b"Content-Length: 1\r\n\r\nx"

Client = Callable[[asyncio.StreamReader, asyncio.StreamWriter, asyncio.Event], Awaitable[None]]


def _served(client: Client, **deadlines: float) -> list[str]:
    """What a service reports that a client talks to. Its event: the service has begun."""
    reports: list[str] = []

    async def answer(_request: Request) -> Reply:
        return Reply(200)

    async def run() -> None:
        begun = asyncio.Event()
        service = Service(answer, lambda _: None, lambda _d, _k, t: reports.append(t), **deadlines)

        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            first = await reader.read(65536)
            begun.set()
            await service.serve(Way(False, 80), reader, writer, first)

        server = await asyncio.start_server(accept, "127.0.0.1", 0)
        async with server, asyncio.timeout(_TIMEOUT_S):
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            await client(reader, writer, begun)
            writer.close()

    asyncio.run(run())
    return reports


async def _reply(reader: asyncio.StreamReader) -> None:
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")


def test_a_head_that_does_not_end_gets_408() -> None:
    async def client(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _: asyncio.Event
    ) -> None:
        writer.write(_HEAD)
        assert (await reader.read()).startswith(b"HTTP/1.1 408 ")

    assert _served(client, head_s=_SHORT_S) == ["HTTP 408: its head did not come within 0.1 s"]


def test_a_second_head_that_does_not_end_gets_408() -> None:
    async def client(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _: asyncio.Event
    ) -> None:
        writer.write(_WHOLE)
        await _reply(reader)
        writer.write(_HEAD)
        assert (await reader.read()).startswith(b"HTTP/1.1 408 ")

    assert _served(client, head_s=_SHORT_S) == ["HTTP 408: its head did not come within 0.1 s"]


def test_a_head_has_its_time_from_its_first_byte_on() -> None:
    async def client(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _: asyncio.Event
    ) -> None:
        reply = asyncio.ensure_future(reader.read())
        writer.write(_HEAD)
        while not reply.done():  # its bytes keep on coming
            writer.write(b"x")
            await asyncio.wait((reply,), timeout=_SHORT_S / 4)
        with contextlib.suppress(ConnectionResetError):  # a byte met the closed socket: no reply
            assert reply.result().startswith(b"HTTP/1.1 408 ")

    assert _served(client, head_s=_SHORT_S) == ["HTTP 408: its head did not come within 0.1 s"]


def test_once_a_head_has_come_its_time_is_over() -> None:
    async def client(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter, begun: asyncio.Event
    ) -> None:
        writer.write(_HEAD)
        await begun.wait()
        writer.write(_WHOLE[len(_HEAD) :])
        await _reply(reader)
        assert await reader.read() == b""  # it was the pause that ended it

    assert _served(client, head_s=_SHORT_S, idle_s=_SHORT_S * 4) == []


def test_a_body_that_does_not_end_gets_408() -> None:
    async def client(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _: asyncio.Event
    ) -> None:
        writer.write(_WHOLE[:-1])
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 408 ")

    assert _served(client, body_s=_SHORT_S) == ["HTTP 408: its body did not come within 0.1 s"]


def test_a_kept_connection_is_closed_after_a_pause() -> None:
    async def client(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _: asyncio.Event
    ) -> None:
        writer.write(_WHOLE)
        await _reply(reader)
        assert await reader.read() == b""

    assert _served(client, idle_s=_SHORT_S) == []
