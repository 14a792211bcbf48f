"""Which frames does a WebSocket server send, and what does `websockets` make of them?

The frames come from a tape (replies.py): RFC 6455 section 5, and its mistakes.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

from websockets.client import ClientProtocol
from websockets.exceptions import ProtocolError
from websockets.frames import DATA_OPCODES, Frame, Opcode
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.uri import parse_uri

if TYPE_CHECKING:  # a portable test has this folder on its path, by another name
    from host_tests.portable.host.replies import Tape

_SIZES = (5, 0, 1, 2, 125, 126, 127, 200, 256, 300)
_CONTROL_SIZES = (0, 1, 4, 125)
_CODES = (1000, 1001, 1008, 1002, 1011, 1012, 1014, 3000, 4999, 1007)
_ODD_CODES = (999, 0, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535)
_REASONS = (b"", b"bye", "\u6c34".encode(), b"x" * 123)
_ODD_REASONS = (b"\xff", b"ok\xc3", b"\x80")
_NOT_AN_ERROR = "incomplete fragmented message"  # see judge
_URI = parse_uri("ws://good.test/mqtt")


def stream(tape: Tape) -> bytes:
    """What a server sends after the opening handshake: mostly whole frames, one of them wrong in
    two of three streams, at times cut, at times ended by a close frame."""
    frames = bytearray()
    count = 1 + tape.below(6)
    wrong = tape.below(count * 3 // 2 + 1)
    begun = False
    for number in range(count):
        if tape.one_in(3):
            frame = _control(tape)
        else:
            data = bytes(range(256))[:100] * 3
            data = data[: tape.pick(_SIZES)]
            opcode = Opcode.CONT if begun else Opcode.BINARY
            begun = tape.one_in(3)
            frame = Frame(opcode, data, not begun).serialize(mask=False)
        frames += tape.pick(_MISTAKES)(tape, frame) if number == wrong else frame
    if tape.one_in(3):
        frames += close(tape)
        frames += frames[: tape.below(4)]
    if tape.one_in(4):
        del frames[tape.below(len(frames)) :]
    return bytes(frames)


def _control(tape: Tape) -> bytes:
    opcode = tape.pick((Opcode.PING, Opcode.PONG))
    return Frame(opcode, b"p" * tape.pick(_CONTROL_SIZES)).serialize(mask=False)


def close(tape: Tape) -> bytes:
    """A close frame; one of four is wrong."""
    odd = tape.below(16)
    code = struct.pack("!H", tape.pick(_ODD_CODES if odd == 15 else _CODES))
    data = code + tape.pick(_ODD_REASONS if odd == 14 else _REASONS)
    if odd in (12, 13):
        data = data[: odd - 12]
    return Frame(Opcode.CLOSE, data).serialize(mask=False)


def _flip(bits: int, place: int):
    def mistake(_tape: Tape, frame: bytes) -> bytes:
        return frame[:place] + bytes((frame[place] ^ bits,)) + frame[place + 1 :]

    return mistake


def _longer_length(tape: Tape, frame: bytes) -> bytes:
    """The length in a longer form than it needs."""
    size = frame[1] & 127
    if size == 126:
        return frame[:1] + b"\x7f" + struct.pack("!Q", int.from_bytes(frame[2:4])) + frame[4:]
    form = tape.pick((b"\x7e" + struct.pack("!H", size), b"\x7f" + struct.pack("!Q", size)))
    return frame[:1] + form + frame[2:]


def _huge(tape: Tape, frame: bytes) -> bytes:
    return frame[:1] + b"\x7f" + tape.pick((b"\x80", b"\xff", b"\x7f", b"\0")) + b"\xff" * 7


def _random(tape: Tape, frame: bytes) -> bytes:
    place = tape.below(len(frame))
    return frame[:place] + bytes((tape.below(256),)) + frame[place + 1 :]


_MISTAKES = (
    *(_flip(0x40, 0), _flip(0x20, 0), _flip(0x10, 0), _flip(0x80, 0), _flip(0x80, 1)),
    *(_flip(1, 0), _flip(2, 0), _flip(3, 0), _flip(4, 0), _flip(8, 0)),
    *(_longer_length, _huge, _random, _random),
)


class Verdict(NamedTuple):
    """What the library says of a stream.

    outcome: "more", nothing is wrong yet; "closed", by a close frame; "error"; "lax", a close
    frame whose reason is not UTF-8, which MicroPython may overlook. payload: of all messages, as
    far as it came before that. controls: [opcode, payload] of each control frame.
    """

    outcome: str
    payload: bytes
    controls: list[tuple[int, bytes]]


def judge(data: bytes) -> Verdict:
    """Asks the library about a stream; MQTT's and the RFC's rules that it does not hold, too.

    Those are: no text frames (MQTT 3.1.1, MQTT-6.0.0-1), the shortest form of a length, at most
    63 bits of it (5.2). A close frame may come between the fragments of a message (5.4): the
    library says otherwise.
    """
    protocol = ClientProtocol(_URI, state=State.OPEN, max_size=None)
    protocol.receive_data(data)
    payload, controls, at = b"", [], 0
    for frame in protocol.events_received():
        raw = frame.serialize(mask=False)
        if frame.opcode is Opcode.TEXT or data[at : at + len(raw)] != raw:
            return Verdict("error", payload, controls)
        at += len(raw)
        if frame.opcode in DATA_OPCODES:
            payload += frame.data
        else:
            controls.append((int(frame.opcode), bytes(frame.data)))
            if frame.opcode is Opcode.CLOSE:
                return Verdict("closed", payload, controls)
    error = protocol.parser_exc
    if isinstance(error, UnicodeDecodeError):
        return Verdict("lax", payload, controls)
    tail = data[at:]
    if error is not None and str(error) == _NOT_AN_ERROR:
        controls.append((8, tail[2 : 2 + tail[1]]))
        return Verdict("closed", payload, controls)
    if error is not None or _is_wrong(data[:at], tail):
        return Verdict("error", payload, controls)
    if len(tail) > 1 and tail[0] & 15 < 8:
        payload += tail[{126: 4, 127: 10}.get(tail[1], 2) :]
    return Verdict("more", payload, controls)


def _is_wrong(whole: bytes, tail: bytes) -> bool:
    """Is there a mistake in the first bytes of a frame that has not come whole?"""
    if len(tail) < 2:
        return False
    short = {126: 4, 127: 10}.get(tail[1])
    if short and (tail[0] & 8 or len(tail) >= short):
        length = int.from_bytes(tail[2:short])
        if tail[0] & 8 or length < (126 if short == 4 else 65536) or length >= 1 << 63:
            return True
    if tail[0] & 15 == Opcode.TEXT:
        return True
    protocol = ClientProtocol(_URI, state=State.OPEN, max_size=None)
    protocol.receive_data(whole + bytes((tail[0], tail[1] & 128)))
    error = protocol.parser_exc
    return isinstance(error, ProtocolError) and str(error) != _NOT_AN_ERROR


def heard(data: bytes) -> list[tuple[int, bytes]]:
    """What the library's server hears of a client's frames; raises what it objects to."""
    protocol = ServerProtocol(state=State.OPEN, max_size=None)
    protocol.receive_data(data)
    if protocol.parser_exc is not None:
        raise protocol.parser_exc
    return [(int(frame.opcode), bytes(frame.data)) for frame in protocol.events_received()]


# Replies to the opening request

KEY = "dGhlIHNhbXBsZSBub25jZQ=="  # RFC 6455 section 1.3
_ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
_NAMES = (
    ("Upgrade", ("websocket", "WebSocket", "WEBSOCKET", "h2c", "websockets", "")),
    ("Connection", ("Upgrade", "upgrade", "keep-alive, Upgrade", "Upgrade,close", "close", "h2c")),
    (
        "Sec-WebSocket-Accept",
        (*(_ACCEPT,) * 5, _ACCEPT.lower(), _ACCEPT[:-1], "AAAAAAAAAAAAAAAAAAAAAAAAAAA=", ""),
    ),
    ("Sec-WebSocket-Protocol", (*("mqtt",) * 5, "MQTT", "mqttv3.1", "mqtt, chat", "")),
)
_MORE = ("Date: now", "Server: x", "Connection: keep-alive", "Connection: Upgrade")
_WRONG_MORE = (
    "Sec-WebSocket-Extensions: permessage-deflate",
    f"Sec-WebSocket-Accept: {_ACCEPT}",
    "Sec-WebSocket-Protocol: mqtt",
    "Upgrade: h2c",
)


def opening_reply(tape: Tape) -> bytes:
    """The head of a reply to a request with `KEY`; about half of them are right."""
    lines = []
    for name, values in _NAMES:
        if tape.one_in(24):
            continue
        name = tape.pick((name, name, name.lower(), name.upper()))
        lines.append(f"{name}:{tape.pick((' ', ' ', '', '  ', chr(9)))}{_mostly(tape, values)}")
    for _ in range(tape.below(3)):
        lines.append(tape.pick(_WRONG_MORE if tape.one_in(8) else _MORE))
    if tape.one_in(4):
        lines.reverse()
    return "\r\n".join(("HTTP/1.1 101 Switching Protocols", *lines, "", "")).encode()


def _mostly(tape: Tape, values: tuple[str, ...]) -> str:
    return tape.pick(values) if tape.one_in(4) else tape.pick(values[:2])


def is_accepted(reply: bytes) -> bool:
    """Does the library's client take it, and agree on mqtt?"""
    protocol = ClientProtocol(_URI, subprotocols=["mqtt"])
    protocol.key = KEY
    protocol.send_request(protocol.connect())
    protocol.receive_data(reply)
    return protocol.state is State.OPEN and protocol.subprotocol == "mqtt"
