"""Does `signet pki server` take a server's certificate as Watson's console does?"""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from host_tests.tools.pki_files import (
    DOMAIN,
    PASSPHRASE,
    PEM,
    PKCS8,
    RSA,
    SMALL,
    Issued,
    csr,
    first,
    server,
    stored,
)
from tools.pki import command_server
from tools.ui import UserError


def test_server_request_is_signed_outside_and_uploaded_and_shown(pki, state):
    pki("ca")
    pki("server", "csr", "--to", "s.csr")
    assert "request" in pki("server", "list")
    pki("server", "sign", "s.csr", "--to", "s.pem")
    pki("server", "upload", "s.pem", "--yes")
    pki("server", "activate", 1)
    with stored(state) as (_, certificates):
        [kept] = certificates.servers("signet")
    assert (kept.active, kept.csr_pem) == (True, None)
    assert kept.chain_pem == Path("s.pem").read_bytes()
    key = serialization.load_pem_private_key(kept.key_pem, None)
    assert key.public_key() == first("s.pem").public_key()
    pki("server", "default")
    assert " no " in pki("server", "list")
    pki("server", "remove", 1)
    assert DOMAIN not in pki("server", "list")


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ((), f"signet.messaging.{DOMAIN}"),
        (("--org", "mtxpd0"), f"mtxpd0.messaging.{DOMAIN}"),
        (("--domain", "example.com"), "signet.messaging.example.com"),
        (("--domain", "example.com", "--wildcard"), "*.messaging.example.com"),
        (("--rsa",), f"signet.messaging.{DOMAIN}"),
    ],
)
def test_server_request_has_the_name_of_the_org_and_no_key(pki, options, name):
    pki("server", "csr", "--to", "s.csr", *options)
    asked = x509.load_pem_x509_csr(Path("s.csr").read_bytes())
    names = asked.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert asked.subject.rfc4514_string() == f"CN={name}"
    assert list(names) == [x509.DNSName(name)]
    assert [path.name for path in Path().iterdir() if path.is_file()] == ["s.csr"]


def test_server_request_has_the_details_that_are_given_and_the_list_shows_them(pki):
    details = ("--country", "FR", "--province", "Rhone", "--locality", "Lyon")
    pki("server", "csr", *details, "--organization", "Plant 7", "--unit", "IoT")
    asked = x509.load_pem_x509_csr(Path("signet.csr").read_bytes())
    given = "C=FR,ST=Rhone,L=Lyon,O=Plant 7,OU=IoT"
    assert asked.subject == x509.Name.from_rfc4514_string(
        ",".join(reversed([*given.split(","), f"CN=signet.messaging.{DOMAIN}"]))
    )
    shown = "".join(pki("server", "list").split())
    assert f"signet.messaging.{DOMAIN},{given}".replace(" ", "") in shown
    with pytest.raises(UserError, match="C 'France' is not 2 letters"):
        pki("server", "csr", "--country", "France", "--replace")


def test_server_request_names_the_commands_that_take_its_answer(pki, state):
    pki("ca")
    said = pki("server", "csr", "--org", "mtxpd0")
    sign, upload = [line.split(" ") for line in re.findall("`.*? pki (.*?)`", said)]
    assert upload[-4:] == ["--org", "mtxpd0", "--state", str(state)]
    pki(*sign)
    pki(*upload[:-2], "--yes")
    assert "mtxpd0.messaging." in pki("server", "list")


