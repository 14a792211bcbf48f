"""Does a device of Azure IoT Hub log in, speak and hear as Azure's documents and SDKs have it?

Signatures: equal in azure-iot-device 2.14.0 and Python's hmac.  Topics: "Communicate with an IoT
hub using the MQTT protocol", "Communicate with DPS using the MQTT protocol".
"""

import json

import check
import check_far as far
from check_session import Session
from signet import clock
from signet.cloud.azure import login, mqtt, refusals
from signet.device import config
from signet.errors import ConfigError, ProtocolError, Rejected, Throttled
from signet.reports.messages import Command, Report

HEAP = "260k"
SERVERS = {"http": ("tls", "good", "mqtt")}  # for its certificate

_KEY = "a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s="
_NOW_MS = 1764370800_000  # an hour before the end of the tokens below
_SAS = "SharedAccessSignature sr="
_DEVICE = {
    "cloud": "azure",
    "host": "hub1.azure-devices.net",
    "device_id": "meter-7",
    "device_key": _KEY,
}
_DPS = {
    "cloud": "azure",
    "host": "global.azure-devices-provisioning.net",
    "id_scope": "0ne000A",
    "registration_id": "meter-7",
    "device_key": _KEY,
}
_EVENTS = "devices/meter-7/messages/events/"
_C2D = "devices/meter-7/messages/devicebound/"
_DESIRED = "$iothub/twin/PATCH/properties/desired/?$version="
_REPORTED = "$iothub/twin/PATCH/properties/reported/?$rid="
_TWIN = "$iothub/twin/res/200/?$rid=own"


def _checked(base, **changes):
    values = base.copy()
    values.update(changes)
    return config.check(values, print)


def _dialect():
    dialect = mqtt.Dialect()
    dialect.identify("meter-7")
    return dialect


# Who it is


def test_a_login_is_that_of_the_vendors_sdk():
    client_id, user, password = login.login(_checked(_DEVICE), _NOW_MS)
    check.equal(client_id, "meter-7")
    check.equal(user, "hub1.azure-devices.net/meter-7/?api-version=2021-04-12")
    signed = "&sig=ot8qKuaFMcW%2F4kUaQ8%2FG1rwpqMXFdvHkFf2uTCn1i6M%3D&se=1764374400"
    check.equal(password, _SAS + "hub1.azure-devices.net%2Fdevices%2Fmeter-7" + signed)


def test_a_token_for_dps_is_that_of_the_vendors_sdk():
    values = _checked(_DPS)
    password = login.token(values, "0ne000A/registrations/meter-7", _NOW_MS, "&skn=registration")
    signed = "&sig=HPuwPEFIGlQNHOmhVVhInLoVojYI2P7WGuqHQg%2BgTRA%3D&se=1764374400&skn=registration"
    check.equal(password, _SAS + "0ne000A%2Fregistrations%2Fmeter-7" + signed)


def test_a_resource_is_encoded_as_by_urllib_and_the_user_not_at_all():
    values = _checked(_DEVICE, device_id="a%(b)'c@d,e!~"[:-1])
    _, user, password = login.login(values, _NOW_MS)
    assert password.startswith(
        _SAS + "hub1.azure-devices.net%2Fdevices%2Fa%25%28b%29%27c%40d%2Ce%21&"
    )
    assert "/a%(b)'c@d,e!/" in user, user


def test_a_certificate_takes_the_place_of_a_token():
    values = _checked(_DEVICE, device_key=None, cert="c.pem")
    check.equal(login.login(values, _NOW_MS)[2], None)
    check.equal(values["cert_names"], ["meter-7"])


def test_without_a_clock_there_is_no_token():
    clock.doubted = True
    error = check.raises(Throttled, login.login, _checked(_DEVICE), _NOW_MS)
    clock.doubted = False
    assert "the clock is not set" in str(error)


def test_a_mistake_in_device_json_is_named_by_its_key():
    for base, key, changes in (
        (_DEVICE, "tls", {"tls": False}),
        (_DEVICE, "device_id", {"device_id": None}),
        (_DEVICE, "device_id", {"device_id": "a/b"}),
        (_DEVICE, "device_key", {"device_key": None}),
        (_DEVICE, "device_key", {"device_key": "meter-7"}),
        (_DEVICE, "device_key", {"device_key": _KEY[:-1]}),
        (_DEVICE, "device_key", {"cert": "c.pem"}),
        (_DEVICE, "registration_id", {"registration_id": "r"}),
        (_DEVICE, "keepalive_s", {"keepalive_s": 1178}),
        (_DEVICE, "id_scope", {"host": _DPS["host"]}),
        (_DPS, "registration_id", {"registration_id": None}),
        (_DPS, "device_id", {"device_id": "d"}),
        (_DPS, "hub", {"hub": "hub1.azure-devices.net"}),
        (_DPS, "host", {"host": _DEVICE["host"]}),
    ):
        values = base.copy()
        values.update(changes)
        error = check.raises(ConfigError, config.check, values, print)
        check.equal(error.key, key)
        assert _KEY[:-1] not in str(error), error


