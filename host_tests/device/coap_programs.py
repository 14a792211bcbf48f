"""Which programs does a board run for the tests of CoAP, and what did the cloud get of them?"""

import json
from collections import Counter

# Retransmission at loopback's pace; the RFC's own figures are in test_exchange.py.
FAST = {"ack_timeout_ms": 200}

# The flash is shared by the tests: what the one before kept must go, unless this is a wake.
# Attributes that lib/signet names, too, would have each device.json linked for this program alone.
FRESH = """
import os
from machine import DEEPSLEEP_RESET, reset_cause
if reset_cause() != DEEPSLEEP_RESET:
    names = ["signet.state", "n"]
    if "outbox" in os.listdir():
        names += ["outbox/" + name for name in os.listdir("outbox")]
    for name in names:
        try:
            os.remove(name)
        except OSError:
            pass
"""

# Counts its reports, each only when the cloud has the one before.
COUNT = (
    FRESH
    + """
import board, signet
from signet import clock

clock.while_waiting = board.feed
link = signet.open("device.json", board)
n = 0
while True:
    link.report({"n": n})
    n += 1
    while not link.flush(1000):
        link.poll(100)
    link.poll(50)
"""
)

# DNS: knows one name, and prints each that it is asked for.
DNS = """
import socket
from signet.net import datagram

def find(host, *arguments):
    if host == "{host}":
        print("DNS was asked for", host)
        host = "{address}"
    return getaddrinfo(host, *arguments)

class Socket:
    def __getattr__(self, name):
        return find if name == "getaddrinfo" else getattr(socket, name)

getaddrinfo = socket.getaddrinfo
datagram.socket = Socket()
"""

# Prints of each datagram its message id and what tells it from any other.
SEEN = """
from binascii import crc32
from signet.net import datagram

def send(self, data, replies=None):
    print("sends", data[2] << 8 | data[3], crc32(data))
    return really(self, data, replies)

really, datagram.UdpChannel.send = datagram.UdpChannel.send, send
"""

# As COUNT, on the flash as it is and with no pause: `flush` looks ten times a second only.
QUICK = """
import board, signet
from signet import clock

clock.while_waiting = board.feed
link = signet.open("device.json", board)
n = 0
while True:
    link.report({"n": n})
    n += 1
    while len(link.outbox):
        link.poll(1)
"""

# Reports once, sleeps deeply, and so on; which report it is is told by a file.
SLEEP = (
    FRESH
    + """
import board, signet
from signet import clock

clock.while_waiting = board.feed
try:
    with open("n") as file:
        n = int(file.read())
except (OSError, ValueError):
    n = 0
link = signet.open("device.json", board)
link.report({"n": n})
while not link.flush(5000):
    link.poll(100)
with open("n", "w") as file:
    file.write(str(n + 1))
link.close()
board.deep_sleep(50)
"""
)


def numbers_of(messages):
    return [json.loads(m["payload"])["params"]["n"]["value"] for m in messages if not m["dup"]]


def passed(twin, way, since=None):
    """What the network did to the datagrams of a door: {("up", "dropped"): 3, ...}."""
    found = twin.datagrams()[f"alibaba-{way}"]
    counts = Counter({(side, n): found[side][n] for side in found for n in found[side]})
    return counts - (since or Counter())


def reports(twin, count, after, **values):
    return twin.wait_for_messages(
        "alibaba", count, after, direction="up", status="stored", **values
    )
