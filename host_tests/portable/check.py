"""What may a portable test use?  Plain `assert`, and these few helpers, on every interpreter.

A portable test is a file `test_*.py` beside this one. It runs as it stands on CPython, on 64-bit
and on i386 MicroPython (heap 110 KiB, 160 with 64-bit objects, everything compiled to .mpy);
pytest shows one result per test function and interpreter. Only module-level functions `test_*()`
without arguments are tests. What i386 runs `make proof` runs on two more builds, too, float32 and
newest (tools/firmware/interpreters.py), and on the firmware image (host/on_image.py).

    pytest host_tests/portable/test_hmac.py                       every interpreter
    pytest host_tests/portable/test_hmac.py --interpreter i386    one interpreter (or -k i386)
    pytest "host_tests/portable/test_hmac.py::test_name[i386]"    one test on one interpreter

Six names may be set at the top of the file; the host reads them without importing it, so they
must be literals:

    INTERPRETERS = ("cpython",)       only on these: cpython, 64bit, i386
    PROOF = ("test_name",)            tests that only `make proof` runs
    TIMEOUT_S = 60                    for one test; default 120; 600 in `make proof`
    LINKED = {"way": {"cloud": ...}}  run on what a device.json needs of signet, linked, too, by
                                      `make proof`; check.way() names which, "" for lib itself;
                                      left out: one such tree, of host/ways.py
    HEAP = "200k"                     of MicroPython, for a test that brings the far side itself
    SERVERS = {                       started on loopback before the file runs, ended after it
        "broker": ("mosquitto",),                   plain mosquitto, user "user", password "pass"
        "other": ("amqtt",),                        a broker of Python by others, as above
        "echo": ("tcp", "echo"),                    a named behaviour, see host/behaviours.py
        "good": ("tls", "good", "echo"),            a certificate, see host/certificates.py
        "odd": ("tcp", [("packet",), ("send", "20020000"), ("packet",), ("close",)]),
    }

Behaviours: echo, black_hole, close_at_once, reset_at_once, refused, trickle, junk, mqtt (a polite
broker). Or a list of steps, run for each connection: ("packet",) reads one whole MQTT packet,
("request",) reads one whole HTTP request (its head, then a body of its Content-Length),
("expect", n) reads n bytes, ("send", hex), ("send_text", text) as Latin-1, ("drip", text, ms) byte
by byte, so long apart, ("answer",) reads one packet and answers it as a polite broker does,
("sni",) sends the name that the TLS client asked for, ("wait", ms), ("close",), ("half_close",)
ends the sending side only (not over TLS: asyncio cannot), ("reset",); after the last step the
server only reads on, or does all of them again after ("again",), which is the last.
Several lists, ("tcp", [...], [...]), serve the first connection, the second, and so on.

    SERVERS = {
        "echo": ("udp", "echo"),                    UDP, see host/datagrams.py
        "odd": ("udp", [("datagram",), ("send", "6045{mid}{token}ff31")]),
        "safe": ("dtls", "good", "echo"),           DTLS 1.2 before that, with a certificate
        "leaves": ("dtls", "good", "close_notify"), see host/dtls_ends.py
        "openssl": ("s_server", "good", "-listen"), openssl's own; "port" is None without it
        "rev": ("s_server", "rsa", "-tls1_2"),      over TLS it says each line backwards
        "two": ("s_server", "too_deep", "-cert_chain", "{chain}"),  not the first certificate alone
    }

UDP behaviours: echo, black_hole, from_another_port (an echo that does), duplicates (an echo that
says everything twice). Steps, run for each address that sends something: ("datagram",) reads one,
("send", hex), ("send_from_other", hex) from another port, ("wait", ms), ("echo",) from now on,
("sntp", first octets, transmit timestamp) answers a request of SNTP, both in hex.
{mid} and {token} in hex are those of the CoAP message read last; {ok300} is "ok" 300 times.
("coap", "plugtest") is a CoAP server that tells what it was sent: see check_coap.py.
("libcoap", "udp") and ("libcoap", "dtls", certificate) are libcoap's coap-server; ("nginx",) and
("nginx", certificate) are nginx over TCP and TLS, with what host/nginx.py lists. Where one cannot
be had, its "port" is None and its "missing" says why.

    SERVERS = {
        "broker": ("mosquitto", "websockets"),      MQTT over WebSocket; a certificate may follow
        "safe": ("mosquitto", "require_certificate", "good"),
        "web": ("websockets", "mqtt"),              the library `websockets`: host/websocket.py
        "secure_web": ("wss", "good", "echo"),      over TLS, with a certificate
    }

require_certificate lets in who has a certificate of the CA for clients: the endpoint's
"client_cert" and "client_key" are paths of PEM files that will do, "ends" says when that and the
CA of the server end, in Unix seconds, "clients" has such a pair of each kind of
host/certificates.py. No user is needed there, but a wrong
password is refused. s_server has them, too, when its arguments hold "{client_ca}".
Certificates: those of servers in host/certificates.py.

    check.server("good")              {"host", "port"} and for tls, dtls {"name", "ca"} (path of a
                                      PEM file), for mosquitto {"user", "password"}
    check.connections("odd", 14)      what the server has received: a list of bytes, one for each
                                      connection (UDP: for each datagram); waits until there are
                                      at least 14 in all
"""

import json
import sys

import micropython

MICROPYTHON = sys.implementation.name == "micropython"
DTLS = sys.platform != "mps2"  # lwIP's sockets keep one datagram of a flight, before 1.26

_context = {}


