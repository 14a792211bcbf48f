"""Does every report arrive once through a bad network, and no number twice through power cuts?"""

import random
import re
from pathlib import Path

import pytest

from host_tests.depth import STEP, scaled
from host_tests.device.coap_programs import COUNT, FAST, QUICK, SEEN, numbers_of, passed, reports
from tools.board.deploy import deploy, project_files
from tools.board.virtual import VirtualBoard

# Retransmission as fast as device.json allows: a bad network is to be met often, not for long.
FASTEST = {"ack_timeout_ms": 100}


@pytest.fixture
def through(device, twin, config):
    """Reports through a network; returns what was stored, and what the network did."""

    def run(way, losses, count, **changes):
        after = twin.last_id()
        device.run(config("alibaba", way, **{**FASTEST, **changes}), COUNT)
        reports(twin, 1, after)
        before = passed(twin, way)
        twin.fault("set_losses", **losses)
        try:
            reports(twin, count, after, timeout_s=90)
            device.stop()
        finally:
            twin.fault("set_losses")
        return reports(twin, count, after), passed(twin, way, before)

    return run


@pytest.mark.parametrize(
    ("way", "count"), [("coap", 12), pytest.param("coaps", 8, marks=pytest.mark.proof)]
)
def test_with_30_percent_loss_duplicates_and_reordering_each_report_arrives_once(
    through, way, count
):
    losses = {"drop": 0.3, "duplicate": 0.2, "reorder": 0.2, "seed": 7252}
    stored, counts = through(way, losses, count, max_retransmit=10)
    assert numbers_of(stored) == list(range(len(stored)))
    assert not [m for m in stored if m["dup"]]
    for side in ("up", "down"):
        for trouble in ("dropped", "duplicated", "reordered"):
            assert counts[side, trouble], f"{trouble} {side}: {counts}"


def test_a_report_sent_again_from_another_port_is_a_seq_used_before_and_goes_anew(
    device, twin, config
):
    after, before = twin.last_id(), passed(twin, "coap")
    twin.fault("set_losses", rebind_every=1)
    try:
        device.run(config("alibaba", "coap", **FAST), COUNT)
        count = len(reports(twin, 2, after))
        twin.fault("swallow_coap_replies", n=1)
        stored = reports(twin, count + 4, after)
        device.stop()
    finally:
        twin.fault("set_losses")
    numbers = numbers_of(stored)
    assert numbers == list(range(len(numbers)))
    assert any(m["dup"] for m in stored), "the one whose reply was lost"
    refused = [m["reason"] for m in twin.messages("alibaba", after) if m["status"] == "refused"]
    assert refused and all("was used before" in reason for reason in refused)
    assert device.output().count("authenticated") >= 2
    assert "lost" not in device.output()
    assert passed(twin, "coap", before)["up", "rebound"] >= count + 4


def test_when_nat_gives_another_port_dtls_shakes_hands_anew(device, through):
    losses = {"rebind_every": 12}  # more than what is not answered and a handshake take
    stored, counts = through("coaps", losses, 18, max_retransmit=1, ack_timeout_ms=800)
    numbers = numbers_of(stored)  # one whose reply was too late may have come twice
    assert numbers == list(range(len(numbers)))
    assert counts["up", "rebound"] >= 2
    assert "lost" not in device.output() and device.output().count("authenticated") == 1


class _Lives:
    """A board that loses its power again and again."""

    def __init__(self, running):
        self.board = running

    def cut_at_write(self, write):
        """A life until the middle of this write to the flash."""
        self.board.start(cut_at_write=write)
        assert self.board.wait_for_cut(10), f"there is no write {write}"

    def until(self, report, then_s=0.0):
        """A life until so many reports are stored, and a little longer."""
        since = self.board.printed
        self.board.start()
        self.board.wait_for(f"report {report} stored", 60, since)
        self.board.wait_for_cut(then_s)
        self.board.power_cut()


def test_a_board_that_loses_power_at_any_moment_never_repeats_a_number(tmp_path, twin, config):
    """In the middle of each write of two reservations of numbers, and at other moments."""
    after = twin.last_id()
    values = config("alibaba", "coap")
    files = project_files(values, Path(twin.ready["ca_file"]), plain=True)  # for SEEN
    moments = random.Random(7252)
    with VirtualBoard(tmp_path).create() as running:
        deploy(running.device, files | {"/main.py": (SEEN + QUICK).encode()})
        running.wait_for("report 2 stored", 60)
        running.power_cut()
        lives = _Lives(running)
        for write in range(1, 11, STEP):
            lives.cut_at_write(write)
        for report in (1, 5, 17, 33):
            lives.until(report)
        for _ in range(scaled(6, 2)):
            lives.until(moments.randint(1, 40), moments.uniform(0, 0.05))
        output = running.output()
    assert "Traceback" not in output
    assert output.count("authenticated") == 1, "the token outlives the power"
    seen = set(re.findall(r"^sends (\d+) (\d+)$", output, re.MULTILINE))
    assert len({message_id for message_id, _ in seen}) == len(seen)
    messages = [m for m in twin.messages("alibaba", after) if m["direction"] == "up"]
    assert not [m["reason"] for m in messages if m["status"] != "stored"]
    assert not [m for m in messages if m["dup"]]
