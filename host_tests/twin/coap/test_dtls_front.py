"""Does the DTLS terminator keep RFC 6347 towards a client made of OpenSSL, and CoAP behind it?"""

import asyncio
import contextlib
import hmac
import json
import random
import re
import socket
import time
from collections.abc import AsyncIterator, Coroutine
from pathlib import Path
from typing import Any, Self

import aiocoap
import pytest
from cryptography import x509
from OpenSSL import SSL

from host_tests.support import Twin
from host_tests.twin.coap_device import CoapDevice, alink, code, message, option
from tools.pki.authority import Authority
from tools.twin.coap import dtls, lossy, udp
from tools.twin.coap.dtls import Terminator
from tools.twin.coap.udp import Address
from tools.twin.options import Losses

_TIMEOUT_S = 20.0
_VERIFY_REQUEST = 3  # handshake type of HelloVerifyRequest


class DtlsClient:
    """A DTLS 1.2 client over a UDP socket; `sent` keeps every datagram it sent."""

    def __init__(self, address: Address, ca_file: Path | str) -> None:
        context = SSL.Context(SSL.DTLS_CLIENT_METHOD)
        context.load_verify_locations(str(ca_file))
        context.set_verify(SSL.VERIFY_PEER)
        self._context = context
        self.socket = udp.connected(address)
        self.sent: list[bytes] = []
        self.begin()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def begin(self) -> None:
        """Forget the session, keep the address."""
        self.connection = SSL.Connection(self._context, None)
        self.connection.set_connect_state()
        self.connection.set_ciphertext_mtu(1200)

    def flush(self) -> None:
        """Send what OpenSSL has to say, one record in a datagram."""
        with contextlib.suppress(SSL.Error):
            while written := self.connection.bio_read(65536):
                while written:
                    length = 13 + int.from_bytes(written[11:13], "big")
                    self.sent.append(written[:length])
                    self.socket.send(written[:length])
                    written = written[length:]

    def handshake(self) -> Self:
        """Shake hands, sending again when OpenSSL's timer says so."""
        deadline = time.monotonic() + _TIMEOUT_S
        while time.monotonic() < deadline:
            try:
                self.connection.do_handshake()
            except SSL.WantReadError:
                self.flush()
                self._wait()
            except SSL.Error:
                self.flush()  # the alert
                raise
            else:
                self.flush()
                return self
        raise TimeoutError("no handshake")

    def _wait(self) -> None:
        self.socket.settimeout(max(0.001, self.connection.DTLSv1_get_timeout() or _TIMEOUT_S))
        try:
            self.connection.bio_write(self.socket.recv(65536))
        except TimeoutError:
            self.connection.DTLSv1_handle_timeout()
            self.flush()

    def record(self, content: bytes) -> bytes:
        """The record for `content`, not sent."""
        self.connection.send(content)
        return self.connection.bio_read(65536)

    def send(self, content: bytes) -> None:
        """One record in one datagram."""
        self.socket.send(self.record(content))

    def receive(self) -> bytes:
        """The content of the next record."""
        self.socket.settimeout(_TIMEOUT_S)
        while True:
            try:
                return self.connection.recv(65536)
            except SSL.WantReadError:
                self.connection.bio_write(self.socket.recv(65536))

    def echoed(self, content: bytes = b"ping") -> bool:
        """Whether the echo server behind gives it back in upper case."""
        self.send(content)
        return self.receive() == content.upper()


class _Front:
    def __init__(self, terminator: Terminator, address: Address, ca_file: Path) -> None:
        self.terminator = terminator
        self.address = address
        self.ca_file = ca_file
        self.seen: list[bytes] = []
        self.refused: list[str] = []

    def client(self) -> DtlsClient:
        return DtlsClient(self.address, self.ca_file)


@contextlib.asynccontextmanager
async def _front(
    folder: Path, losses: Losses | None = None, serve: Any = lossy.serve
) -> AsyncIterator[_Front]:
    """A terminator in front of a server that answers in upper case."""

    def bound() -> socket.socket:
        opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        opened.bind(("127.0.0.1", 0))
        return opened

    folder.mkdir(exist_ok=True)
    authority = Authority(folder)
    certificate = authority.server(["localhost"], folder / "server.pem")
    echo, listener, entry = bound(), bound(), bound()
    front: _Front

    def answer(datagram: bytes, sender: Address) -> None:
        front.seen.append(datagram)
        udp.send(echo, datagram.upper(), sender)

    udp.receive(echo, answer)
    terminator = await dtls.serve(
        listener,
        certificate,
        echo.getsockname(),
        lambda _peer, reason: front.refused.append(reason),
    )
    proxy = await serve(entry, listener.getsockname(), losses or Losses())
    front = _Front(terminator, entry.getsockname(), authority.certificate_file)
    try:
        yield front
    finally:
        proxy.close()
        terminator.close()
        udp.close(echo)


