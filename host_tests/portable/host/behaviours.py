"""What can a test server do with a connection?  A table of names, and scripts of steps.

A behaviour is a coroutine of (reader, writer); reading goes through `Recorder`, which keeps every
byte for `check.connections`. See ../check.py for the list that a test file may use.
"""

import asyncio
import contextlib
import re
import socket
import struct

_LENGTH = re.compile(rb"^content-length:[ \t]*(\d+)", re.I | re.M)


class Recorder:
    """A StreamReader that remembers what was received; `changed` wakes those who wait for it."""

    def __init__(self, reader, changed: asyncio.Condition):
        self._reader = reader
        self._changed = changed
        self.received = bytearray()

    async def _keep(self, data):
        async with self._changed:
            self.received += data
            self._changed.notify_all()
        return data

    async def exactly(self, size):
        return await self._keep(await self._reader.readexactly(size)) if size else b""

    async def some(self, size=4096):
        data = await self._keep(await self._reader.read(size))
        if not data:
            raise asyncio.IncompleteReadError(b"", None)
        return data

    async def packet(self):
        """One whole MQTT packet (MQTT 3.1.1 section 2.2)."""
        packet = await self.exactly(1)
        length = shift = 0
        while True:
            digit = await self.exactly(1)
            packet += digit
            length |= (digit[0] & 127) << shift
            shift += 7
            if digit[0] < 128:
                return packet, await self.exactly(length)

    async def request(self):
        """One whole HTTP request (RFC 9112): its head, then the body that Content-Length tells."""
        length = _LENGTH.search(await self._keep(await self._reader.readuntil(b"\r\n\r\n")))
        left = int(length[1]) if length else 0
        while left:
            left -= len(await self.some(left))


def reset(writer):
    """Closes with RST instead of FIN."""
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def _drain_for_ever(reader, writer):
    while True:
        await reader.some()


async def _echo(reader, writer):
    while True:
        writer.write(await reader.some())
        await writer.drain()


async def _close_at_once(reader, writer):
    writer.close()


async def _reset_at_once(reader, writer):
    """Sooner, and a client may see its connect fail instead."""
    await asyncio.sleep(0.05)
    reset(writer)


async def _reset(reader, writer):
    reset(writer)


async def _trickle(reader, writer):
    """Echoes byte by byte."""
    while True:
        for byte in await reader.some():
            writer.write(bytes((byte,)))
            await writer.drain()
            await asyncio.sleep(0.002)


async def _junk(reader, writer):
    """Answers whatever comes with bytes that no protocol here allows."""
    while True:
        await reader.some()
        writer.write(b"\xff\x00\xf0\x0fHTTP/1.1 400 Bad Request\r\n\r\n" * 4)
        await writer.drain()


async def _answer(reader, writer):
    """Answers one packet as a polite broker does; acknowledges with the client's packet id."""
    header, body = await reader.packet()
    kind, flags = header[0] >> 4, header[0] & 15
    if kind == 1:
        writer.write(b"\x20\x02\x00\x00")
    elif kind == 3 and flags & 6:
        at = 2 + int.from_bytes(body[:2])
        writer.write(b"\x40\x02" + body[at : at + 2])
    elif kind == 8:
        at, codes = 2, b""
        while at < len(body):
            at += 2 + int.from_bytes(body[at : at + 2])
            codes += body[at : at + 1]
            at += 1
        writer.write(bytes((0x90, 2 + len(codes))) + body[:2] + codes)
    elif kind == 10:
        writer.write(b"\xb0\x02" + body[:2])
    elif kind == 12:
        writer.write(b"\xd0\x00")
    elif kind == 14:
        writer.close()
    await writer.drain()


async def _mqtt(reader, writer):
    while True:
        await _answer(reader, writer)


NAMED = {
    "echo": _echo,
    "black_hole": _drain_for_ever,
    "close_at_once": _close_at_once,
    "reset_at_once": _reset_at_once,
    "trickle": _trickle,
    "junk": _junk,
    "mqtt": _mqtt,
}


async def _send(reader, writer, hex_bytes):
    writer.write(bytes.fromhex(hex_bytes))
    await writer.drain()


async def _send_text(reader, writer, text):
    writer.write(text.encode("latin-1"))
    await writer.drain()


async def _drip(reader, writer, text, ms):
    for byte in text.encode("latin-1"):
        writer.write(bytes((byte,)))
        await writer.drain()
        await asyncio.sleep(ms / 1000)


async def _sni(reader, writer):
    writer.write((writer.get_extra_info("ssl_object").sni or "").encode())
    await writer.drain()


async def _half_close(reader, writer):
    writer.write_eof()


async def _packet(reader, writer):
    await reader.packet()


async def _request(reader, writer):
    await reader.request()


async def _expect(reader, writer, size):
    await reader.exactly(size)


async def _wait(reader, writer, ms):
    await asyncio.sleep(ms / 1000)


STEPS = {
    "packet": _packet,
    "request": _request,
    "expect": _expect,
    "send": _send,
    "send_text": _send_text,
    "drip": _drip,
    "sni": _sni,
    "answer": _answer,
    "wait": _wait,
    "close": _close_at_once,
    "half_close": _half_close,
    "reset": _reset,
}


def script(steps, known=STEPS):
    """Makes a behaviour of a list of steps; unknown steps are a KeyError at once."""
    again = steps[-1] == ("again",)
    coroutines = [(known[step[0]], step[1:]) for step in (steps[:-1] if again else steps)]

    async def behaviour(reader, writer):
        while True:
            for step, arguments in coroutines:
                await step(reader, writer, *arguments)
            if not again:
                break
        if not writer.is_closing():
            await _drain_for_ever(reader, writer)

    return behaviour


async def serve(behaviour, reader, writer):
    """Runs a behaviour until the peer leaves."""
    with contextlib.suppress(asyncio.IncompleteReadError, OSError):
        await behaviour(reader, writer)
    with contextlib.suppress(OSError):
        writer.close()
        await writer.wait_closed()
