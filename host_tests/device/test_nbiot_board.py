"""Does an ESP32's board without Wi-Fi report through a modem, by the network's time?"""

import re
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tools.board.deploy import project_files
from tools.board.virtual import VirtualBoard
from tools.modem.emulator import Emulator
from tools.paths import ROOT

_SAYS = "import machine\nprint('clock:', machine.RTC().memory()[:4])\n"

_ONCE = ("AT+CCLK?", "AT+UDNSRN=")


def test_the_networks_time_and_the_clouds_address_are_asked_for_once(config, twin, tmp_path):
    main = tmp_path / "main.py"
    main.write_text(_SAYS + (ROOT / "main.py").read_text())
    modem = {"family": "sara_r4", "apn": "iot.example", "tx": 17, "rx": 16}
    values = config("alibaba", "coap", deep_sleep=True, report_interval_s=1, modem=modem)
    names = {values["host"]: values.pop("address")}
    files = project_files(values, Path(twin.ready["ca_file"]), "esp32_nbiot", main=main)
    with Emulator("sara_r4", names) as found:
        board = VirtualBoard(tmp_path / "board", modem=found.path).create()
        board.fill(files)
        with board:
            end = 0
            for _ in range(3):
                end = board.wait_for("^report 1 stored", 30, end).end()
            assert not re.search("Error|boot:", board.output())
            assert set(re.findall("clock: (.*)", board.output())) == {"b'set '"}
        commands = [text for _, kind, text in found.events if kind == "command"]
    assert [sum(each.startswith(word) for each in commands) for word in _ONCE] == [1, 1]


_SHOWN = "import machine\nmachine.RTC.datetime = lambda self, value: print('set to', *value)\n"


@pytest.mark.parametrize("family", ["bg95", "bc95", "sim7020", "sara_r4"])
def test_the_network_tells_utc_or_local_time_as_the_family_has_it(config, twin, tmp_path, family):
    (tmp_path / "boot.py").write_text(_SHOWN + (ROOT / "boot.py").read_text())
    values = config("alibaba", "coap", modem={"family": family})
    ca = Path(twin.ready["ca_file"])
    files = project_files(values, ca, "esp32_nbiot", program=tmp_path)
    with Emulator(family) as found:
        board = VirtualBoard(tmp_path / "board", modem=found.path).create()
        board.fill(files)
        with board:
            numbers = board.wait_for(r"^set to ([\d ]+)\n", 30)[1].split()
    year, month, day, _, *clock = map(int, numbers[:7])
    assert abs(datetime(year, month, day, *clock, tzinfo=UTC).timestamp() - time.time()) < 300
