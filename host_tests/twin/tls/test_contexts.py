"""Which suites, versions and server certificates do the doors have? OpenSSL and `ssl` ask."""

import contextlib
import socket
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from host_tests.suites import MQTT_SUITES
from host_tests.support import Twin
from host_tests.twin.certified import DOMAIN, HOST, ORG, Org, Sealed, connect_as, openssl
from host_tests.twin.mqtt_device import TIMEOUT_S
from tools.pki.authority import Authority
from tools.twin.registry.certificates import Certificates
from tools.twin.registry.store import open_store
from tools.twin.tls.contexts import Contexts
from tools.ui import UserError

# What no platform offers any more, by number (RFC 5246 and older): OpenSSL cannot speak these.
_WEAK = {
    0x0001: "TLS_RSA_WITH_NULL_MD5",
    0x0003: "TLS_RSA_EXPORT_WITH_RC4_40_MD5",
    0x0004: "TLS_RSA_WITH_RC4_128_MD5",
    0x0005: "TLS_RSA_WITH_RC4_128_SHA",
    0x0008: "TLS_RSA_EXPORT_WITH_DES40_CBC_SHA",
    0x0009: "TLS_RSA_WITH_DES_CBC_SHA",
    0x000A: "TLS_RSA_WITH_3DES_EDE_CBC_SHA",
    0x0018: "TLS_DH_anon_WITH_RC4_128_MD5",
    0xC008: "TLS_ECDHE_ECDSA_WITH_3DES_EDE_CBC_SHA",
    0xC011: "TLS_ECDHE_RSA_WITH_RC4_128_SHA",
    0xC012: "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA",
}

Fault = Callable[..., None]


@pytest.fixture
def tls(org: Org) -> Iterator[Fault]:
    """The fault `tls` of Watson's doors, which are as usual again afterwards."""
    yield lambda **values: org.twin.fault("tls", cloud="watson", **values)
    org.twin.fault("tls", cloud="watson")


def _openssl_name(name: str) -> str:
    """OpenSSL's word for a suite."""
    return openssl("ciphers", "-convert", name).rpartition(":")[2].strip()


def _s_client(twin: Twin, way: str, *words: str) -> str:
    door = twin.way("watson", way)
    where = ("-connect", f"{door['address']}:{door['port']}", "-servername", HOST)
    trust = ("-CAfile", twin.ready["ca_file"], "-verify_return_error", "-verify_hostname", HOST)
    return openssl("s_client", *where, *trust, *words)


def _secured(org: Org, server_name: str = HOST, **how: Any) -> ssl.SSLSocket:
    """A connection to Watson's door. how: see `Sealed`."""
    how.setdefault("ca", org.twin.ready["ca_file"])
    secured = Sealed(org.twin.way("watson", "mqtts"), server_name=server_name, **how).socket
    assert isinstance(secured, ssl.SSLSocket)
    return secured


def _shown(org: Org, server_name: str = HOST, **how: Any) -> x509.Certificate:
    with _secured(org, server_name, **how) as secured:
        return x509.load_der_x509_certificate(secured.getpeercert(binary_form=True) or b"")


@pytest.mark.parametrize("name", MQTT_SUITES)
def test_each_suite_of_the_table_for_mqtt_is_taken_and_rsa_signs_as_boards_can_verify(
    org: Org, name: str
) -> None:
    suite = _openssl_name(name)
    printed = _s_client(org.twin, "mqtts", "-cipher", suite)
    assert f"Cipher is {suite}\n" in printed
    assert "Protocol  : TLSv1.2" in printed
    assert "Server public key is 2048 bit" in printed
    assert ("Peer signature type: RSA\n" in printed) == ("DHE" in suite)  # not RSA-PSS


def test_who_takes_all_suites_gets_the_cheap_key(org: Org) -> None:
    printed = _s_client(org.twin, "mqtts", "-cipher", "ALL")
    assert "Cipher is ECDHE-ECDSA-AES256-GCM-SHA384\n" in printed
    assert "Server public key is 256 bit" in printed


