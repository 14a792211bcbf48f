"""What does a client need under each security policy? Documents: "Configuring security policies".

CONNACK 0 lets it in; 5: the token is missing, or TLS; None: closed without CONNACK, for want of a
certificate.
"""

import contextlib
import http.client
import json
from pathlib import Path

import pytest

from host_tests.twin.certified import HOST, ORG, Org, Sealed, connect_as
from host_tests.twin.http_device import basic
from host_tests.twin.mqtt_device import Raw, application_connect, paho

_SHOWN = ("nothing", "token", "certificate", "both", "plain")

_EXPECTED: dict[str, tuple[int | None, ...]] = {
    "tls-optional": (5, 0, 5, 0, 0),
    "token": (5, 0, 5, 0, 5),
    "certificate": (None, None, 0, 0, 5),
    "certificate-and-token": (None, None, 5, 0, 5),
    "certificate-or-token": (5, 0, 0, 0, 5),
}


@pytest.mark.parametrize("kind", ["device", "gateway"])
@pytest.mark.parametrize("policy", _EXPECTED)
def test_each_policy_lets_in_who_shows_what_it_asks_for(org: Org, policy: str, kind: str) -> None:
    type_id, letter = f"{policy}-{kind}", kind[0]
    device = org.add(kind, type_id, "one", policy)
    certificate = org.certificate(f"{letter}:{type_id}:one")
    client_id = f"{letter}:{ORG}:{type_id}:one"
    bare, full = connect_as(client_id), connect_as(client_id, device.secret)

    with Raw(org.twin.way("watson")) as raw:
        plain = raw.login(full)
    assert dict(zip(_SHOWN, _EXPECTED[policy], strict=True)) == {
        "nothing": org.answer(bare),
        "token": org.answer(full),
        "certificate": org.answer(bare, certificate=certificate),
        "both": org.answer(full, certificate=certificate),
        "plain": plain,
    }


def test_a_wrong_token_does_not_get_in_beside_a_certificate(org: Org) -> None:
    org.add("device", "both-wrong", "one", "certificate-and-token")
    certificate = org.certificate("d:both-wrong:one")
    connect = connect_as(f"d:{ORG}:both-wrong:one", "wrong")
    assert org.answer(connect, certificate=certificate) == 5


def test_a_certificate_of_a_type_is_good_for_each_device_of_it(org: Org) -> None:
    org.add("device", "whole", "one", "certificate")
    org.add("device", "whole", "two")
    certificate = org.certificate("d:whole:")
    for name in ("one", "two"):
        assert org.answer(connect_as(f"d:{ORG}:whole:{name}"), certificate=certificate) == 0


def test_a_mail_address_names_a_device_as_a_common_name_does(org: Org) -> None:
    org.add("device", "mail", "one", "certificate")
    certificate = org.certificate("some board", email="d:mail:one")
    assert org.answer(connect_as(f"d:{ORG}:mail:one"), certificate=certificate) == 0


def test_certificate_and_server_name_replace_the_client_id(org: Org) -> None:
    org.add("device", "real", "one", "certificate")
    certificate = org.certificate("d:real:one")
    assert org.answer(connect_as(f"d:{ORG}:esp32:board-1"), certificate=certificate) == 0
    org.twin.wait_for_output(f"{ORG}/real/one connected")


def test_an_application_needs_its_api_key_beside_a_certificate(org: Org) -> None:
    key = org.twin.ready["clouds"]["watson"]["application"]
    certificate = org.certificate("a:named")
    connect = connect_as(f"a:{ORG}:sent")
    assert org.answer(connect, certificate=certificate) == 5
    connect.user, connect.password = key["api_key"], key["token"].encode()
    assert org.answer(connect, certificate=certificate) == 0


@pytest.mark.parametrize("policy", ["certificate", "token"])
def test_http_is_refused_where_the_policy_asks_for_more(org: Org, policy: str) -> None:
    device = org.add("device", f"http-{policy}", "one", policy)
    path = f"/api/v0002/device/types/http-{policy}/devices/one/events/e"
    assert _post(org, "http", path, device.secret) == 403
    certificate = org.certificate(f"d:http-{policy}:one")
    expected = 403 if policy == "certificate" else 200
    assert _post(org, "https", path, device.secret) == expected
    assert _post(org, "https", path, device.secret, certificate) == 200


def _post(org: Org, way: str, path: str, token: str, certificate: Path | None = None) -> int:
    """The status of an event's reply."""
    door = org.twin.way("watson", way)
    ca = org.twin.ready["ca_file"]
    raw = Sealed(door, ca, certificate) if door["tls"] else Raw(door)
    connection = http.client.HTTPConnection(HOST)
    connection.sock = raw.socket
    with contextlib.closing(connection):
        headers = {"Content-Type": "application/json", **basic("use-token-auth", token)}
        connection.request("POST", path, b"{}", headers)
        return connection.getresponse().status


def test_applications_hear_of_a_failed_login_and_its_close_code(org: Org) -> None:
    org.add("device", "heard", "one", "certificate")
    with paho(org.twin, "watson", connect=application_connect(org.twin)) as application:
        application.subscribe("iot-2/type/heard/id/+/mon")
        assert org.answer(connect_as(f"d:{ORG}:heard:one")) is None
        told = json.loads(application.next().payload)
        assert (told["Action"], told["CloseCode"]) == ("FailedConnect", 169)
        assert told["ClientID"] == f"d:{ORG}:heard:one"
        certificate = org.certificate("d:other:")
        assert org.answer(connect_as(f"d:{ORG}:heard:one"), certificate=certificate) is None
        assert json.loads(application.next().payload)["CloseCode"] == 170
