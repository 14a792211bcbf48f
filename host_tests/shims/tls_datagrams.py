"""How does MicroPython's `tls` behave over datagrams (DTLS)?  The same dialect over pyOpenSSL.

Source: MicroPython 1.25 extmod/modtls_mbedtls.c; certificates are refused in Mbed TLS's words.
Only a client, and only what a client needs.
"""

import contextlib
import fnmatch

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from OpenSSL import SSL, crypto
from tls import _ALERT, _INVALID, untrusted

_MTU = 1400
_RECORD_HEADER = 13
_BAD_CONFIG = (-24192, "SSL - Invalid value in SSL config")
_SUITES = {
    "TLS-ECDHE-ECDSA-WITH-AES-128-GCM-SHA256": "ECDHE-ECDSA-AES128-GCM-SHA256",
    "TLS-ECDHE-RSA-WITH-AES-128-GCM-SHA256": "ECDHE-RSA-AES128-GCM-SHA256",
    "TLS-ECDHE-ECDSA-WITH-AES-128-CBC-SHA256": "ECDHE-ECDSA-AES128-SHA256",
    "TLS-ECDHE-RSA-WITH-AES-128-CBC-SHA256": "ECDHE-RSA-AES128-SHA256",
    "TLS-ECDHE-ECDSA-WITH-AES-128-CCM-8": "ECDHE-ECDSA-AES128-CCM8",
}
_HOSTNAME_MISMATCH = 62


def _verify(connection, *found):
    return connection.get_app_data().verify(*found)


class Context:
    """A client that verifies: tls.SSLContext(tls.PROTOCOL_DTLS_CLIENT)."""

    def __init__(self):
        self._context = SSL.Context(SSL.DTLS_CLIENT_METHOD)
        self._context.set_verify(SSL.VERIFY_PEER, _verify)
        self.verify_mode = 2

    def load_verify_locations(self, cadata):
        try:
            if cadata.startswith(b"-----BEGIN"):
                certificates = x509.load_pem_x509_certificates(cadata)
            else:
                certificates = [x509.load_der_x509_certificate(bytes(cadata))]
        except ValueError:
            raise ValueError("invalid cert") from None
        for certificate in certificates:
            self._context.get_cert_store().add_cert(crypto.X509.from_cryptography(certificate))

    def set_ciphers(self, suites):
        if not all(suite in _SUITES for suite in suites):
            raise OSError(*_BAD_CONFIG)
        self._context.set_cipher_list(":".join(_SUITES[suite] for suite in suites).encode())

    def wrap_socket(self, sock, *, do_handshake_on_connect=True, server_hostname=None):
        if server_hostname is None:
            raise ValueError("CERT_REQUIRED requires server_hostname")
        wrapped = Wrapped(self._context, sock, server_hostname)
        while do_handshake_on_connect and wrapped.getpeercert(True) is None:
            wrapped.recv(0)
        return wrapped


class Wrapped:
    """One session; the handshake goes on with each call, as on a board."""

    def __init__(self, context, stream, host):
        self._stream = stream
        self._host = host
        self._refused = None  # why the certificate is, an X509_V_ERR_*
        self._established = False
        self._error = None  # as on a board, an error of the session stays
        self._connection = SSL.Connection(context, None)
        self._connection.set_app_data(self)
        self._connection.set_tlsext_host_name(host.encode())
        self._connection.set_ciphertext_mtu(_MTU)
        self._connection.set_connect_state()

    def verify(self, certificate, error, depth, ok):
        """OpenSSL has verified one certificate of the chain; the name is checked here."""
        if ok and depth == 0 and not self._is_named(certificate.to_cryptography()):
            ok, error = False, _HOSTNAME_MISMATCH
        if not ok:
            self._refused = error
        return bool(ok)

    def _is_named(self, certificate):
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        return any(
            fnmatch.fnmatch(self._host, name) for name in names.get_values_for_type(x509.DNSName)
        )

    def _flush(self):
        written = b""
        with contextlib.suppress(SSL.Error):
            while True:
                written += self._connection.bio_read(65536)
        datagram = b""
        while written:
            length = _RECORD_HEADER + int.from_bytes(written[11:13], "big")
            if datagram and len(datagram) + length > _MTU:
                self._stream.write(datagram)
                datagram = b""
            datagram += written[:length]
            written = written[length:]
        if datagram:
            self._stream.write(datagram)

    def _attempt(self, operation, argument):
        """Runs the operation; None when it needs what the stream does not have now."""
        if self._error is not None:
            raise OSError(*self._error)
        try:
            while True:
                try:
                    if not self._established:
                        self._connection.DTLSv1_handle_timeout()
                        self._connection.do_handshake()
                        self._established = True
                    result = operation(argument)
                    self._flush()
                    return result
                except SSL.WantReadError:
                    self._flush()
                    buffer = bytearray(16384)
                    count = self._stream.readinto(buffer)
                    if count is None:
                        return None
                    self._connection.bio_write(bytes(buffer[:count]))
        except SSL.ZeroReturnError:
            return b""
        except SSL.Error as error:
            self._flush()
            self._error = _ALERT if "alert" in str(error) else _INVALID
            if self._refused is not None:
                raise untrusted(self._refused) from None
            raise OSError(*self._error) from None

    def recv(self, size):
        return self._attempt(self._connection.recv, size)

    def write(self, data):
        return self._attempt(self._connection.send, bytes(data))

    def getpeercert(self, binary_form):
        if not self._established:
            return None
        return self._connection.get_peer_certificate(as_cryptography=True).public_bytes(
            serialization.Encoding.DER
        )

    def close(self):
        """Without close_notify, as MicroPython does."""
        self._connection = None
