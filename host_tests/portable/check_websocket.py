"""Does `signet.wire.websocket` read a server's frames as somebody else's parser does?"""

from signet.errors import ProtocolError
from signet.wire.websocket import Frames
from signet.wire.websocket_handshake import closing

_CLOSE = 8


def read(data, cuts=()):
    """Reads a stream that comes in pieces.

    Args:
        data: bytes after the opening handshake.
        cuts: sequence of int, where to cut it; it must be in order.
    Returns:
        (outcome, payload of all messages, [(opcode, payload bytes)] of control frames); outcome is
        "more", "closed" or "error".
    """
    frames = Frames()
    payload = bytearray()
    controls = []
    at = 0
    try:
        for end in list(cuts) + [len(data)]:  # noqa: RUF005  does not compile on MicroPython
            while at < end:
                if frames.left:
                    count = min(frames.left, end - at)
                    payload.extend(data[at : at + count])
                    frames.left -= count
                    at += count
                    continue
                count = min(len(frames.room), end - at)
                frames.room[:count] = data[at : at + count]
                at += count
                control = frames.took(count)
                if control:
                    opcode, said = control
                    if opcode == _CLOSE:
                        closing(said)
                    controls.append((opcode, bytes(said)))
                    if opcode == _CLOSE:
                        return "closed", bytes(payload), controls
    except ProtocolError:
        return "error", bytes(payload), controls
    return "more", bytes(payload), controls


def misread(data, cuts, expected):
    """Compares our reading with another's: None, or what we have read instead.

    Args:
        data, cuts: as for `read`.
        expected: (outcome, payload, controls); outcome may be "lax", then either will do.
    """
    ours = read(data, cuts)
    if expected[0] == "lax":
        return None if ours[0] in ("error", "closed") and ours[1] == expected[1] else ours
    return None if ours == expected else ours
