"""Does the Session over HTTPS send what Alibaba's document asks for, and take its answers?

Expected: Alibaba "Establish connections over HTTP" (the seed), its samples and its signature
example; digests of other contents by CPython's hmac.
"""

import json

import check
from check_alibaba_http import config, fresh
from check_http_session import File, Time, event_of, opens, outcome, reply, sent, shown
from signet.cloud.alibaba import auth
from signet.errors import Rejected
from signet.reports.messages import Report

# The document's answers; its second one has a comma too many for JSON.
TOKEN = "6944e5bfb92e4d4ea3918d1eda3942f6"
AUTH = reply(200, '{"code": 0, "message": "success", "Info": {"token":  "' + TOKEN + '"}}')
TAKEN = '{"code": 0, "message": "success", "%s": {"messageId": %s}}'
DONE = reply(200, TAKEN % ("info", 892687627916247040))


def _open(*replies, **changes):
    session, server = fresh(*replies, **changes)
    opens(session)
    return session, server


def _example(**changes):
    values = config(
        client_id="12345",
        device_name="device",
        product_key="pk",
        device_secret="secret",
        sign_method="hmacsha1",
    )
    values.update(changes)
    return json.loads(auth.request(values, 789))


def test_the_documents_signature_example_is_reproduced():
    check.equal(_example()["sign"], "fafd82a3d602b37fb0fa8b7892f24a477f851a14")


_SAMPLE = (
    '{"version":"default","clientId":"mylight1000002","signmethod":"hmacsha1",'
    '"sign":"4870141D4067227128CBB4377906C3731CAC221C","productKey":"ZG1EvTEa7NN",'
    '"deviceName":"NlwaSPXsCpTQuh8FxBGH","timestamp":"1501668289957"}'
)


def test_the_body_is_the_documents_sample_byte_for_byte():
    text = auth.request(
        config(
            client_id="mylight1000002",
            device_name="NlwaSPXsCpTQuh8FxBGH",
            product_key="ZG1EvTEa7NN",
            sign_method="hmacsha1",
        ),
        1501668289957,
    ).decode()
    check.equal(len(text), 214)
    # whose secret nobody but its author knows
    ours = json.loads(text)["sign"]
    assert ours == ours.lower()
    check.equal(text.replace(ours, "4870141D4067227128CBB4377906C3731CAC221C"), _SAMPLE)


def test_each_method_signs_the_documents_content():
    for method, sign in (
        ("hmacmd5", "14b198324fe55e1d3c88f2e705e201ee"),
        ("hmacsha256", "6074a46a91b1ebb2cc4ea42790ad0e80202c9843859fc292e57c4eb19fad9e57"),
    ):
        body = _example(sign_method=method)
        check.equal(body["signmethod"], method)
        check.equal(body["sign"], sign, method)


def test_the_method_is_hmacmd5_unless_device_json_says_otherwise():
    _, server = _open(AUTH)
    check.equal(json.loads(server.requests[0].body)["signmethod"], "hmacmd5")
    _, server = _open(AUTH, sign_method="hmacsha256")
    check.equal(json.loads(server.requests[0].body)["signmethod"], "hmacsha256")


def test_auth_is_a_post_of_json_without_a_query():
    _, server = _open(AUTH)
    (request,) = server.requests
    check.equal(request.line, "POST /auth HTTP/1.1")
    check.equal(request.headers["Host"], "iot-as-http.cn-shanghai.aliyuncs.com")
    check.equal(request.headers["Content-Type"], "application/json")
    assert "password" not in request.headers
    body = json.loads(request.body)
    check.equal(body["version"], "default")
    check.equal((body["productKey"], body["deviceName"], body["clientId"]), ("pk", "dn", "pk.dn"))


def test_the_time_is_sent_only_when_the_clock_is_set_and_never_when_it_is_not_wanted():
    _, server = _open(AUTH)
    check.equal(json.loads(server.requests[0].body)["timestamp"], str(Time.unix_ms))
    _, server = _open(AUTH, timestamp=False)
    assert "timestamp" not in json.loads(server.requests[0].body)
    Time.is_set = False
    try:
        _, server = _open(AUTH)
    finally:
        Time.is_set = True
    assert "timestamp" not in json.loads(server.requests[0].body)


def test_a_report_of_bytes_goes_to_its_topic_with_the_token_as_password():
    session, server = _open(AUTH, DONE)
    topic = "/a1GFjLPXXXX/device123/user/pub"
    request = sent(session, Report(b"\x00data\xff", topic=topic))
    check.equal(request.line, "POST /topic" + topic + " HTTP/1.1")
    check.equal(request.headers["password"], TOKEN)
    check.equal(request.headers["Content-Type"], "application/octet-stream")
    check.equal(request.body, b"\x00data\xff")
    assert event_of(session)[0] == "acked" and server.opened == 1


