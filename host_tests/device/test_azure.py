"""Does a board do what it should at Azure IoT Hub and DPS, and say what is wrong?"""

import contextlib
import json
import re

import pytest

from host_tests.device.conftest import COUNTER
from host_tests.device.http_programs import NIGHTS
from tools import signing
from tools.pki.authority import Authority
from tools.twin.clouds.azure.registry import CA_SIGNED, Registry
from tools.twin.registry.certificates import Certificates
from tools.twin.registry.store import Device, open_store

_DPS = "global.azure-devices-provisioning.net"
_HUB = "signet-hub.azure-devices.net"
# Before its time: a minute is the shortest that a token lives.
_RENEWING = COUNTER + "    if n % 20 == 0:\n        link._session._ends = clock.Deadline(0)\n"
_HEARS = """
import board, signet

def obey(command):
    print("heard", command.name, command.data)
    if command.name == "fail":
        raise ValueError("no such method")
    return {"sum": sum(command.data["numbers"])} if command.name == "add" else None

link = signet.open("device.json", board)
link.on_command = obey
link.report({"firmware": "1.0"}, event="reported")
while True:
    link.poll(1000)
"""


@pytest.fixture
def registry(twin):
    with contextlib.closing(open_store(twin.state)) as store:
        yield Registry(store)


def test_methods_wishes_and_messages_are_commands_and_their_answers_arrive(
    device, twin, config, registry
):
    device.run(config("azure", "mqtts"), _HEARS)
    device.wait_for(r"^report \d+ stored")
    reply = twin.command("azure", "add", {"numbers": [1, 2]})["reply"]
    assert reply == {"status": 200, "payload": {"sum": 3}}
    reply = twin.command("azure", "fail", {})["reply"]
    assert (reply["status"], reply["payload"]) == (500, {"message": "ValueError: no such method"})
    twin.command("azure", "message", {"text": "hello"})
    device.wait_for("^heard message .*hello")
    after = twin.last_id()
    twin.command("azure", "set", {"every": 9})
    device.wait_for("^heard set {'every': 9}$")
    topic = {"direction": "up", "status": "stored"}
    (said,) = twin.wait_for_messages("azure", 1, after, **topic)
    assert "properties/reported" in said["topic"] and json.loads(said["payload"]) == {"every": 9}
    reported = registry.twin(Device("azure", "device", "signet-hub", "board-1", ""))["reported"]
    assert (reported["firmware"], reported["every"]) == ("1.0", 9)


def test_what_is_desired_while_the_board_is_away_is_heard_when_it_is_back(device, twin, config):
    device.run(config("azure", "mqtts"), _HEARS)
    device.wait_for(r"^report \d+ stored")
    device.stop()
    for value in 1, 2:
        twin.command("azure", "set", {"led": value})
    device.reset()
    device.wait_for("^heard set {'led': 2}$")
    device.mark()
    device.reset()
    device.wait_for(r"^report \d+ stored")
    assert "heard" not in device.output()


def test_a_board_that_sleeps_hears_at_its_next_start_what_is_desired(device, twin, config):
    heard = "link.on_command = lambda c: print('heard', c.name, c.data)\n"
    program = NIGHTS.replace('link.report({"n"', heard + 'link.report({"n"')
    device.run(config("azure", "mqtts"), program)
    device.wait_for("^sleeps")
    twin.command("azure", "set", {"night": 7})
    device.wait_for("^heard set {'night': 7}$")
    device.wait_for(r"(?s:^sleeps.*){3}")
    assert device.output().count("heard set {'night': 7}") == 1


_BACKLOG = """
import board, signet

link = signet.open("device.json", board)
for n in range(1000):
    link.report({"n": n})
print("flushed", link.flush(90000))
"""


def _stored(twin, after):
    """The numbers of the reports that the hub has."""
    reports = [each for each in twin.messages("azure", after) if "/events/" in each["topic"]]
    return {json.loads(each["payload"])["n"] for each in reports}


def test_a_token_that_is_renewed_in_the_middle_of_a_run_costs_no_report(device, twin, config):
    after = twin.last_id()
    device.run(config("azure", "mqtts", health_s=None), _RENEWING)
    device.wait_for(r"(?s:logged in with a new token.*){3}^report 65 stored")
    assert _stored(twin, after) >= {*range(65)}
    said = device.output()
    assert said.count("connected") == 1 and "lost" not in said, said


