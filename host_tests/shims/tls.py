"""How does MicroPython's `tls` behave?  The same dialect over CPython's `ssl`, for tests.

Source: MicroPython 1.25 extmod/modtls_mbedtls.c. A wrapped stream reads from and writes to any
object with `readinto` and `write`, whose None means "nothing now" and whose 0 means the end.
DTLS is in tls_datagrams.py.
"""

import contextlib
import os
import ssl
import tempfile

from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
    load_pem_private_key,
)
from cryptography.x509 import load_der_x509_certificate, load_pem_x509_certificates

PROTOCOL_TLS_CLIENT = 0
PROTOCOL_TLS_SERVER = 1
PROTOCOL_DTLS_CLIENT = 2
CERT_NONE = 0
CERT_OPTIONAL = 1
CERT_REQUIRED = 2

_CONN_EOF = (-29312, "SSL - The connection indicated an EOF")
_ALERT = (-30592, "SSL - A fatal alert message was received from our peer")
_VERSION = (-28288, "SSL - Handshake protocol not within min/max boundaries")
_INVALID = (-29184, "SSL - An invalid SSL record was received")
_MODES = {
    CERT_NONE: ssl.CERT_NONE,
    CERT_OPTIONAL: ssl.CERT_OPTIONAL,
    CERT_REQUIRED: ssl.CERT_REQUIRED,
}
# X509_V_ERR_* of OpenSSL -> what mbedtls_x509_crt_verify_info says
_WEAK_KEY = "The certificate is signed with an unacceptable key (eg bad curve, RSA too short).\n"
_VERIFY = {
    9: "The certificate validity starts in the future\n",
    10: "The certificate validity has expired\n",
    62: "The certificate Common Name (CN) does not match with the expected CN\n",
    66: _WEAK_KEY,
    67: _WEAK_KEY,
    68: "The certificate is signed with an unacceptable hash.\n",
}
_NOT_SIGNED = "The certificate is not correctly signed by the trusted CA\n"
_EXTENSION = (-9570, "X509 - The extension tag or value is invalid : ASN1 - ASN1 tag was of an un")
_REFUSED = {
    26: (-31232, "SSL - Processing of the Certificate handshake message failed"),
    34: _EXTENSION,  # critical and not known
    47: _EXTENSION,  # name constraints, which OpenSSL knows
    48: _EXTENSION,
}


def untrusted(code):
    """The error that a board raises for a X509_V_ERR_*."""
    if code in _REFUSED:
        return OSError(*_REFUSED[code])
    return ValueError(_VERIFY.get(code, _NOT_SIGNED))


class SSLContext:
    """As on a board: a client verifies unless told otherwise."""

    def __new__(cls, protocol):
        if protocol == PROTOCOL_DTLS_CLIENT:
            from tls_datagrams import Context  # pyOpenSSL takes its time

            return Context()
        return super().__new__(cls)

    def __init__(self, protocol):
        self._server = protocol == PROTOCOL_TLS_SERVER
        self._context = ssl.SSLContext(
            ssl.PROTOCOL_TLS_SERVER if self._server else ssl.PROTOCOL_TLS_CLIENT
        )
        self._context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # each in `cadata` is trusted
        self.verify_mode = CERT_NONE if self._server else CERT_REQUIRED

    @property
    def verify_mode(self):
        return self._verify_mode

    @verify_mode.setter
    def verify_mode(self, mode):
        self._verify_mode = mode
        self._context.check_hostname = mode == CERT_REQUIRED and not self._server
        self._context.verify_mode = _MODES[mode]

    def load_verify_locations(self, cadata):
        pem = cadata.startswith(b"-----BEGIN") if cadata else False
        try:
            self._context.load_verify_locations(cadata=cadata.decode() if pem else bytes(cadata))
        except (ssl.SSLError, ValueError):
            raise ValueError("invalid cert") from None

    def load_cert_chain(self, cert, key):
        """Key first, then certificate, each PEM or DER. That they belong together nobody asks on a
        board; OpenSSL does, and so it is an error here that a board does not have.
        """
        private = _private_key(key)
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "pem")
            with open(path, "wb") as file:
                file.write(private + _certificates(cert))
            try:
                self._context.load_cert_chain(path)
            except ssl.SSLError:
                raise ValueError("certificate and key do not belong together") from None

    def wrap_socket(
        self, sock, server_side=False, do_handshake_on_connect=True, server_hostname=None
    ):
        if self._verify_mode == CERT_REQUIRED and not server_side and server_hostname is None:
            raise ValueError("CERT_REQUIRED requires server_hostname")
        return _Wrapped(self._context, sock, server_side, server_hostname, do_handshake_on_connect)


