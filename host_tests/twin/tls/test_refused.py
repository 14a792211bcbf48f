"""What does Watson answer to each mistake of a client with a certificate? One test per cell.

The policy of its type is "certificate". None: closed without CONNACK; a number: its code;
a text: the TLS alert that the client gets. The log tells the cause in plain words.
"""

import datetime
import ssl

import pytest

from host_tests.twin.certified import DOMAIN, HOST, ORG, Org, connect_as, openssl, with_another_key
from host_tests.twin.mqtt_device import Raw
from tools.pki.authority import Authority
from tools.twin.wire.packets import Connect

_NOW = datetime.datetime.now(datetime.UTC)
_DAY = datetime.timedelta(days=1)
_UNKNOWN_CA = "TLSV1_ALERT_UNKNOWN_CA"


class Client:
    """A registered client. names: how its certificate calls it."""

    def __init__(self, org: Org, kind: str, type_id: str) -> None:
        self.org = org
        self.kind = kind
        self.type_id = f"{type_id}-{kind}"
        self.device = org.add(kind, self.type_id, "one", "certificate")
        self.name = f"{kind[0]}:{self.type_id}:one"
        self.connect: Connect = connect_as(f"{kind[0]}:{ORG}:{self.type_id}:one")

    def answer(self, **how: object) -> int | str | None:
        """What it gets; without further ado in."""
        how.setdefault("certificate", self.org.certificate(self.name))
        return self.org.answer(self.connect, **how)

    def told(self, text: str) -> None:
        """Wait until the log says so."""
        self.org.twin.wait_for_output(text)


@pytest.fixture(params=["device", "gateway"])
def client(org: Org, request: pytest.FixtureRequest) -> Client:
    """A client of a type of its own for each test."""
    test = request.node.originalname.removeprefix("test_")[:20].strip("_")
    return Client(org, request.param, test)


def test_a_good_certificate_gets_in(client: Client) -> None:
    assert client.answer() == 0


def test_no_certificate(client: Client) -> None:
    assert client.answer(certificate=None) is None
    client.told(f"no certificate; the policy of type {client.type_id} is certificate (169)")


def test_wrong_ca(client: Client) -> None:
    certificate = client.org.certificate(client.name, client.org.stranger)
    assert client.answer(certificate=certificate) == _UNKNOWN_CA
    client.told(
        f"certificate {client.name} is not signed by an active CA of org {ORG}:"
        f" signet pki register --org {ORG}"
    )


def test_expired(client: Client) -> None:
    certificate = client.org.certificate(client.name, not_before=_NOW - 2 * _DAY, not_after=_NOW)
    assert client.answer(certificate=certificate) == "SSLV3_ALERT_CERTIFICATE_EXPIRED"
    client.told(f"certificate {client.name} expired on {_NOW:%Y-%m-%d}")


def test_not_yet_valid(client: Client) -> None:
    certificate = client.org.certificate(client.name, not_before=_NOW + _DAY)
    assert client.answer(certificate=certificate) == "SSLV3_ALERT_BAD_CERTIFICATE"
    client.told(f"certificate {client.name} is not valid before {_NOW + _DAY:%Y-%m-%d}")


def test_wrong_type(client: Client) -> None:
    certificate = client.org.certificate(f"{client.kind[0]}:other:")  # of any device of that type
    assert client.answer(certificate=certificate) is None
    client.told(f"the certificate is {client.kind[0]}:other:, not {client.name}")


def test_wrong_class(client: Client) -> None:
    other = "g" if client.kind == "device" else "d"
    certificate = client.org.certificate(f"{other}:{client.type_id}:")
    assert client.answer(certificate=certificate) is None
    client.told(f"the certificate is {other}:{client.type_id}:, not {client.name}")


def test_wrong_id(client: Client) -> None:
    # It makes the client id, so this is another client, which is not registered.
    wrong = f"{client.kind[0]}:{client.type_id}:two"
    assert client.answer(certificate=client.org.certificate(wrong)) == 5
    client.told(f"no {client.kind} 'two' of type '{client.type_id}'")


def test_org_in_the_common_name(client: Client) -> None:
    wrong = f"{client.kind[0]}:{ORG}:{client.type_id}:one"
    assert client.answer(certificate=client.org.certificate(wrong)) is None
    client.told(f"the certificate is {wrong}, not {client.name} (no org belongs in it)")


def test_server_name_of_an_org_without_that_ca(client: Client) -> None:
    with client.org.certificates() as tables:
        tables.add_ca("other1", client.org.stranger.certificate_file.read_bytes(), "its own")
    assert client.answer(server_name=f"other1.{DOMAIN}") == _UNKNOWN_CA
    client.told(f"certificate {client.name} is not signed by an active CA of org other1")


