"""What do waiting reports cost in time and flash?  Runs on MicroPython; for `signet bench outbox`.

`measure_outbox WHAT FOLDER COUNT [NUMBER]` prints lines of JSON about COUNT reports. WHAT is
`rates`: in and out, against lines of JSON in a file as a program would append them, in NUMBER
rounds; `paced`: one each NUMBER ms while the cloud is away, by a clock of its own; `fat`: the same
on FAT; `full`: how many fit in COUNT bytes at that pace, and what is dropped then; `boot`: what a
start takes while they wait; `deliver`: the time until the cloud, whose device.json lies in FOLDER,
has them all. Flash is a file in FOLDER.
"""

import gc
import json
import os
import sys
import time

import signet
from counting_flash import mount
from signet import clock
from signet.cloud.session import Session
from signet.cloud.watson import mqtt  # here: each import within a call takes more stack
from signet.errors import Lost

BLOCKS = 512
LINES = "waiting.jsonl"
VALUES = {"temperature": 21.5, "humidity": 40}
MOST = 1_900_000  # bytes of flash for what waits: nothing is dropped here
STEP_MS = 1000  # of the clock of `paced`


class Cloud(Session):
    """Has each report at once, unless it is away."""

    window = 4

    def __init__(self):
        self.is_away = False
        self._events = []

    def begin(self, deadline):
        if self.is_away:
            raise Lost("away")
        self._events = [("opened",)]

    def poll(self, timeout_ms):
        if self.is_away:
            return ("lost", Lost("away"), [])
        return self._events.pop(0) if self._events else None

    def submit(self, key, report, last):
        if len(self._events) >= self.window:
            return False
        self._events.append(("acked", key, None))
        return True

    def close(self):
        self._events = []


def quiet(line):
    pass


def new_link(cloud, **more):
    """Returns the link of a device at Watson, but for its session."""
    values = {"cloud": "watson", "org_id": "signet", "type_id": "t", "device_id": "d"}
    values.update(host="cloud.test", token="not-a-secret", tls=False, insecure=True, retry_s=1)
    values.update(outbox_bytes=MOST)
    values.update(more)
    with open("device.json", "w") as file:
        json.dump(values, file)
    mqtt.session = lambda *arguments: cloud
    return signet.open("device.json", log=quiet)


def take(flash, since):
    """Returns what flash has done since then, and notes it."""
    now = (flash.erases, flash.programmed, flash.read)
    done = [now[place] - since[place] for place in range(3)]
    since[:] = now
    return done


def us_of(work):
    gc.collect()
    start = time.ticks_us()
    work()
    return time.ticks_diff(time.ticks_us(), start)


def rates(flash, count, rounds):
    cloud = Cloud()
    link = new_link(cloud)

    def make():
        for _ in range(count):
            link.report(VALUES)
            link.poll(0)

    def empty():
        while len(link.outbox):
            link.poll(0)

    def hand_over():
        for _ in range(count):
            link.report(VALUES)
            empty()

    def append():
        for _ in range(count):
            with open(LINES, "a") as file:
                file.write(json.dumps(VALUES) + "\n")

    def read():
        with open(LINES) as file:
            for line in file:
                json.loads(line)
        os.remove(LINES)

    def bring_back():
        link.close()  # or it would back off
        cloud.is_away = False
        while not link.connected:
            link.poll(0)

    def take_away():
        cloud.is_away = True
        link.poll(0)

    steps = (
        ("good", bring_back, hand_over),
        ("in", take_away, make),
        ("out", bring_back, empty),
        ("lines in", None, append),
        ("lines out", None, read),
    )
    since = [0, 0, 0]
    for _ in range(rounds):
        for name, before, work in steps:
            if before:
                before()
            take(flash, since)
            us = us_of(work)
            print(json.dumps({"what": name, "us": us, "flash": take(flash, since)}))


def away(each_ms, **more):
    """Returns a link whose cloud is away, and a function that reports, and lets the time pass."""
    now = [time.ticks_ms()]
    clock.ticks_ms = lambda: now[0]
    cloud = Cloud()
    link = new_link(cloud, **more)
    cloud.is_away = True

    def report():
        link.report(VALUES)
        for _ in range(0, each_ms, STEP_MS):
            now[0] = time.ticks_add(now[0], STEP_MS)
            link.poll(0)

    return link, report


def full(flash, limit, each_ms):
    link, report = away(each_ms, outbox_bytes=limit)
    while not link.counters["dropped"]:
        waiting = len(link.outbox)
        report()
        if not waiting % 100:
            print(json.dumps({"waiting": waiting}))
    print(json.dumps({"fits": waiting, "dropped": link.counters["dropped"]}))


def paced(flash, count, each_ms):
    _, report = away(each_ms)
    since = [0, 0, 0]
    take(flash, since)
    for _ in range(count):
        report()
    signet = take(flash, since)
    worn = max(flash.worn)
    for number in range(BLOCKS):
        flash.worn[number] = 0
    for _ in range(count):
        with open(LINES, "a") as file:
            file.write(json.dumps(VALUES) + "\n")
    lines = take(flash, since)
    print(json.dumps({"signet": signet, "lines": lines, "worn": [worn, max(flash.worn)]}))


def boot(flash, count):
    cloud = Cloud()
    link = new_link(cloud)
    cloud.is_away = True
    for number in range(count):
        link.report(VALUES)
        if number % 1000 == 999:
            print(json.dumps({"waiting": len(link.outbox)}))
    link.close()
    assert len(link.outbox) == count
    with open(LINES, "a") as file:
        for _ in range(count):
            file.write(json.dumps(VALUES) + "\n")
    del link
    since = [0, 0, 0]
    made = []

    def start():
        made.append(signet.open("device.json", log=quiet))
        next(iter(made[0].outbox))

    def read():
        with open(LINES) as file:
            for _ in file:
                pass

    for _ in range(5):
        made.clear()
        take(flash, since)
        us = us_of(start)
        row = {"us": us, "flash": take(flash, since)}
        assert len(made[0].outbox) == count, len(made[0].outbox)
        row["lines us"] = us_of(read)
        row["lines flash"] = take(flash, since)
        print(json.dumps(row))


def deliver(flash, count):
    link = signet.open("device.json", log=quiet)
    for number in range(count):
        link.report(dict(VALUES, n=number))
    assert len(link.outbox) == count
    before = flash.read
    start = said = time.ticks_ms()
    while len(link.outbox):
        link.poll(5)
        if time.ticks_diff(time.ticks_ms(), said) > 2000:
            said = time.ticks_ms()
            print(json.dumps({"waiting": len(link.outbox)}))
    took = time.ticks_diff(time.ticks_ms(), start)
    print(json.dumps({"ms": took, "read": flash.read - before}))


def main(what, folder, count, number=0):
    blocks = BLOCKS * 2 if what == "boot" else BLOCKS  # for both contenders
    flash = mount(folder + "/flash.img", blocks, what == "fat")
    if what == "deliver":
        with open(folder + "/device.json") as source, open("device.json", "w") as target:
            target.write(source.read())
        flash.erases = flash.programmed = flash.read = 0
    work = {"fat": paced, "paced": paced, "full": full, "rates": rates}.get(what)
    if work:
        work(flash, int(count), int(number))
    else:
        {"boot": boot, "deliver": deliver}[what](flash, int(count))


if __name__ == "__main__":
    main(*sys.argv[1:])
