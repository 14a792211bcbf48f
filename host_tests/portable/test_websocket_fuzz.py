"""Can full sockets, or any bytes from a server, make a WebSocketChannel misbehave?

No sockets: a channel that plays bytes and takes bytes, in pieces. Every run is the same.
"""

from binascii import a2b_base64

import check
from signet import clock
from signet.client.mqtt import MQTTClient
from signet.errors import Lost, ProtocolError, SignetError
from signet.net.websocket import WebSocketChannel
from signet.wire import websocket_handshake as handshake

_ROUNDS = check.scaled(400)
_CONNACK = b"\x20\x02\x00\x00"
_TALK = (  # frames: CONNACK, ping, SUBACK in fragments, PUBLISH, PUBACK, PINGRESP, close
    b"\x82\x04"
    + _CONNACK
    + b"\x89\x01a"
    + b"\x02\x02\x90\x03\x89\x00\x80\x03\x00\x01\x01"
    + b"\x82\x0b\x30\x09\x00\x03a/bhelo"
    + b"\x82\x7e\x00\x89\x32\x86\x01\x00\x03a/b\x00\x08"
    + b"z" * 127
    + b"\x82\x06\x40\x02\x00\x02\xd0\x00"
    + b"\x88\x05\x03\xe9bye"
)


class _Random:
    """xorshift32: the same on every interpreter."""

    def __init__(self, seed):
        self._state = seed

    def below(self, limit):
        x = self._state
        x ^= (x << 13) & 0xFFFFFFFF
        x ^= x >> 17
        x ^= (x << 5) & 0xFFFFFFFF
        self._state = x
        return x % limit


class _Channel:
    """Agrees to the opening request, then plays `data`, `piece` bytes and None in turns.

    room: how many bytes `write` takes before it says None; refill it by hand.
    """

    busy = False

    def __init__(self, data, piece, room=1_000_000):
        self.data = data
        self._piece = piece
        self._pause = False
        self._opened = False
        self.room = 1000
        self._room = room
        self.written = b""
        self.closed = 0

    def _reply(self):
        key = self.written.split(b"-Key: ")[1].split(b"\r\n")[0]
        self._opened = True
        self.written = b""
        self.room = self._room
        return (
            b"HTTP/1.1 101 Ok\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Protocol: mqtt\r\nSec-WebSocket-Accept: "
        ) + handshake.opening("a", a2b_base64(key))[1]

    def readinto(self, buffer):
        if not self._opened:
            self.data = self._reply() + b"\r\n\r\n" + self.data
        if not self.data:
            return 0
        self._pause = not self._pause
        if self._pause:
            return None
        count = min(len(buffer), self._piece, len(self.data))
        buffer[:count] = self.data[:count]
        self.data = self.data[count:]
        return count

    def write(self, buffer):
        count = min(len(buffer), self.room)
        self.room -= count
        self.written += bytes(buffer[:count])
        return count or None

    def wait(self, events, deadline):
        return events

    def close(self):
        self.closed += 1


def _open(data=b"", piece=1000, room=1_000_000):
    below = _Channel(data, piece, room)
    channel = WebSocketChannel(below, "a", clock.Deadline(3000))
    while not channel.opened():
        pass
    return channel, below


def _frames(data):
    """Takes masked frames apart: [(opcode, payload)]; the last may be cut: (opcode, None)."""
    found = []
    while data:
        opcode, size, at = data[0] & 15, data[1] & 127, 2
        assert data[0] & 0x80 and data[1] & 0x80
        if size == 126:
            size, at = data[2] << 8 | data[3], 4
        payload = None
        if len(data) >= at + 4 + size:
            payload = bytes([data[at + 4 + i] ^ data[at + i % 4] for i in range(size)])
        found.append((opcode, payload))
        data = data[at + 4 + size :]
    return found


# Full sockets


def test_a_frame_that_does_not_fit_is_finished_before_the_next():
    channel, below = _open(room=0)
    sent = bytes(range(256)) + bytes(range(100))
    at = 0
    for _ in range(1000):
        count = channel.write(sent[at:])
        at += count or 0
        if at == len(sent):
            break
        below.room += 7
    check.equal(_frames(below.written), [(2, sent[:256]), (2, sent[256:])])


def test_write_says_none_until_the_whole_frame_has_gone():
    channel, below = _open(room=5)
    assert channel.write(b"abc") is None
    below.room = 3
    assert channel.write(b"abc") is None
    below.room = 100
    check.equal(channel.write(b"abc"), 3)
    check.equal(_frames(below.written), [(2, b"abc")])


def test_while_a_frame_waits_to_be_sent_nothing_is_read():
    data = b"\x89\x01a\x82\x01x"
    channel, below = _open(data, room=5)
    assert channel.write(b"abc") is None
    for _ in range(4):
        assert channel.readinto(bytearray(9)) is None
    check.equal((below.data, channel.busy), (data, False))
    below.room = 100
    check.equal(channel.write(b"abc"), 3)
    while channel.readinto(bytearray(9)) is None:
        pass
    check.equal(_frames(below.written), [(2, b"abc"), (10, b"a")])


