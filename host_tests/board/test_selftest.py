"""Does `signet board selftest` measure a board, and say what is wrong with it?"""

import json
import re
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from host_tests import screens
from host_tests.board.conftest import flash, signet_board
from tools import toolchain
from tools.board import selftest
from tools.board.virtual import VirtualBoard
from tools.paths import ROOT
from tools.ui import UserError

# What the documents of MicroPython's module esp32 give for each area: idf_heap_info.
_ESP32 = b"""
HEAP_DATA = 4
def idf_heap_info(kind):
    return [(15072, 0, 0, 0), (113840, 40960, 31744, 20480)]
"""
_NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)


@pytest.fixture
def board(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A board with empty flash; its kind, where a test names one: "virtual", or "image"."""
    image = getattr(request, "param", "virtual") == "image"
    try:
        VirtualBoard(tmp_path / "board").create(image=image)
        if image:
            toolchain.qemu()
    except UserError as error:
        pytest.skip(str(error))
    return tmp_path / "board"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """HOST:PORT of a TLS server with a P-256 certificate that nobody has signed."""
    chain = tmp_path / "chain.pem"
    command = [str(toolchain.openssl()), "req", "-x509", "-nodes", "-subj", "/CN=other", "-days"]
    command += ["2", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-keyout", "-"]
    chain.write_bytes(subprocess.run(command, check=True, capture_output=True).stdout)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    listener = socket.create_server(("127.0.0.2", 0))  # which the image reaches, too

    def serve() -> None:
        try:
            wire = listener.accept()[0]
            with context.wrap_socket(wire, server_side=True) as connection:
                connection.recv(1)
        except OSError:
            pass

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield f"127.0.0.2:{listener.getsockname()[1]}"
    listener.close()
    thread.join(10)


@pytest.mark.parametrize("board", ["virtual", "image"], indirect=True)
def test_a_board_is_measured_and_keeps_all_that_it_had(board: Path, server: str) -> None:
    files = {"/esp32.py": _ESP32, "/main.py": b"print('main')\n", "/outbox/0": b"waits"}
    if VirtualBoard(board).is_image:
        files["/board.py"] = (ROOT / "firmware/boards/qemu/board.py").read_bytes()
    VirtualBoard(board).fill(files)
    shown = signet_board("selftest", "--folder", board, "--handshake", server, "--deep-sleep")
    screens.look("board selftest", shown)
    for expected in (
        r"MicroPython +1\.2\d\.\d+ on (linux|mps2)",
        r"heap +\d+\.\d KiB free",
        r"ESP-IDF's memory +40\.0 KiB free in 2 areas, largest block 31\.0 KiB, least\s+so far 20",
        r"has .*\btls\b",
        r"clock +20\d\d-.*, [+-]\d+ s",
        r"last reset +PWRON_RESET",
        r"SHA-256 +\d+ us a KiB",
        r"append of 64 bytes +\d",
        r"TLS context +\d+",
        r"TLS handshake +\d.* of\s+heap",
        r"deep sleep +RTC memory kept",
        r"deep sleep is yours to measure",
    ):
        assert re.search(expected, shown), (expected, shown)
    assert flash(board) == files


def test_what_is_sent_is_json_without_a_name_of_chip_or_network(board: Path) -> None:
    found = json.loads(
        signet_board("selftest", "--folder", board, "--json").partition("\n}")[0] + "}"
    )
    assert found["micropython"]["port"] == "linux" and found["flash"]["us_append"] > 0
    assert {"heap", "has", "clock", "sha256", "hmac", "aes", "tls"} <= found.keys()


def test_a_server_that_is_not_there_costs_its_own_row_alone(board: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    where = ("--folder", board)
    shown = signet_board("selftest", *where, "--handshake", f"127.0.0.1:{port}", status=1)
    assert re.search(r"handshake +failed", shown) and re.search(r"TLS context +\d", shown)
    assert "give HOST:PORT" in signet_board("selftest", *where, "--handshake", "here", status=2)


def _rows(name: str, values: object) -> dict[str, tuple[str, str]]:
    return {row.name: (row.value, row.wrong) for row in selftest.read({name: values}, _NOW)}


@pytest.mark.parametrize(
    ("name", "values", "row", "wrong"),
    [
        (
            "micropython",
            {
                "version": "1.24.1",
                "port": "esp32",
                "machine": "m",
                "mhz": 160,
                "float_bits": 32,
                "epoch": 2000,
            },
            "MicroPython",
            "1.25 or newer",
        ),
        (
            "has",
            ["tls", "hashlib", "sha256", "WDT", "RTC", "deepsleep"],
            "cryptolib",
            "no CoAP with AES",
        ),
        ("clock", [2000, 1, 1, 0, 0, 9], "clock", "certificates"),
        ("deep_sleep", {"rtc_memory": "lost", "woke": True}, "deep sleep", "RTC memory is lost"),
        ("deep_sleep", {"rtc_memory": "kept", "woke": False}, "deep sleep", "did not wake"),
        ("flash", {"error": "OSError: 28\x1b[2J"}, "flash", r"OSError: 28\x1b[2J"),
    ],
)
def test_what_is_wrong_is_said_in_words(name: str, values: object, row: str, wrong: str) -> None:
    assert wrong in _rows(name, values)[row][1]


@pytest.mark.parametrize("values", [{}, [], None, {"free": "x", "used": 1}, {"free": 1}])
def test_what_no_board_says_is_no_traceback(values: Any) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        _rows("heap", values)
