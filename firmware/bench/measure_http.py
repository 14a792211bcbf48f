"""How many requests per second, and how much heap does each take?  Runs on MicroPython.

`measure_http ROUNDS CALLS PORT TLS_PORT CA_FILE HOST` prints one line of JSON for TLS and one for
plain TCP: by contender the times of all rounds in microseconds for CALLS requests; the bytes that
one request allocates; the free heap that it needs; the path by which the server knows it. And the
bytes outside the heap that one connection keeps, null where there is no /proc.

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

import measuring
import no_delay
import requests
from signet.client.http import HttpClient
from signet.net.stream import TcpChannel

PATH = "/topic/sys/a1NUjcVkHZS/{}/thing/event/property/post"
HEADERS = (("password", "0123456789abcdef" * 2), ("Content-Type", "application/octet-stream"))
BODY = (
    b'{"id":"1","version":"1.0","params":{"temperature":{"value":21.5,"time":1763719200000},'
    b'"humidity":{"value":40,"time":1763719200000}},"method":"thing.event.property.post"}'
)
CODE = b'{"code":0,'
ADDRESS = "127.0.0.1"
CONNECTIONS = 8  # so many that pages of 4 KiB do not matter


def _connector(port, ca, host):
    if ca:
        from signet.net import secure, trust

        context = trust.context(ca)

    def connect(deadline):
        channel = TcpChannel(ADDRESS, port, deadline)
        return secure.TlsChannel(channel, host, context, deadline) if ca else channel

    return connect


def _path(name, device):
    return PATH.format(device + name[:4])  # all of one length


def _ask(client, path):
    client.request(path, HEADERS, BODY)
    reply = None
    while reply is None:
        reply = client.poll(60_000)
    return reply


def _contenders(connect, base, host, device):
    client = HttpClient(connect, host)
    other = HttpClient(connect, host)
    headers = dict(HEADERS)

    def post(name):
        return requests.post(base + _path(name, device), data=BODY, headers=headers).content

    def kept():
        return _ask(client, _path("kept", device)).body

    def once():
        body = _ask(other, _path("once", device)).body
        other.close()
        return body

    def peer():
        return post("peer")

    def nodelay():
        requests.socket = no_delay.Socket
        try:
            return post("nodelay")
        finally:
            requests.socket = socket

    found = {"kept": kept, "once": once, "peer": peer, "nodelay": nodelay}
    for work in found.values():
        assert bytes(work()).startswith(CODE), "the server did not take it"
    return found


def _resident():
    with open("/proc/self/statm") as file:  # proc(5)
        return int(file.read().split()[1]) * 4096


def _opened(connect, host):
    client = HttpClient(connect, host)
    _ask(client, _path("open", "device-"))
    return client


def _outside(connect, host):
    """Bytes of memory other than the heap that one connection keeps."""
    pieces = None
    try:
        while True:  # touched once, the heap's own pages count before
            pieces = [pieces, bytearray(256)]
    except MemoryError:
        pieces = None
    gc.collect()
    kept = [_opened(connect, host)]  # the first one's share is also code
    try:
        before = _resident()
    except OSError:
        return None
    kept += [_opened(connect, host) for _ in range(CONNECTIONS)]
    used = _resident() - before
    for client in kept:
        client.close()
    return used // CONNECTIONS


def _time(work, calls):
    """Microseconds of so many requests, each of which begins with a heap without garbage."""
    return sum([measuring.elapsed_us(work, 1) for _ in range(calls)])


def main(rounds, calls, port, tls_port, ca_file, host):
    with open(ca_file, "rb") as file:
        ca = file.read()
    for what, scheme, number, trusted in (
        ("TLS", "https", tls_port, ca),
        ("TCP", "http", port, None),
    ):
        connect = _connector(number, trusted, host)
        base = "{}://{}:{}".format(scheme, ADDRESS, number)
        outside = _outside(connect, host)
        contenders = _contenders(connect, base, host, "device-")
        times = {name: [] for name in contenders}
        for _ in range(rounds):
            for name, work in contenders.items():
                times[name].append(_time(work, calls))
        row = {
            "what": what,
            "bytes": len(BODY),
            "calls": calls,
            "outside": outside,
            "paths": {name: _path(name, "device-") for name in contenders},
            "times": times,
            "heap": {name: measuring.taken(work) for name, work in contenders.items()},
        }
        contenders = _contenders(connect, base, host, "scarce-")
        row["needed"] = {name: measuring.needed(work) for name, work in contenders.items()}
        print(json.dumps(row))


if __name__ == "__main__":
    main(*[int(argument) for argument in sys.argv[1:5]], *sys.argv[5:])
