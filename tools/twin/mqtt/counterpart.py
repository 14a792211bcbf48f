"""How does a device's connection stand to the broker: its counterpart opens, carries, leaves?"""

import asyncio
import contextlib

from tools.twin.broker.broker import Broker
from tools.twin.clouds.values import Ending
from tools.twin.descriptors import EXHAUSTED
from tools.twin.mqtt.traffic import ClosedError
from tools.twin.wire import packets
from tools.twin.wire.packets import Decoder, Packet

_TIMEOUT_S = 5.0
_PUSH_ID = 65535  # packet id of our own SUBSCRIBE, done before the device may use it


class Counterpart:
    """One connection to the broker, which speaks for one device.

    Opened when a session is needed there. opened: set from then on.
    """

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self.opened = asyncio.Event()
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._decoder = Decoder()

    async def open(self, connect: packets.Connect, pushed: list[str]) -> tuple[list[Packet], bool]:
        """Log in and subscribe to `pushed`.

        returns: what the session had queued, and whether there was one.
        raises: ClosedError.
        """
        try:
            async with self._broker.turns, asyncio.timeout(_TIMEOUT_S):
                self._reader, self._writer = await self._broker.connect()
                self.write(connect.encode())
                if pushed:
                    self.write(packets.subscribe(_PUSH_ID, [(name, 1) for name in pushed]))
                ready = await self._ready(bool(pushed))
        except OSError as error:
            why = "no file is left" if error.errno in EXHAUSTED else "the broker is down"
            raise ClosedError(why, Ending.SERVER) from None
        self.opened.set()
        return ready

    async def _ready(self, pushed: bool) -> tuple[list[Packet], bool]:
        """Read until CONNACK (and SUBACK) came."""
        wanted = {packets.CONNACK, packets.SUBACK} if pushed else {packets.CONNACK}
        early: list[Packet] = []
        present = False
        while wanted:
            if not (data := await self._read()):
                raise OSError("closed by the broker")
            for packet in self._decoder.feed(data):
                if packet.kind == packets.CONNACK:
                    present = bool(packet.body[0] & 1)
                    if packet.body[1]:
                        why = f"the broker answers CONNACK {packet.body[1]}"
                        raise ClosedError(why, Ending.SERVER)
                if packet.kind in wanted:
                    wanted.discard(packet.kind)
                else:
                    early.append(packet)
        return early, present

    @property
    def is_open(self) -> bool:
        """Whether the device has a session at the broker."""
        return self.opened.is_set()

    def write(self, data: bytes) -> None:
        """Send packets to the broker."""
        assert self._writer is not None
        self._writer.write(data)

    async def drain(self) -> None:
        """Wait until the broker has taken enough."""
        if self._writer is not None:
            await self._writer.drain()

    async def read(self) -> list[Packet]:
        """The next packets, perhaps none yet. raises: ClosedError."""
        if not (data := await self._read()):
            reason = "the broker is gone"
            if not self._broker.ours:
                reason += ", or another twin in front of it serves the same device"
            raise ClosedError(reason, Ending.SERVER)
        return self._decoder.feed(data)

    async def _read(self) -> bytes:
        assert self._reader is not None
        return await self._reader.read(65536)

    async def leave(self) -> None:
        """Close and wait until the broker has noticed.

        So that what comes after (the newcomer's login, a command to queue) comes after, there too.
        """
        if self._writer is None or self._reader is None:
            return
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(_TIMEOUT_S):
                if self._writer.can_write_eof():
                    self._writer.write_eof()
                else:  # TLS
                    self._writer.close()
                while await self._reader.read(65536):
                    pass
        self._writer.close()
