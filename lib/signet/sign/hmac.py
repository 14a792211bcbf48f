"""How is a message signed with a secret key?  HMAC, RFC 2104, over MD5, SHA-1 and SHA-256.

Most of an HMAC on a board is preparing the key: `Signer` does that once and keeps the two padded
blocks, so that a signature is two hash objects and nothing else (`signet bench hmac`).  Each gets
its block, then the message: joining them first took 20 to 40 % more time and twice the heap.
MicroPython's hash objects cannot be copied, and their `digest()` works once.
"""

import hashlib
from binascii import hexlify

from micropython import const

_BLOCK = const(64)  # RFC 2104 section 2, B: the same for all three
NAMES = ("md5", "sha1", "sha256")


def _hash(name):
    constructor = getattr(hashlib, name, None) if name in NAMES else None
    if constructor is None:
        raise ValueError("this firmware has no {}".format(name))
    return constructor


class Signer:
    """Signs any number of messages with one key.

    Args:
        key: bytes or str (taken as UTF-8), any length.
        hash_name: str, "md5", "sha1" or "sha256".
    Attributes:
        hash: hashlib's constructor.
        inner, outer: bytes, the padded blocks (RFC 2104 section 2), as secret as the key.
    Raises:
        ValueError: there is no such hash, or the firmware lacks it.
    """

    def __init__(self, key, hash_name):
        self.hash = _hash(hash_name)
        if isinstance(key, str):
            key = key.encode()
        if len(key) > _BLOCK:
            key = self.hash(key).digest()
        key = bytes(key) + bytes(_BLOCK - len(key))
        self.inner = bytes([byte ^ 0x36 for byte in key])
        self.outer = bytes([byte ^ 0x5C for byte in key])

    def digest(self, message):
        """Returns the signature of `message` (bytes): 16, 20 or 32 bytes."""
        inner = self.hash(self.inner)
        inner.update(message)
        outer = self.hash(self.outer)
        outer.update(inner.digest())
        return outer.digest()

    def hexdigest(self, message):
        """Returns the signature of `message` (bytes) in lower case hexadecimal, a str."""
        return hexlify(self.digest(message)).decode()
