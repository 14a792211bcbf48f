"""What does client/http.py make of a server that is slow, silent, rude or gone?

Whatever happens: one error that says what, the connection closed, no request outstanding, and the
next request goes over a new connection. When memory runs out: test_http_memory.py.
"""

import check
from check_http_client import connected
from signet.errors import Lost, ProtocolError, TimedOut

SERVERS = {
    "silent": ("tcp", "black_hole"),
    "refused": ("tcp", "refused"),
    "closing": ("tcp", "close_at_once"),
    "resetting": ("tcp", "reset_at_once"),
    "junk": ("tcp", "junk"),
    "silent_once": (
        "tcp",
        [("request",)],
        [("request",), ("send_text", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")],
    ),
    "silent_reused": (
        "tcp",
        [("request",), ("send_text", "HTTP/1.1 204 No\r\n\r\n"), ("request",)],
        [("request",), ("send_text", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")],
    ),
    "late": (
        "tcp",
        [
            ("request",),
            ("wait", 400),
            ("send_text", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        ],
    ),
    "head_drips": (
        "tcp",
        [("request",), ("drip", "HTTP/1.1 200 OK\r\nX: and so on and on and on and on", 30)],
    ),
    "half_close": ("tcp", [("request",), ("half_close",)]),
    "cut_head": ("tcp", [("request",), ("send_text", "HTTP/1.1 2"), ("close",)]),
    "cut_length": (
        "tcp",
        [
            ("request",),
            ("send_text", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok"),
            ("half_close",),
        ],
    ),
    "cut_chunk": (
        "tcp",
        [
            ("request",),
            ("send_text", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n"),
            ("close",),
        ],
    ),
    "cut_interim": ("tcp", [("request",), ("send_text", "HTTP/1.1 100\r\n\r\n"), ("close",)]),
    "garbage": (
        "tcp",
        [("request",), ("send_text", "SSH-2.0-OpenSSH_9.2\r\n")],
        [("request",), ("send_text", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")],
    ),
    "binary": ("tcp", [("request",), ("send", "20020000ff00000a")]),
    "bad_chunk": (
        "tcp",
        [
            ("request",),
            ("send_text", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n"),
        ],
    ),
    "gzip": (
        "tcp",
        [
            ("request",),
            ("send_text", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"),
        ],
    ),
    "answers": (
        "tcp",
        [
            ("request",),
            ("send_text", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
            ("request",),
            ("send_text", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        ],
    ),
}


def _fails(client, error_class, *args, **kwargs):
    """Asks, and returns the text of the error; checks what every failure leaves behind."""
    error = check.raises(error_class, client.ask, "/", (), *args, **kwargs)
    assert client.channel is None and not client.reply
    assert client.poll(0) is None
    return str(error)


def test_a_byte_now_and_then_does_not_make_a_poll_longer():
    client = connected("head_drips", 1000)
    client.request("/", ())
    nones = 0
    while client.reply:
        try:
            assert client.poll(50) is None
            nones += 1
        except TimedOut:
            assert not client.reply
    assert client.channel is None and 2 <= nones <= 20, nones


def test_extra_time_is_added_for_one_request():
    client = connected("late", 200)
    assert client.ask("/", (), extra_ms=4000).body == b"ok"
    client.close()
    client = connected("late", 200)
    _fails(client, TimedOut)


def test_after_a_timeout_the_next_request_goes_over_a_new_connection():
    client = connected("silent_once", 200)
    _fails(client, TimedOut)
    assert client.ask("/", (), extra_ms=3000).body == b"ok"
    client.close()


def test_a_timeout_is_not_sent_again_on_a_kept_connection_either():
    client = connected("silent_reused", 300)
    assert client.ask("/", (), extra_ms=3000).status == 204
    _fails(client, TimedOut)
    assert len(check.connections("silent_reused")) == 1
    assert client.ask("/", (), extra_ms=3000).body == b"ok"
    client.close()


def test_a_refused_connection_says_so():
    assert "refused" in _fails(connected("refused"), Lost)


def test_a_server_that_closes_or_resets_is_lost():
    for name in ("closing", "resetting", "half_close"):
        text = _fails(connected(name), Lost)
        assert "closed by the peer" in text or "reset" in text, (name, text)


def test_a_reply_cut_short_is_lost_and_says_so():
    for name in ("cut_head", "cut_length", "cut_chunk", "cut_interim"):
        text = _fails(connected(name), Lost)
        assert "cut short" in text or "reset" in text, (name, text)


def test_what_is_no_reply_is_a_protocol_error():
    for name, says in (
        ("binary", "control character"),
        ("junk", "status line"),
        ("bad_chunk", "chunk"),
        ("gzip", "transfer-encoding"),
    ):
        text = _fails(connected(name), ProtocolError)
        assert says in text or (name == "junk" and "control" in text), (name, text)


def test_after_garbage_the_next_request_goes_over_a_new_connection():
    client = connected("garbage")
    assert "status line" in _fails(client, ProtocolError)
    assert client.ask("/", ()).body == b"ok"
    client.close()


def test_a_second_request_meanwhile_is_a_runtime_error_and_the_first_goes_on():
    client = connected("answers")
    client.request("/", ())
    error = check.raises(RuntimeError, client.request, "/", ())
    assert "one request" in str(error) and client.reply
    client.poll(3000)  # opens it
    assert client.poll(3000).body == b"ok"
    client.close()


def test_a_head_that_could_be_split_is_a_value_error_and_nothing_is_sent():
    client = connected("answers")
    headers = (("password", "a\r\nSECRET: b"),)
    error = check.raises(ValueError, client.request, "/", headers)
    assert "password" in str(error) and "SECRET" not in str(error)
    assert not client.reply
    assert client.ask("/", ()).body == b"ok"
    client.close()


def test_close_forgets_the_request():
    client = connected("silent")
    client.request("/", ())
    client.close()
    assert client.channel is None and not client.reply and client.poll(0) is None
    client.close()