@pytest.mark.parametrize("kinds", [["rsa"], ["ec"], ["rsa", "ec"]], ids="-".join)
def test_exactly_the_documents_suites_are_taken_and_the_same_with_the_other_signature(
    org: Org, tls: Fault, kinds: list[str]
) -> None:
    tls(**({"certificate": kinds[0]} if kinds[1:] == [] else {}))
    every = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    every.set_ciphers("ALL:COMPLEMENTOFALL:@SECLEVEL=0")
    taken = set()
    for suite in every.get_ciphers():
        if suite["protocol"] == "TLSv1.3" or "PSK" in suite["name"] or "SRP" in suite["name"]:
            continue
        try:
            with _secured(org, suites=f"{suite['name']}:@SECLEVEL=0") as secured:
                taken.add((secured.cipher() or ("",))[0])
        except ssl.SSLError:
            pass
    listed = {_openssl_name(name) for name in MQTT_SUITES}
    other = {n.replace("-RSA-", "-ECDSA-") for n in listed if n.startswith("ECDHE")}
    assert taken == (listed if "rsa" in kinds else set()) | (other if "ec" in kinds else set())


@pytest.mark.parametrize("number", _WEAK, ids=_WEAK.get)
@pytest.mark.parametrize("cloud", ["watson", "enos"])
def test_a_weak_suite_is_refused_with_an_alert(org: Org, cloud: str, number: int) -> None:
    # RFC 5246, section 7.4.1.2: version, random, no session, one suite, no compression.
    hello = b"\x03\x03" + bytes(32) + b"\0" + b"\0\2" + number.to_bytes(2, "big") + b"\1\0"
    handshake = b"\1" + len(hello).to_bytes(3, "big") + hello
    door = org.twin.way(cloud, "mqtts")
    with socket.create_connection((door["address"], door["port"]), 20) as client:
        client.sendall(b"\x16\x03\x01" + len(handshake).to_bytes(2, "big") + handshake)
        assert client.recv(7) == b"\x15\x03\x03\x00\x02\x02\x28"  # fatal, handshake_failure


def test_tls_1_1_alone_is_spoken_on_demand(org: Org, tls: Fault) -> None:
    tls(version="1.1")
    with pytest.raises(ssl.SSLError):
        _secured(org)
    suites = "DEFAULT:@SECLEVEL=0"
    with _secured(org, version=ssl.TLSVersion.TLSv1_1, suites=suites) as secured:
        assert secured.version() == "TLSv1.1"


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        ("wrong_name", "Hostname mismatch"),
        ("unknown_ca", "unable to get local issuer certificate"),
        ("expired", "certificate has expired"),
        ("not_yet_valid", "certificate is not yet valid"),
    ],
)
def test_a_bad_server_certificate_is_shown_on_demand(
    org: Org, tls: Fault, kind: str, sentence: str
) -> None:
    tls(certificate=kind)
    with pytest.raises(ssl.SSLCertVerificationError, match=sentence):
        _secured(org)
    tls()
    _secured(org).close()


def test_an_rsa_certificate_is_shown_on_demand(org: Org, tls: Fault) -> None:
    tls(certificate="rsa")
    key = _shown(org).public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    assert key.key_size == 2048


@pytest.mark.parametrize(
    "values",
    [
        {"suites": "NO-SUCH-SUITE"},
        {"certificate": "paper"},
        {"version": "1.0"},
        {"colour": "red"},
        {"cloud": "mars"},
    ],
    ids=str,
)
def test_a_mistake_in_the_fault_is_one_clear_error(org: Org, values: dict[str, str]) -> None:
    with pytest.raises(UserError):
        org.twin.fault("tls", **{"cloud": "watson", **values})


def _own(org: Org, name: str, common_name: str) -> tuple[Authority, int]:
    """A server certificate of an org's own, uploaded: who signed it, and its id."""
    authority = Authority(org.folder / name, f"CA of {name}")
    file = authority.server([common_name], org.folder / f"{name}.pem", "rsa")
    certificate, _, key = file.read_bytes().partition(b"-----END CERTIFICATE-----\n")
    with org.certificates() as tables:
        chain = certificate + b"-----END CERTIFICATE-----\n"
        return authority, tables.add_server(name, chain, key, "its own")


