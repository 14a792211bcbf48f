"""Does `signet bench http` measure what it says?  No timing is judged here."""

import errno
import socket
import ssl
import struct
import sys
import threading

import pytest
from aiohttp import web
from typer.testing import CliRunner

from host_tests import screens
from tools.bench import coap, command, heap_tables, hmac, http, http_wire, mqtt_tables, programs
from tools.bench.boards_twin import twin_of_boards
from tools.bench.http_server import Count
from tools.bench.relay import Traffic
from tools.bench.relay_tcp import TcpRelay
from tools.ui import UserError

linux = pytest.mark.skipif(sys.platform != "linux", reason="TCP_INFO is Linux's")


@pytest.fixture
def ends():
    """A relay, and a connection through it: (relay, the device's socket, the server's)."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(5)
        with (
            TcpRelay(listener.getsockname()) as relay,
            socket.create_connection(("127.0.0.1", relay.port), 5) as device,
            listener.accept()[0] as server,
        ):
            server.settimeout(5)
            yield relay, device, server


def _exchange(source, target, size_bytes):
    source.sendall(bytes(size_bytes))
    while size_bytes:
        size_bytes -= len(target.recv(size_bytes))


def _info(device):
    """What the device's own kernel counts: (segments out, in, whether timestamps are used)."""
    info = device.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 144)  # linux/tcp.h
    return *struct.unpack_from("II", info, 136), bool(info[5] & 1)


@linux
def test_the_relay_counts_the_packets_that_the_devices_kernel_counts(ends):
    relay, device, server = ends
    _exchange(device, server, 5000)
    _exchange(server, device, 3000)
    found = relay.take()
    sent, received, stamped = _info(device)
    assert (found.packets_up, found.packets_down) == (sent, received)
    # RFC 9293: 20 + 20 bytes of headers; RFC 7323: 12 more with timestamps; SYN: more options
    each = 52 if stamped else 40
    assert 4 <= found.bytes_up - 5000 - sent * each <= 12
    assert 4 <= found.bytes_down - 3000 - received * each <= 12
    assert sent >= 2 + 4, "5000 bytes are four segments of 1460"
    assert received >= 1 + 3


@linux
def test_the_relay_takes_each_packet_once(ends):
    relay, device, server = ends
    relay.take()
    assert relay.take() == Traffic()
    before = _info(device)
    _exchange(device, server, 10)
    found = relay.take()
    assert found.packets_up == _info(device)[0] - before[0]
    assert found.bytes_up == 10 + found.packets_up * (52 if before[2] else 40)


@linux
def test_the_relay_hands_the_end_of_either_side_on(ends):
    _, device, server = ends
    device.shutdown(socket.SHUT_WR)
    assert server.recv(1) == b""
    server.sendall(b"still here")
    server.close()
    assert device.makefile("rb").read() == b"still here"


@linux
def test_the_relay_says_that_the_server_refuses():
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()
    with TcpRelay(address) as relay:
        with socket.create_connection(("127.0.0.1", relay.port), 5) as device:
            assert device.recv(1) == b"", "the device does not wait"
        with pytest.raises(UserError, match=r"no connection to 127\.0\.0\.1:.*refused"):
            relay.take()


@pytest.fixture(scope="module")
def rows():
    steps = []
    found = http.measure(1, lambda: steps.append(1), calls=2)
    assert len(steps) == http.steps()
    return found


@pytest.mark.proof
def test_every_contender_over_tls_and_tcp_on_every_build_of_this_machine(rows):
    assert [(row.build, row.what, row.contender) for row in rows] == [
        (build, what, contender)
        for build in programs.builds()
        for what in ("TLS", "TCP")
        for contender in ("kept", "once", "peer", "nodelay")
    ]
    for row in rows:
        assert 0 < row.needed < 10_000, "not the most that is tried"
        assert row.heap > 0


@pytest.mark.proof
def test_only_the_kept_connection_carries_more_than_one_request(rows):
    for row in rows:
        assert row.sent.requests == 1 + 2 + 1, "a first one, two by the clock, one for its heap"
        assert row.sent.connections == (1 if row.contender == "kept" else 4)


@pytest.mark.proof
@linux
def test_what_tls_takes_beside_the_heap_is_more_than_its_buffers(rows):
    # RFC 5246, section 6.2: a record has up to 2^14 bytes, and Mbed TLS keeps one each way
    for row in rows:
        assert (row.outside > 2 * 16_384) is (row.what == "TLS")
    assert f"KiB ({rows[0].build})" in http.outside(rows)


def _found(**us):
    return {
        "what": "TLS",
        "bytes": 169,
        "calls": 10,
        "outside": 1,
        "times": us,
        "heap": {"kept": 100, "once": 400, "peer": 200, "nodelay": 200},
        "needed": dict.fromkeys(us, 5),
        "paths": {name: "/" + name for name in us},
    }


def test_times_become_requests_per_second_ratios_and_a_spread():
    times = {"kept": [1000, 2000, 4000], "once": [20_000] * 3, "nodelay": [1] * 3}
    counts = {("https", f"/{name}"): Count(7, 8) for name in ("peer", *times)}
    kept, once, peer, _ = http._rows("i386", _found(peer=[10_000] * 3, **times), counts)
    # Ten requests in 1, 2 and 4 ms: 200 us each in the middle round; 10, 5 and 2.5 x the peer's
    assert (kept.per_second, kept.faster, kept.heap_ratio) == (5000, 5, 0.5)
    # Quartiles of 1, 2, 4 (NIST, linear interpolation): 1.5 and 3
    assert kept.spread == 0.75 / 2
    assert (once.per_second, once.faster, once.heap_ratio, once.spread) == (500, 0.5, 2, 0)
    assert (peer.per_second, peer.faster, peer.heap_ratio) == (1000, 1, 1)
    assert kept.sent == Count(7, 8)


