"""Which server does the board of `signet bench tls` shake hands with?

OpenSSL in a thread of ours, by TLS 1.2, as boards have it. It serves one connection after the
other.
"""

import contextlib
import socket
import time
from pathlib import Path

from cryptography.hazmat.bindings.openssl.binding import Binding
from OpenSSL import SSL

from tools.bench.background import Background

# Mbed TLS 3.6.6, Debian's, offers RSA-PSS and then refuses it in TLS 1.2 (Mbed-TLS/mbedtls#10668).
_SIGNATURES = b"ECDSA+SHA256:RSA+SHA256:ECDSA+SHA384:RSA+SHA384"
_NO_AUTO_CHAIN = 8  # SSL_MODE_: else the root is shown too where it is known for the boards


class Server(Background):
    """Shakes hands while the context lasts, and keeps each connection until the board ends it.

    chain: its certificates and key, PEM. clients_ca: whom boards' certificates must be signed by;
    None: they show none.
    suite: of the last handshake, by OpenSSL's name. has_shown: did the board show a certificate?
    cpu_ms: what each handshake has cost the server.
    """

    def __init__(self, chain: Path, clients_ca: Path | None) -> None:
        super().__init__(name="bench TLS server", daemon=True)
        self._context = SSL.Context(SSL.TLS_SERVER_METHOD)
        self._context.set_min_proto_version(SSL.TLS1_2_VERSION)
        # Boards' Mbed TLS is built without TLS 1.3; Debian's MicroPython is not.
        self._context.set_max_proto_version(SSL.TLS1_2_VERSION)
        self._context.set_options(SSL.OP_CIPHER_SERVER_PREFERENCE)
        self._context.set_mode(_NO_AUTO_CHAIN)
        Binding().lib.SSL_CTX_set1_sigalgs_list(self._context._context, _SIGNATURES)
        self._context.use_certificate_chain_file(str(chain))
        self._context.use_privatekey_file(str(chain))
        if clients_ca:
            self._context.load_verify_locations(str(clients_ca))
            self._context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT)
            self._context.set_session_id(b"bench")
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address: tuple[str, int] = self._listener.getsockname()
        self._connection: socket.socket | None = None
        self.suite = ""
        self.has_shown = False
        self.cpu_ms: list[float] = []

    def run(self) -> None:
        """Accept until the end."""
        with contextlib.suppress(OSError):  # closed
            while True:
                self._connection = self._listener.accept()[0]
                with self._connection, contextlib.suppress(SSL.Error):  # it had no memory, or left
                    self._serve(self._connection)

    def _serve(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        secured = SSL.Connection(self._context, connection)
        start = time.thread_time()
        secured.set_accept_state()
        secured.do_handshake()
        self.cpu_ms.append((time.thread_time() - start) * 1000)
        self.suite = secured.get_cipher_name() or ""
        self.has_shown = secured.get_peer_certificate() is not None
        while secured.recv(1):
            pass

    def end_connection(self) -> None:
        """End the one that is there."""
        if self._connection:
            with contextlib.suppress(OSError):
                self._connection.shutdown(socket.SHUT_RDWR)

    def stop(self) -> None:
        """See Background."""
        self._listener.shutdown(socket.SHUT_RDWR)  # wakes `accept`
        self.end_connection()
        self.join()
        self._listener.close()
