"""Does the Session over CoAP send what Alibaba's document asks for, and take its answers?"""

import json

import check
from check_alibaba_coap import (
    AUTH,
    Channel,
    again,
    begin,
    encrypted,
    make,
    message,
    prove,
    start_at,
    submit,
    values,
)
from signet import clock
from signet.reports.messages import Report


def test_auth_is_a_post_of_json_to_auth():
    _, client = make(message(0x45, AUTH))
    code, options, payload, _ = client.sent[0]
    assert code == 2
    assert options == [(11, b"auth"), (12, b"\x32")]
    body = json.loads(payload)
    assert body["productKey"] == "pk" and body["deviceName"] == "dn" and body["seq"]


def test_a_report_carries_token_and_encrypted_seq_and_isencrypted():
    session, client = make(message(0x45, AUTH))
    start_at(session, 1)
    submit(session, 7, Report(b"a payload of 16.", topic="/pk/dn/user/update"), True)
    code, options, payload, last = client.sent[1]
    assert code == 2 and last == 1
    assert options == [
        (11, b"topic"),
        (11, b"pk"),
        (11, b"dn"),
        (11, b"user"),
        (11, b"update"),
        (12, b"\x32"),
        (2088, b"t0k3n"),
        (2089, encrypted("1001")),
    ]
    assert payload == encrypted("a payload of 16.")


def test_the_documented_profile_sends_host_port_and_accept_too():
    session, client = make(message(0x45, AUTH), profile="documented")
    submit(session, 7, Report({"t": 1}))
    for _, options, _, _ in client.sent:
        assert values(options, 3) == [b"pk.coap.example.com"]
        assert values(options, 7) == [b"\x16\x32"]
        assert values(options, 12) == [b"\x32"] and values(options, 17) == [b"\x32"]
        assert [number for number, _ in options] == sorted([number for number, _ in options])


def test_a_report_of_values_is_a_property_post_and_an_event_goes_to_its_own_topic():
    session, client = make(message(0x45, b'{"token":"t"}'), trust=object(), tls=False)
    submit(session, 1, Report({"t": 21.5}, 1700000000000))
    path = b"/".join(values(client.sent[1][1], 11))
    assert path == b"topic/sys/pk/dn/thing/event/property/post"
    body = json.loads(client.sent[1][2])
    assert body["method"] == "thing.event.property.post" and body["version"] == "1.0"
    assert body["params"] == {"t": {"value": 21.5, "time": 1700000000000}}
    assert not values(client.sent[1][1], 2089)
    client.events.append(("response", message(0x45)))
    assert session.poll(0) == ("acked", 1, None)
    submit(session, 2, Report({"v": 1}, event="alarm"))
    assert b"/".join(values(client.sent[2][1], 11)) == b"topic/sys/pk/dn/thing/event/alarm/post"


def test_cbor_is_sent_as_content_format_60():
    session, client = make(message(0x45, b'{"token":"t"}'), trust=object(), format="cbor")
    report = Report({"t": 1})
    report.id = 5
    submit(session, 1, report)
    _, options, payload, _ = client.sent[1]
    assert values(options, 12) == [b"\x3c"]
    assert values(client.sent[0][1], 12) == [b"\x32"]  # /auth speaks JSON
    # RFC 8949: a4, then the keys by their encoding: id, method, params, version
    assert payload == (
        b"\xa4\x62id\x615\x66method\x78\x19thing.event.property.post"
        b"\x66params\xa1\x61t\xa1\x65value\x01\x67version\x631.0"
    )


def test_several_reports_fill_a_datagram():
    for changes in ({}, {"trust": object()}, {"profile": "documented"}):
        for each in {"temperature": 21.5, "humidity": 63}, {"a long name": 0.125}:
            session, client = make(message(0x45, AUTH), **changes)
            reports = [Report(each, 1700000000000 + n) for n in range(40)]
            keys, report = session.batch(check.Backlog(*reports), 1)
            assert submit(session, tuple(keys), report) is None
            _, options, payload, _ = client.sent[-1]
            size = 5 + len(payload) + sum([1 + len(value) for _, value in options])
            assert 900 < size <= 1024, (changes, len(keys), size)
            session._client.channel.most = 512  # a modem's
            assert 1 < len(session.batch(check.Backlog(*reports), 1)[0]) < len(keys)


def test_several_reports_in_cbor():
    session, client = make(message(0x45, b'{"token":"t"}'), trust=object(), format="cbor")
    reports = [Report({"t": n}, 1700000000000 + n) for n in range(2)]
    huge = Report({"t": 1 << 64}, 5)  # CBOR has no form for it
    keys, report = session.batch(check.Backlog(reports[0], reports[1], huge), 1)
    check.equal(keys, [1, 2])
    submit(session, tuple(keys), report)
    _, options, payload, _ = client.sent[-1]
    check.equal(values(options, 12), [b"\x3c"])
    id = str(report.id).encode()
    expected = b"\xa4\x62id" + bytes((0x60 + len(id),)) + id + b"\x67version\x631.0"
    expected += b"\x66method\x78\x1fthing.event.property.batch.post"
    expected += b"\x66params\xa1\x6aproperties\xa1\x61t\x82"
    for n in range(2):
        expected += b"\xa2\x65value" + bytes((n,)) + b"\x64time\x1b"
        expected += (1700000000000 + n).to_bytes(8, "big")
    check.equal(payload, expected)


