"""Which certificates do the test servers show?  ECDSA P-256, made anew every month.

good            for good.test, signed by the CA that tests are given
wrong_name      for other.test, signed by that CA
wrong_ca        for good.test, signed by another CA
self_signed     for good.test, signed by itself
expired         for good.test, valid until last year
not_yet_valid   for good.test, valid from next year

rsa             as good, with a key of RSA, 2048 bits

sha_1, md_5     signed over that hash, by an authority under the CA with a key of RSA
short_key       as good, with a key of RSA, 1024 bits
for_clients     as good, for clients only (extendedKeyUsage)
cannot_sign     as rsa, for signing certificates only (keyUsage)
under_a_device  signed by a certificate that is no CA's, itself signed by the CA
too_deep        two authorities under the CA, of which the upper allows none below it
constrained     an authority under the CA for example.org only, a critical name constraint
advised         as constrained, but not critical
by_cn           as good, its name in the CN only
top_level       for *.test
ed25519         an authority under the CA has a key of that kind

A client's are good, rsa, wrong_ca, expired and not_yet_valid, and signed by a CA of their own;
chain has the certificate of an authority under that CA behind its own.  They are of any device of
Watson's type t, CN `d:t:`; named is of device 7 in its CN, in_san in its SAN, other of device 77;
until_2040, until_2100 and until_9999 end in such a year.
"""

import datetime
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from host_tests import once

NAME = "good.test"
_SERVERS = ("good", "rsa", "wrong_name", "wrong_ca", "self_signed", "expired", "not_yet_valid")
_UNFIT = (
    *("sha_1", "md_5", "short_key", "for_clients", "cannot_sign", "by_cn", "top_level"),
    *("under_a_device", "too_deep", "constrained", "advised", "ed25519"),
)
_NAMES = {"named": "d:t:7", "other": "d:t:77", "in_san": "a meter"}
_YEARS = (2040, 2100, 9999)
CLIENTS = (
    *("good", "rsa", "chain", "wrong_ca", "expired", "not_yet_valid"),
    *_NAMES,
    *(f"until_{year}" for year in _YEARS),
)
_YEAR = datetime.timedelta(days=365)
_EXAMPLE_ORG = x509.NameConstraints([x509.DNSName("example.org")], None)
_RSA = {"kind": lambda: rsa.generate_private_key(65537, 2048)}
_BETWEEN: dict[str, list[dict[str, Any]]] = {  # from the CA down
    "sha_1": [_RSA],
    "md_5": [_RSA],
    "under_a_device": [{"ca": False}],
    "too_deep": [{"path_length": 0}, {}],
    "constrained": [{"more": [_EXAMPLE_ORG]}],
    "advised": [{"more": [_EXAMPLE_ORG], "critical": False}],
    "ed25519": [{"kind": ed25519.Ed25519PrivateKey.generate}],
}
_OIDS = bytes.fromhex("06092a864886f70d0101")  # RFC 8017, appendix C: then 4, 5 or 11
_HASHES = {"sha_1": (5, hashes.SHA1()), "md_5": (4, hashes.MD5())}
_SIGNS_CERTIFICATES = x509.KeyUsage(False, False, False, False, False, True, False, False, False)
_ALTERNATIVES = {"by_cn": "", "top_level": x509.DNSName("*.test")}
_USES: dict[str, list[x509.ExtensionType]] = {
    "for_clients": [x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])],
    "cannot_sign": [_SIGNS_CERTIFICATES],
}


class Certificates:
    """The PEM files of a folder that `make` has filled."""

    def __init__(self) -> None:
        month = datetime.datetime.now(datetime.UTC).strftime("%Y-%m")
        self._folder = once.made("certificates", [Path(__file__), month], make)
        self.ca = self._folder / "ca.pem"
        self.ca_der = self._folder / "ca.der"
        self.client_ca = self._folder / "client_ca.pem"
        """Signs what `client` returns."""

    def chain(self, kind: str) -> Path:
        """Returns the path of a PEM file with the certificate `kind` and its key."""
        return self._folder / f"{kind}.pem"

    def end(self, path: Path) -> int:
        """When the first certificate of a PEM file ends, in Unix seconds."""
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
        return int(certificate.not_valid_after_utc.timestamp())

    def client(self, kind: str) -> tuple[Path, Path]:
        """Returns the paths of two PEM files: a client's certificate `kind`, and its key."""
        return self._folder / f"client_{kind}.pem", self._folder / f"client_{kind}.key"


def make(folder: Path) -> None:
    """Writes all of them."""
    maker = _Maker()
    ca, client_ca = (maker.authority(f"signet test {name}") for name in ("CA", "client CA"))
    (folder / "ca.pem").write_bytes(_pem(ca[0]))
    (folder / "ca.der").write_bytes(ca[0].public_bytes(serialization.Encoding.DER))
    (folder / "client_ca.pem").write_bytes(_pem(client_ca[0]))
    for kind in _SERVERS:
        (folder / f"{kind}.pem").write_bytes(b"".join(maker.server(kind, ca)))
    for kind in _UNFIT:
        (folder / f"{kind}.pem").write_bytes(b"".join(maker.unfit(kind, ca)))
    for kind in CLIENTS:
        cert, key = maker.client(kind, client_ca)
        (folder / f"client_{kind}.pem").write_bytes(cert)
        (folder / f"client_{kind}.key").write_bytes(key)