def _private_key(data):
    """The key in PEM; a passphrase is never asked for."""
    load = load_der_private_key if data[:1] == b"\x30" else load_pem_private_key
    try:
        # Whether RSA's primes are primes takes 30 ms, and Mbed TLS does not look either.
        key = load(bytes(data), None, unsafe_skip_rsa_key_validation=True)
        return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    except (ValueError, TypeError):
        raise ValueError("invalid key") from None


def _certificates(data):
    """The chain in PEM: all of a file must be readable."""
    try:
        if data[:1] == b"\x30":
            found = [load_der_x509_certificate(bytes(data))]
        else:
            found = load_pem_x509_certificates(bytes(data))
    except ValueError:
        raise ValueError("invalid cert") from None
    return b"".join(each.public_bytes(Encoding.PEM) for each in found)


class _Wrapped:
    def __init__(self, context, stream, server_side, server_hostname, handshake_now):
        self._stream = stream
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._error = None  # as on a board, an error of the session stays
        self._written = None  # how much of what `write` was given, while some of it is pending
        self._object = context.wrap_bio(
            self._in, self._out, server_side=server_side, server_hostname=server_hostname
        )
        if handshake_now:
            while self._attempt(self._object.do_handshake, handshake=True) is None:
                pass

    def _flush(self):
        """Hands pending records to the stream; False when it does not take them all now."""
        data = getattr(self, "_pending", b"") + self._out.read()
        while data:
            count = self._stream.write(data)
            if count is not None and count < 0:
                raise OSError(-count) from None
            if not count:
                break
            data = data[count:]
        self._pending = data
        return not data

    def _attempt(self, operation, *args, handshake=False):
        """Runs the operation; None when it needs what the stream does not have now."""
        if self._error is not None:
            raise OSError(*self._error)
        try:
            while True:
                try:
                    result = operation(*args)
                    self._flush()
                    return True if handshake else result
                except ssl.SSLWantReadError:
                    self._flush()
                    buffer = bytearray(2048)
                    count = self._stream.readinto(buffer)
                    if count is None:
                        return None
                    if count < 0:
                        raise OSError(-count) from None
                    if count == 0:
                        raise OSError(*_CONN_EOF) from None
                    self._in.write(buffer[:count])
        except ssl.SSLZeroReturnError:
            return 0
        except ssl.SSLCertVerificationError as error:
            self._try_alert()
            raise untrusted(error.verify_code) from None
        except ssl.SSLError as error:
            self._try_alert()
            reason = str(error.reason)
            old = _VERSION if reason == "UNSUPPORTED_PROTOCOL" else _INVALID
            self._error = _ALERT if "ALERT" in reason else old
            raise OSError(*self._error) from None
        except OSError as error:
            self._error = error.args
            raise

    def _try_alert(self):
        with contextlib.suppress(OSError):
            self._flush()

    def readinto(self, buffer):
        data = self._attempt(self._object.read, len(buffer))
        if data is None or data == 0:
            return data
        buffer[: len(data)] = data
        return len(data)

    def read(self, size=-1):
        return self._attempt(self._object.read, 4096 if size < 0 else size) or None

    def write(self, data):
        """A count once all of it has gone; until then, who calls brings the same bytes again."""
        if not self._flush():
            return None
        if self._written is None:
            self._written = self._attempt(self._object.write, bytes(data))
        if self._pending:
            return None
        count, self._written = self._written, None
        return count

    def setblocking(self, flag):
        self._stream.setblocking(flag)

    def close(self):
        with contextlib.suppress(ssl.SSLError, ValueError):
            self._object.unwrap()
        self._try_alert()
        self._stream.close()
