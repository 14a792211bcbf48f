"""Does config.py say what is wrong with a device.json for HTTP, and how to mend it?"""

import check
from signet.device import config
from signet.errors import ConfigError

_SECRET = "s3cr3t-that-nobody-may-see"

_ALIBABA = {
    "cloud": "alibaba",
    "way": "http",
    "host": "iot-as-http.cn-shanghai.aliyuncs.com",
    "product_key": "pk",
    "device_name": "dn",
    "device_secret": _SECRET,
}
_WATSON = {
    "cloud": "watson",
    "way": "http",
    "host": "myorg1.messaging.example.com",
    "org_id": "myorg1",
    "type_id": "meter",
    "device_id": "m-7",
    "token": _SECRET,
}
_QUICKSTART = {
    "cloud": "watson",
    "way": "http",
    "host": "quickstart.messaging.example.com",
    "org_id": "quickstart",
    "type_id": "meter",
    "device_id": "m-7",
    "tls": False,
}


def _checked(base, **changes):
    values = base.copy()
    values.update(changes)
    warnings = []
    return config.check(values, warnings.append), warnings


def _error(base, **changes):
    error = check.raises(ConfigError, _checked, base, **changes)
    assert _SECRET not in str(error) and _SECRET not in repr(error)
    return error


def test_alibaba_is_https_on_443_with_the_documents_default_method_and_a_timestamp():
    values, warnings = _checked(_ALIBABA)
    check.equal((values["tls"], values["port"], warnings), (True, 443, []))
    check.equal((values["sign_method"], values["timestamp"]), ("hmacmd5", True))
    check.equal((values["client_id"], values["timeout_s"]), ("pk.dn", 15))


def test_what_alibaba_signs_with_and_whether_it_sends_the_time_can_be_chosen():
    for method in ("hmacmd5", "hmacsha1", "hmacsha256"):
        check.equal(_checked(_ALIBABA, sign_method=method)[0]["sign_method"], method)
    assert _checked(_ALIBABA, timestamp=False)[0]["timestamp"] is False


def test_the_other_ways_in_keep_their_defaults():
    for way, port in (("mqtt", 8883), ("coap", 5684)):
        values, _ = _checked(_ALIBABA, way=way)
        check.equal(values["port"], port)
        check.equal((values["sign_method"], values["timestamp"]), ("hmacsha256", False))


def test_watson_is_https_on_8883_and_asks_for_every_command_each_minute():
    values, warnings = _checked(_WATSON)
    check.equal((values["tls"], values["port"], warnings), (True, 8883, []))
    check.equal((values["role"], values["command"]), ("device", "+"))
    check.equal((values["command_poll_s"], values["command_wait_s"]), (60, 0))
    check.equal(_checked(_WATSON, port=443)[0]["port"], 443)


def test_a_plain_port_takes_a_login_only_when_that_was_asked_for_and_warns():
    error = _error(_WATSON, tls=False)
    check.equal(error.key, "insecure")
    for part in ("1883", "use TLS, or accept it", "for example true"):
        assert part in str(error), part
    values, warnings = _checked(_WATSON, tls=False, insecure=True)
    check.equal(values["port"], 1883)
    check.equal(len(warnings), 1)
    assert "not encrypted" in warnings[0]


def test_alibaba_by_http_is_https_only():  # the document's first sentence
    for insecure in (False, True):
        error = _error(_ALIBABA, tls=False, insecure=insecure)
        check.equal(str(error), "device.json: tls: Alibaba takes HTTPS only; remove it")


def test_quickstart_has_no_token_no_commands_no_tls_and_no_gateways():
    values, warnings = _checked(_QUICKSTART)
    check.equal((values["port"], values["token"], warnings), (1883, None, []))
    check.equal(_checked(_QUICKSTART, command_poll_s=5)[0]["command_poll_s"], 0)
    error = _error(_QUICKSTART, role="gateway")
    assert error.key == "role" and "quickstart has no gateways" in str(error)
    assert '"device"' in str(error)
    check.equal(_error(_QUICKSTART, tls=True).key, "tls")


def test_values_are_held_against_their_rule_with_an_example():
    for base, key, value, rule in (
        (_ALIBABA, "timeout_s", 0, "from 1 to 300"),
        (_ALIBABA, "timeout_s", 301, "from 1 to 300"),
        (_ALIBABA, "open_timeout_s", 0, "from 1 to 300"),
        (_WATSON, "timeout_s", 2.5, "whole number"),
        (_ALIBABA, "sign_method", "md5", "must be one of hmacsha256, hmacsha1, hmacmd5"),
        (_ALIBABA, "timestamp", 1, "true or false"),
        (_WATSON, "role", "application", "must be one of device, gateway"),
        (_WATSON, "command", "", "1 to 64"),
        (_WATSON, "command", "re/boot", "letters, digits and -_.+ only"),
        (_WATSON, "command", "r?x", "letters, digits and -_.+ only"),
        (_WATSON, "command_poll_s", -1, "from 0 to 86400"),
        (_WATSON, "command_poll_s", 86_401, "from 0 to 86400"),
        (_WATSON, "command_wait_s", 3601, "from 0 to 3600"),
        (_WATSON, "command_wait_s", True, "whole number"),
        (_ALIBABA, "way", "https", "must be one of mqtt, coap, http"),
    ):
        error = _error(base, **{key: value})
        check.equal(error.key, key)
        assert rule in str(error) and "for example" in str(error), error


def test_keys_of_another_way_in_or_cloud_are_named():
    for base, key, near in (
        (_ALIBABA, "keepalive_s", "remove it"),
        (_ALIBABA, "window", "remove it"),
        (_ALIBABA, "command_poll_s", "remove it"),
        (_ALIBABA, "timeouts", "did you mean `timeout_s`?"),
        (_WATSON, "clean_session", "remove it"),
        (_WATSON, "command_poll", "did you mean `command_poll_s`?"),
        (_WATSON, "commands", "did you mean `command`?"),
        (_WATSON, "sign_method", "remove it"),
    ):
        error = _error(base, **{key: 1})
        check.equal(error.key, key)
        assert "no such key for cloud {} by http; {}".format(base["cloud"], near) in str(error)
    for key in ("command", "timeout_s"):
        error = _error(_WATSON, way="mqtt", **{key: "reboot"})
        assert "no such key for cloud watson by mqtt" in str(error)


def test_enos_has_no_way_in_by_http():
    error = _error({"cloud": "enos", "way": "http"})
    assert error.key == "way" and "cloud enos has no way in by http" in str(error)
