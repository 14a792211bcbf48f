"""What does a device say to a plain broker, and what does it make of what comes?

Expected topics and bodies are those of ThingsBoard's "MQTT Device API", AWS IoT's "Device Shadow
MQTT topics" and "service documents", and Home Assistant's "MQTT", "Device discovery payload".
"""

import json

import check
from check_mqtt import connect
from signet import clock
from signet.client.mqtt import MQTTClient
from signet.device import config
from signet.errors import ConfigError, ProtocolError, Rejected, Throttled, TimedOut
from signet.net.stream import TcpChannel
from signet.reports.messages import Report

SERVERS = {
    "polite": ("tcp", "mqtt"),
    "aws": ("tcp", [("packet",), ("send", "20020000"), ("packet",), ("close",)]),
}
_T = 1524448722000
_SHADOW = "$aws/things/m-7/shadow/update"


def _config(**values):
    given = {"cloud": "broker", "host": "b.test", "client_id": "m-7", "user": "u"}
    given.update(values)
    lines = []
    found = config.check(given, lines.append)
    found["lines"] = lines
    return json.loads(json.dumps(found))  # as a deployed board has it


def _dialect(**values):
    from signet.cloud.broker.mqtt import Dialect

    return Dialect(_config(**values))


def _said(dialect, *report):
    report = Report(*report)
    report.id = 7
    topic, body = dialect.encode(report)
    return topic, json.loads(body)


def test_reports_and_events_are_as_each_preset_says():
    v = {"t": 21.5}
    both = {"state": {"reported": v}, "clientToken": "7"}
    iso = {"body": {"at": "{iso}", "d": ["{values}", "{id}", "{event}"], "n": "{message_id}"}}
    at = "2018-04-23T01:58:42.000Z"
    for values, topic, body, bare, event_topic, event in (
        (
            {},
            "signet/m-7/report",
            {"ts": _T, "values": v},
            {"values": v},
            "signet/m-7/report",
            {"ts": _T, "event": "e", "values": v},
        ),
        ({"preset": "homeassistant"}, "signet/m-7/state", v, v, "signet/m-7/event/e", v),
        (
            {"preset": "thingsboard"},
            "v1/devices/me/telemetry",
            {"ts": _T, "values": v},
            v,
            "v1/devices/me/telemetry",
            {"ts": _T, "values": {"e": v}},
        ),
        (
            {"preset": "aws", "topic": _SHADOW},
            _SHADOW,
            both,
            both,
            _SHADOW,
            both,
        ),
        (
            dict(iso, topic="a/{id}", event_topic="b/{event}/{id}"),
            "a/m-7",
            {"at": at, "d": [v, "m-7"], "n": "7"},
            {"d": [v, "m-7"], "n": "7"},
            "b/e/m-7",
            {"at": at, "d": [v, "m-7", "e"], "n": "7"},
        ),
    ):
        dialect = _dialect(**values)
        check.equal(_said(dialect, v, _T), (topic, body))
        check.equal(_said(dialect, v), (topic, bare))
        check.equal(_said(dialect, v, _T, None, "e"), (event_topic, event))
        check.raises(Rejected, _said, dialect, v, _T, None, "e/+")


def test_commands_are_understood_and_answered_as_each_preset_says():
    at = "signet/m-7/command/"
    answer = "signet/m-7/answer/"
    rpc = "v1/devices/me/rpc/"
    for preset, topic, payload, name, data, id, answer_topic, body in (
        (
            "json",
            at + "go",
            '{"a": 1}',
            "go",
            {"a": 1},
            None,
            answer + "go",
            {"id": None, "result": {"n": 1}},
        ),
        (
            "json",
            at + "go",
            '{"id": "x"}',
            "go",
            {"id": "x"},
            "x",
            answer + "go",
            {"id": "x", "result": {"n": 1}},
        ),
        (
            "homeassistant",
            at + "led",
            "ON",
            "led",
            b"ON",
            None,
            answer + "led",
            {"id": None, "result": {"n": 1}},
        ),
        (
            "homeassistant",
            at + "led",
            "",
            "led",
            None,
            None,
            answer + "led",
            {"id": None, "result": {"n": 1}},
        ),
        (
            "thingsboard",
            rpc + "request/12",
            '{"method":"setGpio","params":{"pin":"23"}}',
            "setGpio",
            {"pin": "23"},
            None,
            rpc + "response/12",
            {"n": 1},
        ),
        (
            "thingsboard",
            "v1/devices/me/attributes",
            '{"key1":"value1"}',
            "set",
            {"key1": "value1"},
            None,
            None,
            None,
        ),
        ("aws", "cmd/m-7/go", "5", "go", 5, None, "res/m-7/go", {"id": None, "result": {"n": 1}}),
        (
            "aws",
            _SHADOW + "/delta",
            '{"version":3,"timestamp":1,"state":{"led":1}}',
            "set",
            {"led": 1},
            3,
            _SHADOW,
            {"state": {"reported": {"n": 1}}},
        ),
    ):
        dialect = _dialect(preset=preset, shadow=preset == "aws")
        kind, command = dialect.decode(topic, payload.encode())
        check.equal((kind, command.name, command.data, command.id), ("command", name, data, id))
        report = dialect.answer(command, {"n": 1})
        if answer_topic is None:
            assert report is None
            continue
        check.equal((report.topic, json.loads(report.body)), (answer_topic, body))
        failed = dialect.answer(command, ValueError("no"))
        if answer_topic == _SHADOW:  # what is not so is not reported
            assert failed is None and b'{"led": 1}' in dialect.answer(command, None).body
        else:
            assert b'{"error": "ValueError: no"}' in failed.body
    for topic in ("signet/m-8/command/go", "signet/m-7/command", "signet/m-7/command/a/b"):
        assert _dialect().decode(topic, b"") is None
    assert _dialect(commands=False, preset="thingsboard").subscriptions == []
    check.raises(ProtocolError, _dialect(preset="thingsboard").decode, rpc + "request/1", b"{}")


