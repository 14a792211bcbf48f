"""What may a portable CoAP test use beside check.py?  A plugtest server, and what passed between.

    SERVERS = {"plugtest": ("coap", "plugtest")}

    client = begin(lose={"client": [0]})     a CoapClient; the relay loses its first datagram
    answer = ask(client, coap.GET, "test")   a wire.coap.Message
    request, again, reply = seen(3)          the datagrams, as aiocoap reads them: Seen

The server is host/plugtest.py; its resources are in host/plugtest_site.py.
"""

import json
import socket
from binascii import unhexlify
from collections import namedtuple

import check
from signet.client.coap import CoapClient
from signet.clock import Deadline
from signet.net.datagram import UdpChannel
from signet.wire import coap

CON, NON, ACK, RST = range(4)
EMPTY, GET, POST, PUT, DELETE = range(5)
CREATED, DELETED, VALID, CHANGED, CONTENT, CONTINUE = 65, 66, 67, 68, 69, 95
NOT_FOUND, NOT_ACCEPTABLE, PRECONDITION_FAILED, INTERNAL_SERVER_ERROR = 132, 134, 140, 160
IF_MATCH, ETAG, IF_NONE_MATCH, OBSERVE, LOCATION_PATH, URI_PATH = 1, 4, 5, 6, 8, 11
CONTENT_FORMAT, MAX_AGE, URI_QUERY, ACCEPT, LOCATION_QUERY, BLOCK2, BLOCK1 = (
    12,
    14,
    15,
    17,
    20,
    23,
    27,
)

Seen = namedtuple(
    "Seen",
    ("sender", "lost", "size", "type", "code", "message_id", "token", "options", "payload"),
)


def steer(command, **arguments):
    """Tells the plugtest server to do something; see `do_...` in host/plugtest.py."""
    host, port = check.server("plugtest")["steer"]
    control = socket.socket()
    try:
        control.connect(socket.getaddrinfo(host, port)[0][-1])
        control.send((json.dumps([command, arguments]) + "\n").encode())
        answer = b""
        while True:
            part = control.recv(4096)
            if not part:
                return json.loads(answer)
            answer += part
    finally:
        control.close()


def begin(ack_timeout_ms=None, **arguments):
    """Sets the server back to its start; returns a client of it.

    ack_timeout_ms: by default as of RFC 7252 where a datagram is to be lost; else longer, for a
    test that counts datagrams must not see one sent again because the machine is busy.
    lose: {"client": [...], "server": [...]}, which of their datagrams, from 0, do not arrive.
    szx, max_age, proxy: see host/plugtest.py.
    """
    steer("begin", **arguments)
    if ack_timeout_ms is None:
        ack_timeout_ms = 2000 if "lose" in arguments else 6000
    client = CoapClient(ack_timeout_ms=ack_timeout_ms)
    endpoint = check.server("plugtest")
    client.use(UdpChannel(endpoint["host"], endpoint["port"], Deadline(5000)))
    return client


def to(path, do, **arguments):
    """Something happens to a resource of the server."""
    return steer("to", path=path, do=do, **arguments)


def path(text, number=URI_PATH):
    """Returns a path as options, one for each segment (RFC 7252 section 5.10.1)."""
    return tuple([(number, segment.encode()) for segment in text.split("/")])


def ask(client, code, where, options=(), payload=b"", **how):
    """Sends a request and returns its response, a Message; how: as in CoapClient.request."""
    client.request(code, path(where) + tuple(options), payload, **how)
    return response(client)


def response(client):
    """Waits for the response to the outstanding request."""
    deadline = Deadline(5000)
    while not deadline.expired():
        event = client.poll(deadline.remaining_ms())
        if event and event[0] == "response":
            return event[1]
        if event and event[0] == "failed":
            raise event[1]
    raise AssertionError("no response")


def seen(count, first=0, most=99):
    """Checks that `count` datagrams passed the relay; returns those from `first` on, as Seen."""
    passed, notes = steer("seen", count=count, first=first, most=most)
    check.equal(passed, count, [(each["sender"], each["type"], each["code"]) for each in notes])
    return [_seen(note) for note in notes]


def works_in_silence(client, until):
    """Lets the client go on until that many datagrams have passed; it has nothing to show."""
    deadline = Deadline(5000)
    while steer("seen", count=0, first=0, most=0)[0] < until and not deadline.expired():
        check.equal(client.poll(50), None)


def _seen(note):
    assert note["same"], "aiocoap writes this otherwise: {}".format(note)
    return Seen(
        note["sender"],
        note["lost"],
        note["size"],
        note["type"],
        note["code"],
        note["message_id"],
        unhexlify(note["token"]),
        [(number, unhexlify(value)) for number, value in note["options"]],
        unhexlify(note["payload"]),
    )


def values(message, number):
    """Returns the values of all options `number`, in their order; of a Seen or a Message."""
    return [value for each, value in message.options if each == number]


def encode(message):
    """Returns the datagram of a Message, bytes."""
    buffer = bytearray(13 + len(message.payload) + sum(5 + len(v) for _, v in message.options))
    return bytes(memoryview(buffer)[: coap.encode_into(buffer, message)])


def requests(each, kind, code, where):
    """Checks that the client asked this; message id and token are its own."""
    check.equal((each.sender, each.type, each.code), ("client", kind, code))
    check.equal(values(each, URI_PATH), [segment.encode() for segment in where.split("/")])
    assert 1 <= len(each.token) <= 8


def piggybacked(each, request, code):
    """Checks that the server's ACK to this request carries a response with this code."""
    check.equal((each.sender, each.type, each.code), ("server", ACK, code))
    check.equal((each.message_id, each.token), (request.message_id, request.token))
    assert values(each, CONTENT_FORMAT) or not each.payload


def empty(each, sender, kind, message_id):
    """Checks that this is an Empty message of four bytes."""
    check.equal(each[:6], (sender, each.lost, 4, kind, EMPTY, message_id))


def shown(message, each):
    """Checks that the client's caller was given what the server sent."""
    check.equal((message.code, message.payload), (each.code, each.payload))
    check.equal(list(message.options), each.options)
