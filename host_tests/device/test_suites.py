"""Which of Watson's suites are left to a board by a server that prefers RSA-PSS? Six of 18.

"Connecting applications, devices, and gateways using the API", "TLS requirements". That it agrees
on all 18 with one that does not, as the twin, is in `make audit`.
"""

import os
from pathlib import Path

from host_tests.support import Twin

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