def test_while_a_pong_waits_to_be_sent_nothing_is_read():
    channel, below = _open(b"\x89\x01a\x89\x01b\x82\x01x", room=2)
    for _ in range(9):
        assert channel.readinto(bytearray(9)) is None
    check.equal((below.data, channel.busy), (b"\x89\x01b\x82\x01x", False))
    below.room = 100
    while channel.readinto(bytearray(9)) is None:
        pass
    check.equal(_frames(below.written), [(10, b"a"), (10, b"b")])


def test_nothing_is_said_after_a_close_frame():
    channel, below = _open(b"\x88\x02\x03\xe8\x89\x00\x82\x01x")
    while channel.readinto(bytearray(9)) is None:
        pass
    check.equal(channel.readinto(bytearray(9)), 0)
    check.raises(Lost, channel.write, b"abc")
    channel.close()
    check.equal(_frames(below.written), [(8, b"\x03\xe8")])
    check.equal(below.closed, 1)


def test_close_does_not_wait_for_a_full_socket():
    channel, below = _open(room=4)
    assert channel.write(b"abc") is None
    channel.close()
    channel.close()
    check.equal(_frames(below.written), [(2, None)])
    check.equal(below.closed, 1)


def test_close_finishes_a_frame_before_the_goodbye():
    channel, below = _open(room=4)
    assert channel.write(b"abc") is None
    below.room = 100
    channel.close()
    check.equal(_frames(below.written), [(2, b"abc"), (8, b"\x03\xe8")])


def test_a_broken_frame_is_answered_with_1002():
    channel, below = _open(b"\x83\x00")
    buffer = bytearray(9)
    error = None
    for _ in range(9):
        try:
            channel.readinto(buffer)
        except ProtocolError as raised:
            error = raised
            break
    assert "reserved opcode" in str(error)
    channel.close()
    check.equal(_frames(below.written), [(8, b"\x03\xea")])


# The opening handshake


class _Says:
    """Says `data` whatever is asked."""

    def __init__(self, data):
        self._data = data
        self.written = b""
        self.closed = 0

    def readinto(self, buffer):
        buffer[0] = self._data[0]
        self._data = self._data[1:] or self._data
        return 1

    def write(self, buffer):
        self.written += bytes(buffer)
        return len(buffer)

    def close(self):
        self.closed += 1


def _refused(error_class, data):
    below = _Says(data)
    channel = WebSocketChannel(below, "a", clock.Deadline(3000))
    check.raises(error_class, lambda: [channel.opened() for _ in range(99)])
    channel.close()
    check.equal((below.closed, below.written[:4], len(below.written.split())), (1, b"GET ", 15))


def test_an_answer_without_an_end_is_given_up():
    _refused(Lost, b"a")


def test_noise_instead_of_an_answer_raises_only_our_errors():
    random = _Random(17)
    alphabet = b"\r\n\r\nHTTP/1.1 101: \xff\x00upgrade"
    for _ in range(_ROUNDS):
        noise = bytes([alphabet[random.below(len(alphabet))] for _ in range(60)])
        prefix = b"HTTP/1.1 101 \r\n" if random.below(2) else b""
        _refused(SignetError, prefix + noise + b"\r\n\r\n")


# Frames


def _converse(data, piece):
    """Plays data to an MQTT client; returns how many events came, and what ended it."""
    client = MQTTClient(max_packet_bytes=64, timeout_ms=3000)
    channel, below = _open(data, piece)
    events = 0
    try:
        client.begin(channel, ("c", None, None))
        for _ in range(1000):
            event = client.poll(0)
            if event == ("connected", False):
                client.subscribe(["a/#"])
                client.publish("t", b"x")
            elif event is not None:
                events += 1
    except SignetError as error:
        assert not client.ready and below.closed == 1
        return events, str(error)
    raise AssertionError("the end of the connection was not noticed")


def _damaged(random):
    data = bytearray(_TALK)
    for _ in range(1 + random.below(4)):
        at = 6 * (random.below(4) != 0) + random.below(len(data) - 6)
        kind = random.below(4)
        if kind == 0:
            data[at] = random.below(256)
        elif kind == 1:
            data = data[:at] + data[at + 1 + random.below(6) :]
        elif kind == 2:
            data = data[:at] + data[at : at + 9] + data[at:]
        else:
            data = data[:at] + bytes([random.below(256) for _ in range(4)]) + data[at:]
        if len(data) < 14:
            break
    return bytes(data)


def test_the_undamaged_conversation_is_understood():
    for piece in (1, 2, 3, 7, 1000):
        events, end = _converse(_TALK, piece)
        check.equal(events, 3, piece)  # two messages, acked
        assert "1001 going away bye" in end


def test_damaged_frames_raise_only_our_errors():
    random = _Random(20261121)
    for _ in range(_ROUNDS):
        _converse(_damaged(random), 1 + random.below(40))


def test_noise_raises_only_our_errors():
    random = _Random(7)
    for _ in range(_ROUNDS):
        noise = bytes([random.below(256) for _ in range(random.below(60))])
        _converse((_TALK[:6] if random.below(2) else b"") + noise, 1 + random.below(9))
