"""Does a board over HTTPS speak only to the right server, and in clear only when told to?"""

import contextlib

import pytest

from host_tests.device.conftest import COUNTER
from host_tests.device.http_programs import Seen, seconds
from host_tests.portable.host.certificates import NAME
from host_tests.portable.host.servers import House, Servers
from tools.pki.authority import Authority
from tools.twin.registry.certificates import Certificates
from tools.twin.registry.store import open_store

PROMPT = r"^>>> \Z"
NOT_HAMMERED_S = 16  # sixteen times retry_s

_NOT_SIGNED = (
    "the certificate is not signed by the CA in `ca`; "
    "check `ca`, and that each CA between may sign"
)
CAUSES = {
    "wrong_name": "the certificate is for another name; check `host`",
    "wrong_ca": _NOT_SIGNED,
    "self_signed": _NOT_SIGNED,
    "expired": "the certificate has expired, or the board's clock is wrong",
    "not_yet_valid": "the certificate is not valid yet, or the board's clock is wrong",
    "sha_1": (
        "the certificate or one above it is signed with an unsafe hash, SHA-1 or MD5; "
        "check that it is SHA-256"
    ),
    "short_key": (
        "the certificate or one above it has a weak or unusual key; "
        "check that it is EC P-256 or RSA 2048"
    ),
    "for_clients": (
        "the certificate could not be verified for a server; "
        "check its keyUsage, extendedKeyUsage and curve"
    ),
    "constrained": (
        "the certificate or one above it is beyond this firmware; check for keys neither EC nor "
        "RSA, and for critical extensions as name constraints"
    ),
}


_TELLS_WHEN_ASKED = """
import board
def set_clock():
    print("asked the time")
    return True
board.set_clock = set_clock
"""


@pytest.fixture(scope="module")
def house():
    house = House()
    yield house
    house.close()


@pytest.fixture(scope="module")
def impostors(house):
    """TLS servers, each with a certificate that is wrong in its own way: host and port of each."""
    servers = Servers(house, {kind: ("tls", kind, "echo") for kind in CAUSES})
    yield servers.context["servers"]
    servers.close()


@pytest.mark.parametrize("kind", CAUSES)
def test_a_server_with_a_wrong_certificate_is_refused_by_its_cause(
    device, config, house, impostors, kind
):
    port = impostors[kind]["port"]
    values = config("alibaba", "https", host=NAME, address="127.0.0.1", port=port)
    device.run(values, _TELLS_WHEN_ASKED + COUNTER, ca=house.certificates.ca)
    line = device.wait_for("^not connected: .*$")
    assert line.startswith(f"not connected: TLS: {NAME}: {CAUSES[kind]}; next try in ")
    assert seconds(line) >= NOT_HAMMERED_S
    if kind in ("expired", "not_yet_valid"):
        device.wait_for("^asked the time\nnot connected: .*\nasked the time$")
    assert device.output().count("asked") == (2 if "clock" in CAUSES[kind] else 1)


@pytest.mark.parametrize("cloud", ["alibaba", "watson"])
def test_a_cloud_under_another_ca_gets_no_request(device, twin, config, tmp_path, cloud):
    seen = Seen(twin, cloud)
    device.run(config(cloud, "https"), COUNTER, ca=Authority(tmp_path).certificate_file)
    line = device.wait_for("^not connected: .*$")
    assert CAUSES["wrong_ca"] in line and seconds(line) >= NOT_HAMMERED_S
    assert seen.count() == 0


@pytest.mark.parametrize("cloud", ["alibaba", "watson"])
def test_a_cloud_of_another_name_gets_no_request(device, twin, config, cloud):
    seen = Seen(twin, cloud)
    device.run(config(cloud, "https", host="other.example.com"), COUNTER)
    assert CAUSES["wrong_name"] in device.wait_for("^not connected: .*$")
    assert seen.count() == 0


def test_an_org_of_watson_has_a_custom_domain_by_https_too(device, twin, config, tmp_path):
    authority, end = Authority(tmp_path), b"-----END CERTIFICATE-----\n"
    names = ["*.messaging.mywiotpcustomdomain.com"]  # the document's
    certificate, _, key = authority.server(names, tmp_path / "own.pem").read_bytes().partition(end)
    with contextlib.closing(open_store(twin.state)) as store:
        uploaded, seen = Certificates(store), Seen(twin, "watson")
        number = uploaded.add_server("signet", certificate + end, key, "its own")
        uploaded.activate_server("signet", number)
        try:
            values = config("watson", "https", host="signet" + names[0][1:])
            device.run(values, COUNTER, ca=authority.certificate_file)
            seen.stored(1)
        finally:
            uploaded.activate_server("signet", None)


def test_https_to_a_plain_port_fails_with_one_line(device, twin, config):
    port = twin.way("watson", "http")["port"]
    device.run(config("watson", "https", port=port), COUNTER)
    assert "TLS handshake" in device.wait_for("^not connected: .*$")


@pytest.mark.parametrize(
    ("cloud", "says", "mend"),
    [
        ("alibaba", "tls: Alibaba takes HTTPS only", "remove it"),
        ("watson", "insecure: port 1883 would carry the token in clear", "use TLS, or accept it"),
    ],
)
def test_without_tls_it_is_refused(device, config, cloud, says, mend):
    device.run(config(cloud, "https", tls=False, port=None))
    line = device.wait_for(r"^device\.json: .*(true|remove it)$")
    device.wait_for(PROMPT)
    assert line.removesuffix("; for example true") == f"device.json: {says}; {mend}"
    assert device.output().count("device.json: ") == 1


def test_without_tls_and_insecure_there_is_a_warning_at_each_boot(device, config):
    values = config("watson", "https", tls=False, insecure=True, port=9)  # that of discard
    device.run(values, COUNTER)
    for _ in range(2):
        line = device.wait_for("^warning: .*$")
        assert line == "warning: port 9 is not encrypted: who listens has the token"
        device.wait_for("^not connected: cannot reach ")
        device.reset()
