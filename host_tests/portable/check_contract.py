"""What lies below signet in a test of its contracts: a network and a clock, both made up.

    with check_contract.World(far.Broker) as world:      signet's sockets are those of this file
        world.trouble = ("reset", 4)                     after the 4th byte from the far side

Behind a socket is a far side of check_far.py, or a real server where `far` is its endpoint.  Time
moves when somebody waits, and by a millisecond with each call of a socket: what `poll(0)` waits
for shows, and a flood has an end.
"""

import errno
import gc
import select
import socket
import sys

import check
from signet import clock, modules

if not check.MICROPYTHON:
    gc.collect = lambda: None  # signet does it often; CPython's takes 1 ms and has no use

IN, OUT, ERR, HUP = 1, 4, 8, 16
# Calls of sockets in one step: of WebSocket up to 64 pings, each answered.
STEP_CALLS = 130
_ENDLESS = 4096  # of them, and it is taken for a loop that never ends
_PATIENCE_MS = 2000  # how long a real server may take to answer, of no made-up time
_JUNK = b"\xff\x00\xf0\x0fHTTP/1.1 400 Bad Request\r\n\r\n" * 4
_ADDRESS = ("192.0.2.7", 4711)
_RESET = 104

# What a far side may do from a moment of the opening on.
TROUBLES = ("silence", "end", "reset", "junk", "flood", "drip", "full")
OF_DATAGRAMS = ("silence", "junk", "flood", "foreign")


class Endless(Exception):  # noqa: N818
    """Ends a step that would not."""


class World:
    """Stands in for `socket`, `select` and the clock of signet.

    Args:
        far: makes the far side of a connection; or a dict, the endpoint of a real server.
    Attributes:
        trouble: (kind, after how many bytes or datagrams), None for none.
        connects: "soon", "refused" or "never".
        failing: at which call of a socket memory is out, counted down; 0 for never.
        idle: bool, a real server has nothing more to say.
        flood: bytes, what a real server floods with.
        fars, sockets: list of the far sides so far, and of the sockets that are open.
        heard: int, bytes or datagrams that came from them.
        calls, waited: int, calls of sockets and ms waited for since `measure`.
    """

    SOCK_STREAM, SOCK_DGRAM = socket.SOCK_STREAM, socket.SOCK_DGRAM
    AF_INET = socket.AF_INET

    def __init__(self, far):
        self.far = far
        self.is_real = isinstance(far, dict)
        self.trouble, self.connects, self.failing = None, "soon", 0
        self.fars, self.sockets = [], []
        self.flood = b"\x15\3\3\0\2\1\x5a"  # alerts that say nothing, RFC 5246 section 7.2
        self.idle = False
        self.heard = 0
        self.calls = self.waited = self._now = 0

    def __enter__(self):
        from signet.net import datagram, stream

        self._real = clock.ticks_ms, clock.ticks_add, clock.ticks_diff, clock.sleep_ms
        self._modules = (stream, datagram)
        for module in self._modules:
            module.socket = module.select = self
        clock.ticks_ms = self.now
        clock.ticks_add = lambda ticks, delta: ticks + delta
        clock.ticks_diff = lambda later, earlier: later - earlier
        clock.sleep_ms = self.sleep
        return self

    def __exit__(self, *error):
        for module in self._modules:
            module.socket, module.select = socket, select
        clock.ticks_ms, clock.ticks_add, clock.ticks_diff, clock.sleep_ms = self._real
        for sock in list(self.sockets):
            sock.close()

    # The clock

    def now(self):
        return self._now

    def sleep(self, ms):
        self.waited += ms
        self._now += ms

    def measure(self):
        self.calls = self.waited = 0
        return self._now

    def call(self):
        """Counts a call of a socket."""
        self.calls += 1
        self._now += 1
        if self.calls > _ENDLESS:
            raise Endless("a step of {} calls of sockets".format(self.calls))
        if self.failing:
            self.failing -= 1
            if not self.failing:
                raise MemoryError("allocating")

    # The modules

    def getaddrinfo(self, host, port, family, kind):
        self.call()
        return [(socket.AF_INET, kind, 0, "", _ADDRESS)]

    def socket(self, family, kind=socket.SOCK_STREAM):
        self.call()
        sock = (_Datagrams if kind == socket.SOCK_DGRAM else _Stream)(self)
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
        ready = self._ready(0 if self._world.idle else _PATIENCE_MS)
        self._world.sleep(1 if ready else ms)
        return ready

    def _ready(self, patience_ms):
        found = []
        for sock, wanted in self._wanted.items():
            events = sock.events(patience_ms) & (wanted | ERR | HUP)
            if events:
                found.append((sock, events))
        return found


