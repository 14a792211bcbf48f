"""Does a CoapClient do what the ETSI CoAP test descriptions TD_COAP_CORE ask of a client?

One test for each description of cabo/td-coap4 base.yml that is about messages: 01 to 17 and 31.
18 to 29 are in test_etsi_options.py; there is no 30. The server is aiocoap, and aiocoap reads the
datagrams.
"""

from check import equal
from check_coap import (
    ACK,
    CHANGED,
    CON,
    CONTENT,
    CONTENT_FORMAT,
    CREATED,
    DELETE,
    DELETED,
    GET,
    NON,
    POST,
    PUT,
    RST,
    URI_QUERY,
    ask,
    begin,
    empty,
    piggybacked,
    requests,
    seen,
    shown,
    values,
    works_in_silence,
)

SERVERS = {"plugtest": ("coap", "plugtest")}

_TEXT = (CONTENT_FORMAT, b"")  # 0, text/plain


def _confirmable(code, expected, options=(), payload=b""):
    answer = ask(begin(), code, "test", options, payload)
    request, reply = seen(2)
    requests(request, CON, code, "test")
    equal((request.options[1:], request.payload), (list(options), payload))
    piggybacked(reply, request, expected)
    shown(answer, reply)
    return reply


def _non_confirmable(code, expected, options=(), payload=b""):
    answer = ask(begin(), code, "test", options, payload, confirmable=False)
    request, reply = seen(2)
    requests(request, NON, code, "test")
    equal((request.options[1:], request.payload), (list(options), payload))
    equal((reply.sender, reply.type, reply.code), ("server", NON, expected))
    equal(reply.token, request.token)
    assert values(reply, CONTENT_FORMAT) or not reply.payload
    shown(answer, reply)
    return reply


def test_TD_COAP_CORE_01_get():
    assert _confirmable(GET, CONTENT).payload


def test_TD_COAP_CORE_02_delete():
    _confirmable(DELETE, DELETED)


def test_TD_COAP_CORE_03_put():
    _confirmable(PUT, CHANGED, (_TEXT,), b"new")


def test_TD_COAP_CORE_04_post():
    _confirmable(POST, CREATED, (_TEXT,), b"more")


def test_TD_COAP_CORE_05_get_non():
    assert _non_confirmable(GET, CONTENT).payload


def test_TD_COAP_CORE_06_delete_non():
    _non_confirmable(DELETE, DELETED)


def test_TD_COAP_CORE_07_put_non():
    _non_confirmable(PUT, CHANGED, (_TEXT,), b"new")


def test_TD_COAP_CORE_08_post_non():
    _non_confirmable(POST, CREATED, (_TEXT,), b"more")


def _separate_exchange(request, acknowledged, reply, acknowledgement):
    """The four datagrams of a CON request with a separate response."""
    requests(request, CON, GET, "separate")
    empty(acknowledged, "server", ACK, request.message_id)
    equal((reply.sender, reply.type, reply.code), ("server", CON, CONTENT))
    equal(reply.token, request.token)
    assert values(reply, CONTENT_FORMAT) and reply.payload
    empty(acknowledgement, "client", ACK, reply.message_id)


def test_TD_COAP_CORE_09_separate_response():
    answer = ask(begin(), GET, "separate")
    notes = seen(4)
    _separate_exchange(*notes)
    shown(answer, notes[2])


def test_TD_COAP_CORE_10_non_empty_token():
    answer = ask(begin(), GET, "test", token=b"8 bytes!")
    request, reply = seen(2)
    equal(request.token, b"8 bytes!")
    requests(request, CON, GET, "test")
    piggybacked(reply, request, CONTENT)
    shown(answer, reply)


def test_TD_COAP_CORE_11_non_empty_token_and_separate_response():
    answer = ask(begin(), GET, "separate", token=b"1")
    notes = seen(4)
    equal(notes[0].token, b"1")
    _separate_exchange(*notes)
    shown(answer, notes[2])


