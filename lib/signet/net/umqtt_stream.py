"""How does a channel become the socket that umqtt expects?

`Stream` puts a deadline on every wait of a channel (stream.py, secure.py) and speaks umqtt's
dialect: `read`, `write`, `setblocking`, `close`.  A file of its own: HTTP does without.
"""

from micropython import const

from signet.errors import Lost

_POLLIN = const(1)
_POLLOUT = const(4)


class Stream:
    """A channel in the dialect that umqtt expects of a socket; it never waits but in `wait`.

    Args:
        channel: TcpChannel or TlsChannel.
    """

    def __init__(self, channel):
        self._channel = channel
        self._rest = []  # what is to go, in order; the bytes are those of the caller
        self._held = None  # what a read that did not end has received: its buffer,
        self._got = 0  # and how much of it

    def setblocking(self, flag):
        """Does nothing."""

    def wait(self, deadline):
        """Waits until there is something to do, or the clock.Deadline has passed."""
        return self._channel.wait(_POLLOUT if self._rest else _POLLIN, deadline)

    @property
    def busy(self):
        """bool, there is something to do that no poll object shows."""
        return self._channel.busy

    @property
    def sent(self):
        """bool, nothing waits to be sent."""
        return not self._rest

    def readable(self):
        return self._channel.readable(bool(self._rest))

    def read(self, size):
        """Reads exactly `size` bytes: bytearray, or None when not all has come yet.

        Raises:
            Lost: the peer closed the connection, or it failed.
            MemoryError: nothing was read; a smaller `size` may do.
        """
        data = self._held
        if data is None or len(data) != size:
            data = bytearray(size)
            if self._got > size:  # less is wanted than before the pause
                data[:] = self._held[:size]
                self._held = self._held[size : self._got]
                self._got -= size
                return data
            if self._got:
                data[: self._got] = self._held[: self._got]
            self._held = data
        view = memoryview(data)
        while self._got < size:
            count = self._channel.readinto(view[self._got :])
            if count:
                self._got += count
                continue
            if count == 0:
                raise Lost("closed by the peer")
            return None
        self._held = None
        self._got = 0
        return data

    def write(self, data, size=None):
        """Sends `data`, or its first `size` bytes, now or with a later `flush`."""
        view = memoryview(data)
        if size is not None:
            view = view[:size]
        self._rest.append(view)
        self.flush()

    def flush(self):
        """Sends what can go now; returns True when all has gone."""
        rest = self._rest
        while rest:
            count = self._channel.write(rest[0])
            if not count:
                return False
            if count == len(rest[0]):
                rest.pop(0)
            else:
                rest[0] = rest[0][count:]
        return True

    def close(self):
        """Closes the connection; harmless when it is closed already."""
        self._channel.close()
