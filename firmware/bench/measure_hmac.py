"""How long does one signature take, and how much heap?  Runs on MicroPython.

`measure_hmac ROUNDS KEY_BYTES MESSAGE_BYTES` prints one line of JSON per hash: by contender the
times of all rounds in microseconds for CALLS calls, and the bytes that one call allocates.

The contenders take turns within each round, so that a slow moment of the machine meets all of
them. `bare` is the least that HMAC can do: two hash objects over input that is already joined.
"""

import gc
import hashlib
import json
import sys
import time

import peer_hmac
from signet.sign.hmac import Signer

CALLS = 50  # so few that none of them meets a garbage collection within a heap of 110 KiB


def _contenders(name, key, message):
    make = getattr(hashlib, name)
    signer = Signer(key, name)
    pads = bytes(byte ^ 0x36 for byte in key + bytes(64 - len(key)))
    inner = pads + message
    outer = bytes(byte ^ 0x36 ^ 0x5C for byte in pads) + make(inner).digest()

    def bare(message):
        make(inner).digest()
        return make(outer).digest()

    def peer(message):
        return peer_hmac.new(key, message, name).digest()

    found = (("bare", bare), ("signer", signer.digest), ("peer", peer))
    for _, sign in found:
        assert sign(message) == bare(message), "the contenders disagree"
    return found


def _time(sign, message):
    gc.collect()
    calls = range(CALLS)
    start = time.ticks_us()
    for _ in calls:
        sign(message)
    return time.ticks_diff(time.ticks_us(), start)


def _heap(sign, message):
    gc.collect()
    gc.disable()
    before = gc.mem_alloc()
    sign(message)
    used = gc.mem_alloc() - before
    gc.enable()
    return used


def main(rounds, key_bytes, message_bytes):
    key = bytes((7 * i + 1) & 255 for i in range(key_bytes))
    message = bytes(97 + i % 26 for i in range(message_bytes))
    for name in ("md5", "sha1", "sha256"):
        contenders = _contenders(name, key, message)
        times = {contender: [] for contender, _ in contenders}
        for _ in range(rounds):
            for contender, sign in contenders:
                times[contender].append(_time(sign, message))
        heap = {contender: _heap(sign, message) for contender, sign in contenders}
        print(json.dumps({"hash": name, "calls": CALLS, "times": times, "heap": heap}))


if __name__ == "__main__":
    main(*[int(argument) for argument in sys.argv[1:]])
