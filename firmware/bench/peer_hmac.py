"""What does micropython-lib's hmac 3.4 do for each signature?  Its algorithm, written anew.

For each call: a hash constructor found by name through a lambda, two empty hash objects, the key
padded, both pads computed byte by byte in generator expressions, then the message.
"""

import hashlib


class HMAC:
    def __init__(self, key, msg, digestmod):
        if not isinstance(key, (bytes, bytearray)):
            raise TypeError("key: bytes or bytearray expected")
        make = lambda data=b"": getattr(hashlib, digestmod)(data)  # noqa: E731 - as the peer does
        self._outer = make()
        self._inner = make()
        block_size = getattr(self._inner, "block_size", 64)
        if len(key) > block_size:
            key = make(key).digest()
        key = key + bytes(block_size - len(key))
        self._outer.update(bytes(byte ^ 0x5C for byte in key))
        self._inner.update(bytes(byte ^ 0x36 for byte in key))
        if msg is not None:
            self.update(msg)

    def update(self, msg):
        self._inner.update(msg)

    def _current(self):
        self._outer.update(self._inner.digest())
        return self._outer

    def digest(self):
        return self._current().digest()


def new(key, msg=None, digestmod="md5"):
    return HMAC(key, msg, digestmod)
