"""In how small a heap does the device program work, on a 32-bit MicroPython?

DESIGN's goal is 48 KiB for MQTT over TLS and 40 for CoAP with AES.  Each row has about 4 KiB of
room beyond the smallest heap that was found, EnOS three: an allocation in another order must not
fail.
"""

from pathlib import Path

import pytest

from host_tests.device.conftest import COUNTER
from host_tests.device.line import Line
from tools.board.deploy import project_files
from tools.board.virtual import VirtualBoard
from tools.paths import ROOT
from tools.toolchain import word_sizes

pytestmark = pytest.mark.skipif(32 not in word_sizes(), reason="no 32-bit MicroPython here")


@pytest.fixture
def board_with(tmp_path, twin):
    """A board with so much heap, what its device.json needs, and further files."""

    def make(heap, values, more=None):
        board = VirtualBoard(tmp_path, heap=heap).create()
        board.fill(project_files(values, Path(twin.ready["ca_file"])) | (more or {}))
        return board

    return make


# The program of a board, but for its pause: an outage of seconds outlasts the outbox.
_FAST = (ROOT / "main.py").read_text().replace("link.report_interval_ms)", "50)", 1)
_SMALL = {"outbox_bytes": 8192, "flash_after_s": 1}


@pytest.mark.parametrize(
    ("cloud", "way", "heap"),
    [
        ("enos", "mqtt", "64k"),  # works from 62
        ("alibaba", "mqtts", "77k"),  # 73
        ("watson", "mqtts", "76k"),  # 72
        ("watson", "wss", "81k"),  # 77
        ("alibaba", "https", "77k"),  # 73
        ("watson", "https", "76k"),  # 72
        ("alibaba", "coap", "73k"),  # 69
    ],
)
def test_it_comes_back_from_an_outage_longer_than_its_outbox(board_with, config, cloud, way, heap):
    values = config(cloud, way, **_SMALL)
    if way == "coap":
        values |= {"ack_timeout_ms": 200, "max_retransmit": 2}
    with (
        Line(values) as line,
        board_with(heap, line.values, {"/main.py": _FAST.encode()}) as board,
    ):
        end = board.wait_for("^report 2 stored", 20).end()
        line.cut()
        end = board.wait_for("^outbox full: dropped", 40, end).end()
        line.mend()
        for _ in range(3):
            end = board.wait_for(r"^report \d+ stored", 40, end).end()
        assert "emory" not in board.output()


@pytest.mark.parametrize(("way", "heap"), [("coap", "68k"), ("coaps", "74k")])
def test_it_reports_by_coap_and_sleeps_between(board_with, twin, config, way, heap):
    """Found to work from 60 KiB with AES, 66 over DTLS."""
    values = config("alibaba", way, deep_sleep=True)
    with board_with(heap, values) as board:
        end = 0
        for _ in range(3):
            end = board.wait_for("^report 1 stored", 20, end).end()
        assert "memory" not in board.output()
        assert board.output().count("authenticated") == 1


def test_a_token_that_lapses_is_renewed(board_with, twin, config):
    """The code that signs is loaded once more, while the connection is open."""
    with board_with("75k", config("alibaba", "https")) as board:
        end = board.wait_for("^report 1 stored", 20).end()
        twin.fault("expire_tokens")
        end = board.wait_for("^authenticated", 20, end).end()
        board.wait_for(r"^report \d+ stored", 20, end)
        assert "memory" not in board.output()


def test_it_reports_by_https_and_sleeps_between(board_with, twin, config):
    """Alibaba's token is not asked for again; at heaps as awake."""
    values = config("alibaba", "https", deep_sleep=True)
    with board_with("72k", values) as board:
        end = 0
        for _ in range(3):
            end = board.wait_for("^report 1 stored", 20, end).end()
        assert "memory" not in board.output()
        assert board.output().count("authenticated") == 1


# Takes a new certificate that lies on its flash when it is told to, and reports as ever.
_RENEWS = COUNTER.replace("board.obey", 'lambda c: link.renew(open("new.pem", "rb").read())')


@pytest.mark.parametrize(("kind", "heap"), [("ec", "88k"), ("rsa", "90k")])
def test_it_renews_its_certificate_while_it_is_connected(board_with, twin, member, kind, heap):
    one = member("certificate")
    files = one.files(kind=kind) | {"/main.py": _RENEWS.encode()}
    files["/new.pem"] = one.org.certificate(one.name, kind=kind).read_bytes()
    # The outbox shares the heap, and a busy machine fills it while the new one is tried.
    with board_with(heap, one.config("certificate", outbox_limit=4), files) as board:
        end = board.wait_for("^report 2 stored", 20).end()
        twin.command("watson", "certificate", {}, device=one.device_id)
        end = board.wait_for("^certificate renewed", 20, end).end()
        board.wait_for(r"^report \d+ stored", 20, end)
        assert "memory" not in board.output()
