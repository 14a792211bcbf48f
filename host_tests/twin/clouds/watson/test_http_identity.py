"""Who may do what by Watson's HTTP messaging API, and in which org, as the twin has it?

Rules: the platform's docs (`devices/api.md`); vectors/watson-http.json has the sources of the
Basic headers.
"""

import pytest

from host_tests.support import Twin
from host_tests.twin.http_device import (
    JSON,
    VECTORS,
    Http,
    WatsonDevice,
    WatsonGateway,
    basic,
    of_application,
    path_of,
    registered,
)
from host_tests.twin.mqtt_device import application_connect, paho


@pytest.mark.parametrize("case", VECTORS["http_basic"]["cases"], ids=lambda c: c["user"])
def test_basic_headers_are_the_documents(case: dict[str, str]) -> None:
    assert basic(case["user"], case["password"]) == {"Authorization": case["header"]}


@pytest.mark.parametrize("given", ["", "Bearer x", "Basic", "Basic !!!", "Basic bm9jb2xvbg=="])
def test_without_basic_authorization_comes_a_challenge(twin: Twin, given: str) -> None:
    device = WatsonDevice(twin, "h-auth")
    with device.http() as http:
        answer = device.event(http, Authorization=given)
    assert answer.status == 401
    assert answer.headers["www-authenticate"].startswith("Basic realm=")


@pytest.mark.parametrize(
    "user", ["use-token-auth", "use-auth-token", "g/other/esp32/h-auth", "g-signet-esp32", "g/"]
)
def test_wrong_credentials_get_403_and_close_the_connection(twin: Twin, user: str) -> None:
    device = WatsonDevice(twin, "h-auth")
    password = "wrong" if user == "use-token-auth" else device.device.secret
    with device.http() as http:
        answer = device.event(http, **basic(user, password))
        assert answer.status == 403
        assert answer.headers["connection"] == "close"
        assert not http.kept


def test_a_device_that_is_unknown_or_disabled_gets_403(twin: Twin) -> None:
    disabled = WatsonDevice(twin, "h-disabled")
    twin.cli("device", "disable", "watson", "signet/esp32", "h-disabled")
    unknown = WatsonDevice(twin, "h-known")
    unknown.path = path_of("esp32", "h-unknown")
    for device in (disabled, unknown):
        with device.http() as http:
            assert device.event(http).status == 403


def test_who_it_is_is_asked_once_on_a_connection(twin: Twin) -> None:
    device = WatsonDevice(twin, "h-once")
    with device.http() as http:
        assert device.event(http).status == 200
        before = len(twin.output())
        assert device.event(http, Authorization="").status == 200
        twin.wait_for_output("h-once report", since=before)
    assert twin.output().count("h-once connected: HTTP, as device") == 1


_OTHER_HOST = "other.messaging.internetofthings.ibmcloud.com"


def _in_the_other_org(twin: Twin, name: str, way: str = "http") -> WatsonDevice:
    """A device whose type and id are also those of another, in the org signet."""
    device = WatsonDevice(twin, name, way)
    secret = registered(twin, "watson", "other/esp32", name).secret
    device.authorized = basic("use-token-auth", secret)
    return device


def test_another_org_on_the_same_connection_gets_403(twin: Twin) -> None:
    other = _in_the_other_org(twin, "h-orgs")
    with other.http() as http:
        assert other.event(http, Host=_OTHER_HOST).status == 200
    device = WatsonDevice(twin, "h-orgs")
    with device.http() as http:
        assert device.event(http).status == 200
        assert other.event(http, Host=_OTHER_HOST).status == 403


@pytest.mark.parametrize("what", ["device", "class"])
def test_another_identity_on_the_same_connection_gets_403(twin: Twin, what: str) -> None:
    device = WatsonDevice(twin, "h-first")
    with device.http() as http:
        assert device.event(http).status == 200
        if what == "device":
            answer = WatsonDevice(twin, "h-second").event(http)
        else:
            path = path_of("esp32", "h-first", "application") + "/events/e"
            answer = http.ask(path, b"{}", {**JSON, **of_application(twin)})
        assert answer.status == 403


@pytest.mark.parametrize("form", ["g/signet/esp32/{}", "g-signet-esp32-{}"])
def test_a_gateway_posts_for_a_device_behind_it(twin: Twin, form: str) -> None:
    name = "h-gateway" + form[1].replace("/", "s")
    gateway = WatsonGateway(twin, name, form)
    after = twin.last_id()
    with gateway.http() as http:
        path = path_of("sensor", f"of-{name}") + "/events/e"
        assert http.ask(path, b"{}", {**JSON, **gateway.authorized}).status == 200
    (message,) = twin.messages("watson", after)
    assert message["topic"] == f"iot-2/type/sensor/id/of-{name}/evt/e/fmt/json"
    assert message["device"] == f"signet/esp32/{name}"


