"""How does a server on the `websockets` library speak WebSocket beside a test?  As the test says.

Behaviours are those of behaviours.py, for which a binary message is a piece of a stream, and

    fragments         an echo: each byte in a fragment of its own, a ping between them
    mqtt_fragments    a polite broker that answers so
    trickle           an echo whose frames come byte by byte

Steps are those of behaviours.py, ("send", hex) being one binary message, and

    ("refuse", status, text)   first step: the answer to the opening request
    ("no_subprotocol",)        first step: none is agreed upon
    ("fragments", hex, n)      one binary message in fragments of n bytes, a ping between them
    ("text", text), ("ping", text), ("pong", text)
    ("goodbye", code, reason)  a close frame; ("close",) closes TCP without one
    ("raw", hex)               bytes that are no frame, or a wrong one

The library answers pings and close frames.  What has been received is kept as frames without
their masks: a pong of "a" is 8a0161.
"""

import asyncio

from websockets.frames import DATA_OPCODES, Frame
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol

from host_tests.portable.host import behaviours


class Recorder(behaviours.Recorder):
    """Both sides of one connection: what behaviours call reader, and writer."""

    def __init__(self, reader, writer, changed):
        super().__init__(self, changed)
        self._below, self.writer = reader, writer
        self._protocol = ServerProtocol(subprotocols=["mqtt"])
        self._payload = bytearray()
        self._request = None
        self.fragment_size = None

    async def open(self, opening):
        """Answers the opening request; `opening` is the first step where that says how."""
        while self._request is None:
            await self._pump()
        if opening[0] == "refuse":
            response = self._protocol.reject(opening[1], opening[2])
        else:
            response = self._protocol.accept(self._request)
        if opening[0] == "no_subprotocol":
            del response.headers["Sec-WebSocket-Protocol"]
        self._protocol.send_response(response)
        self.flush()

    async def _pump(self):
        data = await self._below.read(4096)
        if not data or self._protocol.state is State.CLOSED:
            raise asyncio.IncompleteReadError(b"", None)
        self._protocol.receive_data(data)
        for event in self._protocol.events_received():
            if isinstance(event, Request):
                self._request = event
                continue
            async with self._changed:
                self.received += event.serialize(mask=False)
                self._changed.notify_all()
            if event.opcode in DATA_OPCODES:
                self._payload += event.data
        self.flush()

    def flush(self):
        for data in self._protocol.data_to_send():
            if data:
                self.writer.write(data)
            else:  # both have said goodbye
                self.writer.close()

    # As a reader

    async def _keep(self, data):
        return data  # frames are kept, not what is in them

    async def read(self, size):
        while not self._payload:
            await self._pump()
        return self._take(size)

    async def readexactly(self, size):
        while len(self._payload) < size:
            await self._pump()
        return self._take(size)

    def _take(self, size):
        data = bytes(self._payload[:size])
        del self._payload[:size]
        return data

    # As a writer

    def __getattr__(self, name):
        return getattr(self.writer, name)

    def write(self, data):
        if self.fragment_size is None:
            self._protocol.send_binary(data)
        else:
            self.write_fragments(data, self.fragment_size)
        self.flush()

    def write_fragments(self, data, size):
        """One binary message in fragments of `size` bytes, a ping between two of them."""
        for at in range(0, len(data), size):
            send = self._protocol.send_continuation if at else self._protocol.send_binary
            send(data[at : at + size], fin=at + size >= len(data))
            self._protocol.send_ping(b"are you there?")

    def do(self, operation, *arguments):
        """Has the library send something."""
        getattr(self._protocol, operation)(*arguments)
        self.flush()


async def _fragments(reader, writer):
    writer.fragment_size = 1
    await behaviours.NAMED["echo"](reader, writer)


async def _mqtt_fragments(reader, writer):
    writer.fragment_size = 1
    await behaviours.NAMED["mqtt"](reader, writer)


async def _trickle(reader, writer):
    while True:
        data = await reader.some()
        for byte in Frame(2, data).serialize(mask=False):
            writer.writer.write(bytes((byte,)))
            await writer.drain()
            await asyncio.sleep(0.002)


NAMED = {
    **behaviours.NAMED,
    "fragments": _fragments,
    "mqtt_fragments": _mqtt_fragments,
    "trickle": _trickle,
}


async def _opening(reader, writer, *arguments):
    pass  # was done before


async def _send_fragments(reader, writer, hex_bytes, size):
    writer.write_fragments(bytes.fromhex(hex_bytes), size)
    writer.flush()


async def _raw(reader, writer, hex_bytes):
    writer.writer.write(bytes.fromhex(hex_bytes))


def _sends(operation):
    async def step(reader, writer, text):
        writer.do(operation, text.encode())

    return step


async def _goodbye(reader, writer, code, reason):
    writer.do("send_close", code, reason)


_STEPS = {
    **behaviours.STEPS,
    "refuse": _opening,
    "no_subprotocol": _opening,
    "fragments": _send_fragments,
    "text": _sends("send_text"),
    "ping": _sends("send_ping"),
    "pong": _sends("send_pong"),
    "goodbye": _goodbye,
    "raw": _raw,
}


def script(steps):
    """Makes a behaviour of a list of steps; unknown steps are a KeyError at once."""
    behaviour = behaviours.script(steps, _STEPS)
    behaviour.opening = steps[0] if steps else None
    return behaviour


async def serve(behaviour, recorder):
    """Answers the opening request, then runs a behaviour until the peer leaves."""

    async def opened(reader, writer):
        await recorder.open(getattr(behaviour, "opening", None) or (None,))
        await behaviour(reader, writer)

    await behaviours.serve(opened, recorder, recorder)
