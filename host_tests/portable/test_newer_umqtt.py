"""Does the wrapper also fit the umqtt.simple that newer ESP32 images carry (1.4 to 1.8)?

No registry has those versions, so this is a stand-in of ours with what is new in them, as far as
the wrapper can meet it: `ssl` is a context and `ssl_params` is gone, `connect` takes a timeout,
`wait_msg` returns the packet's type. Everything else is proved with the real 1.3.4.
"""

import sys

import check


class _Newer:
    def __init__(self, client_id, server, port=0, user=None, password=None, keepalive=0, ssl=None):
        self.client_id = client_id
        self.server, self.port, self.ssl = server, port or 1883, ssl
        self.user, self.pswd = user, password
        self.keepalive = keepalive
        self.sock = self.cb = None
        self.pid = 0

    def set_callback(self, f):
        self.cb = f

    def connect(self, clean_session=True, timeout=None):
        raise AssertionError("the wrapper connects by itself")

    def wait_msg(self):
        first = self.sock.read(1)
        self.sock.setblocking(True)
        if first is None:
            return None
        assert first[0] & 0xF0 == 0x30
        size = shift = 0
        while True:
            digit = self.sock.read(1)[0]
            size |= (digit & 127) << shift
            shift += 7
            if digit < 128:
                break
        topic = self.sock.read(int.from_bytes(self.sock.read(2), "big"))
        size -= 2 + len(topic)
        packet_id = None
        if first[0] & 6:
            packet_id = self.sock.read(2)
            size -= 2
        self.cb(topic, self.sock.read(size))
        if packet_id is not None:
            self.sock.write(b"\x40\x02" + packet_id)
        return first[0]


class _Module:
    MQTTClient = _Newer


sys.modules["umqtt"] = _Package = type("_Package", (), {"simple": _Module})
sys.modules["umqtt.simple"] = _Module

from check_mqtt import connect  # noqa: E402
from signet import clock  # noqa: E402
from signet.client.mqtt import MQTTClient  # noqa: E402
from signet.net.stream import TcpChannel  # noqa: E402
from signet.net.umqtt_stream import Stream  # noqa: E402

SERVERS = {
    "broker": ("mosquitto",),
    "qos1": ("tcp", [("answer",), ("send", "32080003612f62000778"), ("packet",)]),
}


def _connected(name):
    end = check.server(name)
    client = MQTTClient()
    stream = Stream(TcpChannel(end["host"], end["port"], clock.Deadline(3000)))
    connect(client, stream, ("newer", end.get("user"), end.get("password")))
    return client


def test_it_is_the_newer_one():
    assert issubclass(MQTTClient, _Newer)


def test_messages_go_and_come():
    client = _connected("broker")
    client.subscribe(["t/#"])
    assert client.publish("t/1", b"one") == 2
    assert ("message", b"t/1", b"one") in [client.poll(3000), client.poll(3000)]
    client.disconnect()


def test_a_qos_1_message_is_acknowledged():
    client = _connected("qos1")
    assert client.poll(3000) == ("message", b"a/b", b"x")
    assert check.connections("qos1", 19)[0].endswith(b"\x40\x02\x00\x07")
    client.close()
