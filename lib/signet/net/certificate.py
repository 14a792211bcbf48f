"""How does TLS take a board's own certificate, and what is wrong with one that it does not take?

Source: MicroPython 1.25 extmod/modtls_mbedtls.c, which does not ask whether the two belong
together: wire/x509.py does.
"""


def load(context, cert, key):
    """Gives certificate and key to a tls.SSLContext.

    Args:
        context: tls.SSLContext of a client.
        cert: bytes, PEM with its chain, or DER.
        key: bytes, PEM or DER; a PEM file may hold certificates too.
    Raises:
        ValueError: of `cert` or `key`, as in trust.context; never what is in them.
    """
    where = "cert" if key is cert else "key"
    try:
        context.load_cert_chain(cert, key)
    except (ValueError, OSError) as error:
        if "cert" in str(error):
            raise ValueError("cert", "holds no certificate that can be read", "board-1.pem")
        text = "holds no private key that can be read, EC or RSA"
        if b"ENCRYPTED" in key:
            text = "its private key is encrypted; a board needs it without passphrase"
        elif key[:5] == b"-----" and b"PRIVATE KEY" not in key:
            text = "holds no private key"
            if where == "cert":
                text += "; add it to the file, or name its own file in `key`"
        raise ValueError(where, text)
