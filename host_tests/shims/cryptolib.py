"""How does MicroPython's `cryptolib` behave?  The same dialect over `cryptography`, for tests.

Source: MicroPython 1.25 extmod/modcryptolib.c, and what the unix port was seen to do. An object
goes one way only, the way of its first call, and chains from call to call.
"""

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC, ECB

_ECB = 1
_CBC = 2


class aes:
    def __init__(self, key, mode, iv=None):
        if mode not in (_ECB, _CBC):
            raise ValueError("mode")
        if len(key) not in (16, 32):
            raise ValueError("key")
        if mode == _CBC and (iv is None or len(iv) != 16):
            raise ValueError("IV")
        self._cipher = Cipher(AES(bytes(key)), CBC(bytes(iv)) if mode == _CBC else ECB())
        self._way = self._context = None

    def encrypt(self, data, out=None):
        return self._process("encryptor", data, out)

    def decrypt(self, data, out=None):
        return self._process("decryptor", data, out)

    def _process(self, way, data, out):
        if len(data) % 16:
            raise ValueError("blksize % 16")
        if out is not None and len(out) < len(data):
            raise ValueError("output too small")
        if self._way is None:
            self._way, self._context = way, getattr(self._cipher, way)()
        if self._way != way:
            raise ValueError("can't encrypt & decrypt")
        result = self._context.update(bytes(data))
        if out is None:
            return result
        out[: len(result)] = result
        return out
