"""What does a socket do whose far side is made up, or a real server with a trouble between?

A trouble begins after so many bytes, or datagrams, from the far side:

    silence     nothing comes any more
    end, reset  FIN, RST
    junk        some bytes that no protocol here allows, then silence; or one such datagram
    flood       such bytes without end, see World.flood; or such datagrams
    drip        the far side's own bytes, one for each second look
    narrow      it takes 7 bytes at each second write, and answers as ever
    full        it takes no data
    foreign     datagrams without end, from another address
"""

import errno
import select
import socket

IN, OUT, ERR, HUP = 1, 4, 8, 16
JUNK = b"\xff\x00\xf0\x0fHTTP/1.1 400 Bad Request\r\n\r\n" * 4
ADDRESS = ("192.0.2.7", 4711)
_RESET = 104  # ECONNRESET

# What a far side may do from a moment of the opening on.
TROUBLES = ("silence", "end", "reset", "junk", "flood", "drip", "narrow", "full")
OF_DATAGRAMS = ("silence", "junk", "flood", "foreign")


def floods(far):
    """Returns with what a far side may flood; a real one with alerts that say nothing."""
    return [(b"", b"\x15\3\3\0\2\1\x5a")] if isinstance(far, dict) else far.floods


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
            far.refuses = self._world.refuses
            self._world.fars.append(far)
            return
        self._real = real = socket.socket(socket.AF_INET, kind)
        self._to = socket.getaddrinfo(far["host"], far["port"], 0, kind)[0][-1]
        if kind == socket.SOCK_STREAM:
            real.connect(self._to)
            real.setsockopt(6, 1, 1)  # TCP_NODELAY, or a handshake takes 40 ms more
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
        if self._troubled() and self._kind not in ("drip", "narrow"):
            return self._kind not in ("silence", "full", "spent")
        if self._came or self._real is None:
            return bool(self._came)
        return bool(self._poll.poll(patience_ms))

    def close(self):
        if self in self._world.sockets:
            self._world.sockets.remove(self)
            if self._real is not None:
                self._real.close()


class Stream(_Socket):
    _looks = 2  # until connected
    _at = 0  # of what junk and flood repeat
    _turn = False

    def setsockopt(self, *arguments):
        pass

    def connect(self, address):
        self._world.call()
        self._state = self._world.connects if address == ADDRESS else "never"
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
        if kind == "narrow":
            return self._true(buffer)
        if kind == "drip":
            self._turn = not self._turn
            return self._true(memoryview(buffer)[:1]) if self._turn else None
        if kind == "end":
            return 0
        if kind == "reset":
            raise OSError(_RESET)
        if kind == "junk":
            return self._repeat(buffer, b"", JUNK, len(JUNK))
        if kind != "flood":
            return None
        start, again = self._world.flood or floods(self.far)[0]
        return self._repeat(buffer, start, again, 0)

    def _repeat(self, buffer, start, again, limit):
        """What comes again and again, after a start; at most `limit` bytes, 0 for no end."""
        for place in range(len(buffer)):
            if limit and self._at == limit:
                self._kind = "spent"
                return place or None
            at = self._at - len(start)
            buffer[place] = start[at] if at < 0 else again[at % len(again)]
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
        if self._troubled() and self._kind == "narrow":
            self._turn = not self._turn
            if not self._turn:
                return None
            data = data[:7]
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


class Datagrams(_Socket):
    def events(self, patience_ms):
        return OUT | (IN if self._is_readable(patience_ms) else 0)

    def sendto(self, datagram, address):
        self._world.call()
        if address != ADDRESS:
            return
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
            return JUNK[:64], ("192.0.2.8", 1) if self._kind == "foreign" else ADDRESS
        self._world.heard += 1
        self._left -= 1
        datagram = self._real.recvfrom(size)[0] if self._real is not None else self._came.pop(0)
        return datagram[:size], ADDRESS
