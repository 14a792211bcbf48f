"""How do whole MQTT packets come and go over a channel that may stop after any byte?

Nothing waits.  What does not go now is kept in order.  A packet that comes is bounded in size and
in time: what is larger than the limit is read away, and in one that has begun a byte must come
within the timeout.
"""

from micropython import const

from signet import clock
from signet.errors import Lost
from signet.wire import mqtt as wire

_POLLIN = const(1)
_POLLOUT = const(4)
_ROOM = const(128)  # bytes: read at once, though no more than one packet is taken
_READS = const(16)  # of one step
_CONNACK = const(4)  # bytes


def _buffer(size):
    try:
        return bytearray(size)
    except MemoryError:  # then it is too large to keep, whatever the limit says
        return bytearray(min(size, _ROOM))


class Packets:
    """The packets of one connection.

    Args:
        channel: see net.stream; it belongs to this object from now on.
        max_packet_bytes: int; of a larger packet only so much is kept.
        timeout_ms: int, how long no byte of a packet may come once it has begun.
    Most methods are small: MicroPython takes a frame of more than 11 words, locals, stack, and 3
    for each `try`, from the heap at every call.

    Attributes:
        first_byte: int, type and flags of the packet that `next` returned.
        length: int, its whole remaining length; greater than what was kept when it is oversize.
        out: list of bytes, what is to go, in order; those of the caller.
        is_open: bool, CONNACK was taken, which alone may come first.
        moved_at, heard_at: ticks of clock when a byte was last sent, and when one last came.
    """

    def __init__(self, channel, max_packet_bytes, timeout_ms):
        self._channel = channel
        self._max_packet_bytes = max_packet_bytes
        self._timeout_ms = timeout_ms
        self.out = []
        self._error = None  # why a `write` failed, for the next `next`
        self._room = bytearray(_ROOM)
        self._at = self._end = 0  # of what has come into it and is not taken
        self._body = None  # of the packet whose header is whole,
        self._got = 0  # and how much of it has come
        self._cut = False  # a step has been enough, and there may be more
        self.is_open = False
        self.first_byte = self.length = 0
        self.moved_at = self.heard_at = clock.ticks_ms()

    @property
    def busy(self):
        """bool, see net.stream."""
        return (self._cut and not self.out) or self._channel.busy

    def readable(self):
        """Returns the socket when only bytes to read are awaited, else None."""
        return self._channel.readable(len(self.out) > 0)

    def wait(self, deadline):
        """Waits until there is something to do, or the clock.Deadline has passed."""
        if self._cut and not self.out:  # else nothing is read before that has gone
            clock.waited()
        else:
            self._channel.wait(_POLLOUT if self.out else _POLLIN, deadline)

    def write(self, packet):
        """Sends a packet (bytes) now, or with a later `next`, which also tells of errors."""
        if not self.out:
            self.moved_at = clock.ticks_ms()
        try:
            self.out.append(packet)
            self._flush()
        except Exception as error:  # of memory, too
            self._error = error

    def _flush(self):
        """Sends what can go now; returns True when all has gone."""
        if self._error is not None:
            raise self._error
        out = self.out
        while out:
            count = self._channel.write(out[0])
            if not count:
                return False
            if count == len(out[0]):
                out.pop(0)
            else:
                out[0] = memoryview(out[0])[count:]
            if out:
                self.moved_at = clock.ticks_ms()
        return True

    def next(self):
        """Returns the body of one packet, or its beginning when it is oversize; None for not yet.

        Nothing is read while something is to go.

        Raises:
            Lost: the connection ended, or stalled in the middle of a packet; and what the channel
                raises while it opens.
            ProtocolError: a header that a server may not send.
        """
        self._cut = False
        if (self.out or self._error) and not self._flush():
            return None
        for _ in range(_READS):
            body = None
            if self._body is None and self._end:
                body = self._take()
            if self._body is not None and self._got == self.length:
                body, self._body = self._body, None
            if body is not None:
                self._cut = self._end > 0
                return body
            count = self._read()
            if not count:
                self._nothing(count)
                return None
            self.heard_at = clock.ticks_ms()
            if self._body is None:
                self._end += count
            else:
                self._got += count
        self._cut = True  # a peer may send a byte a record
        return None

    def _take(self):
        """Takes a header once it is whole; returns the body where that has come, too."""
        room, begin, end = self._room, self._at, self._end
        length = shift = 0
        for at in range(begin + 1, end):
            byte = room[at]
            length |= (byte & 127) << shift
            if byte < 128:
                self.first_byte, self.length = room[begin], length
                return self._take_body(at + 1, length)
            shift += 7
            if shift == 28 or not self.is_open:
                raise wire.malformed("a remaining length of too many bytes")
        if begin:
            room[: end - begin] = room[begin:end]
            self._at, self._end = 0, end - begin
        return None

    def _take_body(self, at, length):
        """Takes of the room what is there of the body, which begins there; returns a whole one."""
        wire.check_header(self.first_byte, length, self.is_open)
        room, end = self._room, min(self._end, at + length)
        if end == self._end:
            self._at = self._end = 0
        else:
            self._at = end
        if end - at == length <= self._max_packet_bytes:  # mostly so
            return room[at:end]
        self._got = end - at
        body = self._body = _buffer(min(length, self._max_packet_bytes))
        size = min(self._got, len(body))
        body[:size] = room[at : at + size]
        return None

    def _read(self):
        """Reads what may come now, and not a byte behind the packet that has begun."""
        body, room = self._body, self._room
        if body is None:
            if self._end or not self.is_open:
                # Of TCP with a reset behind it, more than CONNACK would be lost with it.
                room = memoryview(room)[self._end : _ROOM if self.is_open else _CONNACK]
        elif self._got < len(body):
            room = memoryview(body)[self._got :]
        else:  # it is read away
            room = memoryview(room)[: self.length - self._got]
        return self._channel.readinto(room)

    def _nothing(self, count):
        """Nothing has come, or, where `count` is 0, the end."""
        if count == 0:
            raise Lost("closed by the peer")
        if self._body is None and not self._end:
            return
        if clock.ticks_diff(clock.ticks_ms(), self.heard_at) > self._timeout_ms:
            raise Lost("the broker stalled in the middle of a packet")

    def close(self):
        """Closes the connection; harmless when it is closed already."""
        self._channel.close()
