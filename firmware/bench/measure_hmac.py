"""How long does one signature take, and how much heap?  Runs on MicroPython.

`measure_hmac ROUNDS KEY_BYTES MESSAGE_BYTES` prints one line of JSON per hash, and one for the
content that is signed: by contender the times of all rounds in microseconds for CALLS calls, and
the bytes that one call allocates.

bare: the least that HMAC can do: two hash objects over input that is already joined
signer: signet's, made once; anew: made for each signature
peer: micropython-lib's hmac, which keeps no key; a stand-in where that cannot be imported

The contenders take turns within each round, so that a slow moment of the machine meets all of
them.
"""

import gc
import hashlib
import json
import sys
import time

import measuring
from signet.sign import content
from signet.sign.hmac import Signer

try:
    import hmac as peer_hmac
except ImportError:
    import peer_hmac

CALLS = 50  # so few that none of them meets a garbage collection within a heap of 110 KiB
FIELDS = {
    "productKey": "a1NUjcVkHZS",
    "deviceName": "device-0001",
    "clientId": "device-0001.signet",
    "seq": "12345",
    "timestamp": 1763719200000,
}
FIXED = "clientId%sdeviceName%sproductKey%sseq%stimestamp%s"


def _signatures(name, key, message):
    make = getattr(hashlib, name)
    signer = Signer(key, name)
    pads = bytes(byte ^ 0x36 for byte in key + bytes(64 - len(key)))
    inner = pads + message
    outer = bytes(byte ^ 0x36 ^ 0x5C for byte in pads) + make(inner).digest()

    def bare(message):
        make(inner).digest()
        return make(outer).digest()

    return {
        "bare": bare,
        "signer": signer.digest,
        "anew": lambda message: Signer(key, name).digest(message),
        "peer": lambda message: peer_hmac.new(key, message, name).digest(),
    }


def _contents():
    values = tuple([FIELDS[name] for name in sorted(FIELDS)])
    template = content.template(FIELDS)
    return {
        "fixed": lambda fields: (FIXED % values).encode(),
        "template": lambda fields: (template % fields).encode(),
        "build": content.build,
        "sorted": lambda fields: "".join([n + str(fields[n]) for n in sorted(fields)]).encode(),
    }


def _time(work, given):
    gc.collect()
    calls = range(CALLS)
    start = time.ticks_us()
    for _ in calls:
        work(given)
    return time.ticks_diff(time.ticks_us(), start)


def _measure(what, contenders, given, rounds):
    said = [work(given) for work in contenders.values()]
    assert said == said[:1] * len(said), "the contenders disagree"
    times = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, work in contenders.items():
            times[name].append(_time(work, given))
    heap = {
        name: measuring.taken(lambda work=work: work(given)) for name, work in contenders.items()
    }
    row = {"what": what, "calls": CALLS, "times": times, "heap": heap}
    print(json.dumps(row | {"real": peer_hmac.__name__ == "hmac"}))


def main(rounds, key_bytes, message_bytes):
    key = bytes((7 * i + 1) & 255 for i in range(key_bytes))
    message = bytes(97 + i % 26 for i in range(message_bytes))
    for name in ("md5", "sha1", "sha256"):
        _measure(name, _signatures(name, key, message), message, rounds)
    _measure("content", _contents(), FIELDS, rounds)


if __name__ == "__main__":
    main(*[int(argument) for argument in sys.argv[1:]])
