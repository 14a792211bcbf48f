"""How is a private key made, written to a file and read again?

In the traditional form ("EC PRIVATE KEY", SEC 1; "RSA PRIVATE KEY", PKCS #1): Mbed TLS on a board
reads it without PKCS #8 support.
"""

import contextlib
import os
import tempfile
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from tools.ui import UserError

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey

KINDS = ("ec", "rsa")
"""EC P-256, made at once and small enough for a board; RSA with 2048 bits."""


def new_key(kind: str = "ec") -> PrivateKey:
    """A new private key. kind: one of KINDS."""
    if kind == "ec":
        return ec.generate_private_key(ec.SECP256R1())
    if kind == "rsa":
        return rsa.generate_private_key(65537, 2048)
    raise ValueError(f"no kind of key {kind!r}")


def key_pem(key: PrivateKey) -> bytes:
    """The key as PEM, in the traditional form, not encrypted."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )


def read_key(data: bytes, where: str, passphrase: bytes | None = None) -> PrivateKey:
    """A private key of KINDS' families from PEM (that may have certificates beside it) or DER.

    where: how errors call it. passphrase: of an encrypted key.
    raises: UserError; it never holds a part of the key.
    """
    load = (
        serialization.load_pem_private_key
        if b"-----BEGIN" in data
        else serialization.load_der_private_key
    )
    try:
        key = load(data, passphrase)
    except TypeError:
        raise UserError(
            f"the private key of {where} is encrypted: give its passphrase"
            if passphrase is None
            else f"the private key of {where} is not encrypted: leave the passphrase out"
        ) from None
    except Exception:
        raise UserError(
            f"{where} holds no private key that can be read"
            + ("" if passphrase is None else ", or the passphrase is wrong")
        ) from None
    if not isinstance(key, PrivateKey):
        raise UserError(f"the private key of {where} is neither elliptic curve (P-256) nor RSA")
    return key


def write_file(path: Path, data: bytes, mode: int) -> None:
    """Replace a file as a whole; it has `mode` from its first byte on. raises: OSError."""
    # mkstemp makes the file with mode 0600, whatever the umask; a reader sees the old or the new.
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise
