"""What does one certificate, request or private key say, and what is wrong with it?

In words that a firmware engineer can act on. What MicroPython's TLS reads is what Mbed TLS's
default profile and MicroPython's build of it allow (mbedtls_x509_crt_profile_default;
extmod/mbedtls/mbedtls_config_common.h).
"""

import datetime
from collections.abc import Iterator
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID, SignatureAlgorithmOID

from tools.pki import names
from tools.pki.checks import has_purpose, has_usage, is_ca, is_self_signed
from tools.pki.contents import Key, public_key
from tools.pki.keys import CURVES
from tools.ui import UserError


@dataclass(frozen=True, slots=True)
class Statement:
    """One sentence. problem: something must be mended."""

    text: str
    problem: bool = False


_Named = x509.Certificate | x509.CertificateSigningRequest
_SOON_DAYS = 30

_FOR_BOARDS = "a board wants P-256, P-384, or RSA with 2048 to 4096 bits"
_HASHES = {"sha256": "SHA-256", "sha384": "SHA-384", "sha512": "SHA-512"}

# Mbed TLS refuses a certificate with a critical extension that it does not know (x509_crt.c).
_KNOWN_CRITICAL = {
    ExtensionOID.BASIC_CONSTRAINTS,
    ExtensionOID.KEY_USAGE,
    ExtensionOID.EXTENDED_KEY_USAGE,
    ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
}


def certificate(found: x509.Certificate, now: datetime.datetime) -> Iterator[Statement]:
    """What a certificate says. now: aware."""
    alone = is_self_signed(found)
    yield Statement(f"whose: {_name(found.subject)}")
    yield Statement(f"signed by: {'itself' if alone else _name(found.issuer)}")
    if found.issuer == found.subject and not alone:
        yield Statement("damaged: it claims to be signed by itself, and is not", True)
    yield from _validity(found, now)
    yield Statement(f"serial number: {found.serial_number:x}")
    yield from _key(public_key(found))
    if not alone:  # nobody verifies what a root says of itself
        yield from _signature(found)
    for extension in found.extensions:
        if extension.critical and extension.oid not in _KNOWN_CRITICAL:
            yield Statement(
                f"the critical extension {_oid(extension.oid)} is unknown to boards, which refuse"
                " the certificate",
                True,
            )
    if is_authority(found):
        yield from _ca(found)
        return
    client = has_purpose(found, ExtendedKeyUsageOID.CLIENT_AUTH)
    server = has_purpose(found, ExtendedKeyUsageOID.SERVER_AUTH)
    named = list(client_names(found))
    if named and alone:
        yield Statement("no CA signed it, so no cloud knows it: have one sign it", True)
    if not has_usage(found, "digital_signature"):
        yield Statement("its Key Usage lacks digitalSignature, which TLS needs", True)
    if not (client or server):
        yield Statement("its Extended Key Usage allows neither TLS clients nor servers", True)
    elif named and not client:
        yield Statement(
            "its name is a client's, but its Extended Key Usage lacks clientAuth", True
        )
    if server and not named and (not client or _looks_like_host(found)):
        yield from _server(found)
    else:
        yield from named or _nobody(found)


def is_authority(found: x509.Certificate) -> bool:
    """Whether it is a CA's to sign others: no messaging server's that signed itself."""
    server = any(".messaging." in host for host in names.hosts(found))
    return is_ca(found) and not (server and is_self_signed(found))


def request(found: x509.CertificateSigningRequest) -> Iterator[Statement]:
    """What a signing request says."""
    yield Statement(f"whose: {_name(found.subject)}")
    if not found.is_signature_valid:
        yield Statement("damaged: it is not signed by its own key", True)
    yield from _key(public_key(found))
    yield from _signature(found)
    named = list(client_names(found))
    if not named and _looks_like_host(found):
        yield Statement(f"for a server: {', '.join(names.hosts(found))}")
        return
    yield from named or _nobody(found)


def private_key(found: Key) -> Iterator[Statement]:
    """What may be said of a private key."""
    if found.encrypted:
        yield Statement(
            "encrypted: a board cannot read it; `openssl pkey -traditional -in FILE -out NEW`"
            " takes the passphrase off",
            True,
        )
        return
    if found.form == "OpenSSH":
        yield Statement("in OpenSSH's form, which TLS does not read: make a new key", True)
        return
    yield from _key(found.public)
    if found.form == "PKCS #8":
        yield Statement(
            "form: PKCS #8, which not every MicroPython build reads; `openssl pkey -traditional"
            " -in FILE -out NEW` makes the form that all read"
        )
    else:
        yield Statement("form: traditional, which every MicroPython build reads")
    yield Statement("not encrypted, as boards need it")


def client_names(found: _Named) -> Iterator[Statement]:
    """What Watson makes of the common names and the alternative names; nothing for nobody."""
    ids: list[str] = []
    for where, texts in (
        ("common name", names.common_names(found)),
        ("alternative name", names.emails(found)),
    ):
        for text in texts:
            try:
                name = names.read_client(text)
            except UserError as error:
                yield Statement(f"{where} {error}", True)
                continue
            app_id = names.read_application(text)
            if (name is None and app_id is None) or text in ids:
                continue
            ids.append(text)
            if name is None:
                yield Statement(f"Watson: application {app_id}; logs in as a:ORG:{app_id}")
                continue
            role = names.ROLES[name.role]
            if not name.device_id:
                yield Statement(f"Watson: any {role} of the type {name.type_id}")
                continue
            yield Statement(
                f"Watson: {role} {name.device_id} of the type {name.type_id}; logs in as"
                f" {name.role}:ORG:{name.type_id}:{name.device_id}, where ORG comes from the host"
                f" name that it connects to (SNI): ORG.messaging.{names.DOMAIN}"
            )
    for other in names.alternatives(found):
        if not isinstance(other, x509.RFC822Name) and _is_client(str(other.value)):
            yield Statement(
                f"the alternative name {other.value} must be of the type email (rfc822Name) for"
                " Watson to see it",
                True,
            )
    if len(ids) > 1:
        yield Statement(
            "it names more than one: Watson logs it in as the first that is one client, not a"
            " whole type, whatever client id it sends"
        )


