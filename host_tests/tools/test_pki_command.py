"""Do `signet pki ca`, `register`, `list` and `device` do what they say, and show no secret?"""

import json
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from typer.testing import CliRunner

from host_tests.support import Twin
from host_tests.tools.pki_files import (
    DOMAIN,
    SMALL,
    Issued,
    config,
    device,
    first,
    mode,
    private,
    stored,
)
from tools.pki import command
from tools.ui import UserError

# signet pki ca


def test_ca_makes_a_ca_whose_key_is_private(pki, tmp_path):
    pki("ca", "--name", "my CA", "--days", 100)
    assert first("pki/ca.pem").subject.rfc4514_string() == "CN=my CA"
    assert (mode("pki/ca.key"), mode("pki/ca.pem")) == (0o600, 0o644)
    assert private("pki/ca.key").curve.name == "secp256r1"


def test_ca_makes_rsa_on_demand(pki):
    pki("ca", "--rsa", "--folder", "other")
    assert private("other/ca.key").key_size == 2048


@pytest.mark.parametrize("left", ["ca.pem", "ca.key"])
def test_ca_overwrites_neither_file(pki, left):
    Path("pki").mkdir()
    (Path("pki") / left).write_text("mine")
    with pytest.raises(UserError, match="there is a CA already"):
        pki("ca")
    assert (Path("pki") / left).read_text() == "mine"


def test_ca_registers_itself_on_demand(pki, state):
    pki("ca", "--register")
    with stored(state) as (_, certificates):
        assert [ca.pem for ca in certificates.cas("signet")] == [Path("pki/ca.pem").read_bytes()]


# signet pki register, list, remove, activate, deactivate


def test_register_shows_the_certificate_saves_it_and_makes_it_active(pki, state):
    pki("ca")
    shown = pki("register", "pki/ca.pem", "--yes", "--description", "for the test")
    digest = first("pki/ca.pem").fingerprint(hashes.SHA256()).hex(":")
    for words in ("CN=signet device CA", digest, "for the test", "2036-"):
        assert words in shown
    with stored(state) as (_, certificates):
        [ca] = certificates.cas("signet")
    assert (ca.active, ca.description) == (True, "for the test")


@pytest.mark.parametrize("name", ["[/evil]", "Trusted [bold]CA", ":cd:ab:"])
def test_a_name_is_shown_as_it_is_and_not_as_markup_of_the_terminal(pki, name):
    Path("ca.pem").write_bytes(Issued(name).pem)
    assert f"CN={name}" in pki("register", "ca.pem", "--yes")
    assert f"CN={name}" in pki("list")


def test_a_fingerprint_and_a_name_are_shown_without_emoji(pki, monkeypatch):
    pki("ca")
    monkeypatch.setattr("tools.pki.console.rows", lambda _: {"SHA-256": "23:ab:62:cd:01"})
    assert "23:ab:62:cd:01" in pki("register", "pki/ca.pem", "--yes")
    assert "certificate of d:bug:1," in pki("device", "bug", "1", "--to", "board")


def test_register_takes_der_and_another_org(pki, state):
    Path("ca.der").write_bytes(Issued("my CA").der)
    pki("register", "ca.der", "--yes", "--org", "mtxpd0")
    with stored(state) as (_, certificates):
        assert [ca.description for ca in certificates.cas("mtxpd0")] == ["my CA"]


def test_register_without_a_terminal_wants_yes(pki, state):
    pki("ca")
    with pytest.raises(UserError, match="--yes saves without asking"):
        pki("register", "pki/ca.pem")
    with stored(state) as (_, certificates):
        assert certificates.cas() == []


@pytest.mark.parametrize(("answer", "saved"), [("y\n", 1), ("n\n", 0), ("\n", 0)])
def test_register_asks_before_it_saves(pki, state, monkeypatch, answer, saved):
    pki("ca")
    monkeypatch.setattr("tools.pki.console.on_terminal", lambda: True)
    if saved:
        pki("register", "pki/ca.pem", stdin=answer)
    else:
        with pytest.raises(UserError, match="nothing saved"):
            pki("register", "pki/ca.pem", stdin=answer)
    with stored(state) as (_, certificates):
        assert len(certificates.cas()) == saved


def test_register_refuses_a_ca_twice(pki):
    pki("ca", "--register")
    with pytest.raises(UserError, match="has this CA already, as number 1"):
        pki("register", "pki/ca.pem", "--yes")


def test_register_names_the_file_that_is_wrong(pki):
    Path("x.pem").write_bytes(device().pem)
    with pytest.raises(UserError, match=r"x\.pem: the certificate is not of a CA"):
        pki("register", "x.pem", "--yes")


def test_register_wants_a_registry(pki, state):
    pki("ca")
    (state / "twin.db").unlink()
    with pytest.raises(UserError, match="there is no registry"):
        CliRunner().invoke(
            command.app,
            ["register", "pki/ca.pem", "--yes", "--state", str(state)],
            catch_exceptions=False,
        )


