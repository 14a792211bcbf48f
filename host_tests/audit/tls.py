"""What does a handshake agree on? Asked by openssl s_client."""

import re

from host_tests.audit.place import Place
from host_tests.audit.row import Probe, here
from tools import toolchain

HOST = "orgId1.messaging.internetofthings.ibmcloud.com"


def openssl(place: Place, *words: str) -> str:
    """What `openssl WORDS` prints, run where commands write their files."""
    own = str(place.folder / "openssl.cnf")
    return place.run(here(toolchain.openssl), *words, OPENSSL_CONF=own)


def handshake(
    *words: str, cloud: str = "watson", way: str = "mqtts", host: str = HOST, ca: str = ""
) -> Probe:
    """Gives "agreed SUITE", "alert N", or what else OpenSSL says; the name is verified."""

    def ask(place: Place) -> str:
        door = place.twin.way(cloud, way)
        where = ("-connect", f"{door['address']}:{door['port']}", "-servername", host)
        trust = ("-CAfile", ca or place.ca, "-verify_return_error", "-verify_hostname", host)
        printed = openssl(place, "s_client", *where, *trust, *words)
        if found := re.search(r"SSL alert number (\d+)", printed):
            return f"alert {found[1]}"
        if found := re.search(r"Cipher is ([A-Z0-9_-]+)\n", printed):
            return f"agreed {found[1]}"
        return printed.strip().splitlines()[-1] if printed.strip() else "nothing"

    return Probe("openssl s_client", ask)


def called(place: Place, suite: str) -> str:
    """OpenSSL's word for a suite of TLS 1.2."""
    return openssl(place, "ciphers", "-convert", suite).rpartition(":")[2].strip()


def suite(name: str, way: str = "mqtts") -> Probe:
    """The same with one suite of TLS 1.2, by the document's name for it."""

    def ask(place: Place) -> object:
        cipher = called(place, name)
        seen = handshake("-tls1_2", "-cipher", f"{cipher}:@SECLEVEL=0", way=way).ask(place)
        return "agreed" if seen == f"agreed {cipher}" else seen

    return Probe("openssl s_client", ask)


def shown(words: str) -> Probe:
    """What `openssl WORDS` prints."""
    return Probe("openssl", lambda place: openssl(place, *words.split()))
