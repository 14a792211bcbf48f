"""May this be uploaded: a CA certificate, or a messaging server's certificate with its key?

What Watson's console checks. Sources: "Configuring certificates" (one certificate in the file,
dates valid, PEM or DER; names of messaging servers); RFC 5280 section 4.2.1 for CA flag and use.
"""

import datetime
import itertools
import ssl
from collections.abc import Sequence

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID, SignatureAlgorithmOID

from tools.pki import names
from tools.pki.authority import certificate_pem
from tools.pki.contents import Contents, public_key, read
from tools.pki.keys import check_public, key_pem, read_key
from tools.secret_files import secret_files
from tools.ui import UserError

# RFC 5280 section 4.2.1: what OpenSSL knows of a CA or a server; who does not must refuse.
_KNOWN = {
    ExtensionOID.AUTHORITY_KEY_IDENTIFIER,
    ExtensionOID.BASIC_CONSTRAINTS,
    ExtensionOID.CERTIFICATE_POLICIES,
    ExtensionOID.CRL_DISTRIBUTION_POINTS,
    ExtensionOID.EXTENDED_KEY_USAGE,
    ExtensionOID.INHIBIT_ANY_POLICY,
    ExtensionOID.KEY_USAGE,
    ExtensionOID.NAME_CONSTRAINTS,
    ExtensionOID.POLICY_CONSTRAINTS,
    ExtensionOID.POLICY_MAPPINGS,
    ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
    ExtensionOID.SUBJECT_KEY_IDENTIFIER,
}

_SERVER_USAGES = "digital_signature", "key_encipherment", "key_agreement"  # section 4.2.1.12


def read_ca(data: bytes, now: datetime.datetime | None = None) -> x509.Certificate:
    """The CA certificate in a file's content that an org may register.

    now: aware; default: the present time.
    raises: UserError that says what is wrong and what to mend.
    """
    contents = _read(data, "the CA")
    if contents.keys:
        raise UserError(
            "the file holds a private key, which never leaves your computer: upload the"
            " certificate alone"
        )
    found = contents.certificates
    if not found:
        what = "a signing request, not" if contents.requests else "not"
        raise UserError(f"the file holds {what} a certificate: upload the CA's certificate")
    if len(found) > 1:
        raise UserError(
            f"the file holds {len(found)} certificates and may hold only one: upload each CA by"
            " itself"
        )
    check_ca(found[0], now)
    if not has_purpose(found[0], ExtendedKeyUsageOID.CLIENT_AUTH):
        raise UserError(
            "the CA's certificate is not for devices: its Extended Key Usage lacks clientAuth."
            " Upload the certificate of the CA that signs your devices"
        )
    return found[0]


def check_ca(certificate: x509.Certificate, now: datetime.datetime | None = None) -> None:
    """May this CA sign?  now: aware; default: the present time.  raises: UserError."""
    check_dates(certificate, "the CA", now)
    if not is_ca(certificate):
        raise UserError(
            "the certificate is not of a CA: Basic Constraints must say CA:TRUE. Upload the"
            " certificate of the CA that signs your devices, not a device's"
        )
    if not has_usage(certificate, "key_cert_sign"):
        raise UserError(
            "the CA's certificate does not allow signing certificates: its Key Usage must have"
            " keyCertSign. Make the CA again (openssl req: -addext keyUsage=keyCertSign)"
        )
    _check_strength(certificate, "the CA")


def read_server(
    chain: bytes,
    key: bytes,
    passphrase: bytes | None,
    org: str,
    now: datetime.datetime | None = None,
) -> tuple[bytes, bytes]:
    """What a messaging server of an org may show.

    chain: the server's certificate, then those that signed it, each next to the one it signed.
    key: the private key; passphrase: of it, when it is encrypted. PEM or DER both.
    returns: the chain and the key, not encrypted, as PEM.
    raises: UserError that says what is wrong and what to mend.
    """
    contents = _read(chain, "the server")
    found = contents.certificates
    if not found:
        what = "a signing request, not" if contents.requests else "not"
        raise UserError(f"the file holds {what} a certificate: upload the signed certificate")
    server = found[0]
    if is_ca(server) and not (len(found) == 1 and is_self_signed(server)):
        raise UserError(
            "the first certificate is of a CA: put the server's own first, then the one that"
            " signed it; if it is the server's own, make it with basicConstraints=CA:FALSE"
        )
    for certificate, what in zip(found, ["the server", *["its CA"] * len(found)], strict=False):
        check_dates(certificate, what, now)
        _check_strength(certificate, what)
    names.check_server(names.hosts(server), org)
    if not has_purpose(server, ExtendedKeyUsageOID.SERVER_AUTH):
        raise UserError(
            "the certificate is not for a server: its Extended Key Usage must have serverAuth"
        )
    if not any(has_usage(server, usage) for usage in _SERVER_USAGES):
        raise UserError(
            "the certificate is not for a server: its Key Usage must have digitalSignature"
        )
    for certificate, signer in itertools.pairwise(found):
        if not signed_by(certificate, signer):
            raise UserError(
                "the chain is not in order: each certificate must be followed by the one that"
                " signed it"
            )
    private = read_key(key, "the server", passphrase)
    if private.public_key() != public_key(server):
        raise UserError("the private key does not belong to the server's certificate")
    chain_pem, plain = b"".join(map(certificate_pem, found)), key_pem(private)
    with secret_files([chain_pem + plain]) as (file,):
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(file)
        except ssl.SSLError as error:
            raise UserError(f"OpenSSL does not take the certificate: {error.reason}") from None
    return chain_pem, plain