def test_a_reply_says_that_a_report_is_stored_or_why_not():
    own = {"reply_topic": "ok/{id}", "reply_member": "n", "body": ["{message_id}", "{values}"]}
    thing = {"preset": "aws", "topic": "$aws/things/{id}/shadow/update"}
    refused = _SHADOW + "/rejected", '{"code":%d,"message":"no","clientToken":"7"}'
    for values, topic, payload, expected in (
        (own, "ok/m-7", '{"n":7}', ("7", None)),
        (own, "ok/m-7", '{"else":7}', None),
        ({"reply_topic": "ok"}, "ok", '{"id":"7"}', ("7", None)),
        (thing, _SHADOW + "/accepted", '{"state":{},"clientToken":"7"}', ("7", None)),
        (
            dict(thing, topic="$aws/things/m-7/shadow/name/n/update"),
            "$aws/things/m-7/shadow/name/n/update/accepted",
            '{"clientToken":"7"}',
            ("7", None),
        ),
        (thing, refused[0], refused[1] % 400, ("7", Rejected)),
        (thing, refused[0], refused[1] % 429, ("7", Throttled)),
    ):
        dialect = _dialect(**values)
        assert dialect.replies and topic in dialect.subscriptions
        reply = dialect.decode(topic, payload.encode())
        if reply is not None:
            error = reply[2]
            reply = reply[1], error and type(error)
            assert error is None or "no" in str(error)
        check.equal(reply, expected)
    assert _said(_dialect(reply_topic="ok"), {})[1]["id"] == "7"


def test_reports_wait_while_nobody_says_that_they_are_stored():
    from signet.cloud.broker.mqtt import session

    events = []
    values = _config(reply_topic="ok")
    values["trust"] = None
    it = session(values, print)
    it.client.poll = lambda timeout_ms: events.pop(0)
    for event, kind in (
        (("late", 1, "PUBACK"), TimedOut),
        (("late", 1, "reply"), Throttled),
        (("acked", -1, None), None),  # an answer, by PUBACK
        (("late", 1, "reply"), Throttled),
        (("acked", 2, "7"), None),
        (("late", 1, "reply"), TimedOut),  # others are answered: it may be to blame
        (("late", 1, "reply"), Throttled),
    ):
        events.append(event)
        told = it.poll(0)
        check.equal(told[1], event[1])
        check.equal(kind and type(told[2]), kind)


def test_home_assistant_is_told_of_each_sensor():
    units = {"device_class": "temperature", "command_topic": "a/{id}"}
    values = {"preset": "homeassistant", "sensors": {"t": units}}
    ((topic, _),) = _config(deep_sleep=True, **values)["announce"]  # and no will, at each sleep
    check.equal(topic, "homeassistant/device/m-7/config")
    found = _config(client_id="m.7", **values)
    (topic, text), birth = found["announce"]
    check.equal(topic, "homeassistant/device/m_7/config")
    check.equal(birth, ["signet/m.7/availability", "online"])
    sensor = {"p": "sensor", "name": "t", "unique_id": "m.7_t"}
    sensor.update({"value_template": "{{ value_json['t'] }}"})
    sensor.update(units, command_topic="a/m.7")
    expected = {
        "dev": {"ids": ["m.7"], "name": "m.7"},
        "o": {"name": "signet"},
        "cmps": {"t": sensor},
        "state_topic": "signet/m.7/state",
        "availability_topic": "signet/m.7/availability",
        "payload_available": "online",
        "payload_not_available": "offline",
    }
    check.equal(json.loads(text), expected)
    assert found["retain"] and found["sensors"] is None


