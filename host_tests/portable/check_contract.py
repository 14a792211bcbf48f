"""What lies below signet in a test of its contracts: a network and a clock, both made up.

    with check_contract.World(far.Broker) as world:      signet's sockets are those of this file
        world.trouble = ("reset", 4)                     after the 4th byte from the far side

Behind a socket is a far side of check_far.py, or a real server where `far` is its endpoint.  Time
moves when somebody waits, and a little with each call of a socket: what `poll(0)` waits for shows,
and a flood has an end.
"""

import gc
import select
import socket
import sys
import time

import check
from check_sockets import ADDRESS, ERR, HUP, Datagrams, Stream


class _Below:
    """A module of MicroPython, or the world in its place: linked, signet's own cannot be set."""

    world = None

    def __init__(self, real):
        self._real = real

    def __getattr__(self, name):
        world = _Below.world
        return getattr(world if hasattr(world, name) else self._real, name)


class _Time(_Below):
    """Its functions, which signet takes as it is loaded."""

    def ticks_ms(self):
        return (_Below.world or self._real).ticks_ms()

    def ticks_add(self, ticks, delta):
        return (_Below.world or self._real).ticks_add(ticks, delta)

    def ticks_diff(self, later, earlier):
        return (_Below.world or self._real).ticks_diff(later, earlier)

    def sleep_ms(self, ms):
        (_Below.world or self._real).sleep_ms(ms)


if check.way():
    sys.modules["socket"], sys.modules["select"] = _Below(socket), _Below(select)
    sys.modules["time"] = _Time(time)

from signet import clock, modules  # noqa: E402

if not check.MICROPYTHON:
    gc.collect = lambda: None  # signet does it often; CPython's takes 1 ms and has no use

_STEP_CALLS = 20  # of sockets, in one step
_OF_WEBSOCKET = 130  # up to 64 pings, each answered
_ENDLESS = 4096  # of them, and it is taken for a loop that never ends
_PATIENCE_MS = 2000  # how long a real server may take to answer, of no made-up time


class Endless(Exception):  # noqa: N818
    """Ends a step that would not."""


class World:
    """Stands in for `socket`, `select` and the clock of signet.

    Args:
        far: makes the far side of a connection; or a dict, the endpoint of a real server.
        is_websocket: bool, it is spoken to in WebSocket.
    Attributes:
        trouble: (kind, after how many bytes or datagrams), None for none.
        connects: "soon", "refused", "never"; or "unknown", no name server knows the name.
        addresses: list, of the one name; only ADDRESS is ever connected, or hears anything.
        failing: at which call of a socket memory is out, counted down; 0 for never.
        call_ms: int, how long a call of a socket takes; what is read of a flood takes real time.
        step_calls: int, how many calls of sockets one step may take.
        idle: bool, a real server has nothing more to say.
        flood: (bytes that come once, bytes that come again and again), None for the far side's.
        refuses: "identity" or "now", what the far side says no to; None for nothing.
        feeds: int, how often the watchdog was fed.
        unfed: int, ms, the longest that no watchdog was fed since `measure`.
        fars, sockets: list of the far sides so far, and of the sockets that are open.
        heard: int, bytes or datagrams that came from them.
        calls, waited: int, calls of sockets and ms waited for since `measure`.
    """

    SOCK_STREAM, SOCK_DGRAM = socket.SOCK_STREAM, socket.SOCK_DGRAM
    AF_INET = socket.AF_INET

    def __init__(self, far, is_websocket=False):
        self.far = far
        self.step_calls = _OF_WEBSOCKET if is_websocket else _STEP_CALLS
        self.call_ms = 1
        self.is_real = isinstance(far, dict)
        self.trouble, self.connects, self.failing = None, "soon", 0
        self.addresses = [ADDRESS]
        self.fars, self.sockets = [], []
        self.flood = self.refuses = None
        self.idle = False
        self.heard = self.feeds = self.unfed = self._fed = 0
        self.calls = self.waited = self._now = 0
        self._modules, self._real = (), None

    def __enter__(self):
        clock.while_waiting = self._feed
        if check.way():
            _Below.world = self
            return self
        self._real = clock.ticks_ms, clock.ticks_add, clock.ticks_diff, clock.sleep_ms
        names = ["signet.net.{}".format(name) for name in ("stream", "datagram")]
        self._modules = [__import__(name, None, None, ("*",)) for name in names]
        for module in self._modules:
            module.socket = module.select = self
        clock.ticks_ms, clock.ticks_add = self.now, self.ticks_add
        clock.ticks_diff, clock.sleep_ms = self.ticks_diff, self.sleep
        return self

    def __exit__(self, *error):
        _Below.world = None
        for module in self._modules:
            module.socket, module.select = socket, select
        if self._real:
            clock.ticks_ms, clock.ticks_add, clock.ticks_diff, clock.sleep_ms = self._real
        clock.while_waiting = None
        for sock in list(self.sockets):
            sock.close()

    # The clock

    def now(self):
        return self._now

    ticks_ms = now

    def ticks_add(self, ticks, delta):
        return ticks + delta

    def ticks_diff(self, later, earlier):
        return later - earlier

    def sleep(self, ms):
        self.waited += ms
        self._pass(ms)

    sleep_ms = sleep

    def _pass(self, ms):
        self._now += ms
        self.unfed = max(self.unfed, self._now - self._fed)

    def _feed(self):
        self.feeds += 1
        self._fed = self._now

    def step(self, name, function, *arguments):
        """Calls what must not wait, and may take one step; name: str, whose."""
        self.measure()
        result = function(*arguments)
        assert not self.waited, "{}: waited {} ms".format(name, self.waited)
        assert self.calls <= self.step_calls, "{}: {} calls".format(name, self.calls)
        return result

    def measure(self):
        self.calls = self.waited = self.unfed = 0
        self._fed = self._now
        return self._now

    def call(self):
        """Counts a call of a socket."""
        self.calls += 1
        self._pass(self.call_ms)
        if self.calls > _ENDLESS:
            raise Endless("a step of {} calls of sockets".format(self.calls))
        if self.failing:
            self.failing -= 1
            if not self.failing:
                raise MemoryError("allocating")

    # The modules

    def getaddrinfo(self, host, port, family, kind):
        self.call()
        if self.connects == "unknown":
            raise OSError(-2)
        return [
            (socket.AF_INET6 if ":" in address[0] else socket.AF_INET, kind, 0, "", address)
            for address in self.addresses
        ]

    def socket(self, family, kind=socket.SOCK_STREAM):
        self.call()
        sock = (Datagrams if kind == socket.SOCK_DGRAM else Stream)(self)
        self.sockets.append(sock)
        return sock

    def poll(self):
        return _Poll(self)


