"""Is a device.json taken unchecked where the laptop has checked it, and nothing changed since?"""

import json
import os
import sys
from binascii import crc32

import check
from signet.device import config, ready
from signet.errors import ConfigError

SERVERS = {"broker": ("mosquitto", "require_certificate", "good")}

_FILE = check.scratch("device.json")
_USER = {
    "cloud": "enos",
    "host": "mqtt.example.com",
    "product_key": "pk",
    "device_key": "dk",
    "device_secret": "s3cr3t",
    "report_interval_s": 60,
}
_WORKED_OUT = {"way": "mqtt", "tls": False, "port": 11883, "warnings": ["warning: plain"]}


def _content(path):
    with open(path, "rb") as file:
        return file.read()


def _text(user, worked_out, contents=()):
    """A device.json as `signet board deploy` writes it: what the user wrote comes first."""
    rows = ["{}: {}".format(json.dumps(key), json.dumps(user[key])) for key in user]
    rows.append('"worked_out": ' + json.dumps(worked_out))
    text = "{" + ",\n".join(rows) + ",\n"
    crc = crc32(text.encode())
    for content in contents:
        crc = crc32(content, crc)
    return text + '"checked": "%08x"}\n' % crc


class _Check:
    """Stands for config.py."""

    @staticmethod
    def load(path, log):
        return {}


def _load(text):
    """(what ready.load returns, {} where it asks for a check; lines of the log)."""
    with open(_FILE, "w") as file:
        file.write(text)
    lines, before = [], sys.modules["signet.device.config"]
    sys.modules["signet.device.config"] = _Check
    try:
        return ready.load(_FILE, lines.append), lines
    finally:
        sys.modules["signet.device.config"] = before


def test_what_is_checked_and_unchanged_is_taken_with_what_was_worked_out():
    found, lines = _load(_text(_USER, _WORKED_OUT))
    assert found.pop("crc") and found.pop("trust") is None
    expected = _WORKED_OUT.copy()
    expected.update(_USER)
    check.equal([expected.pop("warnings"), expected], [lines, found])


def test_what_was_changed_is_not_taken():
    text = _text(_USER, _WORKED_OUT)
    for changed in (
        json.dumps(_USER),
        text.replace("60", "61"),
        text.replace("11883", "1883"),
        text.replace("}\n", ', "port": 1883}\n'),
        text.replace("}\n", "}"),
        text.replace('"checked": "', '"checked":"'),
        text.replace(',\n"checked', '\n"checked'),
        text.replace('"worked_out"', '"worked"'),
        text[:40],
        "",
    ):
        check.equal(_load(changed), ({}, []))


def test_a_value_that_a_person_changes_is_checked_and_counts():
    text = _text(_USER, _WORKED_OUT).replace("60", "61").replace('"dk"', '"other"')
    assert _load(text)[0] == {}
    lines = []
    found = config.load(_FILE, lines.append)
    check.equal((found["report_interval_s"], found["client_id"]), (61, "other"))
    check.equal((len(lines), "not encrypted" in lines[0]), (1, True))


def test_its_certificates_and_key_are_those_that_were_checked():
    end = check.server("broker")
    paths = [check.scratch(name) for name in ("ca.pem", "board.pem", "board.key")]
    contents = [_content(end[name]) for name in ("ca", "client_cert", "client_key")]
    user, worked_out = _USER.copy(), _WORKED_OUT.copy()
    user.update(zip(("ca", "cert", "key"), paths))
    worked_out.update({"tls": True, "expires": [[1893456000, paths[0]]], "warnings": []})
    text = _text(user, worked_out, contents)

    def put():
        for path, content in zip(paths, contents):
            with open(path, "wb") as file:
                file.write(content)

    put()
    found, lines = _load(text)
    assert found["trust"].verify_mode and "renewal" not in found and not lines
    check.equal(found["expires"], [[1893456000, paths[0]]])
    with open(paths[1] + ".new", "wb") as file:
        file.write(b"half of it")
    assert _load(text)[0]["renewal"]
    os.remove(paths[1] + ".new")
    for path in paths:
        with open(path, "ab") as file:
            file.write(b"\n")
        assert _load(text)[0] == {}, path
        os.remove(path)
        assert _load(text)[0] == {}, path
        put()
    assert _load(text)[0]


def test_what_this_firmware_lacks_is_for_the_check_to_say():
    class Sha256Only:
        sha256 = ready.hashlib.sha256

    before, ready.hashlib = ready.hashlib, Sha256Only
    try:
        for key, value in (("sign_method", "hmacsha1"), ("websocket", True)):
            user = _USER.copy()
            user[key] = value
            assert _load(_text(user, _WORKED_OUT))[0] == {}, key
        user["websocket"] = False
        assert _load(_text(user, _WORKED_OUT))[0]
    finally:
        ready.hashlib = before
    by_coap = _USER.copy()
    by_coap["way"] = "coap"
    assert _load(_text(by_coap, {"tls": False, "warnings": []}))[0]
    before = sys.modules.get("cryptolib")
    sys.modules["cryptolib"] = check  # which has nothing of it
    try:
        assert _load(_text(by_coap, {"tls": False, "warnings": []}))[0] == {}
    finally:
        sys.modules.pop("cryptolib")
        if before:
            sys.modules["cryptolib"] = before


def test_a_linked_board_does_what_it_is_made_for_only():
    checked, with_null = _text(_USER, _WORKED_OUT), {"cert": None}
    with_null.update(_WORKED_OUT)
    by_modem, no_modem = _USER.copy(), {"modem": None}
    by_modem["modem"] = {"family": "bg95", "apn": "another"}
    no_modem.update(_WORKED_OUT)
    for text, linked, wrong in (
        (checked, (("way", "mqtt"), ("cert", None)), None),
        (checked, (("tls", True),), "tls"),
        (_text(_USER, with_null), (("cert", "board-1.pem"),), "cert"),
        (json.dumps(_USER), (("way", "mqtt"), ("cloud", "watson")), "cloud"),
        (_text(by_modem, _WORKED_OUT), (("modem", "bg95"),), None),
        (_text(by_modem, _WORKED_OUT), (("modem", "bc66"),), "modem"),
        (json.dumps(by_modem), (("modem", None),), "modem"),
        (_text(_USER, no_modem), (("modem", "bg95"),), "modem"),
    ):
        ready.LINKED = linked
        try:
            assert _load(text)[0] and wrong is None, wrong
        except ConfigError as error:
            check.equal((error.key, "`signet board deploy` again" in error.rule), (wrong, True))
    ready.LINKED = ()
