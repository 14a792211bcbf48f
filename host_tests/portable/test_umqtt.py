"""Does umqtt.simple go over signet's channels: 1.3.4, and what newer ESP32 images carry?

No registry has the newer ones (1.4 to 1.8), so those are a stand-in of ours with what is new in
them, as far as the adapter can meet it: `ssl` is a context and `ssl_params` is gone, `connect`
takes a timeout, `wait_msg` returns the packet's type.
"""

import sys

import check
from signet import clock, modules
from signet.cloud import dial
from signet.errors import Lost, ProtocolError, TimedOut, Untrusted
from signet.net.trust import context

SERVERS = {
    "plain": ("mosquitto",),
    "safe": ("mosquitto", "websockets", "good"),
    "qos1": ("tcp", [("answer",), ("send", "32080003612f62000778"), ("packet",)]),
    "silent": ("tcp", "black_hole"),
    "other": ("tcp", [("packet",), ("send", "d0000000")]),
    "closes": ("tcp", "close_at_once"),
}


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
        raise AssertionError("the adapter connects by itself")

    def wait_msg(self):
        first = self.sock.read(1)
        self.sock.setblocking(True)
        if first is None:
            return None
        assert first[0] & 0xF0 == 0x30
        size = self.sock.read(1)[0]
        topic = self.sock.read(int.from_bytes(self.sock.read(2), "big"))
        packet_id = self.sock.read(2)
        self.cb(topic, self.sock.read(size - 4 - len(topic)))
        self.sock.write(b"\x40\x02" + packet_id)
        return first[0]


class _Module:
    MQTTClient = _Newer


def _client(name, host=None, timeout_ms=3000, **login):
    from signet.client.umqtt import MQTTClient

    end = check.server(name)
    config = {"host": host or "good.test", "address": end["host"], "port": end["port"]}
    config.update(trust=None, websocket="websockets" in SERVERS[name])
    if "ca" in end:
        with open(end["ca"], "rb") as file:
            config["trust"] = context(file.read())
    login = login or {"user": end.get("user", "user"), "password": end.get("password", "pass")}
    return MQTTClient(
        "umqtt",
        lambda: dial.connect(config, clock.Deadline(5000)),
        timeout_ms=timeout_ms,
        **login,
    )


def test_messages_go_and_come():
    for name in "plain", "safe":
        client, heard = _client(name), []
        client.set_callback(lambda *message, heard=heard: heard.append(message))
        check.equal(client.connect(), 0)
        client.subscribe(b"t/#", 1)
        assert client.check_msg() is None
        client.publish(b"t/1", b"x" * 500, qos=1)
        client.publish("t/2", "two")
        client.ping()
        while len(heard) < 2:
            client.wait_msg()
        check.equal(sorted(heard), [(b"t/1", b"x" * 500), (b"t/2", b"two")])
        client.disconnect()


def test_who_is_refused_or_not_the_right_one_is_told():
    client = _client("plain", user="user", password="wrong")
    kind = __import__("umqtt.simple", None, None, ("*",)).MQTTException
    check.equal(check.raises(kind, client.connect).args, (5,))
    check.raises(Untrusted, _client("safe", "other.test").connect)
    check.raises(ProtocolError, _client("other").connect)
    check.raises(Lost, _client("closes").connect)
    check.raises(NotImplementedError, client.set_last_will, b"t", b"gone")


def test_who_does_not_answer_is_given_up():
    check.raises(TimedOut, _client("silent", timeout_ms=300).connect)


def test_a_qos_1_message_is_acknowledged_by_the_newer_one_too():
    modules.forget("signet.client.umqtt")
    sys.modules["umqtt"] = type("_Package", (), {"simple": _Module})
    client, heard = _client("qos1"), []
    assert isinstance(client, _Newer)
    client.set_callback(lambda *message: heard.append(message))
    client.connect()
    check.equal(client.wait_msg(), 0x32)
    check.equal(heard, [(b"a/b", b"x")])
    assert check.connections("qos1", 19)[0].endswith(b"\x40\x02\x00\x07")
