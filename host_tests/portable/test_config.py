"""Does config.py say what is wrong with a device.json, and how to mend it?"""

import json
import os
import sys

import check
from signet.device import config
from signet.errors import ConfigError

_SECRET = "s3cr3t-that-nobody-may-see"

_ENOS = {
    "cloud": "enos",
    "host": "mqtt.example.com",
    "product_key": "pk",
    "device_key": "dk",
    "device_secret": _SECRET,
}
_ALIBABA = {
    "cloud": "alibaba",
    "host": "mqtt.example.com",
    "product_key": "pk",
    "device_name": "dn",
    "device_secret": _SECRET,
    "tls": False,
    "insecure": True,
}
_WATSON = {
    "cloud": "watson",
    "host": "mqtt.example.com",
    "org_id": "myorg1",
    "type_id": "meter",
    "device_id": "m-7",
    "token": _SECRET,
    "tls": False,
    "insecure": True,
}
_ENOS_TLS = {"tls": True}
_ENOS_TLS.update(_ENOS)


def _with(base, **changes):
    values = base.copy()
    values.update(changes)
    return {key: value for key, value in values.items() if value is not None}


def _checked(values):
    warnings = []
    return config.check(values, warnings.append), warnings


def _error(base, **changes):
    error = check.raises(ConfigError, config.check, _with(base, **changes), lambda line: None)
    assert _SECRET not in str(error) and _SECRET not in repr(error)
    return error


def test_what_is_left_out_has_its_default():
    values, _ = _checked(_ENOS)
    assert values["port"] == 11883 and values["tls"] is False
    assert values["client_id"] == "dk" and values["sign_method"] == "sha256"
    assert values["window"] == 8 and values["retry_s"] == 20 and values["drop"] == "oldest"
    values, _ = _checked(_ALIBABA)
    assert values["port"] == 1883 and values["client_id"] == "pk.dn"
    values, _ = _checked(_WATSON)
    assert values["port"] == 1883 and values["event"] == "status"


def test_plain_ports_are_warned_of_at_each_load():
    for base in (_ENOS, _ALIBABA, _WATSON):
        _, warnings = _checked(base)
        assert any("not encrypted" in warning for warning in warnings)


def test_a_login_goes_over_a_plain_port_only_when_that_was_asked_for():
    error = _error(_WATSON, insecure=None)
    assert error.key == "insecure" and "1883" in str(error) and "true" in str(error)
    assert _error(_ALIBABA, insecure=None).key == "insecure"


_FILE = check.scratch("device.json")


def _load(values):
    """Loads a device.json; gives its ConfigError."""
    return _load_bytes(json.dumps(values).encode())


def _load_bytes(content):
    with open(_FILE, "wb") as file:
        file.write(content)
    try:
        return check.raises(ConfigError, config.load, _FILE, lambda line: None)
    finally:
        os.remove(_FILE)


def test_tls_wants_a_ca_file_that_is_there_and_holds_a_certificate():
    error = _load(_with(_WATSON, tls=None, ca="no-such.pem"))
    assert error.key == "ca" and "no-such.pem" in str(error)
    error = _load(_with(_WATSON, tls=None, ca=_FILE))
    assert error.key == "ca" and "holds no certificate" in str(error)


def test_a_missing_key_is_named_with_an_example():
    for base, key in ((_ENOS, "device_secret"), (_ALIBABA, "device_name"), (_WATSON, "org_id")):
        error = _error(base, **{key: None})
        assert error.key == key and "is missing" in str(error) and "for example" in str(error)
    assert "is missing" in str(_error(_WATSON, token=None))


def test_a_slip_in_a_key_is_recognised():
    for slip, name in (
        ("devicesecret", "device_secret"),
        ("deviceSecret", "device_secret"),
        ("device_secert", "device_secret"),
        ("device-key", "device_key"),
        ("prodct_key", "product_key"),
        ("hosst", "host"),
    ):
        error = _error(_ENOS, **{slip: "x"})
        assert error.key == slip and "did you mean `{}`".format(name) in str(error), error


