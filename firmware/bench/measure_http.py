"""How many requests per second, and how much heap does each take?  Runs on MicroPython.

`measure_http ROUNDS PORT TLS_PORT CA_FILE HOST` prints one line of JSON for TLS and one for plain
TCP: by contender the times of all rounds in microseconds for CALLS requests; the bytes that one
request allocates, the free heap that it needs, and the bytes that stay allocated after it.

kept:     signet's client on the connection that it keeps
once:     the same client, closed after each request
peer:     micropython-lib's `requests`, which connects for each request, verifies no certificate
nodelay:  the same, but its many small writes do not wait for acknowledgements (TCP_NODELAY)

The request is a property post of two values to Alibaba Cloud (facts of its document).
"""

import gc
import json
import socket
import sys
import time

import requests
from signet.client.http import HttpClient
from signet.net.stream import TcpChannel

CALLS = 5  # so few that garbage of none of them fills a heap of 110 KiB
PATH = "/topic/sys/a1NUjcVkHZS/device-0001/thing/event/property/post"
HEADERS = (("password", "0123456789abcdef" * 2), ("Content-Type", "application/octet-stream"))
BODY = (
    b'{"id":"1","version":"1.0","params":{"temperature":{"value":21.5,"time":1763719200000},'
    b'"humidity":{"value":40,"time":1763719200000}},"method":"thing.event.property.post"}'
)
CODE = b'{"code":0,'
ADDRESS = "127.0.0.1"
STEP = 64  # bytes; how finely `_needed` looks
MOST = 10_240


class _NoDelay:
    """The module `socket`, as far as `requests` uses it."""

    SOCK_STREAM = socket.SOCK_STREAM
    getaddrinfo = staticmethod(socket.getaddrinfo)

    @staticmethod
    def socket(family, kind, protocol):
        made = socket.socket(family, kind, protocol)
        made.setsockopt(6, 1, 1)  # IPPROTO_TCP, TCP_NODELAY
        return made


def _contenders(port, ca, host):
    if ca:
        from signet.net import secure, trust

        context = trust.context(ca)

    def connect(deadline):
        channel = TcpChannel(ADDRESS, port, deadline)
        return secure.TlsChannel(channel, host, context, deadline) if ca else channel

    url = "http{}://{}:{}{}".format("s" if ca else "", ADDRESS, port, PATH)
    client = HttpClient(connect, host)
    other = HttpClient(connect, host)
    headers = dict(HEADERS)

    def kept():
        return client.ask(PATH, HEADERS, BODY).body

    def once():
        body = other.ask(PATH, HEADERS, BODY).body
        other.close()
        return body

    def peer():
        return requests.post(url, data=BODY, headers=headers).content

    def nodelay():
        requests.socket = _NoDelay
        try:
            return peer()
        finally:
            requests.socket = socket

    found = {"kept": kept, "once": once, "peer": peer, "nodelay": nodelay}
    for work in found.values():
        assert bytes(work()).startswith(CODE), "the server did not take it"
    return found


def _time(work):
    gc.collect()
    calls = range(CALLS)
    start = time.ticks_us()
    for _ in calls:
        work()
    return time.ticks_diff(time.ticks_us(), start)


def _heap(work):
    gc.collect()
    gc.disable()
    before = gc.mem_alloc()
    work()
    used = gc.mem_alloc() - before
    gc.enable()
    return used


def _fits(work, room):
    """Is about `room` bytes of free heap enough?  Returns the bytes that were free; 0 if not."""
    work()  # what the last try may have closed is open again
    gc.collect()
    place = bytearray(room)
    rest = None
    size = 4096
    while size:
        try:
            rest = [rest, bytearray(size)]
        except MemoryError:
            size //= 2
    del place
    gc.collect()
    free = gc.mem_free()
    try:
        work()
    except Exception:  # each has its own way to say it
        free = 0
    while rest:  # link by link: the collector may still find a pointer to the first
        link, rest = rest, rest[0]
        link[0] = link[1] = None
    return free


def _needed(work):
    """Least free heap in which a request succeeds, in bytes."""
    least, high = 0, MOST // STEP
    while not least:
        try:
            least = _fits(work, high * STEP)
            assert least, "a request does not fit the heap"
        except MemoryError:  # no piece of that size is left
            high -= 8
    low = 0
    while high - low > 1:
        middle = (low + high) // 2
        free = _fits(work, middle * STEP)
        if free:
            high, least = middle, free
        else:
            low = middle
    return least


def main(rounds, port, tls_port, ca_file, host):
    with open(ca_file, "rb") as file:
        ca = file.read()
    for what, contenders in (
        ("TLS", _contenders(tls_port, ca, host)),
        ("TCP", _contenders(port, None, host)),
    ):
        times = {name: [] for name in contenders}
        for _ in range(rounds):
            for name, work in contenders.items():
                times[name].append(_time(work))
        row = {
            "what": what,
            "bytes": len(BODY),
            "calls": CALLS,
            "times": times,
            "heap": {name: _heap(work) for name, work in contenders.items()},
            "needed": {name: _needed(work) for name, work in contenders.items()},
        }
        print(json.dumps(row))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4], sys.argv[5])
