"""Does client/http.py get on with little memory, and leave nothing half done when none is left?"""

import gc

import check
from check_http_client import Client, Poor, Scripted, connected
from signet.errors import ProtocolError
from signet.net.stream import TcpChannel

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
}


def test_a_reply_larger_than_the_heap_goes_through_a_sink():
    chunk = b"400\r\n" + b"x" * 1024 + b"\r\n"
    start = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    total = [0]

    def sink(piece):
        total[0] += len(piece)

    channel = Scripted([b"", start] + [chunk] * 300 + [b"0\r\n\r\n"])
    client = Client(lambda deadline: channel, "iot.test", 20_000)
    gc.collect()
    reply = client.ask("/", (), sink=sink)
    assert reply.done and reply.body == b"" and total[0] == 300 * 1024


def test_a_reply_beyond_the_limit_is_a_protocol_error():
    start = b"HTTP/1.1 200 OK\r\nContent-Length: 3000\r\n\r\n"
    channel = Scripted([b"", start + b"x" * 3000])
    client = Client(lambda deadline: channel, "iot.test")
    error = check.raises(ProtocolError, client.ask, "/", ())
    assert "too long" in str(error) and client.channel is None and not client.reply


def test_a_request_leaves_nothing_on_the_heap():
    if not check.MICROPYTHON:
        check.skip("CPython's heap is not ours to count")
    client = connected("answers")
    client.ask("/", (("X", "y"),), b"body")
    gc.collect()
    before = gc.mem_alloc()
    client.ask("/", (("X", "y"),), b"body")
    gc.collect()
    assert gc.mem_alloc() <= before + 64, gc.mem_alloc() - before
    client.close()


def test_no_memory_anywhere_leaves_it_closed_and_not_busy():
    end = check.server("answers")
    channels = []
    for calls in range(100):
        client = Client(
            lambda deadline, calls=calls: _poor(end, deadline, calls, channels), "iot.test", 3000
        )
        try:
            reply = client.ask("/", ())
        except MemoryError:
            assert client.channel is None and not client.reply and channels[-1].closed
            continue
        assert reply.body == b"ok" and calls > 3
        client.close()
        return
    raise AssertionError("never enough")


def _poor(end, deadline, calls, channels):
    channels.append(Poor(TcpChannel(end["host"], end["port"], deadline), calls))
    return channels[-1]


def test_no_memory_outside_the_channel_leaves_it_closed_and_not_busy():
    def fail(*args):
        raise MemoryError

    client = Client(fail, "iot.test")
    check.raises(MemoryError, client.ask, "/", ())
    assert client.channel is None and not client.reply
    client = connected("answers")
    check.raises(MemoryError, client.ask, "/", (), sink=fail)
    assert client.channel is None and not client.reply
    client = connected("answers")
    check.raises(MemoryError, client.ask, "/", _Headers())
    assert client.channel is None and not client.reply
    assert client.ask("/", ()).body == b"ok"
    client.close()


class _Headers:
    def __iter__(self):
        raise MemoryError