@pytest.mark.parametrize("what", ["events/e", "commands/c/request"])
def test_a_gateway_gets_403_for_a_device_that_is_not_behind_it(twin: Twin, what: str) -> None:
    gateway = WatsonGateway(twin, "h-no-gateway")
    WatsonDevice(twin, "h-on-its-own")
    with gateway.http() as http:
        path = f"{path_of('esp32', 'h-on-its-own')}/{what}"
        assert http.ask(path, b"{}", {**JSON, **gateway.authorized}).status == 403


def test_a_device_is_no_gateway_nor_a_gateway_a_device(twin: Twin) -> None:
    device, gateway = WatsonDevice(twin, "h-is-device"), WatsonGateway(twin, "h-is-gateway")
    for one, other in ((device, "g/signet/esp32/h-is-device"), (gateway, "use-token-auth")):
        with one.http() as http:
            answer = one.event(http, **basic(other, one.device.secret))
            assert answer.status == 403


def test_an_application_posts_an_event_for_a_device(twin: Twin) -> None:
    with paho(twin, "watson", connect=application_connect(twin, "h-app")) as listening:
        listening.subscribe("iot-2/type/esp32/id/h-any/evt/e/fmt/text")
        with Http(twin, "watson") as http:
            path = path_of("esp32", "h-any", "application") + "/events/e"
            headers = {"Content-Type": "text/plain", **of_application(twin)}
            assert http.ask(path, b"x", headers).status == 200
        assert listening.next().payload == b"x"


def test_an_application_posts_a_command_to_a_device_that_listens_by_mqtt(twin: Twin) -> None:
    with paho(twin, "watson") as board:
        board.subscribe("iot-2/cmd/+/fmt/+")
        with Http(twin, "watson") as http:
            path = path_of("esp32", "board-1", "application") + "/commands/blink"
            assert http.ask(path, b"{}", {**JSON, **of_application(twin)}).status == 200
        assert board.next().topic == "iot-2/cmd/blink/fmt/json"


def test_a_device_may_not_post_a_command(twin: Twin) -> None:
    device = WatsonDevice(twin, "h-command")
    with device.http() as http:
        answer = http.ask(device.path + "/commands/c", b"{}", {**JSON, **device.authorized})
        assert answer.status == 403


@pytest.mark.parametrize(
    "domain",
    [
        "messaging.internetofthings.ibmcloud.com",
        "internetofthings.ibmcloud.com",
        "messaging.mywiotpcustomdomain.com",
    ],
)
@pytest.mark.parametrize("way", ["http", "https"])
def test_each_host_form_of_the_documents_is_taken_also_in_tls(
    twin: Twin, way: str, domain: str
) -> None:
    device = WatsonDevice(twin, "h-host", way)
    own = "ibmcloud" in domain  # what the default certificate is called
    with device.http(**({"host": f"signet.{domain}"} if own else {})) as http:
        for host in (f"signet.{domain}", f"SIGNET.{domain}:443"):
            assert device.event(http, Host=host).status == 200


@pytest.mark.parametrize("host", ["127.0.0.3", "signet.example.com", "messaging.ibmcloud.com"])
def test_a_host_that_names_no_org_gets_400(twin: Twin, host: str) -> None:
    device = WatsonDevice(twin, "h-host")
    with device.http() as http:
        assert device.event(http, Host=host).status == 400


def test_a_host_of_another_org_than_the_server_name_gets_403(twin: Twin) -> None:
    device = _in_the_other_org(twin, "h-both", "https")
    with device.http() as http:  # its server name is of the org signet
        assert device.event(http, Host=_OTHER_HOST).status == 403
    with device.http(host=_OTHER_HOST) as http:
        assert device.event(http).status == 200


def test_neither_token_nor_password_is_ever_shown(twin: Twin) -> None:
    device = WatsonDevice(twin, "h-secret")
    with device.http() as http:
        device.event(http, **basic("use-token-auth", "5ecret-password"))
    with device.http() as http:
        device.event(http)
    twin.wait_for_output("h-secret: the token (the password) is wrong")
    assert device.device.secret not in twin.output()
    assert "5ecret-password" not in twin.output()
