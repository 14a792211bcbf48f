"""Do chains, several orgs and odd certificates get what they deserve, and a line that says why?

Each test has an org of its own. The certificates are made with cryptography's builder.
"""

import contextlib
import http.client
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from host_tests.tools.pki_files import CLIENT, RSA, SERVER, Issued
from host_tests.twin.certified import DOMAIN, Org, Sealed, connect_as, openssl
from host_tests.twin.http_device import basic, path_of
from tools.twin.registry.store import open_store

_UNKNOWN_CA = "TLSV1_ALERT_UNKNOWN_CA"
_ANY_KEY = "DEFAULT:@SECLEVEL=0"  # of the client, which has keys that are too short
_SHORT = rsa.generate_private_key(65537, 1024)
_NAME = "d:t:one"
# GeneralNames, RFC 5280 section 4.2.1.6: an x400Address, and an rfc822Name that is not ASCII.
_X400, _NOT_ASCII = bytes.fromhex("3004a3023000"), bytes.fromhex("30038101ff")


class Place:
    """An org with one device; policy: of its type."""

    def __init__(self, org: Org, name: str, policy: str, *cas: Issued) -> None:
        self.org = org
        self.name = name
        self.host = f"{name}.{DOMAIN}"
        self._logged = len(org.twin.output())
        with org.certificates() as tables:
            tables.set_policy(name, policy)
            self.cas = [tables.add_ca(name, ca.pem, "for a test") for ca in cas]
        with contextlib.closing(open_store(org.twin.state)) as store:
            self.token = store.add("watson", "device", f"{name}/t", "one").secret

    def file(self, own: Issued, *above: Issued) -> Path:
        """A certificate, its chain and its key."""
        path = self.org.folder / f"{self.name}.pem"
        path.write_bytes(b"".join(part.pem for part in (own, *above)) + own.key_bytes())
        return path

    def answer(self, own: Issued, *above: Issued, token: bool = False, **how: Any) -> Any:
        """See `Org.answer`."""
        connect = connect_as(f"d:{self.name}:t:one", self.token if token else None)
        how = {"server_name": self.host, "suites": _ANY_KEY} | how
        return self.org.answer(connect, certificate=self.file(own, *above), **how)

    def show(self, server: Issued) -> Path:
        """Let the org's server show a certificate, which clients trust by the file returned."""
        with self.org.certificates() as tables:
            number = tables.add_server(self.name, server.pem, server.key_bytes(), "its own")
            tables.activate_server(self.name, number)
        path = self.org.folder / f"{self.name}-server.pem"
        path.write_bytes(server.pem)
        return path

    def told(self, text: str) -> None:
        """Wait until the log says so, and nothing of an error of the twin's own."""
        self.org.twin.wait_for_output(text, since=self._logged)
        assert "xception" not in self.org.twin.output()


@pytest.fixture
def place(org: Org, request: pytest.FixtureRequest) -> Iterator[Callable[..., Place]]:
    """Makes the test's org. At the end the twin has had no error that it did not expect."""
    name = f"c{zlib.crc32(request.node.name.encode())}"

    def make(*cas: Issued, policy: str = "certificate", suffix: str = "") -> Place:
        return Place(org, name + suffix, policy, *cas)

    yield make
    assert "xception" not in org.twin.output()
    assert "Traceback" not in org.twin.output()


def _leaf(by: Issued, name: str = _NAME, **how: Any) -> Issued:
    return Issued(name, by=by, ca=False, usage=(), **how)


# Chains


def test_a_device_shows_the_intermediate_between_it_and_the_registered_root(place):
    root = Issued("root")
    between = Issued("between", by=root)
    assert place(root).answer(_leaf(between), between) == 0


def test_a_registered_intermediate_needs_no_root(place):
    between = Issued("between", by=Issued("root"))
    assert place(between).answer(_leaf(between)) == 0


def test_an_expired_intermediate_is_named_and_not_the_device(place):
    root = Issued("root")
    between = Issued("between", by=root, days=(-9, -2))
    there = place(root)
    assert there.answer(_leaf(between), between) == "SSLV3_ALERT_CERTIFICATE_EXPIRED"
    until = f"{between.certificate.not_valid_after_utc:%Y-%m-%d}"
    there.told(f"certificate {_NAME} has a CA, CN=between, that expired on {until}")


def test_an_expired_registered_ca_is_named(place):
    root = Issued("root", days=(-9, -2))
    there = place(root)
    assert there.answer(_leaf(root)) == "SSLV3_ALERT_CERTIFICATE_EXPIRED"
    there.told(f"certificate {_NAME} has a CA, CN=root, that expired on")


