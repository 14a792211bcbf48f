"""Which certificate authority signs, and what does it write into a certificate?

Fields and extensions follow RFC 5280.
"""

import datetime
import ipaddress
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tools.pki.contents import public_key
from tools.pki.keys import PublicKey, check_public, key_pem, new_key, read_key, write_file
from tools.pki.names import alternatives
from tools.ui import UserError

# Long before now: a board whose clock was never set may still believe in its build date.
_NOT_BEFORE = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
_SERVER_DAYS = 397
CLIENT_DAYS = 730
"""EnOS's default for a device certificate."""

_SERVER = ExtendedKeyUsageOID.SERVER_AUTH
_CLIENT = ExtendedKeyUsageOID.CLIENT_AUTH


class Authority:
    """A certificate authority that keeps its key and its certificate in a folder.

    folder: where `ca.pem` and `ca.key` lie or, on first use, are made with the rest:
    name: its common name. kind: of its key, "ec" (P-256) or "rsa" (2048). days: how long it lives.
    raises: UserError for files that do not belong together, or where one is missing.
    """

    def __init__(
        self, folder: Path, name: str = "signet twin CA", kind: str = "ec", days: int = 3650
    ) -> None:
        self.certificate_file = folder / "ca.pem"
        key_file = folder / "ca.key"
        there = [file for file in (self.certificate_file, key_file) if file.exists()]
        if len(there) == 1:
            raise UserError(
                f"there is {there[0]}, but not the other of ca.pem and ca.key: put that beside it,"
                " or choose another folder"
            )
        if not there:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._make(key_file, name, kind, days)
        self._key = read_key(key_file.read_bytes(), str(key_file))
        try:
            self.certificate = x509.load_pem_x509_certificate(self.certificate_file.read_bytes())
        except ValueError:
            raise UserError(f"{self.certificate_file} holds no certificate") from None
        if self.certificate.public_key() != self._key.public_key():
            raise UserError(f"{key_file} is not the key of {self.certificate_file}")

    def _make(self, key_file: Path, name: str, kind: str, days: int) -> None:
        key = new_key(kind)
        subject = common_name(name)
        certificate = (
            _builder(subject, subject, key.public_key(), (_NOT_BEFORE, _now() + _days(days)))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_key_usage(key_cert_sign=True, crl_sign=True), critical=True)
            .sign(key, hashes.SHA256())
        )
        write_file(key_file, key_pem(key), 0o600)
        write_file(self.certificate_file, certificate_pem(certificate), 0o644)

    def server(
        self,
        names: Sequence[str],
        target: Path,
        kind: str = "ec",
        *,
        not_before: datetime.datetime | None = None,
        not_after: datetime.datetime | None = None,
    ) -> Path:
        """Write a server's key and certificate (in one PEM file of mode 0600) and return it.

        names: DNS names (also `*.example.com`) and addresses; the first is the common name.
        target: the file to write. kind: of its key, "ec" or "rsa".
        not_before, not_after: default: from 2020 on, for 397 days from now.
        """
        key = new_key(kind)
        validity = (
            not_before or _NOT_BEFORE,
            not_after or self._end(_now() + _days(_SERVER_DAYS)),
        )
        hosts = [_general(name) for name in names]
        certificate = self._issue(
            common_name(names[0][:64]), key.public_key(), validity, hosts, _SERVER
        )
        write_file(target, certificate_pem(certificate) + key_pem(key), 0o600)
        return target

    def client(
        self,
        common_name: str,
        *,
        email: str | None = None,
        kind: str = "ec",
        days: int = CLIENT_DAYS,
        not_before: datetime.datetime | None = None,
        not_after: datetime.datetime | None = None,
        target: Path,
    ) -> Path:
        """Write a device's certificate and key (in one PEM file of mode 0600) and return it.

        The certificate comes first, then the key.
        common_name: such as "d:esp32:board-1", at most 64 characters; "" for none.
        email: the subject alternative name (rfc822Name), which Watson takes in place of the
        common name. kind: of its key, "ec" or "rsa". days: from now on.
        not_before, not_after: default: from an hour ago, for so many days.
        target: the file to write.
        raises: UserError for a common name that is too long.
        """
        key = new_key(kind)
        start = not_before or _an_hour_ago()
        validity = (start, not_after or self._end(max(start, _now()) + _days(days)))
        emails: list[x509.GeneralName] = [x509.RFC822Name(email)] if email else []
        certificate = self._issue(
            subject_of(common_name), key.public_key(), validity, emails, _CLIENT
        )
        write_file(target, certificate_pem(certificate) + key_pem(key), 0o600)
        return target

    def sign(
        self,
        csr: x509.CertificateSigningRequest,
        days: int = CLIENT_DAYS,
        *,
        server: bool = False,
    ) -> x509.Certificate:
        """A certificate with the subject, the alternative names and the key of a request.

        csr: its signature is checked. days: from now on, at most as long as this authority lives.
        server: for a TLS server; default: for a client.
        raises: UserError for a request that is not signed by its own key, or whose key is weak
        or of another kind than RSA or elliptic curve.
        """
        public = public_key(csr)
        if not csr.is_signature_valid:
            raise UserError("the request is damaged: its signature is not by its own key")
        check_public(public, "the request")
        assert isinstance(public, PublicKey)
        validity = (_an_hour_ago(), self._end(_now() + _days(days)))
        purpose = _SERVER if server else _CLIENT
        return self._issue(csr.subject, public, validity, alternatives(csr), purpose)

    def renew(self, certificate: x509.Certificate, days: int = CLIENT_DAYS) -> x509.Certificate:
        """The same client's certificate with the same key, a new serial number and new dates.

        raises: UserError for a certificate that another authority signed.
        """
        try:
            certificate.verify_directly_issued_by(self.certificate)
        except (ValueError, TypeError, InvalidSignature):
            raise UserError(
                "the certificate is not signed by this CA, which cannot renew it"
            ) from None
        public = certificate.public_key()
        assert isinstance(public, PublicKey)  # or this authority would not have signed it
        validity = (_an_hour_ago(), self._end(_now() + _days(days)))
        return self._issue(
            certificate.subject, public, validity, alternatives(certificate), _CLIENT
        )

    def _issue(
        self,
        subject: x509.Name,
        public: PublicKey,
        validity: tuple[datetime.datetime, datetime.datetime],
        also: Sequence[x509.GeneralName],
        purpose: x509.ObjectIdentifier,
    ) -> x509.Certificate:
        # The suites TLS_RSA_WITH_... encrypt to the server's key (RFC 5246 section 7.4.2).
        encipher = purpose is _SERVER and not hasattr(public, "curve")
        builder = (
            _builder(subject, self.certificate.subject, public, validity)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(
                _key_usage(digital_signature=True, key_encipherment=encipher), critical=True
            )
            .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
            .add_extension(self._identifier(), critical=False)
        )
        if also:
            # Critical where there is no other name (RFC 5280 section 4.2.1.6).
            critical = not list(subject)
            builder = builder.add_extension(x509.SubjectAlternativeName(also), critical=critical)
        return builder.sign(self._key, hashes.SHA256())

    def _identifier(self) -> x509.AuthorityKeyIdentifier:
        """The CA's own subject key identifier; of its key where it has none."""
        extensions = self.certificate.extensions
        try:
            own = extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        except x509.ExtensionNotFound:
            return x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own)

    def _end(self, wanted: datetime.datetime) -> datetime.datetime:
        """No certificate outlives the one that signed it."""
        return min(wanted, self.certificate.not_valid_after_utc)


def common_name(text: str) -> x509.Name:
    """A name of nothing but a common name. raises: UserError for more than 64 characters."""
    if not 1 <= len(text) <= 64:
        raise UserError(f"the common name {text!r} has {len(text)} characters, not 1 to 64")
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def subject_of(text: str) -> x509.Name:
    """As `common_name`; "" gives the empty name."""
    return common_name(text) if text else x509.Name([])


def certificate_pem(certificate: x509.Certificate) -> bytes:
    """The certificate as PEM."""
    return certificate.public_bytes(serialization.Encoding.PEM)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    public: PublicKey,
    validity: tuple[datetime.datetime, datetime.datetime],
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(validity[0])
        .not_valid_after(validity[1])
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _key_usage(
    *,
    digital_signature: bool = False,
    key_encipherment: bool = False,
    key_cert_sign: bool = False,
    crl_sign: bool = False,
) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=False,
        key_encipherment=key_encipherment,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        encipher_only=False,
        decipher_only=False,
    )


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


def _an_hour_ago() -> datetime.datetime:
    return _now() - datetime.timedelta(hours=1)


def _days(count: int) -> datetime.timedelta:
    return datetime.timedelta(days=count)
