"""Does a device stay as it is, report after report?  Runs on MicroPython; for `signet bench soak`.

`soak FOLDER REPORTS EACH_MS` is the device whose device.json and ca.pem lie in FOLDER, with a
flash of its own in the file FOLDER/flash.img. It reports as fast as the cloud takes them, but once
in EACH_MS at most, and 20 times a second while the cloud does not. About once a second it prints a
line of JSON; at the end it closes.
"""

import gc
import json
import os
import sys
import time

import signet
from counting_flash import mount

AHEAD = 8  # reports that wait while all is well
PACE_MS = 50
SAY_MS = 1000
BLOCKS = 512  # 2 MiB, the `vfs` partition of a 4 MB ESP32


def largest():
    """Bytes of the largest piece of heap that is to be had, within 64."""
    gc.collect()
    low, high = 0, gc.mem_free()
    while high - low > 64:
        middle = (low + high) // 2
        try:
            bytearray(middle)
            low = middle
        except MemoryError:
            high = middle
    gc.collect()  # what was tried is in nobody's way
    return low


class Log:
    """Keeps the last lines; a soak has more than anybody reads."""

    def __init__(self):
        self.last = ""
        self.lines = self.shortages = 0

    def __call__(self, line):
        self.lines += 1
        if "emory" in line:
            self.shortages += 1
        if not line.startswith("report"):
            self.last = line


class Device:
    def __init__(self, folder):
        self.flash = mount(folder + "/flash.img", BLOCKS)
        for name in ("device.json", "ca.pem"):
            with open(folder + "/" + name, "rb") as source, open(name, "wb") as target:
                target.write(source.read())
        self.log = Log()
        self.link = signet.open("device.json", log=self.log)
        self.said = self.reported = time.ticks_ms()
        self.made = self.refused = 0

    def say(self, **more):
        """In small pieces: there may be no room for a whole line."""
        self.said = time.ticks_ms()
        gc.collect()
        free = gc.mem_free()
        try:
            counts, log, most = self.link.counters, json.dumps(self.log.last), largest()
            counts.update(more)
        except MemoryError:  # not even for that
            counts, log, most = more, '""', 0
        print('{"made":', self.made, ', "acknowledged":', self.link.handed_over, end="")
        print(', "waiting":', len(self.link.outbox), ', "refused":', self.refused, end="")
        print(', "free":', free, ', "largest":', most, ', "erases":', self.flash.erases, end="")
        for name in ("sent_again", "dropped", "set_aside", "damaged", "end", "worn"):
            if name in counts:
                print(', "', name, '":', counts[name], sep="", end="")
        print(', "shortages":', self.log.shortages, ', "log":', log, "}")

    def report(self):
        try:
            self.link.report({"n": self.made})
            self.made += 1
        except MemoryError:  # it is not taken, and may be made again
            self.refused += 1

    def run(self, reports, each_ms):
        link = self.link
        while self.made < reports or len(link.outbox):
            now = time.ticks_ms()
            pause_ms = PACE_MS if len(link.outbox) >= AHEAD else each_ms
            behind = time.ticks_diff(now, self.reported) < pause_ms
            if self.made < reports and not behind:
                self.report()
                self.reported = now
            if behind or self.made == reports:
                link.poll(1)
            if time.ticks_diff(now, self.said) >= SAY_MS:
                self.say()
        link.close()
        self.say(end=1, worn=max(self.flash.worn))


def main(folder, reports, each_ms):
    os.chdir(folder)
    Device(folder).run(int(reports), int(each_ms))


if __name__ == "__main__":
    main(*sys.argv[1:])