def test_a_key_of_another_cloud_is_refused():
    assert "no such key for cloud enos" in str(_error(_ENOS, token="x"))


def test_the_key_app_is_the_device_program_s_own():
    assert _checked(_with(_ENOS, app={"led": 2}))[0]["app"] == {"led": 2}


def test_values_are_held_against_their_rule():
    for base, key, value, rule in (
        (_ENOS, "cloud", "cumulus", "must be one of "),
        (_ENOS, "port", 0, "from 1 to 65535"),
        (_ENOS, "port", "1883", "whole number"),
        (_ENOS, "port", True, "whole number"),
        (_ENOS, "tls", "yes", "true or false"),
        (_ENOS, "host", "tcp://mqtt.example.com", "letters, digits and -._ only, not ':'"),
        (_ENOS, "host", "m\u00fcnchen.example.com", "letters, digits and -._ only"),
        (_ENOS, "host", "", "1 to 253"),
        (_ENOS, "host", ".", "is no name"),
        (_ENOS, "host", "mqtt.example.com..", "is no name"),
        (_ENOS, "host", "app-portal-cn5.envisioniot.com", "is the console; write mqtt-"),
        (_ENOS_TLS, "host", "192.0.2.7", "move this to `address`"),
        (_ENOS_TLS, "host", "192.0.2.7.", "move this to `address`"),
        (_ENOS_TLS, "host", "127.1", "move this to `address`"),
        (_ENOS, "keepalive_s", 30, "from 60 to 300"),
        (_ALIBABA, "keepalive_s", 20, "from 30 to 1200"),
        (_ENOS, "device_key", "a/b", "must not hold the character '/'"),
        (_ENOS, "client_id", "x" * 65, "1 to 64"),
        (_ENOS, "client_id", "a|b", "must not hold the character '|'"),
        (_ENOS, "sign_method", "md5", "must be one of sha256, hmacsha1"),
        (_ALIBABA, "sign_method", "sha1", "must be one of hmacsha256, hmacsha1, hmacmd5"),
        (_WATSON, "type_id", "a:b", "letters, digits and -_. only"),
        (_WATSON, "device_id", "m\xfcter", "letters, digits and -_. only"),
        (_WATSON, "device_id", "x" * 37, "1 to 36"),
        (_WATSON, "event", "a/b", "letters, digits and -_. only"),
        (_ENOS, "device_secret", _SECRET + "\n", "blanks around it"),
        (_ENOS, "device_secret", "s\x9b", "or control characters"),
        (_ENOS, "client_id", "a\tb", "must not hold control characters"),
        (_ENOS, "client_id", "a\u2028", "must not hold control characters"),
        (_ENOS, "device_secret", 12345678, "must be text"),
        (_ENOS, "window", 33, "from 1 to 32"),
        (_ENOS, "ack_timeout_s", 0, "from 1 to 600"),
        (_ENOS, "drop", "some", "must be one of oldest, newest"),
    ):
        error = _error(base, **{key: value})
        assert error.key == key and rule in str(error), error
        assert "for example" in str(error)


def test_a_dot_at_the_end_of_the_host_is_taken_off():
    for base in (_ENOS, _ENOS_TLS, _ALIBABA, _WATSON):
        values, _ = _checked(_with(base, host="mqtt.example.com."))
        check.equal(values["host"], "mqtt.example.com")


def test_an_address_without_tls_is_fine():
    check.equal(_checked(_with(_ENOS, host="192.0.2.7"))[0]["host"], "192.0.2.7")
    for way in ("mqtt", "coap", "http"):  # every way in that has TLS
        changes = {"way": way, "host": "192.0.2.7", "tls": None, "insecure": None}
        assert "`address`" in str(_error(_ALIBABA, **changes)), way