def test_server_name_of_another_org_with_that_ca(client: Client) -> None:
    with client.org.certificates() as tables:
        tables.add_ca("other2", client.org.ca.certificate_file.read_bytes(), "the same")
    of_the_type = client.org.certificate(client.name.removesuffix("one"))
    assert client.answer(server_name=f"other2.{DOMAIN}", certificate=of_the_type) == 5
    client.told(f"server name (SNI) is of org 'other2', client id of org '{ORG}'")
    # One that names a client makes it a client of the other org, where it is not registered.
    assert client.answer(server_name=f"other2.{DOMAIN}") == 5
    client.told("org 'other2' is unknown")


def test_server_name_that_is_no_host_of_an_org(client: Client) -> None:
    assert client.answer(server_name="localhost", certificate=None) is None
    client.told(f"'localhost' is no server name (SNI) {ORG}.messaging.DOMAIN")


def test_missing_server_name_without_a_certificate(client: Client) -> None:
    assert client.answer(certificate=None, server_name=None) is None
    client.told(f"there is no server name (SNI) {ORG}.messaging.DOMAIN")


def test_missing_server_name_with_a_certificate(client: Client) -> None:
    assert client.answer(server_name=None) is None
    client.told(f"there is no server name (SNI) {ORG}.messaging.DOMAIN")


def test_policy_revoked_after_a_good_login(client: Client) -> None:
    assert client.answer() == 0
    with client.org.certificates() as tables:
        tables.set_policy(ORG, "token", client.type_id)
    assert client.answer() == 5
    label = client.device.label
    client.told(f"{label} refused: CONNACK 5: user name is not `use-token-auth`")


def test_ca_deactivated(client: Client) -> None:
    authority = Authority(client.org.folder / client.type_id, "CA to be deactivated")
    certificate = client.org.certificate(client.name, authority)
    with client.org.certificates() as tables:
        number = tables.add_ca(ORG, authority.certificate_file.read_bytes(), "second")
        assert client.answer(certificate=certificate) == 0
        tables.activate_ca(number, False)
    assert client.answer(certificate=certificate) == _UNKNOWN_CA


def test_ca_removed(client: Client) -> None:
    authority = Authority(client.org.folder / f"{client.type_id}-2", "CA to be removed")
    certificate = client.org.certificate(client.name, authority)
    with client.org.certificates() as tables:
        number = tables.add_ca(ORG, authority.certificate_file.read_bytes(), "third")
        assert client.answer(certificate=certificate) == 0
        tables.remove_ca(number)
    assert client.answer(certificate=certificate) == _UNKNOWN_CA


def test_wrong_key(client: Client) -> None:
    good = client.org.certificate(client.name)
    forged = with_another_key(good, client.org.folder / f"{client.type_id}-forged.pem")
    assert client.answer(certificate=forged) == "TLSV1_ALERT_DECRYPT_ERROR"
    client.told("TLS: BAD_SIGNATURE: the device's key is not that of its certificate")


def test_certificate_of_a_server(client: Client) -> None:
    target = client.org.folder / f"{client.type_id}-server.pem"
    certificate = client.org.ca.server([client.name], target)
    assert client.answer(certificate=certificate) == "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE"
    client.told(f"certificate {client.name} is not one for clients (extended key usage)")


def test_disabled(client: Client) -> None:
    words = ("watson", f"{ORG}/{client.type_id}", "one")
    client.org.twin.cli("device", "disable", *words)
    assert client.answer() == 5


def test_tls_1_1(client: Client) -> None:
    version, suites = ssl.TLSVersion.TLSv1_1, "DEFAULT:@SECLEVEL=0"
    answer = client.answer(version=version, suites=suites)
    assert answer == "TLSV1_ALERT_PROTOCOL_VERSION"
    client.told("no version of TLS in common: 1.2 is offered")


def test_plain_connection(client: Client) -> None:
    with Raw(client.org.twin.way("watson")) as raw:
        assert raw.login(client.connect) == 5
    client.told(f"a connection without TLS; the policy of type {client.type_id} is certificate")


@pytest.mark.parametrize(
    "suites",
    ["NULL-SHA256", "ADH-AES128-GCM-SHA256", "CAMELLIA128-SHA"],
)
def test_weak_suite(client: Client, suites: str) -> None:
    answer = client.answer(suites=f"{suites}:@SECLEVEL=0")
    assert answer == "SSLV3_ALERT_HANDSHAKE_FAILURE"
    client.told("no cipher suite in common")


def test_openssl_s_client_is_told_why(client: Client) -> None:
    way = client.org.twin.way("watson", "mqtts")
    stranger = client.org.certificate(client.name, client.org.stranger)
    words = ("-connect", f"{way['address']}:{way['port']}", "-servername", HOST, "-tls1_2")
    told = openssl("s_client", *words, "-cert", stranger, "-key", stranger)
    assert "alert unknown ca" in told
