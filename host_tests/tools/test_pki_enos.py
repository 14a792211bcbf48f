"""Does `signet pki enos` make requests, issue and renew as EnOS's documents say?"""

from pathlib import Path

import pytest
from cryptography import x509
from typer.testing import CliRunner

from host_tests.tools.pki_files import PEM, config, csr, device, first, mode, p256, private, stored
from tools.pki import command
from tools.ui import UserError

SUBJECT = (
    *("--country", "SG", "--province", "Singapore", "--locality", "Singapore"),
    *("--organization", "Envision", "--unit", "IoT"),
)
KEYS = ("--product-key", "pk", "--device-key", "dk")


@pytest.mark.parametrize(("options", "size"), [((), 256), (("--rsa",), 2048)])
def test_enos_request_has_all_fields_and_its_key_stays_in_the_folder(pki, options, size):
    pki("enos", "csr", "--to", "board", *KEYS, *SUBJECT, *options)
    asked = x509.load_pem_x509_csr(Path("board/device.csr").read_bytes())
    fields = {attribute.rfc4514_attribute_name for attribute in asked.subject}
    assert fields == {"C", "ST", "L", "O", "OU", "CN"}
    key = private("board/device.key")
    assert (key.key_size, key.public_key()) == (size, asked.public_key())
    assert mode("board/device.key") == 0o600


def test_enos_common_names_are_never_the_same(pki):
    subjects = set()
    for folder in ("a", "b"):
        pki("enos", "csr", "--to", folder, *KEYS, *SUBJECT)
        subjects.add(x509.load_pem_x509_csr(Path(folder, "device.csr").read_bytes()).subject)
    assert len(subjects) == 2


@pytest.mark.parametrize("left_out", ["--country", "--province", "--locality", "--organization"])
def test_enos_request_wants_every_field(pki, left_out):
    at = SUBJECT.index(left_out)
    words = ["enos", "csr", "--to", "board", *KEYS, *SUBJECT[:at], *SUBJECT[at + 2 :]]
    done = CliRunner().invoke(command.app, words)
    assert done.exit_code == 2
    assert not Path("board").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--country", "Singapore"), "C 'Singapore' is not 2 letters"),
        (("--country", "ÄÖ"), "C 'ÄÖ' is not 2 letters"),
        (("--name", "n" * 65), "CN 'n+' is not 1 to 64 characters"),
        (("--unit", ""), "OU '' is not 1 to 64 characters"),
    ],
)
def test_enos_request_refuses_a_field_of_a_wrong_length(pki, options, message):
    with pytest.raises(UserError, match=message):
        pki("enos", "csr", "--to", "board", *KEYS, *SUBJECT, *options)
    assert not Path("board").exists()


def test_enos_request_does_not_overwrite_a_key(pki):
    pki("enos", "csr", "--to", "board", *KEYS, *SUBJECT)
    before = Path("board/device.key").read_bytes()
    with pytest.raises(UserError, match=r"device\.key already"):
        pki("enos", "csr", "--to", "board", *KEYS, *SUBJECT)
    assert Path("board/device.key").read_bytes() == before


def test_enos_request_is_not_made_beside_a_certificate(pki):
    Path("board").mkdir()
    Path("board/device.pem").write_bytes(b"mine")
    with pytest.raises(UserError, match=r"device\.pem already"):
        pki("enos", "csr", "--to", "board", *KEYS, *SUBJECT)
    assert [path.name for path in Path("board").iterdir()] == ["device.pem"]


@pytest.fixture
def issued(pki, running, state):
    """A folder with an issued certificate."""
    pki("enos", "csr", "--to", "board", *KEYS, *SUBJECT)
    pki("enos", "issue", "board", "--days", 100)
    return Path("board")


def test_enos_issues_by_its_own_ca_and_notes_whose_it_is(issued, state):
    found = first(issued / "device.pem")
    found.verify_directly_issued_by(first(state / "enos" / "ca.pem"))
    assert (found.not_valid_after_utc - found.not_valid_before_utc).days == 100
    with stored(state) as (_, certificates):
        assert certificates.issued_to(found.serial_number) == ("pk", "dk")


def test_enos_issue_completes_the_folder_that_is_deployed(issued, running):
    assert config(issued) == {
        "cloud": "enos",
        "way": "mqtt",
        "host": "mqtt.enos.test",
        "address": "127.0.0.1",
        "port": 18883,
        "tls": True,
        "insecure": False,
        "product_key": "pk",
        "device_key": "dk",
        "device_secret": "ds-1",
        "cert": "device.pem",
        "key": "device.key",
    }
    assert (issued / "ca.pem").read_bytes() == running.certificate_file.read_bytes()


def test_enos_renews_with_the_same_key_another_number_and_new_dates(pki, issued, state):
    old, key = first(issued / "device.pem"), (issued / "device.key").read_bytes()
    pki("enos", "renew", issued, "--days", 200)
    new = first(issued / "device.pem")
    assert (issued / "device.key").read_bytes() == key
    assert (new.public_key(), new.subject) == (old.public_key(), old.subject)
    assert new.serial_number != old.serial_number
    assert new.not_valid_after_utc > old.not_valid_after_utc
    with stored(state) as (_, certificates):
        for serial in (old.serial_number, new.serial_number):  # the old one is good, too
            assert certificates.issued_to(serial) == ("pk", "dk")


def test_enos_issues_one_certificate_for_a_request(pki, issued):
    with pytest.raises(UserError, match="for one certificate only"):
        pki("enos", "issue", issued)


def test_enos_issues_for_a_request_alone(pki, state):
    asked = csr(p256(), "u", C="SG", ST="s", L="l", O="o", OU="u")
    Path("x.csr").write_bytes(asked.public_bytes(PEM))
    with pytest.raises(UserError, match="Give --product-key and --device-key"):
        pki("enos", "issue", "x.csr")
    assert "Its names: " in pki("enos", "issue", "x.csr", *KEYS)
    assert first("x.pem").public_key() == asked.public_key()


def test_enos_issues_for_its_devices_only(pki, state):
    pki("enos", "csr", "--to", "board", "--product-key", "pk", "--device-key", "no", *SUBJECT)
    with pytest.raises(UserError, match=f"EnOS has no such device.* pk no --state {state}`"):
        pki("enos", "issue", "board")


def test_enos_refuses_a_request_that_lacks_a_field(pki):
    Path("x.csr").write_bytes(csr(p256(), "u", C="SG").public_bytes(PEM))
    with pytest.raises(UserError, match=r"x\.csr: the request's subject lacks ST, L, O, OU"):
        pki("enos", "issue", "x.csr", *KEYS)


def test_enos_issued_without_a_twin_is_completed_by_its_renewal(pki, state, request):
    pki("enos", "csr", "--to", "board", *KEYS, *SUBJECT)
    assert "no twin runs" in pki("enos", "issue", "board")
    request.getfixturevalue("running")
    pki("enos", "renew", "board")
    assert config("board")["host"] == "mqtt.enos.test"


def test_enos_renews_nothing_that_it_has_not_issued(pki, issued, state):
    key = private(issued / "device.key")
    (issued / "device.pem").write_bytes(device(key=key).pem)
    with pytest.raises(UserError, match="EnOS has not issued"):
        pki("enos", "renew", issued)


def test_enos_renews_nothing_with_another_key(pki, issued):
    (issued / "device.key").write_bytes(device().key_bytes())
    with pytest.raises(UserError, match="is not the key of"):
        pki("enos", "renew", issued)
