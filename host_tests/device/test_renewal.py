"""Does a board change its certificate without losing a report, and say in time that it must?

docs/certificates.md, "On the board". The new certificate comes by a command, as a cloud would send
it.
"""

import datetime
import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from cryptography import x509

from host_tests.device.coap_programs import FRESH
from host_tests.device.conftest import COUNTER, Device
from host_tests.device.member import Member
from host_tests.support import Twin
from host_tests.twin.certified import ORG, Org, serial_of
from tools.board.virtual import VirtualBoard
from tools.pki.authority import Authority, certificate_pem

# Counts as ever, and takes a new certificate, its key beside it or not.
_PROGRAM = COUNTER.replace(
    "link.on_command = board.obey",
    """
def obey(command):
    if command.name == "certificate":
        link.renew(command.data["pem"].encode())

link.on_command = obey
""",
)

# One life: in with the certificate that it has, then the other of two takes its place.
_TAKES_TURNS = """
import signet, board
link = signet.open("device.json", board)
link.report({"n": 0})
print("in" if link.flush(9000) else "not in")
with open("device.pem") as file:
    old = file.read()
for name in ("a.pem", "b.pem"):
    with open(name) as file:
        new = file.read()
    if new != old:
        break
print("writes")
link.renew(new.encode())
link.report({"n": 1})
link.flush(9000)
print("done")
"""

# Says so at its start, sleeps, wakes twice more.
_SLEEPS = (
    FRESH
    + """
import board, signet
link = signet.open("device.json", board)
link.report({"n": 0})
link.flush(9000)
link.close()
print("asleep")
board.deep_sleep(50)
"""
)


def _numbers(twin: Twin, cloud: str, after: int, key: str) -> list[int]:
    """What was counted up, of all that is stored: `params` of EnOS, `d` of Watson."""
    found = []
    for message in twin.messages(cloud, after):
        if message["direction"] == "up" and message["status"] == "stored":
            found += re.findall(rf'"{key}": ?(\d+)', message["payload"])
    return [int(number) for number in found]


def _none_missing(device: Device, twin: Twin, cloud: str, after: int) -> None:
    """Of all reports so far, and of three to come."""
    device.mark()
    device.wait_for(r"(^report \d+ stored(.*\n)*?){3}")
    seen = set(_numbers(twin, cloud, after, "n"))
    assert seen == set(range(max(seen) + 1))


class _Renewed:
    """A board under the policy "certificate" that has reported, and what it is sent."""

    def __init__(self, device: Device, member: Member, second: Authority) -> None:
        self.device = device
        self.member = member
        self.org = member.org
        self.twin = member.org.twin
        self.second = second
        self.after = self.twin.last_id()
        self.old = self.org.certificate(member.name)
        more = {"/device.pem": self.old.read_bytes()}
        device.run(member.config("certificate"), _PROGRAM, more=more)
        device.wait_for("^report 2 stored")

    def send(self, pem: bytes) -> None:
        """The new certificate, in a command."""
        data = {"pem": pem.decode()}
        self.twin.command("watson", "certificate", data, device=self.member.device_id)


@pytest.fixture
def second(org: Org) -> Authority:
    """Another CA of the org, so that one can see whose certificate a board shows."""
    authority = Authority(org.folder / "second", "second CA")
    with org.certificates() as tables:
        if all(ca.description != "second" for ca in tables.cas(ORG)):
            tables.add_ca(ORG, authority.certificate_file.read_bytes(), "second")
    return authority


@pytest.fixture
def renewed(device: Device, member: Callable[..., Member], second: Authority) -> _Renewed:
    return _Renewed(device, member("certificate"), second)


def _only_the_second_counts(renewed: _Renewed) -> None:
    """After a restart the board gets in, with a certificate of the second CA."""
    with renewed.org.certificates() as tables:
        tables.activate_ca(renewed.org.ca_id, False)
        try:
            renewed.device.reset()
            renewed.device.wait_for("^report 1 stored")
        finally:
            tables.activate_ca(renewed.org.ca_id, True)


@pytest.mark.parametrize("kind", ["ec", "rsa"])
def test_a_new_certificate_and_key_come_by_a_command_and_no_report_is_lost(renewed, kind):
    new = renewed.org.certificate(renewed.member.name, renewed.second, kind=kind)
    renewed.send(new.read_bytes())
    renewed.device.wait_for("^certificate renewed, valid until ")
    _none_missing(renewed.device, renewed.twin, "watson", renewed.after)
    _only_the_second_counts(renewed)


def test_a_new_certificate_that_the_cloud_refuses_leaves_the_old_one(renewed):
    new = renewed.org.certificate(renewed.member.name, renewed.org.stranger)
    renewed.send(new.read_bytes())
    line = renewed.device.wait_for("^.*: certificate not renewed, the old one stays: .*$")
    assert "is `cert` in date, its CA registered there" in line
    renewed.device.wait_for(r"the old one stays: (?:.*\n)*connected\n")
    _none_missing(renewed.device, renewed.twin, "watson", renewed.after)
    renewed.device.reset()
    renewed.device.wait_for(r"^report \d+ stored")


def test_a_new_certificate_without_its_key_is_refused_by_the_board(renewed):
    new = renewed.org.certificate(renewed.member.name, renewed.second).read_bytes()
    renewed.send(new.partition(b"-----BEGIN EC")[0])
    rule = "is not the one of the new certificate"
    renewed.device.wait_for(f"^command certificate failed: ConfigError: device.json: key: {rule}")
    _none_missing(renewed.device, renewed.twin, "watson", renewed.after)
    assert "connection lost" not in renewed.device.output()


