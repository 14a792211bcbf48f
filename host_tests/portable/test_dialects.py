"""Does each cloud's dialect write and read what its documents print?"""

import json

import check
from signet import clock
from signet.errors import ProtocolError, Rejected, Throttled
from signet.reports.messages import Report

_ALIBABA = {"product_key": "pk", "device_name": "dn"}
_ENOS = {"product_key": "pk", "device_key": "dk"}
_WATSON = {"role": "device", "org_id": "myorg1", "event": "status"}
_WATSON.update({"type_id": "meter", "device_id": "m-7"})


def _dialect(cloud, config):
    module = __import__("signet.cloud." + cloud + ".mqtt", None, None, ("*",))
    return module.Dialect(config, print) if cloud == "watson" else module.Dialect(config)


def _encoded(cloud, config, report):
    topic, payload = _dialect(cloud, config).encode(report)
    return topic, json.loads(payload)


def _report(*arguments):
    report = Report(*arguments)
    report.id = 7
    return report


def test_alibaba_property_post():
    topic, body = _encoded(
        "alibaba", _ALIBABA, _report({"temperature": 21.5, "count": 3}, 1524448722000)
    )
    assert topic == "/sys/pk/dn/thing/event/property/post"
    assert body == {
        "id": "7",
        "version": "1.0",
        "method": "thing.event.property.post",
        "params": {
            "temperature": {"value": 21.5, "time": 1524448722000},
            "count": {"value": 3, "time": 1524448722000},
        },
    }


def test_alibaba_floats_keep_their_decimal_point():
    _, payload = _dialect("alibaba", _ALIBABA).encode(Report({"t": 10.0}))
    assert b'"t":{"value":10.0}' in payload.replace(b" ", b"")


def test_alibaba_event_post():
    topic, body = _encoded("alibaba", _ALIBABA, Report({"code": 1}, 5, event="alarm"))
    assert topic == "/sys/pk/dn/thing/event/alarm/post"
    assert body["method"] == "thing.event.alarm.post"
    assert body["params"] == {"value": {"code": 1}, "time": 5}


def test_enos_measurepoint_post():
    now = clock.unix_ms()
    topic, body = _encoded("enos", _ENOS, _report({"temp": 21}, now))
    assert topic == "/sys/pk/dk/thing/measurepoint/post"
    assert body == {
        "id": "7",
        "version": "1.0",
        "method": "thing.measurepoint.post",
        "params": {"measurepoints": {"temp": 21}, "time": now},
    }


def test_enos_late_reports_go_to_resume():
    topic, body = _encoded("enos", _ENOS, Report({"temp": 21}, clock.unix_ms() - 61_000))
    assert topic == "/sys/pk/dk/thing/measurepoint/resume"
    assert body["method"] == "thing.measurepoint.resume"


def _batch(cloud, config, reports, key=1):
    keys, report = _dialect(cloud, config).batch(check.Backlog(*reports), key)
    body = json.loads(report.body)
    check.equal(body.pop("id"), str(report.id))
    check.equal(body.pop("version"), "1.0")
    return keys, report.topic, body


def test_enos_takes_several_late_reports_in_one_message():
    now = clock.unix_ms()
    times = 1524448722000, 1524448722001, now
    reports = [Report({"temp": n, "on": "a\n"}, time_ms) for n, time_ms in enumerate(times)]
    keys, topic, body = _batch("enos", _ENOS, reports)
    check.equal((keys, topic), ([1, 2], "/sys/pk/dk/thing/measurepoint/resume/batch"))
    check.equal(body.pop("method"), "thing.measurepoint.resume.batch")
    params = [
        {"measurepoints": {"temp": n, "on": "a\n"}, "time": times[n]}
        for n in range(2)  # the third is not late
    ]
    check.equal(body, {"params": params})
    keys, topic, body = _batch("enos", _ENOS, reports + reports[2:], 3)
    check.equal((keys, topic), ([3, 4], "/sys/pk/dk/thing/measurepoint/post/batch"))
    check.equal(body["method"], "thing.measurepoint.post.batch")


