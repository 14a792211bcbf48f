"""How does TLS take a board's own certificate, and what is wrong with one that it does not take?

As DER: MicroPython's own Mbed TLS (rp2, stm32 ...) reads no PEM.  But a chain can be given as PEM
only.  Source: MicroPython 1.25 extmod/modtls_mbedtls.c, which does not ask whether the two belong
together: wire/x509.py does.
"""

import tls

from signet import modules
from signet.wire import pem


def load(context, cert, key, log=None):
    """Gives certificate and key to a tls.SSLContext.

    Args:
        context: tls.SSLContext of a client.
        cert: bytes, PEM with its chain, or DER.
        key: bytes, PEM or DER; a PEM file may hold certificates too.
        log: function of one str, for warnings; or None.
    Raises:
        ValueError: of `cert` or `key`, as in trust.context; never what is in them.
    """
    where = "cert" if key is cert else "key"
    chain = list(pem.blocks(cert, b"CERTIFICATE"))
    if not chain:
        raise ValueError("cert", "holds no certificate that can be read", "board-1.pem")
    first = chain[0]
    if len(chain) > 1:
        if all(chain) and _reads(cert):
            first = cert
        else:
            for number, der in enumerate(chain, 1):
                if not _reads(der):
                    raise _unread(number, der)
            if log:
                log("warning: `cert`: this firmware reads only DER: its chain is not sent")
    try:
        context.load_cert_chain(first, pem.first(key, b"PRIVATE KEY"))
    except (ValueError, OSError) as error:
        if "cert" in str(error):
            raise _unread(1, first)
        text = "holds no private key that can be read, EC or RSA"
        if b"ENCRYPTED" in key:
            text = "its private key is encrypted; a board needs it without passphrase"
        elif key[:5] == b"-----" and b"PRIVATE KEY" not in key:
            text = "holds no private key"
            if where == "cert":
                text += "; add it to the file, or name its own file in `key`"
        raise ValueError(where, text)


def _unread(number, der):
    text = "certificate {} in it cannot be read: ".format(number)
    return ValueError("cert", text + modules.call("signet.wire.unread", "why", der), "board-1.pem")


def _reads(data):
    try:
        tls.SSLContext(tls.PROTOCOL_TLS_CLIENT).load_verify_locations(data)
        return True
    except (ValueError, OSError):
        return False