class _Maker:
    """Makes pairs of certificate and key; an authority is such a pair, of objects."""

    def __init__(self) -> None:
        self._now = datetime.datetime.now(datetime.UTC)

    def server(self, kind, ca) -> tuple[bytes, bytes]:
        """A server's, both PEM."""
        authority = {"self_signed": "self", "wrong_ca": self.authority("another CA")}
        name = "other.test" if kind == "wrong_name" else NAME
        bits = 2048 if kind == "rsa" else 0
        return self._signed(name, authority.get(kind, ca), *_dates(kind), bits)

    def unfit(self, kind, ca) -> list[bytes]:
        """A server's certificate that is refused for what is in its chain, its key, the chain."""
        above = [ca]
        for number, how in enumerate(_BETWEEN.get(kind, ())):
            above.insert(0, self.authority(f"{kind} {number}", above[0], **how))
        bits = {"short_key": 1024, "cannot_sign": 2048}.get(kind, 0)
        alternative = _ALTERNATIVES.get(kind)
        more = _USES.get(kind, ())
        cert, key = self._signed(NAME, above[0], *_dates(kind), bits, alternative, more)
        if kind in _HASHES:
            cert = _pem(_signed_over(*_HASHES[kind], cert, above[0][1]))
        return [cert, key, *(_pem(each) for each, _ in above[:-1])]

    def client(self, kind, ca) -> tuple[bytes, bytes]:
        """A client's, both PEM, with the certificate of the authority between, if any."""
        begin, end = _dates(kind)
        if kind.startswith("until_"):
            last = datetime.datetime(int(kind[6:]), 12, 31, 23, 59, 59, tzinfo=datetime.UTC)
            end = last - self._now
        authority = ca
        if kind == "chain":
            authority = self.authority("signet test intermediate", ca)
        elif kind == "wrong_ca":
            authority = self.authority("another CA")
        alternative = x509.RFC822Name("d:t:7" if kind == "in_san" else "a@client.test")
        name = _NAMES.get(kind, "d:t:")
        bits = 2048 if kind == "rsa" else 0
        cert, key = self._signed(name, authority, begin, end, bits, alternative)
        return cert + _pem(authority[0]) if kind == "chain" else cert, key

    def _signed(
        self, name, authority, begin, end, rsa_bits=0, alternative=None, more=()
    ) -> tuple[bytes, bytes]:
        """A certificate and its key, both PEM; authority: certificate and key, or "self"."""
        key = (
            rsa.generate_private_key(65537, rsa_bits)
            if rsa_bits
            else ec.generate_private_key(ec.SECP256R1())
        )
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        issuer, signer = (
            (subject, key) if authority == "self" else (authority[0].subject, authority[1])
        )
        builder = self._builder(subject, issuer, key, begin, end)
        if alternative != "":
            alternatives = x509.SubjectAlternativeName([alternative or x509.DNSName(name)])
            builder = builder.add_extension(alternatives, critical=False)
        for extension in (x509.BasicConstraints(ca=False, path_length=None), *more):
            builder = builder.add_extension(extension, critical=True)
        certificate = _sign(builder, signer)
        private = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        return _pem(certificate), private

    def authority(
        self, name, above=None, ca=True, path_length=None, more=(), critical=True, kind=None
    ):
        """A new one, under another or its own; kind: a function that makes its key."""
        key = kind() if kind else ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        issuer, signer = (subject, key) if above is None else (above[0].subject, above[1])
        builder = self._builder(subject, issuer, key, -2 * _YEAR, 2 * _YEAR)
        builder = builder.add_extension(x509.BasicConstraints(ca, path_length), critical=True)
        for extension in more:
            builder = builder.add_extension(extension, critical)
        return _sign(builder, signer), key

    def _builder(self, subject, issuer, key, begin, end):
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(self._now + begin)
            .not_valid_after(self._now + end)
        )


def _sign(builder, key):
    return builder.sign(
        key, None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    )


def _signed_over(number, algorithm, cert, key):
    """A certificate (PEM) signed anew, over a hash that cryptography does not sign any more."""
    certificate = x509.load_pem_x509_certificate(cert)
    old, new = _OIDS + b"\x0b", _OIDS + bytes([number])
    body = certificate.tbs_certificate_bytes.replace(old, new)
    signature = key.sign(body, padding.PKCS1v15(), algorithm)
    der = certificate.public_bytes(serialization.Encoding.DER).replace(old, new)
    return x509.load_der_x509_certificate(der[: -len(signature)] + signature)


def _dates(kind):
    """From when until when, from now on."""
    if kind == "expired":
        return -2 * _YEAR, -_YEAR
    return (_YEAR, 2 * _YEAR) if kind == "not_yet_valid" else (-_YEAR, _YEAR)


def _pem(certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