def test_only_one_report_is_on_its_way():
    session, client = make(message(0x45, AUTH))
    submit(session, 1, Report({"t": 1}))
    assert session.submit(2, Report({"t": 2})) is False
    assert len(client.sent) == 2


def test_the_clouds_message_id_comes_with_the_success():
    session, client = make(message(0x45, AUTH))
    submit(session, 1, Report({"t": 1}))
    client.events.append(("response", message(0x45, b"", ((2090, b"1234567890123456789"),))))
    assert session.poll(0) == ("acked", 1, "1234567890123456789")


def test_a_message_id_that_is_no_number_is_shown_in_hexadecimal():
    session, client = make(message(0x45, AUTH))
    submit(session, 1, Report({"t": 1}))
    client.events.append(("response", message(0x45, b"", ((2090, b"\xff\x1b["),))))
    assert session.poll(0) == ("acked", 1, "ff1b5b")


def test_a_reply_that_cannot_be_decrypted_does_not_take_the_success_back():
    session, client = make(message(0x45, AUTH))
    submit(session, 1, Report({"t": 1}))
    client.events.append(("response", message(0x45, b"no ciphertext")))
    assert session.poll(0) == ("acked", 1, None)
    assert session.lines[-1].startswith("answer: ProtocolError(")


def test_what_a_reply_holds_is_shown_decrypted():
    session, client = make(message(0x45, AUTH))
    submit(session, 1, Report({"t": 1}))
    client.events.append(("response", message(0x45, encrypted("hello"))))
    assert session.poll(0) == ("acked", 1, None)
    assert session.lines[-1] == "answer: b'hello'"


def test_a_warm_start_needs_no_name_lookup_and_no_auth():
    prove(*make(message(0x45, AUTH)))
    session, client = again()
    check.equal(Channel.found, [("192.0.2.7", 5682)])
    check.equal([session.poll(0), client.sent], [None, []])  # without a report nothing is sent
    submit(session, 1, Report({"t": 1}))
    assert len(client.sent) == 1 and values(client.sent[0][1], 2088) == [b"t0k3n"]


def test_a_report_sent_again_keeps_its_alink_id():
    session, client = make(message(0x45, b'{"token":"t"}'), trust=object())
    prove(session, client)
    first = Report({"t": 1})
    for report in (first, first, Report({"t": 1})):
        submit(session, 1, report)
        session.close()
        begin(session)
    ids = [json.loads(each[2])["id"] for each in client.sent]
    check.equal(ids[:2], [str(first.id)] * 2)
    assert ids[2] != ids[0]


def test_seq_and_message_id_never_repeat_over_resets():
    session, client = make(message(0x45, AUTH))
    prove(session, client)
    start_at(session, 65_400)  # message ids wrap meanwhile
    seqs, ids = [], []
    for _ in range(15):
        session, client = again()
        for key in range(2):
            submit(session, key, Report({"t": 1}))
            seqs += values(client.sent[-1][1], 2089)
            ids.append(client.ids[-1])
            client.events.append(("response", message(0x45)))
            session.poll(0)
        if len(seqs) % 2:
            session.close()  # a clean end or none
    assert len(set(seqs)) == 30 and len(set(ids)) == 30
    assert min(ids) >= 0 and max(ids) <= 65_535


def test_another_identity_does_not_use_the_token_of_the_one_before():
    prove(*make(message(0x45, AUTH)))
    session, client = again(message(0x45, AUTH), device_name="other")
    assert len(client.sent) == 1 and values(client.sent[0][1], 11) == [b"auth"]
    prove(session, client)
    _, client = again(message(0x45, AUTH), device_name="other", device_secret="new")
    assert len(client.sent) == 1


def test_an_old_token_is_renewed_before_it_is_used():
    """It lives seven days."""
    prove(*make(message(0x45, AUTH)))
    unix_ms = clock.unix_ms
    try:
        for late_ms, logins in ((-60_000, 0), (60_000, 1)):
            clock.unix_ms = lambda late_ms=late_ms: unix_ms() + 7 * 86_400_000 + late_ms
            _, client = again(message(0x45, AUTH))
            assert [values(each[1], 11) for each in client.sent] == [[b"auth"]] * logins, late_ms
    finally:
        clock.unix_ms = unix_ms


def test_with_ack_mode_1_two_datagrams_come_before_the_radio_may_go():
    session, client = make(message(0x45, AUTH), ack_mode=1)
    submit(session, 1, Report({"t": 1}), True)
    assert client.sent[-1][3] == 2
    session, client = make(message(0x45, AUTH))
    submit(session, 1, Report({"t": 1}), False)
    assert not client.sent[-1][3]
