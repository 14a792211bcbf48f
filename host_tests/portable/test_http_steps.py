"""Is each `poll(0)` of client/http.py one step, whatever the peer sends, takes, or leaves undone?

A channel that counts: one read and one write at most. Time is made up.
"""

import check
from check_http_client import Client, File
from signet.errors import Lost, ProtocolError, TimedOut

_OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
_PIECE = 1024


class _Counted:
    """Opens after `steps` writes; gives `reply` in pieces of `size`, takes `room` bytes."""

    busy = False

    def __init__(self, reply=b"", size=_PIECE, steps=0, room=_PIECE):
        self.reply, self.size, self.steps, self.room = reply, size, steps, room
        self.calls = {}
        self.sent = 0

    def _count(self, name):
        assert name not in self.calls, "twice in one step: " + name
        self.calls[name] = 1

    def readinto(self, buffer):
        self._count("read")
        piece = self.reply[: min(self.size, len(buffer))]
        self.reply = self.reply[len(piece) :]
        buffer[: len(piece)] = piece
        return len(piece) or None

    def write(self, data):
        self._count("write")
        if self.steps:
            self.steps -= 1
            return None
        count = min(len(data), self.room)
        self.sent += count
        return count or None

    def wait(self, events, deadline):
        raise AssertionError("poll(0) waits")

    def close(self):
        self.calls = {"closed": 1}


def _client(*channels):
    channels = list(channels)
    return Client(lambda deadline: channels.pop(0), "iot.test")


def _request(client, body=b""):
    if client.channel:
        client.channel.calls = {}
    client.request("/", (), body)


def _step(client):
    channel = client.channel
    if channel:
        channel.calls = {}
    return client.poll(0)


def _steps(client):
    """Returns (reply, how many steps it took)."""
    for count in range(5000):
        reply = _step(client)
        if reply:
            return reply, count
    raise AssertionError("no reply")


def _fails(client, error_class, ahead_ms):
    """Steps on for a while, then when it is so late; returns the text of the error."""
    for _ in range(300):
        assert _step(client) is None and client.reply
    with check.Ahead(ahead_ms - 1000):
        assert _step(client) is None
    with check.Ahead(ahead_ms + 1000):
        error = check.raises(error_class, _step, client)
    assert client.channel is None and client.state == "closed" and not client.busy
    return str(error)


def test_a_request_opens_is_sent_and_answered_step_by_step():
    channel = _Counted(steps=3)
    client = _client(channel)
    client.request("/", (), b"body")
    states = []
    for _ in range(7):
        states.append(client.state)
        assert _step(client) is None
        check.equal(client.began, client.state != "opening")
    check.equal(states, ["opening"] * 5 + ["receiving"] * 2)
    channel.reply = _OK
    assert _step(client).body == b"ok" and client.state == "idle"
    _request(client)
    check.equal(client.state, "sending")
    assert _step(client) is None and client.state == "receiving"


def test_a_file_goes_piece_by_piece():
    channel = _Counted()
    client = _client(channel)
    body = File(20 * _PIECE)
    client.request("/", (), body)
    sent = 0
    while client.state != "receiving":
        assert _step(client) is None
        assert channel.sent - sent <= _PIECE
        sent = channel.sent
    assert sent > body.size and client.busy
    channel.reply = _OK
    assert _steps(client)[0].status == 200


def test_a_peer_that_takes_a_little_gets_it_all_and_nothing_is_read_twice():
    channel = _Counted(room=100)
    client = _client(channel)
    client.request("/", (), b"x" * 3000)
    while client.state != "receiving":
        assert _step(client) is None
    channel.reply = _OK
    reply, _ = _steps(client)
    assert reply.body == b"ok" and client.state == "idle"


def test_a_peer_that_takes_nothing_ends_with_the_time_of_a_piece():
    channel = _Counted()
    client = _client(channel)
    client.request("/", (), File(20 * _PIECE))
    for _ in range(5):
        _step(client)
    channel.room = 0
    assert "takes no data" in _fails(client, TimedOut, 15_000)


def test_a_peer_that_takes_a_piece_now_and_then_has_8_kbit_a_second():
    channel = _Counted()
    client = _client(channel)
    client.request("/", (), File(20 * _PIECE))
    late = 0
    try:
        for _ in range(20):
            with check.Ahead(late):
                assert _step(client) is None
            late += 10_000
    except TimedOut:
        assert 35_000 <= late <= 60_000, late  # 15 s and 20 KiB
        return
    raise AssertionError("no end")


def test_silence_ends_with_the_time_of_the_request():
    client = _client(_Counted())
    client.request("/", ())
    assert "no whole reply" in _fails(client, TimedOut, 15_000)


def test_a_head_or_a_body_that_drips_ends_with_it_too():
    for reply in (
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 900,
        b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 2000,
        b"HTTP/1.1 100 Continue\r\n\r\n" * 40,
    ):
        client = _client(_Counted(reply, 1))
        client.request("/", (), sink=lambda piece: None)
        assert "no whole reply" in _fails(client, TimedOut, 15_000)


def test_a_channel_that_never_opens_ends_too():
    client = _client(_Counted(steps=1 << 20))
    client.request("/", ())
    assert _fails(client, TimedOut, 30_000)


def test_a_flood_of_chunks_is_read_a_kib_a_step():
    chunks = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\na\r\n" * 2000
    client = _client(_Counted(chunks + b"0\r\n\r\n", 1 << 20))
    client.request("/", ())
    reply, steps = _steps(client)
    assert reply.body == b"a" * 2000 and steps >= 12


def test_a_flood_of_interim_replies_during_a_body_has_its_limit():
    channel = _Counted()
    client = _client(channel)
    client.request("/", (), File(1 << 20))
    for _ in range(5):
        _step(client)
    channel.reply = b"HTTP/1.1 100 Continue\r\n\r\n" * 500
    error = check.raises(ProtocolError, _steps, client)
    assert "head too long" in str(error)


def test_once_more_over_a_new_connection_is_a_state_too():
    first, second = _Counted(_OK), _Counted()
    client = _client(first, second)
    client.request("/", ())
    assert _steps(client)[0].status == 200
    _request(client, File(3 * _PIECE))
    while client.state != "receiving":
        _step(client)
    first.readinto = lambda buffer: 0
    _step(client)
    check.equal((client.state, client.channel, client.busy), ("opening", None, True))
    assert not client.began
    while client.state != "receiving":
        _step(client)
    assert second.sent > 3 * _PIECE
    second.reply = _OK
    assert _steps(client)[0].status == 200


def test_what_a_file_raises_is_told_from_what_the_network_does():
    for raised in (OSError(5), KeyError("x"), ValueError("closed"), Lost("of the file's own")):

        class Broken(File):
            def readinto(self, buffer, raised=raised):
                raise raised

        client = _client(_Counted())
        client.request("/", (), Broken(5000))
        error = check.raises(ValueError, _steps, client)
        assert str(error).startswith("body: ") and client.state == "closed"


def test_readable_is_the_socket_only_while_bytes_are_awaited():
    channel = _Counted()
    channel.readable = lambda sending: None if sending else "socket"
    client = _client(channel)
    assert client.readable() is None
    client.request("/", (), b"x" * 3000)
    while client.state != "receiving":
        assert client.readable() is None
        _step(client)
    check.equal(client.readable(), "socket")
    channel.reply = _OK
    _steps(client)
    check.equal((client.state, client.readable()), ("idle", "socket"))
