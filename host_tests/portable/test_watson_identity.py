"""Who is a client of Watson IoT Platform by MQTT, and which mistake in that is named how?

Expected: Watson IoT "Connecting applications, devices, and gateways"; client ids and topics of
eclipse/amlen server_proxy, test/proxy_test.c.
"""

import check
from signet.cloud.watson import login
from signet.device import config
from signet.errors import ConfigError

_SECRET = "s3cr3t-that-nobody-may-see"
_HOST = "myorg1.messaging.internetofthings.ibmcloud.com"
_EVENTS = "iot-2/type/+/id/+/evt/+/fmt/+"
_OF_ONE = "iot-2/type/+/id/meter-7/evt/+/fmt/+"

_DEVICE = {
    "cloud": "watson",
    "host": _HOST,
    "org_id": "myorg1",
    "type_id": "meter",
    "device_id": "meter-7",
    "token": _SECRET,
}
_GATEWAY = _DEVICE.copy()
_GATEWAY["role"] = "gateway"
_APPLICATION = {
    "cloud": "watson",
    "host": _HOST,
    "role": "application",
    "org_id": "myorg1",
    "app_id": "dashboard",
    "api_key": "a-myorg1-a84ps90Ajs",
    "token": _SECRET,
}
_SCALABLE = _APPLICATION.copy()
_SCALABLE["role"] = "scalable-application"
_QUICKSTART = {
    "cloud": "watson",
    "host": "quickstart.messaging.internetofthings.ibmcloud.com",
    "role": "application",
    "org_id": "quickstart",
    "app_id": "dashboard",
    "subscribe": [_OF_ONE],
    "tls": False,
}


def _checked(base, changes):
    values = base.copy()
    values.update(changes)
    return config.check(values, lambda line: None)


def _error(base, **changes):
    error = check.raises(ConfigError, _checked, base, changes)
    assert _SECRET not in str(error) and _SECRET not in repr(error)
    return error


def _login(base, **changes):
    return login.login(_checked(base, changes), 0)


def test_each_client_id_of_the_vectors_is_built_from_its_parts():
    roles = {"d": "device", "g": "gateway", "a": "application", "A": "scalable-application"}
    for client_id, parts in check.vectors("watson-rules")["client_id"]["valid"].items():
        built = {"role": roles[parts["cls"]], "org_id": parts["org"], "token": "t"}
        built["api_key"], built["instance_id"] = "k", parts.get("instance")
        built["type_id"], built["device_id"] = parts.get("type"), parts.get("id")
        built["app_id"] = parts.get("app")
        check.equal(login.login(built, 0)[0], client_id)


def test_device_and_gateway_log_in_with_the_platform_s_own_user_name():
    for base, client_id in (
        (_DEVICE, "d:myorg1:meter:meter-7"),
        (_GATEWAY, "g:myorg1:meter:meter-7"),
    ):
        check.equal(_login(base), (client_id, "use-token-auth", _SECRET))


def test_applications_log_in_with_their_api_key():
    key = "a-myorg1-a84ps90Ajs"
    check.equal(_login(_APPLICATION), ("a:myorg1:dashboard", key, _SECRET))
    check.equal(_login(_SCALABLE), ("A:myorg1:dashboard", key, _SECRET))
    check.equal(_login(_SCALABLE, instance_id="2"), ("A:myorg1:dashboard:2", key, _SECRET))


def test_with_a_certificate_and_no_token_there_is_neither_user_nor_password():
    for base in (_DEVICE, _GATEWAY):
        check.equal(_login(base, cert="c.pem", token=None)[1:], (None, None))
    check.equal(_login(_APPLICATION, cert="c.pem", token=None, api_key=None)[1:], (None, None))


def test_beside_a_certificate_a_token_goes_out_when_there_is_one():
    check.equal(_login(_GATEWAY, cert="c.pem", key="c.key")[1:], ("use-token-auth", _SECRET))
    check.equal(_login(_APPLICATION, cert="c.pem")[1:], ("a-myorg1-a84ps90Ajs", _SECRET))


