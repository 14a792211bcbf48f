"""Does a board with a certificate of its own get in, report and obey wherever it should?

Watson's five security policies ("Configuring security policies", "Configuring certificates") and
EnOS's two-way TLS ("Establishing Connection with EnOS Cloud using the MQTT Protocol").
"""

import pytest

from host_tests.device.conftest import Device
from host_tests.device.member import WAYS, Member
from host_tests.support import Twin
from host_tests.twin.certified import serial_of

_POLICIES = [
    ("tls-optional", "token"),
    ("token", "token"),
    ("certificate", "certificate"),
    ("certificate-and-token", "both"),
    ("certificate-or-token", "token"),
    ("certificate-or-token", "certificate"),
]


def _works(device: Device, twin: Twin, member: Member, after: int) -> None:
    """It reported, and obeys."""
    device.wait_for("^report 1 stored")
    label = member.label
    twin.wait_for_messages("watson", 1, after, direction="up", status="stored", device=label)
    twin.command("watson", "set", {"led": 1}, device=member.device_id)
    device.wait_for(r"^command set: {'led': 1}$")


@pytest.mark.parametrize("role", ["device", "gateway"])
@pytest.mark.parametrize("policy", _POLICIES, ids="-".join)
def test_a_board_that_shows_what_its_policy_asks_for_reports_and_obeys(
    device, twin, member, policy, role
):
    name, shown = policy
    one, after = member(name, role), twin.last_id()
    device.run(one.config(shown), more=one.files())
    _works(device, twin, one, after)


@pytest.mark.parametrize("kind", ["ec", "rsa"])
@pytest.mark.parametrize("port", WAYS)
def test_certificates_of_either_kind_get_in_by_every_port(device, twin, member, port, kind):
    one, after = member("certificate"), twin.last_id()
    device.run(one.config("certificate", port), more=one.files(kind=kind))
    _works(device, twin, one, after)


def test_a_gateway_of_rsa_gets_in_over_websocket(device, twin, member):
    one, after = member("certificate", "gateway"), twin.last_id()
    device.run(one.config("certificate", "wss"), more=one.files(kind="rsa"))
    _works(device, twin, one, after)


def test_a_certificate_for_every_device_of_a_type_gets_in(device, twin, member):
    one, after = member("certificate"), twin.last_id()
    device.run(one.config("certificate"), more=one.files(f"d:{one.type_id}:"))
    _works(device, twin, one, after)


def test_certificate_and_key_may_be_two_files(device, twin, member):
    one, after = member("certificate"), twin.last_id()
    certificate, end, key = one.files()["/device.pem"].partition(b"-----END CERTIFICATE-----\n")
    more = {"/device.pem": certificate + end, "/device.key": key}
    device.run(one.config("certificate", key="device.key"), more=more)
    _works(device, twin, one, after)


# Under "certificate and token" the twin tells what came as user and password.


def test_no_user_and_token_go_beside_a_certificate_unless_configured(device, twin, member):
    one = member("certificate-and-token")
    device.run(one.config("certificate"), more=one.files())
    device.wait_for("^not connected: CONNACK 5: ")
    label = one.label
    twin.wait_for_output(f"{label} refused: CONNACK 5: user name is not `use-token-auth`")


def test_user_and_token_go_beside_a_certificate_when_configured(device, twin, member):
    one = member("certificate-and-token")
    device.run(one.config("both", token="not-its-token"), more=one.files())
    assert "check token" in device.wait_for("^not connected: CONNACK 5: .*$")
    label = one.label
    twin.wait_for_output(f"{label} refused: CONNACK 5: token (the password) is wrong")


@pytest.mark.parametrize("kind", ["ec", "rsa"])
def test_a_board_gets_into_enos_with_its_certificate_and_signature(
    device, twin, org, config, kind
):
    after, names = twin.last_id(), twin.device("enos")
    file = org.certificate("a meter", org.enos, kind=kind)
    with org.certificates() as tables:
        tables.issued(serial_of(file), names["product_key"], names["device_key"], 0)
    device.run(config("enos", "mqtts", cert="device.pem"), more={"/device.pem": file.read_bytes()})
    device.wait_for("^report 1 stored")
    twin.wait_for_messages("enos", 1, after, direction="up", status="stored")
    twin.command("enos", "set", {"led": 1})
    device.wait_for(r"^command set: {'led': 1}$")
