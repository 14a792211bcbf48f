"""How does an asyncio program live beside a Link?  `asyncio.create_task(link.run())`.

For MicroPython's asyncio, of whose StreamReader `read(0)` waits for bytes and takes none.
"""

import asyncio

from micropython import const

# For how long nobody looks: by whether a report or an opening waits, and a socket tells of bytes.
_IDLE_MS = const(1000)  # keepalive, the watchdog
_UNTOLD_MS = const(500)
_WAITING_MS = const(100)  # what is not answered is asked for again
_OPENING_MS = const(20)  # or the peer takes nothing: no public call waits for room


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
        if link.opening or link.waiting:
            pause_ms = _OPENING_MS if sock is None else _WAITING_MS
        else:
            pause_ms = _UNTOLD_MS if sock is None else _IDLE_MS
    watch = None if sock is None else asyncio.create_task(_watch(sock, woken))
    try:
        await asyncio.wait_for_ms(woken.wait(), pause_ms)
    except asyncio.TimeoutError:
        pass
    finally:
        if watch is not None:  # it leaves asyncio's queue before `poll` may close the socket
            watch.cancel()
            await asyncio.sleep_ms(0)


async def _watch(sock, woken):
    await asyncio.StreamReader(sock).read(0)
    woken.set()
