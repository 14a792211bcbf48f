"""What must a certificate be called, so that a cloud knows whose it is?

Sources: Watson IoT "Configuring certificates" (client and messaging server certificates); EnOS
"Managing X.509 certificates" for the fields of a request. The org of a Watson client is never in
its certificate: the server takes it from the host name that the client asks for (SNI).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from cryptography import x509
from cryptography.x509.oid import NameOID

from tools.ui import UserError

DOMAIN = "internetofthings.ibmcloud.com"
"""Watson's own; an org's messaging host is ORG.messaging.DOMAIN."""

COMMON_NAME_LENGTH = 64  # RFC 5280 appendix A.1, ub-common-name

ROLES = {"d": "device", "g": "gateway"}

_PART = re.compile(r"[A-Za-z0-9._-]{1,36}")
_ORG = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,250}[A-Za-z0-9])?")

ENOS_FIELDS = {
    "C": NameOID.COUNTRY_NAME,
    "ST": NameOID.STATE_OR_PROVINCE_NAME,
    "L": NameOID.LOCALITY_NAME,
    "O": NameOID.ORGANIZATION_NAME,
    "OU": NameOID.ORGANIZATIONAL_UNIT_NAME,
    "CN": NameOID.COMMON_NAME,
}
"""What the subject of an EnOS request holds, all of it."""


@dataclass(frozen=True, slots=True)
class ClientName:
    """How a Watson device or gateway is called in its certificate.

    role: "d" or "g". device_id: "" is any device of the type.
    """

    role: str
    type_id: str
    device_id: str

    def __str__(self) -> str:
        return f"{self.role}:{self.type_id}:{self.device_id}"

    @property
    def common_name(self) -> str:
        """For the certificate; "" when it is too long and the alternative name must do alone."""
        return str(self) if len(str(self)) <= COMMON_NAME_LENGTH else ""


def client(role: str, type_id: str, device_id: str) -> ClientName:
    """The name of a device ("d") or gateway ("g"). raises: UserError for a part Watson refuses."""
    for what, part in (("type", type_id), ("id", device_id)):
        if not _PART.fullmatch(part):
            raise UserError(
                f"the {ROLES[role]}'s {what} {part!r} is not 1 to 36 letters, digits or any of"
                " - _ ."
            )
    return ClientName(role, type_id, device_id)


def read_client(text: str) -> ClientName | None:
    """What Watson makes of a common name or alternative name; None where that is nobody.

    raises: UserError for what is nearly such a name, and says what to mend.
    """
    role, colon, rest = text.partition(":")
    if text.lower().startswith("email:"):
        raise UserError(f"{text!r}: the name itself begins with d: or g:, without email:")
    if not colon or role.lower() not in ROLES:
        return None
    if role not in ROLES:
        raise UserError(f"{text!r}: the letter is small: {role.lower()}:{rest}")
    parts = rest.split(":")
    if len(parts) == 3:
        raise UserError(
            f"{text!r} has an org inside, and Watson wants none: {role}:{parts[1]}:{parts[2]}"
        )
    if len(parts) != 2:
        raise UserError(f"{text!r} is not of the form {role}:TYPE:ID")
    if not _PART.fullmatch(parts[0]) or not (not parts[1] or _PART.fullmatch(parts[1])):
        raise UserError(
            f"{text!r}: a type and an id are 1 to 36 letters, digits or any of - _ . each"
        )
    return ClientName(role, *parts)


def read_application(text: str) -> str | None:
    """The app id in a name `a:APP`; None for another."""
    role, _, app_id = text.partition(":")
    return app_id if role == "a" and _PART.fullmatch(app_id) else None


def check_org(org: str) -> str:
    """The org itself. raises: UserError for what cannot be a part of a host name."""
    if not _ORG.fullmatch(org):
        raise UserError(f"the org {org!r} is not letters, digits and inner hyphens")
    return org


def server(org: str, domain: str = DOMAIN) -> str:
    """The messaging host of an org. raises: UserError."""
    if not _HOST.fullmatch(domain) or "." not in domain or ".." in domain:
        raise UserError(f"the domain {domain!r} is not like {DOMAIN}")
    return f"{check_org(org)}.messaging.{domain}"


def wildcard(domain: str) -> str:
    """What a certificate for every org of a custom domain is called. raises: UserError."""
    if domain.lower() == DOMAIN:
        raise UserError(
            f"a wildcard is for custom domains only; under {DOMAIN} name the org: {server('ORG')}"
        )
    return server("x", domain).replace("x", "*", 1)


def check_server(found: Iterable[str], org: str) -> str:
    """The name among a server certificate's names that serves an org. raises: UserError."""
    found = list(found)
    prefix = f"{check_org(org)}.messaging.".lower()
    for name in found:
        lower = name.lower()
        domain = lower.removeprefix(prefix)
        if domain != lower and "." in domain:
            return name
        domain = lower.removeprefix("*.messaging.")
        if domain not in (lower, DOMAIN) and "." in domain:
            return name
    if f"*.messaging.{DOMAIN}" in (name.lower() for name in found):
        wildcard(DOMAIN)
    raise UserError(
        f"the certificate is for {', '.join(found) or 'nobody'}; org {org} needs {server(org)},"
        f" or {org}.messaging.DOMAIN or *.messaging.DOMAIN of a custom domain"
    )


def common_names(certificate: x509.Certificate | x509.CertificateSigningRequest) -> list[str]:
    """The common names in the subject; usually one."""
    found = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return [str(attribute.value) for attribute in found]


def alternatives(
    certificate: x509.Certificate | x509.CertificateSigningRequest,
) -> list[x509.GeneralName]:
    """The subject alternative names. raises: ValueError where they cannot be read."""
    try:
        return list(
            certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        )
    except x509.ExtensionNotFound:
        return []


def emails(certificate: x509.Certificate | x509.CertificateSigningRequest) -> list[str]:
    """The alternative names of the type rfc822Name, where Watson looks."""
    return [name.value for name in alternatives(certificate) if isinstance(name, x509.RFC822Name)]


def owners(certificate: x509.Certificate) -> list[str]:
    """What a certificate calls its owner: `d:type:id` at Watson, or anything else."""
    return common_names(certificate) + emails(certificate)


def hosts(certificate: x509.Certificate | x509.CertificateSigningRequest) -> list[str]:
    """The DNS names, where clients look for a server's host; the common name where none is."""
    found = [name.value for name in alternatives(certificate) if isinstance(name, x509.DNSName)]
    return found or common_names(certificate)


def missing_enos_fields(subject: x509.Name) -> list[str]:
    """Which of ENOS_FIELDS a subject lacks."""
    return [name for name, oid in ENOS_FIELDS.items() if not subject.get_attributes_for_oid(oid)]
