"""Does `signet bench tls` measure what it says?  No timing is judged here."""

import socket
import ssl
import subprocess
import sys

import pytest
from cryptography import x509
from rich.console import Console
from typer.testing import CliRunner

from host_tests import screens
from tools.bench import command, programs, tls, tls_tables
from tools.bench.malloc_trace import Held, held
from tools.bench.relay import Traffic
from tools.bench.tls_certificates import CASES, NAME, Case, Chains
from tools.bench.tls_server import Server

linux = pytest.mark.skipif(sys.platform != "linux", reason="TCP_INFO is Linux's")

_WITH_CLIENT = tuple(Case(kind, True, True) for kind in ("rsa", "ec"))
_BARE = tuple(Case(kind, False, False) for kind in ("rsa", "ec"))
_MEASURED = (_BARE[1], *_WITH_CLIENT)

# As glibc's manual shows it ("Interpreting the traces"), and two blocks of realloc
_TRACE = """= Start
@ [0x8048209] - 0x8064cc8
@ ./main:(main+0x1b)[0x80489eb] + 0x8064c58 0x100
@ ./main:(other+0x1b)[0x8049dd1] + 0x806d8c0 0x40
@ ./main:(main+0x1b)[0x80489eb] - 0x8064c58
@ ./main:(main+0x1b)[0x80489eb] < 0x806d8c0
@ ./main:(main+0x1b)[0x80489eb] > 0x806d8d0 0x90
= End
"""


def test_a_trace_of_malloc_becomes_peak_and_rest():
    assert held(_TRACE) == Held(peak=0x140, kept=0x90)


def test_blocks_of_one_function_can_be_left_out_of_a_trace():
    assert held(_TRACE, without="other") == Held(peak=0x100, kept=0x90)


def test_a_trace_without_an_event_holds_nothing():
    assert held("= Start\n= End\n") == Held(0, 0)


def test_each_pair_of_cases_differs_in_its_keys_only():
    assert len(set(CASES)) == 8
    for rsa, ec in zip(CASES[::2], CASES[1::2], strict=True):
        assert (rsa.kind, ec.kind) == ("rsa", "ec")
        assert rsa.pair == ec.pair


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_openssl_verifies_what_server_and_board_show(tmp_path, case):
    chains = Chains(tmp_path)
    server, clients_ca = chains.write(case)
    ca = chains.boards / case.name / "ca.pem"
    shown = x509.load_pem_x509_certificates(server.read_bytes())
    assert len(shown) == 1 + case.intermediate
    trusted = ssl.create_default_context(cafile=ca)
    trusted.verify_flags |= ssl.VERIFY_X509_STRICT
    if case.client:
        trusted.load_cert_chain(chains.boards / case.name / "device.pem")
    with (
        Server(server, clients_ca if case.client else None) as door,
        socket.create_connection(door.address, 5) as plain,
        trusted.wrap_socket(plain, server_hostname=NAME) as board,
    ):
        assert board.version() == "TLSv1.2"
    # Only now is it sure that the server's thread has noted them
    assert ("ECDSA" if case.kind == "ec" else "RSA") in door.suite
    assert door.has_shown == case.client


def test_the_server_refuses_a_board_without_the_certificate_of_the_case(tmp_path):
    chains = Chains(tmp_path)
    server, clients_ca = chains.write(_WITH_CLIENT[1])
    trusted = ssl.create_default_context(cafile=clients_ca)
    with Server(server, clients_ca) as door:
        with (
            socket.create_connection(door.address, 5) as plain,
            pytest.raises(ssl.SSLError, match="handshake failure"),
        ):
            trusted.wrap_socket(plain, server_hostname=NAME)
        assert not door.cpu_ms


@pytest.fixture(scope="module")
def found():
    taken = []
    measured = tls.measure(1, lambda: taken.append(1), _MEASURED)
    assert len(taken) == tls.steps(1, _MEASURED)
    return measured


@pytest.mark.proof
@linux
def test_every_case_on_every_build_of_this_machine(found):
    expected = [(build, case) for build in programs.builds() for case in _MEASURED]
    assert [(row.build, row.case) for row in found.times] == expected
    assert [(row.build, row.case) for row in found.memory] == expected
    for row in found.times:
        assert len(row.us) == 1
        assert row.suite.startswith("ECDHE-ECDSA" if row.case.kind == "ec" else "ECDHE-RSA")


