"""What does a token of Alibaba's CoAP or HTTPS server stand for: device, expiry, key, seqs?

Source: Alibaba Cloud, "Establish communication over the CoAP protocol" and "Establish connections
over HTTP"; the session key as the vendor's Java sample and C SDKs make it (help.aliyun.com
document 57697).
"""

import hashlib
import secrets
import string
import time
from dataclasses import dataclass, field

from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

IV = b"543yhjy97ae7fyfg"
"""The constant initialisation vector of AES."""

_PER_DEVICE = 16  # more valid tokens than this no device needs; the oldest goes


class TokenError(Exception):
    """The token, or what was encrypted under it, is not good; the text says why.

    kind: "missing", "unknown" or "expired" of a token that `Tokens.find` did not find.
    """

    def __init__(self, reason: str, kind: str = "") -> None:
        super().__init__(reason)
        self.kind = kind


def session_key(secret: str, random: str) -> bytes:
    """The AES key of a login: the middle of the SHA-256 of deviceSecret, a comma and random."""
    return hashlib.sha256(f"{secret},{random}".encode()).digest()[8:24]


@dataclass(slots=True)
class Token:
    """One login of a device.

    way: it came in by "coap", where reports are encrypted, "coaps" or "https", where TLS does
    that; it is good there alone. separate: ackMode 1.
    random, seq_offset: as /auth answered them; used: the seqs that have come since, but for those
    from there up to `all_used`.
    """

    text: str
    product: str
    name: str
    way: str
    separate: bool
    expires_s: float
    random: str = ""
    seq_offset: int = 0
    key: bytes = field(default=b"", repr=False)
    used: set[int] = field(default_factory=set)
    all_used: int = 0

    def decrypt(self, data: bytes) -> bytes:
        """AES-128-CBC with the constant IV and PKCS#7. raises: TokenError."""
        decryptor = Cipher(algorithms.AES128(self.key), modes.CBC(IV)).decryptor()
        unpadder = padding.PKCS7(128).unpadder()
        try:
            padded = decryptor.update(data) + decryptor.finalize()
            return unpadder.update(padded) + unpadder.finalize()
        except ValueError:
            raise TokenError("does not decrypt under this login's key") from None

    def encrypt(self, data: bytes) -> bytes:
        """The same the other way."""
        encryptor = Cipher(algorithms.AES128(self.key), modes.CBC(IV)).encryptor()
        padder = padding.PKCS7(128).padder()
        padded = padder.update(data) + padder.finalize()
        return encryptor.update(padded) + encryptor.finalize()

    def seq_text(self, option: bytes | None) -> bytes:
        """What option 2089 says, the encrypted text of seq. raises: TokenError without it."""
        if option is None:
            raise TokenError("option 2089 (seq) is missing")
        return self.decrypt(option)

    def seq(self, text: bytes) -> int:
        """The number that it says. raises: TokenError when that is no decimal number."""
        if not (text.isdigit() and len(text) <= 19):
            raise TokenError(f"option 2089 holds {text!r}, no decimal number")
        return int(text)

    def use_seq(self, seq: int) -> None:
        """Use it up. raises: TokenError when it is not above seqOffset, or was used."""
        if seq <= self.seq_offset:
            raise TokenError(f"seq {seq} is not above seqOffset {self.seq_offset}")
        self.all_used = max(self.all_used, self.seq_offset)
        if seq <= self.all_used or seq in self.used:
            raise TokenError(f"seq {seq} was used before")
        self.used.add(seq)
        while self.all_used + 1 in self.used:
            self.all_used += 1
            self.used.remove(self.all_used)


class Tokens:
    """Every token given out and not yet lost. life_s: how long one is good."""

    def __init__(self, life_s: float) -> None:
        self.life_s = life_s
        self._tokens: dict[str, Token] = {}

    def give(
        self, product: str, name: str, secret: str, *, way: str, separate: bool = False
    ) -> Token:
        """A new token for a device that proved who it is."""
        expires_s = time.monotonic() + self.life_s
        if way != "coap":
            token = Token(secrets.token_hex(16), product, name, way, separate, expires_s)
        else:
            random = secrets.token_hex(8)
            # The document's sample: 30 letters and digits, a dot, the first four digits of random.
            letters = (secrets.choice(string.ascii_letters + string.digits) for _ in range(30))
            text = "".join(letters) + "." + random[:4]
            token = Token(text, product, name, way, separate, expires_s, random)
            token.seq_offset = 1 + secrets.randbelow(1000)
            token.key = session_key(secret, random)
        whose = (way, product, name)
        own = [t for t in self._tokens.values() if (t.way, t.product, t.name) == whose]
        for old in own[: max(0, len(own) + 1 - _PER_DEVICE)]:
            del self._tokens[old.text]
        self._tokens[token.text] = token
        return token

    def find(self, text: str | None, way: str) -> Token:
        """The token of that text, None where it was left out, that came this way.

        raises: TokenError.
        """
        if not text:
            raise TokenError("the token is missing", "missing")
        token = self._tokens.get(text)
        if token is None:
            raise TokenError("the token is unknown", "unknown")
        if token.way != way:
            raise TokenError(f"the token is of another way in: {token.way}", "unknown")
        if time.monotonic() >= token.expires_s:
            raise TokenError("the token has expired", "expired")
        return token

    def separate(self, text: str | None) -> bool:
        """Whether the login of that token has chosen ackMode 1."""
        return text in self._tokens and self._tokens[text].separate

    def expire(self) -> None:
        """Every token's time is over, from now on."""
        for token in self._tokens.values():
            token.expires_s = 0.0

    def forget(self) -> None:
        """Lose every token."""
        self._tokens.clear()
