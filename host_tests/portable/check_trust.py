"""How does a `tls` behave that reads only DER?  Simulated: none of our interpreters has one.

MicroPython's own configuration of Mbed TLS (extmod/mbedtls/mbedtls_config_common.h: rp2, stm32)
leaves MBEDTLS_PEM_PARSE_C out; PEM is "invalid cert" and "invalid key" there.
"""

import sys

import tls
from signet.net import trust


class Context:
    """A real SSLContext, which is not shown any PEM."""

    def __init__(self, protocol):
        self.below = tls.SSLContext(protocol)

    def load_verify_locations(self, cadata):
        _check(cadata, "invalid cert")
        self.below.load_verify_locations(cadata)

    def load_cert_chain(self, cert, key):
        _check(key, "invalid key")
        _check(cert, "invalid cert")
        self.below.load_cert_chain(cert, key)

    def set_ciphers(self, ciphers):
        self.below.set_ciphers(ciphers)

    def wrap_socket(self, *arguments, **named):
        return self.below.wrap_socket(*arguments, **named)


def _check(data, text):
    if data[:1] != b"\x30":
        raise ValueError(text)


class ReadsOnlyDer:
    """`with ReadsOnlyDer():` signet finds such a `tls`."""

    SSLContext = Context
    PROTOCOL_TLS_CLIENT = tls.PROTOCOL_TLS_CLIENT
    PROTOCOL_DTLS_CLIENT = tls.PROTOCOL_DTLS_CLIENT
    CERT_REQUIRED = tls.CERT_REQUIRED

    def __enter__(self):
        trust.tls = sys.modules["tls"] = self

    def __exit__(self, *error):
        trust.tls = sys.modules["tls"] = tls
