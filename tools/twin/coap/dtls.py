"""How does a CoAP server that knows no DTLS get a DTLS 1.2 port (RFC 6347)?

A terminator in front of it: one OpenSSL session per client address, each with a UDP socket of its
own towards the server behind, to which every record's content goes as one datagram.
"""

import asyncio
import contextlib
import hashlib
import hmac
import secrets
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

from OpenSSL import SSL

from tools.twin.coap import udp
from tools.twin.coap.tap import CoapTap
from tools.twin.coap.udp import Address

_DTLS_1_2 = 0xFEFD  # RFC 6347, section 4.1: one's complement of 1.2
_MTU = 508  # many NB-IoT modems take datagrams of at most 512 bytes
_RECORD_HEADER = 13
_HANDSHAKE, _CLIENT_HELLO = 22, 1

Refused = Callable[[str, str], None]
"""Takes a client's "host:port" and why its session failed, in OpenSSL's words."""


async def serve(
    listener: socket.socket,
    certificate: Path,
    backend: Address,
    on_refused: Refused = lambda _peer, _reason: None,
    tap: CoapTap | None = None,
) -> "Terminator":
    """Accept DTLS 1.2 on `listener`, a bound UDP socket, for the server at `backend`.

    certificate: PEM file with the key and the certificate. on_refused: told of failed sessions.
    tap: what notes those that succeed.
    """
    return Terminator(listener, certificate, backend, on_refused, tap)


class _Session:
    """One client: its OpenSSL connection, its socket towards the server, its handshake's timer."""

    def __init__(self, connection: SSL.Connection, client_random: bytes, address: Address) -> None:
        self.connection = connection
        self.client_random = client_random
        self.address = address
        self.established = False
        self.socket: socket.socket | None = None
        self.timer: asyncio.TimerHandle | None = None


class Terminator:
    """DTLS sessions of one port. handshakes: how many were completed so far."""

    def __init__(
        self,
        listener: socket.socket,
        certificate: Path,
        backend: Address,
        on_refused: Refused,
        tap: CoapTap | None,
    ) -> None:
        self._tap = tap
        self._listener = listener
        self._backend = backend
        self._on_refused = on_refused
        self._context = _context(certificate)
        self._clients = udp.Clients(udp.MOST_CLIENTS, udp.IDLE_S, self._drop)
        self.handshakes = 0
        udp.receive(listener, self._from_client)

    @property
    def sessions(self) -> int:
        """How many clients it knows now, those that still shake hands included."""
        return len(self._clients)

    def forget(self) -> None:
        """Lose all sessions as a restart does: without a word to the clients."""
        self._clients.end_all()

    def close(self) -> None:
        """End everything, the listener too."""
        self.forget()
        udp.close(self._listener)

    def _drop(self, session: _Session) -> None:
        if session.timer is not None:
            session.timer.cancel()
        if session.socket is not None:
            if self._tap is not None:
                self._tap.closed(session.socket.getsockname())
            udp.close(session.socket)

    def _from_client(self, datagram: bytes, address: Address) -> None:
        session = self._clients.get(address)
        client_random = _client_random(datagram)
        if client_random is not None:
            if session is not None and session.client_random == client_random:
                return  # of the handshake under way, or replayed: its flights have their own timer
            session = self._hello(datagram, client_random, address)
        elif session is not None:
            session.connection.bio_write(datagram)
        if session is not None:
            self._advance(session)

    def _hello(self, datagram: bytes, client_random: bytes, address: Address) -> _Session | None:
        """Answer a ClientHello without keeping anything until it brings the cookie back.

        RFC 6347, sections 4.2.1 and 4.2.8: only then does it replace a session.
        """
        connection = SSL.Connection(self._context, None)
        connection.set_app_data((address, client_random))  # what the cookie is made of
        connection.set_accept_state()
        connection.set_ciphertext_mtu(_MTU)
        connection.bio_write(datagram)
        try:
            connection.DTLSv1_listen()
        except SSL.Error:  # WantReadError: it has no cookie yet
            self._flush(connection, address)
            return None
        return self._clients.add(address, _Session(connection, client_random, address))

    def _advance(self, session: _Session) -> None:
        """Go on with what has arrived: the handshake, then records."""
        try:
            if not session.established:
                session.connection.do_handshake()
                session.established = True
                self.handshakes += 1
                session.socket = udp.connected(self._backend)
                udp.receive(session.socket, lambda reply, _: self._from_server(session, reply))
                if self._tap is not None:
                    suite = session.connection.get_cipher_name() or ""
                    self._tap.opened(session.socket.getsockname(), "DTLSv1.2", suite)
            while True:
                content = session.connection.recv(udp.LARGEST)
                assert session.socket is not None
                udp.send(session.socket, content)
        except SSL.WantReadError:
            self._flush(session.connection, session.address)
            self._set_timer(session)
        except SSL.ZeroReturnError:  # close_notify
            with contextlib.suppress(SSL.Error):
                session.connection.shutdown()
            self._end(session)
        except SSL.Error as error:
            self._end(session)
            self._on_refused("{}:{}".format(*session.address), _reason(error))

    def _end(self, session: _Session) -> None:
        self._flush(session.connection, session.address)
        self._clients.end(session.address)

    def _set_timer(self, session: _Session) -> None:
        if session.timer is not None:
            session.timer.cancel()
            session.timer = None
        wait_s = session.connection.DTLSv1_get_timeout()
        if wait_s is not None:
            loop = asyncio.get_running_loop()
            session.timer = loop.call_later(wait_s, self._time_out, session)

    def _time_out(self, session: _Session) -> None:
        session.timer = None
        try:
            session.connection.DTLSv1_handle_timeout()
        except SSL.Error:
            self._end(session)
            self._on_refused("{}:{}".format(*session.address), "gave up in the handshake")
            return
        self._flush(session.connection, session.address)
        self._set_timer(session)

    def _from_server(self, session: _Session, datagram: bytes) -> None:
        with contextlib.suppress(SSL.Error):
            session.connection.send(datagram)
        self._flush(session.connection, session.address)

    def _flush(self, connection: SSL.Connection, address: Address) -> None:
        written = bytearray()
        with contextlib.suppress(SSL.Error):
            while True:
                written += connection.bio_read(udp.LARGEST)
        for datagram in _datagrams(bytes(written)):
            udp.send(self._listener, datagram, address)


