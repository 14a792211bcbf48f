"""Do the programs of firmware/bench measure what they say?  They run on MicroPython."""

import os
import subprocess

from tools import toolchain
from tools.bench import programs


def run(code, heap="110k"):
    """Runs code on MicroPython, where the programs of firmware/bench can be imported."""
    done = subprocess.run(
        [str(toolchain.micropython()), "-X", f"heapsize={heap}", "-c", code],
        env={**os.environ, "MICROPYPATH": programs.compiled()},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.split()


def test_heap_that_is_freed_within_the_call_counts_as_taken():
    taken, on = run("""
import gc, measuring
gc.threshold(2048)  # the collector would run all the time
def work():
    for _ in range(40):
        bytearray(1024)
print(measuring.taken(work), gc.isenabled())
""")
    assert 40 * 1024 <= int(taken) < 40 * 1024 + 8192
    assert on == "True"


def test_the_heap_that_is_needed_is_found():
    most, *found = map(
        int,
        run("""
import measuring
print(measuring.MOST)
for size in (1000, 3000, 5000):
    print(measuring.needed(lambda: bytearray(size)))
"""),
    )
    assert len(found) == 3
    for size, needed in zip((1000, 3000, 5000), found, strict=True):
        assert size <= needed < size + 1024 < most


_NO_DELAY = """
import measure_http, no_delay, socket
seen = []
class Fake:
    @staticmethod
    def socket(*arguments):
        seen.append(arguments)
        return Fake
    @staticmethod
    def setsockopt(*arguments):
        seen.append(arguments)
class Reply:
    content = body = b'{"code":0,}'
class Client:
    def __init__(self, connect, host): self.closed = 0
    def request(self, *arguments): pass
    def poll(self, timeout_ms): return Reply
    def close(self): pass
class Requests:
    socket = socket
    @classmethod
    def post(cls, url, data, headers):
        print(url.split("/")[6], cls.socket is not socket)
        return Reply
measure_http.requests = Requests
measure_http.HttpClient = Client
contenders = measure_http._contenders(None, "http://x:1", "x", "device-")
assert Requests.socket is socket
no_delay.socket = Fake
no_delay.Socket.socket(2, 1, 0)
print(seen)
"""


def test_tcp_nodelay_is_set_for_the_one_contender_and_no_other():
    *said, _ = lines = " ".join(run(_NO_DELAY)).split(" [", 1)
    assert said == ["device-peer False device-node True"]
    # linux/tcp.h, netinet/in.h: IPPROTO_TCP 6, TCP_NODELAY 1
    assert lines[1] == "(2, 1, 0), (6, 1, 1)]"