def test_websocket_is_at_the_path_and_the_port_of_the_sdk():
    values = _checked(_DEVICE, websocket=True)
    check.equal((values["port"], values["websocket_path"]), (443, "/$iothub/websocket"))
    check.equal(_checked(_DEVICE, websocket=True, port=8443)["port"], 8443)


def test_a_refusal_says_what_to_check():
    for values, code, words in (
        (_checked(_DEVICE), 5, ("device_id and hub", "device_key and the clock", "enabled")),
        (_checked(_DEVICE), 2, ("device_id",)),
        (_checked(_DEVICE, device_key=None, cert="c.pem"), 5, ("`cert`",)),
        (_checked(_DPS), 5, ("id_scope and registration_id",)),
        (_checked(_DPS), 401002, ("id_scope", "device_key")),
    ):
        hint = refusals.explain(values, code)
        assert all(word in hint for word in words), hint
    check.equal(refusals.explain(_checked(_DEVICE), 1), None)


# What it says


def test_a_report_goes_to_the_topic_that_routes_on_its_body():
    bag = _EVENTS + "$.ct=application%2Fjson&$.ce=utf-8&$.mid=7"
    for values, expected in (
        (({"t": 1},), bag),
        (({"t": 1}, None, None, "alarm"), bag + "&event=alarm"),
        (
            ({"t": 1}, 1524448722250),
            bag + "&iothub-creation-time-utc=2018-04-23T01%3A58%3A42.250Z",
        ),
        (({"t": 1}, 5, None, "reported"), _REPORTED + "7"),
    ):
        report = Report(*values)
        report.id = 7
        topic, body = _dialect().encode(report)
        check.equal((topic, json.loads(body)), (expected, {"t": 1}))


def test_a_topic_for_which_the_hub_would_hang_up_is_refused():
    dialect = _dialect()
    for topic in _EVENTS, _EVENTS + "a=b", _REPORTED + "1", "$iothub/methods/res/200/?$rid=1":
        dialect.check_topic(topic)
    for topic in "a", "devices/other/messages/events/", "$iothub/twin/GET/?$rid=1", _C2D:
        check.raises(Rejected, dialect.check_topic, topic)


# What it hears


def test_what_the_cloud_says_is_a_command():
    bag = "%24.mid=m%2F1&%24.to=%2Fdevices%2Fmeter-7&%24.ct=application%2Fjson&command=blink"
    for topic, payload, name, data, id in (
        ("$iothub/methods/POST/reboot/?$rid=1", b"null", "reboot", None, None),
        ("$iothub/methods/POST/reboot/?$rid=1", b"", "reboot", None, None),
        ("$iothub/methods/POST/go/?$rid=2f", b'{"n":1}', "go", {"n": 1}, None),
        (_C2D + bag, b'{"n":1}', "blink", {"n": 1}, "m/1"),
        (_C2D + "%24.to=%2Fdevices", b"\x01raw", "message", b"\x01raw", None),
        (_C2D + "?command=blink&null&empty=", b"raw", "blink", b"raw", None),
        (_C2D, b"raw", "message", b"raw", None),
        (
            _DESIRED + "5",
            b'{"every":9,"off":null,"$version":5}',
            "set",
            {"every": 9, "off": None},
            5,
        ),
    ):
        kind, command = _dialect().decode(topic, payload)
        check.equal((kind, command.name, command.data, command.id), ("command", name, data, id))


def test_of_a_twin_the_command_has_what_is_desired_and_not_reported():
    twin = b'{"desired":{"every":9,"led":{"on":true},"new":1,"$version":5},'
    twin += b'"reported":{"every":9,"led":{"on":false},"$version":3}}'
    _, command = _dialect().decode(_TWIN, twin)
    check.equal((command.name, command.data), ("set", {"led": {"on": True}, "new": 1}))
    # The same as when it comes by itself: it is executed once.
    check.equal((command.topic, command.id), (_DESIRED + "5", 5))
    same = b'{"desired":{"every":9,"$version":5},"reported":{"every":9,"$version":3}}'
    check.equal(_dialect().decode(_TWIN, same), None)


