"""How does umqtt.simple go over a channel of signet: TLS that verifies, WebSocket, bounded waits?

For programs that know umqtt.simple, the one of an ESP32's image (1.4 to 1.8) or 1.3.4; a session
has mqtt.py.  The board needs `umqtt.simple` for it, and for nothing else.
"""

from micropython import const
from umqtt import simple

from signet import clock
from signet.errors import Lost, TimedOut
from signet.wire import mqtt as wire

_POLLIN = const(1)
_POLLOUT = const(4)


class MQTTClient(simple.MQTTClient):
    """umqtt.simple's client; all its calls are its own, but for `connect`.  It sends no last will.

    Args:
        client_id: str.
        channel: function without arguments that returns a channel, see net.stream and cloud.dial.
        user, password: str, or None.
        keepalive: int, 1 to 65535 s.
        timeout_ms: int, how long one read or write of umqtt's may take: TimedOut then, Lost when
            the connection failed, and `connect` again.
    """

    def __init__(
        self, client_id, channel, user=None, password=None, keepalive=60, timeout_ms=10_000
    ):
        super().__init__(client_id, "", 1, user, password, keepalive)
        self._open = channel
        self._timeout_ms = timeout_ms

    def connect(self, clean_session=True):
        """Opens a channel and logs in.

        Returns:
            int, 1 where the broker remembers this client, else 0.
        Raises:
            What the channel raises while it opens. ProtocolError: the answer is no CONNACK.
            umqtt.simple.MQTTException: the broker refuses; its code (3.2.2.3).
        """
        self.sock = _Socket(self._open(), self._timeout_ms)
        login = self.client_id, self.user, self.pswd
        self.sock.write(wire.connect(login, self.keepalive, clean_session))
        answer = self.sock.read(4)
        wire.check_header(answer[0], answer[1], False)
        if answer[3]:
            raise simple.MQTTException(answer[3])
        return answer[2]

    def set_last_will(self, topic, msg, retain=False, qos=0):
        raise NotImplementedError("a last will")


class _Socket:
    """A channel as umqtt wants its socket: reads are whole, and what was written has gone."""

    def __init__(self, channel, timeout_ms):
        self._channel = channel
        self._timeout_ms = timeout_ms
        self._waits = True
        self.close = channel.close

    def setblocking(self, flag):
        self._waits = flag

    def read(self, size):
        """Returns `size` bytes; None where none has come and it must not wait."""
        data = bytearray(size)
        deadline = clock.Deadline(self._timeout_ms)
        at = 0
        while at < size:
            count = self._channel.readinto(memoryview(data)[at:])
            if count == 0:
                raise Lost("closed by the peer")
            if count:
                at += count
            elif not at and not self._waits:
                return None
            else:
                self._wait(_POLLIN, deadline)
        return bytes(data)

    def write(self, data, size=None):
        """Sends `data`, or its first `size` bytes."""
        rest = memoryview(data.encode() if isinstance(data, str) else data)[:size]
        deadline = clock.Deadline(self._timeout_ms)
        while len(rest):
            count = self._channel.write(rest)
            if count:
                rest = rest[count:]
            else:
                self._wait(_POLLOUT, deadline)

    def _wait(self, events, deadline):
        if deadline.expired():
            raise TimedOut("no answer in time")
        self._channel.wait(events, deadline)
