"""Which root certificates does a board need to know its cloud, and where do they come from?

By SHA-256 of the DER, so it does not matter who hands one over. Sources: Azure "Certificate
Authority details", AWS IoT Core "Server authentication", the bundle of aliyun-iot-linkkit 1.2.13,
Let's Encrypt "Chains of Trust"; each value was computed from certifi 2026.10 or that bundle.
"""

import base64
import contextlib
import datetime
import hashlib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import certifi
from cryptography import x509

from tools.paths import CACHE
from tools.pki.keys import read_file
from tools.ui import UserError

_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----([^-]+)-----END CERTIFICATE-----")
_SDK = "linkkit/linkkit.py of the Python package aliyun-iot-linkkit 1.2.13"
_SDK_FILES = "sdks/lib/python*/site-packages/linkkit/linkkit.py"
_STORES = (  # Debian, Fedora, Alpine and macOS
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
)


class Root(NamedTuple):
    """A root certificate.

    where: one gets it, when the machine has none. needed: False, where a cloud's others will do.
    """

    name: str
    sha256: str
    where: str = "its CA's web site"
    needed: bool = True


class Cloud(NamedTuple):
    """roots: what goes into its ca.pem, none where nobody can say beforehand. said: about them."""

    roots: tuple[Root, ...]
    said: str


CLOUDS: Mapping[str, Cloud] = {
    "alibaba": Cloud(
        (
            Root(
                "Aliyun IoT Root CA",
                "7ca438a3976b5242d231f861499822da855831382735836b361e7e9715661676",
                _SDK,
            ),
            Root(
                "GlobalSign Root CA (R1)",
                "ebd41040e4bb3ec742c9e381d31ef2a41a48b6685c96e7cef3c1df6cd4331c99",
                _SDK,
                needed=False,
            ),
            Root(
                "GlobalSign Root CA - R6",
                "2cabeafe37d06ca22aba7391c0033d25982952c453647349763a3ab5ad6ccf69",
                _SDK,
            ),
            Root(
                "GlobalSign Root R46",
                "4fa3126d8d3a11d1c4855a4f807cbad6cf919d3a5a88b03bea2c6372d93c40c9",
                _SDK,
            ),
        ),
        "MQTT on 8883 needs the first; R1, which the other ports had, ends on 2028-01-28.",
    ),
    "aws": Cloud(
        (
            Root(
                "Amazon Root CA 1",
                "8ecde6884f3d87b1125ba31ac3fcb13d7016de7f57cc904fe1cb97c6ae98196e",
            ),
            Root(
                "Amazon Root CA 3",
                "18ce6cfe7bf14e60b2e347b8dfe868cb31d02ebb3ada271569f50343b46db3a4",
            ),
        ),
        "For hosts in the form PREFIX-ats.iot.REGION.amazonaws.com.",
    ),
    "azure": Cloud(
        (
            Root(
                "DigiCert Global Root G2",
                "cb3ccbb76031e5e0138f8dd39a23f9de47ffc35e43c1144cea27d46a5ab1cb5f",
            ),
            Root(
                "Microsoft RSA Root CA 2017",
                "c741f70f4b2a8d88bf2e71c14122ef53ef10eba0cfa5e64cfa20f418853073e0",
            ),
        ),
        "For azure-devices.net and DPS; a sovereign cloud may have another.",
    ),
    "letsencrypt": Cloud(
        (
            Root(
                "ISRG Root X1", "96bcec06264976f37460779acf28c5a7cfe8a3c0aae11a8ffcee05c0bddf08c6"
            ),
        ),
        "For HiveMQ Cloud, and any broker whose certificate Let's Encrypt signed.",
    ),
    "broker": Cloud(
        (),
        "each broker has its own: that of your mosquitto stands in its `cafile`, or signed the"
        " certificate in its `certfile`; for one with a certificate of Let's Encrypt say"
        " `letsencrypt`",
    ),
    "enos": Cloud(
        (),
        "no document of EnOS names it. `openssl s_client -showcerts -connect HOST:18883` shows the"
        " chain that the server has: ask the operator, by another way, for the SHA-256 of its"
        " root before you trust it",
    ),
    "huawei": Cloud(
        (), "it has one for each region: the console's page of access addresses has the file"
    ),
    "tuya": Cloud(
        (), "its own, for port 8883: the console of Tuya's Alibaba Cloud Edition has it"
    ),
    "watson": Cloud(
        (),
        "Maximo mostly has a private CA: ask its administrator for it. The messaging.pem of IBM's"
        " wiotp-sdk is that of the service that ended in 2023, of no use here",
    ),
}


class Found(NamedTuple):
    """A root that was found: in which file."""

    root: Root
    certificate: x509.Certificate
    file: Path


def find(
    cloud: str, given: Iterable[Path] = (), now: datetime.datetime | None = None
) -> list[Found]:
    """A cloud's roots that have not ended, out of the given files and what this machine has.

    cloud: one of CLOUDS. given: files of PEM or DER, whatever else is in them. now: aware.
    raises: UserError for a cloud whose roots nobody can say, for a given file that has none of
        them, and for one that is needed and not found.
    """
    roots, said = CLOUDS[cloud]
    if not roots:
        raise UserError(f"which CA signs for {cloud} cannot be said here: {said}")
    pool: dict[str, tuple[bytes, Path]] = {}
    for file in given:
        held = _by_fingerprint(file)
        if not held.keys() & {root.sha256 for root in roots}:
            raise UserError(
                f"{file} has none of the certificates of {cloud}, by their SHA-256; they are"
                f" {', '.join(root.name for root in roots)}"
            )
        pool = {**held, **pool}
    for file in _of_the_machine():
        with contextlib.suppress(UserError):
            pool = {**_by_fingerprint(file), **pool}
    if missing := [root for root in roots if root.needed and root.sha256 not in pool]:
        places = "; ".join(f"{root.name} is in {root.where}" for root in missing)
        raise UserError(f"not on this machine: {places}. Name a file that has it by --from FILE")
    found = []
    for root in roots:
        if root.sha256 in pool:
            der, file = pool[root.sha256]
            found.append(Found(root, x509.load_der_x509_certificate(der), file))
    now = now or datetime.datetime.now(datetime.UTC)
    return [one for one in found if one.certificate.not_valid_after_utc > now]


def _of_the_machine() -> list[Path]:
    return [*map(Path, (certifi.where(), *_STORES)), *sorted(CACHE.glob(_SDK_FILES))]


def _by_fingerprint(file: Path) -> dict[str, tuple[bytes, Path]]:
    """The DER of each certificate in a file, by its SHA-256. raises: UserError."""
    data = read_file(file)
    ders = [data]
    for block in _PEM.findall(data):
        with contextlib.suppress(ValueError):
            ders.append(base64.b64decode(block))
    return {hashlib.sha256(der).hexdigest(): (der, file) for der in ders}
