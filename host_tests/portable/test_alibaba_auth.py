"""Does `/auth` ask for a token as the document prints it, and read only what the document says?

The document's own examples give contents without secrets; the signatures are Python's own `hmac`
of the content that the document spells out.
"""

import json
from binascii import unhexlify

import check
from signet.cloud.alibaba import auth, coap_token
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


def test_the_documents_answers_are_read():
    answer = coap_token.answer(
        b'{"random":"ad2b3a5eb51d64f7","seqOffset":1,"token":"MZ8m37hp01w1SSqoDFzo0010500d00.ad2b"}',
        True,
    )
    assert answer == {
        "random": "ad2b3a5eb51d64f7",
        "offset": 1,
        "token": "MZ8m37hp01w1SSqoDFzo0010500d00.ad2b",
    }
    assert coap_token.answer(b'{"token":"f13102810756432e85dfd351eeb41c04"}', False) == {
        "token": "f13102810756432e85dfd351eeb41c04"
    }


def test_an_answer_that_is_not_the_documents_is_a_protocol_error_that_shows_no_token():
    for payload in (
        b"",
        b"null",
        b"[]",
        b"{}",
        b'{"token":"t0k3n","random":"r","seqOffset":1',
        b'{"token":"t0k3n"}',
        b'{"token":"t0k3n","random":"r"}',
        b'{"token":"t0k3n","random":"r","seqOffset":"x"}',
        b'{"token":"t0k3n","random":"r","seqOffset":null}',
        b'{"token":"t0k3n","random":"r","seqOffset":-1}',
        b'{"token":"t0k3n","random":"r","seqOffset":true}',
        b'{"token":"t0k3n","random":"r","seqOffset":1.5}',
        b'{"token":"t0k3n","random":1,"seqOffset":1}',
        b'{"token":1,"random":"r","seqOffset":1}',
        b'{"token":"","random":"r","seqOffset":1}',
        unhexlify("ff") + b'{"token":"t0k3n","random":"r","seqOffset":1}',
    ):
        error = check.raises(ProtocolError, coap_token.answer, payload, True)
        assert "t0k3n" not in str(error)
