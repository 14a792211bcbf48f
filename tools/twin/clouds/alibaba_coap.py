"""How does Alibaba Cloud IoT Platform treat a CoAP device: its login, its reports, its mistakes?

Source: Alibaba Cloud, "Establish communication over the CoAP protocol" (the table of codes, the
options 2088 to 2090, ackMode). What it leaves open is decided here as each comment says;
what the vendor's C SDK 3 does beyond it (token in option 61, Accept 42) is refused.
No socket and no aiocoap: a request in, a reply out.
"""

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import cbor2

from tools import signing
from tools.twin import topics
from tools.twin.clouds.alibaba import Alibaba
from tools.twin.clouds.alibaba_options import (
    ACCEPT,
    CBOR,
    CONTENT_FORMAT,
    JSON,
    MESSAGE_ID,
    SEQ,
    TOKEN,
    Endpoint,
    RefusedError,
    Request,
    check_formats,
    understood,
)
from tools.twin.clouds.alibaba_token import Token, TokenError, Tokens
from tools.twin.clouds.base import Verdict, decode, encode
from tools.twin.store import Device

_FIRST_MESSAGE_ID = 1 << 60  # the documents' samples have 19 digits
_REMEMBERED_IDS = 10_000

# The topic categories that every product has and that devices may only subscribe to.
_SUBSCRIBE_ONLY = (
    "/{product_key}/{device_name}/get",
    "/{product_key}/{device_name}/user/get",
)


@dataclass(slots=True)
class Reply:
    """What the server answers. code: as the document writes it. separate: after an empty ACK."""

    code: str
    payload: bytes = b""
    options: list[tuple[int, bytes]] = field(default_factory=list)
    separate: bool = False


class _Login(NamedTuple):
    fields: dict[str, str]
    separate: bool


class AlibabaCoap:
    """The rules of both ports.

    cloud: Alibaba's rules for MQTT, of which topics and Alink hold here too.
    report: takes device, kind and text of an event. failing: whether this one of "auths" shall
    fail (5.00), or of "topics" (4.02).
    """

    def __init__(
        self,
        cloud: Alibaba,
        tokens: Tokens,
        report: Callable[[str, str, str], None],
        failing: Callable[[str], bool],
    ) -> None:
        self._cloud = cloud
        self._store = cloud.store
        self._tokens = tokens
        self._report = report
        self._failing = failing
        self._ids: dict[str, dict[str, None]] = {}  # Alink ids by device, oldest first

    def answer(self, request: Request, endpoint: Endpoint) -> Reply:
        """What the server answers; a report is on file when this returns."""
        try:
            request = understood(request, endpoint)
            path = request.path()
            if path == ["auth"]:
                check_formats(request)
                return self._auth(request, endpoint.tls)
            if len(path) > 1 and path[0] == "topic":
                check_formats(request)
                if self._failing("topics"):
                    return self._bad_option(request)
                return self._topic(request, path, endpoint.tls)
            raise RefusedError("4.04", f"no such path: {'/' + '/'.join(path)!r}")
        except RefusedError as refused:
            self._report(request.peer, "refused", f"{refused.code}: {refused}")
            return Reply(refused.code)

    def _bad_option(self, request: Request) -> Reply:
        """As a server answers that does not know option 2089, libcoap's for example."""
        self._report(request.peer, "fault", "a report was answered 4.02")
        seq = request.first(SEQ)
        options = [] if seq is None else [(SEQ, seq)]
        return Reply("4.02", b"Bad Option", options)

    def _auth(self, request: Request, tls: bool) -> Reply:
        login = _login(request, tls)
        if self._failing("auths"):
            raise RefusedError("5.00", "/auth fails on demand")
        fields = login.fields
        device = self._device(fields["productKey"], fields["deviceName"])
        method = fields.get("signmethod", "hmacmd5")
        signed = signing.alibaba(fields, device.secret, method)
        if not signing.same(signed.signature, fields["sign"]):
            reason = (
                f"signature differs: expected {signed.algorithm}, in hexadecimal;"
                f" the content is `{signed.content}`"
            )
            raise RefusedError("4.01", reason)
        token = self._tokens.give(
            device.product, device.name, device.secret, tls=tls, separate=login.separate
        )
        how = "CoAP over DTLS" if tls else "CoAP with AES"
        text = f"{how}, {method}, ackMode {int(login.separate)}"
        self._report(device.label, "connected", f"{text}, token for {self._tokens.life_s:g} s")
        body: dict[str, Any] = {"token": token.text}
        if not tls:
            body = {"random": token.random, "seqOffset": token.seq_offset, **body}
        wanted = request.uint(ACCEPT) or request.uint(CONTENT_FORMAT)
        payload = cbor2.dumps(body) if wanted == CBOR else encode(body)
        options = [(CONTENT_FORMAT, bytes([wanted or JSON]))]
        return Reply("2.05", payload, options, login.separate)

    def _device(self, product: str, name: str) -> Device:
        device = self._store.device("alibaba", "device", product, name)
        if device is None:
            raise RefusedError("4.01", f"no device {name!r} in product {product!r}")
        if not device.enabled:
            raise RefusedError("4.01", f"device {name!r} is disabled")
        return device

    def _topic(self, request: Request, path: list[str], tls: bool) -> Reply:
        option = request.first(TOKEN)
        try:
            token = self._tokens.find(option, tls)
        except TokenError as error:
            raise RefusedError("4.01", str(error)) from None
        topic = "/" + "/".join(path[1:])
        label, plain = f"{token.product}/{token.name}", request.payload
        names = {"product_key": token.product, "device_name": token.name}
        verdict, dup = Verdict(), False
        try:
            self._device(token.product, token.name)
            if not tls:
                plain = _decrypted(request, token)
            self._check_topic(topic, names)
            # What comes to other topics is the owner's own affair, also in its format.
            if self._cloud.is_request(topic, names):
                value = _decoded(plain, request.uint(CONTENT_FORMAT))
                verdict, dup = self._judge(label, topic, value)
        except RefusedError as refused:
            self._file(label, topic, plain, Verdict("refused", str(refused)))
            self._report(label, "refused", f"{refused.code}: {refused}")
            return Reply(refused.code, separate=token.separate)
        message_id = self._file(label, topic, plain, verdict, dup)
        if verdict.status == "rejected":
            self._report(label, "rejected", f"{topic}: {verdict.reason}")
        else:
            self._report(label, "report", f"{topic} ({len(plain)} bytes)")
        text = str(_FIRST_MESSAGE_ID + message_id).encode()
        return Reply("2.05", options=[(MESSAGE_ID, text)], separate=token.separate)

    def _check_topic(self, topic: str, names: Mapping[str, str]) -> None:
        if not topics.allowed(topic, self._cloud.publish_rules["device"], names):
            raise RefusedError("4.03", f"may not publish to {topic!r}")
        if topics.allowed(topic, _SUBSCRIBE_ONLY, names):
            raise RefusedError("4.03", f"{topic!r} is only for subscribing")

    def _judge(self, label: str, topic: str, value: Any) -> tuple[Verdict, bool]:
        """What an Alink request is worth, and whether its id came before.

        Its Alink reply would go to a topic that a CoAP device cannot subscribe to: there is none.
        """
        code, message, message_id, _wanted = self._cloud.check(topic, value)
        ids = self._ids.setdefault(label, {})
        dup = message_id in ids
        if message_id:
            ids[message_id] = None
        if len(ids) > _REMEMBERED_IDS:
            del ids[next(iter(ids))]
        if code == 200:
            return Verdict(), dup
        return Verdict("rejected", f"code {code}: {message}"), dup

    def _file(
        self, label: str, topic: str, payload: bytes, verdict: Verdict, dup: bool = False
    ) -> int:
        return self._store.record(
            "alibaba",
            label,
            "up",
            topic,
            payload,
            dup=dup,
            status=verdict.status,
            reason=verdict.reason,
        )


