"""Does `signet pki ca-of` write the certificates that each vendor names, and no other?

Expected: SHA-1 thumbprints as in Azure's "Certificate Authority details" and in the lists of
Amazon, Let's Encrypt and GlobalSign; Aliyun's of its SDK's bundle.
"""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from host_tests.tools.pki_files import Issued, mode
from tools import toolchain
from tools.pki import roots
from tools.ui import UserError

_ALIYUN = "99680e49a8ad48b9f0567d4c8f02d11d979f01b0"
_R1 = "b1bc968bd4f49d622aa89a81f2150152a41d829c"
_R1_BEGINS = "-----BEGIN CERTIFICATE-----\nMIIDdTCCAl2g"
_R6 = "8094640eb5a7a1ca119c1fddd59f810263a7fbd1"
_R46 = "53a2b04bca6bd645e6398a8ec40dd2bf77c3a290"


def _sdk():
    (found,) = (toolchain.vendor_sdks().parent.parent / "lib").glob("*/*/linkkit/linkkit.py")
    return found


def _written(file="ca.pem"):
    found = x509.load_pem_x509_certificates(Path(file).read_bytes())
    return [certificate.fingerprint(hashes.SHA1()).hex() for certificate in found]


@pytest.fixture
def without_sdk(monkeypatch, tmp_path):
    """This machine has certifi alone, as one that made the demo."""
    monkeypatch.setattr(roots, "_STORES", ())
    monkeypatch.setattr(roots, "CACHE", tmp_path)


@pytest.mark.parametrize(
    ("cloud", "prints"),
    [
        (
            "azure",
            [
                "df3c24f9bfd666761b268073fe06d1cc8d4f82a4",
                "73a5e64a3bff8316ff0edccc618a906e4eae4d74",
            ],
        ),
        (
            "aws",
            [
                "8da7f965ec5efc37910f1c6e59fdc1cc6a6ede16",
                "0d44dd8c3c8c1a1a58756481e90f2e2affb3d26e",
            ],
        ),
        ("letsencrypt", ["cabd2a79a1076a31f21d253635cb039d4329a5e8"]),
        ("alibaba", [_ALIYUN, _R1, _R6, _R46]),
    ],
)
def test_ca_of_writes_the_roots_that_the_vendor_names_and_check_finds_no_fault(pki, cloud, prints):
    shown = pki("ca-of", cloud, "--from", _sdk()) if cloud == "alibaba" else pki("ca-of", cloud)
    assert _written() == prints
    assert mode("ca.pem") == 0o644
    assert shown.count("20") >= len(prints) and "is the one expected" in shown
    pki("check", "ca.pem")


@pytest.mark.usefixtures("without_sdk")
def test_what_the_machine_lacks_is_named_with_its_place_and_nothing_is_written(pki):
    with pytest.raises(UserError, match=r"Aliyun IoT Root CA is in .*linkkit 1\.2\.13\. .*--from"):
        pki("ca-of", "alibaba")
    assert not Path("ca.pem").exists()


@pytest.mark.usefixtures("without_sdk")
def test_r1_which_ends_in_2028_is_not_asked_for(pki):
    Path("no_r1.py").write_text(_sdk().read_text().replace(_R1_BEGINS, "-----BEGIN -----\n"))
    pki("ca-of", "alibaba", "--from", "no_r1.py")
    assert _written() == [_ALIYUN, _R6, _R46]


def test_a_root_that_has_ended_is_left_out():
    for day, roots_left in ((28, 4), (29, 3)):
        found = roots.find("alibaba", [_sdk()], datetime(2028, 1, day, tzinfo=UTC))
        assert len(found) == roots_left


def test_a_certificate_of_the_same_name_is_not_taken(pki):
    Path("mine.pem").write_bytes(Issued("Aliyun IoT Root CA").pem)
    with pytest.raises(UserError, match=r"mine\.pem has none of the certificates of alibaba"):
        pki("ca-of", "alibaba", "--from", "mine.pem")


@pytest.mark.parametrize(
    ("cloud", "said"),
    [
        ("enos", "no document of EnOS names it. .*-showcerts"),
        ("watson", "ask its administrator"),
        ("broker", "cafile"),
        ("google", "there is no cloud 'google' here; use one of: alibaba"),
    ],
)
def test_where_nobody_can_say_the_ca_it_says_whom_to_ask(pki, cloud, said):
    with pytest.raises(UserError, match=said):
        pki("ca-of", cloud)


def test_a_file_that_is_there_is_replaced_on_demand_only(pki):
    Path("ca.pem").write_text("mine")
    with pytest.raises(UserError, match="--replace"):
        pki("ca-of", "aws")
    assert Path("ca.pem").read_text() == "mine"
    pki("ca-of", "aws", "--replace")
    pki("ca-of", "aws", "--to", "board/ca.pem")
    assert _written() == _written("board/ca.pem")