def test_TD_COAP_CORE_12_empty_token():
    answer = ask(begin(), GET, "test", token=b"")
    request, reply = seen(2)
    equal((request.type, request.code, request.token), (CON, GET, b""))
    piggybacked(reply, request, CONTENT)
    shown(answer, reply)


def test_TD_COAP_CORE_13_several_uri_path_options():
    answer = ask(begin(), GET, "seg1/seg2/seg3")
    request, reply = seen(2)
    requests(request, CON, GET, "seg1/seg2/seg3")
    piggybacked(reply, request, CONTENT)
    shown(answer, reply)


def test_TD_COAP_CORE_14_several_uri_query_options():
    query = [b"first=1", b"second=2", b"third=3"]
    answer = ask(begin(), GET, "query", [(URI_QUERY, each) for each in query])
    request, reply = seen(2)
    requests(request, CON, GET, "query")
    equal(values(request, URI_QUERY), query)
    piggybacked(reply, request, CONTENT)
    equal(answer.payload, b"first=1&second=2&third=3")


def test_TD_COAP_CORE_15_lost_request():
    answer = ask(begin(200, lose={"client": [0]}), GET, "test")
    lost, again, reply = seen(3)
    assert lost.lost
    equal(again[2:], lost[2:])
    piggybacked(reply, again, CONTENT)
    shown(answer, reply)


def test_TD_COAP_CORE_15_lost_response():
    answer = ask(begin(200, lose={"server": [0]}), GET, "test")
    request, lost, again, reply = seen(4)
    assert lost.lost
    equal(again, request)
    equal(reply[2:], lost[2:])
    shown(answer, reply)


def test_TD_COAP_CORE_16_lost_request():
    answer = ask(begin(200, lose={"client": [0]}), GET, "separate")
    lost, *notes = seen(5)
    equal(notes[0][2:], lost[2:])
    _separate_exchange(*notes)
    shown(answer, notes[2])


def test_TD_COAP_CORE_16_lost_acknowledgement_of_the_request():
    answer = ask(begin(200, lose={"server": [0]}), GET, "separate")
    request, lost, again, *rest = seen(6)
    assert lost.lost
    equal(again, request)
    _separate_exchange(again, *rest)
    shown(answer, rest[1])


def test_TD_COAP_CORE_16_the_response_also_stops_retransmission():
    client = begin(800, lose={"server": [0]})
    answer = ask(client, GET, "separate")
    equal(client.poll(1300), None)
    notes = seen(4)  # there would be five
    _separate_exchange(*notes)
    shown(answer, notes[2])


def test_TD_COAP_CORE_16_lost_response():
    answer = ask(begin(lose={"server": [1]}), GET, "separate")
    request, acknowledged, lost, reply, acknowledgement = seen(5)
    assert lost.lost
    equal(reply[2:], lost[2:])
    _separate_exchange(request, acknowledged, reply, acknowledgement)
    shown(answer, reply)


def test_TD_COAP_CORE_16_lost_acknowledgement_of_the_response():
    client = begin(lose={"client": [1]})
    answer = ask(client, GET, "separate")
    works_in_silence(client, 6)  # the same response again is not shown again
    request, acknowledged, reply, lost, again, acknowledgement = seen(6)
    assert lost.lost
    equal(again, reply)
    _separate_exchange(request, acknowledged, reply, lost)
    _separate_exchange(request, acknowledged, again, acknowledgement)
    shown(answer, reply)


def test_TD_COAP_CORE_17_separate_response_non():
    answer = ask(begin(), GET, "separate", confirmable=False)
    request, reply = seen(2)
    requests(request, NON, GET, "separate")
    equal((reply.sender, reply.type, reply.code), ("server", NON, CONTENT))
    equal(reply.token, request.token)
    assert values(reply, CONTENT_FORMAT) and reply.payload
    shown(answer, reply)


def test_TD_COAP_CORE_31_ping():
    client = begin()
    client.ping()
    equal(client.poll(5000), ("pong",))
    ping, pong = seen(2)
    empty(ping, "client", CON, ping.message_id)
    empty(pong, "server", RST, ping.message_id)
