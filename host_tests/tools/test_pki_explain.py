"""Does `signet pki check` say what a file is, and mark each kind of mistake as a problem?"""

import datetime
import os
import shutil
import subprocess
from types import SimpleNamespace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID
from typer.testing import CliRunner

from host_tests.tools.pki_files import (
    CLIENT,
    DER,
    NOW,
    PEM,
    PKCS8,
    RSA,
    SERVER,
    SMALL,
    Issued,
    csr,
    damaged,
    device,
    p256,
    secrets,
    server,
)
from tools.pki import command
from tools.pki.explain import explain
from tools.ui import UserError

DOMAIN = "internetofthings.ibmcloud.com"
CA = Issued()
X400 = x509.UnrecognizedExtension(
    ExtensionOID.SUBJECT_ALTERNATIVE_NAME, bytes.fromhex("3004a3023000")
)
EMAIL = ExtendedKeyUsageOID.EMAIL_PROTECTION
SELF_SIGNED = server(f"abc123.messaging.{DOMAIN}", ca=True, usage=())
BOARD = device(by=CA, also=[x509.RFC822Name("d:esp32:board-1")])
FIELDS = {"C": "SG", "ST": "Singapore", "L": "Singapore", "O": "o", "OU": "u"}


@pytest.fixture
def said(tmp_path):
    """Explains contents of files together; returns the facts and the problems."""

    def explained(*contents, mode=0o600):
        paths = []
        for number, content in enumerate(contents):
            paths.append(tmp_path / f"{number}.pem")
            paths[-1].write_bytes(content)
            paths[-1].chmod(mode)
        parts = list(explain(paths))
        statements = [statement for part in parts for statement in part.statements]
        text = "\n".join([*(part.title for part in parts), *(s.text for s in statements)])
        assert not [line for line in secrets(tmp_path) if line in text]
        problems = [statement.text for statement in statements if statement.problem]
        return text, problems

    return explained


def test_a_boards_certificate_with_its_key_and_its_ca_is_good(said):
    text, problems = said(BOARD.pem + BOARD.key_bytes(), CA.pem)
    assert problems == []
    for words in (
        "a certificate",
        "whose: CN=d:esp32:board-1",
        "signed by: CN=test CA",
        "364 days left",
        "key: elliptic curve P-256",
        "signed with SHA-256",
        "Watson: device board-1 of the type esp32; logs in as d:ORG:esp32:board-1, where ORG",
        f"comes from the host name that it connects to (SNI): ORG.messaging.{DOMAIN}",
        "its signer is here, and the signature is good",
        "form: traditional",
        "it belongs to the certificate here",
    ):
        assert words in text
    assert "more than one" not in text  # the common name and the alternative name are the same


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (CA.pem, "a CA: register it at Watson"),
        (CA.pem, "signed by: itself"),
        (BOARD.der, "DER, mode 0600"),
        (device("g:router:gw", by=CA).pem, "Watson: gateway gw of the type router"),
        (device("x", also=[x509.RFC822Name("d:t:i")], by=CA).pem, "logs in as d:ORG:t:i"),
        (device("d:esp32:", by=CA).pem, "Watson: any device of the type esp32"),
        (device("unique", by=CA, **FIELDS).pem, "EnOS: C, ST, L, O, OU and CN are there"),
        (csr(p256(), "unique", **FIELDS).public_bytes(PEM), "a certificate signing request"),
        (csr(p256(), "unique", **FIELDS).public_bytes(DER), "EnOS: C, ST, L, O, OU and CN"),
        (csr(p256(), "d:t:i").public_bytes(PEM), "logs in as d:ORG:t:i"),
        (csr(p256(), "h.x", ["h.x"]).public_bytes(PEM), "for a server: h.x"),
        (server(f"abc123.messaging.{DOMAIN}", by=CA).pem, "messaging server of org abc123"),
        (SELF_SIGNED.pem, "server of org abc123"),
        (SELF_SIGNED.key_bytes() + SELF_SIGNED.pem, "it belongs to the certificate here"),
        (server("www.example.com", by=CA).pem, "a server's, for: www.example.com"),
        (server(key=RSA, by=CA).pem, "no suite TLS_RSA_"),
        (device(by=CA, days=(-1, 12)).pem, "days left: renew it soon"),
        (BOARD.key_bytes(PKCS8), "PKCS #8, which not every MicroPython build reads"),
        (BOARD.key_bytes(PKCS8, DER), "PKCS #8, which not every MicroPython build reads"),
        (BOARD.key_bytes(encoding=DER), "form: traditional"),
        (CA.key_bytes() + CA.pem, "the key of a CA: keep it off boards"),
        (device(by=CA, key=RSA).pem, "key: RSA, 2048 bits"),
        (BOARD.pem + CA.pem, "a chain of 2 certificates, in order"),
        (BOARD.pem, "its signer is not here: check this file together with the CA's"),
        (BOARD.pem + b"-----BEGIN EC PARAMETERS-----\nA\n-----END EC PARAMETERS-----\n", "PEM"),
        (CA.pem + Issued("other").pem, "CN=other"),
        (device("a:myapp", by=CA).pem, "Watson: application myapp; logs in as a:ORG:myapp"),
        (device(by=CA, also=[x509.RFC822Name("d:t:i")]).pem, "logs it in as the first that is"),
        (device(by=CA, usage=()).pem, "logs in as d:ORG:esp32:board-1"),
        (device(by=CA, purposes=(), critical=x509.ExtendedKeyUsage([CLIENT])).pem, "logs in as"),
        (Issued(purposes=[SERVER]).pem, "it signs for servers, not clients"),
        (Issued(purposes=[CLIENT]).pem, "it signs for clients, not servers"),
    ],
)
def test_a_good_file_is_explained_without_a_problem(said, content, words):
    text, problems = said(content)
    assert words in text
    assert problems == []


