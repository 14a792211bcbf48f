"""Does a board prove itself with a certificate of its own, and say what is wrong with a bad one?

The servers are OpenSSL's, which demand a certificate of the CA for clients.
"""

from binascii import a2b_base64

import check
from check_mqtt import Stream, read
from check_trust import ReadsOnlyDer
from signet import clock
from signet.errors import Refused
from signet.net.secure import TlsChannel
from signet.net.stream import TcpChannel
from signet.net.trust import context

SERVERS = {
    "demands": (
        "s_server",
        "good",
        "-tls1_2",
        "-CAfile",
        "{client_ca}",
        "-Verify",
        "3",
        "-verify_return_error",
    ),
    "of_rsa": (
        "s_server",
        "rsa",
        "-tls1_2",
        "-sigalgs",
        # Debian's Mbed TLS offers PSS in TLS 1.2, and cannot take it
        "RSA+SHA256:RSA+SHA384:ECDSA+SHA256:ECDSA+SHA384",
        "-CAfile",
        "{client_ca}",
        "-Verify",
        "3",
        "-verify_return_error",
    ),
    "of_tls_1_3": (
        "s_server",
        "good",
        "-tls1_3",
        "-CAfile",
        "{client_ca}",
        "-Verify",
        "3",
        "-verify_return_error",
    ),
    "tls_1_1": ("s_server", "good", "-tls1_1", "-cipher", "ALL@SECLEVEL=0"),
    "tls_1_0": ("s_server", "good", "-tls1", "-cipher", "ALL@SECLEVEL=0"),
    "says_1_1": (  # ServerHello: TLS 1.1, TLS_RSA_WITH_AES_128_CBC_SHA
        "tcp",
        [
            ("expect", 5),
            ("send", "160302002a020000260302"),
            ("send", "1111111111111111111111111111111111111111111111111111111111111111"),
            ("send", "00002f00"),
            ("wait", 3000),
        ],
    ),
    "clear": ("s_server", "rsa", "-tls1_2", "-cipher", "NULL@SECLEVEL=0"),
    "anonymous": ("s_server", "rsa", "-tls1_2", "-cipher", "ADH@SECLEVEL=0"),
}

# A throw-away key, P-256, encrypted with the passphrase "x": PKCS #8, and as OpenSSL once did.
_ENCRYPTED = b"""\
-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAgKa9cc6hRDpwICCAAw
DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEFM89dUVaObRDZn5KbdsOnIEgZAO
100zsRcNZ5e+K5y2nTfT8EeHRAJNDSNQzA2uqjyexuyy92r/Hfz3WstQ2Y7vnY44
nItNesmqZ62iUdCHagVA9K57q2WveuDOGcLO84gCgZ5wA+NvuyOZMvKL+sl2adKT
tWwM0Ovr4IQQaiaWoSyk473BHxww6qcxubfIIglOeA/FgFGbok3leS0rZekT18Q=
-----END ENCRYPTED PRIVATE KEY-----
"""
_ENCRYPTED_TRADITIONAL = b"""\
-----BEGIN EC PRIVATE KEY-----
Proc-Type: 4,ENCRYPTED
DEK-Info: AES-256-CBC,17AC2877C667FB50E8C110F556F99D16

Xc9+V2K9MOo1BDB8UPt5hFenawMs65IwLMGB4GyNDyHZDIJOStRMWmAVySmH2KOY
yG6t3Oe8cDsN33dEfZZCUkHn3o1PHzwrozGCUOXIrWrf7Bd9uS/P8lDnfaQQaKPP
VNbWlJvpTS9RaY/JCNeW/n6FyD1KLObTgyE1jqsIKHE=
-----END EC PRIVATE KEY-----
"""


def _read(path):
    with open(path, "rb") as file:
        return file.read()


def _client(kind):
    """The certificate and the key of a client, both PEM."""
    cert, key = check.server("demands")["clients"][kind]
    return _read(cert), _read(key)


def _der(pem):
    begin = pem.index(b"-----\n") + 6
    return a2b_base64(pem[begin : pem.index(b"-----END")])


def _talk(name, cert=None, key=None):
    """Says a line to a server, and returns what it says."""
    end, good = check.server(name), check.server("demands")
    trust = context(_read(good["ca"]), False, cert, key)
    deadline = clock.Deadline(5000)
    channel = TcpChannel(end["host"], end["port"], deadline)
    file = None if cert is None else "board-1.pem"
    stream = Stream(TlsChannel(channel, good["name"], trust, deadline, file))
    try:
        stream.write(b"tengis\n")
        return read(stream, 7, 5000)
    finally:
        stream.close()


def _refused(name, cert=None, key=None):
    return str(check.raises(Refused, _talk, name, cert, key))


def _wrong(cert, key=None):
    with open(check.server("demands")["ca"], "rb") as file:
        error = check.raises(ValueError, context, file.read(), False, cert, key)
    return error.args[:2]


def test_a_certificate_of_p_256_lets_in():
    assert _talk("demands", *_client("good")) == b"signet\n"
    assert _talk("of_rsa", *_client("good")) == b"signet\n"


def test_a_certificate_of_rsa_2048_lets_in():
    assert _talk("demands", *_client("rsa")) == b"signet\n"
    assert _talk("of_rsa", *_client("rsa")) == b"signet\n"