def _run(test: Coroutine[Any, Any, None]) -> None:
    async def limited() -> None:
        async with asyncio.timeout(60):
            await test

    asyncio.run(limited())


def test_each_record_becomes_a_datagram_and_each_reply_a_record(tmp_path: Path) -> None:
    async def test() -> None:
        async with _front(tmp_path) as front:

            def client() -> None:
                with front.client().handshake() as client:
                    client.socket.send(client.record(b"one") + client.record(b"two"))
                    assert [client.receive(), client.receive()] == [b"ONE", b"TWO"]
                    assert client.echoed(b"x" * 1200)
                    assert client.connection.get_protocol_version_name() == "DTLSv1.2"

            await asyncio.to_thread(client)
            assert front.seen == [b"one", b"two", b"x" * 1200]
            assert (front.terminator.sessions, front.terminator.handshakes) == (1, 1)

    _run(test())


def test_a_client_hello_without_a_cookie_is_answered_and_not_kept(tmp_path: Path) -> None:
    async def test() -> None:
        async with _front(tmp_path) as front:

            def client() -> None:
                with front.client() as client, contextlib.suppress(SSL.WantReadError):
                    try:
                        client.connection.do_handshake()
                    finally:
                        client.flush()
                        client.socket.settimeout(_TIMEOUT_S)
                        reply = client.socket.recv(2000)
                        assert reply[13] == _VERIFY_REQUEST
                        assert len(reply) < len(client.sent[0])  # amplifies nothing

            await asyncio.to_thread(client)
            assert front.terminator.sessions == 0

    _run(test())


def test_a_replayed_or_forged_client_hello_leaves_the_session_alone(tmp_path: Path) -> None:
    async def test() -> None:
        async with _front(tmp_path) as front:

            def client() -> None:
                with front.client().handshake() as client:
                    hello, hello_with_cookie = client.sent[:2]
                    client.socket.send(hello)
                    client.socket.send(hello_with_cookie)
                    assert client.echoed()
                    for captured in (hello, hello_with_cookie):  # the cookie is not the forger's
                        forged = bytearray(captured)
                        forged[30] ^= 1
                        client.socket.send(forged)
                        assert client.socket.recv(2000)[13] == _VERIFY_REQUEST
                        assert client.echoed()

            await asyncio.to_thread(client)
            assert front.terminator.handshakes == 1

    _run(test())


def test_a_client_that_begins_anew_on_its_address_replaces_its_session(tmp_path: Path) -> None:
    async def test() -> None:
        async with _front(tmp_path) as front:

            def client() -> None:
                with front.client().handshake() as client:
                    assert client.echoed()
                    old = client.record(b"old key")
                    client.begin()
                    client.handshake()
                    client.socket.send(old)
                    assert client.echoed(b"new key")

            await asyncio.to_thread(client)
            assert front.seen == [b"ping", b"new key"]
            assert (front.terminator.sessions, front.terminator.handshakes) == (1, 2)

    _run(test())


def test_a_close_notify_ends_the_session(tmp_path: Path) -> None:
    async def test() -> None:
        async with _front(tmp_path) as front:

            def client() -> None:
                with front.client().handshake() as client:
                    client.connection.shutdown()
                    client.flush()
                    with pytest.raises(SSL.ZeroReturnError):
                        client.receive()

            await asyncio.to_thread(client)
            assert front.terminator.sessions == 0
            assert front.refused == []

    _run(test())


def test_a_forgotten_session_is_silence_until_the_client_begins_anew(tmp_path: Path) -> None:
    async def test() -> None:
        async with _front(tmp_path) as front:
            client = await asyncio.to_thread(front.client().handshake)
            with client:
                front.terminator.forget()

                def after() -> None:
                    client.send(b"into the void")
                    client.begin()
                    client.handshake()  # nothing else came that would disturb it
                    assert client.echoed()

                await asyncio.to_thread(after)
            assert front.seen == [b"ping"]

    _run(test())


