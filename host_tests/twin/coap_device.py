"""How does a test speak to Alibaba's CoAP port as a device, by other people's code?

aiocoap sends and receives; hashlib, hmac and `cryptography` sign and encrypt as the document says.
`Udp` is a bare socket, for what no client would send.
"""

import asyncio
import hashlib
import hmac
import itertools
import json
import secrets
import socket
from collections.abc import Sequence
from typing import Any, Self

import aiocoap
from aiocoap.numbers import constants
from aiocoap.optiontypes import OpaqueOption
from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from host_tests.support import Twin

TIMEOUT_S = 20.0
JSON, CBOR = 50, 60
POST = 2
Options = Sequence[tuple[int, bytes]]
IMPOSSIBLE_LOGINS: tuple[dict[str, Any], ...] = (
    {"productKey": None},
    {"deviceName": None},
    {"clientId": None},
    {"clientId": "x" * 65},
    {"sign": ""},
    {"signmethod": "hmacmd4"},
)
WRONG_LOGINS = ({"sign": "0" * 32}, {"deviceName": "nobody"}, {"productKey": "none"})
"""Changes to the fields of a login, for which CoAP and HTTPS have a code each."""


class Patient(constants.TransportTuning):
    """RFC 7252's timers, ten times as fast and for a network that loses a lot."""

    ACK_TIMEOUT = 0.2
    MAX_RETRANSMIT = 7


def message(
    path: str,
    payload: bytes = b"",
    *,
    code: int = POST,
    form: int | None = JSON,
    options: Options = (),
) -> aiocoap.Message:
    """A request with a Uri-Path, Content-Format and further raw options."""
    made = aiocoap.Message(code=aiocoap.Code(code), payload=payload, transport_tuning=Patient())
    made.opt.uri_path = tuple(path.strip("/").split("/"))
    if form is not None:
        options = [*options, (12, bytes([form]))]
    for number, value in options:
        made.opt.add_option(OpaqueOption(aiocoap.OptionNumber(number), value))
    return made


def auth(body: object, **how: Any) -> aiocoap.Message:
    """A request to /auth; how: as of `message`."""
    return message("auth", json.dumps(body).encode(), **how)


def login_body(fields: dict[str, Any], secret: str, digest: str) -> dict[str, Any]:
    """The fields of a login by CoAP or HTTPS, signed unless "sign" is there; no None is sent."""
    body = {name: value for name, value in fields.items() if value is not None}
    unsigned = ("version", "sign", "resources", "signmethod")
    content = "".join(f"{name}{body[name]}" for name in sorted(body) if name not in unsigned)
    body.setdefault("sign", hmac.new(secret.encode(), content.encode(), digest).hexdigest())
    return body


def option(reply: aiocoap.Message, number: int) -> bytes | None:
    """The value of an option of a reply."""
    found = reply.opt.get_option(aiocoap.OptionNumber(number))
    return found[0].encode() if found else None


def code(reply: aiocoap.Message) -> str:
    """Such as "2.05"."""
    return str(reply.code.dotted)