def test_a_chain_with_an_intermediate_lets_in():
    cert, key = _client("chain")
    assert cert.count(b"BEGIN CERTIFICATE") == 2
    assert _talk("demands", cert, key) == b"signet\n"


def test_a_chain_without_its_intermediate_is_refused():
    cert, key = _client("chain")
    leaf = cert[: cert.index(b"-----BEGIN", 1)]
    assert "is `cert` in date" in _refused("demands", leaf, key)


def test_the_key_may_stand_in_the_file_of_the_certificate():
    cert, key = _client("good")
    assert _talk("demands", cert + key) == b"signet\n"
    assert _talk("demands", key + cert) == b"signet\n"


def test_der_lets_in():
    for kind in ("good", "rsa"):
        cert, key = _client(kind)
        assert _talk("demands", _der(cert), _der(key)) == b"signet\n"


def test_lines_may_end_as_on_windows():
    cert, key = _client("good")
    cert, key = cert.replace(b"\n", b"\r\n"), key.replace(b"\n", b"\r\n")
    assert _talk("demands", cert, key) == b"signet\n"


def test_without_a_certificate_the_refusal_names_the_key_to_add():
    assert "client certificate: `cert`" in _refused("demands")


def test_a_certificate_of_another_ca_is_refused():
    assert "its CA registered there" in _refused("demands", *_client("wrong_ca"))


def test_an_expired_certificate_is_refused():
    assert "is `cert` in date" in _refused("demands", *_client("expired"))


def test_a_certificate_that_is_not_valid_yet_is_refused():
    assert "is `cert` in date" in _refused("demands", *_client("not_yet_valid"))


def test_tls_1_3_refuses_after_the_handshake():
    assert "client certificate: `cert`" in _refused("of_tls_1_3")
    assert "its CA registered there" in _refused("of_tls_1_3", *_client("wrong_ca"))
    assert _talk("of_tls_1_3", *_client("good")) == b"signet\n"


def test_a_server_of_tls_1_1_or_1_0_is_refused():
    for name in ("tls_1_1", "tls_1_0"):
        assert "no TLS version or cipher suite" in _refused(name)
        assert "no TLS version or cipher suite" in _refused(name, *_client("good"))


def test_a_server_that_answers_in_tls_1_1_is_refused():
    assert "no TLS version or cipher suite" in _refused("says_1_1")


def test_a_server_of_weak_suites_only_is_refused():
    for name in ("clear", "anonymous"):
        assert "no TLS version or cipher suite" in _refused(name)


def test_an_encrypted_key_is_a_config_error():
    for encrypted in (_ENCRYPTED, _ENCRYPTED_TRADITIONAL):
        key, rule = _wrong(_client("good")[0], encrypted)
        assert key == "key" and "without passphrase" in rule


def test_an_encrypted_key_in_the_file_of_the_certificate_is_an_error_of_cert():
    key, rule = _wrong(_client("good")[0] + _ENCRYPTED)
    assert key == "cert" and "without passphrase" in rule


def test_a_certificate_without_a_key_is_a_config_error():
    key, rule = _wrong(_client("good")[0])
    assert key == "cert" and "no private key" in rule and "`key`" in rule


def test_a_key_file_that_holds_a_certificate_is_a_config_error():
    cert = _client("good")[0]
    key, rule = _wrong(cert, bytes(cert + b"\n"))
    assert key == "key" and "no private key" in rule


def test_garbage_is_a_value_error_that_names_the_file():
    cert, key = _client("good")
    for junk in (b"", b"junk", key):
        assert _wrong(junk, key) == ("cert", "holds no certificate that can be read"), junk
    begin = cert.index(b"\n") + 1
    for number, junk in (
        (1, cert[:200]),
        (1, cert[: begin + 64] + b"\n" + cert[-26:]),
        (2, cert + cert[:200] + cert[-30:]),
        (2, cert + cert[:200]),
        (2, cert + cert[:100] + cert),
    ):
        named, rule = _wrong(junk, key)
        assert named == "cert" and "certificate {} in it".format(number) in rule, rule
        assert "cut short" in rule or "cannot be read: it is no certificate" in rule, rule
    for junk in (b"", b"junk", key[:60] + key[-40:]):
        named, rule = _wrong(cert, junk)
        assert named == "key" and "no private key" in rule


def test_firmware_that_reads_only_der_gets_der():
    for kind in ("good", "rsa"):
        cert, key = _client(kind)
        with ReadsOnlyDer():
            assert _talk("demands", cert, key) == b"signet\n"
            assert _talk("demands", cert + key) == b"signet\n"
            assert _talk("demands", _der(cert), key) == b"signet\n"
            assert _talk("demands", cert, _der(key)) == b"signet\n"
    cert, key = _client("chain")  # such firmware takes no more than one
    with ReadsOnlyDer():
        assert "its CA registered there" in _refused("demands", cert, key)
        said = []
        context(_read(check.server("demands")["ca"]), False, cert, key, said.append)
        assert len(said) == 1 and "reads only DER: its chain is not sent" in said[0]


def test_no_error_shows_a_key():
    key = _client("good")[1]
    for error in (
        check.raises(ValueError, context, _read(check.server("demands")["ca"]), False, key, key),
        check.raises(Refused, _talk, "demands", *_client("wrong_ca")),
    ):
        assert str(key[40:60], "utf-8") not in str(error) + repr(error)