def test_an_intermediate_that_is_not_valid_yet_is_named(place):
    root = Issued("root")
    between = Issued("between", by=root, days=(2, 9))
    there = place(root)
    assert there.answer(_leaf(between), between) == "SSLV3_ALERT_BAD_CERTIFICATE"
    there.told(f"certificate {_NAME} has a CA, CN=between, that is not valid before")


def test_a_short_key_of_the_device_is_told_from_one_of_its_ca(place):
    root = Issued("root")
    there = place(root)
    assert there.answer(_leaf(root, key=_SHORT)) not in (0, _UNKNOWN_CA)
    there.told(f"certificate {_NAME} has a key that is too short")


def test_a_short_key_of_the_ca_is_said(place):
    root = Issued("root", key=_SHORT)
    there = place(root)
    assert there.answer(_leaf(root)) not in (0, _UNKNOWN_CA)
    there.told(f"certificate {_NAME} has a CA in its chain whose key is too short")


def test_another_ca_of_the_registered_ones_name_is_said(place):
    there = place(Issued("twins"))
    assert there.answer(_leaf(Issued("twins"))) not in (0, _UNKNOWN_CA)
    there.told(f"certificate {_NAME} is not signed by the CA of that name that is known here")


def test_a_ca_for_servers_only_is_said(place):
    root = Issued("root", purposes=[SERVER])
    there = place(root)
    own = _leaf(root, purposes=[CLIENT])
    assert there.answer(own) == "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE"
    there.told(f"certificate {_NAME} has a CA in its chain that is not for clients' certificates")


# Several orgs


@pytest.mark.parametrize("named", [True, False], ids=["SNI", "no SNI"])
def test_an_org_without_a_ca_takes_a_token_beside_any_certificate(place, named):
    there = place(policy="tls-optional")
    how = {} if named else {"server_name": None}
    assert there.answer(_leaf(Issued("a stranger")), token=True, **how) == 0


def test_an_org_without_a_ca_takes_any_certificate_as_none(place):
    there = place()
    assert there.answer(_leaf(Issued("a stranger"))) is None
    there.told(f"none is asked for without an active CA: signet pki register --org {there.name}")


def test_an_org_with_a_ca_takes_no_strangers_certificate_with_a_token(place):
    there = place(Issued("its own"), policy="tls-optional")
    assert there.answer(_leaf(Issued("a stranger")), token=True) == _UNKNOWN_CA


def test_an_org_without_a_ca_learns_no_ca_from_a_client(place):
    stranger = Issued("a stranger")
    there = place(policy="tls-optional")
    assert there.answer(_leaf(stranger), stranger, token=True) == 0
    other = place(Issued("its own"), suffix="b")
    assert other.answer(_leaf(stranger), stranger) == _UNKNOWN_CA


# Between handshake and login


@pytest.mark.parametrize("how", ["deactivate", "remove"])
def test_a_ca_withdrawn_after_the_handshake_keeps_its_device_out(place, how):
    root = Issued("root")
    there = place(root)
    org = there.org
    file = there.file(_leaf(root))
    door = org.twin.way("watson", "mqtts")
    with Sealed(door, org.twin.ready["ca_file"], file, server_name=there.host) as raw:
        with org.certificates() as tables:
            if how == "remove":
                tables.remove_ca(there.cas[0])
            else:
                tables.activate_ca(there.cas[0], False)
        assert raw.login(connect_as(f"d:{there.name}:t:one")) is None
    there.told(f"org {there.name} has withdrawn a CA since the handshake")


def test_a_ca_registered_after_the_handshake_changes_nothing(place):
    root = Issued("root")
    there = place(root)
    org = there.org
    file = there.file(_leaf(root))
    door = org.twin.way("watson", "mqtts")
    with Sealed(door, org.twin.ready["ca_file"], file, server_name=there.host) as raw:
        with org.certificates() as tables:
            tables.add_ca(there.name, Issued("second").pem, "second")
        assert raw.login(connect_as(f"d:{there.name}:t:one")) == 0


