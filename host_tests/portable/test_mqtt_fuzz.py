"""Can any bytes from a broker raise anything but signet's own errors, or hang the client?

No sockets: a channel that plays bytes, in pieces of every size, and then the end. The bytes are
valid conversations, damaged: cut, swapped, doubled, overwritten; and noise. Every run is the same.
"""

import check
from signet.client.mqtt import MQTTClient
from signet.errors import SignetError

_ROUNDS = check.scaled(400)

_CONNACK = b"\x20\x02\x00\x00"
_SUBACK = b"\x90\x03\x00\x01\x01"
_TALK = (
    _CONNACK
    + _SUBACK
    + b"\x30\x09\x00\x03a/bhelo"
    + b"\x32\x0b\x00\x03a/b\x00\x07hell"
    + b"\x40\x02\x00\x02"
    + b"\xd0\x00"
    + b"\x31\x05\x00\x03a/b"
    + b"\x32\x85\x01\x00\x03a/b\x00\x08"
    + b"z" * 126
    + b"\x30\x06\x00\x03a/bx"
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
    """Plays `data` in pieces of at most `piece` bytes, None between them, then the end."""

    def __init__(self, data, piece):
        self._data = data
        self._piece = piece
        self._pause = False
        self.written = 0

    busy = False

    def readinto(self, buffer):
        if not self._data:
            return 0
        self._pause = not self._pause
        if self._pause:
            return None
        count = min(len(buffer), self._piece, len(self._data))
        buffer[:count] = self._data[:count]
        self._data = self._data[count:]
        return count

    def write(self, buffer):
        self.written += len(buffer)
        return len(buffer)

    def wait(self, events, deadline):
        return events

    def close(self):
        pass


def _damaged(random, talk):
    data = bytearray(talk)
    for _ in range(1 + random.below(4)):
        at = len(_CONNACK) * (random.below(4) != 0) + random.below(len(data) - len(_CONNACK))
        kind = random.below(4)
        if kind == 0:
            data[at] = random.below(256)
        elif kind == 1:
            data = data[:at] + data[at + 1 + random.below(6) :]
        elif kind == 2:
            data = data[:at] + data[at : at + 9] + data[at:]
        else:
            data = data[:at] + bytes([random.below(256) for _ in range(4)]) + data[at:]
        if len(data) < 8:
            break
    return bytes(data)


def _converse(data, piece):
    """Plays data to a client; returns how many events came before the end."""
    client = MQTTClient(max_packet_bytes=64, timeout_ms=3000)
    channel = _Channel(data, piece)
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
    except SignetError:
        assert not client.ready and client.readable() is None, "an error must close"
        return events
    raise AssertionError("the end of the connection was not noticed")


def test_the_undamaged_conversation_is_understood():
    for piece in (1, 2, 3, 7, 1000):
        check.equal(_converse(_TALK, piece), 6, piece)  # all of _TALK but SUBACK and PINGRESP


def test_damaged_conversations_raise_only_our_errors():
    random = _Random(20261121)
    for _ in range(_ROUNDS):
        _converse(_damaged(random, _TALK), 1 + random.below(40))


def test_noise_raises_only_our_errors():
    random = _Random(7)
    for _ in range(_ROUNDS):
        noise = bytes([random.below(256) for _ in range(random.below(60))])
        _converse((_CONNACK + _SUBACK if random.below(2) else b"") + noise, 1 + random.below(9))
