"""Which programs does a board run for the tests of HTTPS, and what did the cloud get of them?"""

import json
import re
import time

from host_tests.device.coap_programs import COUNT, SLEEP

REFUSED_FIRST_S = 16  # sixteen times retry_s: DESIGN's answer to a refusal

# As COUNT, faster than a cloud may allow.
THROTTLED = COUNT.replace("link.poll(50)", "link.poll(1)")

# As COUNT, with waits shorter than device.json allows.
HASTY = COUNT.replace("n = 0\n", 'link._handover.retry_s = link._config["retry_s"] = 0\nn = 0\n')

# Counts its reports and hears commands meanwhile.
HEAR = COUNT.replace("n = 0\n", "link.on_command = lambda c: print(c.topic, c.data)\nn = 0\n")

# As SLEEP; each sleep is announced, and long enough for a test to act in it.
NIGHTS = SLEEP.replace("board.deep_sleep(50)", 'print("sleeps")\nboard.deep_sleep(200)')

# As COUNT; where it was is told by a file, written once the cloud has the report. It starts with
# the flash as it is.
POWER = """
import os, board, signet
from signet import clock

clock.while_waiting = board.feed
try:
    with open("n") as file:
        n = int(file.read())
except (OSError, ValueError):
    n = 0
link = signet.open("device.json", board)
while True:
    link.report({"n": n})
    while not link.flush(1000):
        link.poll(100)
    n += 1
    with open("n.new", "w") as file:
        file.write(str(n))
    os.rename("n.new", "n")
    link.poll(20)
"""


def _number(message):
    body = json.loads(message["payload"])
    return body["params"]["n"]["value"] if "params" in body else body["d"]["n"]


class Seen:
    """What a cloud has seen by HTTP since this was made."""

    def __init__(self, twin, cloud):
        self._twin = twin
        self._cloud = cloud
        self._between_answers(self._begin)

    def _begin(self):
        self._before = self._twin.http()[self._cloud]
        self.after = self._twin.last_id()

    def _between_answers(self, look):
        """Returns what `look` gives while nothing is answered; the board goes on."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            answered = self._answered()
            found = look()
            if self._answered() == answered:
                return found
        raise AssertionError("the board is answered again and again: no time to look")

    def _answered(self):
        return self._twin.http()[self._cloud]["answered"]

    def stored(self, count=0, **values):
        """Waits until so many reports are stored; returns all that are."""
        values = {"direction": "up", "status": "stored", **values}
        return self._twin.wait_for_messages(self._cloud, count, self.after, **values)

    def more(self, count):
        """Waits until so many reports more are stored, and returns the numbers of all."""
        return [_number(message) for message in self.stored(len(self.stored()) + count)]

    def numbers(self, count=0):
        """The numbers of the reports stored, in order of arrival, each time that one came."""
        return [_number(message) for message in self.stored(count)]

    def count(self, what="requests"):
        """How many "requests", those "answered" or "connections" there were."""
        return self._twin.http()[self._cloud][what] - self._before[what]

    def beside_stored(self):
        """How many requests were answered without a report being stored."""
        return self._between_answers(lambda: self.count("answered") - len(self.stored()))


def counts(numbers, first=0):
    """Are these the numbers from `first` on, none missing and none twice?"""
    return numbers == list(range(first, first + len(numbers)))


def none_missing(numbers):
    """Are all numbers up to the last there, some perhaps twice?"""
    return sorted(set(numbers)) == list(range(max(numbers) + 1))


def seconds(line):
    """How long the board waits, as a line of its log says."""
    return int(re.findall(r"(\d+) s\b", line)[-1])
