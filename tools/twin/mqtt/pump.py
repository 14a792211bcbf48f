"""How do packets go both ways, each in its turn, until one side ends?"""

import asyncio
import contextlib

from tools.twin.clouds.values import Ending
from tools.twin.hub.hub import Hub
from tools.twin.mqtt.counterpart import Counterpart
from tools.twin.mqtt.silence import Silence
from tools.twin.mqtt.tap import PacketTap
from tools.twin.mqtt.traffic import ClosedError, Traffic
from tools.twin.wire import packets
from tools.twin.wire.packets import Connect, Decoder, Packet

_FILED = (packets.PUBLISH, packets.PUBACK, packets.PUBCOMP)
_AT_ONCE = 16384  # bytes of one device before the others' turn


class Pump:
    """Moves one logged-in device's packets between its connection and its counterpart.

    inner: the CONNECT for the broker, for when there is need of a session.
    """

    def __init__(
        self,
        hub: Hub,
        traffic: Traffic,
        broker: Counterpart,
        inner: Connect,
        *,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        decoder: Decoder,
        tap: PacketTap,
    ) -> None:
        self._hub = hub
        self._traffic = traffic
        self._broker = broker
        self._inner = inner
        self._reader = reader
        self._writer = writer
        self._decoder = decoder
        self._tap = tap
        self._silence = Silence(self._end_silent)

    async def run(self, behind: list[Packet], keepalive_s: int, good_for_s: float | None) -> None:
        """Carry packets both ways until the device says DISCONNECT.

        behind: what came right behind the CONNECT. keepalive_s: 0 for none. good_for_s: see
        Client. raises: ClosedError.
        """
        downward = asyncio.create_task(self._down())
        upward = asyncio.create_task(self._up(behind))
        try:
            with self._silence.watched(keepalive_s):
                both = (downward, upward)
                done, _ = await asyncio.wait(
                    both, timeout=good_for_s, return_when=asyncio.FIRST_COMPLETED
                )
            if not done:
                raise ClosedError("what it logged in with has ended", Ending.SERVER)
            first = upward if upward.done() else downward
            first.result()
        finally:
            for task in (downward, upward):
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError, Exception):
                    await task

    def _end_silent(self) -> None:
        reason = "nothing heard for 1.5 times its keepalive"
        self._reader.set_exception(ClosedError(reason, Ending.SILENCE))

    async def _up(self, queue: list[Packet]) -> None:
        while True:
            for packet in queue:
                packets.check_from_client(packet)
                if packet.kind == packets.DISCONNECT:
                    self._hub.store.batch.commit()  # its reports go before it
                    if self._broker.is_open:
                        self._broker.write(packet.encode())
                    return
                if not self._broker.is_open and self._traffic.needs_session(packet):
                    await self._attach()
                await self._turn(packet)
                self._traffic.from_device(packet)
            await self._hub.platform.drain()
            await self._broker.drain()
            await self._writer.drain()
            self._silence.begins()
            data = await self._reader.read(_AT_ONCE)
            self._silence.ends()
            if not data:
                self._tap.ended()
                raise ClosedError("closed its side without DISCONNECT")
            queue = self._decoder.feed(data)
            if len(data) == _AT_ONCE:  # more is there, and would be read at once
                await asyncio.sleep(0)

    async def _turn(self, packet: Packet) -> None:
        """Wait until what it leads to may be put on file, without holding others up."""
        if packet.kind in _FILED:
            await self._hub.store.batch.turn()

    async def _attach(self) -> None:
        """Log in at the broker, of which there was no need so far. raises: ClosedError."""
        self._hub.store.batch.commit()  # its reports so far go before
        await self._broker.open(self._inner, [])

    async def _down(self) -> None:
        await self._broker.opened.wait()
        while True:
            await self.take_down(await self._broker.read())
            await self._writer.drain()

    async def take_down(self, found: list[Packet]) -> None:
        """Handle what the broker sent."""
        for packet in found:
            await self._turn(packet)
            self._traffic.from_broker(packet)