def _is_client(text: str) -> bool:
    try:
        return names.read_client(text) is not None
    except UserError:
        return True


def _looks_like_host(found: _Named) -> bool:
    return any("." in host and ":" not in host and " " not in host for host in names.hosts(found))


def _nobody(found: _Named) -> Iterator[Statement]:
    missing = names.missing_enos_fields(found.subject)
    if not missing:
        yield Statement(
            "EnOS: C, ST, L, O, OU and CN are there, as it wants; it knows the device by the"
            " serial number of the certificate that it issues"
        )
        return
    # One field more than a common name: somebody had EnOS in mind.
    enos = len(missing) < len(names.ENOS_FIELDS) - 1
    yield Statement(f"EnOS wants all of C, ST, L, O, OU, CN: {', '.join(missing)} missing", enos)
    if not enos:
        yield Statement(
            "Watson cannot tell whose it is: neither the common name nor an alternative name of"
            " the type email is d:TYPE:ID or g:TYPE:ID",
            True,
        )


def _validity(found: x509.Certificate, now: datetime.datetime) -> Iterator[Statement]:
    start, end = found.not_valid_before_utc, found.not_valid_after_utc
    text = f"valid: from {start:%Y-%m-%d} until {end:%Y-%m-%d}"
    left = (end - now).days
    if now > end:
        yield Statement(f"{text}; expired {(now - end).days} days ago: renew it", True)
    elif now < start:
        yield Statement(
            f"{text}; not valid yet, for {(start - now).days} days: wait, or look at the clock of"
            " who made it",
            True,
        )
    elif left < _SOON_DAYS:
        yield Statement(f"{text}; {left} days left: renew it soon")
    else:
        yield Statement(f"{text}; {left} days left")


def key_words(public: object) -> str:
    """Kind and size of a public key."""
    if isinstance(public, ec.EllipticCurvePublicKey):
        return f"elliptic curve {CURVES.get(public.curve.name, public.curve.name)}"
    if isinstance(public, rsa.RSAPublicKey):
        return f"RSA, {public.key_size} bits"
    return type(public).__name__.removesuffix("PublicKey").lstrip("_") if public else "unknown"


def _key(public: object) -> Iterator[Statement]:
    if isinstance(public, ec.EllipticCurvePublicKey):
        good = public.curve.name in ("secp256r1", "secp384r1")
    else:
        good = isinstance(public, rsa.RSAPublicKey) and 2048 <= public.key_size <= 4096
    yield Statement(f"key: {key_words(public)}" + ("" if good else f": {_FOR_BOARDS}"), not good)


def _signature(found: _Named) -> Iterator[Statement]:
    try:
        algorithm = found.signature_hash_algorithm
    except Exception:  # an algorithm that cryptography does not know, whatever it raises
        algorithm = None
    name = algorithm.name if algorithm else ""
    if name not in _HASHES:
        yield Statement(
            f"signed with {name.upper() or 'an algorithm without a hash of its own'}: a board"
            " takes SHA-256, SHA-384 and SHA-512",
            True,
        )
    elif found.signature_algorithm_oid == SignatureAlgorithmOID.RSASSA_PSS:
        yield Statement("signed with RSASSA-PSS, which not every MicroPython build reads", True)
    else:
        yield Statement(f"signed with {_HASHES[name]}")


def _ca(found: x509.Certificate) -> Iterator[Statement]:
    yield Statement(
        "a CA: register it at Watson, or give it to boards as ca.pem; never its private key"
    )
    if not has_usage(found, "key_cert_sign"):
        yield Statement("its Key Usage lacks keyCertSign: what it signs is refused", True)
    client = has_purpose(found, ExtendedKeyUsageOID.CLIENT_AUTH)
    server = has_purpose(found, ExtendedKeyUsageOID.SERVER_AUTH)
    if not (client and server):
        left = "clients, not servers" if client else "servers, not clients" if server else "no TLS"
        yield Statement(f"its Extended Key Usage: it signs for {left}", not (client or server))


def _server(found: x509.Certificate) -> Iterator[Statement]:
    hosts = names.hosts(found)
    yield Statement(f"a server's, for: {', '.join(hosts) or 'no name'}", not hosts)
    if not any(isinstance(name, x509.DNSName) for name in names.alternatives(found)):
        yield Statement("no alternative name of the type DNS: clients today ask for one", True)
    if any(host.lower() == f"*.messaging.{names.DOMAIN}" for host in hosts):
        yield Statement(f"Watson takes no wildcard under {names.DOMAIN}: name the org", True)
    for host in hosts:
        org, middle, domain = host.partition(".messaging.")
        if middle and org != "*":
            yield Statement(f"Watson: messaging server of org {org} under {domain}")
    if isinstance(public_key(found), rsa.RSAPublicKey) and not has_usage(
        found, "key_encipherment"
    ):
        yield Statement("no suite TLS_RSA_...: its Key Usage lacks keyEncipherment")


def _name(name: x509.Name) -> str:
    return name.rfc4514_string() or "nobody (see the alternative names)"


def _oid(oid: x509.ObjectIdentifier) -> str:
    known: str = oid._name
    return oid.dotted_string if known == "Unknown OID" else known