def test_what_is_wrong_in_device_json_is_said():
    for values, key, says in (
        ({"password": "p", "user": None}, "user", "no password without"),
        ({"user": None}, "insecure", "nothing proves"),
        ({"tls": False}, "insecure", "is not encrypted"),
        ({"topic": "a/{name}"}, "topic", "may hold {id}"),
        ({"command_topic": "a/x{name}"}, "command_topic", "whole level"),
        ({"body": {"v": "values"}}, "body", "once"),
        ({"body": ["{values}", "{values}"]}, "body", "once"),
        ({"body": {"{event}": "{values}"}}, "body", "once"),
        ({"body": {"v": "{values}", "t": "{time}"}}, "body", "none of those"),
        ({"body": {"v": "{values}", "t": "at {iso}"}}, "body", "not a whole text"),
        ({"answer_body": {"r": "{result}", "t": "{iso}"}}, "answer_body", "none of those"),
        ({"answer_body": {"r": "{result}", "n": "no {message_id}"}}, "answer_body", "whole text"),
        ({"event_body": []}, "event_body", "once"),
        ({"answer_body": "{values}"}, "answer_body", "{result}"),
        ({"reply_topic": "r", "body": "{values}"}, "body", "{message_id}"),
        ({"reply_topic": "r", "qos": 0}, "qos", "is 1"),
        ({"sensors": {}}, "sensors", "homeassistant"),
        ({"preset": "homeassistant", "sensors": ["t"]}, "sensors", "an object"),
        ({"shadow": True}, "shadow", "aws"),
        ({"preset": "aws", "websocket": True}, "websocket", "remove it"),
        ({"preset": "aws", "keepalive_s": 29}, "keepalive_s", "30 to 1200"),
        ({"preset": "aws", "topic": "1/2/3/4/5/6/7/8/9"}, "topic", "7 slashes"),
    ):
        error = check.raises(ConfigError, _config, **values)
        assert str(error).startswith("device.json: " + key + ": ") and says in str(error), error
    _config(preset="aws", topic="$aws/rules/store/1/2/3/4/5/6/7/8")  # Basic Ingest


def test_what_is_not_proved_is_a_warning():
    for values, says in (
        ({"user": None, "insecure": True}, "nothing proves"),
        ({"tls": False, "insecure": True}, "the login too"),
        ({"qos": 0}, "nobody says that a report has arrived"),
        ({"preset": "aws", "port": 443}, "ALPN"),
        ({"preset": "aws"}, "iot:Publish"),
    ):
        assert any(says in line for line in _config(**values)["lines"]), says
    assert not _config()["lines"]


def test_each_code_has_its_hint():
    from signet.cloud.broker.refusals import explain

    for values, code, says in (
        ({}, 0, "tls"),
        ({}, 2, "client_id"),
        ({}, 4, "user and password"),
        ({"cert": "c.pem"}, 5, "whom `cert` names"),
        ({"preset": "thingsboard"}, 5, "access token"),
        ({"preset": "aws"}, 0, "iot:Connect"),
    ):
        assert says in explain(_config(**values), code)
    assert explain(_config(), 1) is None


def test_a_connection_that_aws_closes_behind_a_report_asks_for_the_policy():
    from signet.cloud.broker.mqtt import session

    end = check.server("aws")
    values = _config(preset="aws", commands=False)
    values.update({"address": end["host"], "port": end["port"], "trust": None})
    it = session(values, print)
    it.begin(clock.Deadline(3000))
    while it.poll(3000) != ("opened",):
        pass
    assert it.submit(1, Report({}))
    kind, error, keys = it.poll(3000)
    check.equal((kind, keys), ("lost", [1]))
    assert "policy" in str(error), error
    it.client.poll, it.client.forget = _no_memory, lambda: [1]
    assert isinstance(it.poll(0)[1], MemoryError)  # which is no fault of the report


def _no_memory(timeout_ms):
    raise MemoryError


def test_connect_carries_the_will():
    from signet.cloud.broker.login import login
    from signet.wire import mqtt as wire

    packet = wire.connect(login(_config(will_topic="w/{id}", password="p"), 0), 60, True)
    # 3.1.2.3: user, password, will retained, will QoS 1, will, clean session
    expected = b"\0\4MQTT\4\xee\0\x3c\0\3m-7\0\5w/m-7\0\7offline\0\1u\0\1p"
    check.equal(packet, b"\x10" + bytes((len(expected),)) + expected)
    assert b"MQTT\4\x82" in wire.connect(login(_config(), 0), 60, True)


def test_a_message_at_qos_0_and_one_to_be_retained_are_as_mqtt_has_them():
    end = check.server("polite")
    client = MQTTClient()
    channel = TcpChannel(end["host"], end["port"], clock.Deadline(3000))
    connect(client, channel, ("c", None, None))
    client.publish_once("t", b"x", 1)
    client.first_byte = 0x33
    client.publish("t", b"y", 5)
    check.equal(client.poll(3000), ("acked", 5, None))
    got = check.connections("polite", 5)[-1]
    assert got.endswith(b"\x31\4\0\1tx\x33\6\0\1t\0\1y"), got
    check.raises(Rejected, client.publish_once, "t/#", b"", 0)
    client.disconnect()
