"""How are certificates made that have one mistake each, and what is in the files that we make?

With cryptography's builder, not ours.
"""

import contextlib
import datetime
import json
import re
import stat
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tools.twin.registry.certificates import Certificates
from tools.twin.registry.store import open_store

DOMAIN = "internetofthings.ibmcloud.com"
PASSPHRASE = "open sesame 4711"
NOW = datetime.datetime.now(datetime.UTC)
CLIENT, SERVER = ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH
PEM = serialization.Encoding.PEM
DER = serialization.Encoding.DER
TRADITIONAL = serialization.PrivateFormat.TraditionalOpenSSL
PKCS8 = serialization.PrivateFormat.PKCS8
_USAGES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)
# Made once: RSA keys take long.
RSA = rsa.generate_private_key(65537, 2048)


CURVE_256K1 = ec.generate_private_key(ec.SECP256K1())
SMALL = rsa.generate_private_key(65537, 1024)
UNKNOWN = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00")


def p256():
    return ec.generate_private_key(ec.SECP256R1())


def name(common_name, **fields):
    oids = {
        "C": NameOID.COUNTRY_NAME,
        "ST": NameOID.STATE_OR_PROVINCE_NAME,
        "L": NameOID.LOCALITY_NAME,
        "O": NameOID.ORGANIZATION_NAME,
        "OU": NameOID.ORGANIZATIONAL_UNIT_NAME,
    }
    attributes = [x509.NameAttribute(oids[key], value) for key, value in fields.items()]
    if common_name:
        attributes.append(x509.NameAttribute(NameOID.COMMON_NAME, common_name))
    return x509.Name(attributes)


class Issued:
    """A certificate and its key; by default a good CA that signed itself."""

    def __init__(
        self,
        common_name="test CA",
        *,
        by=None,
        key=None,
        ca=True,
        usage=("key_cert_sign",),
        purposes=(),
        also=(),
        days=(-1, 365),
        digest=None,
        critical=None,
        extra=None,
        **fields,
    ):
        self.key = key or p256()
        subject = name(common_name, **fields)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(by.certificate.subject if by else subject)
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW + datetime.timedelta(days=days[0]))
            .not_valid_after(NOW + datetime.timedelta(days=days[1]))
        )
        if ca is not None:
            builder = builder.add_extension(x509.BasicConstraints(ca, None), critical=True)
        if usage:
            flags = {flag: flag in usage for flag in _USAGES}
            builder = builder.add_extension(x509.KeyUsage(**flags), critical=True)
        if purposes:
            builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
        if also:
            builder = builder.add_extension(x509.SubjectAlternativeName(also), critical=False)
        if critical:
            builder = builder.add_extension(critical, critical=True)
        if extra:
            builder = builder.add_extension(extra, critical=False)
        signer = by.key if by else self.key
        self.certificate = builder.sign(signer, digest or hashes.SHA256())

    @property
    def pem(self):
        return self.certificate.public_bytes(PEM)

    @property
    def der(self):
        return self.certificate.public_bytes(DER)

    def key_bytes(self, form=TRADITIONAL, encoding=PEM, passphrase=None):
        encryption = (
            serialization.BestAvailableEncryption(passphrase)
            if passphrase
            else serialization.NoEncryption()
        )
        return self.key.private_bytes(encoding, form, encryption)


def device(common_name="d:esp32:board-1", by=None, **options):
    """A client's certificate with its key."""
    values = {"ca": False, "usage": ("digital_signature",), "purposes": [CLIENT]} | options
    return Issued(common_name, by=by, **values)


def server(host="signet.messaging.internetofthings.ibmcloud.com", by=None, **options):
    """A server's certificate with its key."""
    values = {"ca": False, "usage": ("digital_signature",), "purposes": [SERVER]} | options
    return Issued(host, by=by, **({"also": [x509.DNSName(host)]} | values))


def csr(key, common_name="", hosts=(), digest=None, **fields):
    """A signing request."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(name(common_name, **fields))
    if hosts:
        names = x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts])
        builder = builder.add_extension(names, critical=False)
    return builder.sign(key, digest or hashes.SHA256())


def damaged(pem):
    """The same PEM without its second line, as copying may lose one."""
    lines = pem.splitlines(keepends=True)
    return b"".join(lines[:2] + lines[3:])


@contextlib.contextmanager
def stored(state):
    """The registry in a state folder, and the certificates beside it."""
    with contextlib.closing(open_store(state)) as store:
        yield store, Certificates(store)


def mode(path):
    """A file's mode."""
    return stat.S_IMODE(Path(path).stat().st_mode)


def first(path):
    """The first certificate in a file."""
    return x509.load_pem_x509_certificate(Path(path).read_bytes())


def private(path):
    """The private key in a file."""
    return serialization.load_pem_private_key(Path(path).read_bytes(), None)


def config(folder):
    """What device.json holds."""
    return json.loads((Path(folder) / "device.json").read_text())


_KEY = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----(.*?)-----END", re.DOTALL)


def secrets(folder: Path):
    """Every line of every private key in the files below a folder."""
    lines = []
    for file in folder.rglob("*"):
        if file.is_file():
            for match in _KEY.finditer(file.read_bytes()):
                lines += [line.decode() for line in match[1].split() if len(line) > 12]
    return lines