def test_a_token_that_ends_amid_a_thousand_reports_costs_none(device, twin, config):
    after = twin.last_id()
    device.run(config("azure", "mqtts", health_s=None, outbox_bytes=262_144), _BACKLOG)
    device.wait_for("^report 50 stored")
    twin.fault("expire_logins")
    device.wait_for("^connection lost: ")
    device.wait_for("^flushed True", 90)
    assert _stored(twin, after) == {*range(1000)}


def _registers(config, twin, **changes):
    own = {
        "hub": None,
        "device_id": None,
        "host": _DPS,
        **twin.ready["clouds"]["azure"]["enrollment"],
    }
    return config("azure", "mqtts", **(own | changes))


@pytest.fixture
def certificate(twin, registry, tmp_path):
    """Makes certificate and key of a name, by a CA that hub and DPS know."""

    def make(name):
        ca = Authority(tmp_path / "ca", "a CA of Azure's user")
        scope = twin.ready["clouds"]["azure"]["group"]["id_scope"]
        with contextlib.closing(open_store(twin.state)) as store:
            for owner in (scope, "signet-hub"):
                Certificates(store).add_ca(owner, ca.certificate_file.read_bytes(), "for tests")
            if name.startswith("hub-"):
                store.add("azure", "device", "signet-hub", name)
                registry.trust("signet-hub", name, CA_SIGNED)
        registry.enroll(scope, name, "signet-hub", thumbprint=CA_SIGNED)
        return ca.client(name, target=tmp_path / f"{name}.pem").read_bytes()

    return make


@pytest.mark.parametrize("how", ["key", "group", "certificate"])
def test_a_board_finds_its_hub_by_dps_once(device, twin, config, certificate, how):
    changes, more = {}, {}
    if how == "group":
        group_key = twin.ready["clouds"]["azure"]["group"]["group_key"]
        changes = {"registration_id": "g-7"}
        changes["device_key"] = signing.azure_device_key(group_key, "g-7")
    elif how == "certificate":
        more = {"/device.pem": certificate("c-7")}
        changes = {"registration_id": "c-7", "device_key": None, "cert": "device.pem"}
    values = _registers(config, twin, **changes)
    after = twin.last_id()
    device.run(values, more=more)
    device.wait_for(f"^assigned to {_HUB} as {values['registration_id']}$", 30)
    device.wait_for(r"^report \d+ stored")
    label = f"signet-hub/{values['registration_id']}"
    twin.wait_for_messages("azure", 1, after, direction="up", status="stored", device=label)
    device.reset()
    device.wait_for(r"^report \d+ stored")
    assert "assigned" not in device.output()


@pytest.mark.parametrize("way", ["mqtts", "wss"])
def test_a_board_with_a_certificate_needs_no_key(device, twin, config, certificate, way):
    pem = certificate(f"hub-{way}")
    changes = {"device_id": f"hub-{way}", "device_key": None, "cert": "device.pem"}
    after = twin.last_id()
    device.run(config("azure", way, **changes), more={"/device.pem": pem})
    device.wait_for(r"^report \d+ stored")
    twin.wait_for_messages("azure", 1, after, direction="up", device=f"signet-hub/hub-{way}")


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"device_key": "a2tra2tra2tra2tra2tra2tra2tra2s="}, "sig differs"),
        ({"device_id": "Board-1"}, "case counts"),
        ({"hub": "other.azure-devices.net"}, "server name"),
    ],
    ids=["key", "case", "hub"],
)
def test_a_refusal_says_what_to_check_and_the_twin_why(device, twin, config, changes, cause):
    logged = len(twin.output())
    device.run(config("azure", "mqtts", **changes))
    line = device.wait_for("^not connected: CONNACK 5.*$")
    assert "check device_id and hub, device_key and the clock" in line
    assert int(re.search(r"next try in (\d+) s", line)[1]) >= 16
    twin.wait_for_output(cause, since=logged)


def test_dps_that_refuses_says_what_to_check(device, twin, config):
    device.run(_registers(config, twin, registration_id="nobody"))
    line = device.wait_for("^not connected: CONNACK 5.*$")
    assert "check id_scope and registration_id, device_key and the clock" in line


def test_without_a_clock_nothing_is_sent_and_nothing_lost(device, twin, config):
    logged = len(twin.output())
    program = """
import board, signet
from signet import clock

class Board:
    network_up = board.network_up
    set_clock = lambda: False

clock.doubted = True
link = signet.open("device.json", Board)
link.report({"n": 0})
link.poll(1500)
clock.doubted = False
print("flushed", link.flush(10000))
"""
    device.run(config("azure", "mqtts"), program)
    device.wait_for("^not connected: the clock is not set, and a token says when it ends; next")
    device.wait_for("^flushed True")
    assert "refused" not in twin.output()[logged:]
