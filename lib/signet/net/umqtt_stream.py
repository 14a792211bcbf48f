"""How does a channel become the socket that umqtt expects?

`Stream` speaks umqtt's dialect, `read`, `write`, `close`, and never waits: what does not go now is
kept in order and goes with a later `flush`.  A file of its own: HTTP does without.
"""

from micropython import const

from signet import clock
from signet.errors import Lost

_POLLIN = const(1)
_POLLOUT = const(4)
_READS = const(16)  # of one step


class Stream:
    """A channel that reads exactly as much as is asked for, and keeps what is still to be sent.

    Args:
        channel: see net.stream.
    Attributes:
        moved_at, heard_at: ticks of clock when a byte was last sent, and when one last came.
    """

    def __init__(self, channel):
        self._channel = channel
        self._rest = []  # what is to go, in order; the bytes are those of the caller
        self._error = None  # why a `write` failed, for the next `flush`
        self._held = None  # what a read that did not end has received: its buffer,
        self._at = 0  # and how much of it
        self._cut = False  # a step of it has been enough
        self.moved_at = self.heard_at = clock.ticks_ms()

    @property
    def busy(self):
        """bool, see net.stream."""
        return (self._cut and not self._rest) or self._channel.busy

    @property
    def sent(self):
        """bool, nothing waits to be sent."""
        return not self._rest

    def readable(self):
        """Returns the socket when only bytes to read are awaited, else None."""
        return self._channel.readable(bool(self._rest))

    def wait(self, deadline):
        """Waits until there is something to do, or the clock.Deadline has passed."""
        if self._cut and not self._rest:  # else nothing is read before that has gone
            clock.waited()
            return _POLLIN
        return self._channel.wait(_POLLOUT if self._rest else _POLLIN, deadline)

    def read(self, size):
        """Reads exactly `size` bytes: bytearray, or None when not all has come yet.

        Raises:
            Lost: the peer closed the connection, or it failed.
            MemoryError: nothing was read; a smaller `size` may do.
        """
        self._cut = False
        data = self._held
        if data is None or len(data) != size:
            data = bytearray(size)
            if self._at > size:  # less is wanted than before the pause
                data[:] = self._held[:size]
                self._held = self._held[size : self._at]
                self._at -= size
                return data
            if self._at:
                data[: self._at] = self._held[: self._at]
            self._held = data
        view = memoryview(data)
        for _ in range(_READS):
            if self._at == size:
                break
            count = self._channel.readinto(view[self._at :])
            if count == 0:
                raise Lost("closed by the peer")
            if not count:
                return None
            self._at += count
            self.heard_at = clock.ticks_ms()
        if self._at < size:  # a peer may send a byte a record
            self._cut = True
            return None
        self._held = None
        self._at = 0
        return data

    def write(self, data, size=None):
        """Sends `data`, or its first `size` bytes, now or with a later `flush`; keeps no copy.

        Args:
            data: bytes, bytearray or memoryview, which must not change until it has been sent.
            size: int, or None for all.
        """
        if not self._rest:
            self.moved_at = clock.ticks_ms()
        try:
            view = memoryview(data)
            self._rest.append(view if size is None else view[:size])
            self.flush()
        except Exception as error:  # of memory, too
            self._error = error

    def flush(self):
        """Sends what can go now; returns True when all has gone.

        Raises:
            Lost, and what the channel raises while it opens: the connection failed.
        """
        if self._error is not None:
            raise self._error
        rest = self._rest
        while rest:
            count = self._channel.write(rest[0])
            if not count:
                return False
            self.moved_at = clock.ticks_ms()
            if count == len(rest[0]):
                rest.pop(0)
            else:
                rest[0] = rest[0][count:]
        return True

    def close(self):
        """Closes the connection; harmless when it is closed already."""
        self._channel.close()
