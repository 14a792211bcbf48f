"""How can a DTLS server begin or end a session of its own accord?  In OpenSSL's own records.

close_notify        echoes the first datagram and then closes the session (RFC 5246 section 7.2.1)
speaks_first        sends "hello" as soon as the handshake is over
no_common_suite     has no cipher suite of the client's: a fatal alert in the handshake

Unlike the twin's DTLS this server asks for no cookie: no HelloVerifyRequest.
"""

import asyncio
import contextlib

from OpenSSL import SSL

from host_tests.portable.host.datagrams import open_socket

ENDINGS = ("close_notify", "speaks_first", "no_common_suite")
_RECORD_HEADER = 13


class Server(asyncio.DatagramProtocol):
    """Serves any number of clients; certificate: path of a PEM file with certificate and key."""

    def __init__(self, certificate, ending):
        self._context = SSL.Context(SSL.DTLS_SERVER_METHOD)
        self._context.use_certificate_chain_file(str(certificate))
        self._context.use_privatekey_file(str(certificate))
        if ending == "no_common_suite":
            self._context.set_cipher_list(b"AES256-SHA256")
        self._speaks_first = ending == "speaks_first"
        self._sessions = {}

    async def start(self):
        """Returns (host, port)."""
        own = open_socket()
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, sock=own)
        return own.getsockname()

    def datagram_received(self, data, addr):
        session = self._sessions.get(addr)
        if session is None:
            session = self._sessions[addr] = SSL.Connection(self._context, None)
            session.set_ciphertext_mtu(1400)
            session.set_accept_state()
        session.bio_write(data)
        with contextlib.suppress(SSL.Error):
            session.do_handshake()
            if self._speaks_first:
                session.send(b"hello")
            session.send(session.recv(1500))
            session.shutdown()
        written = b""
        with contextlib.suppress(SSL.Error):
            while True:
                written += session.bio_read(65536)
        while written:  # each record alone: the memory BIO has joined them
            length = _RECORD_HEADER + int.from_bytes(written[11:13], "big")
            self._transport.sendto(written[:length], addr)
            written = written[length:]

    def close(self):
        self._transport.close()
