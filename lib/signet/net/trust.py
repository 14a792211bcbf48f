"""Whom does a board trust, and with what does it prove itself?

The same for TLS (secure.py) and DTLS (dtls.py), of which a board loads one.  `tls`, not `ssl`:
micropython-lib's `ssl` silently switches verification off.
"""

import tls

from signet.modules import forget, keep_place


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
        ValueError: (name of an argument, what is wrong with it[, an example]).
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
        raise ValueError("ca", "holds no certificate that can be read", "ca.pem")
    if cert is not None:
        from signet.net import certificate

        certificate.load(trust, cert, cert if key is None else key)
        forget("signet.net.certificate")
    keep_place()
    return trust
