"""Whom does a board trust, and what is wrong with a certificate that it does not?

The same for TLS (secure.py) and DTLS (dtls.py), of which a board loads one.  `tls`, not `ssl`:
micropython-lib's `ssl` silently switches verification off.
"""

import tls

from signet.errors import ConfigError, Lost, Untrusted
from signet.modules import keep_place

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


def context(ca, datagrams=False):
    """Makes what every connection shares: whom to trust.  Once, while the heap is in one piece.

    Args:
        ca: bytes, one or more CA certificates, PEM or DER.
        datagrams: bool, True for DTLS.
    Returns:
        tls.SSLContext that verifies.
    Raises:
        ConfigError: `ca` holds no certificate, or this firmware has no DTLS.
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
    keep_place()
    return trust


def explain(error, host, feed):
    """Makes Untrusted or Lost of what a handshake has raised; feed: its stream, with `error`."""
    if feed.error:
        return Lost("TLS handshake with {}: {}".format(host, feed.error))
    text = str(error)
    for cure in _CURES:
        for sign in cure[1:]:
            if sign in text:
                return Untrusted("TLS: {}: {}".format(host, cure[0]))
    return Lost("TLS handshake with {} failed: {}".format(host, text))