def test_a_client_with_another_ca_refuses_and_the_server_says_so(tmp_path: Path) -> None:
    async def test() -> None:
        (tmp_path / "other").mkdir()
        other = Authority(tmp_path / "other").certificate_file
        async with _front(tmp_path / "own") as front:

            def client() -> None:
                with (
                    DtlsClient(front.address, other) as client,
                    pytest.raises(SSL.Error, match="certificate verify failed"),
                ):
                    client.handshake()

            await asyncio.to_thread(client)
            while not front.refused:
                await asyncio.sleep(0.001)
            assert front.refused == ["tlsv1 alert unknown ca"]
            assert front.terminator.sessions == 0

    _run(test())


def test_senseless_datagrams_disturb_no_session(tmp_path: Path) -> None:
    async def test() -> None:
        async with _front(tmp_path) as front:

            def client() -> None:
                chance = random.Random(4)
                with front.client().handshake() as client:
                    record = client.record(b"never comes")
                    for number in range(200):
                        mutated = bytearray(record if chance.random() < 0.5 else client.sent[1])
                        mutated[chance.randrange(len(mutated))] ^= 1 + chance.randrange(255)
                        client.socket.send(mutated[: chance.randrange(len(mutated) + 1)])
                        client.socket.send(chance.randbytes(chance.randrange(40)))
                        if number % 10 == 9:  # so that no socket's buffer runs over
                            assert client.echoed()

            await asyncio.to_thread(client)
            assert front.seen == [b"ping"] * 20

    _run(test())


class _LosesOne(lossy.Proxy):
    """A network that loses one datagram of the handshake."""

    lost: tuple[str, int]

    def _decide(self, way: str, client: Any, datagram: bytes) -> None:
        self.counts[way]["seen"] += 1
        if self.lost != (way, self.counts[way]["seen"]):
            super()._decide(way, client, datagram)


def test_a_handshake_outlives_the_loss_of_any_one_datagram(tmp_path: Path) -> None:
    async def test(way: str, number: int) -> None:
        async def serve(*args: Any) -> lossy.Proxy:
            proxy = _LosesOne(*args)
            proxy.lost = (way, number)
            return proxy

        async with _front(tmp_path / f"{way}{number}", serve=serve) as front:

            def client() -> None:
                with front.client().handshake() as client:
                    assert client.echoed()

            await asyncio.to_thread(client)
            assert front.terminator.handshakes == 1

    async def each() -> None:
        # Without loss both sides send five; a handshake that lost one takes a second.
        lost = [(way, number) for way in ("up", "down") for number in range(1, 6)]
        await asyncio.gather(*(test(*one) for one in lost))

    _run(each())


@pytest.mark.parametrize("losses", [Losses(duplicate=1.0), Losses(reorder=1.0)], ids=str)
def test_a_handshake_outlives_duplication_and_reordering(tmp_path: Path, losses: Losses) -> None:
    async def test() -> None:
        async with _front(tmp_path, losses) as front:

            def client() -> None:
                with front.client().handshake() as client:
                    assert client.echoed()

            await asyncio.to_thread(client)
            assert front.seen == [b"ping"]  # section 4.1.2.6: a replayed record is dropped

    _run(test())


# CoAP behind it: the document's section "Establish DTLS connections".


class _Device(CoapDevice):
    """The ready device on port 5684."""

    def __init__(self, twin: Twin) -> None:
        super().__init__(twin)
        self.way = twin.way("alibaba", "coaps")
        self.client = DtlsClient((self.way["address"], self.way["port"]), twin.ready["ca_file"])
        self.client.handshake()
        self._message_id = 1000

    def ask(self, request: aiocoap.Message) -> aiocoap.Message:
        self._message_id += 1
        request.mtype, request.mid, request.token = aiocoap.CON, self._message_id, b"\1\2"
        self.client.send(request.encode())
        reply = self.receive()
        assert (reply.mtype, reply.mid) == (aiocoap.ACK, self._message_id)
        return reply

    def receive(self) -> aiocoap.Message:
        return aiocoap.Message.decode(self.client.receive())

    def login(self, method: str = "md5", **fields: Any) -> aiocoap.Message:
        body = self.body(method, seq=None, **fields)
        return self.ask(message("auth", json.dumps(body).encode()))

    def clear(self, body: bytes = b"", token: str = "") -> aiocoap.Message:
        """A report in clear."""
        options = [(2088, (token or self.token).encode())]
        plain = body or json.dumps(alink("dtls")).encode()
        return message("topic" + self.post, plain, options=options)