def test_quickstart_has_devices_and_applications_without_login():
    check.equal(_login(_QUICKSTART), ("a:quickstart:dashboard", None, None))
    device = {"org_id": "quickstart", "tls": False, "token": None}
    check.equal(_login(_DEVICE, **device), ("d:quickstart:meter:meter-7", None, None))


def test_an_application_hears_the_events_of_all_devices_unless_told_otherwise():
    check.equal(_checked(_APPLICATION, {})["subscribe"], [_EVENTS])
    status = ["iot-2/type/+/id/+/mon"]
    check.equal(_checked(_APPLICATION, {"subscribe": status})["subscribe"], status)
    check.equal(_checked(_APPLICATION, {"subscribe": []})["subscribe"], [])


def test_the_ports_of_watson_are_free_to_choose_with_and_without_websocket():
    for websocket in (False, True):
        for port in (8883, 443):
            values = _checked(_GATEWAY, {"port": port, "websocket": websocket})
            check.equal((values["port"], values["websocket"]), (port, websocket))
        values = _checked(_DEVICE, {"tls": False, "insecure": True, "websocket": websocket})
        check.equal((values["port"], values["websocket"]), (1883, websocket))


_MISTAKES = (
    (_DEVICE, "role", "app", "must be one of device, gateway, application, scalable-application"),
    (_DEVICE, "type_id", None, "is missing"),
    (_DEVICE, "device_id", None, "is missing"),
    (_GATEWAY, "type_id", None, "is missing"),
    (_GATEWAY, "device_id", None, "is missing"),
    (_GATEWAY, "token", None, "is missing"),
    (_DEVICE, "app_id", "dashboard", "is of applications only"),
    (_DEVICE, "api_key", "a-myorg1-x", "is of applications only"),
    (_GATEWAY, "subscribe", [], "is of applications only"),
    (_GATEWAY, "instance_id", "1", "is of applications only"),
    (_DEVICE, "websocket", "yes", "true or false"),
    (_APPLICATION, "app_id", None, "is missing"),
    (_APPLICATION, "app_id", "dash:board", "letters, digits and -_. only"),
    (_APPLICATION, "api_key", None, "is missing"),
    (_APPLICATION, "token", None, "is missing"),
    (_APPLICATION, "type_id", "meter", "an application has none"),
    (_APPLICATION, "device_id", "meter-7", "an application has none"),
    (_APPLICATION, "instance_id", "1", '"role": "scalable-application" only'),
    (_APPLICATION, "subscribe", _EVENTS, "must be a list"),
    (_APPLICATION, "subscribe", [7], "may not subscribe to number 1"),
    (_APPLICATION, "subscribe", [_EVENTS] * 51, "50 topics at most"),
    (_SCALABLE, "instance_id", "x" * 37, "1 to 36"),
    (_SCALABLE, "keepalive_s", 3601, "3600 at most"),
    (_QUICKSTART, "role", "scalable-application", "quickstart has no scalable-applications"),
    (_QUICKSTART, "tls", True, "quickstart has no TLS"),
    (_QUICKSTART, "api_key", "a-k", "quickstart has no login"),
    (_QUICKSTART, "subscribe", None, "quickstart wants its device"),
    (_QUICKSTART, "subscribe", [_EVENTS], "may not subscribe to"),
)


def test_each_mistake_is_named_by_its_key_and_rule():
    for base, key, value, rule in _MISTAKES:
        error = _error(base, **{key: value})
        check.equal(error.key, key, rule)
        assert rule in str(error), error


def test_quickstart_has_no_gateways_and_no_certificates():
    error = _error(_GATEWAY, org_id="quickstart", tls=False)
    assert error.key == "role" and "quickstart has no gateways" in str(error)
    error = _error(_QUICKSTART, cert="c.pem", tls=True)
    assert error.key == "cert" and "quickstart has no certificates" in str(error)


def test_a_certificate_goes_over_tls_only_and_a_key_with_a_certificate_only():
    error = _error(_DEVICE, cert="c.pem", tls=False, insecure=True)
    assert error.key == "cert" and "TLS only" in str(error)
    error = _error(_DEVICE, key="c.key")
    assert error.key == "cert" and "`key` is of a certificate" in str(error)


