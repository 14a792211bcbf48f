"""Does a CoapClient do what the ETSI CoAP test descriptions ask of a client with certain options?

One test for each description of cabo/td-coap4 base.yml that is about options, TD_COAP_CORE_18 to
23, and for each of fsismondi/ttproto that has a reverse proxy, 24 to 29. The server is aiocoap,
and aiocoap reads the datagrams.
"""

from check import equal
from check_coap import (
    ACCEPT,
    CHANGED,
    CON,
    CONTENT,
    CONTENT_FORMAT,
    CREATED,
    ETAG,
    GET,
    IF_MATCH,
    IF_NONE_MATCH,
    LOCATION_PATH,
    LOCATION_QUERY,
    MAX_AGE,
    POST,
    PRECONDITION_FAILED,
    PUT,
    VALID,
    ask,
    begin,
    piggybacked,
    requests,
    seen,
    shown,
    to,
    values,
)

SERVERS = {"plugtest": ("coap", "plugtest")}

_TEXT = (CONTENT_FORMAT, b"")  # 0, text/plain


def _several_location_path_options(where, **arguments):
    answer = ask(begin(**arguments), POST, where, (_TEXT,), b"any")
    request, reply = seen(2)
    requests(request, CON, POST, where)
    equal((values(request, CONTENT_FORMAT), request.payload), ([b""], b"any"))
    piggybacked(reply, request, CREATED)
    shown(answer, reply)
    equal(values(answer, LOCATION_PATH), [b"location1", b"location2", b"location3"])


def test_TD_COAP_CORE_18_several_location_path_options():
    _several_location_path_options("test")


def _several_location_query_options(**arguments):
    answer = ask(begin(**arguments), POST, "location-query", (_TEXT,), b"any")
    request, reply = seen(2)
    requests(request, CON, POST, "location-query")
    equal((values(request, CONTENT_FORMAT), request.payload), ([b""], b"any"))
    piggybacked(reply, request, CREATED)
    shown(answer, reply)
    equal(values(answer, LOCATION_QUERY), [b"first=1", b"second=2"])


def test_TD_COAP_CORE_19_several_location_query_options():
    _several_location_query_options()


def _accept(**arguments):
    client = begin(**arguments)
    for passed, accept, body in ((2, b"", b"one of two"), (4, b"\x29", b"<one>of two</one>")):
        answer = ask(client, GET, "multi-format", ((ACCEPT, accept),))
        request, reply = seen(passed, passed - 2)
        requests(request, CON, GET, "multi-format")
        equal(values(request, ACCEPT), [accept])
        piggybacked(reply, request, CONTENT)
        equal((values(reply, CONTENT_FORMAT), reply.payload), ([accept], body))
        shown(answer, reply)


def test_TD_COAP_CORE_20_accept():
    _accept()


def _get_validate(client, passed, etags, expected):
    """One GET, after which `passed` datagrams have passed."""
    answer = ask(client, GET, "validate", [(ETAG, etag) for etag in etags])
    request, reply = seen(passed, passed - 2)
    requests(request, CON, GET, "validate")
    equal(values(request, ETAG), etags)
    piggybacked(reply, request, expected)
    shown(answer, reply)
    return answer


def test_TD_COAP_CORE_21_etag():
    client = begin()
    first = _get_validate(client, 2, [], CONTENT)
    etag = values(first, ETAG)
    valid = _get_validate(client, 4, etag, VALID)
    equal((values(valid, ETAG), valid.payload), (etag, b""))
    to("validate", "touch")
    changed = _get_validate(client, 6, etag, CONTENT)
    assert values(changed, ETAG) != etag and changed.payload != first.payload


def _put_if_match(client, etag, payload, passed, expected):
    answer = ask(client, PUT, "validate", ((IF_MATCH, etag),), payload)
    request, reply = seen(passed, passed - 2)
    requests(request, CON, PUT, "validate")
    equal((values(request, IF_MATCH), request.payload), ([etag], payload))
    piggybacked(reply, request, expected)
    shown(answer, reply)
    return answer


def test_TD_COAP_CORE_22_if_match():
    client = begin()
    etag = values(_get_validate(client, 2, [], CONTENT), ETAG)[0]
    _put_if_match(client, etag, b"mine", 4, CHANGED)
    second = _get_validate(client, 6, [], CONTENT)
    equal(second.payload, b"mine")
    to("validate", "touch")
    _put_if_match(client, values(second, ETAG)[0], b"too late", 8, PRECONDITION_FAILED)
    assert ask(client, GET, "validate").payload != b"too late"


def _if_none_match(where, **arguments):
    client = begin(**arguments)
    for passed, expected in ((2, CREATED), (4, PRECONDITION_FAILED)):
        answer = ask(client, PUT, where, ((IF_NONE_MATCH, b""),), b"any")
        request, reply = seen(passed, passed - 2)
        requests(request, CON, PUT, where)
        equal((values(request, IF_NONE_MATCH), request.payload), ([b""], b"any"))
        piggybacked(reply, request, expected)
        shown(answer, reply)


def test_TD_COAP_CORE_23_if_none_match():
    _if_none_match("create1")


def test_TD_COAP_CORE_24_several_location_path_options_through_a_proxy():
    _several_location_path_options("create2", proxy=True)


def test_TD_COAP_CORE_25_several_location_query_options_through_a_proxy():
    _several_location_query_options(proxy=True)


def test_TD_COAP_CORE_26_accept_through_a_proxy():
    _accept(proxy=True)


def test_TD_COAP_CORE_27_if_match_through_a_proxy():
    client = begin(proxy=True)
    etag = values(ask(client, GET, "validate"), ETAG)[0]
    changed = values(_put_if_match(client, etag, b"mine", 4, CHANGED), ETAG)[0]
    assert changed != etag
    to("validate", "touch")
    _put_if_match(client, changed, b"too late", 6, PRECONDITION_FAILED)


def test_TD_COAP_CORE_28_if_none_match_through_a_proxy():
    _if_none_match("create3", proxy=True)


def test_TD_COAP_CORE_29_max_age_of_what_a_proxy_has_kept():
    client = begin(proxy=True)
    first = ask(client, GET, "validate")
    assert 0 < values(first, MAX_AGE)[0][0] <= 30 and values(first, ETAG)
    to("validate", "touch")
    kept = ask(client, GET, "validate")
    request, reply = seen(4, 2)
    piggybacked(reply, request, CONTENT)
    shown(kept, reply)
    equal(kept.payload, first.payload)
    assert 0 < values(kept, MAX_AGE)[0][0] <= values(first, MAX_AGE)[0][0]