def test_an_org_that_has_not_six_characters_is_only_a_warning():
    _, warnings = _checked(_with(_WATSON, org_id="workspace"))
    assert any("six characters" in warning for warning in warnings)
    _, warnings = _checked(_WATSON)
    assert not any("six characters" in warning for warning in warnings)


def test_quickstart_needs_no_token_and_has_no_tls():
    values, warnings = _checked(_with(_WATSON, org_id="quickstart", token=None, insecure=None))
    assert values["token"] is None and not warnings
    error = _error(_WATSON, org_id="quickstart", tls=True, ca=__file__)
    assert error.key == "tls"


def test_a_file_that_is_not_there_or_no_json_is_explained():
    error = check.raises(ConfigError, config.load, "no-such.json")
    assert "no-such.json" in str(error) and "no such file" in str(error)
    check.raises(ConfigError, config.check, ["enos"])
    text = json.dumps(_ENOS)
    utf_16 = bytes([byte for char in text.encode() for byte in (char, 0)])
    for content, rule in (
        (b"", "is not JSON; look for a missing comma"),
        (text[:-1].encode(), "is not JSON; look for a missing comma"),
        (b"[1]", "is not JSON"),
        (b"{1: 2}", "is not JSON"),
        (b"{[]: 2}", "is not JSON"),
        (b"{null: {}}", "is not JSON"),
        (b"\xff\xfe" + utf_16, "is UTF-16; save it as UTF-8"),
        (utf_16, "is UTF-16; save it as UTF-8"),
        (b"\xfe\xff\x00" + utf_16[:-1], "is UTF-16; save it as UTF-8"),
        (text.encode().replace(b"pk", b"p\xe4"), "is not UTF-8"),
        (b'{"app": ' + b"[" * 9 + b"]" * 9 + b"}", "is nested too deep"),
        (b'{"a": ' * 2000, "is nested too deep"),
        (b"{" + b" " * 8192 + text[1:].encode(), "has more than 8192 bytes"),
    ):
        error = _load_bytes(content)
        assert error.key == _FILE and rule in error.rule, (content[:20], error)
    os.mkdir(_FILE)
    error = check.raises(ConfigError, config.load, _FILE)
    os.rmdir(_FILE)
    assert "is a folder" in error.rule


def test_a_file_of_an_editor_of_windows_is_taken():
    text = json.dumps(_ENOS)
    with open(_FILE, "wb") as file:
        file.write(b"\xef\xbb\xbf" + text.replace(", ", ",\r\n").encode() + b"\r\n")
    try:
        assert config.load(_FILE, lambda line: None)["device_key"] == "dk"
    finally:
        os.remove(_FILE)


def test_a_file_that_fills_the_memory_is_one_error():
    if not check.MICROPYTHON:
        check.skip("its memory has no end")
    error = _load_bytes(b'{"app": [' + b"0," * 4000 + b"0]}")
    assert error.key in (_FILE, "cloud"), error


_COAP = _with(_ALIBABA, way="coap", tls=None, insecure=None)


def test_coap_is_dtls_on_5684_unless_it_is_aes_on_5682():
    values, warnings = _checked(_COAP)
    assert values["tls"] is True and values["port"] == 5684 and not warnings
    values, warnings = _checked(_with(_COAP, tls=False))
    assert values["port"] == 5682
    assert len(warnings) == 1 and "does not prove who answers" in warnings[0]


def test_a_host_of_another_product_is_warned_of():
    coap, mqtt = "{}.coap.cn-shanghai.link.aliyuncs.com", "{}.iot-as-mqtt.cn-shanghai.aliyuncs.com"
    for base, host in ((_COAP, coap), (_with(_ALIBABA, tls=True), mqtt)):
        for product, count in (("pk", 0), ("PK", 0), ("other", 1)):
            _, warnings = _checked(_with(base, host=host.format(product)))
            assert len(warnings) == count, (host, product)
        assert "product other, not of product_key" in warnings[0]
    assert not _checked(_with(_COAP, host="iot-06.coap.iothub.aliyuncs.com"))[1]  # an instance