def test_cas_are_listed_deactivated_activated_and_removed(pki):
    pki("ca", "--register")
    assert " yes " in pki("list")
    pki("deactivate", 1)
    assert " no " in pki("list", "--org", "signet")
    pki("activate", 1)
    assert " yes " in pki("list")
    pki("remove", 1)
    assert "signet device CA" not in pki("list")
    with pytest.raises(UserError, match="there is no CA 1"):
        pki("remove", 1)


def test_register_for_an_unknown_org_is_a_mistake(pki, state):
    pki("ca")
    with pytest.raises(UserError, match=r"no org 'typo'; there is: signet, mtxpd0.* makes it"):
        pki("register", "pki/ca.pem", "--yes", "--org", "typo")


def test_ca_names_the_state_that_was_given(pki, state):
    assert f"pki register pki/ca.pem --state {state}" in pki("ca")


# signet pki device


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (Issued(days=(-9, -2)), r"pki/ca\.pem: the certificate of the CA expired on"),
        (Issued(ca=False), r"pki/ca\.pem: the certificate is not of a CA"),
        (Issued(usage=("crl_sign",)), "must have keyCertSign"),
        (Issued(key=SMALL), "the key of the CA is neither"),
    ],
)
def test_device_wants_a_ca_that_is_in_order_and_leaves_nothing_behind(pki, made, message):
    Path("pki").mkdir()
    Path("pki/ca.pem").write_bytes(made.pem)
    Path("pki/ca.key").write_bytes(made.key_bytes())
    with pytest.raises(UserError, match=message):
        pki("device", "esp32", "b7", "--to", "board")
    assert not Path("board").exists()


@pytest.mark.parametrize("left", ["ca.pem", "ca.key"])
def test_device_takes_no_half_of_a_ca_and_overwrites_none(pki, left):
    Path("pki").mkdir()
    Path("pki", left).write_text("mine")
    with pytest.raises(UserError, match=f"there is pki/{left}, but not the other"):
        pki("device", "esp32", "b7", "--to", "board")
    assert [(path.name, path.read_text()) for path in Path("pki").iterdir()] == [(left, "mine")]


def test_device_in_the_folder_of_another_cloud_has_nothing_of_it(pki, running):
    Path("board").mkdir()
    azure = {"cloud": "azure", "hub": "h", "device_id": "d", "device_key": "dk", "key": "k.key"}
    Path("board/device.json").write_text(json.dumps(azure | {"app": 1}))
    pki("ca")
    pki("device", "esp32", "b7", "--to", "board")
    found = config("board")
    assert not {"hub", "device_key", "key"} & found.keys()
    assert (found["cloud"], found["cert"], found["app"]) == ("watson", "device.pem", 1)


def test_device_of_an_unknown_org_is_a_mistake_while_a_twin_runs(pki, running):
    pki("ca")
    with pytest.raises(UserError, match=r"no org 'sgnet'.* --no-register leaves the registry"):
        pki("device", "esp32", "b7", "--to", "board", "--org", "sgnet")
    assert not Path("board").exists()
    pki("device", "esp32", "b7", "--to", "board", "--org", "sgnet", "--no-register")


def test_device_of_an_org_of_the_platform_is_not_registered_with_the_twin(pki, state):
    pki("ca")
    pki("device", "esp32", "b7", "--to", "board", "--org", "abc123")
    with stored(state) as (store, _):
        assert store.device("watson", "device", "abc123/esp32", "b7") is None


@pytest.mark.parametrize(
    ("options", "name", "role"),
    [((), "d:esp32:b7", None), (("--gateway",), "g:esp32:b7", "gateway")],
)
def test_device_fills_the_folder_that_is_deployed(pki, running, options, name, role):
    pki("ca")
    pki("device", "esp32", "b7", "--to", "board", *options)
    found = first("board/device.pem")
    assert found.subject.rfc4514_string() == f"CN={name}"
    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert list(names) == [x509.RFC822Name(name)]
    assert private("board/device.pem").public_key() == found.public_key()
    assert Path("board/ca.pem").read_bytes() == running.certificate_file.read_bytes()
    assert config("board") == {
        "cloud": "watson",
        "way": "mqtt",
        "host": f"signet.messaging.{DOMAIN}",
        "address": "127.0.0.3",
        "port": 8883,
        "tls": True,
        "insecure": False,
        "org_id": "signet",
        "type_id": "esp32",
        "device_id": "b7",
        "cert": "device.pem",
    } | ({"role": role} if role else {})
    assert (mode("board/device.pem"), mode("board/device.json")) == (0o600, 0o600)


@pytest.mark.parametrize(("options", "kind"), [((), "device"), (("--gateway",), "gateway")])
def test_device_is_registered_with_the_twin(pki, running, state, options, kind):
    pki("ca")
    pki("device", "esp32", "b7", "--to", "board", *options)
    with stored(state) as (store, _):
        assert store.device("watson", kind, "signet/esp32", "b7")