class CoapDevice:
    """The ready device of a twin on port 5682, or another one.

    After `login`: token, random, offset and key; `seqs` counts on from the offset.
    """

    def __init__(self, twin: Twin, identity: dict[str, str] | None = None) -> None:
        self.way = twin.way("alibaba", "coap")
        self.identity = identity or twin.device("alibaba")
        self.token = self.random = ""
        self.offset = 0
        self.key = b""
        self.seqs = itertools.count(1)

    @property
    def post(self) -> str:
        """The topic of its properties."""
        product, name = self.identity["product_key"], self.identity["device_name"]
        return f"/sys/{product}/{name}/thing/event/property/post"

    def ask(self, request: aiocoap.Message) -> aiocoap.Message:
        """The reply to a request."""
        return asyncio.run(self._ask([request]))[0]

    def ask_all(self, requests: list[aiocoap.Message]) -> list[aiocoap.Message]:
        """The replies to requests, one after the other from one port."""
        return asyncio.run(self._ask(requests))

    async def _ask(self, requests: list[aiocoap.Message]) -> list[aiocoap.Message]:
        context = await aiocoap.Context.create_client_context(transports=["simple6"])
        replies = []
        try:
            async with asyncio.timeout(TIMEOUT_S * 2):
                for request in requests:
                    request.unresolved_remote = f"{self.way['address']}:{self.way['port']}"
                    replies.append(await context.request(request).response)
        finally:
            await context.shutdown()
        return replies

    def body(self, method: str = "md5", **fields: Any) -> dict[str, Any]:
        """A signed /auth payload. fields: further ones, or None to leave one out."""
        own = {
            "productKey": self.identity["product_key"],
            "deviceName": self.identity["device_name"],
            "clientId": "mylight1000002",
            "seq": "10",
        }
        return login_body({**own, **fields}, self.identity["device_secret"], method)

    def login(self, method: str = "md5", **fields: Any) -> aiocoap.Message:
        """Log in; keeps what the reply brings."""
        return self.logged_in(
            self.ask(message("auth", json.dumps(self.body(method, **fields)).encode()))
        )

    def logged_in(self, reply: aiocoap.Message) -> aiocoap.Message:
        """Keep what a reply of /auth brings."""
        assert code(reply) == "2.05"
        answer = json.loads(reply.payload)
        self.token, self.random = answer["token"], answer["random"]
        self.offset = answer["seqOffset"]
        secret = self.identity["device_secret"]
        self.key = hashlib.sha256(f"{secret},{self.random}".encode()).digest()[8:24]
        self.seqs = itertools.count(self.offset + 1)
        return reply

    def encrypt(self, plain: bytes) -> bytes:
        """AES-128-CBC with PKCS#7 under the session key."""
        padder = padding.PKCS7(128).padder()
        encryptor = Cipher(algorithms.AES128(self.key), modes.CBC(b"543yhjy97ae7fyfg")).encryptor()
        return encryptor.update(padder.update(plain) + padder.finalize()) + encryptor.finalize()

    def decrypt(self, data: bytes) -> bytes:
        """The same back."""
        decryptor = Cipher(algorithms.AES128(self.key), modes.CBC(b"543yhjy97ae7fyfg")).decryptor()
        unpadder = padding.PKCS7(128).unpadder()
        padded = decryptor.update(data) + decryptor.finalize()
        return unpadder.update(padded) + unpadder.finalize()

    def custom(self, seq: object = None) -> list[tuple[int, bytes]]:
        """Options 2088 and 2089. seq: default the next one."""
        text = str(next(self.seqs) if seq is None else seq)
        return [(2088, self.token.encode()), (2089, self.encrypt(text.encode()))]

    def report(
        self, body: object = None, topic: str = "", seq: object = None, form: int = JSON
    ) -> aiocoap.Message:
        """A request that posts `body` (bytes as they are, else as JSON) to a topic."""
        if body is None:
            body = alink("1")
        plain = body if isinstance(body, bytes) else json.dumps(body).encode()
        path = "topic" + (topic or self.post)
        return message(path, self.encrypt(plain), form=form, options=self.custom(seq))


def alink(message_id: str) -> dict[str, Any]:
    """An Alink property post."""
    method = "thing.event.property.post"
    return {"id": message_id, "version": "1.0", "params": {"t": 1.5}, "method": method}


class Udp:
    """A bare UDP socket to a way of the twin."""

    def __init__(self, way: dict[str, Any]) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.settimeout(TIMEOUT_S)
        self.socket.connect((way["address"], way["port"]))
        self._message_id = secrets.randbelow(65536)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def encode(self, request: aiocoap.Message, kind: int = 0) -> bytes:
        """A request's datagram, with the next message id and a new token. kind: 0 CON, 1 NON."""
        self._message_id = (self._message_id + 1) % 65536
        request.mtype, request.mid = aiocoap.Type(kind), self._message_id
        request.token = secrets.token_bytes(4)
        return bytes(request.encode())

    def send(self, datagram: bytes) -> None:
        """One datagram."""
        self.socket.send(datagram)

    def receive(self) -> aiocoap.Message:
        """The next datagram."""
        return aiocoap.Message.decode(self.socket.recv(65535))

    def silent(self) -> bool:
        """Whether nothing is there, once everything sent so far was answered: asked by a ping."""
        self._message_id = (self._message_id + 1) % 65536
        ping = b"\x40\x00" + self._message_id.to_bytes(2, "big")
        self.socket.send(ping)
        return self.socket.recv(65535) == b"\x70\x00" + ping[2:]
