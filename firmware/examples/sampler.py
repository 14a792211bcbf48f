"""What does a device do that may never wait?  It reads a sensor a hundred times a second.

A report says the mean, of how many readings, and how late the latest of them was. For any cloud,
without deep sleep; deploy it as /main.py.
"""

import asyncio
from time import ticks_add, ticks_diff, ticks_ms

import board
import signet
from signet import clock

PERIOD_MS = 10


class Sampler:
    """Reads for ever, and keeps what `take` returns."""

    def __init__(self):
        self.clear()

    def clear(self):
        self.readings = self.sum = self.late_ms = 0

    def read(self):
        """Returns one reading; here is the place for your sensor."""
        return 20 + ticks_ms() % 4

    async def run(self):
        due = ticks_ms()
        while True:
            due = ticks_add(due, PERIOD_MS)
            await asyncio.sleep_ms(max(0, ticks_diff(due, ticks_ms())))
            self.late_ms = max(self.late_ms, ticks_diff(ticks_ms(), due))
            self.readings += 1
            self.sum += self.read()

    def take(self):
        """Returns what was read since the last call, a dict, and begins anew."""
        mean = self.sum / self.readings if self.readings else None
        values = {"readings": self.readings, "late_ms": self.late_ms, "temperature": mean}
        self.clear()
        return values


async def report(link, sampler):
    while True:
        await asyncio.sleep_ms(link.report_interval_ms)
        link.report(sampler.take())


async def main():
    clock.while_waiting = board.feed
    link = signet.open("device.json", board)
    link.on_command = board.obey
    sampler = Sampler()
    await asyncio.gather(link.run(), sampler.run(), report(link, sampler))


try:
    asyncio.run(main())
except signet.ConfigError as error:
    print(error)
