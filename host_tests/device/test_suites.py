"""Which of Watson's suites are left to a board by a server that prefers RSA-PSS? Six of 18.

"Connecting applications, devices, and gateways using the API", "TLS requirements". That it agrees
on all 18 with one that does not, as the twin, is in `make audit`. Asked for is one of each key
exchange, all 18 at the depth of proof.
"""

import os
from pathlib import Path

from host_tests.depth import DEPTH
from host_tests.suites import HTTP_SUITES, MQTT_SUITES
from host_tests.support import Twin

_OF_EACH = {name.partition("_WITH_")[0]: name for name in MQTT_SUITES}
_ASKED = MQTT_SUITES if DEPTH == "proof" else _OF_EACH.values()


def test_where_rsa_pss_is_preferred_the_six_without_an_ephemeral_key_are_left(
    device, tmp_path, monkeypatch
):
    # The reason for the order in tools/twin/tls/openssl.cnf; when this fails, Mbed TLS is mended.
    monkeypatch.setenv("OPENSSL_CONF", os.devnull)  # OpenSSL's own order
    with Twin(tmp_path) as twin:
        config, ca = twin.device_config("watson", "mqtts"), Path(twin.ready["ca_file"])
        for name in _ASKED:
            twin.fault("tls", cloud="watson", suites=MQTT_SUITES[name])
            device.run(config, ca=ca)
            told = device.wait_for("^(connected|not connected: TLS handshake with .* failed: )")
            assert told.startswith("connected") == (name in HTTP_SUITES)
        twin.wait_for_output("refused: TLS: SSLV3_ALERT_ILLEGAL_PARAMETER")