def test_a_power_cut_at_any_write_of_a_renewal_leaves_a_board_that_logs_in(
    device, power, member, second
):
    one = member("certificate")
    files = {
        "/a.pem": one.org.certificate(one.name).read_bytes(),
        "/b.pem": one.org.certificate(one.name, second, kind="rsa").read_bytes(),
    }
    device.run(
        one.config("certificate"), _TAKES_TURNS, more=files | {"/device.pem": files["/a.pem"]}
    )
    device.wait_for("^certificate renewed(.*\n)*done$")
    number = 1
    try:
        while _life(power, number):
            number += 1
    finally:
        power.start()
    assert number > 3


def _life(board: VirtualBoard, number: int) -> bool:
    """One with a power cut at this write; False when it ends without."""
    board.power_cut()
    since = board.printed
    board.start(cut_at_write=number)
    while not (cut := board.wait_for_cut(0.005)):
        if "done\n" in board.output(since):
            break
    life = board.output(since)
    board.power_cut()
    assert "\nin\n" in life and "Error" not in life, life
    assert cut or "certificate renewed" in life, life
    return cut


def test_enos_renews_with_the_same_key(device, twin, org, config):
    after, names = twin.last_id(), twin.device("enos")
    whose = (names["product_key"], names["device_key"])
    old = org.certificate("a meter", org.enos)
    new = org.enos.renew(x509.load_pem_x509_certificate(old.read_bytes()))
    with org.certificates() as tables:
        tables.issued(serial_of(old), *whose, 0)
        tables.issued(new.serial_number, *whose, 0)
    values = config("enos", "mqtts", cert="device.pem")
    device.run(values, _PROGRAM, more={"/device.pem": old.read_bytes()})
    device.wait_for("^report 2 stored")
    twin.command("enos", "certificate", {"pem": certificate_pem(new).decode()})
    device.wait_for("^certificate renewed, valid until ")
    _none_missing(device, twin, "enos", after)
    with org.certificates() as tables:  # only the new serial number is its own now
        tables.issued(serial_of(old), "other", "other", 0)
    device.reset()
    device.wait_for(r"^report \d+ stored")


def _ends_in_five_days() -> dict[str, datetime.datetime]:
    now = datetime.datetime.now(datetime.UTC)
    return {"not_after": now + datetime.timedelta(days=5, hours=1)}


def _warnings(twin: Twin, cloud: str, after: int) -> list[dict[str, Any]]:
    """The topics and values of the events that the twin has stored."""
    return [
        message
        for message in twin.messages(cloud, after)
        if "certificate_expiry" in message["topic"] and message["status"] == "stored"
    ]


def test_an_end_within_thirty_days_is_in_the_log_and_in_an_event(device, twin, member):
    one, after, ends = member("certificate"), twin.last_id(), _ends_in_five_days()
    device.run(one.config("certificate"), FRESH + COUNTER, more=one.files(**ends))
    date = f"{ends['not_after']:%Y-%m-%d}"
    device.wait_for(f"^warning: device.pem expires on {date}, in 5 days$")
    device.wait_for("^report 3 stored")
    (event,) = _warnings(twin, "watson", after)
    assert event["topic"] == "iot-2/evt/certificate_expiry/fmt/json"
    values = json.loads(event["payload"])["d"]
    assert values == {"file": "device.pem", "expires": date, "days_left": 5}


def test_enos_is_told_of_an_end_by_an_event(device, twin, org, config):
    after, names = twin.last_id(), twin.device("enos")
    file = org.certificate("a meter", org.enos, **_ends_in_five_days())
    with org.certificates() as tables:
        tables.issued(serial_of(file), names["product_key"], names["device_key"], 0)
    values, more = config("enos", "mqtts", cert="device.pem"), {"/device.pem": file.read_bytes()}
    device.run(values, FRESH + COUNTER, more=more)
    device.wait_for("^warning: device.pem expires on .*, in 5 days$")
    device.wait_for("^report 3 stored")
    (event,) = _warnings(twin, "enos", after)
    assert event["topic"].endswith("/thing/event/certificate_expiry/post")


def test_an_end_is_told_once_a_day_by_a_board_that_sleeps_between(device, twin, member):
    one, after = member("certificate"), twin.last_id()
    values = one.config("certificate", deep_sleep=True)
    device.run(values, _SLEEPS, more=one.files(**_ends_in_five_days()))
    device.wait_for(r"(asleep\n(.*\n)*){3}")
    assert len(_warnings(twin, "watson", after)) == 1
    assert len(re.findall("^warning: device.pem", device.output(), re.MULTILINE)) >= 2


def test_an_end_is_told_again_the_next_day(device, twin, member):
    one, after = member("certificate"), twin.last_id()
    yesterday = FRESH + (
        "from signet import clock\n"
        "from signet.device.state import State\n"
        "today = clock.unix_ms() // 86_400_000\n"
        'State("signet.state").keep({"warned": today - 1}, print)\n'
    )
    more = one.files(**_ends_in_five_days())
    device.run(one.config("certificate"), yesterday + COUNTER, more=more, plain=True)
    device.wait_for("^warning: device.pem expires on .*, in 5 days$")
    device.wait_for("^report 2 stored")
    assert len(_warnings(twin, "watson", after)) == 1


def test_an_end_is_told_by_nobody_who_does_not_want_to_know(device, twin, member):
    one, after = member("certificate"), twin.last_id()
    values = one.config("certificate", expiry_warning_days=0)
    device.run(values, FRESH + COUNTER, more=one.files(**_ends_in_five_days()))
    device.wait_for("^report 2 stored")
    assert _warnings(twin, "watson", after) == []
    assert "warning: device.pem" not in device.output()
