"""Does the host's `tls` behave as MicroPython's does?  The same questions to both."""

import io

import check
import tls
from check_mqtt import Stream, read
from signet import clock
from signet.errors import Lost, Untrusted
from signet.net import refusal
from signet.net.secure import TlsChannel
from signet.net.stream import TcpChannel
from signet.net.trust import context

SERVERS = {
    "good": ("tls", "good", "echo"),
    "wrong_name": ("tls", "wrong_name", "echo"),
    "wrong_ca": ("tls", "wrong_ca", "echo"),
    "self_signed": ("tls", "self_signed", "echo"),
    "expired": ("tls", "expired", "echo"),
    "not_yet_valid": ("tls", "not_yet_valid", "echo"),
    "sha_1": ("tls", "sha_1", "echo"),
    "md_5": ("tls", "md_5", "echo"),
    "short_key": ("tls", "short_key", "echo"),
    "for_clients": ("tls", "for_clients", "echo"),
    "cannot_sign": ("tls", "cannot_sign", "echo"),
    "under_a_device": ("tls", "under_a_device", "echo"),
    "too_deep": ("tls", "too_deep", "echo"),
    "constrained": ("tls", "constrained", "echo"),
    "ed25519": ("tls", "ed25519", "echo"),
    "advised": ("tls", "advised", "echo"),
    "by_cn": ("tls", "by_cn", "echo"),
    "top_level": ("tls", "top_level", "echo"),
    "closes": ("tls", "good", "close_at_once"),
    "resets": ("tls", "good", "reset_at_once"),
    "hole": ("tcp", "black_hole"),
    "junk": ("tcp", "junk"),
}


class Feed:
    """Below TLS, of a handshake that went as far as the server's certificate."""

    error, writes = None, 1


def _open(name, ca=None, timeout_ms=3000, host="good.test"):
    end = check.server(name)
    if ca is None:
        with open(check.server("good")["ca"], "rb") as file:
            ca = file.read()
    deadline = clock.Deadline(timeout_ms)
    channel = TcpChannel(end["host"], end["port"], deadline)
    stream = Stream(TlsChannel(channel, host, context(ca), deadline))
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
    for name, sign in check.BAD_CERTIFICATES + check.UNFIT_CERTIFICATES:
        error = check.raises(Untrusted, _open, name)
        assert sign in str(error) and "\n" not in str(error), (name, str(error))


# Mbed TLS 3.6, include/mbedtls/x509.h: MBEDTLS_X509_CRT_ERROR_INFO_LIST; and a word of the cure.
_FLAGS = (
    ("The certificate validity has expired", "clock"),
    ("The certificate has been revoked (is on a CRL)", "needs a new one"),
    ("The certificate Common Name (CN) does not match with the expected CN", "`host`"),
    ("The certificate is not correctly signed by the trusted CA", "`ca`"),
    ("The CRL is not correctly signed by the trusted CA", "check"),
    ("The CRL is expired", "check"),
    ("Certificate was missing", "check"),
    ("Certificate verification was skipped", "check"),
    ("Other reason (can be used by verify callback)", "check"),
    ("The certificate validity starts in the future", "clock"),
    ("The CRL is from the future", "check"),
    ("Usage does not match the keyUsage extension", "check its keyUsage"),
    ("Usage does not match the extendedKeyUsage extension", "extendedKeyUsage"),
    ("Usage does not match the nsCertType extension", "check its keyUsage"),
    ("The certificate is signed with an unacceptable hash.", "check that it is SHA-256"),
    ("The certificate is signed with an unacceptable PK alg (eg RSA vs ECDSA).", "check that"),
    (
        "The certificate is signed with an unacceptable key (eg bad curve, RSA too short).",
        "RSA 2048",
    ),
    ("The CRL is signed with an unacceptable hash.", "check"),
    ("The CRL is signed with an unacceptable PK alg (eg RSA vs ECDSA).", "check"),
    ("The CRL is signed with an unacceptable key (eg bad curve, RSA too short).", "check"),
)


def test_each_reason_of_mbed_tls_is_untrusted_in_one_line_with_a_cure():
    feed = Feed()
    for text, cure in _FLAGS:
        error = refusal.explain(ValueError("\n" + text + "\n"), "good.test", feed)
        assert isinstance(error, Untrusted) and cure in str(error), text
        assert "\n" not in str(error) and str(error).startswith("TLS: good.test: the cert"), text
    both = ValueError("\n{}\n{}\n".format(_FLAGS[0][0], _FLAGS[3][0]))
    assert isinstance(refusal.explain(both, "good.test", feed), Untrusted)
    # What cannot be read or used, without a text: SSL_BAD_CERTIFICATE, X509_..., PK_... of error.h
    for code in (-0x7A00, -0x2080, -0x2562, -0x2600, -0x2700, -0x2800, -0x3A00, -0x3C80, -0x3D62):
        error = refusal.explain(OSError(code, "?"), "good.test", feed)
        assert isinstance(error, Untrusted) and "check" in str(error), code
    # But memory (X509, PK, SSL), a socket, a record (SSL_INVALID_RECORD) blame no certificate.
    for code in (-0x2880, -0x3F80, -0x7F00, -0x7200, 12, 104):
        assert not isinstance(refusal.explain(OSError(code, "?"), "good.test", feed), Untrusted)


def test_names_are_judged_as_certificates_md_says():
    _open("by_cn").close()
    check.raises(Untrusted, _open, "by_cn", None, 3000, "other.test")
    error = check.raises(Untrusted, _open, "top_level", None, 3000, "a.good.test")
    assert "another name" in str(error)
    for name in ("top_level", "advised"):
        if check.MICROPYTHON:
            _open(name).close()
        else:
            check.raises(Untrusted, _open, name)


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