def test_alibaba_takes_several_reports_in_one_message():
    reports = [Report({"Power": "on", "WF": 3}, 1524448722000), Report({"WF": 4.0}, 1524448722009)]
    keys, topic, body = _batch("alibaba", _ALIBABA, reports)
    check.equal((keys, topic), ([1, 2], "/sys/pk/dn/thing/event/property/batch/post"))
    check.equal(body.pop("method"), "thing.event.property.batch.post")
    wf = [{"value": 3, "time": 1524448722000}, {"value": 4.0, "time": 1524448722009}]
    properties = {"Power": [{"value": "on", "time": 1524448722000}], "WF": wf}
    check.equal(body, {"params": {"properties": properties}})
    ahead = clock.unix_ms() + 86_460_000  # what the cloud does not take goes by itself
    for odd in Report({}, 1524448722000), Report({"WF": 5}, ahead):
        check.equal(_batch("alibaba", _ALIBABA, reports + [odd] * 2)[0], [1, 2])


def test_only_values_with_their_time_go_together_and_a_packet_of_them():
    plain = [Report({"n": n}, 1524448722000 + n) for n in range(40)]
    long = [Report({"t": "x" * 250}, 1524448722000) for n in range(9)]
    odd = [Report({"n": 1}), Report({"n": 1}, 5, event="alarm"), Report(b"1", 5, "t")]
    for expected, reports in (
        ((21, 32), plain),
        ((3, 4), long),
        ((5, 5), plain[:5] + odd[0:1] + plain),
        ((5, 5), plain[:5] + odd[1:2] + plain),
        ((5, 5), plain[:5] + odd[2:] + plain),
        ((0, 0), odd[2:] + plain),
    ):
        for count, cloud, config in zip(expected, ("enos", "alibaba"), (_ENOS, _ALIBABA)):
            keys, report = _dialect(cloud, config).batch(check.Backlog(*reports), 1)
            check.equal(keys, list(range(1, count + 1)))
            assert len(report.body) < 1400, len(report.body)


def test_a_report_without_a_time_is_sent_without_one():
    assert "time" not in _encoded("enos", _ENOS, Report({"temp": 21}))[1]["params"]
    assert "ts" not in _encoded("watson", _WATSON, Report({"temp": 21}))[1]


def test_watson_event():
    topic, body = _encoded("watson", _WATSON, Report({"temp": 21}, 1524448722250, event="alarm"))
    assert topic == "iot-2/evt/alarm/fmt/json"
    assert body == {"d": {"temp": 21}, "ts": "2018-04-23T01:58:42.250Z"}


def test_watson_refuses_the_topics_for_which_the_cloud_would_hang_up():
    dialect = _dialect("watson", _WATSON)
    dialect.check_topic("iot-2/evt/abc/fmt/json")
    # rules of eclipse/amlen server_proxy/test/proxy_test.c, device publish
    for topic in (
        "iot-2/evt/abc/fmt/json/more",
        "iot-2/evt/abc/fmt",
        "iot-2/evt/abc/fmt/",
        "iot-2/evt//fmt/json",
        "iot-2/cmd/abc/fmt/json",
        "iot-2/frd//fmt/json",
    ):
        check.raises(Rejected, dialect.check_topic, topic)


def test_every_kind_of_json_value_is_taken():
    values = {"on": True, "off": False, "no": None, "n": 1, "f": 1.5, "s": "x", "l": [True, {}]}
    body = _encoded("watson", _WATSON, Report(values, 1))[1]
    assert body["d"] == values


def test_a_reply_is_matched_by_id_and_code():
    alibaba, enos = _dialect("alibaba", _ALIBABA), _dialect("enos", _ENOS)
    topic = "/sys/pk/dn/thing/event/property/post_reply"
    assert alibaba.decode(topic, b'{"code":200,"data":{},"id":"7","message":"success"}') == (
        "reply",
        "7",
        None,
    )
    kind, key, error = alibaba.decode(
        topic, b'{"code":460,"id":7,"message":"request parameter error"}'
    )
    assert (kind, key, error.code) == ("reply", "7", 460) and "parameter" in str(error)
    topic = "/sys/pk/dk/thing/measurepoint/post_reply"
    assert enos.decode(topic, b'{"id":"7","code":200}') == ("reply", "7", None)


