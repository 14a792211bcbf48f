"""How long does a TLS handshake take, and which memory?  Runs on MicroPython.

`measure_tls time ROUNDS HOST FOLDER CASE=PORT ...` prints a line of JSON for each round, in which
the cases take turns: microseconds of one handshake, by case. Then one for each case: the free heap
that a handshake needs.

`measure_tls memory TRACES HOST FOLDER CASE=PORT COUNTED` prints one: bytes of heap that the
context and a connection keep. malloc is traced to the files `context` and `connection` of TRACES,
where it can be. Of its two connections the second goes to the port COUNTED, until the
server ends it.

FOLDER/CASE/ca.pem is whom to trust; device.pem, where there is one, the board's own certificate,
its key behind it.
"""

import gc
import json
import sys
import time

import measuring
import tracing
from signet import clock, modules
from signet.net import trust
from signet.net.secure import TlsChannel
from signet.net.stream import TcpChannel

ADDRESS = "127.0.0.1"
LIMIT_MS = 30_000
_POLLIN, _POLLOUT = 1, 4


def _read(path):
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return None


def _contexts(folder):
    """What makes a context; the files are in the heap already."""
    ca, own = _read(folder + "/ca.pem"), _read(folder + "/device.pem")
    if own:
        return lambda: trust.context(ca, False, own, own)
    return lambda: trust.context(ca)


def _tcp(port):
    deadline = clock.Deadline(LIMIT_MS)
    channel = TcpChannel(ADDRESS, port, deadline)
    while not channel.opened():
        channel.wait(_POLLOUT, deadline)
    return channel


def _open(channel):
    """Waits until a channel is open: until it takes a byte."""
    deadline = clock.Deadline(LIMIT_MS)
    try:
        while channel.write(b"\n") is None:
            channel.wait(_POLLIN, deadline)
    except Exception:  # or the server would wait for the rest
        channel.close()
        raise
    return channel


def _tls(channel, host, context):
    return _open(TlsChannel(channel, host, context, clock.Deadline(LIMIT_MS)))


def _elapsed_us(port, host, context):
    channel = _tcp(port)
    gc.collect()
    start = time.ticks_us()
    channel = _tls(channel, host, context)
    elapsed = time.ticks_diff(time.ticks_us(), start)
    channel.close()
    return elapsed


def _shake(port, host, context):
    _tls(_tcp(port), host, context).close()
    modules.release()  # the heap that is needed is not to be found there


def take_times(rounds, host, folder, *cases):
    found = []
    for case in cases:
        name, port = case.split("=")
        found.append((name, int(port), _contexts(folder + "/" + name)()))
    for _ in range(int(rounds)):
        print(json.dumps({"us": {name: _elapsed_us(p, host, c) for name, p, c in found}}))
    for name, port, context in found:
        needed = measuring.needed(lambda: _shake(port, host, context))  # noqa: B023  called now
        print(json.dumps({"case": name, "needed": needed}))


def _kept(make, path, trace):
    """Returns what `make` returns, and the bytes of heap that it keeps."""
    modules.release()  # what signet holds free for handshakes and modules
    gc.collect()
    before = gc.mem_alloc()
    if trace:
        trace[0](path)
    made = make()
    if trace:
        trace[1]()
    modules.release()
    gc.collect()
    return made, gc.mem_alloc() - before


def take_memory(traces, host, folder, case, counted):
    name, port = case.split("=")
    make = _contexts(folder + "/" + name)
    trace = tracing.available()
    # The first one's share is also what libc and Mbed TLS make once.
    _kept(lambda: _tls(_tcp(int(port)), host, make()), traces + "/first", trace)[0].close()
    gc.collect()
    context, shared = _kept(make, traces + "/context", trace)
    bare, below = _kept(lambda: _tcp(int(counted)), "", None)
    channel, above = _kept(lambda: _tls(bare, host, context), traces + "/connection", trace)
    row = {"case": name, "context": shared, "connection": below + above}
    print(json.dumps(row))
    channel.wait(_POLLIN, clock.Deadline(LIMIT_MS))
    channel.close()


if __name__ == "__main__":
    {"time": take_times, "memory": take_memory}[sys.argv[1]](*sys.argv[2:])