def _context(certificate: Path) -> SSL.Context:
    context = SSL.Context(SSL.DTLS_SERVER_METHOD)
    context.set_min_proto_version(_DTLS_1_2)
    context.set_options(SSL.OP_NO_TICKET | SSL.OP_NO_RENEGOTIATION)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.use_certificate_chain_file(str(certificate))
    context.use_privatekey_file(str(certificate))
    secret = secrets.token_bytes(32)

    def cookie(connection: SSL.Connection) -> bytes:
        return hmac.digest(secret, repr(connection.get_app_data()).encode(), hashlib.sha256)

    context.set_cookie_generate_callback(cookie)
    context.set_cookie_verify_callback(
        lambda connection, received: hmac.compare_digest(cookie(connection), received)
    )
    return context


def _client_random(datagram: bytes) -> bytes | None:
    """What tells one client's handshake from its next, where a datagram begins with a ClientHello.

    RFC 6347, sections 4.1 and 4.2.2: type 22, epoch 0, handshake type 1, then after its header and
    the version 32 random bytes, the same in both ClientHellos of a handshake.
    """
    start = _RECORD_HEADER + 12 + 2
    if len(datagram) < start + 32 or datagram[0] != _HANDSHAKE or datagram[3:5] != b"\0\0":
        return None
    return datagram[start : start + 32] if datagram[_RECORD_HEADER] == _CLIENT_HELLO else None


def _datagrams(written: bytes) -> Iterator[bytes]:
    """Whole records, as many to a datagram as fit: the memory BIO has joined them."""
    first = end = 0
    while end < len(written):
        length = _RECORD_HEADER + int.from_bytes(written[end + 11 : end + 13], "big")
        if end > first and end + length - first > _MTU:
            yield written[first:end]
            first = end
        end += length
    if end > first:
        yield written[first:end]


def _reason(error: SSL.Error) -> str:
    """OpenSSL's last reason, such as "tlsv1 alert unknown ca"."""
    details = error.args[0] if error.args else ()
    return details[-1][-1] if details and details[-1] else "connection lost in the handshake"