@pytest.mark.parametrize("key", [[], ["--key", "s.key"]], ids=["an answer", "with its key"])
def test_server_upload_shows_what_it_is_and_asks(pki, state, monkeypatch, key):
    pki("ca")
    pki("server", "csr", "--to", "s.csr")
    pki("server", "sign", "s.csr")
    with stored(state) as (_, certificates):
        Path("s.key").write_bytes(certificates.servers()[0].key_pem)
        with pytest.raises(UserError, match="nothing saved: there is no terminal to ask at; --y"):
            pki("server", "upload", "s.pem", *key)
        monkeypatch.setattr("tools.pki.console.on_terminal", lambda: True)
        with pytest.raises(UserError, match="nothing saved"):
            pki("server", "upload", "s.pem", *key, stdin="\n")
        assert not any(kept.chain_pem for kept in certificates.servers())
        shown = pki("server", "upload", "s.pem", *key, stdin="y\n")
        assert first("s.pem").fingerprint(hashes.SHA256()).hex(":") in shown
        assert any(kept.chain_pem for kept in certificates.servers())


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not on PATH")
def test_server_upload_takes_what_openssl_signs_by_itself_and_wants_the_root_of_cas(pki, state):
    request = f"req -x509 -newkey rsa:2048 -nodes -subj /CN=signet.messaging.{DOMAIN}"
    words = [*request.split(), "-keyout", "s.key", "-out", "s.pem"]
    subprocess.run(["openssl", *words], check=True, capture_output=True)
    root = Issued("root")
    between = Issued("between", by=root)
    Path("between.pem").write_bytes(between.pem)
    Path("root.pem").write_bytes(root.pem)
    assert "nobody" not in pki("register", "between.pem", "--yes")
    pki("server", "upload", "s.pem", "--key", "s.key", "--yes")
    wanted = "CA 1 lets nobody in before its root, and what is between, is registered too"
    assert wanted in pki("server", "activate", 1).replace("\n", " ")
    assert "nobody" not in pki("register", "root.pem", "--yes")
    pki("remove", 2)
    pki("remove", 1)
    assert wanted.replace("CA 1", "CA 3") in pki("register", "between.pem", "--yes")


def test_server_wildcard_under_the_platforms_domain_is_refused(pki):
    with pytest.raises(UserError, match="custom domains only"):
        pki("server", "csr", "--to", "s.csr", "--wildcard")


def test_server_upload_takes_an_encrypted_key_and_its_passphrase(pki, state):
    ca = Issued()
    found = server(by=ca, key=RSA)
    Path("s.pem").write_bytes(found.pem + ca.pem)
    Path("s.key").write_bytes(found.key_bytes(PKCS8, PEM, PASSPHRASE.encode()))
    Path("phrase").write_text(PASSPHRASE + "\r\n", encoding="utf-8-sig")
    pki("server", "upload", "s.pem", "--key", "s.key", "--passphrase-file", "phrase", "--yes")
    with stored(state) as (_, certificates):
        [kept] = certificates.servers()
    assert (kept.chain_pem, kept.key_pem) == (found.pem + ca.pem, found.key_bytes())


def test_server_upload_asks_for_the_passphrase(pki, state, monkeypatch):
    found = server()
    Path("s.pem").write_bytes(found.pem)
    Path("s.key").write_bytes(found.key_bytes(PKCS8, PEM, PASSPHRASE.encode()))
    monkeypatch.setattr("tools.pki.command_server.on_terminal", lambda: True)
    monkeypatch.setattr(command_server.getpass, "getpass", lambda _: PASSPHRASE)
    pki("server", "upload", "s.pem", "--key", "s.key", "--yes")
    with stored(state) as (_, certificates):
        assert len(certificates.servers()) == 1


@pytest.mark.parametrize(
    ("phrase", "message"),
    [
        (None, "--passphrase-file"),
        ("wrong", r"^s\.key holds no private key .* the passphrase is wrong"),
        ("", "must hold the passphrase"),
    ],
)
def test_server_upload_with_a_wrong_passphrase_is_refused(pki, state, phrase, message):
    found = server()
    Path("s.pem").write_bytes(found.pem)
    Path("s.key").write_bytes(found.key_bytes(PKCS8, PEM, PASSPHRASE.encode()))
    options = () if phrase is None else ("--passphrase-file", "phrase")
    Path("phrase").write_text(phrase or "")
    with pytest.raises(UserError, match=message):
        pki("server", "upload", "s.pem", "--key", "s.key", *options, "--yes")
    with stored(state) as (_, certificates):
        assert certificates.servers() == []