def _login(request: Request, tls: bool) -> _Login:
    """The fields of an /auth payload, as the texts that are signed."""
    body = _decoded(request.payload, request.uint(CONTENT_FORMAT))
    if not isinstance(body, dict):
        raise RefusedError("4.00", "the payload is not an object")
    fields: dict[str, str] = {}
    for name, value in body.items():
        number = isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 63
        if not number and not isinstance(value, str):
            raise RefusedError("4.00", f"{name!r} is neither a text nor an integer")
        fields[str(name)] = str(value)
    if not "".join((*fields, *fields.values())).isprintable():
        raise RefusedError("4.00", "the payload has characters that cannot be printed")
    # The document's table leaves seq out, its sample and every client of the AES port have it.
    for name in ("productKey", "deviceName", "clientId", "sign", *(() if tls else ("seq",))):
        if not fields.get(name):
            raise RefusedError("4.00", f"{name} is missing")
    if len(fields["clientId"]) > 64:
        raise RefusedError("4.00", "clientId has more than 64 characters")
    method = fields.get("signmethod", "hmacmd5")
    if method not in signing.ALIBABA_METHODS:
        known = ", ".join(signing.ALIBABA_METHODS)
        raise RefusedError("4.00", f"signmethod {method!r} is unknown; use one of: {known}")
    mode = fields.get("ackMode", "0")
    if mode not in ("0", "1"):
        raise RefusedError("4.00", f"ackMode is {mode!r}; it is 0 or 1")
    return _Login(fields, mode == "1")


def _decrypted(request: Request, token: Token) -> bytes:
    """The payload, once its seq is good.

    The document has no code for a bad seq: 4.01 makes a client log in again, which mends it.
    """
    try:
        token.use_seq(request.first(SEQ))
    except TokenError as error:
        raise RefusedError("4.01", str(error)) from None
    try:
        return token.decrypt(request.payload)
    except TokenError as error:
        raise RefusedError("4.00", f"the payload {error}") from None


def _decoded(payload: bytes, form: int | None) -> Any:
    """The value of a payload in its Content-Format."""
    try:
        if form == CBOR:
            stream = io.BytesIO(payload)
            value = cbor2.CBORDecoder(stream).decode()
            if stream.read():
                raise ValueError("something follows its end")
            return value
        value = decode(payload)
        json.dumps(value, ensure_ascii=False).encode()  # no half of a surrogate pair
        return value
    except (ValueError, RecursionError, cbor2.CBORDecodeError) as error:
        name = "CBOR" if form == CBOR else "JSON"
        raise RefusedError("4.00", f"the payload is not {name}: {error}") from None
