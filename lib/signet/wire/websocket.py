"""Which bytes frame MQTT in a WebSocket, and which may a server not send?

RFC 6455, the client's side, whose section numbers stand beside what they rule; MQTT 3.1.1
section 6.  No socket and no clock; what must be random is an argument.
"""

from micropython import const

from signet.errors import ProtocolError

_TEXT = const(1)  # opcodes (5.2)
_BINARY = const(2)
_CLOSE = const(8)
_PONG = const(10)
_FIN = const(0x80)
_MASKED = const(0x80)
_RESERVED = const(0x70)
_SHORT = const(125)  # bytes of the longest payload whose length stands in the second byte


def malformed(what):
    """Returns a ProtocolError; what: str, the rule that the peer broke."""
    return ProtocolError("the peer broke WebSocket: " + what)


def frame(opcode, payload, mask, out):
    """Writes one whole masked frame (5.2, 5.3).

    Args:
        opcode: int, 2 binary, 8 close or 10 pong.
        payload: bytes-like, up to 65535 bytes.
        mask: bytes, 4 random ones.
        out: bytearray, 8 bytes larger than the payload.
    Returns:
        int, the size of the frame.
    """
    size = len(payload)
    out[0] = _FIN | opcode
    start = 6
    if size > _SHORT:
        start = 8
        out[2] = size >> 8
        out[3] = size & 255
    out[1] = _MASKED | (size if size <= _SHORT else 126)
    end = start + size
    out[start - 4 : start] = mask
    out[start:end] = payload
    # 19 us for 256 bytes on the host's i386, no heap; byte by byte takes 26 us; integers of 32
    # bytes 11 us, but 1800 bytes of heap
    for index in range(4):
        byte = mask[index]
        for at in range(start + index, end, 4):
            out[at] ^= byte
    return end


class Frames:
    """Takes apart what a server sends, as its bytes come; keeps nothing of a message.

        while not frames.left:
            control = frames.took(readinto(frames.room))
        frames.left -= readinto(up to frames.left bytes of the caller's own)

    Attributes:
        left: int, bytes that come next and belong to a message.
        room: memoryview, where the bytes go that come before.
    """

    def __init__(self):
        self.left = 0
        self._parser = self._parse()
        self.room = next(self._parser)

    def took(self, count):
        """Tells that `count` bytes have come into `room`.

        Returns:
            (opcode, payload bytearray) when they end a control frame: 8 close, 9 ping, 10 pong.
        Raises:
            ProtocolError: a server may not send that to a client that speaks MQTT.
        """
        self._control = None
        if count < len(self.room):
            self.room = self.room[count:]
        else:
            self.room = next(self._parser)
        return self._control

    def _parse(self):
        """Yields the room for what comes next; goes on when it is full (5.2, 5.4, 5.5)."""
        header = memoryview(bytearray(8))
        start = header[:2]  # once: what is made here for each frame lies in the way of large ones
        unfinished = False  # the message
        while True:
            yield start
            first, length = header[0], header[1]
            opcode = first & 15
            wrong = None
            if first & _RESERVED:
                wrong = "reserved bit"
            elif length & _MASKED:
                wrong = "masked frame"
            elif opcode > _PONG or _BINARY < opcode < _CLOSE:
                wrong = "reserved opcode"
            elif opcode == _TEXT:  # MQTT-6.0.0-1
                wrong = "text frame"
            elif opcode >= _CLOSE:
                if first < _FIN or length > _SHORT:
                    wrong = "control frame in fragments or too long"
            elif unfinished == (opcode > 0):
                wrong = "fragments out of order"
            elif length > _SHORT:
                room = header[: 2 if length == 126 else 8]
                yield room
                least = _SHORT if length == 126 else 0xFFFF
                length = int.from_bytes(room, "big")
                if length <= least or length >> 63:
                    wrong = "length not in its shortest form"
            if wrong:
                raise malformed(wrong)
            if opcode < _CLOSE:
                unfinished = first < _FIN
                self.left = length
                continue
            payload = bytearray(length)
            if payload:
                yield memoryview(payload)
            self._control = (opcode, payload)