def test_a_request_is_refused_after_the_connections_ca_was_withdrawn(place):
    root = Issued("root")
    there = place(root, policy="tls-optional")
    org = there.org
    door, trust = org.twin.way("watson", "https"), org.twin.ready["ca_file"]
    connection = http.client.HTTPConnection(there.host)
    sealed = Sealed(door, trust, there.file(_leaf(root)), server_name=there.host)
    with contextlib.closing(connection):
        connection.sock = sealed.socket
        with org.certificates() as tables:
            tables.activate_ca(there.cas[0], False)
        headers = {"Content-Type": "application/json", **basic("use-token-auth", there.token)}
        connection.request("POST", f"{path_of('t', 'one')}/events/e", b"{}", headers)
        assert connection.getresponse().status == 403
    there.told("has withdrawn a CA since the handshake")


# What cannot be read


@pytest.mark.parametrize("named", [True, False], ids=["SNI", "no SNI"])
@pytest.mark.parametrize("names", [_X400, _NOT_ASCII], ids=["x400Address", "not ASCII"])
def test_an_org_without_a_ca_does_not_read_what_a_client_shows(place, names, named):
    there = place(policy="tls-optional")
    oid = x509.SubjectAlternativeName.oid
    own = _leaf(Issued("a stranger"), critical=x509.UnrecognizedExtension(oid, names))
    how = {} if named else {"server_name": None}
    assert there.answer(own, token=True, **how) == 0


@pytest.mark.parametrize("names", [_X400, _NOT_ASCII], ids=["x400Address", "not ASCII"])
def test_a_certificate_that_cannot_be_read_is_refused_in_one_line(place, names):
    oid = x509.SubjectAlternativeName.oid
    root = Issued("root")
    there = place(root)
    own = _leaf(root, critical=x509.UnrecognizedExtension(oid, names))
    assert there.answer(own) is None
    there.told("TLS: the device's certificate cannot be read")


@pytest.mark.parametrize("names", [_X400, _NOT_ASCII], ids=["x400Address", "not ASCII"])
def test_a_strangers_certificate_that_cannot_be_read_is_refused_in_one_line(place, names):
    oid = x509.SubjectAlternativeName.oid
    there = place(Issued("root"))
    own = _leaf(Issued("a stranger"), critical=x509.UnrecognizedExtension(oid, names))
    assert there.answer(own) == _UNKNOWN_CA
    there.told("TLS: the device's certificate or its chain cannot be read")


def test_a_server_name_that_is_not_ascii_is_refused_in_one_line(place):
    there = place()
    way = there.org.twin.way("watson", "mqtts")
    openssl("s_client", "-connect", f"{way['address']}:{way['port']}", "-servername", "\udcff.x")
    there.told("the device's server name (SNI) is not ASCII")


# The server's own


def test_a_server_certificate_that_openssl_does_not_take_is_said_in_one_line(place):
    there = place()
    server = Issued(there.host, key=_SHORT, ca=False, usage=())
    with there.org.certificates() as tables:
        number = tables.add_server(there.name, server.pem, server.key_bytes(), "too short")
        tables.activate_server(there.name, number)
    assert there.answer(_leaf(Issued("any"))) == "TLSV1_ALERT_INTERNAL_ERROR"
    there.told(
        f"OpenSSL does not take server certificate {number} of org {there.name} (EE_KEY_TOO_SMALL)"
    )


@pytest.mark.parametrize(
    ("registered", "shown", "taken"),
    [("root between", "", True), ("root", "between", False), ("between", "", False)],
)
def test_where_the_servers_is_self_signed_root_and_intermediates_are_registered(
    place, registered, shown, taken
):
    cas = {"root": Issued("root")}
    cas["between"] = Issued("between", by=cas["root"])
    there = place(*(cas[name] for name in registered.split()))
    trust = there.show(Issued(there.host, usage=(), key=RSA, also=[x509.DNSName(there.host)]))
    file = there.file(_leaf(cas["between"]), *(cas[name] for name in shown.split()))
    door = there.org.twin.way("watson", "mqtts")
    with Sealed(door, trust, file, server_name=there.host) as raw:
        assert raw.login(connect_as(f"d:{there.name}:t:one")) == (0 if taken else None)
    if not taken:
        there.told("a self-signed server certificate, which asks for root and intermediates")


def test_the_key_of_an_orgs_server_certificate_lies_in_no_file_of_the_run(place):
    there = place(policy="tls-optional")
    server = Issued(there.host, ca=False, usage=(), key=RSA, also=[x509.DNSName(there.host)])
    trust = there.show(server)
    door = there.org.twin.way("watson", "mqtts")
    with Sealed(door, trust, server_name=there.host):
        run = there.org.twin.state / "run"
        held = [file for file in run.glob("*") if file.is_file()]
        assert held
        assert not any(server.key_bytes() in file.read_bytes() for file in held)
