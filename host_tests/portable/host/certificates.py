"""Which certificates do the test servers show?  ECDSA P-256, made anew every month.

good            for good.test, signed by the CA that tests are given
wrong_name      for other.test, signed by that CA
wrong_ca        for good.test, signed by another CA
self_signed     for good.test, signed by itself
expired         for good.test, valid until last year
not_yet_valid   for good.test, valid from next year

rsa             as good, with a key of RSA, 2048 bits

A client's are good, rsa, wrong_ca, expired and not_yet_valid, and signed by a CA of their own;
chain has the certificate of an authority under that CA behind its own.  They are of any device of
Watson's type t, CN `d:t:`; named is of device 7 in its CN, in_san in its SAN, other of device 77;
until_2040, until_2100 and until_9999 end in such a year.
"""

import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from host_tests import once

NAME = "good.test"
_SERVERS = ("good", "rsa", "wrong_name", "wrong_ca", "self_signed", "expired", "not_yet_valid")
_NAMES = {"named": "d:t:7", "other": "d:t:77", "in_san": "a meter"}
_YEARS = (2040, 2100, 9999)
CLIENTS = (
    *("good", "rsa", "chain", "wrong_ca", "expired", "not_yet_valid"),
    *_NAMES,
    *(f"until_{year}" for year in _YEARS),
)
_YEAR = datetime.timedelta(days=365)


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
        return self._signed(name, authority.get(kind, ca), *_dates(kind), kind == "rsa")

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
        cert, key = self._signed(name, authority, begin, end, kind == "rsa", alternative)
        return cert + _pem(authority[0]) if kind == "chain" else cert, key

    def _signed(
        self, name, authority, begin, end, of_rsa=False, alternative=None
    ) -> tuple[bytes, bytes]:
        """A certificate and its key, both PEM; authority: certificate and key, or "self"."""
        key = (
            rsa.generate_private_key(65537, 2048)
            if of_rsa
            else ec.generate_private_key(ec.SECP256R1())
        )
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        issuer, signer = (
            (subject, key) if authority == "self" else (authority[0].subject, authority[1])
        )
        certificate = (
            self._builder(subject, issuer, key, begin, end)
            .add_extension(
                x509.SubjectAlternativeName([alternative or x509.DNSName(name)]), critical=False
            )
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .sign(signer, hashes.SHA256())
        )
        private = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        return _pem(certificate), private

    def authority(self, name, above=None):
        """A new one, under another or its own."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        issuer, signer = (subject, key) if above is None else (above[0].subject, above[1])
        certificate = (
            self._builder(subject, issuer, key, -2 * _YEAR, 2 * _YEAR)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(signer, hashes.SHA256())
        )
        return certificate, key

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


def _dates(kind):
    """From when until when, from now on."""
    if kind == "expired":
        return -2 * _YEAR, -_YEAR
    return (_YEAR, 2 * _YEAR) if kind == "not_yet_valid" else (-_YEAR, _YEAR)


def _pem(certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
