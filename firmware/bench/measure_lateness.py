"""How late does a task at 100 Hz come beside `link.run()`?  Runs on MicroPython.

`measure_lateness SECONDS [FOLDER]` runs that task for so long beside the device whose device.json
lies in FOLDER, which opens its connection and reports four times a second; without FOLDER beside
nothing. It prints a line of JSON each second: by how many microseconds each turn was late, without
the time that the machine gave to other programs, where it says so (Linux). Then the connection is
kept for so long and nothing else happens: {"idle": microseconds of processor time a second}, None
where the machine does not say.
"""

import asyncio
import gc
import json
import os
import sys
import time

from processor import Processor

PERIOD_US = 10_000
REPORT_MS = 250
SETTLED_MS = 20_000


async def tick(seconds):
    queued_us = Processor().queued_us
    due = time.ticks_us()
    queued = queued_us()
    for _ in range(seconds):
        late = []
        for _ in range(1_000_000 // PERIOD_US):
            due = time.ticks_add(due, PERIOD_US)
            await asyncio.sleep_ms(max(0, time.ticks_diff(due, time.ticks_us()) // 1000))
            now, before, queued = time.ticks_us(), queued, queued_us()
            late.append(max(0, time.ticks_diff(now, due) - (queued - before)))
        print(json.dumps({"late": late}))


async def report(link):
    while True:
        if len(link.outbox) < 4:
            link.report({"temperature": 21.5})
        await asyncio.sleep_ms(REPORT_MS)


async def settle(link):
    """Waits until all reports are stored."""
    start = time.ticks_ms()
    while len(link.outbox) or not link.connected:
        assert time.ticks_diff(time.ticks_ms(), start) < SETTLED_MS, "a report is not stored"
        await asyncio.sleep_ms(50)


async def idle(seconds):
    gc.collect()
    processor = Processor()
    before = processor.used_us()
    await asyncio.sleep(seconds)
    used = (processor.used_us() - before) / seconds
    print(json.dumps({"idle": used if processor.says else None}))


async def main(seconds, folder=None):
    link = None
    if folder is not None:
        import signet

        os.chdir(folder)
        link = signet.open("device.json", log=lambda line: None)
        running = asyncio.create_task(link.run())
        reporting = asyncio.create_task(report(link))
    await tick(seconds)
    if link is not None:
        reporting.cancel()
        await settle(link)
    await idle(seconds)
    if link is not None:
        assert not running.done(), "it has ended"
        print(json.dumps({"stored": link.handed_over}))


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), *sys.argv[2:]))
