"""Why did a handshake of TLS or DTLS fail, and what is to be checked?

Loaded when one has failed, and forgotten: see modules.call.
"""

from micropython import const

from signet.errors import Lost, Refused, Untrusted

_ALERT = const(-30592)  # MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE: which alert, it does not say

# How Mbed TLS says what is wrong with a server's certificate (MBEDTLS_X509_CRT_ERROR_INFO_LIST in
# x509.h), and what to check; the first of several counts.
_CURES = const(
    (
        ("(CN)", "is for another name; check `host`"),
        ("validity has", "has expired, or the board's clock is wrong"),
        ("validity starts", "is not valid yet, or the board's clock is wrong"),
        ("revoked", "has been revoked; the server needs a new one"),
        (
            "not correctly signed",
            "is not signed by the CA in `ca`; check `ca`, and that each CA between may sign",
        ),
        (
            "unacceptable hash",
            (
                "or one above it is signed with an unsafe hash, SHA-1 or MD5; check that it is"
                " SHA-256"
            ),
        ),
        (
            "unacceptable",
            "or one above it has a weak or unusual key; check that it is EC P-256 or RSA 2048",
        ),
    )
)

# Numbers of Mbed TLS; the upper bits alone where a lower module may have added its own.
_BAD_CERTIFICATE = const(0x7A00)  # MBEDTLS_ERR_SSL_BAD_CERTIFICATE: it verifies, but not this use
_VERIFY_FAILED = const(0x2700)  # MBEDTLS_ERR_X509_CERT_VERIFY_FAILED, without a reason
_UNREAD_FIRST = const(0x2080)  # MBEDTLS_ERR_X509_..., not the one for memory
_UNREAD_LAST = const(0x2800)
_KEY_FIRST = const(0x3900)  # MBEDTLS_ERR_PK_..., not the one for memory
_KEY_LAST = const(0x3F00)

# What is wrong when the server ends a handshake, by how far it went.
_SAID_NO = const(
    (
        "no TLS version or cipher suite that this board has as well, or no such `host` there",
        "the server may ask for a client certificate: `cert`",
        "is `cert` in date, its CA registered there, `key` its own, and does the policy take it?",
    )
)
# extmod/modlwip.c of MicroPython, of which the sockets of most ports but ESP32's are made
_IN_PIECES = const(
    "; of what it sent came only a part: this port's socket keeps one datagram, from MicroPython"
    ' 1.26 on four; update it, or take a server certificate that is EC, or `"tls": false`'
)
_NO_VERSION_OR_SUITE = const((-28288, -28160))  # BAD_PROTOCOL_VERSION, HANDSHAKE_FAILURE


def explain(error, host, feed, cert=None):
    """Makes a Refused or a Lost of what a handshake has raised.

    Args:
        error: what `wrap_socket` raised.
        host: str, the server.
        feed: its stream, with `error` and, where it counts them, `writes`, `reads`.
        cert: str, the file of the board's own certificate, None without one.
    """
    if feed.error:
        return Lost("TLS handshake with {}: {}".format(host, feed.error))
    text = str(error)
    code = error.args[0] if error.args else None
    wrong = _wrong(error, text, -code & 0x7F80 if isinstance(code, int) else 0)
    if wrong:
        return Untrusted("TLS: {}: the certificate {}".format(host, wrong))
    # Over DTLS, which counts no writes, anybody may forge an alert: it says nothing.
    if feed.writes and (code == _ALERT or code in _NO_VERSION_OR_SUITE):
        early = code != _ALERT or feed.writes < 2
        return Refused(
            "TLS: {} refuses: {}".format(host, _SAID_NO[0 if early else 1 if cert is None else 2])
        )
    if isinstance(error, Lost) and getattr(feed, "reads", 0) and _keeps_few():
        text += _IN_PIECES
    return Lost("TLS handshake with {} failed: {}".format(host, text))


def _keeps_few():
    """Is the socket one of MicroPython's own over lwIP?"""
    try:
        import socket
    except ImportError:  # only a modem
        return False
    return socket.__name__ == "lwip"


def _wrong(error, text, number):
    """What is wrong with the server's certificate, None where it is not to blame."""
    if isinstance(error, ValueError):
        for sign, cure in _CURES:
            if sign in text:
                return cure
        number = _BAD_CERTIFICATE if "Usage does not" in text else _VERIFY_FAILED
    if number == _BAD_CERTIFICATE:
        return "could not be verified for a server; check its keyUsage, extendedKeyUsage and curve"
    if number == _VERIFY_FAILED:
        return "could not be verified; check `ca`, `host` and the clock"
    if _UNREAD_FIRST <= number <= _UNREAD_LAST or _KEY_FIRST <= number <= _KEY_LAST:
        return (
            "or one above it is beyond this firmware; check for keys neither EC nor RSA, and for"
            " critical extensions as name constraints"
        )
    return None
