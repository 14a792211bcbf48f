"""Which certificates and keys does wire/x509.py read?  Made by the library cryptography."""

import datetime
import random
from collections.abc import Iterator
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

_PEM, _DER = Encoding.PEM, Encoding.DER
_FIRST = datetime.datetime(1950, 1, 1, tzinfo=datetime.UTC)
_LAST = datetime.datetime(2100, 12, 31, 23, 59, 59, tzinfo=datetime.UTC)
_EDGES = ("1970-01-01", "1999-12-31", "2000-02-29", "2000-03-01", "2049-12-31", "2050-01-01")


def _certificate(key: Any, end: datetime.datetime, name: str = "d:meter:1") -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_FIRST)
        .not_valid_after(end)
        .add_extension(x509.SubjectAlternativeName([x509.RFC822Name("d:meter:1")]), False)
        .sign(key, hashes.SHA256())
    )


def _end_of(certificate: x509.Certificate) -> int:
    return int(certificate.not_valid_after_utc.timestamp())


def certificates() -> Iterator[dict[str, Any]]:
    """What a file holds, in hex, and when each certificate in it ends, in Unix seconds."""
    source = random.Random(5280)  # RFC 5280
    key = ec.generate_private_key(ec.SECP256R1())
    ends = [datetime.datetime.fromisoformat(f"{day}T12:34:56+00:00") for day in _EDGES]
    span = int((_LAST - _FIRST).total_seconds())
    ends += [_FIRST + datetime.timedelta(seconds=source.randrange(span)) for _ in range(40)]
    made = [_certificate(key, end) for end in [*ends, _FIRST, _LAST]]
    for certificate in made:
        yield _case(f"DER until {certificate.not_valid_after_utc}", _DER, [certificate])
    yield _case("PEM", _PEM, made[:1])
    yield _case("a chain", _PEM, made[1:4])
    large = _certificate(rsa.generate_private_key(65537, 1024), ends[7], "n" * 64)
    yield _case("RSA", _PEM, [large])
    case = _case("a chain with other things in it", _PEM, made[4:6])
    private = key.private_bytes(_PEM, PrivateFormat.PKCS8, NoEncryption())
    junk = b"-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"
    middle = b"some words\r\n" + private + junk
    first, second = (each.public_bytes(_PEM) for each in made[4:6])
    yield {**case, "data": (first.replace(b"\n", b"\r\n") + middle + second).hex()}


def _case(what: str, form: Encoding, certificates: list[x509.Certificate]) -> dict[str, Any]:
    data = b"".join(each.public_bytes(form) for each in certificates)
    return {"what": what, "data": data.hex(), "ends": [_end_of(each) for each in certificates]}


def keys() -> Iterator[dict[str, Any]]:
    """A key and a certificate, in hex, and whether the one is the other's."""
    pairs = [ec.generate_private_key(curve()) for curve in (ec.SECP256R1, ec.SECP384R1)]
    pairs += [rsa.generate_private_key(65537, 1024) for _ in range(2)]
    pairs.append(ec.generate_private_key(ec.SECP256R1()))
    shown = [_certificate(key, _LAST) for key in pairs]
    for number, key in enumerate(pairs):
        for kind in (PrivateFormat.TraditionalOpenSSL, PrivateFormat.PKCS8):
            for form in (_DER, _PEM):
                private = key.private_bytes(form, kind, NoEncryption())
                for other, certificate in enumerate(shown):
                    yield {
                        "what": f"{kind} {form}, key {number}, certificate {other}",
                        "key": private.hex(),
                        "cert": certificate.public_bytes(form).hex(),
                        "belongs": number == other,
                    }
