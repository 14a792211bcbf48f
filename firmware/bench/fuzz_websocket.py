"""Does anything that a server can send upset the reader of WebSocket frames?  Runs everywhere.

`fuzz_websocket COUNT SEED` sends COUNT mutated streams of frames into Frames twice, at once and in
pieces; now and then a clean one must still be read. Only ProtocolError may come, and both ways
must come to the same.

fuzzing.py says how it runs and what it prints.
"""

import sys

import fuzzing
from mutate import Random, mutated
from signet.errors import ProtocolError
from signet.wire.websocket import Frames
from signet.wire.websocket_handshake import closing

_CLOSE = 8

# What a client meets, by what is in it: MQTT packets as they come, and what comes between.
_STREAMS = (
    ("message", b"\x82\x04\x20\x02\x00\x00\x82\x05\x90\x03\x00\x01\x01\x82\x02\xd0\x00"),
    ("message", b"\x82\x0d\x30\x0b\x00\x05a/b/chello\x82\x00\x82\x04\x40\x02\x00\x07"),
    ("long", b"\x82\x7e\x00\x80\x30\x7e\x00\x03a/b" + b"0123456789abcdef" * 7 + b"012345678"),
    ("long", b"\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00" + b"\x32\xfc\xff\x03" * 25),
    ("fragments", b"\x02\x03\x30\x0b\x00\x00\x02\x05a\x00\x00\x80\x06/b/cxy"),
    ("fragments", b"\x02\x01\x40\x89\x01a\x00\x01\x02\x8a\x00\x00\x01\x00\x80\x01\x07"),
    ("ping", b"\x89\x00\x89\x7d" + b"p" * 125 + b"\x82\x02\xd0\x00\x8a\x05Hello"),
    ("close", b"\x82\x02\xd0\x00\x88\x02\x03\xe8\x82\x02\xd0\x00"),
    ("close", b"\x88\x0e\x03\xf0not you, \xc3\xa9"),
    ("close", b"\x88\x00"),
)
_CLEAN = _STREAMS[5][1]


class Fuzz:
    """A server that sends anything; `random`: mutate.Random."""

    def __init__(self, random):
        self.random = random
        self.found = fuzzing.Found(("accepted", "closed", "ProtocolError"))

    def step(self):
        """Sends one stream."""
        random = self.random
        kind, data = random.pick(_STREAMS)
        self.found.state(kind)
        if not random.below(3):
            data += random.pick(_STREAMS)[1]
        data = mutated(random, bytearray(data), bytearray(random.pick(_STREAMS)[1]), 2)
        try:
            outcome, payload, controls, why = _read(data, len(data) or 1)
            self.found.count(outcome)
            again = _read(data, 1 + random.below(random.pick((2, 9, 200))))
            assert again == (outcome, payload, controls, why), "it depends on the pieces"
            assert len(payload) <= len(data), "more than has come"
            if outcome == "ProtocolError":
                self.found.event(why)
            elif why:
                self.found.event("closed for a reason")
            elif controls:
                self.found.event("control frames")
        except Exception as error:
            self.found.note(error, data)

    def clean(self):
        """Reads a stream that is as it should be; its parts must come."""
        try:
            found = _read(_CLEAN, 2)
            assert found == ("accepted", b"\x40\x02\x00\x07", [(9, b"a"), (10, b"")], None), (
                "not what was sent"
            )
            self.found.count("clean")
        except Exception as error:
            self.found.note(error, b"")


def _read(data, size):
    """Reads in pieces of `size` bytes; returns outcome, payload, control frames, what is wrong."""
    frames = Frames()
    payload = bytearray()
    controls = []
    data = memoryview(data)
    at = 0
    try:
        while at < len(data):
            room = frames.left or len(frames.room)
            count = min(room, size - at % size, len(data) - at)
            piece = data[at : at + count]
            at += count
            if frames.left:
                payload.extend(piece)
                frames.left -= count
                continue
            frames.room[:count] = piece
            control = frames.took(count)
            if control:
                opcode, said = control
                controls.append((opcode, bytes(said)))
                if opcode == _CLOSE:
                    return "closed", bytes(payload), controls, closing(said)
    except ProtocolError as error:
        return "ProtocolError", bytes(payload), controls, str(error)
    return "accepted", bytes(payload), controls, None


if __name__ == "__main__":
    fuzzing.run(Fuzz(Random(int(sys.argv[2]))), int(sys.argv[1]))
