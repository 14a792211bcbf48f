"""How does a channel become the socket that umqtt expects?

`Stream` puts a deadline on every wait of a channel (stream.py, secure.py) and speaks umqtt's
dialect: `read`, `write`, `setblocking`, `close`.  A file of its own: HTTP does without.
"""

from micropython import const

from signet import clock
from signet.errors import Lost, TimedOut

_POLLIN = const(1)
_POLLOUT = const(4)


class Stream:
    """A channel with a deadline on every wait, in the dialect that umqtt expects of a socket.

    Args:
        channel: TcpChannel or TlsChannel.
        timeout_ms: int, how long one read or write may take when no deadline is set.
    """

    def __init__(self, channel, timeout_ms=10_000):
        self._channel = channel
        self._timeout_ms = timeout_ms
        self._deadline = None
        self._blocking = True
        self._held = None  # what a read that did not end has received: its buffer,
        self._got = 0  # and how much of it

    def set_deadline(self, deadline):
        """Bounds all further waits by one clock.Deadline; None returns to the timeout per call."""
        self._deadline = deadline

    def setblocking(self, flag):
        """False: `read` returns None instead of waiting. Writes always wait for their deadline."""
        self._blocking = flag

    def _until(self):
        return self._deadline or clock.Deadline(self._timeout_ms)

    def wait(self, deadline):
        """Returns True once there is something to read, False when the clock.Deadline passed."""
        return self._channel.wait(_POLLIN, deadline) != 0

    def read(self, size):
        """Reads exactly `size` bytes.

        Args:
            size: int, 0 or more.
        Returns:
            bytearray; or None when not blocking and not all has come yet.
        Raises:
            TimedOut: the deadline passed; what had come is kept for the next read.
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
        deadline = None
        while self._got < size:
            count = self._channel.readinto(view[self._got :])
            if count:
                self._got += count
                continue
            if count == 0:
                raise Lost("closed by the peer")
            if not self._blocking:
                return None
            deadline = deadline or self._until()
            if not self._channel.wait(_POLLIN, deadline):
                raise TimedOut("nothing received in time")
        self._held = None
        self._got = 0
        return data

    def write(self, data, size=None):
        """Writes all of `data`, or its first `size` bytes.

        Args:
            data: bytes, bytearray or memoryview.
            size: int, or None for all.
        Raises:
            Lost: the peer did not take it in time, or the connection failed. The stream must
                then be closed, because a part may have been sent.
        """
        view = memoryview(data)
        if size is not None:
            view = view[:size]
        deadline = None
        while len(view):
            count = self._channel.write(view)
            if count:
                view = view[count:]
                continue
            deadline = deadline or self._until()
            if not self._channel.wait(_POLLOUT, deadline):
                raise Lost("the peer takes no data")

    def close(self):
        """Closes the connection; harmless when it is closed already."""
        self._channel.close()
