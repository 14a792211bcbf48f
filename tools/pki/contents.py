"""What is in a file: which certificates, requests and private keys, in PEM or DER?

PEM: RFC 7468. Text outside the blocks is ignored, as OpenSSL and Mbed TLS do.
"""

import contextlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization

from tools.ui import UserError

_MARK = re.compile(rb"-----(BEGIN|END) ([A-Z0-9 ]+)-----")
_CERTIFICATES = ("CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE")
_REQUESTS = ("CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST")
_IGNORED = ("EC PARAMETERS", "DH PARAMETERS")

# The first byte of DER, an ASN.1 SEQUENCE.
_SEQUENCE = 0x30


@dataclass(frozen=True, slots=True)
class Key:
    """A private key, which no output may hold.

    form: "traditional", "PKCS #8" or "OpenSSH". key: None when it is encrypted.
    """

    form: str
    encrypted: bool
    key: object | None = field(repr=False)

    @property
    def public(self) -> object | None:
        """The public key; None when that is not known."""
        return getattr(self.key, "public_key", lambda: None)()


Part = x509.Certificate | x509.CertificateSigningRequest | Key
_T = TypeVar("_T", x509.Certificate, x509.CertificateSigningRequest, Key)


@dataclass(frozen=True, slots=True)
class Contents:
    """What a file holds, in its order. pem: PEM, else DER. unreadable: what cannot be read."""

    parts: list[Part]
    pem: bool
    unreadable: list[str]

    @property
    def certificates(self) -> list[x509.Certificate]:
        """The certificates, in their order."""
        return _of(self.parts, x509.Certificate)

    @property
    def requests(self) -> list[x509.CertificateSigningRequest]:
        """The signing requests."""
        return _of(self.parts, x509.CertificateSigningRequest)

    @property
    def keys(self) -> list[Key]:
        """The private keys."""
        return _of(self.parts, Key)


def _of(parts: Iterable[Part], kind: type[_T]) -> list[_T]:
    return [part for part in parts if isinstance(part, kind)]


def read(data: bytes) -> Contents:
    """Take a file apart. raises: UserError when it is nothing of that kind."""
    if b"-----BEGIN " in data:
        parts: list[Part] = []
        unreadable: list[str] = []
        blocks = list(_blocks(data))
        for label, block in blocks:
            if label in _IGNORED:
                continue
            try:
                parts.append(_pem_part(label, block))
            except UserError as error:
                unreadable.append(str(error))
        if data.count(b"-----BEGIN ") > len(blocks):
            unreadable.append("a block has no END line of its own: the file is cut off")
        return Contents(parts, True, unreadable)
    if data[:1] and data[0] == _SEQUENCE:
        return Contents([_der_part(data)], False, [])
    raise UserError("neither PEM nor DER: no certificate, request or key in it")


def _blocks(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Label and text of each block that has its END line, in one pass."""
    begin: re.Match[bytes] | None = None
    for mark in _MARK.finditer(data):
        if mark[1] == b"BEGIN":
            begin = mark
        elif begin is not None and begin[2] == mark[2]:
            yield mark[2].decode(), data[begin.start() : mark.end()]
            begin = None


def _pem_part(label: str, block: bytes) -> Part:
    if label in _CERTIFICATES:
        try:
            return _whole(x509.load_pem_x509_certificate(block))
        except _DAMAGED:
            raise UserError("a certificate that is damaged: copy it again") from None
    if label in _REQUESTS:
        try:
            return _whole(x509.load_pem_x509_csr(block))
        except _DAMAGED:
            raise UserError("a request that is damaged: make it again") from None
    if label.endswith("PRIVATE KEY"):
        return _pem_key(label, block)
    if label == "PKCS7":
        raise UserError(
            "PKCS #7, which boards do not read: `openssl pkcs7 -print_certs` takes it apart"
        )
    raise UserError(f"a block {label}, which is no certificate, request or private key")


# An extension may be damaged or be there twice.
_DAMAGED = (ValueError, x509.DuplicateExtension)
_Named = TypeVar("_Named", x509.Certificate, x509.CertificateSigningRequest)


def _whole(part: _Named) -> _Named:
    """cryptography reads names and extensions only when asked for: now is the time to complain."""
    try:
        _ = part.extensions, part.subject
    except x509.UnsupportedGeneralNameType:
        raise UserError(
            "a name of a kind that is not read here (x400Address, ediPartyName): leave it out"
        ) from None
    return part


def public_key(part: x509.Certificate | x509.CertificateSigningRequest) -> object | None:
    """Its public key; None for one of an unknown kind or curve."""
    try:
        return part.public_key()
    except (ValueError, UnsupportedAlgorithm):
        return None


def _pem_key(label: str, block: bytes) -> Key:
    form = "PKCS #8" if label in ("PRIVATE KEY", "ENCRYPTED PRIVATE KEY") else "traditional"
    if label == "OPENSSH PRIVATE KEY":
        return Key("OpenSSH", False, None)
    if label == "ENCRYPTED PRIVATE KEY" or b"Proc-Type: 4,ENCRYPTED" in block:
        return Key(form, True, None)
    try:
        return Key(form, False, serialization.load_pem_private_key(block, None))
    except Exception:  # OpenSSL's errors have many types, and may quote the file
        raise UserError("a private key that is damaged or of an unknown kind") from None


def _der_part(data: bytes) -> Part:
    with contextlib.suppress(*_DAMAGED):
        return _whole(x509.load_der_x509_certificate(data))
    with contextlib.suppress(*_DAMAGED):
        return _whole(x509.load_der_x509_csr(data))
    try:
        key = serialization.load_der_private_key(data, None)
    except TypeError:
        return Key("PKCS #8", True, None)
    except Exception:
        raise UserError(
            "DER, but no certificate, request or private key; of PKCS #12 (.p12, .pfx)"
            " `openssl pkcs12 -nodes -in FILE` makes PEM"
        ) from None
    return Key(_der_form(data, key), False, key)


def _der_form(data: bytes, key: object) -> str:
    """PKCS #8 wraps what the traditional form has bare."""
    try:
        traditional = key.private_bytes(  # type: ignore[attr-defined]
            serialization.Encoding.DER,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
    except (ValueError, AttributeError):
        return "PKCS #8"
    return "traditional" if data[: len(traditional)] == traditional else "PKCS #8"
