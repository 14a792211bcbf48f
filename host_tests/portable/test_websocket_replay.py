"""Does every interpreter speak WebSocket as the library `websockets` does, in both directions?

What it reads and says is made afresh for each run: host/generated.py.
"""

from binascii import hexlify, unhexlify

import check
from check_websocket import misread
from signet.errors import ProtocolError
from signet.wire import websocket as wire
from signet.wire import websocket_handshake as handshake


def test_each_stream_of_frames_is_read_as_websockets_reads_it():
    compared = 0
    for text, cuts, outcome, payload, controls in check.sample("websocket"):
        data = unhexlify(text)
        said = [(opcode, unhexlify(text)) for opcode, text in controls]
        wrong = misread(data, cuts, (outcome, unhexlify(payload), said))
        assert wrong is None, "{} cut at {}: {}; websockets: {} {} {}".format(
            text, cuts, wrong, outcome, payload, said
        )
        compared += 1
    assert compared == check.scaled(1500)


def test_each_frame_is_made_as_websockets_makes_it():
    for opcode, payload, mask, expected in check.lines("websocket-sent"):
        payload = unhexlify(payload)
        out = bytearray(len(payload) + 8)
        size = wire.frame(opcode, payload, unhexlify(mask), out)
        check.equal(hexlify(out[:size]).decode(), expected)


def test_each_reply_is_taken_that_websockets_takes():
    accept = handshake.opening("good.test", b"the sample nonce")[1]
    taken = 0
    for reply, expected in check.sample("websocket-replies"):
        try:
            handshake.check_reply(reply.encode(), accept)
            ours = True
        except ProtocolError:
            ours = False
        assert ours == expected, reply
        taken += ours
    assert check.scaled(50) < taken < check.scaled(350)