@pytest.mark.parametrize("domain", [DOMAIN, "messaging.mywiotpcustomdomain.com"])
def test_an_orgs_own_certificate_is_shown_for_its_name_only(org: Org, domain: str) -> None:
    name = f"own{len(domain)}"
    host = f"{name}.{domain}"
    authority, number = _own(org, name, host if domain == DOMAIN else f"*.{domain}")
    with org.certificates() as tables:
        tables.activate_server(name, number)
    assert _shown(org, host, ca=authority.certificate_file).issuer == authority.certificate.subject
    usual = Authority(org.twin.state).certificate.subject
    assert _shown(org).issuer == usual
    with org.certificates() as tables:
        tables.activate_server(name, None)
    assert _shown(org, f"{name}.{DOMAIN}").issuer == usual


def test_a_bad_certificate_on_demand_comes_before_an_orgs_own(org: Org, tls: Fault) -> None:
    _, number = _own(org, "demand", f"demand.{DOMAIN}")
    with org.certificates() as tables:
        tables.activate_server("demand", number)
    tls(certificate="rsa")
    assert _shown(org, f"demand.{DOMAIN}").issuer == Authority(org.twin.state).certificate.subject


def test_clients_are_asked_for_a_certificate_while_an_org_has_an_active_ca(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "ca")
    with contextlib.closing(open_store(tmp_path)) as store:
        tables = Certificates(store)
        contexts = Contexts(tables, authority, ["localhost"], tmp_path, {})
        asked = [contexts.context("watson").verify_mode]
        number = tables.add_ca("any", authority.certificate_file.read_bytes(), "for a test")
        asked.append(contexts.context("watson").verify_mode)
        tables.activate_ca(number, False)
        asked.append(contexts.context("watson").verify_mode)
    assert asked == [ssl.CERT_NONE, ssl.CERT_OPTIONAL, ssl.CERT_NONE]


def test_a_server_name_is_needed_where_the_org_has_its_own_certificate(org: Org) -> None:
    _, number = _own(org, "named1", f"named1.{DOMAIN}")
    connect = connect_as("d:named1:t:one")
    # Unknown there: what counts is that it is not even looked for.
    assert org.answer(connect, server_name=None) == 5
    with org.certificates() as tables:
        tables.activate_server("named1", number)
    assert org.answer(connect, server_name=None) is None


def test_paho_logs_in_and_reports_with_a_certificate_alone(
    org: Org, monkeypatch: pytest.MonkeyPatch
) -> None:
    org.add("device", "paho", "one", "certificate")
    certificate = org.certificate("d:paho:one")
    way = org.twin.way("watson", "mqtts")
    resolve = socket.getaddrinfo  # paho sends the host that it connects to as server name
    monkeypatch.setattr(socket, "getaddrinfo", lambda _, *more: resolve(way["address"], *more))

    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, f"d:{ORG}:paho:one")
    client.tls_set(org.twin.ready["ca_file"], str(certificate), str(certificate))
    client.connect(HOST, way["port"])
    client.loop_start()
    client.publish("iot-2/evt/status/fmt/json", b"{}", 1).wait_for_publish(TIMEOUT_S)
    client.disconnect()
    client.loop_stop()
    org.twin.wait_for_messages("watson", 1, device=f"{ORG}/paho/one", direction="up")


def test_the_registrys_file_is_private(org: Org) -> None:
    assert (org.twin.state / "twin.db").stat().st_mode & 0o777 == 0o600
    for file in (org.twin.state / "run").glob("server-*.pem"):
        assert file.stat().st_mode & 0o777 == 0o600


def test_alibabas_door_shows_a_bad_certificate_on_demand_too(org: Org) -> None:
    way = org.twin.way("alibaba", "mqtts")
    for kind in ("expired", "ec"):
        org.twin.fault("tls", cloud="alibaba", certificate=kind)
        context = ssl.create_default_context(cafile=org.twin.ready["ca_file"])
        with socket.create_connection((way["address"], way["port"])) as client:
            if kind == "expired":
                with pytest.raises(ssl.SSLCertVerificationError, match="has expired"):
                    context.wrap_socket(client, server_hostname=way["host"])
            else:
                with context.wrap_socket(client, server_hostname=way["host"]) as secured:
                    assert secured.version() == "TLSv1.3"
    org.twin.fault("tls", cloud="alibaba")
