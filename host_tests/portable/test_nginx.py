"""Does an HttpClient get on with nginx, over TCP and over TLS?

What each path of nginx does is listed in host/nginx.py.
"""

import check
from check import equal, raises
from check_http_client import Client
from signet.clock import Deadline
from signet.errors import Lost, ProtocolError, TimedOut, Untrusted
from signet.net.stream import TcpChannel
from signet.wire.http import quote

SERVERS = {
    "plain": ("nginx",),
    "good": ("nginx", "good"),
    "wrong_name": ("nginx", "wrong_name"),
    "wrong_ca": ("nginx", "wrong_ca"),
    "self_signed": ("nginx", "self_signed"),
    "expired": ("nginx", "expired"),
    "not_yet_valid": ("nginx", "not_yet_valid"),
}

_POLLIN = 1
_LARGE = 131_072  # bytes; more than the heap of the i386 interpreter
_BODY = b"".join([b"line %03d of what is kept\n" % line for line in range(75)])  # 1950 bytes


def _client(name, host="good.test", timeout_ms=9000):
    """Returns an HttpClient of the server `name`; over TLS it wants the certificate of good.test.

    timeout_ms: int, for one request.
    """
    end = check.server(name)
    if end["missing"]:
        check.skip(end["missing"])
    if "ca" not in end:
        return Client(
            lambda deadline: TcpChannel(end["host"], end["port"], deadline), host, timeout_ms
        )
    from signet.net.secure import TlsChannel
    from signet.net.trust import context

    with open(end["ca"], "rb") as file:
        trust = context(file.read())

    def connect(deadline):
        return TlsChannel(TcpChannel(end["host"], end["port"], deadline), host, trust, deadline)

    return Client(connect, host, timeout_ms)


def _get(client, path, wanted=(), sink=None, headers=()):
    return client.ask(path, headers, wanted=wanted, sink=sink, method="GET")


