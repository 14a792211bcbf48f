"""Can anything that a peer sends get more out of a session than its events?  Runs everywhere.

`fuzz_sessions COUNT SEED WAY FOLDER` lets a peer send COUNT messages, most of them damaged, to the
session of a WAY of `clouds.py`: while it opens, idles, and reports, over a channel without a
network, with a clock that no call may move; now and then the session must still open and hand a
report over. Out of `poll` come the events of cloud/session.py and nothing else, each key ends
once, and a session is closed after "lost". FOLDER is where device.json goes.

fuzzing.py says how it runs and what it prints.
"""

import sys

import clouds
import fuzzing
from mutate import Random, mutated
from signet import clock
from signet.errors import ProtocolError, Rejected, SignetError, Throttled, TimedOut
from stand_ins import Channel, Os, Time, keep_modules

OPEN_MS = 30_000
POLLS = 300  # after one message
ROUNDS = 200  # of a conversation as it should be
_MOST = 16  # reports that wait, or their number would grow
_SIZES = {"opened": 1, "alive": 1, "acked": 3, "failed": 3, "command": 2, "lost": 3}
_REPORTS = (Rejected, Throttled, ProtocolError, TimedOut)


class Fuzz:
    """A session, and a peer that mistreats it.

    Args:
        random: mutate.Random. way: of clouds.WAYS. folder: str.
    """

    def __init__(self, random, way, folder):
        self.random = random
        self.time = Time()
        self.peer = clouds.WAYS[way](random)
        self.channel = None
        self.is_begun = self.is_open = False
        self.flying = {}  # key: Report
        self.key = 0
        self.found = fuzzing.Found(("event", "nothing", "lost"))
        self.session = clouds.session(self.peer, folder, Os(random), self.connect)

    def connect(self, *arguments):
        """In place of what opens a channel, of either kind."""
        self.channel = Channel(self.peer, self.time, self.random)
        return self.channel

    def step(self):
        """Lets time pass, opens and reports, and sends one message."""
        random = self.random
        self.time.pass_ms(random.below(40))
        if not random.below(64):
            self.time.pass_ms(random.below(8000))
        if not random.below(256):
            self.time.pass_ms(random.below(16_384) * 64)
        kind, data = self.peer.message()
        if not random.below(6):
            data = mutated(random, bytearray(data), bytearray(self.peer.message()[1]), 2, 4000)
        try:
            if not self.is_begun:
                self._begin()
                if random.below(4):
                    self._converse(lambda: self.is_open)
            if self.is_open and random.below(2) and len(self.flying) < _MOST:
                self._report()
            self.found.state(kind if self.is_open else "opening")
            self.found.count(self._feed(data) if self.is_begun else "lost")
        except Exception as error:
            self.found.note(error, data)
            self._close()

    @staticmethod
    def _at_once(call, *arguments):
        before = clock.ticks_ms()
        result = call(*arguments)
        assert clock.ticks_ms() == before, "it waits"
        return result

    def _begin(self):
        self.is_begun = True
        try:
            self._at_once(self.session.begin, clock.Deadline(OPEN_MS))
        except SignetError:
            self.is_begun = False

    def _close(self):
        self.session.close()
        self.is_begun = self.is_open = False

    def _report(self):
        self.key += 1
        self._submit(self.key, self.peer.report())

    def _submit(self, key, report):
        """Returns whether the session took it."""
        try:
            taken = self._at_once(self.session.submit, key, report, False)
        except Rejected:
            self.flying.pop(key, None)
            return False
        if taken:
            self.flying[key] = report
        return taken

    def _feed(self, data):
        """Hands a message over; returns what came of it."""
        channel = self.channel
        if channel is not None and not channel.is_closed:
            channel.waiting.append(data)
            channel.is_ended = not self.random.below(64)
        return self._poll()

    def _poll(self):
        outcome = "nothing"
        quiet = 0
        for _ in range(POLLS):
            channel = self.channel
            before = channel and sum([len(each) for each in channel.waiting])
            event = self._at_once(self.session.poll, 0)
            if event is not None:
                outcome = self._heard(event)
            if outcome == "lost":
                return outcome
            after = channel and sum([len(each) for each in channel.waiting])
            quiet = 0 if event or before != after or self.session.busy else quiet + 1
            if quiet == 2:
                return outcome
        raise AssertionError("it never ends")

    def _heard(self, event):
        """Holds an event to the contract; returns "event" or "lost"."""
        kind = event[0]
        assert len(event) == _SIZES[kind], "not the form of an event"
        assert self.is_begun, "an event of a session that is closed"
        assert self.is_open or kind in ("opened", "lost"), "an event before it is open"
        told = kind
        if kind == "opened":
            assert not self.is_open, "opened twice"
            self.is_open = True
            for key in sorted(self.flying):
                self._submit(key, self.flying[key])
        elif kind == "acked":
            assert self.flying.pop(event[1], None), "acknowledged, and not in flight"
            assert event[2] is None or isinstance(event[2], str), "no message id"
        elif kind == "failed":
            assert self.flying.pop(event[1], None), "failed, and not in flight"
            assert isinstance(event[2], _REPORTS), "failed by what is no report's"
            told = type(event[2]).__name__
        elif kind == "command":
            self._obey(event[1])
        elif kind == "lost":
            assert all(key in self.flying for key in event[2]), "on the wire, and not in flight"
            assert isinstance(event[1], SignetError), "lost by {!r}".format(event[1])
            assert self.channel is None or self.channel.is_closed, "lost, and not closed"
            self.is_begun = self.is_open = False
            told = "lost: " + type(event[1]).__name__
        self.found.event(told)
        return "lost" if kind == "lost" else "event"

    def _obey(self, command):
        answers = ({"led": 1}, None, ValueError("no such lamp"))
        try:
            answer = self._at_once(self.session.answer, command, self.random.pick(answers))
            assert answer is None or answer.topic, "an answer to nobody"
        except Rejected:
            pass

    def _converse(self, enough):
        """Lets the peer answer as it should, until it is enough."""
        for _ in range(ROUNDS):
            if enough() or not self.is_begun:
                break
            answer = self.peer.answer()
            if answer is None:
                self.time.pass_ms(200)
            elif not self.channel.is_closed:
                self.channel.waiting.append(answer)
            self._poll()

    def clean(self):
        """Opens anew and reports to a peer that answers as it should; the report must arrive."""
        try:
            self._close()
            self._begin()
            self._converse(lambda: self.is_open)
            assert self.is_open, "it does not open"
            self._converse(lambda: not self.flying)
            self.key += 1
            key, report = self.key, self.peer.report()
            self._converse(lambda: self._submit(key, report))
            assert key in self.flying, "the report was not taken"
            self._converse(lambda: key not in self.flying)
            assert self.is_open, "the connection was lost"
            assert key not in self.flying, "the report was not stored"
            self.found.count("clean")
        except Exception as error:
            self.found.note(error, b"")
            self._close()


if __name__ == "__main__":
    keep_modules()
    fuzzing.run(Fuzz(Random(int(sys.argv[2])), *sys.argv[3:5]), int(sys.argv[1]))
