"""What does EnOS answer on its port for two-way TLS to each mistake? One test per cell.

A number: the CONNACK's code; a text: the TLS alert that the device gets. The log tells the cause.
"""

import datetime
import ssl
from pathlib import Path
from typing import Any

import pytest

from host_tests.twin.certified import Org, serial_of, with_another_key
from host_tests.twin.mqtt_device import Raw, connect_of
from tools.pki.authority import Authority

_NOW = datetime.datetime.now(datetime.UTC)
_DAY = datetime.timedelta(days=1)


def _issued(
    org: Org, product: str = "", device: str = "", authority: Authority | None = None, **how: Any
) -> Path:
    """A certificate that EnOS issued, by default for its ready device."""
    ready = org.twin.device("enos")
    file = org.certificate("device", authority or org.enos, **how)
    owner = (product or ready["product_key"], device or ready["device_key"])
    with org.certificates() as tables:
        tables.issued(serial_of(file), *owner, 0)
    return file


def _answer(org: Org, certificate: Path | None, password: bytes = b"", **how: Any) -> Any:
    changes = {"password": password} if password else {}
    connect = connect_of(org.twin, "enos", **changes)
    return org.answer(connect, "enos", certificate=certificate, **how)


def test_a_good_certificate_and_signature_get_in(org: Org) -> None:
    assert _answer(org, _issued(org)) == 0


def test_an_rsa_certificate_gets_in(org: Org) -> None:
    assert _answer(org, _issued(org, kind="rsa")) == 0


def test_no_server_name_is_needed(org: Org) -> None:
    assert _answer(org, _issued(org), server_name=None) == 0


def test_no_certificate(org: Org) -> None:
    assert _answer(org, None) == "SSLV3_ALERT_HANDSHAKE_FAILURE"
    org.twin.wait_for_output("no certificate: this port is only for devices that show one")


def test_wrong_ca(org: Org) -> None:
    certificate = _issued(org, authority=org.stranger)
    assert _answer(org, certificate) == "TLSV1_ALERT_UNKNOWN_CA"
    org.twin.wait_for_output("certificate device is not signed by the twin's EnOS CA")


def test_expired(org: Org) -> None:
    certificate = _issued(org, not_before=_NOW - 2 * _DAY, not_after=_NOW)
    assert _answer(org, certificate) == "SSLV3_ALERT_CERTIFICATE_EXPIRED"
    org.twin.wait_for_output(f"certificate device expired on {_NOW:%Y-%m-%d}")


def test_not_yet_valid(org: Org) -> None:
    certificate = _issued(org, not_before=_NOW + _DAY)
    assert _answer(org, certificate) == "SSLV3_ALERT_BAD_CERTIFICATE"
    org.twin.wait_for_output(f"certificate device is not valid before {_NOW + _DAY:%Y-%m-%d}")


def test_issued_for_another_product(org: Org) -> None:
    assert _answer(org, _issued(org, product="other")) == 5
    org.twin.wait_for_output("was issued to device other/board-1, not to signetEnOS/board-1")


def test_issued_for_another_device(org: Org) -> None:
    assert _answer(org, _issued(org, device="other")) == 5
    org.twin.wait_for_output("was issued to device signetEnOS/other, not to signetEnOS/board-1")


def test_issued_to_nobody(org: Org) -> None:
    certificate = org.certificate("device", org.enos)
    assert _answer(org, certificate) == 5
    serial = f"{serial_of(certificate):x}"
    org.twin.wait_for_output(f"certificate {serial} was issued by signet pki to nobody")


def test_wrong_signature_beside_a_good_certificate(org: Org) -> None:
    assert _answer(org, _issued(org), password=b"0" * 64) == 4


def test_wrong_key(org: Org) -> None:
    forged = with_another_key(_issued(org), org.folder / "enos-forged.pem")
    assert _answer(org, forged) == "TLSV1_ALERT_DECRYPT_ERROR"
    org.twin.wait_for_output("the device's key is not that of its certificate")


def test_tls_1_1(org: Org) -> None:
    how = {"version": ssl.TLSVersion.TLSv1_1, "suites": "DEFAULT:@SECLEVEL=0"}
    assert _answer(org, _issued(org), **how) == "TLSV1_ALERT_PROTOCOL_VERSION"


@pytest.mark.parametrize("suite", ["NULL-SHA256", "ADH-AES128-GCM-SHA256", "CAMELLIA128-SHA"])
def test_weak_suite(org: Org, suite: str) -> None:
    answer = _answer(org, _issued(org), suites=f"{suite}:@SECLEVEL=0")
    assert answer == "SSLV3_ALERT_HANDSHAKE_FAILURE"


def test_the_port_without_tls_takes_no_certificate_as_ever(org: Org) -> None:
    with Raw(org.twin.way("enos")) as raw:
        assert raw.login(connect_of(org.twin, "enos")) == 0
