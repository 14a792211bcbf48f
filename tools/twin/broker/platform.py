"""How does the platform side of a cloud put messages into the broker: replies, commands, presence?

One MQTT client over the broker's Unix socket. It publishes and never subscribes: what devices say
is seen by the gate.
"""

import asyncio
import contextlib
import itertools
import secrets
from collections.abc import Callable

from tools.twin.broker.broker import Broker
from tools.twin.wire import packets

CLIENT_ID = "signet-twin-platform"


class Platform:
    """Publishes into the broker; reconnects by `start`.

    on_lost: called when the broker closed the connection.
    """

    def __init__(self, broker: Broker, on_lost: Callable[[], None]) -> None:
        self._broker = broker
        self._on_lost = on_lost
        # Of a broker with several twins in front, each has a platform side.
        self._client_id = CLIENT_ID if broker.ours else f"{CLIENT_ID}-{secrets.token_hex(4)}"
        self._writer: asyncio.StreamWriter | None = None
        self._drain: asyncio.Task[None] | None = None
        self._starting = asyncio.Lock()
        self._waiting: list[bytes] = []
        self._packet_ids = itertools.cycle(range(1, 65536))

    async def start(self) -> None:
        """Connect to the broker, anew if need be."""
        async with self._starting:
            await self.stop()
            reader, self._writer = await self._broker.connect()
            hello = packets.Connect(4, self._client_id, True, 0, None, *self._broker.login)
            self._writer.write(hello.encode())
            self._drain = asyncio.create_task(self._read(reader, self._writer))

    async def _read(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read CONNACK and PUBACKs, of which nothing is needed, so that none pile up."""
        with contextlib.suppress(OSError):
            while await reader.read(65536):
                pass
        if writer is self._writer:
            self._writer = None
            self._on_lost()
        writer.close()

    @property
    def up(self) -> bool:
        """Whether the broker can be reached."""
        return self._writer is not None

    def publish(self, message: packets.Publish) -> bool:
        """Send a message to a topic of the broker; False while the broker is down."""
        if self._writer is None:
            return False
        message.packet_id = next(self._packet_ids) if message.qos else 0
        if not self._waiting:  # those of one round of the loop go together
            asyncio.get_running_loop().call_soon(self._send)
        self._waiting.append(message.encode())
        return True

    def _send(self) -> None:
        waiting, self._waiting = self._waiting, []
        if self._writer is not None:
            self._writer.write(b"".join(waiting))

    async def drain(self) -> None:
        """Wait until the broker has taken enough."""
        if self._writer is not None:
            with contextlib.suppress(OSError):  # lost: `_read` tells
                await self._writer.drain()

    async def stop(self) -> None:
        """Close the connection."""
        self._send()
        writer, self._writer = self._writer, None
        drain, self._drain = self._drain, None
        if writer is not None:
            writer.close()
        if drain is not None:
            drain.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await drain
