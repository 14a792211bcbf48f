"""How is a private key made, written to a file and read again, and which keys are good enough?

In the traditional form ("EC PRIVATE KEY", SEC 1; "RSA PRIVATE KEY", PKCS #1): Mbed TLS on a board
reads it without PKCS #8 support.
"""

import contextlib
import glob
import os
import stat
import tempfile
import time
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from tools.ui import UserError

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey

_LONGEST = 1 << 20
_LEAST_BITS = 2048
_WRITTEN_S = 60  # by then a file is written, or its writer is gone

CURVES = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}
"""FIPS 186-4, by OpenSSL's names."""

KINDS = ("ec", "rsa")
"""EC P-256, made at once and small enough for a board; RSA with 2048 bits."""


def new_key(kind: str = "ec") -> PrivateKey:
    """A new private key. kind: one of KINDS."""
    if kind == "ec":
        return ec.generate_private_key(ec.SECP256R1())
    if kind == "rsa":
        return rsa.generate_private_key(65537, 2048)
    raise ValueError(f"no kind of key {kind!r}")


def check_public(public: object, whose: str) -> None:
    """Is a public key of a kind and a size that TLS takes?  whose: how the error calls it.

    OpenSSL from its security level 2 on refuses RSA with less than 2048 bits; secp256k1 and the
    like have no suite.  raises: UserError.
    """
    if isinstance(public, ec.EllipticCurvePublicKey):
        good = public.curve.name in CURVES
    else:
        good = isinstance(public, rsa.RSAPublicKey) and public.key_size >= _LEAST_BITS
    if not good:
        raise UserError(
            f"the key of {whose} is neither elliptic curve (P-256, P-384, P-521) nor RSA with at"
            " least 2048 bits: make a new one"
        )


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


def read_file(path: Path) -> bytes:
    """The content of a file of certificates or keys.

    raises: UserError for one that cannot be read, is no regular file, or is longer than 1 MiB.
    """
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise UserError(f"{path} is not a regular file")
        if found.st_size > _LONGEST:
            raise UserError(f"{path} is longer than 1 MiB: no certificate or key is")
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from None


def write_file(path: Path, data: bytes, mode: int) -> None:
    """Replace a file as a whole; it has `mode` from its first byte on. raises: OSError."""
    prefix = f".{path.name}.signet-"
    for left in path.parent.glob(f"{glob.escape(prefix)}*"):  # of one that was killed
        with contextlib.suppress(OSError):
            if left.stat().st_mtime < time.time() - _WRITTEN_S:
                left.unlink()
    # mkstemp makes the file with mode 0600, whatever the umask; a reader sees the old or the new.
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=prefix)
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