class _Socket:
    """What both kinds share: the far side, and when its trouble begins."""

    def __init__(self, world):
        self._world = world
        self._came = []  # what the far side has sent
        self._kind, self._left = world.trouble or (None, 1 << 29)
        self._real = self._poll = None

    def _connect(self, kind):
        self.far = far = self._world.far
        if not self._world.is_real:
            self.far = far = far()
            self._world.fars.append(far)
            return
        self._real = real = socket.socket(socket.AF_INET, kind)
        self._to = socket.getaddrinfo(far["host"], far["port"], 0, kind)[0][-1]
        if kind == socket.SOCK_STREAM:
            real.connect(self._to)
        real.setblocking(False)
        self._poll = select.poll()
        self._poll.register(real, IN)

    def setblocking(self, flag):
        assert not flag

    def spoil(self, kind):
        """The trouble `kind` begins now."""
        self._kind, self._left = kind, 0

    def _troubled(self):
        return not self._left

    def _is_readable(self, patience_ms):
        if self._troubled() and self._kind != "drip":
            return self._kind not in ("silence", "full") and self._kind != "spent"
        if self._came or self._real is None:
            return bool(self._came)
        return bool(self._poll.poll(patience_ms))

    def close(self):
        if self in self._world.sockets:
            self._world.sockets.remove(self)
            if self._real is not None:
                self._real.close()


class _Stream(_Socket):
    _looks = 2  # until connected
    _at = 0  # of what junk and flood repeat
    _turn = False

    def setsockopt(self, *arguments):
        pass

    def connect(self, address):
        self._world.call()
        self._state = self._world.connects
        if self._state == "soon":
            self._connect(socket.SOCK_STREAM)
        raise OSError(errno.EINPROGRESS)

    def push(self, data):
        """The far side says something of its own accord."""
        if data:
            self._came.append(data)

    def events(self, patience_ms):
        if self._state == "refused":
            return OUT | ERR | HUP
        if self._looks and self._state == "soon":
            self._looks -= 1
        if self._looks:
            return 0
        events = IN if self._is_readable(patience_ms) else 0
        return events if self._troubled() and self._kind == "full" else events | OUT

    def readinto(self, buffer):
        self._world.call()
        if self._state == "refused":
            self._state = "closed"
            raise OSError(errno.ECONNREFUSED)
        if self._looks:
            return None
        if not self._troubled():
            limit = min(len(buffer), self._left)
            count = self._true(memoryview(buffer)[:limit])
            if count:
                self._world.heard += count
                self._left -= count
            return count
        kind = self._kind
        if kind == "drip":
            self._turn = not self._turn
            return self._true(memoryview(buffer)[:1]) if self._turn else None
        if kind == "end":
            return 0
        if kind == "reset":
            raise OSError(_RESET)
        if kind == "junk":
            return self._repeat(buffer, _JUNK, len(_JUNK))
        return self._repeat(buffer, self._flood, 0) if kind == "flood" else None

    @property
    def _flood(self):
        return getattr(self.far, "flood", None) or self._world.flood

    def _repeat(self, buffer, pattern, limit):
        """What comes again and again; `limit`: or once."""
        for place in range(len(buffer)):
            if limit and self._at == limit:
                self._kind = "spent"
                return place or None
            buffer[place] = pattern[self._at % len(pattern)]
            self._at += 1
        return len(buffer)

    def _true(self, buffer):
        if self._real is not None:
            return _now(getattr(self._real, "readinto", None) or self._real.recv_into, buffer)
        if not self._came:
            return None
        data = self._came.pop(0)
        count = min(len(data), len(buffer))
        buffer[:count] = data[:count]
        if count < len(data):
            self._came.insert(0, data[count:])
        return count

    def write(self, data):
        self._world.call()
        if self._looks or (self._troubled() and self._kind == "full"):
            return None
        if self._troubled() and self._kind == "reset":
            raise OSError(_RESET)
        if self._real is not None:
            return _now(getattr(self._real, "write", None) or self._real.send, data)
        self.push(self.far.received(bytes(data)))
        return len(data)


def _now(function, argument):
    """Calls a real socket; None where CPython says so with an error."""
    try:
        return function(argument)
    except OSError as error:
        if error.args[0] == errno.EAGAIN:
            return None
        raise


class _Datagrams(_Socket):
    def events(self, patience_ms):
        return OUT | (IN if self._is_readable(patience_ms) else 0)

    def sendto(self, datagram, address):
        self._world.call()
        if not hasattr(self, "far"):
            self._connect(socket.SOCK_DGRAM)
        if self._real is not None:
            self._real.sendto(datagram, self._to)
        else:
            self._came += self.far.received(bytes(datagram))

    def recvfrom(self, size):
        self._world.call()
        if self._troubled():
            if self._kind == "junk":
                self._kind = "spent"
            return _JUNK[:64], ("192.0.2.8", 1) if self._kind == "foreign" else _ADDRESS
        self._world.heard += 1
        self._left -= 1
        datagram = self._real.recvfrom(size)[0] if self._real is not None else self._came.pop(0)
        return datagram[:size], _ADDRESS


# Memory


def starved(blocks, function, *arguments):
    """Calls `function` while the heap has so many free blocks.

    Whatever needs more than them and what is garbage by then is a MemoryError.
    """
    gc.collect()
    spare = [bytearray(blocks * 8 * (2 + 2 * (sys.maxsize > 1 << 32)))]
    hoard = _hoard()
    spare[0] = None
    gc.collect()
    try:
        return function(*arguments)
    finally:
        hoard = None  # noqa: F841  it is what the heap was full of
        gc.collect()


def _hoard():
    chain, size = (), 8192
    while size > 16:
        try:
            chain = (chain, bytearray(size))
        except MemoryError:
            size >>= 1
    try:
        while True:
            chain = (chain,)  # one block
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
