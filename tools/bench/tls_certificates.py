"""Which certificates do the server and the board of `signet bench tls` show each other?

For each kind of key a root CA, an intermediate CA, a server's certificate by each of the two, and
a device's by the root. Names are short, and there is nothing in them but what RFC 5280 asks for:
those of a real cloud are larger.
"""

import datetime
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from tools.pki.authority import Authority, certificate_pem, common_name
from tools.pki.keys import PrivateKey, key_pem, new_key, write_file

NAME = "bench.test"
KINDS = {"rsa": "RSA-2048", "ec": "P-256"}
_DAY = datetime.timedelta(days=1)
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


class Case(NamedTuple):
    """Who shows what. kind: one of KINDS. intermediate: the server shows one beside its own
    certificate. client: the board shows one too.
    """

    kind: str
    intermediate: bool
    client: bool

    @property
    def name(self) -> str:
        """Of its folder."""
        return "-".join(
            [self.kind, *["intermediate"] * self.intermediate, *["client"] * self.client]
        )

    @property
    def pair(self) -> tuple[bool, bool]:
        """What the two kinds have in common that are compared."""
        return self.intermediate, self.client


CASES = tuple(
    Case(kind, intermediate, client)
    for client in (False, True)
    for intermediate in (False, True)
    for kind in KINDS
)


class Chains:
    """Makes the keys and certificates in a folder; a folder for each case goes to the board.

    folder: receives them.
    """

    def __init__(self, folder: Path) -> None:
        self.boards = folder / "boards"
        self._folder = folder
        self._authorities: dict[str, tuple[Authority, Authority]] = {}

    def write(self, case: Case) -> tuple[Path, Path]:
        """Write what the board of a case has: ca.pem and, where it shows one, device.pem.

        returns: of the server, the PEM file with its certificates and key, and the CA of boards.
        """
        root, intermediate = self._of(case.kind)
        board = self.boards / case.name
        board.mkdir(parents=True)
        ca = root.certificate_file.read_bytes()
        (board / "ca.pem").write_bytes(ca)
        if case.client:
            root.client("d:esp32:board-1", kind=case.kind, target=board / "device.pem")
        target = self._folder / f"{case.name}.pem"
        (intermediate if case.intermediate else root).server([NAME], target, case.kind)
        if case.intermediate:  # after the leaf that it has signed (RFC 5246 section 7.4.2)
            chain = target.read_bytes() + intermediate.certificate_file.read_bytes()
            write_file(target, chain, 0o600)
        return target, root.certificate_file

    def _of(self, kind: str) -> tuple[Authority, Authority]:
        if kind not in self._authorities:
            folders = [self._folder / f"{kind}-{level}" for level in ("root", "intermediate")]
            key = new_key(kind)
            root = _certificate(key, "bench root CA", key, "bench root CA", 1)
            below = new_key(kind)
            certificate = _certificate(below, "bench CA", key, "bench root CA", 0)
            for folder, made, own in zip(folders, (root, certificate), (key, below), strict=True):
                folder.mkdir()
                write_file(folder / "ca.key", key_pem(own), 0o600)
                write_file(folder / "ca.pem", certificate_pem(made), 0o644)
            self._authorities[kind] = Authority(folders[0]), Authority(folders[1])
        return self._authorities[kind]


def _certificate(
    key: PrivateKey, name: str, signer: PrivateKey, issuer: str, below: int
) -> x509.Certificate:
    """A CA's. below: how many CAs may stand between it and a leaf."""
    now = datetime.datetime.now(datetime.UTC)
    usage = dict.fromkeys(_USAGES, False) | {"key_cert_sign": True, "crl_sign": True}
    identifiers = (
        x509.SubjectKeyIdentifier.from_public_key(key.public_key()),
        x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()),
    )
    builder = (
        x509.CertificateBuilder()
        .subject_name(common_name(name))
        .issuer_name(common_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _DAY)
        .not_valid_after(now + 365 * _DAY)
        .add_extension(x509.BasicConstraints(ca=True, path_length=below), critical=True)
        .add_extension(x509.KeyUsage(**usage), critical=True)
    )
    for identifier in identifiers:
        builder = builder.add_extension(identifier, critical=False)
    return builder.sign(signer, hashes.SHA256())
