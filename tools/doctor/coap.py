"""How far does this computer get with a device by CoAP: a ping, or DTLS, then `/auth`?

Sources: RFC 7252, 3, 4.2 and 4.3; RFC 6347; Alibaba "Establish communication over the CoAP
protocol".
"""

import contextlib
import ipaddress
import json
import os
import socket
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from cryptography import x509
from OpenSSL import SSL, crypto

from tools import signing
from tools.doctor.row import NOTE, OK, WRONG, Row
from tools.pki.names import hosts

_LARGEST = 65_535
_PARTIAL_CHAIN = 0x80000  # X509_V_FLAG_PARTIAL_CHAIN
_RECORD = 13  # bytes of a DTLS record's header
_MTU = 1200
_PATIENCE_S, _AGAIN_S = 15.0, 2.0
_CON, _ACK, _RST = 0, 2, 3
_POST, _CONTENT = 0x02, 0x45
_URI_HOST, _URI_PATH, _CONTENT_FORMAT, _ACCEPT, _JSON = 3, 11, 12, 17, b"\x32"
_FORMAT = (_CONTENT_FORMAT, _JSON)


class Untrusted(NamedTuple):
    """Why no chain of the server's is trusted. code: X509_V_ERR_*. shown: the certificate."""

    code: int
    shown: x509.Certificate


class Datagrams:
    """Messages to one address, as they are. raises: OSError."""

    def __init__(self, address: tuple[Any, ...]) -> None:
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        self._socket.connect(address)

    def close(self) -> None:
        """Forget the address."""
        self._socket.close()

    def send(self, message: bytes) -> None:
        """Send one."""
        self._socket.send(message)

    def receive(self, timeout_s: float) -> bytes:
        """The next message; b"" where none has come in time."""
        self._socket.settimeout(max(timeout_s, 0.001))
        with contextlib.suppress(TimeoutError):
            return self._socket.recv(_LARGEST)
        return b""


class Secured(Datagrams):
    """The same over DTLS 1.2. cas: whom the board trusts; host: whom it means."""

    def __init__(
        self, address: tuple[Any, ...], cas: Sequence[x509.Certificate], host: str
    ) -> None:
        super().__init__(address)
        self.untrusted: Untrusted | None = None
        context = SSL.Context(SSL.DTLS_CLIENT_METHOD)
        store = context.get_cert_store()
        assert store is not None
        for ca in cas:
            store.add_cert(crypto.X509.from_cryptography(ca))
        store.set_flags(_PARTIAL_CHAIN)
        context.set_options(SSL.OP_NO_QUERY_MTU)  # or a long name splits the ClientHello
        context.set_verify(SSL.VERIFY_PEER, self._verified)
        self._connection = SSL.Connection(context, None)
        self._connection.set_tlsext_host_name(host.encode())
        self._connection.set_connect_state()
        self._connection.set_ciphertext_mtu(_MTU)

    def _verified(
        self, _connection: SSL.Connection, shown: crypto.X509, code: int, _depth: int, good: int
    ) -> bool:
        if not good:
            self.untrusted = Untrusted(code, shown.to_cryptography())
        return bool(good)

    def handshake(self) -> x509.Certificate:
        """Returns the server's certificate. raises: SSL.Error, TimeoutError, OSError."""
        end = time.monotonic() + _PATIENCE_S
        while time.monotonic() < end:
            try:
                self._connection.do_handshake()
                shown = self._connection.get_peer_certificate()
                assert shown is not None
                return shown.to_cryptography()
            except SSL.WantReadError:
                pass
            finally:
                self._flush()
            wait_s = self._connection.DTLSv1_get_timeout()
            if message := super().receive(_AGAIN_S if wait_s is None else wait_s):
                self._connection.bio_write(message)
            else:
                self._connection.DTLSv1_handle_timeout()
                self._flush()
        raise TimeoutError

    def _flush(self) -> None:
        """Send what OpenSSL has to say, one record in a datagram."""
        with contextlib.suppress(SSL.Error):
            while written := self._connection.bio_read(_LARGEST):
                while written:
                    length = _RECORD + int.from_bytes(written[11:13], "big")
                    super().send(written[:length])
                    written = written[length:]

    def send(self, message: bytes) -> None:
        self._connection.send(message)
        self._flush()

    def receive(self, timeout_s: float) -> bytes:
        if message := super().receive(timeout_s):
            self._connection.bio_write(message)
            with contextlib.suppress(SSL.Error):
                return self._connection.recv(_LARGEST)
        return b""


