"""How does a test play the broker, log in over MQTT, and read from a channel?"""

from signet import clock
from signet.errors import Lost, TimedOut


def connect(client, channel, login=("c", "user", "pass"), timeout_ms=8000):
    """Logs in; returns whether the broker remembered the session, and raises what `poll` does."""
    client.begin(channel, login)
    deadline = clock.Deadline(timeout_ms)
    while True:
        event = client.poll(deadline.remaining_ms())
        if event is not None:
            assert event[0] == "connected", event
            return event[1]
        assert not deadline.expired(), "no CONNACK"


class Line:
    """A channel whose far side a test writes by hand.

    Attributes:
        published: list of [topic, payload, packet id, goes again], what came of PUBLISH.
        subscribed: list of lists of topic filters, what came of SUBSCRIBE; asked: the last's id.
        takes: bool, False while it takes nothing.
        rest: bytes, what it has said and nobody has read.
        error: what is raised behind all that has come; None.
    """

    busy = False
    takes = True
    error = None

    def __init__(self):
        self.published, self.subscribed = [], []
        self.rest = b""

    def says(self, *packets):
        self.rest += b"".join(packets)

    def write(self, packet):
        if not self.takes:
            return None
        kind, body = packet[0] >> 4, bytes(packet[2 + (packet[1] > 127) :])
        if kind == 3:
            at = 2 + body[1]
            packet_id = body[at] << 8 | body[at + 1]
            again = packet[0] == 0x3A
            self.published.append([body[2:at].decode(), body[at + 2 :], packet_id, again])
        elif kind == 8:
            names, at = [], 2
            while at < len(body):
                names.append(body[at + 2 : at + 2 + body[at + 1]].decode())
                at += 3 + body[at + 1]
            self.asked = body[1]
            self.subscribed.append(names)
        return len(packet)

    def readinto(self, buffer):
        if not self.rest and self.error is not None:
            raise self.error
        count = min(len(buffer), len(self.rest))
        buffer[:count] = self.rest[:count]
        self.rest = self.rest[count:]
        return count or None

    def readable(self, sending):
        return None

    def wait(self, events, deadline):
        return 0

    def close(self):
        pass


def opens(session, present=False):
    """Makes a Session open; returns its Line, of a broker that knows it still, if `present`."""
    line = Line()
    session.client.begin(line, ("c", None, None))
    line.says(b"\x20\2" + bytes((present, 0)))
    assert session.poll(0) == ("opened",)
    count = sum([len(names) for names in line.subscribed])
    if count:
        suback(session, line, b"\1" * count)
    return line


def suback(session, line, codes):
    """Answers the SUBSCRIBE that came last."""
    line.says(bytes((0x90, 2 + len(codes), 0, line.asked)) + codes)
    assert session.poll(0) is None


def puback(packet_id):
    return bytes((0x40, 2, 0, packet_id))


def message(topic, payload):
    """A PUBLISH at QoS 0; both bytes."""
    body = bytes((len(topic) >> 8, len(topic) & 255)) + topic + payload
    return bytes((0x30, len(body) & 127 | 128, len(body) >> 7)) + body


class Stream:
    """Bytes over a channel, as many as a test wants; what does not go yet goes with a `flush`."""

    def __init__(self, channel):
        self._channel = channel
        self._out = self._in = b""

    def write(self, data):
        self._out += data
        self.flush()

    def flush(self):
        while self._out:
            count = self._channel.write(self._out)
            if not count:
                return False
            self._out = self._out[count:]
        return True

    def read(self, size):
        """Returns `size` bytes; None for not yet; Lost at the end."""
        while len(self._in) < size:
            room = bytearray(size - len(self._in))
            count = self._channel.readinto(room)
            if count == 0:
                raise Lost("closed by the peer")
            if not count:
                return None
            self._in += room[:count]
        data, self._in = self._in, b""
        return data

    def wait(self, deadline):
        self._channel.wait(4 if self._out else 1, deadline)

    def close(self):
        self._channel.close()


def read(stream, size, timeout_ms=3000):
    """Returns `size` bytes; raises TimedOut, and what the channel does."""
    deadline = clock.Deadline(timeout_ms)
    while True:
        data = stream.read(size) if stream.flush() else None
        if data is not None:
            return data
        if deadline.expired():
            raise TimedOut("nothing received in time")
        stream.wait(deadline)
