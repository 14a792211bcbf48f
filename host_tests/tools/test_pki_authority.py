"""Do OpenSSL and cryptography take the authority's certificates for what they shall be?"""

import datetime
import os
import shutil
import stat
import subprocess

import pytest
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store

from host_tests.tools import pki_files
from tools.pki.authority import Authority
from tools.pki.keys import write_file
from tools.ui import UserError

LONGEST = "d:" + "t" * 36 + ":" + "i" * 36
openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not on PATH")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pki")
    for kind in ("ec", "rsa"):
        authority = Authority(folder / kind, kind=kind)
        authority.client(
            "d:esp32:b1", email="d:esp32:b1", kind=kind, target=folder / kind / "client.pem"
        )
        authority.client("", email=LONGEST, target=folder / kind / "long.pem")
        authority.server(["localhost", "*.a.test", "127.0.0.1"], folder / kind / "s.pem", kind)
        key = pki_files.RSA if kind == "rsa" else pki_files.p256()
        request = pki_files.csr(key, "x", C="SG", ST="s", L="l", O="o", OU="ou")
        signed = authority.sign(request)
        (folder / kind / "signed.pem").write_bytes(signed.public_bytes(pki_files.PEM))
    return folder


def ask(*words):
    done = subprocess.run(["openssl", *words], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def certificate(path):
    return x509.load_pem_x509_certificate(path.read_bytes())


@openssl
@pytest.mark.parametrize("kind", ["ec", "rsa"])
@pytest.mark.parametrize(
    ("file", "purpose"),
    [
        ("client.pem", "sslclient"),
        ("long.pem", "sslclient"),
        ("signed.pem", "sslclient"),
        ("s.pem", "sslserver"),
    ],
)
def test_openssl_verifies_it_strictly(folder, kind, file, purpose):
    path = folder / kind / file
    words = ("-x509_strict", "-purpose", purpose, "-CAfile", str(folder / kind / "ca.pem"))
    assert ask("verify", *words, str(path)) == f"{path}: OK\n"


@openssl
@pytest.mark.parametrize("file", ["client.pem", "s.pem"])
def test_openssl_refuses_it_under_another_ca(folder, file):
    other = str(folder / "rsa" / "ca.pem")
    path = str(folder / "ec" / file)
    assert "verification failed" in ask("verify", "-CAfile", other, path)


@openssl
def test_openssl_refuses_a_client_as_a_server(folder):
    path = folder / "ec" / "client.pem"
    words = ("-purpose", "sslserver", "-CAfile", str(folder / "ec" / "ca.pem"), str(path))
    assert "unsuitable certificate purpose" in ask("verify", *words).lower()


@pytest.mark.parametrize("kind", ["ec", "rsa"])
def test_cryptography_verifies_the_client(folder, kind):
    store = Store([certificate(folder / kind / "ca.pem")])
    verifier = PolicyBuilder().store(store).build_client_verifier()
    verified = verifier.verify(certificate(folder / kind / "client.pem"), [])
    assert verified.subjects == [x509.RFC822Name("d:esp32:b1")]


@pytest.mark.parametrize("kind", ["ec", "rsa"])
@pytest.mark.parametrize("host", ["localhost", "any.a.test"])
def test_cryptography_verifies_the_server(folder, kind, host):
    store = Store([certificate(folder / kind / "ca.pem")])
    verifier = PolicyBuilder().store(store).build_server_verifier(x509.DNSName(host))
    assert verifier.verify(certificate(folder / kind / "s.pem"), [])


@openssl
@pytest.mark.parametrize(
    ("kind", "words"),
    [("ec", "ASN1 OID: prime256v1"), ("rsa", "Public-Key: (2048 bit)")],
)
def test_keys_are_p256_by_default_and_rsa_2048_on_demand(folder, kind, words):
    assert words in ask("x509", "-in", str(folder / kind / "client.pem"), "-noout", "-text")


@openssl
def test_openssl_shows_the_extensions_of_rfc_5280(folder):
    text = ask("x509", "-in", str(folder / "ec" / "client.pem"), "-noout", "-text")
    for words in (
        "X509v3 Basic Constraints: critical\n                CA:FALSE",
        "X509v3 Key Usage: critical\n                Digital Signature\n",
        "X509v3 Extended Key Usage: \n                TLS Web Client Authentication",
        "X509v3 Subject Key Identifier",
        "X509v3 Authority Key Identifier",
        "X509v3 Subject Alternative Name: \n                email:d:esp32:b1",
    ):
        assert words in text


@openssl
def test_openssl_shows_the_extensions_of_the_ca(folder):
    text = ask("x509", "-in", str(folder / "ec" / "ca.pem"), "-noout", "-text")
    assert "X509v3 Basic Constraints: critical\n                CA:TRUE" in text
    assert "X509v3 Key Usage: critical\n                Certificate Sign, CRL Sign\n" in text


def test_only_an_rsa_server_may_be_encrypted_to(folder):
    used = {
        kind: certificate(folder / kind / "s.pem")
        .extensions.get_extension_for_class(x509.KeyUsage)
        .value.key_encipherment
        for kind in ("ec", "rsa")
    }
    assert used == {"ec": False, "rsa": True}


def test_a_name_without_subject_has_a_critical_alternative_name(folder):
    found = certificate(folder / "ec" / "long.pem")
    extension = found.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert (list(found.subject), extension.critical) == ([], True)


@pytest.mark.parametrize(("kind", "label"), [("ec", "EC"), ("rsa", "RSA")])
@pytest.mark.parametrize("file", ["client.pem", "s.pem"])
def test_the_certificate_comes_first_and_the_key_in_its_traditional_form(
    folder, kind, label, file
):
    lines = (folder / kind / file).read_text().splitlines()
    begins = [line for line in lines if line.startswith("-----BEGIN")]
    assert begins == ["-----BEGIN CERTIFICATE-----", f"-----BEGIN {label} PRIVATE KEY-----"]


@pytest.mark.parametrize("file", ["ca.key", "client.pem", "s.pem"])
def test_a_file_with_a_key_is_for_its_owner_only(folder, file):
    assert stat.S_IMODE((folder / "ec" / file).stat().st_mode) == 0o600


def test_a_key_is_never_readable_by_others_while_it_is_written(tmp_path, monkeypatch):
    (tmp_path / "key").write_bytes(b"old")
    (tmp_path / "key").chmod(0o644)
    seen = []

    def looked(descriptor):
        seen.append(stat.S_IMODE(os.fstat(descriptor).st_mode))

    monkeypatch.setattr(os, "fsync", looked)
    before = os.umask(0)
    try:
        write_file(tmp_path / "key", b"new", 0o600)
    finally:
        os.umask(before)
    assert seen == [0o600]
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600


def test_a_file_that_cannot_be_replaced_stays_and_leaves_nothing_behind(tmp_path, monkeypatch):
    (tmp_path / "key").write_bytes(b"old")

    def full(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_file(tmp_path / "key", b"new", 0o600)
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("key", b"old")]


def test_the_same_folder_is_the_same_authority(folder):
    again = Authority(folder / "ec", "another name", kind="rsa")
    assert again.certificate == certificate(folder / "ec" / "ca.pem")


def test_a_key_of_another_ca_is_noticed(folder, tmp_path):
    shutil.copy(folder / "ec" / "ca.pem", tmp_path)
    shutil.copy(folder / "rsa" / "ca.key", tmp_path)
    with pytest.raises(UserError, match="is not the key of"):
        Authority(tmp_path)


def test_a_ca_without_a_key_identifier_signs_with_that_of_its_key(tmp_path):
    made = pki_files.Issued("bare CA")
    (tmp_path / "ca.pem").write_bytes(made.pem)
    (tmp_path / "ca.key").write_bytes(made.key_bytes())
    found = certificate(Authority(tmp_path).client("d:t:i", target=tmp_path / "c.pem"))
    identifier = found.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    of_key = x509.SubjectKeyIdentifier.from_public_key(made.key.public_key()).digest
    assert identifier.key_identifier == of_key


def test_no_certificate_outlives_its_ca(tmp_path):
    authority = Authority(tmp_path, days=10)
    found = certificate(authority.client("d:t:i", days=730, target=tmp_path / "c.pem"))
    assert found.not_valid_after_utc == authority.certificate.not_valid_after_utc


def test_dates_may_be_given(folder, tmp_path):
    start = datetime.datetime(2030, 1, 1, tzinfo=datetime.UTC)
    end = datetime.datetime(2030, 2, 1, tzinfo=datetime.UTC)
    found = certificate(
        Authority(folder / "ec").client(
            "d:t:i", not_before=start, not_after=end, target=tmp_path / "c.pem"
        )
    )
    assert (found.not_valid_before_utc, found.not_valid_after_utc) == (start, end)


def test_a_common_name_of_65_characters_is_refused(folder, tmp_path):
    with pytest.raises(UserError, match="65 characters, not 1 to 64"):
        Authority(folder / "ec").client("d" * 65, target=tmp_path / "c.pem")


def test_a_request_that_was_changed_is_refused(folder):
    request = pki_files.csr(pki_files.p256(), "aaaa").public_bytes(pki_files.DER)
    changed = x509.load_der_x509_csr(request.replace(b"aaaa", b"bbbb"))
    with pytest.raises(UserError, match="not by its own key"):
        Authority(folder / "ec").sign(changed)


def test_a_renewed_certificate_has_the_same_key_and_name_and_another_number(folder):
    authority = Authority(folder / "ec")
    old = certificate(folder / "ec" / "signed.pem")
    new = authority.renew(old, 10)
    assert (new.public_key(), new.subject) == (old.public_key(), old.subject)
    assert new.serial_number != old.serial_number


def test_a_certificate_of_another_ca_is_not_renewed(folder):
    with pytest.raises(UserError, match="not signed by this CA"):
        Authority(folder / "rsa").renew(certificate(folder / "ec" / "signed.pem"))
