"""How does a channel become a WebSocket that carries MQTT (RFC 6455, MQTT 3.1.1 section 6)?

What is in the frames is one stream: MQTT packets need not end where messages do (MQTT-6.0.0-2).
"""

import os

from micropython import const

from signet import clock, modules
from signet.errors import Lost
from signet.wire import websocket as wire

_POLLIN = const(1)
_POLLOUT = const(4)
_BINARY = const(2)  # opcodes (5.2)
_CLOSE = const(8)
_PING = const(9)
_PONG = const(10)
_HEAD_BYTES = const(2048)
_FRAME_BYTES = const(256)  # of payload; what is longer goes in several frames
_PIECES = const(64)  # of what is around payload, read before the caller looks at its clock
_NORMAL = b"\x03\xe8"  # codes 1000 and 1002 (7.4.1)
_BROKEN = b"\x03\xea"


class WebSocketChannel:
    """MQTT over WebSocket over a channel; the opening handshake is done when this returns.

    As with TLS, who waits for bytes has read all that are here: `wait` sees only the socket.
    But where a peer floods with what carries nothing, `readinto` says None before it has read
    all of that; then `wait` returns at once.

    Args:
        channel: net.stream.TcpChannel or net.secure.TlsChannel; it belongs to this object now.
        host: str for the Host header, see wire.websocket.opening.
        deadline: clock.Deadline of the handshake.
    Raises:
        ConfigError: this firmware has no SHA-1.
        Refused, Throttled: the server answers with such a status.
        Lost: the handshake failed or took too long.
        ProtocolError: the answer is not one that RFC 6455 allows.
    """

    def __init__(self, channel, host, deadline):
        self._channel = channel
        self._pieces = 0
        self._more = False  # there may be more to read, which the socket does not show
        self._taken = 0  # bytes of the caller's that are in the frame that has begun
        self._due = None  # the control frame whose turn is next
        self._goodbye = _NORMAL
        self._ended = False
        try:
            self._out = bytearray(8 + _FRAME_BYTES)
            self._frames = wire.Frames()
            self._rest, accept = wire.opening(host, os.urandom(16))
            wire.check_reply(self._ask(deadline), accept)
        except BaseException as error:  # memory may have run out
            channel.close()
            if isinstance(error, Lost):
                raise Lost("{}; is this a WebSocket port?".format(error))
            raise

    def _ask(self, deadline):
        """Sends the opening request and returns the head of the answer, bytes."""
        head = bytearray()
        byte = bytearray(1)
        ends = 0  # CR and LF in a row
        while ends < 4:  # byte by byte: what comes after the head must stay where it is
            sent = self._flush()
            count = self._channel.readinto(byte)
            if count:
                head.extend(byte)
                ends = ends + 1 if byte[0] in b"\r\n" else 0
            if count == 0 or len(head) > _HEAD_BYTES:
                raise Lost("closed by the peer")
            if not count and not self.wait(_POLLIN if sent else _POLLOUT, deadline):
                raise Lost("no answer in time")
        return bytes(head)

    def wait(self, events, deadline):
        """Waits until there is something to read or room to write: see net.stream.TcpChannel."""
        if self._more and events & _POLLIN:
            clock.waited()
            return 0 if deadline.expired() else _POLLIN
        return self._channel.wait(events, deadline)

    def readinto(self, buffer):
        """Reads what is there now: bytes read, None if nothing, 0 at the end.

        Raises:
            Lost: the connection failed, or the peer gave a reason for ending it.
            ProtocolError: the peer broke WebSocket.
        """
        frames = self._frames
        self._flush()
        self._more = False
        while not frames.left:
            if self._ended:
                return 0
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
        """Does what a control frame asks for (5.5)."""
        if opcode == _CLOSE:
            reason = wire.closing(payload)
            self._end(payload[:2])
            if reason:
                reason = modules.call("signet.printable", "printable", reason)
                raise Lost("closed by the peer: " + reason)
        elif opcode == _PING:
            self._due = (_PONG, payload)  # of several, the last may be answered alone
            self._flush()

    def _end(self, payload):
        self._ended = True
        self._due = (_CLOSE, payload)
        try:
            self._flush()
        except Lost:
            pass

    def _flush(self):
        """Sends what has begun and then what is due; returns True when all has gone."""
        while True:
            while self._rest:
                count = self._channel.write(self._rest)
                if not count:
                    return False
                self._rest = self._rest[count:]
            if self._due is None:
                return True
            self._begin(*self._due)
            self._due = None

    def _begin(self, opcode, payload):
        size = wire.frame(opcode, payload, os.urandom(4), self._out)
        self._rest = memoryview(self._out)[:size]

    def write(self, buffer):
        """Writes what fits now: bytes written, or None if nothing fits.

        After None, the next call must bring the same bytes again, as TLS wants it.

        Raises:
            Lost: the connection failed or has ended.
        """
        if self._ended:
            raise Lost("closed by the peer")
        if not self._flush():
            return None
        if not self._taken:
            self._taken = min(len(buffer), _FRAME_BYTES)
            self._begin(_BINARY, buffer[: self._taken])
            if not self._flush():
                return None
        taken = self._taken
        self._taken = 0
        return taken

    def close(self):
        """Sends a close frame if it fits now, and closes; harmless when it is closed already."""
        if self._channel is not None:
            try:
                if not self._ended:
                    self._end(self._goodbye)
            finally:
                self._channel.close()
                self._channel = None