def test_over_a_plain_port_an_application_s_token_is_warned_of_as_a_device_s():
    assert "1883" in str(_error(_APPLICATION, tls=False))
    check.equal(_checked(_APPLICATION, {"tls": False, "insecure": True})["port"], 1883)


def test_a_scalable_application_without_an_instance_has_a_clean_session():
    error = _error(_SCALABLE, clean_session=False)
    assert error.key == "instance_id" and "clean_session" in str(error)
    values = _checked(_SCALABLE, {"clean_session": False, "instance_id": "1"})
    check.equal(values["clean_session"], False)
    check.equal(_checked(_APPLICATION, {"keepalive_s": 65_535})["keepalive_s"], 65_535)


def test_subscribe_takes_what_the_platform_takes_and_nothing_else():
    topics = check.vectors("watson-rules")["topics"]
    for base, rules in ((_APPLICATION, topics["a/sub"]), (_QUICKSTART, topics["qa/sub"])):
        for topic in rules["ok"]:
            _checked(base, {"subscribe": [topic]})
        for topic in rules["bad"]:
            error = _error(base, subscribe=[_OF_ONE, topic])
            assert error.key == "subscribe" and "number 2 of these" in str(error), topic


def test_by_http_there_are_devices_and_gateways_only():
    error = _error(_DEVICE, way="http", role="application")
    assert error.key == "role" and "must be one of device, gateway" in str(error)


def test_a_host_of_another_organisation_is_warned_of():
    end = ".messaging.internetofthings.ibmcloud.com"
    for host, warned in (
        ("other1" + end, True),
        ("other1.messaging.iot.mas.example.com", True),
        ("myorg1" + end, False),
        ("MyOrg1" + end, False),
        ("mqtt.example.com", False),
        ("messaging.example.com", False),
    ):
        warnings = []
        values = _DEVICE.copy()
        values["host"] = host
        config.check(values, warnings.append)
        lines = [line for line in warnings if "other1, not of org_id" in line]
        check.equal(len(lines), int(warned), host)


_IBM, _MAXIMO = _HOST, "myorg1.messaging.iot.mas.example.com"
_ENDED, _ONLY_443 = "IBM ended this service in 2023", "Maximo listens on port 443 only, not on "


def test_ibm_s_own_host_is_said_to_have_ended_and_maximo_is_on_443():
    for host, changes, port, warned in (
        (_IBM, {}, 8883, _ENDED),
        ("myorg1.internetofthings.ibmcloud.com", {}, 8883, _ENDED),
        (_IBM.upper(), {"way": "http"}, 8883, _ENDED),
        (_IBM, {"address": "127.0.0.3"}, 8883, None),  # the twin's
        (_MAXIMO, {}, 443, None),
        (_MAXIMO, {"way": "http"}, 443, None),
        (_MAXIMO, {"port": 443}, 443, None),
        (_MAXIMO, {"port": 8883}, 8883, _ONLY_443 + "8883"),
        (_MAXIMO, {"tls": False, "insecure": True}, 1883, _ONLY_443 + "1883"),
        ("mqtt.example.com", {}, 8883, None),
    ):
        warnings = []
        values = _DEVICE.copy()
        values["host"] = host
        values.update(changes)
        check.equal(config.check(values, warnings.append)["port"], port, host)
        said = [line for line in warnings if _ENDED in line or _ONLY_443 in line]
        check.equal(len(said), int(warned is not None), said)
        assert warned is None or warned in said[0], said


def test_an_organisation_of_maximo_has_any_length():
    for host, warned in ((_MAXIMO, 0), ("mqtt.example.com", 1)):
        warnings = []
        values = _DEVICE.copy()
        values.update({"host": host.replace("myorg1", "main"), "org_id": "main"})
        config.check(values, warnings.append)
        check.equal(len(warnings), warned, warnings)


def test_quickstart_gets_no_token_even_where_one_is_configured():
    for role in ("device", "application"):
        values = {
            "role": role,
            "org_id": "quickstart",
            "type_id": "t",
            "device_id": "d",
            "app_id": "a",
            "instance_id": None,
            "api_key": "k",
            "token": "s3cr3t",
        }
        check.equal(login.login(values, 0)[1:], (None, None), role)
