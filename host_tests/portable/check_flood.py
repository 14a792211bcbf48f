"""What does a peer look like that never stops sending, to a board whose time is made up?

Each look at the channel takes 1 ms of a clock that stands still otherwise, so a test tells exactly
how long a poll took, and how long the watchdog went unfed.
"""

import hashlib
from binascii import b2a_base64

from signet import clock

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 section 1.3
_FOR_EVER_MS = 60_000

CONNACK = b"\x20\2\0\0"


class Flood:
    """A channel, open from the start.

    Args:
        start: bytes that come first. again: bytes that come then, for ever; b"" for none.
        upgrades: bool, it agrees to the opening request of WebSocket.
    Attributes:
        now: int, ms since the beginning. unfed: int, ms, the longest without a feed.
    """

    def __init__(self, start, again, upgrades=True):
        self.now = self.unfed = self._fed = 0
        self._bytes, self._again, self._upgrades = start, again, upgrades
        self._real = clock.ticks_ms
        clock.ticks_ms = lambda: self.now
        clock.while_waiting = self._feed

    def close(self):
        clock.ticks_ms, clock.while_waiting = self._real, None

    def _feed(self):
        self._fed = self.now

    busy = False

    def opened(self):
        return True

    def _look(self):
        self.now += 1
        self.unfed = max(self.unfed, self.now - self._fed)
        if self.now > _FOR_EVER_MS:
            self.close()
            raise AssertionError("it never ends")

    def readinto(self, buffer):
        self._look()
        while self._again and len(self._bytes) < len(buffer):
            self._bytes += self._again
        size = min(len(buffer), len(self._bytes))
        buffer[:size] = self._bytes[:size]
        self._bytes = self._bytes[size:]
        return size or None

    def wait(self, events, deadline):
        self._look()
        self._feed()
        if self._bytes or self._again or events == 4:
            return events
        self.now += deadline.remaining_ms()
        return 0

    def write(self, data):
        if self._upgrades and data[:4] == b"GET ":
            key = bytes(data).split(b"Sec-WebSocket-Key: ")[1].split(b"\r\n")[0]
            accept = b2a_base64(hashlib.sha1(key + _GUID).digest())
            head = (
                b"HTTP/1.1 101 Ok\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Protocol: mqtt\r\nSec-WebSocket-Accept: "
            )
            self._bytes = head + accept[:-1] + b"\r\n\r\n" + self._bytes
        return len(data)


def client(flood, websocket=False):
    """Returns an MQTTClient that has logged in over the channel."""
    from signet.client.mqtt import MQTTClient

    channel = flood
    if websocket:
        from signet.net.websocket import WebSocketChannel

        channel = WebSocketChannel(flood, "good.test", clock.Deadline(3000))
    mqtt = MQTTClient(max_packet_bytes=256)
    mqtt.begin(channel, ("board", None, None))
    while mqtt.poll(0) is None:
        pass  # ("connected", ...)
    return mqtt
