"""How does Alibaba Cloud IoT Platform treat a CoAP device: its login, its reports, its mistakes?

Source: Alibaba Cloud, "Establish communication over the CoAP protocol" (the table of codes, the
options 2088 to 2090, ackMode). What it leaves open is decided here as each comment says;
what the vendor's C SDK 3 does beyond it (token in option 61, Accept 42) is refused.
No socket and no aiocoap: a request in, a reply out.
"""

import functools
import json
from dataclasses import replace
from typing import Any, ClassVar, NamedTuple

import cbor2

from tools.twin.clouds.alibaba import alink
from tools.twin.clouds.alibaba.coap_options import (
    ACCEPT,
    CBOR,
    CONTENT_FORMAT,
    JSON,
    MESSAGE_ID,
    SEQ,
    TOKEN,
    RefusedError,
    check_formats,
    check_product,
    understood,
)
from tools.twin.clouds.alibaba.mqtt import Alibaba
from tools.twin.clouds.alibaba.token import Token, TokenError
from tools.twin.clouds.alibaba.uplink import MistakeError, json_value, login_fields, method
from tools.twin.clouds.coap_request import Endpoint, Reply, Request
from tools.twin.clouds.shared import Shared
from tools.twin.clouds.text import encode
from tools.twin.clouds.values import Verdict
from tools.twin.registry.store import Device
from tools.twin.wire import cbor

# What a login or a report that is refused is answered.
_CODES = {
    "form": "4.00",
    "login": "4.01",
    "signature": "4.01",
    "unknown": "4.01",
    "product": "4.03",
    "disabled": "4.03",
    "active": "4.03",
    "topic": "4.03",
}


class _Login(NamedTuple):
    fields: dict[str, str]
    separate: bool


class AlibabaCoap:
    """The rules of both ports."""

    secret_options: ClassVar[tuple[int, ...]] = (TOKEN,)

    def __init__(self, cloud: Alibaba, shared: Shared) -> None:
        self._uplink = cloud.uplink
        self._registration = cloud.registration
        self._downlink = cloud.downlink
        self._tokens = cloud.tokens
        self._report = functools.partial(shared.report, cloud.name)
        self._shared = shared

    def answer(self, request: Request, endpoint: Endpoint) -> Reply:
        """What the server answers; a report is on file when this returns."""
        try:
            request = understood(request, endpoint)
            path = request.path()
            if path == ["auth"]:
                check_formats(request)
                return self._auth(request, endpoint.tls)
            if path == ["auth", "register", "device"] and endpoint.tls:
                check_formats(request)
                return self._register(request)
            if path == ["pull"]:
                check_formats(request)
                return self._pull(request, endpoint.tls)
            if len(path) > 1 and path[0] == "topic":
                check_formats(request)
                if self._shared.swallowed("topics"):
                    return self._bad_option(request)
                return self._topic(request, path, endpoint.tls)
            raise RefusedError("4.04", f"no such path: {'/' + '/'.join(path)!r}")
        except (RefusedError, MistakeError) as refused:
            return self._refuse(request.peer, refused, self._tokens.separate(_token(request)))

    def _refuse(self, device: str, refused: RefusedError | MistakeError, separate: bool) -> Reply:
        code = refused.code if isinstance(refused, RefusedError) else _CODES[refused.kind]
        self._report(device, "refused", f"{code}: {refused}")
        return Reply(code, separate=separate)

    def _bad_option(self, request: Request) -> Reply:
        """As a server answers that does not know option 2089, libcoap's for example."""
        self._report(request.peer, "fault", "a report was answered 4.02")
        seq = request.first(SEQ)
        options = [] if seq is None else [(SEQ, seq)]
        return Reply("4.02", b"Bad Option", options)

    def _auth(self, request: Request, tls: bool) -> Reply:
        login = _login(request, tls)
        try:
            device = self._admitted(request, login.fields)
        except (RefusedError, MistakeError) as refused:
            return self._refuse(request.peer, refused, login.separate)
        token = self._tokens.give(
            device.product, device.name, device.secret, way=_way(tls), separate=login.separate
        )
        how = "CoAP over DTLS" if tls else "CoAP with AES"
        request.found.device = device.label
        text = f"{how}, {method(login.fields)}, ackMode {int(login.separate)}"
        self._report(device.label, "connected", f"{text}, token for {self._tokens.life_s:g} s")
        body: dict[str, Any] = {"token": token.text}
        if not tls:
            body = {"random": token.random, "seqOffset": token.seq_offset, **body}
        wanted = request.uint(ACCEPT) or request.uint(CONTENT_FORMAT)
        payload = cbor2.dumps(body) if wanted == CBOR else encode(body)
        options = [(CONTENT_FORMAT, bytes([wanted or JSON]))]
        return Reply("2.05", payload, options, login.separate)

    def _admitted(self, request: Request, fields: dict[str, str]) -> Device:
        if self._shared.swallowed("auths"):
            raise RefusedError("5.00", "/auth fails on demand")
        device = self._uplink.check_login(fields)
        check_product(request, device.product)
        self._check_platform()
        return device

    def _check_platform(self) -> None:
        if not self._shared.platform.up:
            raise RefusedError("5.00", "the platform is down (fault kill_broker?)")

    def _register(self, request: Request) -> Reply:
        """The C SDK 4's way to a device's secret, in clear inside DTLS: it has no other."""
        body = _decoded(request.payload, request.uint(CONTENT_FORMAT))
        if not isinstance(body, dict):
            raise MistakeError("form", "the payload is not an object")
        fields = {str(name): str(value) for name, value in body.items()}
        made = self._registration.register(fields, method(fields))
        self._report(request.peer, "registered", fields["deviceName"])
        return Reply("2.05", encode(made), [(CONTENT_FORMAT, bytes([JSON]))])

    def _pull(self, request: Request, tls: bool) -> Reply:
        """What waits for a device: not documented, as the C SDK 4 asks for it."""
        token = self._found(request, tls)
        label = f"{token.product}/{token.name}"
        self._uplink.device(token.product, token.name)
        plain = request.payload if tls else _decrypted(request, token)
        told = json.dumps(self._downlink.pull(label, plain)).encode()
        self._report(label, "pulled", f"{len(told)} bytes")
        return Reply("2.05", told if tls else token.encrypt(told), separate=token.separate)

    def _found(self, request: Request, tls: bool) -> Token:
        try:
            return self._tokens.find(_token(request), _way(tls))
        except TokenError as error:
            raise RefusedError("4.01", str(error)) from None

    def _topic(self, request: Request, path: list[str], tls: bool) -> Reply:
        token = self._found(request, tls)
        topic = "/" + "/".join(path[1:])
        label, plain = f"{token.product}/{token.name}", request.payload
        request.found.device = label
        names = {"product_key": token.product, "device_name": token.name}
        verdict, dup = Verdict(), False
        try:
            self._uplink.device(token.product, token.name)
            check_product(request, token.product)
            if not tls:
                plain = _decrypted(request, token)
            self._uplink.check_topic(topic, names)
            self._check_platform()
            # What comes to other topics is the owner's own affair, also in its format.
            if alink.is_request(topic, names):
                form = request.uint(CONTENT_FORMAT)
                verdict, dup = self._uplink.judge(label, topic, _decoded(plain, form))
                if form == CBOR:  # as each would have come alone
                    parts = [cbor2.dumps(json.loads(part)) for part in verdict.parts]
                    verdict = replace(verdict, parts=tuple(parts))
        except (RefusedError, MistakeError) as refused:
            self._uplink.file(label, topic, plain, Verdict("refused", str(refused)))
            return self._refuse(label, refused, token.separate)
        message_id = self._uplink.file(label, topic, plain, verdict, dup)
        if verdict.status == "rejected":
            self._report(label, "rejected", f"{topic}: {verdict.reason}")
        else:
            self._report(label, "report", f"{topic} ({len(plain)} bytes)")
        options = [(MESSAGE_ID, str(message_id).encode())]
        return Reply("2.05", options=options, separate=token.separate)


