"""How does one whole MQTT packet come out of a stream that may stop after any byte?

Bounded in size and in time: what is larger than the limit is read away, and in a packet that has
begun a byte must come within the timeout.
"""

from micropython import const

from signet import clock
from signet.errors import Lost
from signet.wire import mqtt as wire

_SMALL = const(256)  # bytes that a board can always find
_PIECES = const(64)  # of so many bytes: a record of TLS, before the caller looks at its clock


class PacketReader:
    """Reads packets of one connection.

    Args:
        stream: net.umqtt_stream.Stream.
        max_packet_bytes: int; of a larger packet only so much is kept.
        timeout_ms: int, how long no byte of a packet may come once it has begun.
    Attributes:
        first_byte: int, type and flags of the packet that `next` returned.
        length: int, its whole remaining length; greater than what was kept when it is oversize.
    """

    def __init__(self, stream, max_packet_bytes, timeout_ms):
        self._channel = stream
        self._max_packet_bytes = max_packet_bytes
        self._timeout_ms = timeout_ms
        self._length = self._shift = 0  # of the bytes of the length that have come
        self._at = 0  # of the body; a name that comes later makes a hole in the heap
        self._begun = False
        self._body = None  # of it, when only what is too large to keep is to come
        self.check = wire.check_connack
        self.first_byte = None
        self.length = None

    def next(self):
        """Returns the body of one packet, or its beginning when it is oversize; None for not yet.

        Raises:
            Lost: the connection ended, or stalled in the middle of a packet.
            ProtocolError: a header that a server may not send.
        """
        stream = self._channel
        if not self._begun:
            byte = stream.read(1)
            if byte is None:
                return None
            self.first_byte, self.length = byte[0], None
            self._length = self._shift = 0
            self._begun = True
        while self.length is None:
            byte = stream.read(1)
            if byte is None:
                return self._still_coming()
            self._length |= (byte[0] & 127) << self._shift
            self._shift += 7
            if byte[0] < 128:
                self.check(self.first_byte, self._length)
                self.length = self._length
            elif self._shift == 28:
                raise wire.malformed("remaining length of more than four bytes")
        body = self._body
        if body is None:
            try:
                body = stream.read(min(self.length, self._max_packet_bytes))
            except MemoryError:  # then it is too large to keep, whatever the limit says
                body = stream.read(min(self.length, _SMALL))
            if body is None:
                return self._still_coming()
            if self.first_byte >> 4 == wire.PUBLISH:
                wire.check_publish(self.first_byte, body)
            self._body = body
            self._at = len(body)
        pieces = 0
        while self._at < self.length:
            size = min(self.length - self._at, _SMALL)
            if pieces == _PIECES or stream.read(size) is None:
                return self._still_coming()
            self._at += size
            pieces += 1
        self._begun, self._body = False, None
        return body

    def _still_coming(self):
        if clock.ticks_diff(clock.ticks_ms(), self._channel.heard_at) > self._timeout_ms:
            raise Lost("the broker stalled in the middle of a packet")


class WholePacket:
    """Shows umqtt one complete packet as if it were its socket; copies nothing.

    Args:
        stream: where umqtt's acknowledgement goes.
        first_byte: int. body: bytes.
    """

    def __init__(self, stream, first_byte, body):
        self.write = stream.write
        self._header = bytes(wire.fixed_header(first_byte, len(body)))
        self._body = memoryview(body)
        self._at = 0

    def read(self, size):
        """Returns the next bytes; umqtt reads the header byte by byte."""
        if self._header:
            byte, self._header = self._header[:1], self._header[1:]
            return byte
        self._at += size
        return bytes(self._body[self._at - size : self._at])

    def setblocking(self, flag):
        """Does nothing: the packet is here."""