class _Poll:
    def __init__(self, world):
        self._world = world
        self._wanted = {}

    def register(self, sock, events):
        self._wanted[sock] = events

    modify = register

    def unregister(self, sock):
        self._wanted.pop(sock, None)  # as MicroPython: no KeyError

    def poll(self, ms):
        assert ms >= 0, "waits for ever"
        self._world.call()
        ready = self._ready(0)
        if ready or not ms:
            return ready
        ready = self._ready(0 if self._world.idle else min(2 * ms, _PATIENCE_MS))
        self._world.sleep(1 if ready else ms)
        return ready

    def _ready(self, patience_ms):
        found = []
        for sock, wanted in self._wanted.items():
            events = sock.events(patience_ms) & (wanted | ERR | HUP)
            if events:
                found.append((sock, events))
        return found


# Memory


def starved(blocks, function, *arguments):
    """Calls `function` while the heap has so many free blocks, or fewer where it is in pieces.

    Whatever needs more than them and what is garbage by then is a MemoryError.
    """
    gc.collect()
    spare = None
    while spare is None:
        try:
            spare = [bytearray(blocks * 8 * (2 + 2 * (sys.maxsize > 1 << 32)))]
        except MemoryError:
            blocks //= 2
    hoard = _hoard()
    spare[0] = None
    gc.collect()
    try:
        return function(*arguments)
    finally:
        while hoard:  # link by link: the collector takes any word on the stack for a reference
            link, hoard = hoard, hoard[0]
            link.clear()
        gc.collect()


def _hoard():
    chain, size = [], 8192
    while size > 16:
        try:
            chain = [chain, bytearray(size)]
        except MemoryError:
            size >>= 1
    try:
        while True:
            chain = [chain]
    except MemoryError:
        return chain


def places(count, most):
    """Returns about `most` places of `count`, spread over them; as deep as this run digs."""
    return range(0, count, 1 + count // check.scaled(most))


def forget():
    """The heap of a board does not hold every way in at once."""
    if check.MICROPYTHON:
        names = [name for name in sys.modules if name.count(".") > 1]
        modules.forget(*[name for name in names if name.startswith("signet.")])
