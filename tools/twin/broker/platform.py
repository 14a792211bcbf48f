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
from tools.twin.wire import packets, topics

CLIENT_ID = "signet-twin-platform"
KEEPALIVE_S = 20
"""Of a broker on another machine: one that went without a word is given up so soon."""

_LOGIN_TIMEOUT_S = 10.0


class Platform:
    """Publishes into the broker; reconnects by `start`.

    on_lost: called when the connection is lost, and whether the broker fell silent.
    """

    def __init__(self, broker: Broker, on_lost: Callable[[bool], None]) -> None:
        self._broker = broker
        self._on_lost = on_lost
        # Of a broker with several twins in front, each has a platform side.
        self._client_id = CLIENT_ID if broker.ours else f"{CLIENT_ID}-{secrets.token_hex(4)}"
        self._keepalive_s = 0 if broker.ours else KEEPALIVE_S
        self._writer: asyncio.StreamWriter | None = None
        self._drain: asyncio.Task[None] | None = None
        self._starting = asyncio.Lock()
        self._waiting: list[bytes] = []
        self._packet_ids = itertools.cycle(range(1, 65536))

    async def start(self) -> None:
        """Connect to the broker, anew if need be. raises: OSError."""
        async with self._starting:
            await self.stop()
            reader, writer = await self._broker.connect()
            login = self._broker.login
            hello = packets.Connect(4, self._client_id, True, self._keepalive_s, None, *login)
            writer.write(hello.encode())
            try:
                async with asyncio.timeout(_LOGIN_TIMEOUT_S):
                    if (await reader.readexactly(4))[3]:
                        raise OSError("refused by the broker")
            except (OSError, EOFError) as error:
                writer.transport.abort()
                raise OSError(str(error)) from None
            self._writer = writer
            self._drain = asyncio.create_task(self._read(reader, writer))

    async def _read(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read PUBACKs, of which nothing is needed, so that none pile up; ask where none come."""
        asked = silent = False
        with contextlib.suppress(OSError):
            while True:
                try:
                    async with asyncio.timeout(self._keepalive_s / 2 or None):
                        if not await reader.read(65536):
                            break
                    asked = False
                except TimeoutError:
                    if asked:
                        silent = True
                        break
                    asked = True
                    writer.write(packets.encode(packets.PINGREQ, 0, b""))
        if writer is self._writer:
            self._writer = None
            self._on_lost(silent)
        writer.transport.abort()  # what it has not taken by now it never will

    @property
    def up(self) -> bool:
        """Whether the broker can be reached."""
        return self._writer is not None

    def publish(self, message: packets.Publish) -> bool:
        """Send a message to a topic of the broker; False while it is down.

        False, too, for a topic on which it closes, and would lose everybody's messages.
        """
        if self._writer is None or not topics.fit(message.topic):
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
