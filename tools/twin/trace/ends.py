"""How does a replay speak to a twin: by TCP, TLS, WebSocket, UDP, DTLS, as bytes?

Nothing is made of what comes: the twin's own records say what it decided.
"""

import asyncio
import contextlib
import socket
import ssl
import struct
import time
import warnings
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import aiohttp
from OpenSSL import SSL

from tools.ui import UserError

_TIMEOUT_S = 30.0
_LARGEST = 65535
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close by RST
_MOST_GOT = 64
_TRIES = 10
_VERSIONS = {"TLSv1.1": ssl.TLSVersion.TLSv1_1, "TLSv1.2": ssl.TLSVersion.TLSv1_2}
_ALERT, _WARNING, _FATAL = 21, 1, 2  # RFC 5246, section 7.2
_WARNINGS = (0, 90)  # close_notify, user_canceled


class End(Protocol):
    """One connection. peer: as the twin sees it. got: what came last, in order."""

    peer: str
    got: deque[bytes]

    async def send(self, data: bytes) -> None:
        """Send; what nobody takes any more is lost."""

    async def close(self, reset: bool = False) -> None:
        """End it. reset: by RST, without a word."""


class Tcp:
    """TCP or TLS."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.peer = "{}:{}".format(*writer.get_extra_info("sockname"))
        self.got: deque[bytes] = deque(maxlen=_MOST_GOT)
        self._writer = writer
        self._task = asyncio.create_task(self._read(reader))

    async def _read(self, reader: asyncio.StreamReader) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(_LARGEST):
                self.got.append(data)

    async def send(self, data: bytes) -> None:
        """See End."""
        with contextlib.suppress(OSError):
            self._writer.write(data)
            await self._writer.drain()

    async def close(self, reset: bool = False) -> None:
        """See End."""
        if reset:
            plain = self._writer.get_extra_info("socket")
            with contextlib.suppress(OSError):
                plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self._writer.transport.abort()
        self._writer.close()
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(_TIMEOUT_S):
                await self._writer.wait_closed()
        self._task.cancel()


class WebSocket:
    """MQTT in binary messages."""

    def __init__(
        self, session: aiohttp.ClientSession, ws: aiohttp.ClientWebSocketResponse
    ) -> None:
        self.peer = "{}:{}".format(*ws.get_extra_info("sockname"))
        self.got: deque[bytes] = deque(maxlen=_MOST_GOT)
        self._session = session
        self._ws = ws
        self._task = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async for message in self._ws:
            if message.type is aiohttp.WSMsgType.BINARY:
                self.got.append(message.data)

    async def send(self, data: bytes) -> None:
        """See End."""
        with contextlib.suppress(OSError, RuntimeError):
            await self._ws.send_bytes(data)

    async def close(self, reset: bool = False) -> None:
        """See End."""
        self._task.cancel()
        with contextlib.suppress(OSError, RuntimeError, TimeoutError):
            async with asyncio.timeout(_TIMEOUT_S):
                await self._ws.close()
        await self._session.close()


class Udp:
    """Datagrams."""

    def __init__(self, way: Mapping[str, Any]) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.connect((way["address"], way["port"]))
        self._socket.setblocking(False)
        self.peer = "{}:{}".format(*self._socket.getsockname())
        self.got: deque[bytes] = deque(maxlen=_MOST_GOT)
        asyncio.get_running_loop().add_reader(self._socket, self._arrived)

    def _arrived(self) -> None:
        with contextlib.suppress(OSError):
            self._received(self._socket.recv(_LARGEST))

    def _received(self, datagram: bytes) -> None:
        self.got.append(datagram)

    async def send(self, data: bytes) -> None:
        """See End."""
        with contextlib.suppress(OSError):
            self._socket.send(data)

    async def close(self, reset: bool = False) -> None:
        """See End."""
        if self._socket.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()


class Dtls(Udp):
    """Datagrams in a session of DTLS 1.2, whose handshake the first `send` makes."""

    def __init__(self, way: Mapping[str, Any], ca_file: str) -> None:
        super().__init__(way)
        context = SSL.Context(SSL.DTLS_CLIENT_METHOD)
        context.load_verify_locations(ca_file)
        context.set_verify(SSL.VERIFY_PEER)
        self._session = SSL.Connection(context, None)
        self._session.set_connect_state()
        self._session.set_ciphertext_mtu(508)
        self._ready = asyncio.Event()

    def _received(self, datagram: bytes) -> None:
        self._session.bio_write(datagram)
        self._advance()

    def _advance(self) -> None:
        with contextlib.suppress(SSL.Error):
            if not self._ready.is_set():
                self._session.do_handshake()
                self._ready.set()
            while True:
                self.got.append(self._session.recv(_LARGEST))
        with contextlib.suppress(SSL.Error):
            while True:
                self._socket.send(self._session.bio_read(_LARGEST))

    async def send(self, data: bytes) -> None:
        """See End."""
        self._advance()
        ends_s = time.monotonic() + _TIMEOUT_S
        while not self._ready.is_set() and time.monotonic() < ends_s:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ready.wait(), 1.0)
            with contextlib.suppress(SSL.Error):
                self._session.DTLSv1_handle_timeout()
            self._advance()
        with contextlib.suppress(SSL.Error):
            self._session.send(data)
        self._advance()

    async def close(self, reset: bool = False) -> None:
        """See End."""
        with contextlib.suppress(SSL.Error, OSError):
            self._session.shutdown()
            self._advance()
        await super().close()


async def opened(
    way: Mapping[str, Any],
    record: Mapping[str, Any],
    certificate: Path | None,
    path: str | None,
) -> End:
    """A connection like the one of an "opened" record, or a "handshake" that gets that far.

    way: of the ready file. certificate: of the client, with its key, where it shows one.
    path: of WebSocket; None where any will do.
    raises: UserError when it cannot be opened.
    """
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            context = _context(record, certificate) if way["tls"] else None
            name = (record["server_name"] or "") if context else None
            if record["way"].startswith("ws"):
                return await _websocket(way, context, name, path or "/mqtt")
            reader, writer = await asyncio.open_connection(
                way["address"], way["port"], ssl=context, server_hostname=name
            )
            return Tcp(reader, writer)
    except (OSError, TimeoutError, aiohttp.ClientError) as error:
        raise UserError(f"no connection by {record['way']}: {error}") from None


async def unsecured(way: Mapping[str, Any], hello: bytes) -> Tcp:
    """A connection to a door of TLS on which goes what was sent there first.

    raises: UserError when it cannot be opened.
    """
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            tcp = Tcp(*await asyncio.open_connection(way["address"], way["port"]))
    except (OSError, TimeoutError) as error:
        raise UserError(f"no connection to port {way['port']}: {error}") from None
    await tcp.send(hello)
    return tcp


def alert(number: int, answer: bytes) -> bytes:
    """One of TLS that is not encrypted. answer: of the server, whose version it has."""
    level = _WARNING if number in _WARNINGS else _FATAL
    return bytes((_ALERT, *answer[1:3], 0, 2, level, number))


def _context(record: Mapping[str, Any], certificate: Path | None) -> ssl.SSLContext:
    """The board has taken whatever certificate the twin showed it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers("DEFAULT:@SECLEVEL=0")  # it is the twin that finds a key too short
    version = (record.get("tls") or {}).get("version", "")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # TLS 1.1: a fault offers it
        if version in _VERSIONS:
            context.minimum_version = context.maximum_version = _VERSIONS[version]
    if certificate is not None:
        context.load_cert_chain(certificate)
    return context


async def _websocket(
    way: Mapping[str, Any], context: ssl.SSLContext | None, name: str | None, path: str
) -> End:
    """What a fault refuses is tried again: of such a handshake a trace has nothing."""
    session = aiohttp.ClientSession()
    scheme = "wss" if context else "ws"
    for left in reversed(range(_TRIES)):
        try:
            ws = await session.ws_connect(
                f"{scheme}://{way['address']}:{way['port']}{path}",
                protocols=("mqtt",),
                ssl=context or True,
                server_hostname=name,
                headers={"Host": way["host"]},
                compress=0,
                autoping=True,
            )
            break
        except BaseException as error:
            if left and isinstance(error, aiohttp.WSServerHandshakeError):
                continue
            await session.close()
            raise
    return WebSocket(session, ws)
