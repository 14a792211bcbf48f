"""Does a WebSocketChannel keep net/stream.py's promises, before the library `websockets`?"""

import hashlib
from binascii import b2a_base64

import check
from check_mqtt import Stream, read
from signet import clock
from signet.cloud import dial
from signet.errors import Lost, ProtocolError, Refused, SignetError, Throttled
from signet.net import secure
from signet.net.secure import TlsChannel
from signet.net.stream import TcpChannel
from signet.net.trust import context
from signet.net.websocket import WebSocketChannel

SERVERS = {
    "echo": ("websockets", "echo"),
    "secure": ("wss", "good", "echo"),
    "fragments": ("websockets", "fragments"),
    "trickle": ("websockets", "trickle"),
    "early": ("websockets", [("send", "6162"), ("fragments", "63646566", 1)]),
    "one_record": ("wss", "good", [("raw", "8202616289008201638a00020164800165")]),
    "ping": ("websockets", [("ping", "a"), ("pong", "unasked"), ("ping", ""), ("send", "6162")]),
    "leaves": ("websockets", [("send", "6162"), ("goodbye", 1000, "bye")]),
    "policy": ("websockets", [("goodbye", 1008, "not you")]),
    "forges": ("websockets", [("goodbye", 1008, "not you\x1b[2J\nreport 7 stored")]),
    "restarts": ("websockets", [("fragments", "6162", 1), ("goodbye", 1012, "")]),
    "text": ("websockets", [("text", "a")]),
    "masked": ("websockets", [("raw", "82810000000041")]),
    "cut_in_header": ("websockets", [("raw", "827e"), ("close",)]),
    "cut_in_message": ("websockets", [("raw", "82056162"), ("close",)]),
    "cut_over_tls": ("wss", "good", [("raw", "82056162"), ("close",)]),
    "not_found": ("websockets", [("refuse", 404, "no such path")]),
    "unauthorized": ("websockets", [("refuse", 401, "")]),
    "busy": ("websockets", [("refuse", 503, "later")]),
    "no_subprotocol": ("websockets", [("no_subprotocol",)]),
    "wrong_accept": (
        "tcp",
        [
            ("request",),
            ("send_text", "HTTP/1.1 101 Ok\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"),
            ("send_text", "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"),
            ("send_text", "Sec-WebSocket-Protocol: mqtt\r\n\r\n"),
        ],
    ),
    "silent_peer": ("websockets", "black_hole"),
    "silent": ("tcp", "black_hole"),
    "silent_tls": ("tls", "good", "black_hole"),
    "drips": ("tcp", [("drip", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n", 20)]),
    "closes": ("tcp", [("request",), ("close",)]),
    "resets": ("tcp", [("request",), ("reset",)]),
    "half_head": ("tcp", [("request",), ("send_text", "HTTP/1.1 101 S"), ("close",)]),
    "junk": ("tcp", "junk"),
}


def _channel(name, timeout_ms=3000):
    """Returns a channel that is open."""
    end = check.server(name)
    deadline = clock.Deadline(timeout_ms)
    channel = TcpChannel(end["host"], end["port"], deadline)
    if "ca" in end:
        with open(end["ca"], "rb") as file:
            channel = TlsChannel(channel, "good.test", context(file.read()), deadline)
    channel = WebSocketChannel(channel, "good.test", deadline)
    try:
        while not channel.opened():
            channel.wait(1, deadline)
    except SignetError:
        channel.close()
        raise
    return channel


def _stream(name):
    return Stream(_channel(name))


def test_what_is_written_comes_back_whole():
    stream = _stream("echo")
    sent = bytes(range(256)) * 20
    stream.write(sent)
    assert read(stream, len(sent)) == sent
    stream.close()


def test_and_so_it_does_over_tls():
    stream = _stream("secure")
    sent = bytes(range(256)) * 20
    stream.write(sent)
    assert read(stream, len(sent)) == sent
    stream.close()


def test_fragments_with_pings_between_are_one_stream():
    stream = _stream("fragments")
    stream.write(b"0123456789")
    assert read(stream, 10) == b"0123456789"
    stream.close()


def test_frames_that_trickle_in_are_collected():
    stream = _stream("trickle")
    sent = bytes(range(200))
    stream.write(sent)
    assert read(stream, 200) == sent
    stream.close()


def test_frames_right_behind_the_reply_are_read():
    stream = _stream("early")
    assert read(stream, 6) == b"abcdef"
    stream.close()


def test_frames_in_one_tls_record_need_no_second_wait():
    channel = _channel("one_record")
    got = b""
    byte = bytearray(1)
    for _ in range(50):
        count = channel.readinto(byte)
        if count:
            got += byte
        elif got:
            break
        else:
            assert channel.wait(1, clock.Deadline(3000))
    check.equal(got, b"abcde")
    channel.close()


def test_pings_are_answered_and_pongs_ignored():
    stream = _stream("ping")
    assert read(stream, 2) == b"ab"
    check.equal(check.connections("ping", 5), [b"\x8a\x01a\x8a\x00"])
    stream.close()


def test_a_goodbye_is_answered_and_is_the_end():
    channel = _channel("leaves")
    stream = Stream(channel)
    assert read(stream, 2) == b"ab"
    assert "closed by the peer" in str(check.raises(Lost, read, stream, 1))
    check.equal(channel.readinto(bytearray(1)), 0)
    check.raises(Lost, channel.write, b"more")
    check.equal(check.connections("leaves", 4), [b"\x88\x02\x03\xe8"])
    stream.close()


def test_a_reason_for_a_goodbye_is_told():
    stream = _stream("policy")
    assert "1008 policy violation not you" in str(check.raises(Lost, read, stream, 1))
    stream.close()
    check.equal(check.connections("policy", 4), [b"\x88\x02\x03\xf0"])  # 5.5.1: its code
    stream = _stream("restarts")
    assert read(stream, 2) == b"ab"
    assert "1012 service restart" in str(check.raises(Lost, read, stream, 1))
    stream.close()


def test_a_reason_cannot_forge_a_line_of_the_log():
    stream = _stream("forges")
    error = check.raises(Lost, read, stream, 1)
    check.equal(str(error)[-27:], "not you?[2J?report 7 stored")
    stream.close()


class _Peer:
    """A channel that answers the opening handshake and keeps what is written then."""

    def __init__(self):
        self.sent = self.answer = b""

    def write(self, data):
        self.sent += bytes(data)
        if self.sent[-4:] == b"\r\n\r\n":
            key = self.sent.split(b"Sec-WebSocket-Key: ")[1].split(b"\r\n")[0]
            digest = hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
            self.answer = (
                b"HTTP/1.1 101 Ok\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Protocol: mqtt\r\nSec-WebSocket-Accept: "
            )
            self.answer += b2a_base64(digest)[:-1] + b"\r\n\r\n"
            self.request, self.sent = self.sent, b""
        return len(data)

    def readinto(self, buffer):
        size = min(len(buffer), len(self.answer))
        buffer[:size] = self.answer[:size]
        self.answer = self.answer[size:]
        return size or None

    def close(self):
        pass


def test_each_frame_has_a_mask_of_its_own():
    peer = _Peer()
    channel = WebSocketChannel(peer, "good.test", clock.Deadline(3000))
    while not channel.opened():
        pass
    for _ in range(4):
        channel.write(b"\0\0\0\0")
    masks = {peer.sent[at + 2 : at + 6] for at in range(0, 40, 10)}  # 5.2
    check.equal(len(masks), 4)  # once in 2**29 two of them are the same


def test_host_has_the_port_where_it_is_not_the_usual_one():
    channels = dial.TcpChannel, secure.TlsChannel
    peers = []

    def plain(host, port, deadline):
        peers.append(_Peer())
        return peers[-1]

    dial.TcpChannel, secure.TlsChannel = plain, lambda channel, *rest: channel
    try:
        for port, trust, host in (
            (80, None, "good.test"),
            (443, None, "good.test:443"),
            (443, "any", "good.test"),
            (80, "any", "good.test:80"),
            (8883, "any", "good.test:8883"),
        ):
            values = {"host": "good.test", "address": None, "port": port, "trust": trust}
            values["websocket"] = True
            dial.connect(values, clock.Deadline(3000)).opened()
            line = b"\r\nHost: " + host.encode() + b"\r\n"  # 4.1
            assert line in peers[-1].request, (port, trust, peers[-1].request)
    finally:
        dial.TcpChannel, secure.TlsChannel = channels


def test_close_says_goodbye():
    channel = _channel("silent_peer")
    channel.close()
    channel.close()
    check.equal(check.connections("silent_peer", 4), [b"\x88\x02\x03\xe8"])


def test_a_text_frame_ends_the_connection_with_code_1002():
    stream = _stream("text")
    assert "text frame" in str(check.raises(ProtocolError, read, stream, 1))
    stream.close()
    check.equal(check.connections("text", 4), [b"\x88\x02\x03\xea"])


def test_a_masked_frame_ends_the_connection():
    stream = _stream("masked")
    assert "masked" in str(check.raises(ProtocolError, read, stream, 1))
    stream.close()


def test_a_connection_that_is_cut_is_lost():
    for name in ("cut_in_header", "cut_in_message", "cut_over_tls"):
        stream = _stream(name)
        check.raises(Lost, read, stream, 5)
        stream.close()


# Opening handshake


def _fails(error_class, name, text, timeout_ms=3000):
    error = check.raises(error_class, _channel, name, timeout_ms)
    assert text in str(error), error
    return error


def test_a_status_is_told():
    assert _fails(Refused, "not_found", "HTTP status 404").code == 404
    assert _fails(Refused, "unauthorized", "HTTP status 401").code == 401
    _fails(Throttled, "busy", "HTTP status 503")


def test_a_server_that_does_not_agree_on_mqtt_is_refused():
    _fails(ProtocolError, "no_subprotocol", "sec-websocket-protocol")


def test_a_wrong_accept_is_refused():
    _fails(ProtocolError, "wrong_accept", "sec-websocket-accept")


def test_a_server_that_says_nothing_is_given_up():
    for name in ("silent", "silent_tls"):
        _fails(Lost, name, "no answer in time; is this a WebSocket port?", 1500)


def test_a_server_that_drips_is_given_up():
    _fails(Lost, "drips", "no answer in time", 200)


def test_a_server_that_leaves_instead_of_answering_is_lost():
    for name in ("closes", "resets", "half_head"):
        _fails(Lost, name, "is this a WebSocket port?")


def test_an_answer_that_is_not_http_is_refused():
    _fails(ProtocolError, "junk", "not HTTP")
