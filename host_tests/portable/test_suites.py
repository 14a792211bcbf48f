"""Which of the TLS 1.2 suites in Watson's documents do we and each interpreter's TLS agree on?

Eighteen for MQTT, of which HTTP has the six without an ephemeral key. A server of OpenSSL offers
one at a time, with a certificate of RSA-2048.

Source: Watson IoT "Connecting applications, devices, and gateways", TLS requirements.
"""

import check
from check_mqtt import Stream, read
from signet import clock
from signet.errors import Refused
from signet.net.secure import TlsChannel
from signet.net.stream import TcpChannel
from signet.net.trust import context

# By OpenSSL's names. Debian's Mbed TLS offers PSS in TLS 1.2 and cannot take it: hence -sigalgs.
SERVERS = {
    "TLS_RSA_WITH_AES_128_CBC_SHA": (
        "s_server",
        "rsa",
        "-tls1_2",
        "-cipher",
        "AES128-SHA@SECLEVEL=0",
        "-sigalgs",
        "RSA+SHA256",
    ),
    "TLS_DHE_RSA_WITH_AES_128_CBC_SHA": (
        "s_server",
        "rsa",
        "-tls1_2",
        "-cipher",
        "DHE-RSA-AES128-SHA@SECLEVEL=0",
        "-sigalgs",
        "RSA+SHA256",
    ),
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA": (
        "s_server",
        "rsa",
        "-tls1_2",
        "-cipher",
        "ECDHE-RSA-AES128-SHA@SECLEVEL=0",
        "-sigalgs",
        "RSA+SHA256",
    ),
    "TLS_RSA_WITH_AES_128_CBC_SHA256": (
        "s_server",
        "rsa",
        "-tls1_2",
        "-cipher",
        "AES128-SHA256@SECLEVEL=0",
        "-sigalgs",
        "RSA+SHA256",
    ),
    "TLS_DHE_RSA_WITH_AES_128_CBC_SHA256": (
        "s_server",
        "rsa",
        "-tls1_2",
        "-cipher",
        "DHE-RSA-AES128-SHA256@SECLEVEL=0",
        "-sigalgs",
        "RSA+SHA256",
    ),
    "TLS_RSA_WITH_AES_128_GCM_SHA256": (
        "s_server",
        "rsa",
        "-tls1_2",
        "-cipher",
        "AES128-GCM-SHA256@SECLEVEL=0",
        "-sigalgs",
        "RSA+SHA256",
    ),
    "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256": (
        "s_server",
        "rsa",
        "-tls1_2",
        "-cipher",
        "DHE-RSA-AES128-GCM-SHA256@SECLEVEL=0",
        "-sigalgs",
        "RSA+SHA256",
    ),
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256": (
        "s_server",
        "rsa",
        "-tls1_2",
        "-cipher",
        "ECDHE-RSA-AES128-SHA256@SECLEVEL=0",
        "-sigalgs",
        "RSA+SHA256",
    ),
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256": (
        "s_server",
        "rsa",
        "-tls1_2",
        "-cipher",
        "ECDHE-RSA-AES128-GCM-SHA256@SECLEVEL=0",
        "-sigalgs",
        "RSA+SHA256",
    ),
    "TLS_RSA_WITH_AES_256_CBC_SHA": (
        "s_server",
        "rsa",
        "-tls1_2",
        "-cipher",
        "AES256-SHA@SECLEVEL=0",
        "-sigalgs",
        "RSA+SHA256",
    ),
    "TLS_DHE_RSA_WITH_AES_256_CBC_SHA": (
        "s_server",
        "rsa",
        "-tls1_2",
        "-cipher",
        "DHE-RSA-AES256-SHA@SECLEVEL=0",
        "-sigalgs",
        "RSA+SHA256",
    ),
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA": (
        "s_server",
        "rsa",
        "-tls1_2",
        "-cipher",
        "ECDHE-RSA-AES256-SHA@SECLEVEL=0",
        "-sigalgs",
        "RSA+SHA256",
    ),
    "TLS_RSA_WITH_AES_256_CBC_SHA256": (
        "s_server",
        "rsa",
        "-tls1_2",
        "-cipher",
        "AES256-SHA256@SECLEVEL=0",
        "-sigalgs",
        "RSA+SHA256",
    ),
    "TLS_DHE_RSA_WITH_AES_256_CBC_SHA256": (
        "s_server",
        "rsa",
        "-tls1_2",
        "-cipher",
        "DHE-RSA-AES256-SHA256@SECLEVEL=0",
        "-sigalgs",
        "RSA+SHA256",
    ),
    "TLS_RSA_WITH_AES_256_GCM_SHA384": (
        "s_server",
        "rsa",
        "-tls1_2",
        "-cipher",
        "AES256-GCM-SHA384@SECLEVEL=0",
        "-sigalgs",
        "RSA+SHA256",
    ),
    "TLS_DHE_RSA_WITH_AES_256_GCM_SHA384": (
        "s_server",
        "rsa",
        "-tls1_2",
        "-cipher",
        "DHE-RSA-AES256-GCM-SHA384@SECLEVEL=0",
        "-sigalgs",
        "RSA+SHA256",
    ),
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384": (
        "s_server",
        "rsa",
        "-tls1_2",
        "-cipher",
        "ECDHE-RSA-AES256-SHA384@SECLEVEL=0",
        "-sigalgs",
        "RSA+SHA256",
    ),
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384": (
        "s_server",
        "rsa",
        "-tls1_2",
        "-cipher",
        "ECDHE-RSA-AES256-GCM-SHA384@SECLEVEL=0",
        "-sigalgs",
        "RSA+SHA256",
    ),
}


def _agrees(name):
    end = check.server(name)
    with open(end["ca"], "rb") as file:
        trust = context(file.read())
    deadline = clock.Deadline(5000)
    channel = TcpChannel(end["host"], end["port"], deadline)
    stream = Stream(TlsChannel(channel, end["name"], trust, deadline))
    try:
        stream.write(b"tengis\n")
        assert read(stream, 7) == b"signet\n"
        return True
    except Refused as error:
        assert "no TLS version or cipher suite" in str(error)
        return False
    finally:
        stream.close()


# Python's own choice has no suite without an ephemeral key and none with SHA-1 (docs of `ssl`).
# MicroPython's is what its Mbed TLS was built with: Debian's, all of them.  Where MicroPython has
# one of its own (rp2, stm32 ...) there is no DHE, so that six of the eighteen are missing there.
_OF_PYTHON = (
    "TLS_DHE_RSA_WITH_AES_128_CBC_SHA256",
    "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_DHE_RSA_WITH_AES_256_CBC_SHA256",
    "TLS_DHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
)
_OF_HTTP = (
    "TLS_RSA_WITH_AES_128_CBC_SHA",
    "TLS_RSA_WITH_AES_128_CBC_SHA256",
    "TLS_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_RSA_WITH_AES_256_CBC_SHA",
    "TLS_RSA_WITH_AES_256_CBC_SHA256",
    "TLS_RSA_WITH_AES_256_GCM_SHA384",
)


def _check(names):
    for name in names:
        expected = check.MICROPYTHON or name in _OF_PYTHON
        check.equal(_agrees(name), expected, name)


def test_the_suites_for_mqtt_are_agreed_on_where_the_interpreter_s_tls_has_them():
    assert len(SERVERS) == 18
    _check([name for name in sorted(SERVERS) if name not in _OF_HTTP])


def test_the_suites_for_mqtt_and_http_are_agreed_on_where_the_interpreter_s_tls_has_them():
    _check(_OF_HTTP)
