"""Does client/http.py carry one request after another over a connection that may end at any time?

Servers that follow a script; what they say is written out by hand from RFC 9112. When things go
wrong: test_http_troubles.py. Over TLS: test_http_tls.py.
"""

import check
from check_http_client import connected
from signet import clock
from signet.clock import Deadline
from signet.errors import Lost

SERVERS = {
    "kept": (
        "tcp",
        [
            ("request",),
            ("send_text", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nX-Id: 7\r\n\r\none"),
            ("request",),
            ("send_text", "HTTP/1.1 404 No\r\nTransfer-Encoding: chunked\r\n\r\n"),
            ("send_text", "2\r\ntw\r\n1;a\r\no\r\n0\r\nX-Trailer: x\r\n\r\n"),
            ("request",),
            ("send_text", "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 204 No\r\n\r\n"),
        ],
    ),
    "answers": (
        "tcp",
        [("request",), ("send_text", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")],
    ),
    "drips": (
        "tcp",
        [
            ("request",),
            ("drip", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 2),
            ("drip", "1\r\na\r\n1\r\nb\r\n1\r\nc\r\n0\r\n\r\n", 2),
            ("request",),
            ("send_text", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
        ],
    ),
    "late": (
        "tcp",
        [
            ("request",),
            ("wait", 150),
            ("send_text", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        ],
    ),
    "until_close": (
        "tcp",
        [("request",), ("send_text", "HTTP/1.1 200 OK\r\n\r\nto the end"), ("close",)],
        [("request",), ("send_text", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")],
    ),
    "says_close": (
        "tcp",
        [
            ("request",),
            ("send_text", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"),
        ],
        [("request",), ("send_text", "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n")],
        [("request",), ("send_text", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")],
    ),
    "closes_idle": (  # once the client has read the reply, and says so
        "tcp",
        [("request",), ("send_text", "HTTP/1.1 204 No\r\n\r\n"), ("expect", 1), ("close",)],
        [("request",), ("send_text", "HTTP/1.1 204 No\r\n\r\n"), ("expect", 1), ("reset",)],
        [("request",), ("send_text", "HTTP/1.1 204 No\r\n\r\n"), ("expect", 1), ("half_close",)],
        [("request",), ("send_text", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")],
    ),
    "talks_idle": (
        "tcp",
        [
            ("request",),
            ("send_text", "HTTP/1.1 204 No\r\n\r\n"),
            ("wait", 20),
            ("send_text", "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n"),
        ],
        [("request",), ("send_text", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")],
    ),
    "closes_at_request": (
        "tcp",
        [("request",), ("send_text", "HTTP/1.1 204 No\r\n\r\n"), ("request",), ("close",)],
        [
            ("request",),
            ("send_text", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nagain"),
            ("request",),
            ("reset",),
        ],
        [("request",), ("send_text", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nthird")],
    ),
    "closes_twice": (
        "tcp",
        [("request",), ("send_text", "HTTP/1.1 204 No\r\n\r\n"), ("request",), ("close",)],
        [("request",), ("close",)],
        [("request",), ("send_text", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")],
    ),
    "closes_new": (
        "tcp",
        [("request",), ("close",)],
        [("request",), ("send_text", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")],
    ),
    "cuts_reused": (
        "tcp",
        [
            ("request",),
            ("send_text", "HTTP/1.1 204 No\r\n\r\n"),
            ("request",),
            ("send_text", "HTTP/1.1 200 OK\r\nContent-Len"),
            ("close",),
        ],
        [("request",), ("send_text", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")],
    ),
}

_TYPE = (("Content-Type", "text/plain"),)


def _idle_until_closed(client):
    deadline = Deadline(3000)
    while client.channel:
        assert not deadline.expired(), "the close was not noticed"
        assert client.poll(10) is None


def test_requests_and_replies_follow_each_other_on_one_connection():
    client = connected("kept")
    reply = client.ask("/a?b", _TYPE, b"hello", ("x-id",))
    check.equal((reply.status, reply.headers, reply.body), (200, {"x-id": "7"}, b"one"))
    reply = client.ask("/b", (), bytearray(b"hi"))
    check.equal((reply.status, reply.body), (404, b"two"))
    reply = client.ask("/c", (), memoryview(b"xyz")[1:2], method="PUT")
    check.equal((reply.status, reply.body), (204, b""))
    expected = (
        b"POST /a?b HTTP/1.1\r\nHost: iot.test\r\nContent-Type: text/plain\r\n"
        b"Content-Length: 5\r\n\r\nhello"
        b"POST /b HTTP/1.1\r\nHost: iot.test\r\nContent-Length: 2\r\n\r\nhi"
        b"PUT /c HTTP/1.1\r\nHost: iot.test\r\nContent-Length: 1\r\n\r\ny"
    )
    check.equal(check.connections("kept", len(expected)), [expected])
    client.close()


def test_a_request_returns_at_once_and_its_reply_comes_once():
    client = connected("late")
    client.request("/", ())
    assert client.channel is None and client.state == "opening" and client.busy
    assert client.poll(3000) is None and client.state == "receiving"
    assert client.poll(0) is None and client.poll(20) is None
    reply = client.poll(3000)
    assert reply.done and reply.status == 200 and reply.body == b"ok"
    assert client.state == "idle" and client.reply is None and not client.busy
    assert client.poll(0) is None and client.channel
    client.close()


def test_a_reply_may_come_byte_by_byte():
    client = connected("drips")
    assert client.ask("/", ()).body == b"abc"
    assert client.ask("/", ()).body == b"" and len(check.connections("drips")) == 1
    client.close()


def test_a_reply_without_length_ends_with_the_connection():
    client = connected("until_close")
    assert client.ask("/", ()).body == b"to the end" and client.channel is None
    assert client.ask("/", ()).body == b"ok"
    client.close()


def test_a_connection_that_may_not_be_kept_is_closed():
    client = connected("says_close")
    for _ in range(2):
        assert client.ask("/", ()).status == 200 and client.channel is None
    assert client.ask("/", ()).body == b"ok" and client.channel
    client.close()


def test_a_close_while_idle_is_noticed_in_silence():
    client = connected("closes_idle")
    for _ in range(3):
        assert client.ask("/", ()).status == 204
        client.channel.write(b"!")
        _idle_until_closed(client)
    assert client.ask("/", ()).body == b"ok"
    client.close()


def test_a_connection_that_was_closed_meanwhile_is_replaced_at_the_request():
    client = connected("answers")
    client.channel = _Ended()
    assert client.ask("/", ()).body == b"ok"
    client.close()


class _Ended:
    """A channel that the peer has closed."""

    def readinto(self, buffer):
        return 0

    def close(self):
        pass


def test_a_connection_out_of_step_is_replaced():
    client = connected("talks_idle")
    assert client.ask("/", ()).status == 204
    _idle_until_closed(client)
    assert client.ask("/", ()).body == b"ok"
    client.close()


def test_a_request_that_a_kept_connection_did_not_carry_is_sent_once_more():
    client = connected("closes_at_request")
    assert client.ask("/", (), b"1").status == 204
    assert client.ask("/x", _TYPE, b"22").body == b"again"  # after a close
    assert client.ask("/y", (), b"333").body == b"third"  # after a reset
    second = (
        b"POST /x HTTP/1.1\r\nHost: iot.test\r\nContent-Type: text/plain\r\n"
        b"Content-Length: 2\r\n\r\n22"
    )
    third = b"POST /y HTTP/1.1\r\nHost: iot.test\r\nContent-Length: 3\r\n\r\n333"
    got = check.connections("closes_at_request")
    assert len(got) == 3
    assert got[0].endswith(second) and got[1] == second + third and got[2] == third
    client.close()


def test_a_request_is_sent_once_more_only():
    client = connected("closes_twice")
    assert client.ask("/", ()).status == 204
    error = check.raises(Lost, client.ask, "/", ())
    assert "closed by the peer" in str(error) or "reset" in str(error)
    assert client.channel is None and not client.reply
    assert len(check.connections("closes_twice")) == 2
    assert client.ask("/", ()).body == b"ok"
    client.close()


def test_a_request_on_a_new_connection_is_not_sent_again():
    client = connected("closes_new")
    error = check.raises(Lost, client.ask, "/", ())
    assert "closed by the peer" in str(error)
    assert client.channel is None and not client.reply
    assert len(check.connections("closes_new")) == 1
    assert client.ask("/", ()).body == b"ok"
    client.close()


def test_a_request_whose_reply_had_begun_is_not_sent_again():
    client = connected("cuts_reused")
    assert client.ask("/", ()).status == 204
    error = check.raises(Lost, client.ask, "/", ())
    assert "cut short" in str(error) and len(check.connections("cuts_reused")) == 1
    client.close()


def test_the_board_is_told_while_a_reply_drips_and_while_idle():
    told = []
    clock.while_waiting = lambda: told.append(1)
    try:
        client = connected("drips")
        client.ask("/", ())
        assert len(told) >= 3
        del told[:]
        client.poll(600)
        assert 1 <= len(told) <= 3
        client.close()
    finally:
        clock.while_waiting = None
