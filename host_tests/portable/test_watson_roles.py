"""Do the dialects of a gateway and an application write and read what Watson's documents print?

Expected: Watson IoT "MQTT connectivity for gateways" and "... for applications"; topics of
eclipse/amlen server_proxy, test/proxy_test.c.
"""

import json

import check
from signet.cloud.watson import application, refusals
from signet.cloud.watson.mqtt import Dialect
from signet.errors import ProtocolError, Rejected, Throttled
from signet.reports.messages import Report

_METER = ("meter", "m-7")
_COMMAND = "iot-2/type/meter/id/m-7/cmd/set/fmt/"
_EVENT = "iot-2/type/meter/id/m-7/evt/status/fmt/"
_NOTIFY = "iot-2/type/router/id/gateway-1/notify"


def _dialect(role, type_id=None, device_id=None, org="myorg1"):
    config = {"role": role, "org_id": org, "type_id": type_id, "device_id": device_id}
    config.update({"event": "status", "subscribe": ["a", "b"], "window": 4})
    return Dialect(config, None)


def _gateway():
    return _dialect("gateway", "router", "gateway-1")


def _application(org="myorg1"):
    return _dialect("application", org=org)


def test_a_gateway_says_in_the_topic_whose_event_it_is():
    dialect = _gateway()
    topic, payload = dialect.encode(Report({"t": 21}, 1524448722250))
    assert topic == "iot-2/type/router/id/gateway-1/evt/status/fmt/json"
    check.equal(json.loads(payload), {"d": {"t": 21}, "ts": "2018-04-23T01:58:42.250Z"})
    report = Report({"t": 21}, event="alarm", device=_METER)
    check.equal(dialect.encode(report)[0], "iot-2/type/meter/id/m-7/evt/alarm/fmt/json")


def test_a_report_that_slept_on_flash_has_its_device_still():
    report = Report({"t": 21}, device=json.loads('["meter", "m-7"]'))
    check.equal(_gateway().encode(report)[0], _EVENT + "json")


def test_a_name_that_cannot_stand_in_a_topic_is_rejected():
    for dialect in (_gateway(), _application()):
        for device in (("a/b", "c"), ("a", "+"), ("a", ""), ("x" * 37, "c"), ("a", 7)):
            check.raises(Rejected, dialect.encode, Report({}, device=device))
        report = Report({}, event="a/b", device=_METER)
        check.raises(Rejected, dialect.encode, report)


def test_a_gateway_hears_commands_for_all_devices_and_its_notices():
    check.equal(_gateway().subscriptions, ["iot-2/type/+/id/+/cmd/+/fmt/+", _NOTIFY])


def test_a_gateway_s_own_command_has_no_device_and_another_s_has():
    for type_id, device_id, device in (("router", "gateway-1", None), ("meter", "m-7", _METER)):
        topic = "iot-2/type/{}/id/{}/cmd/set/fmt/json".format(type_id, device_id)
        kind, command = _gateway().decode(topic, b'{"led":1}')
        check.equal((kind, command.kind, command.device), ("command", "command", device))
        check.equal((command.name, command.data, command.topic), ("set", {"led": 1}, topic))


def test_what_is_not_json_comes_as_bytes():
    _, command = _gateway().decode(_COMMAND + "text", b"fast")
    check.equal(command.data, b"fast")
    check.raises(ProtocolError, _gateway().decode, _COMMAND + "json", b"{")


def test_what_a_gateway_did_not_ask_for_is_no_command():
    for topic in ("iot-2/cmd/set/fmt/json", "a", "", _COMMAND + "json/more", "iotdm-1/response"):
        assert _gateway().decode(topic, b"{}") is None, topic


def test_a_notice_says_what_was_refused():
    notice = {"Request": "Publish", "Topic": _EVENT + "json", "RC": 180, "Message": "not yours"}
    kind, topic, error = _gateway().decode(_NOTIFY, json.dumps(notice).encode())
    check.equal((kind, topic, error.code), ("reply", _EVENT + "json", 180))
    for part in ("Publish refused", _EVENT + "json", "RC 180", "not yours"):
        assert part in str(error), error
    assert isinstance(error, Rejected)


def test_a_notice_of_what_passes_by_itself_is_throttled():
    # codes and what they mean: eclipse/amlen, server_utils/include/ismrc.h
    for code, kind in ((176, Throttled), (104, Throttled), (177, Rejected), (276, Rejected)):
        notice = {"Request": "Publish", "Topic": _EVENT + "json", "RC": code}
        error = _gateway().decode(_NOTIFY, json.dumps(notice).encode())[2]
        assert type(error) is kind and "RC {}".format(code) in str(error), error