def _put(client, path, body, headers=()):
    equal(client.ask(path, headers, body, method="PUT").status // 100, 2)


def _numbers(client, path, body=b"report"):
    """Posts a body and returns what nginx counts: the connection, and its requests until now."""
    reply = client.ask(path, (("Content-Type", "application/json"),), body)
    equal(reply.status, 200)
    return tuple([int(number) for number in reply.body.split()])


def _requests_share_a_connection(name):
    client = _client(name)
    first, _ = _numbers(client, "/counted")
    equal([_numbers(client, "/counted") for _ in range(4)], [(first, n) for n in (2, 3, 4, 5)])
    client.close()


def test_requests_share_a_connection():
    _requests_share_a_connection("plain")


def test_requests_share_a_connection_over_tls():
    _requests_share_a_connection("good")


def _announced_close(name):
    client = _client(name)
    seen = [_numbers(client, "/closes") for _ in range(7)]
    equal([request for _, request in seen], [1, 2, 3, 1, 2, 3, 1])
    equal(len({connection for connection, _ in seen}), 3)
    client.close()


def test_a_close_that_was_announced_is_followed_by_a_new_connection():
    _announced_close("plain")


def test_a_close_that_was_announced_over_tls_is_followed_by_a_new_connection():
    _announced_close("good")


def _idle_close(name):
    client = _client(name)
    first, _ = _numbers(client, "/idle")
    deadline = Deadline(5000)
    while client.channel and not deadline.expired():
        equal(client.poll(20), None)
    equal(client.channel, None)
    second, request = _numbers(client, "/idle")  # its close is left to the next request to see
    assert (second, request) == (first + 1, 1), (first, second, request)
    assert client.channel.wait(_POLLIN, Deadline(5000))
    equal(_numbers(client, "/counted"), (second + 1, 1))
    client.close()


def test_a_close_while_idle_is_noticed_and_the_next_request_goes_over_a_new_connection():
    _idle_close("plain")


def test_a_close_while_idle_over_tls_is_noticed():
    _idle_close("good")


def _unanswered(name):
    client = _client(name)
    first, _ = _numbers(client, "/counted")
    equal(_numbers(client, "/unanswered"), (first + 1, 1))
    client.close()


def test_a_request_that_a_kept_connection_did_not_answer_is_sent_once_more():
    _unanswered("plain")


def test_a_request_that_a_kept_connection_over_tls_did_not_answer_is_sent_once_more():
    _unanswered("good")


def test_a_request_is_not_sent_more_than_twice():
    client = _client("plain")
    first, _ = _numbers(client, "/counted")
    raises(Lost, _numbers, client, "/never")
    equal((client.channel, client.reply), (None, None))
    equal(_numbers(client, "/counted"), (first + 2, 1))
    client.close()


class _Same:
    """Compares a body that comes in pieces with a file; a sink."""

    def __init__(self, file):
        self.size = 0
        self._file = file

    def __call__(self, piece):
        self.size += len(piece)
        equal(self._file.read(len(piece)), bytes(piece))


def _large_file():
    path = check.scratch("large")
    with open(path, "wb") as file:
        for line in range(_LARGE // 16):
            file.write(b"line %09d.\n" % line)
    return path


def _large_body_both_ways(name):
    client = _client(name)
    path = _large_file()
    with open(path, "rb") as file:
        equal(client.ask("/posted/large", (), file).status // 100, 2)
    for location in ("/kept/large", "/chunked/large", "/until_close/large"):
        with open(path, "rb") as file:
            same = _Same(file)
            equal(_get(client, location, sink=same).status, 200)
            equal(same.size, _LARGE, location)
    client.close()


def test_a_body_larger_than_the_heap_is_stored_and_fetched_byte_for_byte():
    _large_body_both_ways("plain")


def test_a_body_larger_than_the_heap_is_stored_and_fetched_byte_for_byte_over_tls():
    _large_body_both_ways("good")


def test_chunks_with_a_trailer():
    client = _client("plain")
    _put(client, "/kept/chunks", _BODY)
    reply = _get(client, "/chunked/chunks", ("transfer-encoding", "content-length"))
    equal((reply.headers, bytes(reply.body)), ({"transfer-encoding": "chunked"}, _BODY))
    assert reply.keep_alive and _numbers(client, "/counted")[1] == 3
    client.close()


def _until_the_close(name):
    client = _client(name)
    _put(client, "/kept/close", _BODY)
    reply = _get(client, "/until_close/close", ("transfer-encoding", "content-length"))
    equal((reply.headers, bytes(reply.body)), ({}, _BODY))
    equal(client.channel, None)
    equal(_numbers(client, "/counted")[1], 1)
    client.close()


def test_a_body_that_ends_with_the_connection():
    _until_the_close("plain")


def test_a_body_that_ends_with_the_connection_over_tls():
    _until_the_close("good")


def test_a_slow_reply_is_polled_for():
    client = _client("plain")
    _put(client, "/kept/slow", _BODY[:600])
    client.request("/slow/slow", (), method="GET")
    nones = 0
    while True:
        reply = client.poll(100)
        if reply:
            break
        nones += 1
    assert nones
    equal(bytes(reply.body), _BODY[:600])
    client.close()


def test_a_reply_slower_than_the_request_may_be_is_given_up():
    client = _client("plain", timeout_ms=300)
    client.ask("/kept/slower", (), _BODY, method="PUT", extra_ms=9000)
    raises(TimedOut, _get, client, "/slow/slower")
    equal((client.channel, client.reply), (None, None))
    equal(client.ask("/counted", (), extra_ms=9000).status, 200)
    client.close()


def test_a_reply_larger_than_a_client_keeps_is_refused():
    client = _client("plain")
    _put(client, "/kept/long", _BODY * 2)
    raises(ProtocolError, _get, client, "/kept/long")
    equal(_numbers(client, "/counted")[1], 1)
    client.close()


class _Watched:
    """A file whose second piece comes when the server has spoken; there must be no third."""

    def __init__(self, file, client):
        self._pieces = 0
        self.seek = file.seek
        self._file = file
        self._client = client

    def readinto(self, buffer):
        assert self._pieces < 2
        if self._pieces:
            assert self._client.channel.wait(_POLLIN, Deadline(5000))
        self._pieces += 1
        return self._file.readinto(buffer)


def test_a_refusal_that_comes_while_the_body_is_sent_ends_the_sending():
    client = _client("plain")
    with open(_large_file(), "rb") as file:
        reply = client.ask("/small", (), _Watched(file, client), ("connection",))
    equal((reply.status, reply.headers), (413, {"connection": "close"}))
    equal((client.channel, _numbers(client, "/small")[1]), (None, 1))
    client.close()


def test_a_refusal_of_a_large_body_is_read_over_tls():
    client = _client("good")
    with open(_large_file(), "rb") as file:
        equal(client.ask("/small", (), file).status, 413)
    equal(_numbers(client, "/small")[1], 1)
    client.close()


def test_the_connection_outlives_replies_of_any_status():
    client = _client("plain")
    _put(client, "/kept/one", _BODY)
    etag = _get(client, "/kept/one", ("etag",)).headers["etag"]
    for status, method, path, headers in (
        (304, "GET", "/kept/one", (("If-None-Match", etag),)),
        (405, "POST", "/kept/one", ()),
        (204, "DELETE", "/kept/one", ()),
        (404, "GET", "/kept/one", ()),
        (301, "POST", "/moved", ()),
    ):
        equal(client.ask(path, headers, b"", method=method).status, status)
    equal(_numbers(client, "/counted")[1], 8)
    client.close()


def test_the_headers_that_are_wanted_are_kept():
    client = _client("plain")
    reply = _get(client, "/moved", ("location", "content-type", "retry-after"))
    location = "http://good.test:{}/counted".format(check.server("plain")["port"])
    equal(reply.headers, {"location": location, "content-type": "text/html"})
    client.close()


def test_what_nginx_calls_a_bad_request_is_a_reply():
    client = _client("plain", host="no/host")
    equal(_get(client, "/counted").status, 400)
    equal(client.channel, None)
    client = _client("plain")
    equal(_get(client, "/counted", headers=(("X-Thing", "x" * 1100),)).status, 400)
    equal(client.channel, None)


def test_http_to_a_port_of_https_is_a_bad_request():
    port = check.server("good")["port"]
    _client("plain")  # skips without nginx
    client = Client(lambda deadline: TcpChannel("127.0.0.1", port, deadline), "good.test")
    equal(_get(client, "/counted").status, 400)
    client.close()


def test_an_interim_reply_is_passed_over():
    client = _client("plain")
    with open(_large_file(), "rb") as file:
        _put(client, "/kept/interim", file, (("Expect", "100-continue"),))
    _put(client, "/kept/interim", _BODY, (("Expect", "100-continue"),))
    equal(bytes(_get(client, "/kept/interim").body), _BODY)
    client.close()


def test_a_head_is_understood_as_it_was_meant():
    client = _client("plain")
    name = "a b/%41?#+\u6e29\u5ea6;=&"
    reply = client.ask("/seen/" + quote(name) + "?q=1", (("X-Thing", "the thing"),), b"12345")
    equal(reply.body.decode(), "POST /seen/" + name + " good.test the thing 5")
    client.close()


def test_the_name_of_the_host_is_sent_as_sni():
    client = _client("good")
    equal(bytes(_get(client, "/sni").body), b"good.test")
    client.close()


def test_bad_certificates_are_refused():
    for name, says in check.BAD_CERTIFICATES:
        client = _client(name)
        error = raises(Untrusted, _get, client, "/counted")
        assert says in str(error), error
        equal((client.channel, client.reply), (None, None))