def test_a_report_of_values_is_a_property_post_and_an_event_goes_to_its_own_topic():
    session, _ = _open(AUTH, DONE, DONE)
    request = sent(session, Report({"t": 21.5}, 1700000000000))
    check.equal(request.path, "/topic/sys/pk/dn/thing/event/property/post")
    body = json.loads(request.body)
    check.equal(body["method"], "thing.event.property.post")
    check.equal(body["params"], {"t": {"value": 21.5, "time": 1700000000000}})
    event_of(session)
    request = sent(session, Report({"v": 1}, event="alarm"), 2)
    check.equal(request.path, "/topic/sys/pk/dn/thing/event/alarm/post")
    check.equal(request.headers["Content-Type"], "application/octet-stream")


def test_a_topic_that_is_none_over_http_is_rejected_before_anything_is_sent():
    session, server = _open(AUTH)
    for topic in ("/pk/user/update?x=1", "pk/dn/user/update", ""):
        shown(check.raises(Rejected, session.submit, 1, Report(b"x", topic=topic)))
    check.equal(len(server.requests), 1)


def test_a_topic_is_percent_encoded():
    session, _ = _open(AUTH, DONE)
    request = sent(session, Report(b"x", topic="/pk/dn/user/a b%#\xfc"))
    check.equal(request.path, "/topic/pk/dn/user/a%20b%25%23%C3%BC")


def test_of_128_kb_not_one_byte_more_is_sent():
    session, server = _open(AUTH, DONE)
    topic = "/pk/dn/user/photo"
    error = check.raises(Rejected, session.submit, 1, Report(File(131_073), topic=topic))
    assert "131073" in shown(error)
    check.equal(len(server.requests), 1)
    check.equal(sent(session, Report(File(131_072), topic=topic), 2).size, 131_072)
    assert event_of(session)[0] == "acked"


def test_bytes_have_the_same_limit():
    if check.MICROPYTHON:
        check.skip("they do not fit this heap")
    session, _ = _open(AUTH, DONE)
    topic = "/pk/dn/user/photo"
    check.raises(Rejected, session.submit, 1, Report(bytes(131_073), topic=topic))
    check.equal(sent(session, Report(bytes(131_072), topic=topic), 2).size, 131_072)


def test_message_ids_are_exact_under_both_spellings_of_info():
    ids = (
        "892687627916247040",
        "1152921504606846999",
        "1152921504606846977",
        "9223372036854775807",
    )
    for info in ("info", "Info"):
        session, _ = _open(AUTH, *[reply(200, TAKEN % (info, each)) for each in ids])
        for key, each in enumerate(ids):
            check.equal(outcome(session, Report({"t": 1}), key), ("acked", key, each))


def test_a_success_without_a_message_id_that_is_one_is_a_success():
    for info in ["{}"] + ['{"messageId":%s}' % value for value in _NO_IDS]:
        session, _ = _open(AUTH, reply(200, '{"code":0,"info":%s}' % info))
        check.equal(outcome(session, Report({"t": 1})), ("acked", 1, None), info)


# Of a peer that wants the log to be long, or to have a line of its own.
_NO_IDS = ("1" * 300, "-1", '"' + "1" * 21 + '"', '"1\\nreport 2 stored"', "[[]]", "true", "1.5")


def test_one_report_at_a_time_is_on_its_way():
    session, server = _open(AUTH, DONE)
    assert session.submit(1, Report({"t": 1}))
    assert session.submit(1, Report({"t": 1}))
    assert session.submit(2, Report({"t": 2})) is False
    check.equal(event_of(session)[:2], ("acked", 1))
    check.equal(len(server.requests), 2)


def test_several_reports_go_in_one_request():
    session, _ = _open(AUTH, DONE)
    reports = [Report({"n": n}, 1524448722000 + n) for n in range(3)]
    keys, report = session.batch(check.Backlog(*reports), 1)
    request = sent(session, report, tuple(keys))
    check.equal(request.path, "/topic/sys/pk/dn/thing/event/property/batch/post")
    values = [{"value": n, "time": 1524448722000 + n} for n in range(3)]
    body = json.loads(request.body)
    check.equal((body["id"], body["params"]), (str(report.id), {"properties": {"n": values}}))
    check.equal(event_of(session)[:2], ("acked", (1, 2, 3)))


def test_a_report_sent_again_keeps_its_alink_id():
    session, server = _open(AUTH, reply(200, '{"code":40000}'), DONE, DONE)
    first = Report({"t": 1})
    for key, report in ((1, first), (1, first), (2, Report({"t": 1}))):
        outcome(session, report, key)
    ids = [json.loads(request.body)["id"] for request in server.requests[1:]]
    check.equal(ids[:2], [str(first.id)] * 2)
    check.equal(ids[2], str((first.id + 1) & 0xFFFFFFFF))  # no two are alike


def test_another_port_is_told_to_the_server():
    _, server = _open(AUTH, port=8443)
    check.equal(server.requests[0].headers["Host"], "iot-as-http.cn-shanghai.aliyuncs.com:8443")