# A certificate that must be refused (kinds of host/certificates.py), and what the error says.
BAD_CERTIFICATES = (
    ("wrong_name", "another name"),
    ("wrong_ca", "not signed by the CA"),
    ("self_signed", "not signed by the CA"),
    ("expired", "expired"),
    ("not_yet_valid", "not valid yet"),
)
# And what it says of one that is unfit by its hash, key, usage or constraints.
UNFIT_CERTIFICATES = (
    ("sha_1", "unsafe hash, SHA-1 or MD5; check"),
    ("md_5", "unsafe hash, SHA-1 or MD5; check"),
    ("short_key", "weak or unusual key; check"),
    ("for_clients", "for a server; check its keyUsage, extendedKeyUsage"),
    ("cannot_sign", "for a server; check its keyUsage, extendedKeyUsage"),
    ("under_a_device", "each CA between may sign"),
    ("too_deep", "each CA between may sign"),
    ("constrained", "critical extensions as name constraints"),
)
if MICROPYTHON:  # which OpenSSL knows
    UNFIT_CERTIFICATES += (("ed25519", "keys neither EC nor RSA"),)


class Skip(Exception):  # noqa: N818
    """Ends a test that has nothing to prove on this interpreter."""


def load_context(path):
    """Reads what the host side has prepared; called by runner.py."""
    with open(path) as file:
        _context.update(json.load(file))


def way():
    """Returns the key of LINKED that this runs for, a str; "" where lib is as it is."""
    return _context["way"]


def server(name):
    """Returns the endpoint of a server in SERVERS, a dict."""
    return _context["servers"][name]


def connections(name, at_least_bytes=0):
    """Returns what the server `name` received, a list of bytes: one for each connection.

    Waits, at most 5 s, until it has received `at_least_bytes` in all.
    """
    import socket
    from binascii import unhexlify

    host, port = _context["control"]
    control = socket.socket()
    try:
        control.connect(socket.getaddrinfo(host, port)[0][-1])
        control.send("{} {}\n".format(name, at_least_bytes).encode())
        answer = b""
        while True:
            part = control.recv(512)
            if not part:
                break
            answer += part
    finally:
        control.close()
    return [unhexlify(line) for line in json.loads(answer)]


def scaled(full, least=1):
    """How many of `full` repetitions the depth of this run asks for: see host_tests/depth.py."""
    return max(least, full // _context["step"])


def spread(sequence):
    """Yields what the depth of this run takes of a sequence, spread over it, and its last."""
    last = len(sequence) - 1
    for at in range(0, last, _context["step"]):
        yield sequence[at]
    yield sequence[last]


def vectors(name):
    """Returns the content of host_tests/vectors/`name`.json, or of a generated file."""
    for folder in _context["vectors"]:
        try:
            file = open("{}/{}.json".format(folder, name))  # noqa: SIM115
        except OSError:
            continue
        with file:
            return json.load(file)
    raise OSError("no vectors " + name)


def sample(name):
    """Yields what the depth of this run takes of a generated file, spread over it: see `lines`."""
    for number, value in enumerate(lines(name)):
        if number % _context["step"] == 0:
            yield value


def lines(name):
    """Yields each value of a generated file of one JSON value a line: no board holds them all."""
    for folder in _context["vectors"]:
        try:
            file = open("{}/{}.jsonl".format(folder, name))  # noqa: SIM115
        except OSError:
            continue
        with file:
            for line in file:
                yield json.loads(line)
        return
    raise OSError("no vectors " + name)


def scratch(name):
    """Returns a path that no other test uses, for a file that goes with the test run."""
    import os
    from binascii import hexlify

    return "{}/{}-{}".format(folder(), hexlify(os.urandom(4)).decode(), name)


def folder():
    """Returns the path of the folder that goes with the test run; each test runs in one in it."""
    return _context["scratch"]


def outbox(log):
    """Returns the outbox of a link, with 8 KiB of flash in the folder of the test."""
    from signet.reports.outbox import Outbox

    return Outbox(8192, True, 10_000, log)


class Backlog:
    """A handover that has these reports, with keys from 1 on, and its outbox."""

    tries = flight = misses = ()

    def __init__(self, *reports):
        self.reports = reports
        self.outbox = self

    def get(self, key):
        return self.reports[key - 1]

    def after(self, key):
        return key + 1 if key < len(self.reports) else None


def raises(error_class, function, *args, **kwargs):
    """Calls the function and returns the error it raises; fails if it raises none, or another."""
    try:
        result = function(*args, **kwargs)
    except error_class as error:
        return error
    raise AssertionError(
        "{} not raised, got {!r}".format(getattr(error_class, "__name__", error_class), result)
    )


def equal(got, expected, what=""):
    """Fails with both values when they differ."""
    if got != expected:
        raise AssertionError("{} got {!r}, expected {!r}".format(what, got, expected))


def no_heap(function, *args):
    """Calls the function with the heap locked: on MicroPython any allocation is a MemoryError.

    args: at most three. Spelt out, because a call with *args allocates.
    """
    a, b, c = args + (None,) * (3 - len(args))
    count = len(args)
    micropython.heap_lock()
    try:
        if count == 0:
            return function()
        if count == 1:
            return function(a)
        if count == 2:
            return function(a, b)
        return function(a, b, c)
    finally:
        micropython.heap_unlock()


class Ahead:
    """Signet's clock is so far ahead while this lasts, `with check.Ahead(8000):`: no one waits."""

    def __init__(self, ms):
        self._ms = ms

    def __enter__(self):
        from signet import clock

        now = self._now = clock.ticks_ms
        clock.ticks_ms = lambda: clock.ticks_add(now(), self._ms)

    def __exit__(self, *error):
        from signet import clock

        clock.ticks_ms = self._now


def skip(reason):
    """Ends this test; it is reported as skipped."""
    raise Skip(reason)
