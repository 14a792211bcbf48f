"""How do tests come to the twin with client certificates, and what do they get?

`ssl` of the standard library (OpenSSL) shakes hands, `wire.Raw` sends the CONNECT. The
certificates are made here with `cryptography` by the twin's own authorities, once for all tests.
"""

import contextlib
import ssl
import subprocess
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from host_tests.support import Twin
from host_tests.twin.mqtt_device import Raw
from tools import toolchain
from tools.pki.authority import Authority
from tools.twin.registry.certificates import Certificates
from tools.twin.registry.store import Device, open_store
from tools.twin.wire.packets import Connect

ORG = "signet"
DOMAIN = "messaging.internetofthings.ibmcloud.com"
HOST = f"{ORG}.{DOMAIN}"


class Sealed(Raw):
    """A `Raw` over TLS; server_name: None sends none. raises: ssl.SSLError, ConnectionError."""

    def __init__(
        self,
        way: dict[str, Any],
        ca: Path | str,
        certificate: Path | None = None,
        *,
        server_name: str | None = HOST,
        version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2,
        suites: str = "DEFAULT",
    ) -> None:
        super().__init__(way)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(ca)
        context.check_hostname = server_name is not None
        context.set_ciphers(suites)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # TLS 1.1
            context.minimum_version = context.maximum_version = version
        if certificate is not None:
            context.load_cert_chain(certificate)
        try:
            self.socket = context.wrap_socket(self.socket, server_hostname=server_name)
        except OSError:
            self.socket.close()
            raise


class Org:
    """A twin, its registered CA, and what tests do with both."""

    def __init__(self, twin: Twin, folder: Path) -> None:
        self.twin = twin
        self.folder = folder
        self.ca = Authority(folder / "ca", "CA of the org")
        self.stranger = Authority(folder / "stranger", "CA that is not registered")
        self.enos = Authority(twin.state / "enos")
        with self.certificates() as tables:
            self.ca_id = tables.add_ca(ORG, self.ca.certificate_file.read_bytes(), "for tests")

    @contextlib.contextmanager
    def certificates(self) -> Iterator[Certificates]:
        """The twin's tables, as `signet pki` changes them."""
        with contextlib.closing(open_store(self.twin.state)) as store:
            yield Certificates(store)

    def add(self, kind: str, type_id: str, name: str, policy: str | None = None) -> Device:
        """A device or gateway of the org, and the policy of its type."""
        with contextlib.closing(open_store(self.twin.state)) as store:
            if policy is not None:
                Certificates(store).set_policy(ORG, policy, type_id)
            return store.add("watson", kind, f"{ORG}/{type_id}", name)

    def certificate(self, name: str, authority: Authority | None = None, **how: Any) -> Path:
        """A client certificate with its key, and `name` as its common name."""
        target = self.folder / f"{len(list(self.folder.iterdir()))}.pem"
        return (authority or self.ca).client(name, target=target, **how)

    def answer(self, connect: Connect, cloud: str = "watson", **how: Any) -> int | str | None:
        """The CONNACK's code; None when closed without one; or the TLS alert, in OpenSSL's words.

        how: see `Sealed`.
        """
        if cloud == "enos":
            how.setdefault("server_name", "mqtt.enos.test")
        try:
            with Sealed(self.twin.way(cloud, "mqtts"), self.twin.ready["ca_file"], **how) as raw:
                return raw.login(connect)
        except ssl.SSLError as error:
            return error.reason


def connect_as(client_id: str, token: str | None = None) -> Connect:
    """The CONNECT of a device or gateway of Watson, with its token or without."""
    user = None if token is None else "use-token-auth"
    password = None if token is None else token.encode()
    return Connect(4, client_id, True, 60, None, user, password)


def serial_of(file: Path) -> int:
    """The serial number of a certificate."""
    return x509.load_pem_x509_certificate(file.read_bytes()).serial_number


def with_another_key(file: Path, target: Path) -> Path:
    """The certificate in `file` with a key that says it is its own, and signs as another.

    RFC 5915: an EC key's file holds the public key, too, and OpenSSL compares that alone.
    """
    key = load_pem_private_key(file.read_bytes(), None)
    other = ec.generate_private_key(ec.SECP256R1())
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    scalars = [k.private_numbers().private_value.to_bytes(32, "big") for k in (key, other)]
    der = key.private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    body = ssl.DER_cert_to_PEM_cert(der.replace(*scalars)).replace("CERTIFICATE", "EC PRIVATE KEY")
    certificate = x509.load_pem_x509_certificate(file.read_bytes())
    target.write_text(certificate.public_bytes(Encoding.PEM).decode() + body)
    return target


def openssl(*words: str | Path) -> str:
    """What `openssl WORDS` prints; it has nothing to read."""
    done = subprocess.run(
        [toolchain.openssl(), *map(str, words)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    return done.stdout.decode(errors="replace")
