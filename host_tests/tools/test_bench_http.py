"""Does `signet bench http` measure what it says?  No timing is judged here."""

import socket
import ssl
import struct
import sys
import threading

import pytest
from rich.console import Console
from typer.testing import CliRunner

from tools import size
from tools.bench import command, heap, http, http_wire, loaded, programs
from tools.bench.relay import Traffic
from tools.bench.relay_tcp import TcpRelay

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


@pytest.fixture(scope="module")
def rows():
    steps = []
    found = http.measure(1, lambda: steps.append(1))
    assert len(steps) == http.steps()
    return found


def test_every_contender_over_tls_and_tcp_on_every_build_of_this_machine(rows):
    assert [(row.build, row.what, row.contender) for row in rows] == [
        (build, what, contender)
        for build in programs.builds()
        for what in ("TLS", "TCP")
        for contender in ("kept", "once", "peer", "nodelay")
    ]
    for row in rows:
        assert row.per_second > 0
        assert 0 < row.needed < 16_384
        assert row.heap > 0


def test_ratios_are_to_the_real_requests(rows):
    for row in rows:
        if row.contender == http.PEER:
            assert (row.faster, row.heap_ratio) == (1, 1)


def test_a_new_connection_over_tls_takes_more_heap_than_a_kept_one(rows):
    by_name = {row.contender: row.heap for row in rows[:4]}
    assert by_name["kept"] < by_name["once"]


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


@pytest.fixture(scope="module")
def reports():
    chosen = [
        case for case in http_wire.CASES if case.way == "https" or case.title.endswith("AES")
    ]
    return http_wire.measure(chosen, lambda: None)


@linux
def test_reports_are_counted_cold_on_the_kept_connection_and_woken(reports):
    assert [(row.case.cloud, row.case.way, row.when) for row in reports] == [
        (cloud, way, when)
        for cloud, way in (("alibaba", "https"), ("alibaba", "coap"), ("watson", "https"))
        for when in ("cold", "warm", "woken")
    ]
    traffic = {(row.case.cloud, row.when): row.traffic for row in reports if not row.ratio}
    for cloud in ("alibaba", "watson"):
        cold, warm = traffic[cloud, "cold"], traffic[cloud, "warm"]
        # One packet each way, and acknowledgements, of which some go with them.
        assert 1 <= warm.packets_up <= 3
        assert 1 <= warm.packets_down <= 3
        assert cold.packets_up >= 3 + 2 + 1
        assert cold.bytes > 2 * warm.bytes
    assert traffic["alibaba", "woken"].bytes < traffic["alibaba", "cold"].bytes, "token on flash"


@linux
def test_other_ways_in_are_compared_with_https_of_the_same_cloud(reports):
    rows = {(row.case.way, row.when): row for row in reports if row.case.cloud == "alibaba"}
    https, coap = rows["https", "warm"], rows["coap", "warm"]
    assert coap.ratio == https.traffic.bytes / coap.traffic.bytes > 1


def test_the_twin_of_the_bench_speaks_tls_1_2_as_boards_do(tmp_path):
    with http_wire.twin_of_boards(str(tmp_path)) as twin:
        door = twin.ready["clouds"]["alibaba"]["ways"]["https"]
        address = (door["address"], door["port"])
        with _connect(address, door["host"], twin.ready["ca_file"]) as device:
            assert device.version() == "TLSv1.2"


def test_what_http_adds_is_counted_apart_from_what_every_device_has():
    alibaba, watson = loaded.measure(loaded.HTTP)
    assert (alibaba.title, watson.title) == ("Alibaba", "Watson")
    sizes = size.measured()
    shared = sizes["signet.wire.http"] + sizes["signet.client.http"] + sizes["signet.cloud.http"]
    for row in (alibaba, watson):
        assert shared < row.own < row.all
    assert "missed" not in _shown(loaded.table(loaded.HTTP, [alibaba])), "there is no goal"


def _shown(table):
    console = Console(width=80)
    with console.capture() as capture:
        console.print(table)
    return capture.get()


@pytest.mark.parametrize(("kib", "missed"), [(40, False), (41, True)])
def test_the_goal_for_the_heap_is_40_kib(kib, missed):
    shown = _shown(heap.table(heap.HTTP, [heap.Row("Watson", "ROMFS", kib, "MemoryError")]))
    assert ("missed" in shown) is missed
    assert "40 KiB" in heap.explanation(heap.HTTP)


def test_https_to_both_clouds_is_looked_at_for_the_heap():
    assert [(way.cloud, way.way) for way in heap.HTTP.ways] == [
        ("alibaba", "https"),
        ("watson", "https"),
    ]


@linux
def test_the_command_prints_figures_units_and_who_verifies(monkeypatch, rows, reports):
    monkeypatch.setattr(http, "measure", lambda rounds, step: rows)
    monkeypatch.setattr(http_wire, "measure", lambda cases, step: reports)
    done = CliRunner().invoke(command.app, ["http", "--quick"], env={"COLUMNS": "80"})
    assert done.exit_code == 0, done.output
    for text in ("per s", "heap, B", "requests", "does NOT verify", "cold", "woken", "HTTP's own"):
        assert text in done.stdout
    assert "Smallest heap" not in done.stdout


def test_explanations_fit_a_terminal_of_80_columns():
    texts = (
        http.explanation(20),
        http_wire.explanation(),
        *(loaded.explanation(kind) for kind in (loaded.HTTP, loaded.COAP)),
        *(heap.explanation(kind) for kind in (heap.HTTP, heap.COAP)),
    )
    assert max(len(line) for text in texts for line in text.splitlines()) <= 80
