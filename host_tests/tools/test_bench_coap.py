"""Does `signet bench coap` measure what it says?  No timing is judged here."""

import socket

import pytest
from typer.testing import CliRunner

from host_tests import screens
from tools.bench import coap, coap_wire, command, programs
from tools.bench.relay import HEADERS_BYTES, Relay, Traffic


def test_the_relay_counts_ip_packets_each_way():
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as device,
    ):
        for each in (server, device):
            each.settimeout(5)
        server.bind(("127.0.0.1", 0))
        with Relay(server.getsockname()) as relay:
            device.sendto(b"12345", ("127.0.0.1", relay.port))
            device.sendto(b"", ("127.0.0.1", relay.port))
            data, address = server.recvfrom(100)
            server.sendto(b"123", address)
            assert (data, device.recv(100)) == (b"12345", b"123")
            assert server.recv(100) == b""
            assert HEADERS_BYTES == 20 + 8
            assert relay.take() == Traffic(2, 1, 5 + 56, 3 + 28)
            assert relay.take() == Traffic()


@pytest.fixture(scope="module")
def codecs():
    steps = []
    rows = coap.measure(3, lambda: steps.append(1))
    assert len(steps) == len(rows)
    return rows


def test_encoding_and_decoding_on_every_build_of_this_machine(codecs):
    assert [(row.build, row.what) for row in codecs] == [
        (build, what) for build in programs.builds() for what in ("encode", "decode")
    ]
    for row in codecs:
        assert set(row.median_us) == set(row.heap) == {"signet", "peer"}
        assert all(0 < value < 100_000 for value in row.median_us.values())


def test_encoding_takes_no_heap_and_decoding_less_than_the_peers(codecs):
    for row in codecs:
        assert row.heap["signet"] < row.heap["peer"]
        if row.what == "encode":
            assert row.heap["signet"] == 0


_MICROCOAPY = {
    "coap_packet": """
class Option:
    def __init__(self, number, buffer):
        self.number, self.buffer = number, bytes(buffer)
class CoapPacket:
    def __init__(self):
        self.options = []
    def addOption(self, number, buffer):
        self.options.append(Option(number, buffer))
""",
    "coap_writer": """
import peer_coap
def writePacketHeaderInfo(buffer, packet):
    args = packet.type, packet.method, packet.messageid, packet.token, packet.payload
    packet.message = peer_coap.Message(*args)
def writePacketOptions(buffer, packet):
    for each in packet.options:
        packet.message.add_option(each.number, each.buffer)
def writePacketPayload(buffer, packet):
    buffer.extend(peer_coap.encode(packet.message))
""",
    "coap_reader": """
import peer_coap
def parsePacketHeaderInfo(data, packet):
    packet.message = peer_coap.decode(data)
def parsePacketOptionsAndPayload(data, packet):
    packet.payload = packet.message.payload
    for each in packet.message.options:
        packet.addOption(each.number, each.value)
""",
}


def test_microcoapy_is_measured_where_a_folder_has_it(tmp_path):
    (tmp_path / "microcoapy").mkdir()
    for name, text in _MICROCOAPY.items():
        (tmp_path / "microcoapy" / f"{name}.py").write_text(text)
    rows = coap.measure(1, lambda: None, tmp_path)
    assert rows and all(row.real for row in rows)
    assert not any(row.real for row in coap.measure(1, lambda: None))
    assert "unchanged, as --peer gave them" in coap.explanation(1, rows)


@pytest.mark.proof
def test_reports_of_32_bytes_of_ciphertext_are_counted_cold_and_warm():
    cases = [case for case in coap_wire.CASES if "short topic" in case.title]
    aes_cold, aes_warm, dtls_cold, dtls_warm, dtls_awake = coap_wire.measure(cases, lambda: None)
    for row in (aes_warm, dtls_awake):
        assert (row.traffic.packets_up, row.traffic.packets_down) == (1, 1)
    assert (aes_cold.traffic.packets_up, aes_cold.traffic.packets_down) == (2, 2)
    assert aes_warm.met
    assert aes_warm.goal == (2, 250)
    # A DTLS 1.2 record with AES-128-GCM: 13 bytes of header, 8 of nonce, 16 of tag
    assert dtls_awake.traffic.bytes_down == aes_warm.traffic.bytes_down + 37
    assert dtls_cold.traffic.packets > dtls_warm.traffic.packets > 8
    assert all(row.goal is None for row in (dtls_cold, dtls_warm, dtls_awake))


def test_the_long_topic_has_options_of_59_bytes():
    names = {"product_key": "a1B2c3D4e5F", "device_name": "meter-7"}
    segments = coap_wire._topic(coap_wire._LONG, names).split("/")[1:]
    assert segments[:3] == ["a1B2c3D4e5F", "meter-7", "user"]
    used = sum(len(each) + (1 if len(each) < 13 else 2) for each in ("topic", *segments))
    assert used == 59


def test_the_command_prints_figures_units_and_goals(monkeypatch):
    monkeypatch.setattr(coap_wire, "CASES", coap_wire.CASES[:1])
    few = ["coap", "--rounds", "2"]
    done = CliRunner().invoke(command.app, few, env={"COLUMNS": "80"})
    assert done.exit_code == 0, done.output
    screens.look("bench coap", done.stdout)
    for text in ("µs", "heap, B", "encode", "cold", "warm", "2, 250", "stand-in", "≤ 0.5 x"):
        assert text in done.stdout
