"""How does code that knows `hmac` sign?  The call shape of CPython and micropython-lib.

What signet itself needs is in hmac.py: no session loads this.
"""

import hashlib
from binascii import hexlify

from signet.sign.hmac import NAMES, Signer


class HMAC:
    """One signature of a message that comes in parts; `new` makes it."""

    def __init__(self, signer):
        self._signer = signer
        self._digest = None
        self._message = signer.hash(signer.inner)

    def update(self, message):
        """Appends to the message (bytes). ValueError after `digest`: a hash ends only once."""
        if self._digest is not None:
            raise ValueError("the digest was taken; start again with new()")
        self._message.update(message)

    def digest(self):
        """Returns the signature, bytes; the same each time."""
        if self._digest is None:
            outer = self._signer.hash(self._signer.outer)
            outer.update(self._message.digest())
            self._digest = outer.digest()
        return self._digest

    def hexdigest(self):
        """Returns the same in lower case hexadecimal, a str."""
        return hexlify(self.digest()).decode()


def new(key, msg=None, digestmod=None):
    """Starts a signature, as `hmac.new` of CPython and of micropython-lib do.

    Args:
        key: bytes or str, any length.
        msg: bytes, the first part of the message, or None.
        digestmod: "md5", "sha1", "sha256", or `hashlib`'s constructor of one of them.
    Raises:
        ValueError: there is no such hash; also for None, because the two libraries differ there.
    """
    for name in NAMES:
        if digestmod is not None and digestmod is getattr(hashlib, name, None):
            digestmod = name
    mac = HMAC(Signer(key, digestmod))
    mac.update(msg or b"")
    return mac


def compare_digest(a, b):
    """Compares two digests, both bytes or both str; the time does not tell where they differ."""
    if isinstance(a, str):
        a, b = a.encode(), b.encode()
    if len(a) != len(b):
        return False
    difference = 0
    for x, y in zip(a, b):
        difference |= x ^ y
    return difference == 0
