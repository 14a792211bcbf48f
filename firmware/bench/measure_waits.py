"""How long does `poll(0)` of a Link take, and the watchdog wait for it?  Runs on MicroPython.

`measure_waits FOLDER SECONDS [TOPIC BYTES]` is the device whose device.json lies in FOLDER. It
reports ten times a second, or after the first report so many BYTES to a TOPIC, and polls every
2 ms, at once where the link is busy. Ten times a second it prints a line of JSON: the longest poll
and the longest time between two feeds in it (us), how many polls, how many reports are stored, and
what came out of `poll`, which should be nothing.

A garbage collection goes before each poll and is not measured; neither is what the machine gave
to other programs meanwhile, where it says so (Linux: /proc/self/schedstat).
"""

import gc
import json
import os
import socket
import sys
import time

import signet
from processor import Processor
from signet import clock

SEND_BUFFER = 2872  # the kernel doubles it: 5744 bytes, as lwIP's
SAY_MS = 100


class _SmallBuffers:
    """The module `socket`, as far as net.stream uses it."""

    SOCK_STREAM = socket.SOCK_STREAM
    getaddrinfo = staticmethod(socket.getaddrinfo)

    @staticmethod
    def socket(family, kind):
        made = socket.socket(family, kind)
        made.setsockopt(1, 7, SEND_BUFFER)  # SOL_SOCKET, SO_SNDBUF
        return made


class Device:
    """Polls a link and takes the time."""

    def __init__(self, folder):
        os.chdir(folder)
        self.queued_us = Processor().queued_us
        clock.while_waiting = self.feed
        self.link = signet.open("device.json", log=lambda line: None)
        stream = sys.modules.get("signet.net.stream")
        if stream is not None:
            stream.socket = _SmallBuffers
        self.longest = self.unfed = self.polls = 0
        self.error = None
        self.busy = False
        self.began = self.fed = time.ticks_us()
        self.gap = 0
        self.said = time.ticks_ms()

    def feed(self):
        now = time.ticks_us()
        self.gap = max(self.gap, time.ticks_diff(now, self.fed))
        self.fed = now
        took = time.ticks_diff(now, self.began)
        if took > self.longest and took > 1000 * SAY_MS:  # it may never end
            self.say(took, max(self.gap, self.unfed))

    def poll(self):
        gc.collect()
        queued = self.queued_us()
        self.gap = 0
        self.began = self.fed = time.ticks_us()
        try:
            self.link.poll(0)
            self.busy = self.link.busy
        except Exception as error:
            self.error = "{}: {}".format(type(error).__name__, error)
        now = time.ticks_us()
        queued = self.queued_us() - queued
        gap = max(self.gap, time.ticks_diff(now, self.fed))
        self.longest = max(self.longest, time.ticks_diff(now, self.began) - queued)
        self.unfed = max(self.unfed, gap - queued)
        self.polls += 1

    def say(self, longest, unfed):
        row = {"longest": longest, "unfed": unfed, "polls": self.polls}
        row["stored"] = self.link.handed_over
        row["error"] = self.error
        print(json.dumps(row))
        self.said = time.ticks_ms()

    def run(self, seconds, topic, size):
        end = clock.Deadline(int(seconds * 1000))
        known = False  # the peer has had time to hear of the report that was stored
        while not end.expired():
            self.poll()
            if time.ticks_diff(time.ticks_ms(), self.said) >= SAY_MS:
                self.say(self.longest, self.unfed)
                stored, waiting = self.link.handed_over > 0, len(self.link.outbox)
                if stored and size:
                    if known and not waiting:
                        self.link.report(bytes(size), topic)
                elif waiting < (1 if size else 2):
                    self.link.report({"temperature": 21.5})
                known = stored
            if not self.busy:
                time.sleep_ms(2)
        self.say(self.longest, self.unfed)


def main(folder, seconds, topic=None, size=0):
    Device(folder).run(float(seconds), topic, int(size))


if __name__ == "__main__":
    main(*sys.argv[1:])
