"""Does every report arrive once through a bad network, and no number twice through power cuts?"""

from pathlib import Path

import pytest

from host_tests.device.coap_programs import COUNT, FAST, FRESH, numbers_of, reports
from tools.board.deploy import deploy, project_files
from tools.board.virtual import VirtualBoard


@pytest.mark.parametrize("way", ["coap", "coaps"])
def test_with_30_percent_loss_duplicates_and_reordering_each_report_arrives_once(
    device, twin, config, way
):
    after = twin.last_id()
    device.run(config("alibaba", way, max_retransmit=10, **FAST), COUNT)
    reports(twin, 1, after)
    twin.fault("set_losses", drop=0.3, duplicate=0.2, reorder=0.2, seed=7252)
    try:
        stored = reports(twin, 12 if way == "coap" else 8, after, timeout_s=90)
    finally:
        twin.fault("set_losses")
    assert numbers_of(stored) == list(range(len(stored)))
    assert not [m for m in stored if m["dup"]]


def test_a_board_that_loses_power_at_any_moment_never_repeats_a_seq(tmp_path, twin, config):
    """Power fails in the middle of each of the first writes, and then between reports."""
    after = twin.last_id()
    files = project_files(config("alibaba", "coap", **FAST), Path(twin.ready["ca_file"]))
    board = VirtualBoard(tmp_path)
    with board.create() as running:
        deploy(running.device, files | {"/main.py": COUNT.replace(FRESH, "").encode()})
        running.wait_for("report 2 stored", 20)
        running.power_cut()
        for write in range(1, 25):
            before = len(running.output())
            running.start(cut_at_write=write)
            if not running.wait_for_cut(0.7):
                running.wait_for("report 1 stored", 20, before)
                running.power_cut()
        before = len(running.output())
        running.start()
        running.wait_for("report 2 stored", 20, before)
        assert "Traceback" not in running.output()
    messages = [m for m in twin.messages("alibaba", after) if m["direction"] == "up"]
    assert len(messages) > 20
    assert not [m["reason"] for m in messages if m["status"] != "stored"]