def test_a_notice_says_what_was_refused_and_why_in_json():
    notice = b'{"Request":"Publish","Topic":"t","RC":180}'
    assert _gateway().decode(_NOTIFY, notice)[:2] == ("reply", "t")
    for payload in (b"[]", b"{", b"", b"{}", notice.replace(b"180", b"null")):
        check.raises(ProtocolError, _gateway().decode, _NOTIFY, payload)


def test_each_topic_of_the_vectors_may_be_published_or_not():
    vectors = check.vectors("watson-rules")["topics"]
    for dialect, rules in (
        (_dialect("device", "meter", "m-7"), vectors["d/pub"]),
        (_dialect("device", "meter", "m-7", "quickstart"), vectors["qd/pub"]),
        (_gateway(), vectors["g/pub"]),
        (_application("quickstart"), vectors["qa/pub"]),
    ):
        for topic in rules["ok"]:
            dialect.check_topic(topic)
        for topic in rules["bad"]:
            error = check.raises(Rejected, dialect.check_topic, topic)
            assert topic in str(error)


def test_a_device_of_quickstart_may_publish_json_only():
    quickstart = _dialect("device", "meter", "m-7", "quickstart")  # rules of topicrule.c
    check.raises(Rejected, quickstart.check_topic, "iot-2/evt/status/fmt/text")
    check.equal(quickstart.subscriptions, [])


def test_an_application_may_publish_events_and_commands_of_devices():
    dialect = _application()  # rules of topicrule.c
    dialect.check_topic(_EVENT + "json")
    dialect.check_topic(_COMMAND + "csv")
    for topic in (
        "iot-2/type/+/id/m-7/cmd/set/fmt/json",
        "iot-2/type/meter/id/m-7/cmd/#",
        "iot-2/type/meter/id//cmd/set/fmt/json",
        "iot-2/type/meter/id/m-7/cmd/s\net/fmt/json",
        "iot-2/type/meter/id/m-7/mon",
        "iot-2/evt/status/fmt/json",
    ):
        check.raises(Rejected, dialect.check_topic, topic)


def test_an_application_subscribes_to_what_device_json_says():
    check.equal(_application().subscriptions, ["a", "b"])


def test_an_application_reports_on_behalf_of_a_device_only():
    report = Report({"t": 21}, device=_METER)
    check.equal(_application().encode(report)[0], _EVENT + "json")
    error = check.raises(Rejected, _application().encode, Report({"t": 21}))
    assert "device=" in str(error)


def test_an_application_tells_events_commands_and_who_is_on_line_apart():
    status = b'{"Action":"Disconnect","CloseCode":288}'
    for topic, payload, kind, name, device in (
        (_EVENT + "json", b'{"d":{}}', "event", "status", _METER),
        (_COMMAND + "json", b"{}", "command", "set", _METER),
        ("iot-2/type/meter/id/m-7/mon", status, "status", "Disconnect", _METER),
        ("iot-2/app/other/mon", status, "status", "Disconnect", (None, "other")),
    ):
        meaning, heard = _application().decode(topic, payload)
        check.equal((meaning, heard.kind, heard.name), ("command", kind, name))
        check.equal((heard.device, heard.data), (device, json.loads(payload)))


def test_what_is_no_topic_of_watson_is_not_heard_by_an_application():
    for topic in ("mon", "x/mon", "iot-2/app//mon", "iot-2/type/a/id/mon", "/", "a/b/c/d/e/mon"):
        assert _application().decode(topic, b"{}") is None, topic
    check.raises(ProtocolError, _application().decode, "iot-2/app/a/mon", b"[]")


def test_a_command_is_a_topic_with_its_payload():
    payload, topic = application.command("meter", "m-7", "set", {"led": 1})
    check.equal((json.loads(payload), topic), ({"led": 1}, _COMMAND + "json"))
    check.equal(
        application.command("meter", "m-7", "set", b"fast", "text"), (b"fast", _COMMAND + "text")
    )
    _application().check_topic(topic)


def test_a_command_that_cannot_be_sent_is_rejected_at_once():
    for arguments in (
        ("me/ter", "m-7", "set", {}),
        ("meter", "", "set", {}),
        ("meter", "m-7", "s+t", {}),
        ("meter", "m-7", "set", {}, "a/b"),
        ("meter", "m-7", "set", b"fast"),
        ("meter", "m-7", "set", {"t": float("nan")}),
    ):
        check.raises(Rejected, application.command, *arguments)


def test_each_role_says_which_keys_a_refused_login_is_to_check():
    for role, keys in (
        ("device", ("device_id", "token")),
        ("gateway", ("role", "device_id")),
        ("application", ("api_key",)),
        ("scalable-application", ("api_key",)),
    ):
        config = {"role": role, "tls": True, "cert": None}
        hint = refusals.explain(config, 5)
        for key in keys:
            assert key in hint, hint
        assert "host" in hint  # the platform compares its organisation with the login's
        assert "certificate" in refusals.explain(config, 0)
        assert refusals.explain(config, 403) is None
