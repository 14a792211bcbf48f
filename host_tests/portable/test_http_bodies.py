"""How does client/http.py send a body, be it larger than the heap or refused before its end?"""

import check
from check_http_client import Client, File, Scripted, connected, sent
from signet.errors import Lost, TimedOut

SERVERS = {
    "answers": (
        "tcp",
        [
            ("request",),
            ("send_text", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
            ("request",),
            ("send_text", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        ],
    ),
    "closes_at_request": (
        "tcp",
        [("request",), ("send_text", "HTTP/1.1 204 No\r\n\r\n"), ("request",), ("close",)],
        [("request",), ("send_text", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nagain")],
    ),
    "refuses_early": (
        "tcp",
        [
            ("expect", 5000),
            ("send_text", "HTTP/1.1 100 Continue\r\n\r\n"),
            ("wait", 20),
            ("send_text", "HTTP/1.1 413 Content Too Large\r\nContent-Length: 9\r\n\r\n"),
            ("send_text", "too large"),
            ("wait", 3000),
        ],
        [("request",), ("send_text", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")],
    ),
    "refuses_and_resets": (
        "tcp",
        [
            ("expect", 5000),
            ("send_text", "HTTP/1.1 401 Unauthorized\r\nContent-Length: 4\r\n\r\nwho?"),
            ("close",),
        ],
    ),
    "closes_early": ("tcp", [("expect", 5000), ("close",)]),
    "takes_nothing": ("tcp", [("wait", 3000)]),
}

_LARGE = 131_072  # Alibaba's largest report, and more than the heap of the i386 interpreter
_HUGE = 1 << 28


# Bodies


def test_a_file_larger_than_the_heap_is_sent_from_its_start():
    path = check.scratch("large")
    with open(path, "wb") as file:
        for _ in range(_LARGE // 1024):
            file.write(bytes(range(256)) * 4)
    client = connected("answers")
    with open(path, "rb") as file:
        for _ in range(2):  # `request` reads as many bytes as Content-Length tells
            assert client.ask("/", (), file, extra_ms=10_000).body == b"ok"
    client.close()


def test_a_file_goes_out_as_it_is():
    for size in (0, 1, 900, 1024, 3000):
        body = (bytes(range(256)) * 12)[:size]
        start = b"POST / HTTP/1.1\r\nHost: iot.test\r\nContent-Length: %d\r\n\r\n" % size
        check.equal(b"".join(sent(File(size))), start + body)
        check.equal(b"".join(sent(body)), start + body)


def test_a_short_body_goes_out_with_the_head_in_one_write():
    for body in (b"", b"x" * 900):
        assert len(sent(body)) == 1


def test_a_file_is_sent_again_from_its_start():
    client = connected("closes_at_request")
    assert client.ask("/", ()).status == 204
    body = File(3000)
    assert client.ask("/", (), body).body == b"again"
    first, second = check.connections("closes_at_request")
    assert len(second) > 3000 and first.endswith(second)
    assert second.endswith((bytes(range(256)) * 12)[:3000])
    client.close()


def test_a_file_that_ends_early_is_a_value_error():
    class Short(File):
        def readinto(self, buffer):
            return File.readinto(self, buffer) if self.at < 2000 else 0

    client = connected("answers")
    error = check.raises(ValueError, client.ask, "/", (), Short(3000))
    assert "ended" in str(error) and client.channel is None and not client.reply


def test_a_file_that_grows_is_sent_up_to_its_length():
    class Growing(File):
        def readinto(self, buffer):
            self.size += len(buffer)
            return File.readinto(self, buffer)

    data = b"".join(sent(Growing(1500)))
    assert b"Content-Length: 1500" in data and len(data) - data.find(b"\r\n\r\n") - 4 == 1500


def test_an_early_refusal_ends_the_sending_and_is_returned():
    client = connected("refuses_early")
    body = File(_HUGE)
    reply = client.ask("/", (), body)
    assert reply.status == 413 and reply.body == b"too large"
    assert body.at < _HUGE and client.channel is None and not client.reply
    assert client.ask("/", ()).body == b"ok"
    client.close()


def test_an_early_refusal_with_a_close_is_returned_or_lost():
    client = connected("refuses_and_resets")
    try:  # a reset may overtake what was sent before it
        reply = client.ask("/", (), File(_HUGE))
        assert reply.status == 401
    except Lost:
        pass
    assert client.channel is None and not client.reply


def test_a_server_that_leaves_during_the_body_is_lost():
    client = connected("closes_early")
    body = File(_HUGE)
    check.raises(Lost, client.ask, "/", (), body)
    assert body.at < _HUGE and client.channel is None and not client.reply


def test_a_server_that_takes_nothing_ends_with_the_time_of_the_request():
    client = connected("takes_nothing", 300)
    error = check.raises(TimedOut, client.ask, "/", (), File(_HUGE))
    assert "takes no data" in str(error) and client.channel is None and not client.reply


def test_a_reply_that_was_there_before_the_end_of_a_body_is_not_kept_on():
    channel = Scripted((b"", b"", b"", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))
    client = Client(lambda deadline: channel, "iot.test")
    assert client.ask("/", (), File(100_000)).status == 200
    assert client.channel is None and len(channel.written) < 10
