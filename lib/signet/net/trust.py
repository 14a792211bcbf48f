"""Whom does a board trust, and with what does it prove itself?

The same for TLS (secure.py) and DTLS (dtls.py), of which a board loads one.  `tls`, not `ssl`:
micropython-lib's `ssl` silently switches verification off.
"""

import tls

from signet import modules
from signet.wire import pem

# A ClientHello with these has 160 bytes, not 350.  The last is the one that RFC 7252 section
# 9.1.3.3 prescribes, and not every port has it.
_SUITES = [
    "TLS-ECDHE-ECDSA-WITH-AES-128-GCM-SHA256",
    "TLS-ECDHE-RSA-WITH-AES-128-GCM-SHA256",
    "TLS-ECDHE-ECDSA-WITH-AES-128-CBC-SHA256",
    "TLS-ECDHE-RSA-WITH-AES-128-CBC-SHA256",
    "TLS-ECDHE-ECDSA-WITH-AES-128-CCM-8",
]


def context(ca, datagrams=False, cert=None, key=None, log=None):
    """Makes what every connection shares: whom to trust.  Once, while the heap is in one piece.

    Args:
        ca: bytes, one or more CA certificates, PEM or DER; those that cannot be read are left out.
        datagrams: bool, True for DTLS.
        cert: bytes, the board's own certificate, PEM with its chain, or DER; None without one.
        key: bytes, its private key, PEM or DER; None when it stands in `cert`.
        log: function of one str, for warnings; or None.
    Returns:
        tls.SSLContext that verifies.
    Raises:
        ValueError: (name of an argument, what is wrong with it[, an example]).
    """
    trust = _datagrams() if datagrams else tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
    trust.verify_mode = tls.CERT_REQUIRED
    found, wrong = False, ""
    # One by one, as DER: Mbed TLS takes all of a file or none, and not each firmware's reads PEM.
    for number, der in enumerate(pem.blocks(ca, b"CERTIFICATE"), 1):
        try:
            trust.load_verify_locations(der)
            found = True
        except (ValueError, OSError):
            wrong = ": " + modules.call("signet.wire.unread", "why", der)
            if log:
                log("warning: `ca`: certificate {} is left out{}".format(number, wrong))
    if not found:
        raise ValueError("ca", "holds no certificate that can be read" + wrong, "ca.pem")
    if cert is not None:
        key = cert if key is None else key
        modules.call("signet.net.certificate", "load", trust, cert, key, log)
    modules.keep()
    return trust


def _datagrams():
    trust = tls.SSLContext(tls.PROTOCOL_DTLS_CLIENT)
    for suites in (_SUITES, _SUITES[:-1]):
        try:
            trust.set_ciphers(suites)
            break
        except OSError:
            pass  # none of them is set, and the firmware offers all that it has
    modules.keep(modules.DATAGRAM)
    return trust
