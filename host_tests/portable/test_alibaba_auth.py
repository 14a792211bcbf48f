"""Does `/auth` ask for a token as the document prints it, and read only what the document says?

The document's own examples give contents without secrets; the signatures are Python's own `hmac`
of the content that the document spells out.
"""

import json

import check
from signet import clock
from signet.cloud.alibaba import auth, grant, token
from signet.device.state import State
from signet.errors import ProtocolError


def _config(**changes):
    config = {
        "way": "coap",
        "product_key": "123",
        "device_name": "test",
        "client_id": "123",
        "device_secret": "aaabbbcc123",
        "sign_method": "hmacmd5",
        "timestamp": True,
        "ack_mode": 0,
    }
    config.update(changes)
    return config


def _request(seq="123", unix_ms=1524448722000, **changes):
    return json.loads(auth.request(_config(**changes), unix_ms, seq))


# hmac.new(b"aaabbbcc123", b"<content>", name).hexdigest() of CPython; content as in the document:
# clientId123deviceNametestproductKey123seq123timestamp1524448722000
_SIGNS = {
    "hmacmd5": "17e9f962c85bd3cbb040c3788ecbf38a",
    "hmacsha1": "bd07946f46fa8f668a325de076ef9520cded20ac",
    "hmacsha256": "d370877703fe6cbe937603490b95c25b48b60521970a1d604a9f627c262d9579",
}


def test_the_content_of_the_document_is_signed_with_each_method():
    for method, sign in _SIGNS.items():
        body = _request(sign_method=method)
        check.equal(body["sign"], sign, method)
        # not sent where it is the document's default
        check.equal(body.get("signmethod", "hmacmd5"), method)
        check.equal(body["productKey"], "123")
        check.equal(body["deviceName"], "test")
        check.equal(body["seq"], "123")
        check.equal(body["timestamp"], "1524448722000")


def test_ack_mode_is_sent_and_signed_where_it_is_not_the_default():
    assert "ackMode" not in _request()
    body = _request(ack_mode=1, timestamp=False)
    assert body["ackMode"] == 1 and "timestamp" not in body
    # ackMode1clientId123deviceNametestproductKey123seq123
    check.equal(body["sign"], "bf03dfe42649e8244081ee12963ac632")


def test_over_dtls_there_is_no_seq():
    body = _request(seq=None, timestamp=False)
    assert "seq" not in body
    # clientId123deviceNametestproductKey123
    check.equal(body["sign"], "2f991f25d82313883f4ecfdf84ea6497")


def test_the_documents_default_method_is_not_spelt_out():
    assert "signmethod" not in _request() and "signmethod" in _request(sign_method="hmacsha1")


def test_the_fields_go_in_the_documents_order():
    text = auth.request(_config(), 1524448722000, "123").decode()
    order = ["productKey", "deviceName", "clientId", "seq", "timestamp", "sign"]
    places = [text.index('"' + name + '"') for name in order]
    assert places == sorted(places)


_RANDOM, _TOKEN = "ad2b3a5eb51d64f7", "MZ8m37hp01w1SSqoDFzo0010500d00.ad2b"  # the document's


def test_the_documents_answers_are_read():
    answer = json.loads('{"random":"%s","seqOffset":1,"token":"%s"}' % (_RANDOM, _TOKEN))
    expected = {"random": _RANDOM, "offset": 1, "token": _TOKEN}
    check.equal(grant.read(answer, True), expected)
    check.equal(grant.read(answer, False), {"token": _TOKEN})


def test_an_answer_that_is_not_the_documents_is_a_protocol_error_that_shows_no_token():
    for name, values in (
        ("token", (None, 1, "", "x" * 256, "t0k3n\r\nHost: x", "t0k3n ", "t0k3n\u20ac")),
        ("random", (None, 1, "", "r" * 65, "r\n", "\ud800")),
        # RFC 8259 section 6: up to 2**53 - 1 all agree
        ("seqOffset", (None, "x", -1, True, 1.5, 1 << 53, int("9" * 300))),
    ):
        for value in values:
            answer = {"token": "t0k3n", "random": "r", "seqOffset": (1 << 53) - 1}
            grant.read(answer, True)
            answer[name] = value
            error = check.raises(ProtocolError, grant.read, answer, True)
            assert "t0k3n" not in str(error)
            del answer[name]
            check.raises(ProtocolError, grant.read, answer, True)


_DAY_MS = 86_400_000


class _Clock:
    """Signet's clock says what a test tells it, while this lasts."""

    def __enter__(self):
        self._kept = clock.unix_ms, clock.is_set
        clock.unix_ms, clock.is_set = lambda: self.now, lambda: self.now > 0
        self.now = 1524448722000
        return self

    def __exit__(self, *error):
        clock.unix_ms, clock.is_set = self._kept


def _tokens():
    """A Token, and one after a reset."""
    path = check.scratch("state")
    config = _config(crc="1", sign_method="hmacsha256")

    def make(**changes):
        return token.Token(dict(config, **changes), lambda line: None, State(path))

    return make


def test_a_token_that_is_kept_counts_for_seven_days_after_a_reset_and_for_its_device_json():
    make = _tokens()
    with _Clock() as now:
        first = make()
        assert not first.find()
        first.take({"token": "t", "random": "r", "seqOffset": 5}, True)
        first.keep({"address": "192.0.2.7"})
        for days, counts in ((0, True), (6, True), (8, False), (-1, False), (0, True)):
            now.now = 1524448722000 + days * _DAY_MS
            again = make()
            assert again.find() is counts, days
            if counts:
                check.equal(
                    [again.values[n] for n in ("token", "random", "offset")], ["t", "r", 5]
                )
        now.now = 0  # not set: nobody can tell
        assert make().find()
        assert not make(crc="2").find()
        assert not make().find()


def test_a_token_that_did_not_prove_itself_is_forgotten_and_one_that_is_dropped_is_gone():
    make = _tokens()
    one = make()
    one.take({"token": "t", "random": "r", "seqOffset": 5}, True)
    assert one.values and not one.is_kept and not make().find()
    assert not one.find() and one.values is None
    one.take({"token": "t2"})
    one.keep({})
    assert one.is_kept and make().find()
    one.drop()
    assert one.values is None and not one.find() and not make().find()


def test_a_time_is_signed_only_where_it_is_known():
    make = _tokens()
    with _Clock() as now:
        for at, known in ((1524448722000, True), (0, False)):
            now.now = at
            assert ("timestamp" in json.loads(make().request("1"))) is known
