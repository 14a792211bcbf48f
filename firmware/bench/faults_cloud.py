"""Which cloud do the reports of faults_store.py go to?  One that outlives every power cut.

It keeps what it is given, refuses one report in 13, loses one acknowledgement in 7, and is away
when it is told to be.
"""

from signet.cloud import session
from signet.errors import Lost, Rejected
from signet.reports.messages import Report


class Cloud:
    """Keeps what it was given, whatever the board does."""

    def __init__(self, sabotage):
        self.up = True
        self.stored = []  # [n, message id, check]
        self.commands = []  # that wait to be heard
        self.obeyed = []
        self.lost_acks = set()
        self._sabotage = sabotage

    def take(self, report):
        values = report.values
        n = values["n"]
        if n == 3 and self._sabotage == "forgets":
            return n
        check = values["check"] + (n == 3 and self._sabotage == "invents")
        self.stored.append([n, report.id, check])
        return n


class Session(session.Session):
    """Talks to a Cloud without a wire; what it submits arrives at once."""

    window = 4

    def __init__(self, cloud, life):
        self._cloud, self._life = cloud, life
        self._flight = []  # (key, event)
        self._is_open = False
        self._is_new = self._is_told = False

    def begin(self, deadline):
        self._life.check()
        self._is_new = True

    def poll(self, timeout_ms):
        self._life.check()
        if not self._cloud.up:
            keys = [key for key, _ in self._flight]
            self.close()
            return ("lost", Lost("the cloud is away"), keys)
        if self._is_new:
            self._is_new, self._is_open = False, True
            return ("opened",)
        if self._flight:
            key, event = self._flight.pop(0)
            if event is None:  # the acknowledgement is lost, and the connection with it
                keys = [key] + [key for key, _ in self._flight]
                self.close()
                return ("lost", Lost("reset"), keys)
            return event
        if self._cloud.commands and not self._is_told:
            self._is_told = True  # a cloud says it again when it is asked again
            return ("command", self._cloud.commands[0])
        self._life.pass_ms(min(timeout_ms, 100))
        return None

    def submit(self, key, report, last):
        self._life.check()
        if not self._is_open or len(self._flight) >= self.window:
            return False
        if report.topic == "answer":
            del self._cloud.commands[:1]
            self._flight.append((key, ("acked", key, None)))
            return True
        if report.values["n"] % 13 == 5:
            self._flight.append((key, ("failed", key, Rejected("no"))))
            return True
        n = self._cloud.take(report)
        event = ("acked", key, str(report.id))
        if n % 7 == 4 and n not in self._cloud.lost_acks:
            self._cloud.lost_acks.add(n)
            event = None
        self._flight.append((key, event))
        return True

    def answer(self, command, result):
        return Report(b"done", topic="answer")

    def close(self):
        del self._flight[:]
        self._is_open = self._is_new = self._is_told = False
