"""Does the Session over CoAP send what Alibaba's document asks for, and do the right thing after?

The client below it plays a script; what goes over a real wire is tested in host_tests/device.
Ciphertexts are those of `cryptography` (vectors/alibaba-coap.json).
"""

import hashlib
import json
from binascii import unhexlify

import check
from signet.cloud.alibaba import coap
from signet.cloud.messages import Report
from signet.errors import ConfigError, Lost, Refused, Rejected, Throttled, TimedOut
from signet.net import dtls
from signet.wire.coap import Message

_VECTORS = check.vectors("alibaba-coap")
_SECRET = _VECTORS["device_secret"]
_AUTH = json.dumps({"random": _VECTORS["random"], "seqOffset": 1000, "token": "t0k3n"}).encode()


def _encrypted(text):
    return unhexlify(_VECTORS["encrypted"][text])


def _message(code, payload=b"", options=()):
    return Message(2, code, 0, b"", options, payload)


class _Exchange:
    next_message_id = 0


class _Client:
    """Answers from lists; keeps what was sent as (code, options, payload, last)."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.events = []
        self.sent = []
        self.ids = []
        self.channel = None
        self.exchange = _Exchange()
        self.busy = False

    def use(self, channel):
        self.channel = channel

    def ask(self, code, options, payload, deadline):
        self._keep(code, options, payload, None)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def request(self, code, options, payload, last=False):
        self._keep(code, options, payload, last)

    def _keep(self, code, options, payload, last):
        self.sent.append((code, options, payload, last))
        self.ids.append(self.exchange.next_message_id)

    def poll(self, timeout_ms):
        return self.events.pop(0) if self.events else None

    def close(self):
        self.channel = None


class _Channel:
    address = "192.0.2.7"
    opened = []

    def __init__(self, host, port, deadline, largest):
        self.opened.append((host, port))


def _without_dtls(channel, host, trust, deadline):
    return channel


def _session(*answers, **changes):
    """A session on an empty flash, open."""
    coap._STATE = check.scratch("signet.state")
    return _again(*answers, **changes)


def _again(*answers, **changes):
    """A session after a reboot."""
    config = {
        "host": "pk.coap.example.com",
        "address": None,
        "port": 5682,
        "tls": False,
        "trust": None,
        "product_key": "pk",
        "device_name": "dn",
        "device_secret": _SECRET,
        "client_id": "pk.dn",
        "sign_method": "hmacsha256",
        "timestamp": False,
        "ack_mode": 0,
        "format": "json",
        "profile": "lean",
        "ack_timeout_ms": 2000,
        "max_retransmit": 4,
    }
    config.update(changes)
    lines = []
    coap.UdpChannel = _Channel
    dtls.DtlsChannel = _without_dtls
    _Channel.opened.clear()
    session = coap.CoapSession(config, lines.append)
    session._client = client = _Client(*answers)
    session.lines = lines
    session.open(None)
    return session, client


def _values(options, number):
    return [value for each, value in options if each == number]


def _start_at(session, n):
    session._state.save({"n": n})


def test_auth_is_a_post_of_json_to_auth():
    _, client = _session(_message(0x45, _AUTH))
    code, options, payload, _ = client.sent[0]
    assert code == 2
    assert options == [(11, b"auth"), (12, b"\x32")]
    body = json.loads(payload)
    assert body["productKey"] == "pk" and body["deviceName"] == "dn" and body["seq"]


def test_a_report_carries_token_and_encrypted_seq_and_is_encrypted():
    session, client = _session(_message(0x45, _AUTH))
    _start_at(session, 0)  # the Alink id takes 0, the message 1
    assert session.submit(7, Report(b"a payload of 16.", topic="/pk/dn/user/update"), True)
    code, options, payload, last = client.sent[1]
    assert code == 2 and last is True
    assert options == [
        (11, b"topic"),
        (11, b"pk"),
        (11, b"dn"),
        (11, b"user"),
        (11, b"update"),
        (12, b"\x32"),
        (2088, b"t0k3n"),
        (2089, _encrypted("1001")),
    ]
    assert payload == _encrypted("a payload of 16.")


def test_the_documented_profile_sends_host_port_and_accept_too():
    session, client = _session(_message(0x45, _AUTH), profile="documented")
    session.submit(7, Report({"t": 1}))
    for _, options, _, _ in client.sent:
        assert _values(options, 3) == [b"pk.coap.example.com"]
        assert _values(options, 7) == [b"\x16\x32"]
        assert _values(options, 12) == [b"\x32"] and _values(options, 17) == [b"\x32"]
        assert [number for number, _ in options] == sorted([number for number, _ in options])


def test_a_report_of_values_is_a_property_post_and_an_event_goes_to_its_own_topic():
    session, client = _session(_message(0x45, b'{"token":"t"}'), trust=object(), tls=False)
    assert session.submit(1, Report({"t": 21.5}, 1700000000000))
    path = b"/".join(_values(client.sent[1][1], 11))
    assert path == b"topic/sys/pk/dn/thing/event/property/post"
    body = json.loads(client.sent[1][2])
    assert body["method"] == "thing.event.property.post" and body["version"] == "1.0"
    assert body["params"] == {"t": {"value": 21.5, "time": 1700000000000}}
    assert not _values(client.sent[1][1], 2089)
    client.events.append(("response", _message(0x45)))
    assert session.poll(0) == ("acked", 1, None)
    session.submit(2, Report({"v": 1}, event="alarm"))
    assert b"/".join(_values(client.sent[2][1], 11)) == b"topic/sys/pk/dn/thing/event/alarm/post"


def test_cbor_is_sent_as_content_format_60():
    session, client = _session(_message(0x45, b'{"token":"t"}'), trust=object(), format="cbor")
    _start_at(session, 5)
    session.submit(1, Report({"t": 1}))
    _, options, payload, _ = client.sent[1]
    assert _values(options, 12) == [b"\x3c"]
    assert _values(client.sent[0][1], 12) == [b"\x32"]  # /auth speaks JSON
    # RFC 8949: a4, then the keys by their encoding: id, method, params, version
    assert payload == (
        b"\xa4\x62id\x615\x66method\x78\x19thing.event.property.post"
        b"\x66params\xa1\x61t\xa1\x65value\x01\x67version\x631.0"
    )


def test_only_one_report_is_on_its_way():
    session, client = _session(_message(0x45, _AUTH))
    assert session.submit(1, Report({"t": 1}))
    assert session.submit(2, Report({"t": 2})) is False
    assert len(client.sent) == 2


def test_the_clouds_message_id_comes_with_the_success():
    session, client = _session(_message(0x45, _AUTH))
    session.submit(1, Report({"t": 1}))
    client.events.append(("response", _message(0x45, b"", ((2090, b"1234567890123456789"),))))
    assert session.poll(0) == ("acked", 1, "1234567890123456789")


def test_a_message_id_that_is_no_number_is_shown_in_hexadecimal():
    session, client = _session(_message(0x45, _AUTH))
    session.submit(1, Report({"t": 1}))
    client.events.append(("response", _message(0x45, b"", ((2090, b"\xff\x1b["),))))
    assert session.poll(0) == ("acked", 1, "ff1b5b")


def test_a_reply_that_cannot_be_decrypted_does_not_take_the_success_back():
    session, client = _session(_message(0x45, _AUTH))
    session.submit(1, Report({"t": 1}))
    client.events.append(("response", _message(0x45, b"no ciphertext")))
    assert session.poll(0) == ("acked", 1, None)
    assert "dropped the payload" in session.lines[-1]


def test_a_lost_or_expired_token_is_renewed_once_and_the_report_resent_once():
    for code in (0x81, 0x82):
        fresh = json.dumps({"random": "r2", "seqOffset": 5, "token": "t2"}).encode()
        session, client = _session(_message(0x45, _AUTH), _message(0x45, fresh))
        session.submit(1, Report({"t": 1}), True)
        client.events.append(("response", _message(code)))
        assert session.poll(0) is None
        assert [b"/".join(_values(each[1], 11)) for each in client.sent[2:]] == [
            b"auth",
            b"topic/sys/pk/dn/thing/event/property/post",
        ]
        assert _values(client.sent[3][1], 2088) == [b"t2"]
        assert len(set(client.ids)) == 4
        client.events.append(("response", _message(0x45)))
        assert session.poll(0) == ("acked", 1, None)


def test_a_token_refused_twice_ends_as_refused():
    session, client = _session(_message(0x45, _AUTH), _message(0x45, _AUTH))
    session.submit(1, Report({"t": 1}))
    client.events += [("response", _message(0x81)), ("response", _message(0x81))]
    assert session.poll(0) is None
    kind, error = session.poll(0)
    assert kind == "lost" and isinstance(error, Refused) and error.code == 0x81
    assert "4.01" in str(error) and "t0k3n" not in str(error) and _SECRET not in str(error)


_CODES = (
    # code, in answer to /auth, in answer to a report
    (0x80, Refused, Rejected),
    (0x83, Refused, Rejected),
    (0x84, Refused, Rejected),
    (0x85, Refused, Rejected),
    (0x86, Refused, Rejected),
    (0x8F, Refused, Rejected),
    (0x8D, Refused, Rejected),
    (0x9D, Throttled, Throttled),
    (0xA0, Throttled, Throttled),
    (0xA3, Throttled, Throttled),
)


def test_every_code_of_the_documents_table_is_the_right_error():
    for code, in_auth, in_report in _CODES:
        error = check.raises(in_auth, _session, _message(code))
        assert "/auth" in str(error) and "{}.{:02d}".format(code >> 5, code & 31) in str(error)
        session, client = _session(_message(0x45, _AUTH))
        session.submit(1, Report({"t": 1}))
        client.events.append(("response", _message(code)))
        kind, key, error = session.poll(0)
        assert kind == "failed" and key == 1 and isinstance(error, in_report), code
    assert isinstance(check.raises(Refused, _session, _message(0x81)), Refused)


def test_max_age_says_how_long_to_wait():
    session, client = _session(_message(0x45, _AUTH))
    session.submit(1, Report({"t": 1}))
    client.events.append(("response", _message(0xA3, b"", ((14, b"\x1e"),))))
    assert session.poll(0)[2].retry_after_ms == 30_000


def test_no_answer_is_lost_and_dns_is_asked_again():
    session, client = _session(_message(0x45, _AUTH))
    assert session._state.values["address"] == "192.0.2.7"
    session.submit(1, Report({"t": 1}))
    client.events.append(("failed", TimedOut("nothing")))
    kind, error = session.poll(0)
    assert kind == "lost" and isinstance(error, Lost)
    assert "address" not in session._state.values


def test_a_warm_start_needs_no_name_lookup_and_no_auth():
    _session(_message(0x45, _AUTH))
    session, client = _again()
    assert _Channel.opened == [("192.0.2.7", 5682)]
    session.submit(1, Report({"t": 1}))
    assert len(client.sent) == 1 and _values(client.sent[0][1], 2088) == [b"t0k3n"]


def test_a_report_sent_again_keeps_its_alink_id():
    session, client = _session(_message(0x45, b'{"token":"t"}'), trust=object())
    session._reopened = True
    session.submit(1, Report({"t": 1}))
    session.close()
    session.submit(1, Report({"t": 1}))
    session.close()
    session.submit(2, Report({"t": 1}))
    ids = [json.loads(each[2])["id"] for each in client.sent[1:]]
    assert ids[0] == ids[1] != ids[2]


def test_seq_and_message_id_never_repeat_over_resets():
    session, client = _session(_message(0x45, _AUTH))
    _start_at(session, 65_400)  # message ids wrap meanwhile
    seqs, ids = [], []
    for _ in range(15):
        session, client = _again()
        for key in range(2):
            session.submit(key, Report({"t": 1}))
            seqs += _values(client.sent[-1][1], 2089)
            ids.append(client.ids[-1])
            client.events.append(("response", _message(0x45)))
            session.poll(0)
        if len(seqs) % 2:
            session.close()  # a clean end or none
    assert len(set(seqs)) == 30 and len(set(ids)) == 30
    assert min(ids) >= 0 and max(ids) <= 65_535


def test_another_identity_does_not_use_the_token_of_the_one_before():
    _session(_message(0x45, _AUTH))
    _, client = _again(_message(0x45, _AUTH), device_name="other")
    assert len(client.sent) == 1 and _values(client.sent[0][1], 11) == [b"auth"]
    _, client = _again(_message(0x45, _AUTH), device_name="other", device_secret="new")
    assert len(client.sent) == 1


def test_an_old_token_is_renewed_before_it_is_used():
    session, _ = _session(_message(0x45, _AUTH))
    session._state.save({"expires": 1})
    session, client = _again(_message(0x45, _AUTH))
    assert _values(client.sent[0][1], 11) == [b"auth"]


def test_a_report_too_large_for_a_datagram_is_rejected():
    session, client = _session(_message(0x45, _AUTH))
    check.raises(Rejected, session.submit, 1, Report(bytes(800), topic="/pk/dn/user/update"))
    assert session.submit(2, Report({"t": 1})) and len(client.sent) == 2


def test_with_ack_mode_1_the_radio_is_not_told_to_expect_one_reply():
    session, client = _session(_message(0x45, _AUTH), ack_mode=1)
    session.submit(1, Report({"t": 1}), True)
    assert client.sent[-1][3] is False


class _NoHash:
    """hashlib of a board without MD5."""

    @staticmethod
    def sha256(data=b""):
        return hashlib.sha256(data)


def test_a_hash_that_the_firmware_lacks_shows_at_open():
    coap._STATE = check.scratch("signet.state")
    coap.hashlib, kept = _NoHash, coap.hashlib
    try:
        error = check.raises(ConfigError, _again, sign_method="hmacmd5")
    finally:
        coap.hashlib = kept
    assert "this firmware has no md5" in str(error)


def test_a_value_without_a_form_is_rejected_in_both_formats():
    for format in ("json", "cbor"):
        session, _ = _session(_message(0x45, _AUTH), format=format)
        check.raises(Rejected, session.submit, 1, Report({"t": object()}))
        assert session.submit(2, Report({"t": 1}))
