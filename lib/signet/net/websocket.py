"""How does a channel become a WebSocket that carries MQTT (RFC 6455, MQTT 3.1.1 section 6)?

What is in the frames is one stream: MQTT packets need not end where messages do (MQTT-6.0.0-2).
"""

import os

from micropython import const

from signet import clock, modules
from signet.errors import Lost
from signet.wire import websocket as wire
from signet.wire.exact_json import printable

_POLLIN = const(1)
_POLLOUT = const(4)
_BINARY = const(2)  # opcodes (5.2)
_CLOSE = const(8)
_PING = const(9)
_PONG = const(10)
_HEAD_BYTES = const(2048)
_FRAME_BYTES = const(256)  # of payload; what is longer goes in several frames
_PIECES = const(30)  # of what is around payload, or of the head, read in one step
_NORMAL = const(b"\x03\xe8")  # codes 1000 and 1002 (7.4.1)
_BROKEN = const(b"\x03\xea")
_HANDSHAKE = const("signet.wire.websocket_handshake")
_HINT = const("; is this a WebSocket port?")


class WebSocketChannel:
    """MQTT over WebSocket over a channel; `readinto` and `write` work on the opening handshake.

    Until it is open they return None.  While something waits to be sent, a pong too, nothing is
    read.

    Args:
        channel: net.stream.TcpChannel or net.secure.TlsChannel; it belongs to this object now.
        host: str for the Host header, see wire.websocket_handshake.
        deadline: clock.Deadline of the handshake.
        path: str, of the request.
    """

    def __init__(self, channel, host, deadline, path="/mqtt"):
        self._channel = channel
        self._pieces = 0
        self._more = False  # there may be more to read, which the socket does not show
        self._taken = 0  # bytes of the caller's that are in the frame that has begun
        self._goodbye = _NORMAL
        self._ended = False
        self._out = bytearray(8 + _FRAME_BYTES)
        self._frames = wire.Frames()
        self._rest, accept = modules.call(_HANDSHAKE, "opening", host, os.urandom(16), path)
        self._opening = accept, bytearray(), deadline  # None once it is open

    def opened(self):
        """Returns True once it is open; else does one step of the opening handshake.

        Raises:
            Refused, Throttled: the server answers with such a status.
            Lost: the handshake failed or took too long.
            ProtocolError: the answer is not one that RFC 6455 allows.
        """
        if self._opening is None:
            return True
        accept, head, deadline = self._opening
        if self._flush() and self._has_read(head):
            modules.call(_HANDSHAKE, "check_reply", bytes(head), accept)
            self._opening = None
            return True
        if deadline.expired():
            raise Lost("no answer in time" + _HINT)
        return False

    def _has_read(self, head):
        """Reads on; returns True when it is whole."""
        self._more = False
        try:
            for _ in range(_PIECES):
                # not a byte more: what comes after the head must stay where it is
                room = bytearray(1 if head and head[-1] in b"\r\n" else 4)
                count = self._channel.readinto(room)
                if count is None:
                    return False
                if not count or len(head) > _HEAD_BYTES:
                    raise Lost("closed by the peer")
                head.extend(room[:count])
                if head[-1] == 10 and head[-4:] == b"\r\n\r\n":
                    return True
        except Lost as error:
            raise Lost(str(error) + _HINT)
        self._more = True
        return False

    @property
    def busy(self):
        """See net.stream.TcpChannel."""
        return self._channel.busy or (self._more and not self._rest)

    def readable(self, pending):
        """See net.stream.TcpChannel; until it is open, what is to be sent waits for the answer."""
        if self._rest or self._opening is not None:
            pending = len(self._rest) > 0
        return self._channel.readable(pending)

    def wait(self, events, deadline):
        """See net.stream.TcpChannel; returns at once when a step was cut short."""
        if self._rest:
            events = _POLLOUT
        elif self._more:
            clock.waited()
            return 0 if deadline.expired() else events
        elif self._opening is not None:
            events = _POLLIN
        return self._channel.wait(events, deadline)

    def readinto(self, buffer):
        """Reads what is there now: bytes read, None if nothing, 0 at the end.

        Raises:
            Refused, Throttled: see `opened`.
            Lost: the connection failed, or the peer gave a reason for ending it.
            ProtocolError: the peer broke WebSocket.
        """
        if not self.opened():
            return None
        frames = self._frames
        self._more = False
        while True:
            if self._ended:
                return 0
            if not self._flush():
                return None
            if frames.left:
                break
            if self._pieces == _PIECES:
                self._pieces = 0
                self._more = True
                return None
            count = self._channel.readinto(frames.room)
            if not count:
                self._pieces = 0
                return count
            self._pieces += 1
            self._goodbye = _BROKEN
            control = frames.took(count)
            if control:
                self._obey(*control)
            self._goodbye = _NORMAL
        if len(buffer) > frames.left:
            buffer = memoryview(buffer)[: frames.left]
        count = self._channel.readinto(buffer)
        if count:
            frames.left -= count
        return count

    def _obey(self, opcode, payload):
        """Does what a control frame asks for (5.5); nothing waits to be sent."""
        if opcode == _CLOSE:
            reason = modules.call(_HANDSHAKE, "closing", payload)
            self._end(payload[:2])
            if reason:
                raise Lost("closed by the peer: " + printable(reason))
        elif opcode == _PING:
            self._begin(_PONG, payload)

    def _end(self, payload):
        self._ended = True
        try:
            if self._flush():
                self._begin(_CLOSE, payload)
                self._flush()
        except (Lost, MemoryError):
            pass

    def _flush(self):
        """Sends what has begun; returns True when all has gone."""
        while self._rest:
            count = self._channel.write(self._rest)
            if not count:
                return False
            self._rest = self._rest[count:] if count < len(self._rest) else b""
        return True

    def _begin(self, opcode, payload):
        size = wire.frame(opcode, payload, os.urandom(4), self._out)
        self._rest = memoryview(self._out)[:size]

    def write(self, buffer):
        """Writes what fits now: bytes written, or None if nothing fits.

        After None, the next call must bring the same bytes again, as TLS wants it.

        Raises:
            Refused, Throttled, ProtocolError: see `opened`.
            Lost: the connection failed or has ended.
        """
        if self._ended:
            raise Lost("closed by the peer")
        if not self.opened() or not self._flush():
            return None
        if not self._taken:
            taken = min(len(buffer), _FRAME_BYTES)
            self._begin(_BINARY, buffer[:taken])
            self._taken = taken  # only now: memory may have run out
            if not self._flush():
                return None
        taken = self._taken
        self._taken = 0
        return taken

    def close(self):
        """Sends a close frame if it fits now, and closes; harmless when it is closed already."""
        if self._channel is not None:
            try:
                if self._opening is None and not self._ended:
                    self._end(self._goodbye)
            finally:
                self._channel.close()
                self._channel = None
