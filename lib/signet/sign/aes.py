"""How are bytes encrypted with AES-128-CBC and PKCS#7 padding?

NIST SP 800-38A section 6.2 and RFC 5652 section 6.3, over the firmware's `cryptolib`. CBC says
nothing about who wrote the bytes: padding that fits is no proof of anything.
"""

from cryptolib import aes
from micropython import const

from signet.errors import ProtocolError

_CBC = const(2)  # mode of cryptolib
_BLOCK = const(16)


class Cipher:
    """Encrypts and decrypts messages that each begin with the same IV.

    Args:
        key, iv: bytes, 16 each.
    """

    def __init__(self, key, iv):
        # cryptolib goes one way only and chains what it is given: one for each message.
        self._cbc = lambda: aes(key, _CBC, iv)

    def encrypt(self, plain):
        """Returns bytes of any length, padded and encrypted: 1 to 16 bytes longer."""
        padding = _BLOCK - len(plain) % _BLOCK
        return self._cbc().encrypt(plain + bytes((padding,)) * padding)

    def decrypt(self, data):
        """Returns what `encrypt` was given.

        Raises:
            ProtocolError: not a positive multiple of 16 bytes, or the padding is wrong. How long
                the check of the padding takes does not depend on the padding.
        """
        if not data or len(data) % _BLOCK:
            raise ProtocolError("AES: {} bytes are no whole blocks".format(len(data)))
        plain = self._cbc().decrypt(data)
        padding = plain[-1]
        wrong = padding - 1 >> 4  # 0 for 1 to 16
        for place in range(_BLOCK):
            inside = place - padding >> 8  # all ones within the padding, 0 beyond
            wrong |= inside & (plain[-1 - place] ^ padding)
        if wrong:
            raise ProtocolError("AES: wrong padding: damaged, or another key")
        return plain[:-padding]
