"""How is a certificate signing request made and read?  PKCS #10, RFC 2986."""

from collections.abc import Mapping, Sequence

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from tools.pki.contents import read
from tools.pki.keys import PrivateKey
from tools.pki.names import ENOS_FIELDS
from tools.ui import UserError

# RFC 5280 appendix A.1, the upper bounds "ub-".
_LENGTHS = {"C": (2, 2), "ST": (1, 128), "L": (1, 128), "O": (1, 64), "OU": (1, 64), "CN": (1, 64)}


def request(
    key: PrivateKey, fields: Mapping[str, str], hosts: Sequence[str] = ()
) -> x509.CertificateSigningRequest:
    """A request that its own key has signed, with SHA-256.

    fields: of the subject, names as in names.ENOS_FIELDS, in their order.
    hosts: DNS names, for a server.
    raises: UserError for a value of a wrong length, or a country that is not two letters.
    """
    attributes = []
    for name, value in fields.items():
        lowest, highest = _LENGTHS[name]
        letters = value.isascii() and value.isalpha()  # only a country is nothing else
        if not lowest <= len(value) <= highest or (name == "C" and not letters):
            span = "2 letters, such as SG" if name == "C" else f"1 to {highest} characters"
            raise UserError(f"{name} {value!r} is not {span}")
        attributes.append(x509.NameAttribute(ENOS_FIELDS[name], value))
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(attributes))
    if hosts:
        builder = builder.add_extension(
            x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts]), critical=False
        )
    return builder.sign(key, hashes.SHA256())


def request_pem(csr: x509.CertificateSigningRequest) -> bytes:
    """The request as PEM."""
    return csr.public_bytes(serialization.Encoding.PEM)


def read_request(data: bytes) -> x509.CertificateSigningRequest:
    """The one request in a file's content. raises: UserError."""
    contents = read(data)
    if contents.unreadable:
        raise UserError(f"it holds {contents.unreadable[0]}")
    if len(contents.requests) != 1:
        raise UserError(f"it holds {len(contents.requests) or 'no'} signing requests, not one")
    return contents.requests[0]