def test_device_keeps_the_secret_of_one_that_is_registered(pki, running, state):
    with stored(state) as (store, _):
        before = store.add("watson", "device", "signet/esp32", "b7")
    pki("ca")
    pki("device", "esp32", "b7", "--to", "board")
    with stored(state) as (store, _):
        assert store.device("watson", "device", "signet/esp32", "b7") == before


def test_device_is_not_registered_when_told_so(pki, running, state):
    pki("ca")
    pki("device", "esp32", "b7", "--to", "board", "--no-register")
    with stored(state) as (store, _):
        assert store.device("watson", "device", "signet/esp32", "b7") is None


def test_device_of_another_role_is_refused_before_anything_is_written(pki, running, state):
    with stored(state) as (store, _):
        store.add("watson", "gateway", "signet/esp32", "b7")
    pki("ca")
    with pytest.raises(UserError, match="has signet/esp32/b7 as a gateway"):
        pki("device", "esp32", "b7", "--to", "board")
    assert not Path("board").exists()


def test_device_writes_the_token_on_demand_only(pki, running, state):
    pki("ca")
    pki("device", "esp32", "b7", "--to", "board", "--with-token")
    with stored(state) as (store, _):
        entry = store.device("watson", "device", "signet/esp32", "b7")
    assert config("board")["token"] == entry.secret


def test_device_with_a_name_too_long_for_a_common_name_has_it_beside(pki, running):
    pki("ca")
    said = pki("device", "t" * 36, "i" * 36, "--to", "board")
    found = first("board/device.pem")
    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert list(found.subject) == []
    assert list(names) == [x509.RFC822Name(f"d:{'t' * 36}:{'i' * 36}")]
    assert "in the alternative name only" in said


def test_device_does_not_overwrite_a_key(pki, running):
    pki("ca")
    pki("device", "esp32", "b7", "--to", "board")
    before = Path("board/device.pem").read_bytes()
    with pytest.raises(UserError, match="--replace makes a new key"):
        pki("device", "esp32", "b7", "--to", "board")
    assert Path("board/device.pem").read_bytes() == before


def test_device_replaced_keeps_what_else_stands_in_device_json(pki, running):
    pki("ca")
    pki("device", "esp32", "b7", "--to", "board")
    before = Path("board/device.pem").read_bytes()
    kept = config("board") | {"app": {"pin": 4}, "token": "mine", "port": 443}
    Path("board/device.json").write_text(json.dumps(kept))
    pki("device", "esp32", "b7", "--to", "board", "--replace")
    assert Path("board/device.pem").read_bytes() != before
    assert config("board") == kept | {"port": 8883}


def test_a_token_does_not_go_over_to_another_device(pki, running):
    pki("ca")
    pki("device", "esp32", "b7", "--to", "board", "--with-token")
    pki("device", "esp32", "b8", "--to", "board", "--replace")
    assert "token" not in config("board")


def test_device_without_a_twin_is_for_the_platform(pki):
    pki("ca")
    said = pki("device", "esp32", "b7", "--to", "board", "--org", "mtxpd0", "--rsa")
    assert config("board") == {
        "cloud": "watson",
        "way": "mqtt",
        "tls": True,
        "host": f"mtxpd0.messaging.{DOMAIN}",
        "org_id": "mtxpd0",
        "type_id": "esp32",
        "device_id": "b7",
        "cert": "device.pem",
    }
    assert "Put the CA of its server" in said
    assert private("board/device.pem").key_size == 2048


def test_device_without_a_twin_and_an_org_has_no_device_json(pki):
    pki("ca")
    assert "No device.json" in pki("device", "esp32", "b7", "--to", "board")
    assert [path.name for path in Path("board").iterdir()] == ["device.pem"]


def test_device_wants_a_ca(pki):
    with pytest.raises(UserError, match=r"there is no CA in pki; `.* pki ca` makes one"):
        pki("device", "esp32", "b7", "--to", "board")


def test_device_refuses_a_name_that_watson_refuses(pki):
    pki("ca")
    with pytest.raises(UserError, match="is not 1 to 36 letters"):
        pki("device", "esp32", "b:7", "--to", "board")


def test_what_device_makes_passes_its_check(pki, running):
    pki("ca")
    pki("device", "esp32", "b7", "--to", "board")
    assert "problem" not in pki("check", "board", "pki/ca.pem")


# With a twin that runs


def test_a_running_twin_gives_device_what_it_needs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with Twin(tmp_path / "twin") as twin:
        state = ("--state", str(twin.state))
        for words in (
            ["ca", "--register", *state],
            ["device", "esp32", "b7", "--to", "board", *state],
            ["device", "router", "g7", "--gateway", "--to", "gateway", *state],
        ):
            assert CliRunner().invoke(command.app, words).exit_code == 0
        way = twin.way("watson", "mqtts")
        ca = Path(twin.ready["ca_file"]).read_bytes()
    for folder, name in (("board", "b7"), ("gateway", "g7")):
        found = config(folder)
        assert (found["port"], found["address"]) == (way["port"], way["address"])
        assert (found["device_id"], "token" in found) == (name, False)
        assert Path(folder, "ca.pem").read_bytes() == ca