CRITICAL = x509.NameConstraints([x509.DNSName("x")], None)
# No RSA key, but as long as one: a real one of this length takes seconds.
LONG = SimpleNamespace(public_key=rsa.RSAPublicNumbers(65537, 2**4104 - 1).public_key)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (device("d:mtxpd0:esp32:b", by=CA).pem, "Watson wants none: d:esp32:b"),
        (device("D:esp32:b", by=CA).pem, "the letter is small"),
        (device("d:esp32", by=CA).pem, "is not of the form d:TYPE:ID"),
        (device("d:esp 32:b", by=CA).pem, "1 to 36 letters"),
        (device("x", also=[x509.RFC822Name("d:o:t:i")], by=CA).pem, "org inside"),
        (device("x", also=[x509.DNSName("d:t:i")], by=CA).pem, "must be of the type email"),
        (device().pem, "no CA signed it"),
        (device("board-1", by=CA).pem, "Watson cannot tell whose it is"),
        (device("x", by=CA, C="SG", O="o").pem, "ST, L, OU missing"),
        (csr(p256(), "x", O="o", OU="u").public_bytes(PEM), "C, ST, L missing"),
        (device(by=CA, days=(-9, -2)).pem, "expired 2 days ago: renew it"),
        (device(by=CA, days=(3, 9)).pem, "not valid yet, for 2 days"),
        (device(by=CA, purposes=[SERVER]).pem, "lacks clientAuth"),
        (device(by=CA, usage=("key_agreement",)).pem, "lacks digitalSignature"),
        (device(by=CA, purposes=[x509.ObjectIdentifier("1.2.3")]).pem, "allows neither"),
        (Issued(usage=("crl_sign",)).pem, "lacks keyCertSign"),
        (device(by=CA, key=SMALL).pem, "RSA, 1024 bits: a board wants"),
        (device(by=CA, key=ec.generate_private_key(ec.SECP521R1())).pem, "P-521: a board wants"),
        (device(by=CA, key=ec.generate_private_key(ec.SECP256K1())).pem, "a board wants P-256"),
        (device(by=CA, key=ed25519.Ed25519PrivateKey.generate()).pem, "Ed25519: a board wants"),
        (device(by=CA, digest=hashes.SHA224()).pem, "signed with SHA224: a board takes"),
        (device(by=CA, key=LONG).pem, "RSA, 4104 bits: a board wants"),
        (device(by=CA, key=p256(), usage=("key_agreement",)).pem, "lacks digitalSignature"),
        (Issued("test CA", by=CA).pem, "it claims to be signed by itself, and is not"),
        (Issued(purposes=[EMAIL]).pem, "it signs for no TLS"),
        (device(by=CA, critical=X400).pem, "a name of a kind that is not read here"),
        (device(by=CA, critical=X400).der, "a name of a kind that is not read here"),
        (device(by=CA, critical=CRITICAL).pem, "the critical extension nameConstraints"),
        (server(f"*.messaging.{DOMAIN}", by=CA).pem, "Watson takes no wildcard"),
        (server("h.test", also=[], by=CA).pem, "no alternative name of the type DNS"),
        (BOARD.key_bytes(PKCS8, PEM, b"sesame"), "encrypted: a board cannot read it"),
        (BOARD.key_bytes(passphrase=b"sesame"), "encrypted: a board cannot read it"),
        (BOARD.key_bytes(PKCS8, DER, b"sesame"), "encrypted: a board cannot read it"),
        (
            BOARD.key_bytes(serialization.PrivateFormat.OpenSSH),
            "OpenSSH's form, which TLS does not read",
        ),
        (BOARD.pem + device().key_bytes(), "belongs to no"),
        (BOARD.pem + Issued().pem, "with another key: it did not sign this"),
        (CA.pem + BOARD.pem, "a CA stands first"),
        (BOARD.pem + Issued("stranger").pem, "the chain is out of order"),
        (damaged(BOARD.pem), "a certificate that is damaged"),
        (damaged(BOARD.key_bytes()), "a private key that is damaged"),
        (damaged(csr(p256(), "x").public_bytes(PEM)), "a request that is damaged"),
        (BOARD.pem[:-30], "the file is cut off"),
        (BOARD.pem.replace(b"END CERT", b"END X509 CERT"), "the file is cut off"),
        (b"-----BEGIN PKCS7-----\nAAAA\n-----END PKCS7-----\n", "PKCS #7"),
        (b"-----BEGIN PGP MESSAGE-----\nA\n-----END PGP MESSAGE-----\n", "a block PGP MESSAGE"),
        (b"-----BEGIN EC PARAMETERS-----\nA\n-----END EC PARAMETERS-----\n", "no certificate"),
        (b"{}", "neither PEM nor DER"),
        (b"", "neither PEM nor DER"),
        (b"0\x82", "DER, but no certificate"),
    ],
)
def test_a_mistake_is_a_problem(said, content, words):
    _, problems = said(content)
    assert [text for text in problems if words in text], problems


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not on PATH")
@pytest.mark.parametrize(
    ("subject", "also", "words"),
    [
        ("/CN=d:devtype:devid", "email:d:devtype:devid", "logs in as d:ORG:devtype:devid"),
        ("/CN=x", "email:g:devtype:devid", "logs in as g:ORG:devtype:devid"),
    ],
)
def test_what_openssl_makes_is_understood(said, tmp_path, subject, also, words):
    words_of = ("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    key, asked = tmp_path / "o.key", tmp_path / "o.csr"
    more = ("-subj", subject, "-addext", f"subjectAltName={also}", "-keyout", key, "-out", asked)
    subprocess.run(["openssl", *words_of, *more], check=True, capture_output=True)
    text, problems = said(asked.read_bytes(), key.read_bytes())
    assert words in text
    assert "PKCS #8" in text
    assert "it belongs to the request here" in text
    assert problems == []


def test_a_request_that_was_changed_is_a_problem(said):
    changed = csr(p256(), "d:t:aaaa").public_bytes(DER).replace(b"aaaa", b"bbbb")
    _, problems = said(changed)
    assert problems == ["damaged: it is not signed by its own key"]


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620])
def test_a_private_key_that_others_may_read_is_a_problem(said, mode):
    _, problems = said(BOARD.key_bytes(), mode=mode)
    assert [text for text in problems if "chmod 600" in text]