@pytest.fixture
def device(twin: Twin) -> Any:
    """The ready device, hands shaken and logged in."""
    device = _Device(twin)
    with device.client:
        device.token = json.loads(device.login().payload)["token"]
        yield device


def test_the_servers_certificate_is_good_for_the_documents_host_name(device: _Device) -> None:
    certificate = device.client.connection.get_peer_certificate(as_cryptography=True)
    assert isinstance(certificate, x509.Certificate)
    extension = x509.SubjectAlternativeName
    names = certificate.extensions.get_extension_for_class(extension).value
    hosts = names.get_values_for_type(x509.DNSName)
    assert device.way["host"] == "a1SignetPk.coap.cn-shanghai.link.aliyuncs.com"
    assert device.way["host"] in hosts
    assert "*.coap.iothub.aliyuncs.com" in hosts


def test_over_dtls_a_report_comes_in_clear_with_its_token(twin: Twin, device: _Device) -> None:
    after = twin.last_id()
    reply = device.ask(device.clear())
    assert code(reply) == "2.05"
    assert re.fullmatch(rb"[0-9]{19}", option(reply, 2090) or b"")
    (filed,) = twin.messages("alibaba", after)
    assert json.loads(filed["payload"]) == alink("dtls")
    assert filed["status"] == "stored"


def test_a_token_of_one_port_is_not_good_at_the_other(twin: Twin, device: _Device) -> None:
    other = CoapDevice(twin)
    other.login()
    assert code(device.ask(device.clear(token=other.token))) == "4.01"
    other.token = device.token
    assert code(other.ask(other.report())) == "4.01"


def test_over_dtls_a_device_gets_its_secret_for_its_products(twin: Twin, device: _Device) -> None:
    product = "a1SignetPk"
    secret = json.loads(twin.cli("device", "secret", "alibaba", product))["product_secret"]
    twin.cli("device", "add", "alibaba", product, "by-coap")
    sign = hmac.new(secret.encode(), b"deviceNameby-coapproductKeya1SignetPkrandomr", "sha256")
    body = {"productKey": product, "deviceName": "by-coap", "random": "r"}
    body |= {"signmethod": "hmacsha256", "sign": sign.hexdigest()}

    def register(**changes: str) -> aiocoap.Message:
        payload = json.dumps({**body, **changes}).encode()
        return device.ask(message("auth/register/device", payload))

    assert code(register(sign="0")) == "4.01"
    reply = register()
    assert code(reply) == "2.05"
    own = json.loads(reply.payload)["deviceSecret"]
    new = {"product_key": product, "device_name": "by-coap", "device_secret": own}
    CoapDevice(twin, new).login()
    assert code(register()) == "4.03"  # it has logged in
    assert own not in twin.output()


def test_ack_mode_1_holds_over_dtls_too(device: _Device) -> None:
    assert device.login(ackMode=1).code == aiocoap.EMPTY
    reply = device.receive()
    assert (reply.mtype, code(reply)) == (aiocoap.CON, "2.05")
    device.client.send(b"\x60\x00" + reply.mid.to_bytes(2, "big"))
    assert json.loads(reply.payload)["token"]


def test_after_a_restart_of_dtls_silence_then_a_new_handshake_and_the_old_token(
    twin: Twin, device: _Device
) -> None:
    after = twin.last_id()
    twin.fault("restart_dtls")
    device.client.send(b"\x40\x00\x00\x01")  # a ping that nobody answers
    device.client.begin()
    device.client.handshake()
    assert code(device.ask(device.clear())) == "2.05"
    assert len(twin.messages("alibaba", after)) == 1


def test_the_console_says_why_a_handshake_failed(twin: Twin, tmp_path: Path) -> None:
    way = twin.way("alibaba", "coaps")
    other = Authority(tmp_path).certificate_file
    with DtlsClient((way["address"], way["port"]), other) as client, pytest.raises(SSL.Error):
        client.handshake()
    twin.wait_for_output("refused: DTLS: tlsv1 alert unknown ca: the device does not trust")
