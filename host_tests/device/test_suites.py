"""Which TLS suites of Watson's documents does a board with Debian's MicroPython agree on? All.

The twin offers one at a time, with a certificate of RSA 2048 as the platform has.
"Connecting applications, devices, and gateways using the API", "TLS requirements": the 18 of
MQTT, of which HTTP has the six without an ephemeral key.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from host_tests.device.conftest import Device
from host_tests.support import Twin
from tools.board.virtual import VirtualBoard

# The documents' name, and OpenSSL's.
_HTTP = {
    "TLS_RSA_WITH_AES_128_CBC_SHA": "AES128-SHA",
    "TLS_RSA_WITH_AES_128_CBC_SHA256": "AES128-SHA256",
    "TLS_RSA_WITH_AES_128_GCM_SHA256": "AES128-GCM-SHA256",
    "TLS_RSA_WITH_AES_256_CBC_SHA": "AES256-SHA",
    "TLS_RSA_WITH_AES_256_CBC_SHA256": "AES256-SHA256",
    "TLS_RSA_WITH_AES_256_GCM_SHA384": "AES256-GCM-SHA384",
}
_MQTT = _HTTP | {
    "TLS_DHE_RSA_WITH_AES_128_CBC_SHA": "DHE-RSA-AES128-SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA": "ECDHE-RSA-AES128-SHA",
    "TLS_DHE_RSA_WITH_AES_128_CBC_SHA256": "DHE-RSA-AES128-SHA256",
    "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256": "DHE-RSA-AES128-GCM-SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256": "ECDHE-RSA-AES128-SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256": "ECDHE-RSA-AES128-GCM-SHA256",
    "TLS_DHE_RSA_WITH_AES_256_CBC_SHA": "DHE-RSA-AES256-SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA": "ECDHE-RSA-AES256-SHA",
    "TLS_DHE_RSA_WITH_AES_256_CBC_SHA256": "DHE-RSA-AES256-SHA256",
    "TLS_DHE_RSA_WITH_AES_256_GCM_SHA384": "DHE-RSA-AES256-GCM-SHA384",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384": "ECDHE-RSA-AES256-SHA384",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384": "ECDHE-RSA-AES256-GCM-SHA384",
}

# Reports; then, for each command, connects anew and reports again.
_AGAIN = """
import board, signet
link = signet.open("device.json", board)
link.on_command = lambda command: again.append(command)
while True:
    again = []
    link.report({"n": 0})
    link.flush(20000)
    while not again:
        link.poll(100)
    link.close()
    print("again")
"""


@pytest.fixture(scope="module")
def _again(_board: VirtualBoard, twin: Twin) -> Iterator[Device]:
    device = Device(_board, twin).run(twin.device_config("watson", "mqtts"), _AGAIN)
    device.wait_for("^report 1 stored")
    yield device
    device.stop()


@pytest.fixture
def again(_again: Device) -> Iterator[Device]:
    """One board, for all tests."""
    yield _again
    _again.mark()


@pytest.fixture
def only(twin: Twin) -> Iterator[Callable[[str], None]]:
    """Lets Watson offer one suite only."""
    yield lambda suite: twin.fault("tls", cloud="watson", suites=suite)
    twin.fault("tls", cloud="watson")


@pytest.mark.parametrize("name", _MQTT)
def test_each_suite_for_mqtt_carries_a_report(again, twin, only, name):
    only(_MQTT[name])
    again.mark()
    twin.command("watson", "again", {}, device="board-1")
    again.wait_for(r"^again\n(not connected: .*|connected\nreport \d+ stored)")
    assert "not connected" not in again.output()


@pytest.mark.parametrize("name", _HTTP)
def test_each_suite_for_http_carries_a_report(device, twin, config, only, name):
    only(_HTTP[name])
    after = twin.last_id()
    device.run(config("watson", "https"))
    twin.wait_for_messages("watson", 1, after, direction="up", status="stored", timeout_s=5)


def test_where_rsa_pss_is_preferred_the_six_without_an_ephemeral_key_are_left(
    device, tmp_path, monkeypatch
):
    # The reason for the order in tools/twin/openssl.cnf; when this fails, Mbed TLS is mended.
    monkeypatch.setenv("OPENSSL_CONF", os.devnull)  # OpenSSL's own order
    with Twin(tmp_path) as twin:
        config, ca = twin.device_config("watson", "mqtts"), Path(twin.ready["ca_file"])
        for name, suite in _MQTT.items():
            twin.fault("tls", cloud="watson", suites=suite)
            device.run(config, ca=ca)
            told = device.wait_for("^(connected|not connected: TLS handshake with .* failed: )")
            assert told.startswith("connected") == (name in _HTTP)
        twin.wait_for_output("refused: TLS: SSLV3_ALERT_ILLEGAL_PARAMETER")
