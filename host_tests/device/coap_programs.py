"""Which programs does a board run for the tests of CoAP, and what did the cloud get of them?"""

import json

# Retransmission at loopback's pace; the RFC's own figures are in test_exchange.py.
FAST = {"ack_timeout_ms": 200}

# The flash is shared by the tests: what the one before kept must go, unless this is a wake.
FRESH = """
import machine, os
if machine.reset_cause() != machine.DEEPSLEEP_RESET:
    for name in ("signet.state", "n"):
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
        pass
    link.poll(50)
"""
)

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
    pass
with open("n", "w") as file:
    file.write(str(n + 1))
link.close()
board.deep_sleep(50)
"""
)


def numbers_of(messages):
    return [json.loads(m["payload"])["params"]["n"]["value"] for m in messages if not m["dup"]]


def reports(twin, count, after, **values):
    return twin.wait_for_messages(
        "alibaba", count, after, direction="up", status="stored", **values
    )
