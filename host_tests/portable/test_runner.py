"""Does the portable runner do what it promises?  Servers, control, heap lock, vectors."""

import socket

import check

SERVERS = {
    "broker": ("mosquitto",),
    "echo": ("tcp", "echo"),
    "odd": ("tcp", [("expect", 2), ("send", "00ff"), ("close",)], [("send", "01"), ("close",)]),
    "secure": ("tls", "good", "echo"),
    "refused": ("tcp", "refused"),
}


def _connect(name):
    end = check.server(name)
    client = socket.socket()
    client.connect(socket.getaddrinfo(end["host"], end["port"])[0][-1])
    return client


def test_an_echo_server_answers():
    client = _connect("echo")
    client.send(b"hello")
    assert client.recv(5) == b"hello"
    client.close()


def test_a_script_serves_each_connection_by_its_own_list_and_records_what_came():
    client = _connect("odd")
    client.send(b"ab")
    assert client.recv(4) == b"\x00\xff"
    assert client.recv(4) == b""
    client.close()
    client = _connect("odd")
    assert client.recv(4) == b"\x01"
    client.close()
    check.equal(check.connections("odd", 2), [b"ab", b""])


def test_a_broker_accepts():
    client = _connect("broker")
    client.send(b"\x10\x1a\x00\x04MQTT\x04\xc2\x00\x3c\x00\x01a\x00\x04user\x00\x04pass"[:1])
    client.close()


def test_a_refused_port_refuses():
    check.raises(OSError, _connect, "refused")


def test_the_heap_can_be_locked():
    assert check.no_heap(max, 1, 2) == 2
    if check.MICROPYTHON:
        check.raises(MemoryError, check.no_heap, bytearray, 100)


def test_vectors_are_found():
    assert len(check.vectors("hmac-generated")) > 5


def test_raises_fails_when_nothing_is_raised():
    check.raises(AssertionError, check.raises, ValueError, int, "1")