def _way(tls: bool) -> str:
    return "coaps" if tls else "coap"


def _token(request: Request) -> str | None:
    option = request.first(TOKEN)
    return None if option is None else option.decode("utf-8", "replace")


def _login(request: Request, tls: bool) -> _Login:
    """The fields of an /auth payload, as the texts that are signed."""
    body = _decoded(request.payload, request.uint(CONTENT_FORMAT))
    # The document's table leaves seq out, its sample and every client of the AES port have it.
    fields = login_fields(body, () if tls else ("seq",))
    mode = fields.get("ackMode", "0")
    if mode not in ("0", "1"):
        raise RefusedError("4.00", f"ackMode is {mode!r}; it is 0 or 1")
    return _Login(fields, mode == "1")


def _decrypted(request: Request, token: Token) -> bytes:
    """The payload, once its seq is good.

    The document has no code for a bad seq: 4.01 makes a client log in again, which mends it.
    """
    try:
        request.found.seq_text = token.seq_text(request.first(SEQ))
        request.found.seq = token.seq(request.found.seq_text)
        token.use_seq(request.found.seq)
    except TokenError as error:
        raise RefusedError("4.01", str(error)) from None
    try:
        request.found.plain = token.decrypt(request.payload)
        return request.found.plain
    except TokenError as error:
        raise RefusedError("4.00", f"the payload {error}") from None


def _decoded(payload: bytes, form: int | None) -> Any:
    """The value of a payload in its Content-Format."""
    if form != CBOR:
        return json_value(payload)
    try:
        value = cbor.loads(payload)
    except ValueError as error:
        raise RefusedError("4.00", f"the payload is not CBOR: {error}") from None
    try:  # what is read here is Alink or a login
        return json_value(json.dumps(value, allow_nan=False).encode())
    except (TypeError, ValueError, RecursionError):
        reason = "the payload holds what JSON cannot: bytes, a date, NaN"
        raise RefusedError("4.00", reason) from None
