"""Which certificates has a board of a trace now, and which CA signed them?

No private key is in a trace. So each certificate there has one in its place with the same names,
serial number and extensions, as far from its end, and signed by what is in its issuer's place; the
keys are new ones of the same kind.
"""

import datetime
import hashlib
import itertools
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID

from tools.pki.authority import Authority, certificate_pem
from tools.pki.checks import signed_by
from tools.pki.keys import PrivateKey, key_pem, read_key, write_file
from tools.twin.clouds import CLOUDS
from tools.twin.registry.store import Store
from tools.twin.tls.handshake import certificate_of

_DAY = datetime.timedelta(days=1)
_LONGEST_KEY = 8192  # of RSA: one that is made in seconds

_Signed = tuple[x509.Certificate, PrivateKey]


class CertificateError(Exception):
    """One of a trace cannot be made again."""


class Issuers:
    """Those of one replay. folder: for its files, private. store: of its twin."""

    def __init__(self, folder: Path, store: Store) -> None:
        self._folder = folder
        self._store = store
        self._known: defaultdict[x509.Name, list[x509.Certificate]] = defaultdict(list)
        self._keys: dict[bytes, PrivateKey] = {}  # of issuers, by the public key in the trace
        # Of issuers that are not in the trace yet, by name and key identifier: something that each
        # signed, and its key.
        self._unseen: defaultdict[x509.Name, dict[bytes | None, _Signed]] = defaultdict(dict)
        for cloud in CLOUDS.values():
            if cloud.ca:
                self._own(cloud.name, self._authority(cloud.name).certificate)

    def _authority(self, cloud: str) -> Authority:
        return Authority(self._store.path.parent / cloud)

    def own(self, issuers: Mapping[str, str]) -> None:
        """What the CA of each cloud's devices was in the trace: this twin's is in its place."""
        for cloud, pem in issuers.items():
            if cloud in CLOUDS and CLOUDS[cloud].ca:
                self._own(cloud, x509.load_pem_x509_certificate(pem.encode()))

    def _own(self, cloud: str, certificate: x509.Certificate) -> None:
        key_file = self._authority(cloud).certificate_file.with_suffix(".key")
        self._keys[_public(certificate)] = read_key(key_file.read_bytes(), str(key_file))
        self._know(certificate)

    def know(self, pems: Iterable[str]) -> None:
        """Take note of CAs of the trace, before one of them is asked for."""
        for certificate in itertools.chain.from_iterable(map(_read, pems)):
            self._know(certificate)

    def _know(self, certificate: x509.Certificate) -> None:
        alike = self._known[certificate.subject]
        if certificate in alike:
            return
        alike.append(certificate)
        for signed, key in self._unseen[certificate.subject].values():
            if signed_by(signed, certificate):
                self._keys.setdefault(_public(certificate), key)

    def pem(self, pem: str, later_ms: int) -> str:
        """What is in place of a CA of the trace; as it was where that cannot be made again.

        later_ms: see `tools.twin.clouds.proof.Then`.
        """
        try:
            made = [self._made(each, later_ms)[0] for each in _read(pem)]
        except CertificateError:
            return pem
        return "".join(certificate_pem(each).decode() for each in made)

    def shown(
        self, chain: Sequence[bytes], later_ms: int
    ) -> tuple[Path, x509.Certificate, x509.Certificate]:
        """What a board shows now, with its key: the file; its own certificate, then and now.

        chain: DER of what it showed in the trace, its own first. raises: CertificateError.
        """
        try:
            old = [certificate_of(each) for each in chain]
        except ValueError as error:
            raise CertificateError from error
        digest = hashlib.sha256(b"".join(chain)).hexdigest()
        file = self._folder / f"shown-{digest}.pem"
        if not file.exists():
            for each in old[1:]:
                self._know(each)
            own, key = self._made(old[0], later_ms)
            made = [own, *(self._made(each, later_ms)[0] for each in old[1:])]
            write_file(file, b"".join(map(certificate_pem, made)) + key_pem(key), 0o600)
        return file, old[0], x509.load_pem_x509_certificate(file.read_bytes())

    def named(self, shown: Mapping[str, Any], later_ms: int) -> Path:
        """One like that of an "opened" record without a chain, as earlier versions wrote it.

        raises: CertificateError where no CA of that name is known.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        ends = datetime.datetime.fromtimestamp(shown["not_after_ms"] / 1000, datetime.UTC)
        names = [x509.RFC822Name(each) for each in shown.get("emails", ())]
        builder = (
            x509.CertificateBuilder()
            .issuer_name(x509.Name.from_rfc4514_string(shown["issuer"]))
            .subject_name(x509.Name.from_rfc4514_string(shown["subject"]))
            .public_key(key.public_key())
            .serial_number(int(shown["serial"], 16))
            .not_valid_before(min(ends, datetime.datetime.now(datetime.UTC)) - _DAY)
            .not_valid_after(ends)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), False)
        )
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), False)
        own, new_key = self._made(builder.sign(key, SHA256()), later_ms, by_name=True)
        file = self._folder / "named.pem"
        write_file(file, certificate_pem(own) + key_pem(new_key), 0o600)
        return file

    def _made(
        self, old: x509.Certificate, later_ms: int, *, by_name: bool = False
    ) -> tuple[x509.Certificate, PrivateKey]:
        """What is in place of a certificate, and its key. by_name: its signature says nothing."""
        try:
            key = self._key(old)
            signer = key if signed_by(old, old) and not by_name else self._signer(old, by_name)
            builder = x509.CertificateBuilder(
                old.issuer,
                old.subject,
                key.public_key(),
                old.serial_number,
                _moved(old.not_valid_before_utc, later_ms),
                _moved(old.not_valid_after_utc, later_ms),
            )
            for each in old.extensions:
                value = _anew(each.value, key, signer)
                builder = builder.add_extension(value, each.critical)
            digest: Any = old.signature_hash_algorithm or SHA256()
            return builder.sign(signer, digest), key
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise CertificateError from error

    def _key(self, old: x509.Certificate) -> PrivateKey:
        """Of an issuer always the same."""
        public = _public(old)
        key = self._keys.get(public) or _alike(old.public_key())
        if old in self._known.get(old.subject, ()):
            self._keys[public] = key
        return key

    def _signer(self, old: x509.Certificate, by_name: bool) -> PrivateKey:
        for each in reversed(self._known.get(old.issuer, ())):
            if by_name or signed_by(old, each):
                return self._key(each)
        if by_name:
            raise CertificateError
        first = old, ec.generate_private_key(ec.SECP256R1())
        return self._unseen[old.issuer].setdefault(_signer_id(old), first)[1]


def _read(pem: str) -> list[x509.Certificate]:
    """Those that can be read."""
    try:
        return x509.load_pem_x509_certificates(pem.encode())
    except ValueError:
        return []


def _signer_id(certificate: x509.Certificate) -> bytes | None:
    try:
        kind = x509.AuthorityKeyIdentifier
        return certificate.extensions.get_extension_for_class(kind).value.key_identifier
    except x509.ExtensionNotFound:
        return None


def _public(certificate: x509.Certificate) -> bytes:
    return certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _alike(public: object) -> PrivateKey:
    """A new key of the same kind. raises: ValueError for one that no twin lets in."""
    if isinstance(public, ec.EllipticCurvePublicKey):
        return ec.generate_private_key(public.curve)
    if isinstance(public, rsa.RSAPublicKey) and public.key_size <= _LONGEST_KEY:
        return rsa.generate_private_key(65537, public.key_size)
    raise ValueError("no key of that kind")


def _anew(value: x509.ExtensionType, key: PrivateKey, signer: PrivateKey) -> x509.ExtensionType:
    """An extension, with what names a key in it."""
    if isinstance(value, x509.SubjectKeyIdentifier):
        return x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    if isinstance(value, x509.AuthorityKeyIdentifier) and value.key_identifier is not None:
        return x509.AuthorityKeyIdentifier(
            x509.SubjectKeyIdentifier.from_public_key(signer.public_key()).digest,
            value.authority_cert_issuer,
            value.authority_cert_serial_number,
        )
    return value


def _moved(moment: datetime.datetime, later_ms: int) -> datetime.datetime:
    try:
        return moment + datetime.timedelta(milliseconds=later_ms)
    except OverflowError:
        return moment
