"""What stands in for clock, network and random numbers where a session is fuzzed?"""

import os

from signet import clock, modules

YEAR_2026_MS = 1_767_225_600_000


class Time:
    """The clock: it stands still unless it is moved, by `pass_ms` or by a wait."""

    def __init__(self):
        self._ticks, self._since_ms = clock.ticks_ms(), 0
        clock.ticks_ms = lambda: self._ticks
        clock.unix_ms = lambda: YEAR_2026_MS + self._since_ms
        clock.is_set = lambda: True
        clock.sleep_ms = self.pass_ms

    def pass_ms(self, ms):
        self._ticks = clock.ticks_add(self._ticks, ms)
        self._since_ms += ms


class _Untidy:
    """In place of modules.Tidy."""

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass


def _call(name, function, *arguments):
    return getattr(__import__(name, None, None, ("*",)), function)(*arguments)


def keep_modules():
    """What is loaded stays, or each login would load its code again; call it first of all."""
    modules.forget = lambda *names: None
    modules.Tidy = _Untidy
    modules.call = _call


class Os:
    """The module `os`, with random bytes that a seed decides."""

    def __init__(self, random):
        self.urandom = random.bytes

    def __getattr__(self, name):
        return getattr(os, name)


class Channel:
    """A channel of either kind that is open at once, and does not always take all.

    Args:
        peer: of clouds.py. time: Time. random: mutate.Random.
    """

    busy = False
    ignored = 0
    largest = 384
    most = 1152
    address = "192.0.2.1"

    def __init__(self, peer, time, random):
        self.peer, self._time, self._random = peer, time, random
        self.waiting = []  # messages
        self.is_closed = self.is_ended = False
        peer.begin()

    def opened(self):
        return True

    def wait(self, *arguments):
        """(events, deadline), or (milliseconds): without anything to read it takes its time."""
        if not self.waiting and not self.is_ended:
            last = arguments[-1]
            self._time.pass_ms(last if isinstance(last, int) else last.remaining_ms())
        return arguments[0]

    def close(self):
        self.is_closed = True

    def write(self, data):
        assert not self.is_closed, "written after close"
        chance = self._random.below(32)
        if not chance:
            return None
        size = 1 + self._random.below(len(data)) if chance < 3 else len(data)
        self.peer.sent(bytes(data[:size]))
        return size

    def readinto(self, buffer):
        assert not self.is_closed, "read after close"
        if not self.waiting:
            return 0 if self.is_ended else None
        data = self.waiting[0]
        size = min(len(buffer), len(data), 1 + self._random.below(200))
        buffer[:size] = data[:size]
        self.waiting[:1] = [data[size:]] if len(data) > size else []
        return size

    def send(self, datagram, replies=None):
        assert not self.is_closed, "sent after close"
        if not self._random.below(32):
            return False
        self.peer.sent(bytes(datagram))
        return True

    def receive(self):
        assert not self.is_closed, "read after close"
        return self.waiting.pop(0) if self.waiting else None
