"""How long does one CoAP message take, and how much heap?  Runs on MicroPython.

`measure_coap ROUNDS` prints one line of JSON for encoding and one for decoding: by contender the
times of all rounds in microseconds for CALLS calls, and the bytes that one call allocates. The
peer is microCoAPy; a stand-in where that cannot be imported.

The message is what a device sends to Alibaba Cloud in AES mode (facts of its document: 2088 token,
2089 encrypted sequence number): POST, 7 segments of path, 32 bytes of ciphertext. microCoAPy takes
10 options.
"""

import json
import sys

import measuring
import peer_coap
from signet.wire import coap

try:
    from microcoapy import coap_packet, coap_reader, coap_writer
except ImportError:
    coap_packet = None

CALLS = 10  # so few that none of them meets a garbage collection within a heap of 110 KiB
PATH = ("topic", "sys", "a1NUjcVkHZS", "device-0001", "thing", "event", "post")
OPTIONS = [(11, segment.encode()) for segment in PATH]
OPTIONS += [(12, b"\x32"), (2088, bytes(range(65, 97))), (2089, bytes(range(16)))]
TOKEN = b"\x12\x34\x56\x78"
PAYLOAD = bytes(range(128, 160))


def _micro_encoder():
    packet = coap_packet.CoapPacket()
    packet.type, packet.method, packet.messageid = 0, 2, 0x1234
    packet.token, packet.payload = TOKEN, PAYLOAD
    for number, value in OPTIONS:
        packet.addOption(number, value)

    def encode():
        buffer = bytearray()
        coap_writer.writePacketHeaderInfo(buffer, packet)
        coap_writer.writePacketOptions(buffer, packet)
        coap_writer.writePacketPayload(buffer, packet)
        return buffer

    return encode


def _micro_decode(datagram):
    packet = coap_packet.CoapPacket()
    coap_reader.parsePacketHeaderInfo(datagram, packet)
    coap_reader.parsePacketOptionsAndPayload(datagram, packet)
    return packet


def _peer_encoder():
    message = peer_coap.Message(0, 2, 0x1234, TOKEN, PAYLOAD)
    for number, value in OPTIONS:
        message.add_option(number, value)
    return lambda: peer_coap.encode(message)


def _encoders():
    ours = coap.Message(0, 2, 0x1234, TOKEN, OPTIONS, PAYLOAD)
    buffer = bytearray(256)

    def signet():
        return coap.encode_into(buffer, ours)

    peer = _micro_encoder() if coap_packet else _peer_encoder()
    assert buffer[: signet()] == peer(), "the contenders disagree"
    return {"signet": signet, "peer": peer}


def _decoders(datagram):
    def signet():
        return coap.decode(datagram)

    decode = _micro_decode if coap_packet else peer_coap.decode

    def peer():
        return decode(datagram)

    ours, theirs = signet(), peer()
    options = [
        (each.number, each.buffer if coap_packet else each.value) for each in theirs.options
    ]
    assert (list(ours.options), ours.payload) == (options, theirs.payload), "they disagree"
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
            "real": coap_packet is not None,
            "bytes": len(datagram),
            "calls": CALLS,
            "times": times,
            "heap": {name: measuring.taken(work) for name, work in contenders.items()},
        }
        print(json.dumps(row))


if __name__ == "__main__":
    main(int(sys.argv[1]))
