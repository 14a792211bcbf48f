"""What do the gate and the platform side ask of a broker, whichever it is?"""

import asyncio
from typing import Protocol


class Broker(Protocol):
    """Where sessions, QoS, wills and retained messages live.

    ours: it runs for this twin alone and keeps nothing from before. login: user and password of
    each connection. turns: to be held while a connection opens.
    """

    ours: bool
    login: tuple[str | None, bytes | None]
    turns: asyncio.Semaphore

    async def start(self) -> None:
        """Have it serve. raises: UserError when it does not."""

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A fresh connection. raises: OSError while it is down."""

    async def kill(self) -> None:
        """End it at once. raises: UserError where it is not ours."""

    async def stop(self) -> None:
        """End it in order, where it is ours."""