@pytest.mark.proof
@linux
def test_the_board_needs_heap_and_more_memory_outside_of_it(found):
    for row in found.memory:
        assert 0 < row.needed < 10_000, "not the most that is tried"
        assert row.context > 0
        assert row.connection > 0
        if row.own:
            # RFC 5246, section 6.2: a record has up to 2^14 bytes, and Mbed TLS keeps one each way
            assert row.own.peak > row.own.kept > 2 * 16_384
            assert row.shared.kept > 0


@pytest.mark.proof
@linux
def test_malloc_is_traced_where_glibc_can(found):
    known = subprocess.run(["ldconfig", "-p"], capture_output=True, text=True, check=False).stdout
    if "libc_malloc_debug.so.0" not in known:
        pytest.skip("no libc_malloc_debug.so.0 here")
    assert all(row.own for row in found.memory)


def test_what_cannot_be_preloaded_is_left_out(monkeypatch):
    monkeypatch.setattr(tls, "_TRACER", "no-such-library.so.9")
    assert tls._tracer.__wrapped__(programs.builds()[0]) == ()


@linux
def test_without_a_trace_the_rest_is_measured_all_the_same(monkeypatch):
    monkeypatch.setattr(tls, "_tracer", lambda build: ())
    build = programs.builds()[-1]
    monkeypatch.setattr(programs, "builds", lambda: [build])
    found = tls.measure(1, lambda: None, _BARE[1:])
    assert [(row.shared, row.own) for row in found.memory] == [(None, None)]
    assert found.memory[0].connection > 0


@pytest.mark.proof
@linux
def test_larger_keys_are_more_bytes_on_the_wire_and_on_flash(found):
    bare, rsa, ec = found.wire
    # Key and signature of 2048 bits in each certificate; and the board's are shown too
    assert rsa.traffic.bytes_down > ec.traffic.bytes_down + 2 * 256
    assert rsa.traffic.bytes_up > ec.traffic.bytes_up + 2 * 256 - 2 * 72
    assert rsa.ca > ec.ca
    assert rsa.device > ec.device > bare.device == 0
    assert ec.traffic.bytes > bare.traffic.bytes


def test_times_are_compared_round_by_round():
    # 4, 1 and 2 times as long
    assert tls._longer([400, 100, 300], [100, 100, 150]) == 2
    row = tls.Times("i386", _BARE[0], [1000, 2000, 4000], 2, 0.5, "")
    assert row.ms == 2
    assert row.spread == 0.75 / 2  # quartiles 1.5 and 3 (NIST, linear interpolation)
    assert row._replace(us=[1000]).spread == 0


def _rows(own):
    times = [tls.Times("i386", case, [9000], 1.5, 0.5, "ECDHE") for case in _BARE]
    memory = [tls.Memory("i386", case, 1, 2, 3, own, own) for case in _BARE]
    wire = [tls.Wire(case, Traffic(8, 5, 900, 1100), 600, 0) for case in _BARE]
    return tls.Found(times, memory, wire)


@pytest.mark.proof
def test_the_command_prints_figures_units_and_how_they_were_measured(monkeypatch):
    monkeypatch.setattr(tls, "measure", lambda rounds, step: _rows(Held(50 * 1024, 40 * 1024)))
    done = CliRunner().invoke(command.app, ["tls", "--rounds", "7"], env={"COLUMNS": "80"})
    assert done.exit_code == 0, done.output
    for text in (
        *("milliseconds", "9.0", "1.50 x", "KiB", "50.0", "mtrace(3)", "RSA-2048", "P-256"),
        *("8+5", "900+1100", ".pem", "7 rounds", "OpenSSL"),
    ):
        assert text in done.stdout
    screens.look("bench tls", done.stdout)


@pytest.mark.parametrize("own", [None, Held(1, 1)])
def test_explanations_fit_a_terminal_of_80_columns(own):
    text = tls_tables.explanation(1000, _rows(own))
    assert max(map(len, text.splitlines())) <= 80
    assert ("could not be traced" in text) is (own is None)


@pytest.mark.proof
@linux
def test_the_tables_fit_a_terminal_of_80_columns(found):
    console = Console(width=80)
    with console.capture() as capture:
        for table in tls_tables.tables(found):
            console.print(table)
    assert "…" not in capture.get()
