"""Whom does a certificate name? The opened server's own test vectors, and certificates."""

import json
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from tools.pki.authority import Authority
from tools.pki.names import owners
from tools.twin.clouds.watson import policy

_VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).parents[3] / "vectors" / "watson-certificates.json").read_text()
)


@pytest.mark.parametrize("case", _VECTORS["cert_match"]["cases"], ids=str)
def test_a_certificate_fits_a_client_as_the_opened_server_says(case: list[Any]) -> None:
    common_name, alternatives, kind, type_id, name, expected = case
    assert policy.score([common_name, *alternatives], kind, type_id, name) == expected


@pytest.mark.parametrize("case", _VECTORS["cert_to_client_id"]["cases"], ids=lambda c: c["cn"])
def test_a_client_id_comes_out_of_certificate_and_server_name(case: dict[str, Any]) -> None:
    names = [case["cn"], *case["san"]]
    assert policy.client_id(names, case["sni_org"]) == case["client_id"]


@pytest.mark.parametrize("name", _VECTORS["cert_to_client_id"]["not_a_client_name"])
def test_a_name_of_another_form_makes_no_client_id(name: str) -> None:
    assert policy.client_id([name], "kb") is None


def test_the_org_does_not_belong_into_a_name() -> None:
    name = "d:signet:esp32:board-1"
    assert policy.client_id([name], "signet") is None
    assert policy.score([name], "d", "esp32", "board-1") == 0


def test_a_name_of_the_whole_type_makes_an_exact_one_no_worse() -> None:
    assert policy.score(["d:t:one", "d:t:"], "d", "t", "one") == 3


def test_an_application_has_its_client_id_from_its_certificate_too() -> None:
    assert policy.client_id(["a:dashboard"], "kb") == "a:kb:dashboard"


@pytest.mark.parametrize(
    ("server_name", "org"),
    [
        ("mtxpd0.messaging.internetofthings.ibmcloud.com", "mtxpd0"),
        ("mtxpd0.messaging.mywiotpcustomdomain.com", "mtxpd0"),
        ("mtxpd0.internetofthings.ibmcloud.com", "mtxpd0"),
        ("localhost", None),
        (".messaging.internetofthings.ibmcloud.com", None),
        ("mtxpd0.example.com", None),
        ("mtxpd0.messagingexample.com", None),
        ("mtxpd0.internetofthingsexample.com", None),
        ("MTXPD0.Messaging.INTERNETofThings.ibmcloud.com", "MTXPD0"),
        ("mtxpd0.MESSAGING.mywiotpcustomdomain.com", "mtxpd0"),
        (None, None),
    ],
)
def test_the_org_comes_out_of_the_server_name(server_name: str | None, org: str | None) -> None:
    assert policy.org_of(server_name) == org


def test_names_are_the_common_name_and_the_mail_addresses(tmp_path: Path) -> None:
    file = Authority(tmp_path).client("board", email="d:esp32:board-1", target=tmp_path / "c.pem")
    certificate = x509.load_pem_x509_certificate(file.read_bytes())
    assert owners(certificate) == ["board", "d:esp32:board-1"]
