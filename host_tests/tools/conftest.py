"""What do tests of the command share: a twin, its state folder, a guard of secrets?"""

import contextlib

import pytest
from typer.testing import CliRunner

from host_tests.support import Twin
from host_tests.tools.pki_files import DOMAIN, PASSPHRASE, secrets
from host_tests.twin.certified import Org
from tools.pki import board_folder, command
from tools.pki.authority import Authority
from tools.twin.registry.certificates import Certificates
from tools.twin.registry.store import open_store
from tools.ui import UserError

DOORS = {
    "watson": ("127.0.0.3", 8883, f"signet.messaging.{DOMAIN}"),
    "enos": ("127.0.0.1", 18883, "mqtt.enos.test"),
}
DEVICES = {
    "watson": {"org_id": "signet", "type_id": "esp32", "device_id": "board-1", "token": "tok-0"},
    "enos": {"product_key": "pk", "device_key": "dk", "device_secret": "ds-0"},
}


@pytest.fixture(scope="module")
def twin(tmp_path_factory):
    with Twin(tmp_path_factory.mktemp("twin")) as twin:
        yield twin


@pytest.fixture(scope="module")
def org(twin, tmp_path_factory):
    return Org(twin, tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def state(tmp_path):
    """A twin's state folder with an EnOS device and two orgs of Watson; nothing runs."""
    folder = tmp_path / "state"
    folder.mkdir()
    with contextlib.closing(open_store(folder)) as store:
        store.add("enos", "device", "pk", "dk", secret="ds-1")
        for org in ("signet", "mtxpd0"):
            store.add("watson", "device", f"{org}/sensor", "s-1", secret=f"tok-{org}")
    return folder


@pytest.fixture
def running(state, monkeypatch):
    """As if a twin ran there; returns its CA."""
    authority = Authority(state)
    clouds = {}
    for cloud, (address, port, host) in DOORS.items():
        way = {"address": address, "port": port, "tls": True, "host": host}
        ready = {"ways": {"mqtts": way}, "device": DEVICES[cloud]}
        clouds[cloud] = ready | {"gateway": DEVICES[cloud]}
    ready = {"ca_file": str(authority.certificate_file), "clouds": clouds}
    monkeypatch.setattr(board_folder, "running", lambda _: ready)
    return authority


_WITHOUT_STATE = (["server", "sign"], ["enos", "csr"])


@pytest.fixture
def pki(tmp_path, state, monkeypatch):
    """Runs `signet pki ...` in the folder; fails when its output holds a part of any secret."""
    monkeypatch.chdir(tmp_path)

    def run(*words, stdin=None):
        words = [*map(str, words)]
        if words[0] not in ("check", "ca-of") and words[:2] not in _WITHOUT_STATE:
            words += ["--state", str(state)]
        done = CliRunner().invoke(command.app, words, input=stdin)
        output = done.output + str(done.exception or "")
        hidden = [PASSPHRASE, "tok-0", "ds-0", "ds-1", *secrets(tmp_path)]
        with contextlib.closing(open_store(state)) as store:
            hidden += [entry.secret for entry in store.devices()]
            for kept in Certificates(store).servers():
                hidden += [line for line in kept.key_pem.decode().split() if len(line) > 20]
        assert not [secret for secret in hidden if secret in output]
        if isinstance(done.exception, UserError):
            raise done.exception
        assert done.exit_code == 0, output
        return done.stdout

    return run
