"""How long does one CoAP message take, and how much heap?  Runs on MicroPython.

`measure_coap ROUNDS` prints one line of JSON for encoding and one for decoding: by contender the
times of all rounds in microseconds for CALLS calls, and the bytes that one call allocates.

The message is what a device sends to Alibaba Cloud in AES mode (facts of its document: 2088 token,
2089 encrypted sequence number): POST, 8 segments of path, 32 bytes of ciphertext.
"""

import json
import sys

import measuring
import peer_coap
from signet.wire import coap

CALLS = 10  # so few that none of them meets a garbage collection within a heap of 110 KiB
PATH = ("topic", "sys", "a1NUjcVkHZS", "device-0001", "thing", "event", "property", "post")
OPTIONS = [(11, segment.encode()) for segment in PATH]
OPTIONS += [(12, b"\x32"), (2088, bytes(range(65, 97))), (2089, bytes(range(16)))]
TOKEN = b"\x12\x34\x56\x78"
PAYLOAD = bytes(range(128, 160))


def _encoders():
    ours = coap.Message(coap.CON, coap.POST, 0x1234, TOKEN, OPTIONS, PAYLOAD)
    theirs = peer_coap.Message(0, 2, 0x1234, TOKEN, PAYLOAD)
    for number, value in OPTIONS:
        theirs.add_option(number, value)
    buffer = bytearray(256)

    def signet():
        return coap.encode_into(buffer, ours)

    def peer():
        return peer_coap.encode(theirs)

    assert buffer[: signet()] == peer(), "the contenders disagree"
    return {"signet": signet, "peer": peer}


def _decoders(datagram):
    def signet():
        return coap.decode(datagram)

    def peer():
        return peer_coap.decode(datagram)

    ours, theirs = signet(), peer()
    options = [(option.number, option.value) for option in theirs.options]
    assert (ours.options, ours.payload) == (options, theirs.payload), "the contenders disagree"
    return {"signet": signet, "peer": peer}


def main(rounds):
    encoders = _encoders()
    datagram = bytes(encoders["peer"]())
    for what, contenders in (("encode", encoders), ("decode", _decoders(datagram))):
        times = {name: [] for name in contenders}
        for _ in range(rounds):
            for name, work in contenders.items():
                times[name].append(measuring.elapsed_us(work, CALLS))
        row = {
            "what": what,
            "bytes": len(datagram),
            "calls": CALLS,
            "times": times,
            "heap": {name: measuring.taken(work) for name, work in contenders.items()},
        }
        print(json.dumps(row))


if __name__ == "__main__":
    main(int(sys.argv[1]))
