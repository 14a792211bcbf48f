"""How does an asyncio program live beside a Link?  `asyncio.create_task(link.run())`.

For MicroPython's asyncio, of whose StreamReader `read(0)` waits for bytes and takes none.
"""

import asyncio

from micropython import const

_SOON_MS = const(20)  # nothing says when there is more to do: room to send, a modem's bytes
_WAITING_MS = const(100)  # an answer is awaited, and may have to be asked for again
_IDLE_MS = const(1000)  # keepalive, the watchdog


async def run(link):
    """Works on a link for ever, a step at a time; asleep until bytes, a report or a time is due.

    While it runs nobody else calls `poll`, `flush` or `close`; any task may call `report`. Cancel
    it, and wait for its end, before you close the link.

    Args:
        link: signet.link.Link.
    """
    woken = asyncio.Event()
    link.wake = woken.set
    try:
        while True:
            woken.clear()
            link.poll(0)
            if link.busy:
                await asyncio.sleep_ms(0)
            else:
                await _sleep(link, woken)
    finally:
        link.wake = None


async def _sleep(link, woken):
    sock = link.readable()
    pause_ms = min(link.due_ms(), _IDLE_MS)
    if not pause_ms:
        waiting = link.opening or len(link.outbox)
        pause_ms = _SOON_MS if sock is None else _WAITING_MS if waiting else _IDLE_MS
    watch = None if sock is None else asyncio.create_task(_watch(sock, woken))
    try:
        await asyncio.wait_for_ms(woken.wait(), pause_ms)
    except asyncio.TimeoutError:
        pass
    finally:
        if watch is not None:
            watch.cancel()
            await asyncio.sleep_ms(
                0
            )  # `poll` may close the socket: it leaves asyncio's queue first


async def _watch(sock, woken):
    await asyncio.StreamReader(sock).read(0)
    woken.set()
