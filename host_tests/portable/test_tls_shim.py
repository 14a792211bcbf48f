"""Does the host's `tls` behave as MicroPython's does?  The same questions to both."""

import io

import check
import tls
from check_mqtt import read
from signet import clock
from signet.errors import Lost, Untrusted
from signet.net.secure import TlsChannel
from signet.net.stream import TcpChannel
from signet.net.trust import context
from signet.net.umqtt_stream import Stream

SERVERS = {
    "good": ("tls", "good", "echo"),
    "wrong_name": ("tls", "wrong_name", "echo"),
    "wrong_ca": ("tls", "wrong_ca", "echo"),
    "self_signed": ("tls", "self_signed", "echo"),
    "expired": ("tls", "expired", "echo"),
    "not_yet_valid": ("tls", "not_yet_valid", "echo"),
    "closes": ("tls", "good", "close_at_once"),
    "resets": ("tls", "good", "reset_at_once"),
    "hole": ("tcp", "black_hole"),
    "junk": ("tcp", "junk"),
}


def _open(name, ca=None, timeout_ms=3000):
    end = check.server(name)
    if ca is None:
        with open(check.server("good")["ca"], "rb") as file:
            ca = file.read()
    deadline = clock.Deadline(timeout_ms)
    channel = TcpChannel(end["host"], end["port"], deadline)
    stream = Stream(TlsChannel(channel, "good.test", context(ca), deadline))
    stream.write(b"x")  # the handshake is over when this has gone
    try:
        while not stream.flush():
            stream.wait(deadline)
    except Exception:
        stream.close()
        raise
    return stream


def test_bytes_go_and_come_through_tls():
    stream = _open("good")
    stream.write(b"hello" * 500)
    assert read(stream, 2501) == b"x" + b"hello" * 500
    stream.close()


def test_der_is_read_as_well_as_pem():
    with open(check.server("good")["ca_der"], "rb") as file:
        _open("good", file.read()).close()


def test_nothing_to_read_is_none():
    stream = _open("good")
    assert read(stream, 1) == b"x"
    assert stream.read(1) is None
    stream.close()


def test_a_wrong_certificate_is_untrusted_and_says_why():
    for name, sign in check.BAD_CERTIFICATES:
        error = check.raises(Untrusted, _open, name)
        assert sign in str(error), (name, str(error))


def test_a_ca_that_is_no_certificate_is_a_value_error():
    for junk in (b"junk", b"", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"):
        check.raises(ValueError, _open, "good", junk)


def test_a_client_certificate_that_is_none_is_a_value_error():
    context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
    check.raises(ValueError, context.load_cert_chain, b"junk", b"junk")


def test_a_client_that_verifies_needs_a_name():
    context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
    assert context.verify_mode == tls.CERT_REQUIRED
    check.raises(ValueError, context.wrap_socket, io.BytesIO())


def test_a_handshake_that_nobody_answers_is_lost_in_time():
    check.raises(Lost, _open, "hole", None, 200)


def test_a_handshake_with_junk_is_lost():
    error = check.raises(Lost, _open, "junk")
    assert not isinstance(error, Untrusted)


def test_the_end_of_a_session_is_lost():
    for name in ("closes", "resets"):
        check.raises(Lost, _closed, name)


def _closed(name):
    stream = _open(name)
    try:
        read(stream, 2)  # it may be gone before `_open` has sent anything
    finally:
        stream.close()
