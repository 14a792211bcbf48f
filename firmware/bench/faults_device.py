"""Which reports does this device accept?  It says so of each; a main.py of the virtual board.

`app` in device.json: {"reports": how many in each life, "fault": what it does to itself while it
takes the middle third of them; see _FAULTS}.  Then it reports seldom, until the cloud has all, and
says what was set aside.
"""

import gc
import json
import os
import socket
import sys
import time

import board

_PACE_MS = 60
_SELDOM_MS = 3000
_DAYS_S = 86_400


class _Names:
    """The module `socket`; where a name server fails, all names are later of this machine."""

    fails = False
    server = None

    def __getattr__(self, name):
        return getattr(socket, name)

    def getaddrinfo(self, host, port, *how):
        if self.fails:
            raise OSError(-2)
        return socket.getaddrinfo(self.server or host, port, *how)


class _Time:
    """The module `time`, so many seconds off."""

    wrong_s = 0

    def __getattr__(self, name):
        return getattr(time, name)

    def time(self):
        return int(time.time()) + self.wrong_s

    def time_ns(self):
        return time.time_ns() + self.wrong_s * 1_000_000_000


# Linked or not, signet has no other.
sys.modules["socket"], sys.modules["time"] = _names, _time = _Names(), _Time()

import signet  # noqa: E402
from signet import clock  # noqa: E402


def _no_names():
    _names.fails, _names.server = True, "127.0.0.1"


def _wrong(days):
    _time.wrong_s = days * _DAYS_S


def _no_memory():
    gc.collect()
    size = 4096
    while size > 16:
        try:
            _hoard.append(bytearray(size))
        except MemoryError:
            size //= 2


def _full():
    try:
        with open("filler", "wb") as file:
            while True:
                file.write(bytes(1024))
                file.flush()
    except OSError:
        pass


def _heal():
    _names.fails = False
    _time.wrong_s = 0
    _hoard.clear()
    try:
        os.remove("filler")
    except OSError:
        pass


_hoard = []
_FAULTS = {
    "names": _no_names,
    "behind": lambda: _wrong(-9000),
    "ahead": lambda: _wrong(9000),
    "memory": _no_memory,
    "flash": _full,
}


def _life():
    """Which life is this?  No power cut gives two the same number."""
    try:
        with open("life") as file:
            number = int(file.read())
    except (OSError, ValueError):
        number = 0
    with open("life", "w") as file:
        file.write(str(number + 1))
    return number


def main():
    with open("device.json") as file:
        app = json.load(file)["app"]
    first = number = 1000 * _life()
    end = first + app["reports"]
    link = signet.open("device.json", board)
    clock.while_waiting = board.feed
    fault = _FAULTS.get(app.get("fault"))
    if app.get("fault") == "names":
        fault()  # before the first connection
    while number < end or link.waiting:
        if fault and number == first + app["reports"] // 3:
            fault()
        if number == end - app["reports"] // 3:
            _heal()
        _report(link, number)
        number += 1
        link.poll(_PACE_MS)
        seldom = clock.Deadline(_SELDOM_MS)
        while number >= end and link.waiting and not seldom.expired():
            link.poll(_PACE_MS)
    for _, _, report in link.outbox.dead:
        print("aside", report.values["n"], report.values["check"])
    print("drained", json.dumps(link.counters))
    while True:
        link.poll(1000)


def _report(link, number):
    print("taken", number)
    values = {"n": number, "check": number * 7919 % 65_521, "name": "r{}.".format(number)}
    try:
        if link.report(values) is not None:
            print("accepted", number, time.ticks_ms())
    except MemoryError:
        pass


main()
