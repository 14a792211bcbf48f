"""Is what a board does with a cloud decided the same when its trace is played again?"""

from pathlib import Path
from typing import Any

import pytest

from host_tests.support import Twin
from tools.twin.trace.file import read
from tools.twin.trace.replay import replay
from tools.twin.trace.survey import survey


@pytest.mark.proof
def test_a_boards_run_by_mqtts_coap_and_https_is_played_again(
    device: Any, config: Any, tmp_path: Path
) -> None:
    trace = tmp_path / "trace.jsonl"
    with Twin(tmp_path / "recorded", "--record", str(trace)) as twin:
        ca = Path(twin.ready["ca_file"])
        for way in ("mqtts", "coap", "https"):
            after = twin.last_id()
            own = twin.device_config("alibaba", way)
            device.run({**config("alibaba", way), **own}, ca=ca)
            twin.wait_for_messages("alibaba", 3, after, direction="up", status="stored")
            if way == "mqtts":
                twin.command("alibaba", "set", {"led": 1})
        device.stop()
    outcome = replay(trace, survey(read(trace)), tmp_path / "again", fast=True)
    assert not outcome.differences
    assert not outcome.left_out
    assert outcome.decisions > 30