def test_an_answer_goes_where_the_cloud_waits_for_it():
    dialect, failed = _dialect(), ValueError("no led")
    method = Command("go", None, "$iothub/methods/POST/go/?$rid=2f")
    wish = Command("set", {"every": 9}, _DESIRED + "5", 5)
    message = Command("message", b"", _C2D + "a=b", "m")
    result = "$iothub/methods/res/{}/?$rid=2f"
    for command, value, topic, body in (
        (method, {"n": 1}, result.format(200), {"n": 1}),
        (method, None, result.format(200), {}),
        (method, failed, result.format(500), {"message": "ValueError: no led"}),
        (wish, None, _REPORTED, {"every": 9}),
        (wish, {"every": 60}, _REPORTED, {"every": 60}),
        (wish, "done", _REPORTED, {"every": 9}),  # of no use to a twin
        (wish, failed, None, None),
        (message, {"n": 1}, None, None),
    ):
        report = dialect.answer(command, value)
        check.equal(report and json.loads(report.body), body)
        if topic == _REPORTED:
            topic += str(report.id)
        check.equal(report and report.topic, topic)


def test_the_hubs_answer_about_the_twin_counts_by_its_status():
    topic, body = "$iothub/twin/res/{}/?$rid=7&$version=2", b'{"message":"\xc3\xa4"}'
    for status, kind in ((204, None), (400, Rejected), (429, Throttled), (503, Throttled)):
        _, id, error = _dialect().decode(topic.format(status), body)
        check.equal((id, error and type(error)), ("7", kind))


def test_what_breaks_the_form_is_a_protocol_error():
    for topic, payload in (
        (_C2D + "%zz", b""),
        (_C2D + "command=go%0A", b""),  # it would be a line of the log
        ("$iothub/twin/res/what/?$rid=7", b""),
        ("$iothub/methods/POST/go/?$rid=1", b"{"),
        (_TWIN, b"{}"),
        (_TWIN, b"[]"),
    ):
        check.raises(ProtocolError, _dialect().decode, topic, payload)


# A session's life


class _Cloud(far.Azure):
    """A hub behind a DPS; what it was told is in lists that a test begins anew."""

    logins, asked, answers_of_dps, refused = [], [], [], []

    def _answer(self, kind, flags, body):
        if kind == 1:
            at, fields = 10, []
            while at < len(body):
                end = at + 2 + (body[at] << 8 | body[at + 1])
                fields.append(body[at + 2 : end].decode())
                at = end
            self.logins.append(fields)
            if self.refused:
                return b"\x20\2\0" + self.refused.pop(0)
        return super()._answer(kind, flags, body)

    def _published(self, topic, packet_id, payload):
        if not topic.startswith(b"$dps/"):
            return super()._published(topic, packet_id, payload)
        self.asked.append(topic.decode())
        status, answer = self.answers_of_dps.pop(0)
        topic = "$dps/registrations/res/" + status
        return b"\x40\2" + packet_id + self.message(topic.encode(), answer)


def _cloud(*dps):
    """Returns the cloud, which has heard nothing yet; dps: what DPS answers in turn."""
    for name in "logins", "asked", "answers_of_dps", "refused":
        getattr(_Cloud, name).clear()
    _Cloud.answers_of_dps.extend(dps)
    return _Cloud


_PENDING = ("202/?$rid=1&retry-after=3", b'{"operationId":"4.a1","status":"assigning"}')
_ASSIGNED = ("200/?$rid=1", far.Azure.assigned)
_REGISTER = "$dps/registrations/PUT/iotdps-register/?$rid=1"
_STATUS = "$dps/registrations/GET/iotdps-get-operationstatus/?$rid=1&operationId=4.a1"
_OF_DPS = ["meter-7", "0ne000A/registrations/meter-7/api-version=2019-03-31"]
_OF_HUB = ["m7", "hub2.azure-devices.net/m7/?api-version=2021-04-12"]


def _users(cloud):
    return [fields[:2] for fields in cloud.logins]


def test_dps_is_asked_once_and_again_when_the_hub_refuses():
    cloud = _cloud(_PENDING, _ASSIGNED, _ASSIGNED)
    with Session("azure dps", (_DPS, {"host": "good.test", "tls": True}), cloud, None) as it:
        it.opens()
        it.reports(1)
        check.equal(cloud.asked, [_REGISTER, _STATUS])
        assert 3000 < it.world.now() < 6000, it.world.now()
        check.equal(_users(cloud), [_OF_DPS, _OF_HUB])
        assert cloud.logins[0][2].endswith("&skn=registration")
        it.closes()
        values = it.session._config
        values["hub"] = values["device_id"] = None  # a reset
        values["host"] = "good.test"
        it.session = mqtt.session(values, it.lines.append)
        cloud.refused.append(b"\5")
        it.begin()
        it.until("lost")
        check.equal((_users(cloud)[2:], it.error.code), ([_OF_HUB], 5))
        it.works()
        check.equal(_users(cloud)[3:], [_OF_DPS, _OF_HUB])