def test_coap_has_keys_and_defaults_of_its_own():
    values, _ = _checked(_COAP)
    assert values["ack_timeout_ms"] == 2000 and values["max_retransmit"] == 4  # RFC 7252, 4.8
    assert values["ack_mode"] == 0 and values["format"] == "json" and values["profile"] == "lean"
    assert values["client_id"] == "dn" and "window" not in values
    for key, value, rule in (
        ("ack_timeout_ms", 99, "from 100 to 60000"),
        ("max_retransmit", 11, "from 0 to 10"),
        ("ack_mode", 2, "from 0 to 1"),
        ("format", "xml", "one of json, cbor"),
        ("profile", "fat", "one of lean, documented"),
        ("keepalive_s", 60, "no such key for cloud alibaba by coap"),
        ("window", 4, "no such key for cloud alibaba by coap"),
    ):
        assert rule in str(_error(_COAP, **{key: value})), key
    assert "more than 15 minutes" in str(_error(_COAP, ack_timeout_ms=60000))  # 60 s << 4
    assert "no such key for cloud alibaba by mqtt" in str(_error(_ALIBABA, profile="lean"))


def test_a_way_in_that_a_cloud_does_not_have_is_named():
    for base in (_ENOS, _WATSON):
        error = _error(base, way="coap")
        assert error.key == "way" and "has no way in by coap" in str(error)


def test_a_change_of_the_file_can_be_seen():
    def crc(values):
        with open(_FILE, "w") as file:
            file.write(json.dumps(values))
        try:
            return config.load(_FILE, lambda line: None)["crc"]
        finally:
            os.remove(_FILE)

    assert crc(_ENOS) == crc(_ENOS) != crc(_with(_ENOS, device_secret="other"))


def test_what_is_in_a_file_is_refused_as_its_name_and_never_shown():
    pasted = "-----BEGIN PRIVATE KEY-----\n" + _SECRET + "\n-----END PRIVATE KEY-----\n"
    of_watson = _with(_WATSON, tls=True, insecure=None)
    of_enos = _with(_ENOS, tls=True)
    for base in (of_watson, of_enos):
        for key in ("ca", "cert", "key"):
            for value in (pasted, "-----BEGIN-----" + "A" * 3000, " \n" + pasted, pasted[:29]):
                error = _error(base, **{key: value})
                assert error.key == key and "the name of a file on the board" in str(error), error
                assert "BEGIN" not in str(error)


def test_no_value_that_is_no_name_of_a_file_is_shown():
    for key in ("ca", "cert", "key"):
        for value in (_SECRET * 5, _SECRET + "\n", [_SECRET], {"a": _SECRET}, ""):
            error = _error(_ENOS, tls=True, **{key: value})
            assert error.key == key and "it is" in str(error), error


def test_what_the_firmware_lacks_is_said_when_device_json_is_read():
    class Sha256Only:
        sha256 = config.hashlib.sha256

    found, config.hashlib = config.hashlib, Sha256Only
    try:
        for base, method in ((_ALIBABA, "hmacmd5"), (_ENOS, "hmacsha1")):
            error = _error(base, sign_method=method)
            check.equal((error.key, method in error.rule), ("sign_method", True))
        _checked(_ENOS)
        _checked(_WATSON)
    finally:
        config.hashlib = found
    for name, base, key, changes in (
        ("hashlib", _WATSON, "websocket", {"websocket": True}),
        ("cryptolib", _ALIBABA, "tls", {"way": "coap"}),
        ("tls", _ALIBABA, "tls", {"way": "coap", "tls": True}),
    ):
        before = sys.modules.get(name)
        sys.modules[name] = check  # which has nothing of it
        try:
            error = _error(base, **changes)
        finally:
            sys.modules.pop(name)
            if before:
                sys.modules[name] = before
        assert error.key == key and "firmware" in error.rule, error