def _connect(address, host, ca_file):
    trust = ssl.create_default_context(cafile=ca_file)
    plain = socket.create_connection(address, 5)
    return trust.wrap_socket(plain, server_hostname=host)  # closes `plain` when it fails


def test_the_server_of_the_bench_shows_a_p256_certificate_by_tls_1_2(tmp_path):
    with (
        http.Server(tmp_path) as server,
        _connect(("127.0.0.1", server.tls_port), http.NAME, server.ca_file) as device,
    ):
        assert device.version() == "TLSv1.2"
        assert "ECDSA" in device.cipher()[0]
        device.sendall(b"POST /topic HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
        assert device.recv(9) == b"HTTP/1.1 "
    assert "bench server" not in {thread.name for thread in threading.enumerate()}


def test_a_server_of_the_bench_that_cannot_listen_says_so(tmp_path, monkeypatch):
    async def start(site):
        raise OSError(errno.EADDRINUSE, "no port is free")

    monkeypatch.setattr(web.TCPSite, "start", start)
    with (
        pytest.raises(UserError, match=r"does not listen: .*no port is free"),
        http.Server(tmp_path),
    ):
        pass


@pytest.fixture(scope="module")
def reports():
    chosen = [
        case for case in http_wire.CASES if case.way == "https" or case.title.endswith("AES")
    ]
    return http_wire.measure(chosen, lambda: None)


@pytest.mark.proof
@linux
def test_reports_are_counted_cold_on_the_kept_connection_and_woken(reports):
    assert [(row.case.cloud, row.case.way, row.when) for row in reports] == [
        (cloud, way, when)
        for cloud, way in (("alibaba", "https"), ("alibaba", "coap"), ("watson", "https"))
        for when in ("cold", "warm", "woken", "100")
    ] + [("watson", "https", when) for when in ("cold", "warm", "woken", "100")]
    traffic = {(row.case.cloud, row.when): row.traffic for row in reports if not row.ratio}
    for cloud in ("alibaba", "watson"):
        cold, warm = traffic[cloud, "cold"], traffic[cloud, "warm"]
        # One packet each way, and acknowledgements, of which some go with them.
        assert 1 <= warm.packets_up <= 3
        assert 1 <= warm.packets_down <= 3
        assert cold.packets_up >= 3 + 2 + 1
        assert cold.bytes > 2 * warm.bytes
    assert traffic["alibaba", "woken"].bytes < traffic["alibaba", "cold"].bytes, "token on flash"


@pytest.mark.proof
@linux
def test_other_ways_in_are_compared_with_https_of_the_same_cloud(reports):
    rows = {(row.case.way, row.when): row for row in reports if row.case.cloud == "alibaba"}
    https, coap = rows["https", "warm"], rows["coap", "warm"]
    assert coap.ratio == https.traffic.bytes / coap.traffic.bytes > 1
    for way, warm in (("https", https), ("coap", coap)):  # what waited goes together
        assert 3 * rows[way, "100"].traffic.bytes < 100 * warm.traffic.bytes


@pytest.mark.proof
@linux
def test_a_second_request_for_commands_is_counted_when_watsons_device_starts(reports):
    hears, deaf = (
        {row.when: row.traffic.bytes for row in reports if row.case.title.startswith(title)}
        for title in ("Watson", "  hears no")
    )
    for when in ("cold", "woken"):
        # RFC 9112: each has a request line, Host, Authorization, Content-Length, Content-Type
        assert hears[when] > deaf[when] + 200


def test_the_twin_of_the_bench_speaks_tls_1_2_as_boards_do(tmp_path):
    with twin_of_boards(tmp_path) as twin:
        door = twin.ready["clouds"]["alibaba"]["ways"]["https"]
        address = (door["address"], door["port"])
        with _connect(address, door["host"], twin.ready["ca_file"]) as device:
            assert device.version() == "TLSv1.2"


@pytest.mark.proof
@linux
def test_the_command_prints_figures_units_and_who_verifies(monkeypatch, rows, reports):
    monkeypatch.setattr(http, "measure", lambda rounds, step: rows)
    monkeypatch.setattr(http_wire, "measure", lambda cases, step: reports)
    done = CliRunner().invoke(command.app, ["http"], env={"COLUMNS": "80"})
    assert done.exit_code == 0, done.output
    screens.look("bench http", done.stdout)
    for text in ("per s", "heap, B", "requests", "does NOT verify", "cold", "woken"):
        assert text in done.stdout


def test_explanations_fit_a_terminal_of_80_columns():
    texts = (
        http.explanation(20),
        http_wire.explanation(),
        *(hmac.explanation(200, 32, 120, real) for real in (False, True)),
        *(coap.explanation(200, [coap.Row("", "", 0, {}, {}, 0, real)]) for real in (False, True)),
        mqtt_tables.explanation(50, 1.0),
        *(heap_tables.explanation(place, False) for place in ("flash", "ROMFS", "image")),
        heap_tables.explanation("flash", True),
    )
    assert max(len(line) for text in texts for line in text.splitlines()) <= 80
