"""Whom does a board trust, and what is wrong with a certificate, a server's or its own?

The same for TLS (secure.py) and DTLS (dtls.py), of which a board loads one.  `tls`, not `ssl`:
micropython-lib's `ssl` silently switches verification off.
"""

import tls
from micropython import const

from signet.errors import ConfigError, Lost, Refused, Untrusted
from signet.modules import forget, keep_place

_ALERT = const(-30592)  # MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE: which alert, it does not say

# What is wrong with a certificate, and how Mbed TLS and OpenSSL say so; the last always fits.
_CURES = (
    ("the certificate is for another name; check `host`", "Common Name", "mismatch"),
    ("the certificate has expired, or the board's clock is wrong", "expired"),
    ("the certificate is not valid yet, or the board's clock is wrong", "future", "not yet"),
    (
        "the certificate is not signed by the CA in `ca`",
        "not correctly signed",
        "self-signed",
        "local issuer",
    ),
    ("the certificate could not be verified; check `ca`, `host` and the clock", "VERIFY"),
)


# What is wrong when the server ends a handshake, by how far it went.
_SAID_NO = (
    "no TLS version or cipher suite that this board has as well, or no such `host` there",
    "the server may ask for a client certificate: `cert`",
    "is `cert` in date, its CA registered there, `key` its own, and does the policy take it?",
)
_NO_VERSION_OR_SUITE = (-28288, -28160)  # BAD_PROTOCOL_VERSION, HANDSHAKE_FAILURE


def context(ca, datagrams=False, cert=None, key=None):
    """Makes what every connection shares: whom to trust.  Once, while the heap is in one piece.

    Args:
        ca: bytes, one or more CA certificates, PEM or DER.
        datagrams: bool, True for DTLS.
        cert: bytes, the board's own certificate, PEM with its chain, or DER; None without one.
        key: bytes, its private key, PEM or DER; None when it stands in `cert`.
    Returns:
        tls.SSLContext that verifies.
    Raises:
        ConfigError: one of them cannot be read, or this firmware has no DTLS.
    """
    if datagrams:
        from signet.net import dtls

        trust = dtls.context()
    else:
        from signet.net import secure  # noqa: F401  not before it is needed, nor later

        trust = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
    trust.verify_mode = tls.CERT_REQUIRED
    try:
        trust.load_verify_locations(ca)
    except (ValueError, OSError):
        raise ConfigError("ca", "holds no certificate that can be read", "ca.pem")
    if cert is not None:
        from signet.net import certificate

        certificate.load(trust, cert, cert if key is None else key)
        forget("signet.net.certificate")
    keep_place()
    return trust


def explain(error, host, feed, cert=None):
    """Makes a Refused or a Lost of what a handshake has raised.

    Args:
        error: what `wrap_socket` raised.
        host: str, the server.
        feed: its stream, with `error` and, where it counts them, `writes`.
        cert: str, the file of the board's own certificate, None without one.
    """
    if feed.error:
        return Lost("TLS handshake with {}: {}".format(host, feed.error))
    text = str(error)
    for cure in _CURES:
        for sign in cure[1:]:
            if sign in text:
                return Untrusted("TLS: {}: {}".format(host, cure[0]))
    code = error.args[0] if error.args else None
    if code == _ALERT or code in _NO_VERSION_OR_SUITE:
        early = code != _ALERT or feed.writes < 2
        return Refused(
            "TLS: {} refuses: {}".format(host, _SAID_NO[0 if early else 1 if cert is None else 2])
        )
    return Lost("TLS handshake with {} failed: {}".format(host, text))