def _check_strength(certificate: x509.Certificate, what: str) -> None:
    """raises: UserError for what makes every handshake fail. what: whose certificate it is."""
    check_public(public_key(certificate), what)
    for extension in certificate.extensions:
        if extension.critical and extension.oid not in _KNOWN:
            raise UserError(
                f"the certificate of {what} has the critical extension"
                f" {extension.oid.dotted_string}, which nobody knows: make one without"
            )


def check_request(csr: x509.CertificateSigningRequest) -> None:
    """May EnOS sign this request? raises: UserError that says what to mend.

    Source: EnOS on certificates: RSA 2048 or P-256 with SHA-256; C, ST, L, O, OU and CN.
    """
    if not csr.is_signature_valid:
        raise UserError("the request is damaged: its signature is not by its own key")
    if missing := names.missing_enos_fields(csr.subject):
        raise UserError(
            f"the request's subject lacks {', '.join(missing)}: EnOS wants all of them"
        )
    public = public_key(csr)
    p256 = isinstance(public, ec.EllipticCurvePublicKey) and public.curve.name == "secp256r1"
    if not p256 and not (isinstance(public, rsa.RSAPublicKey) and public.key_size == 2048):
        raise UserError("the request's key is neither P-256 nor RSA with 2048 bits")
    algorithm = csr.signature_hash_algorithm
    if algorithm is None or algorithm.name != "sha256":
        raise UserError("the request is not signed with SHA-256")


def check_dates(
    certificate: x509.Certificate, what: str, now: datetime.datetime | None = None
) -> None:
    """raises: UserError for a certificate that is not valid now. what: whose it is."""
    now = now or datetime.datetime.now(datetime.UTC)
    if now > certificate.not_valid_after_utc:
        raise UserError(
            f"the certificate of {what} expired on {certificate.not_valid_after_utc:%Y-%m-%d}:"
            " make a new one"
        )
    if now < certificate.not_valid_before_utc:
        raise UserError(
            f"the certificate of {what} is not valid before"
            f" {certificate.not_valid_before_utc:%Y-%m-%d %H:%M} UTC: wait, or look at the clock"
        )


def is_ca(certificate: x509.Certificate) -> bool:
    """Whether its Basic Constraints say so."""
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def has_usage(certificate: x509.Certificate, usage: str) -> bool:
    """Whether its Key Usage allows this; without one all is allowed (RFC 5280, section 6.1.4)."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return True
    return bool(getattr(found, usage))


def has_purpose(certificate: x509.Certificate, purpose: x509.ObjectIdentifier) -> bool:
    """Whether its Extended Key Usage allows this; without one all is allowed."""
    try:
        found = certificate.extensions.get_extension_for_oid(ExtensionOID.EXTENDED_KEY_USAGE).value
    except x509.ExtensionNotFound:
        return True
    assert isinstance(found, x509.ExtendedKeyUsage)
    return purpose in found or ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE in found


def signed_by(certificate: x509.Certificate, signer: x509.Certificate) -> bool:
    """Whether the signer's name and key are those that signed."""
    try:
        certificate.verify_directly_issued_by(signer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def is_self_signed(certificate: x509.Certificate) -> bool:
    """Whether its own name and key are those that signed; with SHA-1, as old roots have, the name.

    cryptography verifies no such signature, and nobody needs that of a root.
    """
    if certificate.signature_algorithm_oid == SignatureAlgorithmOID.RSA_WITH_SHA1:
        return certificate.issuer == certificate.subject
    return signed_by(certificate, certificate)


def is_complete(certificate: x509.Certificate, cas: Sequence[x509.Certificate]) -> bool:
    """Whether among these CAs are all that signed it, up to one that signed itself."""
    return any(
        is_self_signed(ca) or is_complete(ca, [other for other in cas if other is not ca])
        for ca in cas
        if signed_by(certificate, ca)
    )


def _read(data: bytes, whose: str) -> Contents:
    contents = read(data)
    if contents.unreadable:
        raise UserError(f"the file of {whose} holds {contents.unreadable[0]}")
    return contents
