"""How does a modem of check_modem.py become the board's, with time of its own?"""

import select
import sys

from check_sockets import JUNK


class Line:
    """The UART of a modem in a world of check_contract.py, whose trouble begins on it.

    After so many bytes: "end" and "reset": it is gone; "drip": a byte at each second look;
    "narrow": it takes 7 bytes at each second write; "full": it takes none; else see OF_DATAGRAMS.
    """

    def __init__(self, modem, world):
        self._modem, self._world = modem, world
        self._kind, self._left = world.trouble or (None, 1 << 29)
        self._turn = False

    def uart(self, settings):
        return self

    def _now(self):
        return None if self._left else self._kind

    def any(self):
        self._world.call()
        kind = self._now()
        if kind in ("end", "reset"):
            raise OSError(5)
        if kind == "silence":
            return 0
        if kind == "junk":
            self._kind = None
            self._modem.out = JUNK + self._modem.out
        if kind == "flood" and len(self._modem.out) < 256:
            self._modem.out += b"\r\n+CSCON: 1\r\n" * 16
        if kind == "drip":
            self._turn = not self._turn
        return 0 if kind == "drip" and self._turn else len(self._modem.out)

    def read(self, count):
        self._world.call()
        count = 1 if self._now() == "drip" else min(count, self._left or count)
        data, self._modem.out = self._modem.out[:count], self._modem.out[count:]
        if not self._now():
            self._world.heard += len(data)
            self._left -= len(data)
        return data or None

    def write(self, data):
        self._world.call()
        kind = self._now()
        if kind in ("end", "reset"):
            raise OSError(5)
        if kind == "narrow":
            self._turn = not self._turn
        if kind == "full" or (kind == "narrow" and self._turn):
            return None
        data = data[:7] if kind == "narrow" else data
        self._modem.write(data)
        return len(data)

    def events(self, patience_ms):
        return 1 if self._modem.out or self._now() == "flood" else 0


def connect(modem, world):
    """The board's modem is this one, in a world of check_contract.py."""
    if world.connects == "unknown":
        modem.trouble = "unknown"
    use(Line(modem, world), world)


def use(board, below):
    """The board is this one; below: what is in the place of `select`."""
    from signet.net.modem import channel

    sys.modules["board"] = board
    channel.modem = None
    channel.select = below


def disconnect():
    """Ends that."""
    from signet.net.modem import channel

    sys.modules.pop("board", None)
    channel.modem = None
    channel.select = select


class World:
    """The board's modem is this one, with a clock of its own; a context manager."""

    def __init__(self, modem):
        self.modem = modem
        self._now = 0

    def __enter__(self):
        from signet import clock

        use(self.modem, self)
        self._real = clock.ticks_ms, clock.ticks_add, clock.ticks_diff, clock.sleep_ms
        clock.ticks_ms, clock.ticks_add = self.now, self.add
        clock.ticks_diff, clock.sleep_ms = self.diff, self.sleep
        return self

    def __exit__(self, *error):
        from signet import clock

        clock.ticks_ms, clock.ticks_add, clock.ticks_diff, clock.sleep_ms = self._real
        disconnect()

    def now(self):
        return self._now

    def add(self, ticks, ms):
        return ticks + ms

    def diff(self, later, earlier):
        return later - earlier

    def sleep(self, ms):
        self._now += ms

    # select

    def poll(self, ms=None):
        if ms is None:
            return self
        if not self.modem.out:
            self._now += ms
        return [(self.modem, 1)] if self.modem.out else []

    def register(self, uart, events):
        pass