def test_a_certificate_that_others_may_read_is_none(said):
    assert said(BOARD.pem, mode=0o644)[1] == []


def test_a_key_in_another_file_is_held_against_the_certificate(said):
    assert "it belongs to the certificate here" in said(BOARD.pem, BOARD.key_bytes())[0]
    assert said(BOARD.pem, device().key_bytes())[1] == [
        "it belongs to no certificate or request here"
    ]


def test_a_signature_of_a_root_is_nobodys_concern(said):
    assert said(Issued(digest=hashes.SHA224()).pem)[1] == []


def test_the_days_are_counted_from_the_time_that_is_given(tmp_path):
    (tmp_path / "c.pem").write_bytes(CA.pem)
    later = NOW + datetime.timedelta(days=360)
    texts = [s.text for part in explain([tmp_path / "c.pem"], later) for s in part.statements]
    assert any("days left: renew it soon" in text for text in texts)


def check(*paths):
    return CliRunner().invoke(command.app, ["check", *map(str, paths)])


def test_the_exit_status_is_0_for_good_files_and_1_with_a_problem(tmp_path):
    (tmp_path / "good.pem").write_bytes(BOARD.pem)
    (tmp_path / "bad.pem").write_bytes(device("d:o:t:i").pem)
    assert check(tmp_path / "good.pem").exit_code == 0
    done = check(tmp_path / "bad.pem")
    assert done.exit_code == 1
    assert "  problem: common name 'd:o:t:i' has an org inside" in done.output


def test_begin_lines_without_end_are_read_in_one_pass(said):
    _, problems = said(b"-----BEGIN CERTIFICATE-----\n" * 36_000)
    assert problems == ["a block has no END line of its own: the file is cut off"]


def test_a_block_after_one_that_is_cut_off_is_read(said):
    text, problems = said(CA.pem[:-30] + b"\n" + BOARD.pem)
    assert "CN=d:esp32:board-1" in text
    assert problems == ["a block has no END line of its own: the file is cut off"]


def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.pem")
    with pytest.raises(UserError, match=r"a\.pem is not a regular file"):
        list(explain([tmp_path / "a.pem"]))


def test_a_long_file_is_refused_and_not_read(tmp_path):
    with (tmp_path / "a.pem").open("wb") as file:
        file.truncate(1 << 34)
    with pytest.raises(UserError, match="is longer than 1 MiB"):
        list(explain([tmp_path / "a.pem"]))


def test_a_folder_stands_for_the_files_in_it(tmp_path):
    (tmp_path / "a.pem").write_bytes(BOARD.pem)
    (tmp_path / "b.txt").write_bytes(b"hello")
    done = check(tmp_path)
    assert (done.exit_code, "b.txt" in done.output) == (0, False)


def test_a_name_cannot_command_the_terminal(tmp_path):
    (tmp_path / "a.pem").write_bytes(device("d:t:i\x1b[2J", purposes=[CLIENT]).pem)
    assert "\x1b" not in check(tmp_path / "a.pem").output
