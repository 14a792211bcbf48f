"""Which clients, files and channels do the tests of client/http.py share?"""

import check
from signet.client.http import HttpClient
from signet.net.stream import TcpChannel


class Client(HttpClient):
    def ask(self, *args, **kwargs):
        """Takes a request and waits for its reply, whatever its status: see `request`, `poll`."""
        self.request(*args, **kwargs)
        reply = None
        while reply is None:
            reply = self.poll(60_000)
        return reply


def connected(name, timeout_ms=5000):
    """Returns a Client of the server `name`, over TCP."""
    end = check.server(name)
    return Client(
        lambda deadline: TcpChannel(end["host"], end["port"], deadline), "iot.test", timeout_ms
    )


def sent(body):
    """Returns what a client writes for a request with this body, a list of bytes."""
    channel = Scripted()
    client = HttpClient(lambda deadline: channel, "iot.test")
    client.request("/", (), body)
    while client.state != "receiving":
        assert client.poll(0) is None
    return channel.written


class File:
    """A file of `size` bytes that no disk holds; each 1024 bytes are the same."""

    def __init__(self, size):
        self.size = size
        self.at = size  # somewhere else than at its start
        self.pattern = memoryview(bytes(range(256)) * 4)

    def seek(self, offset, whence=0):
        self.at = offset + (self.size if whence == 2 else 0)
        return self.at

    def readinto(self, buffer):
        size = min(len(buffer), self.size - self.at, 1024 - self.at % 1024)
        buffer[:size] = self.pattern[self.at % 1024 : self.at % 1024 + size]
        self.at += size
        return size


class Scripted:
    """A channel that takes all and gives the pieces `replies`, with a None after each."""

    busy = False

    def __init__(self, replies=()):
        self.replies = list(replies)
        self.written = []

    def readinto(self, buffer):
        if not self.replies:
            return None
        piece = self.replies[0][: len(buffer)]
        if not piece:
            self.replies.pop(0)
            return None
        self.replies[0] = self.replies[0][len(piece) :]
        buffer[: len(piece)] = piece
        return len(piece)

    def write(self, data):
        self.written.append(bytes(data))
        return len(data)

    def wait(self, events, deadline):
        return 0

    def close(self):
        pass


class Poor:
    """A channel that runs out of memory in the n-th call of it."""

    busy = False

    def __init__(self, channel, calls):
        self.channel = channel
        self.left = calls
        self.closed = False

    def _count(self):
        self.left -= 1
        if self.left < 0:
            raise MemoryError

    def readinto(self, buffer):
        self._count()
        return self.channel.readinto(buffer)

    def write(self, buffer):
        self._count()
        return self.channel.write(buffer[:40])

    def wait(self, events, deadline):
        self._count()
        return self.channel.wait(events, deadline)

    def close(self):
        self.closed = True
        self.channel.close()