def test_a_code_that_passes_by_itself_is_throttled_and_not_the_report_s_fault():
    dialect = _dialect("enos", _ENOS)
    topic = "/sys/pk/dk/thing/measurepoint/post_reply"
    for code in (400, 429, 500, 6205):  # facts: EnOS codes
        _, _, error = dialect.decode(topic, b'{"id":"7","code":' + str(code).encode() + b"}")
        assert isinstance(error, Throttled), code


def test_the_name_of_an_event_is_held_against_what_a_topic_may_hold():
    for cloud, config in (("alibaba", _ALIBABA), ("enos", _ENOS), ("watson", _WATSON)):
        for event in ("a/b", "a b", "+", "#", "x" * 65, "\xe9", 7):
            check.raises(Rejected, _dialect(cloud, config).encode, Report({}, 1, event=event))


def test_a_command_without_an_id_wants_no_answer():
    dialect = _dialect("enos", _ENOS)
    _, command = dialect.decode("/sys/pk/dk/thing/service/x", b'{"params":{}}')
    assert command.id is None and dialect.answer(command, {}) is None


def test_commands_of_every_cloud_have_a_name_and_data():
    for cloud, config, topic, payload, name, data in (
        (
            "alibaba",
            _ALIBABA,
            "/sys/pk/dn/thing/service/property/set",
            b'{"id":"1","params":{"led":1}}',
            "set",
            {"led": 1},
        ),
        (
            "alibaba",
            _ALIBABA,
            "/sys/pk/dn/thing/service/reboot",
            b'{"id":"1","params":{}}',
            "reboot",
            {},
        ),
        (
            "enos",
            _ENOS,
            "/sys/pk/dk/thing/service/measurepoint/set",
            b'{"id":"1","params":{"led":1}}',
            "set",
            {"led": 1},
        ),
        (
            "enos",
            _ENOS,
            "/sys/pk/dk/thing/service/reboot",
            b'{"id":"1","params":{}}',
            "reboot",
            {},
        ),
        ("watson", _WATSON, "iot-2/cmd/set/fmt/json", b'{"led":1}', "set", {"led": 1}),
        ("watson", _WATSON, "iot-2/cmd/blink/fmt/text", b"fast", "blink", b"fast"),
    ):
        kind, command = _dialect(cloud, config).decode(topic, payload)
        assert kind == "command" and command.name == name and command.data == data


def test_a_command_is_answered_on_its_topic_with_its_id():
    dialect = _dialect("alibaba", _ALIBABA)
    topic = "/sys/pk/dn/thing/service/property/set"
    _, command = dialect.decode(topic, b'{"id":"99","params":{"led":1}}')
    report = dialect.answer(command, {"led": 1})
    body = json.loads(report.body)
    assert report.topic == topic + "_reply"
    assert body["id"] == "99" and body["code"] == 200 and body["data"] == {"led": 1}
    body = json.loads(dialect.answer(command, ValueError("no such led")).body)
    assert body["code"] == 500 and "no such led" in body["message"]
    assert json.loads(dialect.answer(command, None).body)["data"] == {}
    assert not _dialect("watson", _WATSON).replies


def test_what_is_no_json_is_a_protocol_error():
    for cloud, config, topic in (
        ("alibaba", _ALIBABA, "/sys/pk/dn/thing/service/property/set"),
        ("enos", _ENOS, "/sys/pk/dk/thing/measurepoint/post_reply"),
        ("watson", _WATSON, "iot-2/cmd/set/fmt/json"),
    ):
        for payload in (b"", b"{", b"\xff\xfe", b"nonsense", b'{"id":'):
            check.raises(ProtocolError, _dialect(cloud, config).decode, topic, payload)
    for payload in (b"[]", b"3", b"null", b'"text"'):
        check.raises(
            ProtocolError, _dialect("enos", _ENOS).decode, "/sys/pk/dk/thing/service/x", payload
        )


def test_other_topics_are_left_alone():
    assert _dialect("alibaba", _ALIBABA).decode("/pk/dn/user/get", b"x") is None
    assert _dialect("alibaba", _ALIBABA).decode("/sys/pk/dn/thing/service/x_reply", b"{}") is None
    assert _dialect("watson", _WATSON).decode("iot-2/mon", b"x") is None