def ping(channel: Datagrams, port: int) -> Row:
    """Is there a CoAP server? An empty message is answered by a reset."""
    empty = bytes((0x40, 0)) + os.urandom(2)
    try:
        if _answer(channel, empty)[:1] == bytes((0x40 | _RST << 4,)):
            return Row("port", OK, f"{port} (UDP) answers CoAP's ping")
    except ConnectionRefusedError:
        mend = "check `host` and `port`; does the server run?"
        return Row("port", WRONG, f"{port} (UDP) is closed there", mend)
    return Row(
        "port", NOTE, f"{port} (UDP): no answer to CoAP's ping, which not every server gives"
    )


def named(certificate: x509.Certificate, host: str) -> bool:
    """Is a server's certificate of this host? RFC 6125, 6.4.3."""
    _, _, domain = host.lower().partition(".")
    return not {host.lower(), f"*.{domain}"}.isdisjoint(map(str.lower, hosts(certificate)))


def login(config: Mapping[str, Any], channel: Datagrams) -> Row:
    """Ask `/auth`, which gives a token or says why not. raises: OSError."""
    method = config["sign_method"]
    fields = {
        "clientId": config["client_id"],
        "deviceName": config["device_name"],
        "productKey": config["product_key"],
    }
    fields |= {"timestamp": str(time.time_ns() // 1_000_000)} if config["timestamp"] else {}
    fields |= {} if config["tls"] else {"seq": os.urandom(4).hex()}
    sign = signing.alibaba(fields, config["device_secret"], method).signature
    body = json.dumps(fields | {"signmethod": method, "sign": sign}, separators=(",", ":"))
    answer = _answer(channel, _request(config["host"], body.encode()))
    if not answer:
        mend = "a firewall on the way? check `host` and `port`"
        return Row("login", WRONG, f"/auth is not answered in {_PATIENCE_S:.0f} s", mend)
    if (code := answer[1]) != _CONTENT:
        keys = "product_key, device_name, device_secret, sign_method"
        text = f"refused: /auth answers {code >> 5}.{code & 31:02}"
        return Row("login", WRONG, text, f"check {keys}, and that the device is enabled")
    return Row("login", OK, "/auth gives a token")


def _request(host: str, body: bytes) -> bytes:
    options: list[tuple[int, bytes]] = [(_URI_PATH, b"auth"), _FORMAT, (_ACCEPT, _JSON)]
    with contextlib.suppress(ValueError):
        ipaddress.ip_address(host)
        host = ""
    packet, last = bytes((0x42, _POST)) + os.urandom(4), 0
    for number, value in [(_URI_HOST, host.encode())] * bool(host) + options:
        short = min(len(value), 13)
        packet += bytes((number - last << 4 | short,))
        packet += (bytes((len(value) - 13,)) if short == 13 else b"") + value
        last = number
    return packet + b"\xff" + body


def _answer(channel: Datagrams, request: bytes) -> bytes:
    """What answers a confirmable message, at once or later; b"" for nothing in time."""
    token = request[4 : 4 + (request[0] & 15)]
    end = time.monotonic() + _PATIENCE_S
    again = 0.0
    while (now := time.monotonic()) < end:
        if now >= again:
            channel.send(request)
            again = now + _AGAIN_S
        message = channel.receive(min(again, end) - now)
        kind = message[:1] and message[0] >> 4 & 3
        if len(message) < 4 or (kind in (_ACK, _RST) and message[2:4] != request[2:4]):
            continue
        if kind == _RST:
            return message
        if kind == _ACK and not message[1]:
            again = end  # it comes later
        elif message[4 : 4 + len(token)] == token:
            if kind == _CON:
                channel.send(bytes((0x60, 0)) + message[2:4])
            return message
    return b""
