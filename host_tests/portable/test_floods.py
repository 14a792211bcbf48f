"""When does MQTT give up in a flood, and what gets through one?  See test_contract_session.py.

What a server sends is written out by hand from RFC 6455 section 5.2 (two bytes of header, then
payload) and MQTT 3.1.1 section 2.2.
"""

import check
from check_flood import CONNACK, Flood, client
from signet import clock
from signet.errors import Lost, ProtocolError
from signet.net.websocket import WebSocketChannel

_IN_FRAME = b"\x82\x04" + CONNACK
_MESSAGE = b"\x30\x06\0\x01tfar"


def test_a_poll_of_no_time_gets_through_what_means_nothing():
    start = _IN_FRAME + b"\x89\0" * 200 + b"\x82\x08" + _MESSAGE
    flood = Flood(start, b"")
    mqtt_client = client(flood, True)
    events = [mqtt_client.poll(0) for _ in range(8)]
    flood.close()
    assert ("message", b"t", b"far") in events, events


def test_a_login_is_given_up_in_a_flood_of_websocket_pings():
    flood = Flood(b"", b"\x89\0")
    error = check.raises(Lost, client, flood, True)
    flood.close()
    assert "does not answer CONNECT" in str(error)
    assert 10_000 <= flood.now <= 11_000, flood.now
    assert flood.unfed <= clock.WAIT_SLICE_MS, flood.unfed


class _Drip(Flood):
    """One byte comes for each wait."""

    def readinto(self, buffer):
        count = super().readinto(memoryview(buffer)[: self._dripped])
        self._dripped = 0
        return count

    _dripped = 0

    def wait(self, events, deadline):
        self._dripped = 1
        return super().wait(events, clock.Deadline(100))


class _Shut(Flood):
    """It opens after 2 s."""

    def opened(self):
        return self.now > 2000

    def readinto(self, buffer):
        return super().readinto(buffer) if self.opened() else None

    def write(self, data):
        return super().write(data) if self.opened() else None


def test_each_call_of_an_opening_websocket_is_one_step():
    head = b"HTTP/1.1 101 Switching Protocols\r\nX: "
    for kind, start, again, error_class, text, least_ms in (
        (Flood, b"", b"", Lost, "no answer in time", 3000),
        (Flood, head, b"", Lost, "no answer in time", 3000),
        (_Shut, b"", b"", Lost, "no answer in time", 3000),
        (_Drip, head, b"x", Lost, "no answer in time", 3000),
        (Flood, head, b"x", Lost, "closed by the peer", 500),  # 4 bytes a ms here
        (Flood, b"", b"\x89\0", Lost, "closed by the peer", 500),
        (Flood, b"", b"x\r\n\r\n", ProtocolError, "not HTTP", 0),
    ):
        flood = kind(start, again, False)
        try:
            channel = WebSocketChannel(flood, "good.test", clock.Deadline(3000))
            error = None
            while error is None:
                before = flood.now
                try:
                    assert channel.write(b"x") is None and channel.readinto(bytearray(1)) is None
                except (Lost, ProtocolError) as raised:
                    error = raised
                assert flood.now - before <= 64, text
                if error is None and not channel.busy:
                    channel.wait(4, clock.Deadline(500))
        finally:
            flood.close()
        assert type(error) is error_class and text in str(error), error
        assert "is this a WebSocket port?" in str(error), error
        assert least_ms <= flood.now <= 3600, (text, flood.now)