def test_server_upload_without_a_request_wants_the_key(pki):
    Path("s.pem").write_bytes(server().pem)
    with pytest.raises(
        UserError, match="no open request of org signet has this certificate's key"
    ):
        pki("server", "upload", "s.pem", "--yes")


def test_server_upload_of_the_request_itself_is_refused(pki):
    pki("server", "csr", "--to", "s.csr")
    with pytest.raises(UserError, match="upload the signed certificate, not the request"):
        pki("server", "upload", "s.csr", "--yes")


def test_server_answer_for_another_name_is_refused(pki, state):
    pki("ca")
    pki("server", "csr", "--to", "s.csr")
    with stored(state) as (_, certificates):
        [kept] = certificates.servers()
    key = serialization.load_pem_private_key(kept.key_pem, None)
    Path("s.pem").write_bytes(server("other1.messaging.example.com", key=key).pem)
    with pytest.raises(UserError, match=r"s\.pem: the certificate is for other1"):
        pki("server", "upload", "s.pem", "--yes")


def test_server_activate_refuses_a_request_and_what_is_not_there(pki):
    pki("server", "csr", "--to", "s.csr")
    with pytest.raises(UserError, match="has no server certificate 1 that could be shown"):
        pki("server", "activate", 1)
    with pytest.raises(UserError, match="there is no server certificate 9"):
        pki("server", "activate", 9)


def test_server_files_are_called_after_the_org_and_the_request(pki):
    pki("ca")
    said = pki("server", "csr")
    assert "pki server sign signet.csr" in said.replace("\n", " ")
    assert f"Its names: CN=signet.messaging.{DOMAIN}, signet.messaging." in pki(
        "server", "sign", "signet.csr"
    )
    pki("server", "upload", "signet.pem", "--yes")


@pytest.mark.parametrize("words", [("csr",), ("sign", "s.csr")])
def test_server_overwrites_no_file_unless_told_so(pki, state, words):
    pki("ca")
    pki("server", "csr", "--to", "s.csr")
    before = Path("pki/ca.key").read_bytes()
    with pytest.raises(UserError, match=r"there is pki/ca\.key already; --replace overwrites it"):
        pki("server", *words, "--to", "pki/ca.key")
    assert Path("pki/ca.key").read_bytes() == before
    Path("old").write_bytes(b"old")
    pki("server", *words, "--to", "old", "--replace")
    assert Path("old").read_bytes().startswith(b"-----BEGIN CERTIFICATE")


def test_server_signs_no_weak_key(pki):
    pki("ca")
    Path("s.csr").write_bytes(csr(SMALL, "x").public_bytes(PEM))
    with pytest.raises(UserError, match=r"s\.csr: the key of the request is neither"):
        pki("server", "sign", "s.csr")
    assert not Path("s.pem").exists()


def test_server_activate_checks_again_what_was_uploaded(pki, state):
    old = server(days=(-9, -2))
    with stored(state) as (_, certificates):
        certificates.add_server("signet", old.pem, old.key_bytes(), "once it was good")
    with pytest.raises(UserError, match="of the server expired on"):
        pki("server", "activate", 1)


@pytest.mark.parametrize("words", [("csr",), ("default",)])
def test_server_of_an_unknown_org_is_a_mistake(pki, words):
    with pytest.raises(UserError, match="there is no org 'sgnet'; there is: signet, mtxpd0"):
        pki("server", *words, "--org", "sgnet")


def test_server_descriptions_are_shown_as_they_are(pki):
    pki("server", "csr", "--description", "[/x] :cd:")
    assert "[/x] :cd:" in pki("server", "list")


def test_server_hints_name_the_state_that_was_given(pki, state):
    said = pki("server", "csr")
    assert f"pki server upload signet.pem --state {state}" in said
