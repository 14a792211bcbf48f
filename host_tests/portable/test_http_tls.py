"""Does client/http.py speak to a verified server only, over TLS, as it does over TCP?"""

import check
from check_http_client import Client, File
from signet.errors import Lost, TimedOut, Untrusted
from signet.net.stream import TcpChannel

SERVERS = {
    "good": (
        "tls",
        "good",
        [
            ("request",),
            ("send_text", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"),
            ("sni",),
            ("request",),
            ("drip", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 1),
            ("drip", "1\r\no\r\n1\r\nk\r\n0\r\n\r\n", 1),
        ],
    ),
    "answers": (
        "tls",
        "good",
        [
            ("request",),
            ("send_text", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        ],
    ),
    "until_close": (
        "tls",
        "good",
        [("request",), ("send_text", "HTTP/1.1 200 OK\r\n\r\nto the end"), ("close",)],
    ),
    "closes_idle": (
        "tls",
        "good",
        [("request",), ("send_text", "HTTP/1.1 204 No\r\n\r\n"), ("close",)],
        [
            ("request",),
            ("send_text", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
            ("request",),
            ("reset",),
        ],
        [("request",), ("send_text", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nagain")],
    ),
    "cut": (
        "tls",
        "good",
        [
            ("request",),
            ("send_text", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok"),
            ("close",),
        ],
    ),
    "drips": (
        "tls",
        "good",
        [("request",), ("drip", "HTTP/1.1 200 OK\r\nX: and so on and on and on and on", 30)],
    ),
    "refuses_early": (
        "tls",
        "good",
        [
            ("expect", 5000),
            ("send_text", "HTTP/1.1 413 Content Too Large\r\nContent-Length: 9\r\n\r\n"),
            ("send_text", "too large"),
            ("wait", 3000),
        ],
    ),
    "silent": ("tcp", "black_hole"),
    "junk": ("tcp", "junk"),
    "wrong_name": ("tls", "wrong_name", "echo"),
    "wrong_ca": ("tls", "wrong_ca", "echo"),
    "self_signed": ("tls", "self_signed", "echo"),
    "expired": ("tls", "expired", "echo"),
    "not_yet_valid": ("tls", "not_yet_valid", "echo"),
}


def _client(name, host=None, timeout_ms=5000, handshake_ms=None):
    from signet.clock import Deadline
    from signet.net.secure import TlsChannel
    from signet.net.trust import context

    end = check.server(name)
    host = host or end.get("name", "good.test")
    with open(check.server("good")["ca"], "rb") as file:
        trust = context(file.read())

    def connect(deadline):
        if handshake_ms:
            deadline = Deadline(handshake_ms)
        return TlsChannel(TcpChannel(end["host"], end["port"], deadline), host, trust, deadline)

    return Client(connect, host, timeout_ms)


def _fails(client, error_class, *args):
    error = check.raises(error_class, client.ask, "/", (), *args)
    assert client.channel is None and not client.reply
    return str(error)


def test_a_kept_connection_is_one_handshake_with_the_name_of_the_host():
    client = _client("good")
    assert client.ask("/", (), b"hello").body == b"good.test"
    channel = client.channel
    assert client.ask("/", (), b"hello").body == b"ok" and client.channel is channel
    client.close()


def test_each_bad_certificate_is_refused_and_the_cause_named():
    for name, sign in check.BAD_CERTIFICATES:
        error = _fails(_client(name), Untrusted)
        assert sign in error, (name, error)
        assert check.connections(name) in ([], [b""])  # nothing was said to it


def test_a_good_certificate_for_another_name_is_refused():
    assert "another name" in _fails(_client("good", "other.test"), Untrusted)


def test_a_body_larger_than_the_heap_goes_over_tls():
    path = check.scratch("large")
    with open(path, "wb") as file:
        for _ in range(128):
            file.write(bytes(range(256)) * 4)
    client = _client("answers", None, 15_000)
    with open(path, "rb") as file:
        assert client.ask("/", (), file).body == b"ok"
    client.close()


def test_an_early_refusal_ends_the_sending_over_tls_too():
    client = _client("refuses_early")
    body = File(1 << 28)
    reply = client.ask("/", (), body)
    assert reply.status == 413 and reply.body == b"too large"
    assert body.at < body.size and client.channel is None


def test_content_until_the_close_ends_with_it():
    client = _client("until_close")
    assert client.ask("/", ()).body == b"to the end" and client.channel is None


def test_a_connection_that_was_closed_or_reset_is_replaced():
    client = _client("closes_idle")
    assert client.ask("/", ()).status == 204
    while client.channel:
        client.poll(10)
    assert client.ask("/", ()).body == b"ok"
    assert client.ask("/", ()).body == b"again"
    client.close()


def test_a_reply_cut_short_is_lost():
    assert "cut short" in _fails(_client("cut"), Lost)


def test_a_byte_now_and_then_ends_with_the_time_of_the_request():
    assert "in time" in _fails(_client("drips", None, 300), TimedOut)


def test_what_does_not_speak_tls_is_lost():
    assert "handshake" in _fails(_client("junk"), Lost)
    assert "in time" in _fails(_client("silent", None, 5000, 300), Lost)
