"""Does a scripted server of SERVERS do what check.py says of its steps for HTTP?"""

import check
from check import equal

INTERPRETERS = ("cpython",)
SERVERS = {
    "two": ("tcp", [("request",), ("send_text", "one\r\n\xe9"), ("request",), ("close",)]),
    "drips": ("tcp", [("drip", "abc", 1), ("close",)]),
    "half": ("tcp", [("send_text", "all"), ("half_close",), ("expect", 4), ("reset",)]),
    "sni": ("tls", "good", [("request",), ("sni",), ("drip", "\r\n", 1), ("close",)]),
}
_WITH_BODY = b"POST /a HTTP/1.1\r\nhost: h\r\ncontent-length:   5\r\n\r\n12345"
_WITHOUT = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"


def _connect(name):
    import socket

    end = check.server(name)
    return socket.create_connection((end["host"], end["port"]), 5)


def _to_the_end(connection):
    return b"".join(iter(lambda: connection.recv(99), b""))


def test_a_request_is_read_with_its_body_and_answered_with_latin_1():
    with _connect("two") as connection:
        connection.sendall(_WITH_BODY[:-1])
        check.connections("two", len(_WITH_BODY) - 1)
        connection.sendall(_WITH_BODY[-1:])
        equal(connection.recv(99), b"one\r\n\xe9")
        connection.sendall(_WITHOUT)
        equal(_to_the_end(connection), b"")
    equal(check.connections("two"), [_WITH_BODY + _WITHOUT])


def test_dripped_text_arrives_whole():
    with _connect("drips") as connection:
        equal(_to_the_end(connection), b"abc")


def test_a_server_that_has_ended_its_sending_still_reads():
    with _connect("half") as connection:
        equal(_to_the_end(connection), b"all")
        connection.sendall(b"more")
        equal(check.connections("half", 4), [b"more"])


def test_the_name_that_a_tls_client_asks_for_comes_back():
    import ssl

    context = ssl.create_default_context(cafile=check.server("sni")["ca"])
    with context.wrap_socket(_connect("sni"), server_hostname="good.test") as connection:
        connection.sendall(_WITHOUT)
        equal(_to_the_end(connection), b"good.test\r\n")
