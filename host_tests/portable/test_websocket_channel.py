"""Does a WebSocketChannel keep net/stream.py's promises, before the library `websockets`?"""

import check
from signet import clock
from signet.errors import Lost, ProtocolError, Refused, Throttled, TimedOut
from signet.net.stream import TcpChannel
from signet.net.umqtt_stream import Stream
from signet.net.websocket import WebSocketChannel

SERVERS = {
    "echo": ("websockets", "echo"),
    "fragments": ("websockets", "fragments"),
    "trickle": ("websockets", "trickle"),
}


def _channel(name):
    end = check.server(name)
    deadline = clock.Deadline(3000)
    return WebSocketChannel(TcpChannel(end["host"], end["port"], deadline), "good.test", deadline)


def _stream(name, timeout_ms=2000):
    return Stream(_channel(name), timeout_ms)


def test_what_is_written_comes_back_whole():
    stream = _stream("echo")
    sent = bytes(range(256)) * 40
    stream.write(sent)
    assert stream.read(len(sent)) == sent
    stream.close()


def test_fragments_with_pings_between_are_one_stream():
    stream = _stream("fragments")
    stream.write(b"0123456789")
    assert stream.read(10) == b"0123456789"
    stream.close()


def test_frames_that_trickle_in_are_collected():
    stream = _stream("trickle")
    sent = bytes(range(200))
    stream.write(sent)
    assert stream.read(200) == sent
    stream.close()
