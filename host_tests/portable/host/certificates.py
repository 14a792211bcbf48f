"""Which certificates do the test servers show?  Made afresh for each run, ECDSA P-256.

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
import functools
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

NAME = "good.test"
_NAMES = {"named": "d:t:7", "other": "d:t:77", "in_san": "a meter"}
_YEARS = (2040, 2100, 9999)
CLIENTS = (
    *("good", "rsa", "chain", "wrong_ca", "expired", "not_yet_valid"),
    *_NAMES,
    *(f"until_{year}" for year in _YEARS),
)
_YEAR = datetime.timedelta(days=365)


class Certificates:
    """Writes `ca.pem`, `ca.der` and, when asked for, `KIND.pem` with certificate and key."""

    def __init__(self, folder: Path):
        self._folder = folder
        self._now = datetime.datetime.now(datetime.UTC)
        self._ca = self._authority("signet test CA")
        self.ca = folder / "ca.pem"
        self.ca.write_bytes(_pem(self._ca[0]))
        self.ca_der = folder / "ca.der"
        self.ca_der.write_bytes(self._ca[0].public_bytes(serialization.Encoding.DER))

    def chain(self, kind: str) -> Path:
        """Returns the path of a PEM file with the certificate `kind` and its key."""
        path = self._folder / f"{kind}.pem"
        if not path.exists():
            path.write_bytes(self._make(kind))
        return path

    @functools.cached_property
    def client_ca(self) -> Path:
        """The path of a PEM file: the CA that signs what `client` returns."""
        path = self._folder / "client_ca.pem"
        path.write_bytes(_pem(self._client_authority[0]))
        return path

    @functools.cached_property
    def _client_authority(self):
        return self._authority("signet test client CA")

    def client(self, kind: str) -> tuple[Path, Path]:
        """Returns the paths of two PEM files: a client's certificate `kind`, and its key."""
        paths = self._folder / f"client_{kind}.pem", self._folder / f"client_{kind}.key"
        if not paths[1].exists():
            year = _YEAR
            ours = self._client_authority
            between = (
                self._authority("signet test intermediate", ours) if kind == "chain" else ours
            )
            authority, begin, end = {
                "wrong_ca": (self._authority("another CA"), -year, year),
                "expired": (ours, -2 * year, -year),
                "not_yet_valid": (ours, year, 2 * year),
            }.get(kind, (between, -year, year))
            if kind.startswith("until_"):
                last = datetime.datetime(int(kind[6:]), 12, 31, 23, 59, 59, tzinfo=datetime.UTC)
                end = last - self._now
            alternative = x509.RFC822Name("d:t:7" if kind == "in_san" else "a@client.test")
            name = _NAMES.get(kind, "d:t:")
            cert, key = self._signed(name, authority, begin, end, kind == "rsa", alternative)
            if between is not ours:
                cert += _pem(between[0])
            paths[0].write_bytes(cert)
            paths[1].write_bytes(key)
        return paths

    def _make(self, kind: str) -> bytes:
        year = _YEAR
        kinds = {
            "good": (NAME, self._ca, -year, year),
            "rsa": (NAME, self._ca, -year, year),
            "wrong_name": ("other.test", self._ca, -year, year),
            "wrong_ca": (NAME, None, -year, year),
            "self_signed": (NAME, "self", -year, year),
            "expired": (NAME, self._ca, -2 * year, -year),
            "not_yet_valid": (NAME, self._ca, year, 2 * year),
        }
        name, authority, begin, end = kinds[kind]
        if authority is None:
            authority = self._authority("another CA")
        return b"".join(self._signed(name, authority, begin, end, kind == "rsa"))

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

    def _authority(self, name, above=None):
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


def _pem(certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