def test_what_dps_refuses_is_told_and_nothing_is_kept():
    failed = (
        b'{"status":"failed","registrationState":{"errorCode":400207,"errorMessage":"No hub"}}'
    )
    for answer, kind, text in (
        (
            ("401/?$rid=1", b'{"errorCode":401002,"message":"Unauthorized"}'),
            "Refused",
            "check id_",
        ),
        (("200/?$rid=1", failed), "Refused", "No hub"),
        (("429/?$rid=1&retry-after=7", b'{"message":"Slow down"}'), "Throttled", "Slow down"),
        (("200/?$rid=1", b"[]"), "ProtocolError", ""),
    ):
        cloud = _cloud(answer, _ASSIGNED)
        with Session(text, (_DPS, {"host": "good.test", "tls": True}), cloud, None) as it:
            it.begin()
            it.until("lost")
            check.equal(type(it.error).__name__, kind)
            assert text in str(it.error), it.error
            it.works()


def _renewing(cloud):
    # Of 60 s, seven eighths: the link hears of nothing.
    return Session(
        "azure", (_DEVICE, {"host": "good.test", "tls": True, "token_s": 60}), cloud, None
    )


def test_before_a_token_ends_the_session_logs_in_anew_and_no_report_is_lost():
    cloud = _cloud()
    with _renewing(cloud) as it:
        it.opens()
        key, heard, last = 0, 0, 0
        while it.world.now() < 200_000:
            key += 1
            it.reports(key)
            if len(cloud.logins) > last:
                began, last = it.world.now(), len(cloud.logins)
            assert it.world.now() - began < 54_000
            it.world.sleep(700)
        for each in it.world.fars:
            heard += len(each.reports)
        check.equal((len(cloud.logins), heard), (4, key))
        assert any("new token" in line for line in it.lines)


def test_what_is_in_flight_when_a_token_is_about_to_end_is_awaited_first():
    cloud = _cloud()
    with _renewing(cloud) as it:
        it.opens()
        it.world.fars[-1].answers = False
        it.world.sleep(52_000)
        assert it.submits(1)
        it.world.sleep(600)
        assert not it.session.submit(2, Report({"n": 2})) and it.session.submit(
            1, Report({"n": 1})
        )
        event = it.until("failed")
        check.equal((event[1], len(cloud.logins)), (1, 1))
        it.reports(1, 2)
        check.equal((len(cloud.logins), len(it.world.fars[-1].reports)), (2, 2))


def test_an_answer_to_a_method_goes_before_the_login_anew_or_not_at_all():
    with _renewing(_cloud()) as it:
        it.opens()
        method = Command("go", None, "$iothub/methods/POST/go/?$rid=1")
        first, second = (it.session.answer(method, {"n": n}) for n in (1, 2))
        it.world.sleep(53_000)
        assert it.submits(-1, first)
        check.equal(it.until("acked")[1], -1)
        check.equal([json.loads(each) for each in it.world.fars[-1].said], [{"n": 1}])
        it.reports(1)
        check.equal(len(it.world.fars), 2)
        # By its id the hub may know another call now.
        check.raises(Rejected, it.session.submit, -2, second)


def test_a_login_anew_that_fails_is_a_lost_connection():
    cloud = _cloud()
    with _renewing(cloud) as it:
        it.opens()
        cloud.refused.append(b"\5")
        it.world.sleep(53_000)
        it.until("lost")
        assert it.error.code == 5 and "check device_id" in str(it.error), it.error
        it.works()


def test_a_twin_that_cannot_be_had_now_is_asked_for_again():
    cloud = _cloud()
    with Session("azure twin", (_DEVICE, {"host": "good.test", "tls": True}), cloud, None) as it:
        it.opens()
        assert it.session.pending(0)  # a board that sleeps waits for it
        it.reports(1)
        for _ in range(5):
            it.step()
        assert not it.session.pending(0)
        hub = it.world.fars[-1]
        hub.twin = b'{"desired":{"every":9,"$version":2},"reported":{"$version":1}}'
        it.session.dialect.decode("$iothub/twin/res/429/?$rid=own", b"{}")
        began = it.world.now()
        command = it.until("command")[1]
        assert it.world.now() - began >= 29_000
        answer = it.session.answer(command, None)
        for key, hub.status, kind in ((-1, b"204", "acked"), (-2, b"400", "failed")):
            it.submits(key, answer)
            check.equal(it.until("acked", "failed")[:2], (kind, key))
            check.equal(json.loads(hub.said[-1]), {"every": 9})
