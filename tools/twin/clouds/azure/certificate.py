"""Does a device of Azure show the certificate that it is registered with?

Sources: "Authenticate devices using X.509 CA certificates" (IoT Hub): a thumbprint, or a
registered CA and the device id as common name; "X.509 certificate attestation" (DPS): the same.
"""

from collections.abc import Sequence

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from tools.pki.checks import is_ca, signed_by
from tools.twin.clouds.azure.registry import CA_SIGNED, Registry
from tools.twin.clouds.values import Way
from tools.twin.registry.certificates import Certificates
from tools.twin.registry.store import Device


def mismatch(certificates: Certificates, way: Way, owner: str, name: str, thumbprint: str) -> str:
    """Why a client's certificate does not let it in as `name`; "" when it does.

    owner: the hub, or the ID scope, whose CAs count where `thumbprint` is `CA_SIGNED`.
    """
    shown = way.certificate
    if shown is None:
        return f"no certificate, and {name!r} logs in with one"
    if thumbprint != CA_SIGNED:
        wanted = normal(thumbprint)
        return (
            "" if wanted in thumbprints(shown) else f"its certificate's thumbprint is not {wanted}"
        )
    names = [str(each.value) for each in shown.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    if names != [name]:
        return f"its certificate's common name is {' and '.join(names) or 'missing'}, not {name}"
    cas = [x509.load_pem_x509_certificate(ca.pem) for ca in certificates.cas(owner) if ca.active]
    if not _leads(shown, way.above, cas):
        return f"no CA that {owner} has registered, and that is active, signed its certificate"
    return ""


def thumbprints(certificate: x509.Certificate) -> list[str]:
    """By SHA-1 and by SHA-256."""
    kinds = hashes.SHA1(), hashes.SHA256()  # noqa: S303 - a name, not a signature
    return [certificate.fingerprint(each).hex() for each in kinds]


def normal(thumbprint: str) -> str:
    """As `thumbprints` has them, however a person wrote it."""
    return thumbprint.replace(":", "").lower()


def _leads(
    certificate: x509.Certificate,
    above: Sequence[x509.Certificate],
    cas: Sequence[x509.Certificate],
) -> bool:
    """Whether one of these CAs signed it, or one that was shown above it and that they signed."""
    if any(signed_by(certificate, ca) for ca in cas):
        return True
    return any(
        is_ca(each)
        and signed_by(certificate, each)
        and _leads(each, [other for other in above if other is not each], cas)
        for each in above
    )


def trust(
    certificates: Certificates, registry: Registry, device: Device, shown: x509.Certificate
) -> None:
    """Register a device's certificate, or the CA that signs it, with its hub."""
    if not is_ca(shown):
        registry.trust(device.product, device.name, shown.fingerprint(hashes.SHA256()).hex())
        return
    pem = shown.public_bytes(Encoding.PEM)
    if all(ca.pem != pem for ca in certificates.cas(device.product)):
        certificates.add_ca(device.product, pem, shown.subject.rfc4514_string())
    registry.trust(device.product, device.name, CA_SIGNED)
