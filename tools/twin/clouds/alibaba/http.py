"""How does Alibaba Cloud IoT Platform treat an HTTPS device: its login, its reports, its mistakes?

Source: Alibaba Cloud, "Establish connections over HTTP" (both tables of codes). What it leaves
open is decided here as each comment says. No socket and no aiohttp: a request in, a reply out.
"""

import enum
import functools
import re
import time
from collections.abc import Mapping
from typing import ClassVar
from urllib.parse import parse_qsl

from tools.twin.clouds.alibaba import alink, codes
from tools.twin.clouds.alibaba.mqtt import Alibaba
from tools.twin.clouds.alibaba.token import TokenError
from tools.twin.clouds.alibaba.uplink import MistakeError, json_value, login_fields, method
from tools.twin.clouds.http_request import BODY_LIMIT, Ordered, Reply, Request, decoded, host_name
from tools.twin.clouds.shared import Shared
from tools.twin.clouds.text import encode
from tools.twin.clouds.throttle import Throttle
from tools.twin.clouds.values import Verdict


class Code(enum.IntEnum):
    """Both tables of the document."""

    SUCCESS = 0
    COMMON = 10000
    PARAMETER = 10001
    AUTH = 20000
    TOKEN_EXPIRED = 20001
    TOKEN_MISSING = 20002
    TOKEN_UNKNOWN = 20003
    SESSION = 20004
    PUBLISH = 30001
    TOO_MANY = 40000


_MESSAGES: Mapping[int, str] = {
    Code.SUCCESS: "success",
    Code.COMMON: "common error",
    Code.PARAMETER: "param error",
    Code.AUTH: "auth check error",
    Code.TOKEN_EXPIRED: "token is expired",
    Code.TOKEN_MISSING: "token is null",
    Code.TOKEN_UNKNOWN: "check token error",
    Code.SESSION: "update session error",
    Code.PUBLISH: "publish message error",
    Code.TOO_MANY: "request too many",
}
_MISTAKES = {"form": Code.PARAMETER, "login": Code.AUTH, "topic": Code.PUBLISH}
_TOKENS = {
    "missing": Code.TOKEN_MISSING,
    "expired": Code.TOKEN_EXPIRED,
    "unknown": Code.TOKEN_UNKNOWN,
}
_TIMESTAMP_MS = 15 * 60 * 1000
# The document gives both media types bare. A charset says nothing new of JSON (RFC 8259, 8.1) and
# is what clients add by themselves; of octets it makes no sense.
_JSON = re.compile(r'application/json( *; *charset="?utf-8"?)?', re.IGNORECASE)
_OCTETS = re.compile(r"application/octet-stream", re.IGNORECASE)
_HOST = re.compile(
    r"iot-as-http\.[a-z0-9-]+\.aliyuncs\.com|[a-z0-9-]+\.http\.iothub\.aliyuncs\.com"
)
_REGISTRATION_HOST = re.compile(r"iot-auth\.[a-z0-9-]+\.aliyuncs\.com")
_REGISTRATION = "/auth/register/device"
_FORM = re.compile(r"application/x-www-form-urlencoded( *; *charset=utf-8)?", re.IGNORECASE)
_TYPES = {
    _JSON: "application/json",
    _OCTETS: "application/octet-stream",
    _FORM: "application/x-www-form-urlencoded",
}
# What a registration that is refused is answered. The document gives no codes for all: those of
# Alink, of which document 89298 has the first and the last.
_UNREGISTERED = {
    "form": codes.Code.PARAMETER,
    "signature": codes.Code.AUTH,
    "disabled": codes.Code.AUTH,
    "active": codes.Code.AUTH,
    "unknown": codes.Code.NO_DEVICE,
    "product": codes.Code.NO_PRODUCT,
}


class _RefusedError(Exception):
    """A request is answered with a code of the table; the text says why."""

    def __init__(
        self, code: int, reason: str, status: int = 200, message: str | None = None
    ) -> None:
        super().__init__(reason)
        self.code = code
        self.message = message
        self.status = status


class AlibabaHttp:
    """The rules of /auth and /topic.

    ordered: see `http_request.Ordered`.
    """

    paths: ClassVar[tuple[str, ...]] = ("auth", "topic")

    def __init__(
        self, cloud: Alibaba, shared: Shared, throttle: Throttle, ordered: Ordered
    ) -> None:
        self._cloud = cloud
        self._uplink = cloud.uplink
        self._tokens = cloud.tokens
        self._shared = shared
        self._throttle = throttle
        self._report = functools.partial(shared.report, cloud.name)
        self._ordered = ordered

    async def answer(self, request: Request) -> Reply:
        """What the server answers; a report is on file when this returns."""
        path, peer = request.path, request.visit.way.peer
        try:
            registers = path == _REGISTRATION
            _check_host(host_name(request), _REGISTRATION_HOST if registers else _HOST)
            if registers:
                return self._register(request)
            if path == "/auth":
                return self._ordered_answer(request, "auth") or self._auth(request)
            if path.startswith("/topic/") and path != "/topic/":
                return self._ordered_answer(request, "topic") or self._topic(request)
            raise _RefusedError(Code.PARAMETER, f"no such path: {path!r}", 404)
        except MistakeError as mistake:
            return self._refuse(peer, _RefusedError(_MISTAKES[mistake.kind], str(mistake)))
        except _RefusedError as refused:
            return self._refuse(peer, refused)

    def _refuse(self, device: str, refused: _RefusedError) -> Reply:
        self._report(device, "refused", f"{refused.code}: {refused}")
        headers = {"Allow": "POST"} if refused.status == 405 else {}
        return _reply(refused.code, refused.message, status=refused.status, headers=headers)

    def _ordered_answer(self, request: Request, path: str) -> Reply | None:
        if (answer := self._ordered(path)) is None:
            return None
        status = answer.status or 200
        what = f"HTTP {status}" if answer.code is None else str(answer.code)
        self._report(request.visit.way.peer, "fault", f"/{path} was answered {what} on demand")
        after = answer.retry_after_s
        headers = {} if after is None else {"Retry-After": str(after)}
        if answer.code is None:  # what stands in front of the service says so, in its own words
            return Reply(status, (answer.message or "").encode(), {**_TEXT, **headers})
        return _reply(answer.code, answer.message, status=status, headers=headers)

    def _auth(self, request: Request) -> Reply:
        # A query is ignored: the vendor's C SDK 4 sends one, the document forbids it with topics.
        _check_form(request, _JSON)
        fields = login_fields(json_value(request.body))
        if fields.get("version", "default") != "default":
            raise _RefusedError(Code.PARAMETER, f"version is {fields['version']!r}, not 'default'")
        _check_timestamp(fields.get("timestamp"))
        label = f"{fields['productKey']}/{fields['deviceName']}"
        device = self._uplink.check_login(fields)
        self._check_rate(label)
        if not self._shared.platform.up:
            raise _RefusedError(Code.SESSION, "the platform is down (fault kill_broker?)")
        token = self._tokens.give(device.product, device.name, device.secret, way="https")
        request.visit.label = device.label
        life = f"token for {self._tokens.life_s:g} s"
        self._report(device.label, "connected", f"HTTPS, {method(fields)}, {life}")
        return _reply(Code.SUCCESS, info={self._cloud.info: {"token": token.text}})

    def _register(self, request: Request) -> Reply:
        """A device's secret for that of its product."""
        _check_form(request, _FORM)
        fields = dict(parse_qsl(request.body.decode("utf-8", "replace")))
        try:
            made = self._cloud.registration.register(fields, fields.get("signMethod", "hmacmd5"))
        except MistakeError as mistake:
            code = _UNREGISTERED[mistake.kind]
            refused = _RefusedError(code, str(mistake), message=codes.MESSAGES[code])
            return self._refuse(request.visit.way.peer, refused)
        self._report(request.visit.way.peer, "registered", made["deviceName"])
        return _reply(codes.Code.OK, codes.MESSAGES[codes.Code.OK], info={"data": dict(made)})

    def _check_rate(self, label: str) -> None:
        if wait_s := self._throttle.wait_s(label):
            raise _RefusedError(
                Code.TOO_MANY, f"{label}: too many requests; the next in {wait_s:.1f} s"
            )

    def _topic(self, request: Request) -> Reply:
        _check_form(request, _OCTETS)
        if request.query is not None:
            raise _RefusedError(Code.PARAMETER, "a query string; the document allows none")
        try:
            topic = decoded(request.path.removeprefix("/topic"))
        except ValueError as error:
            raise _RefusedError(
                Code.PARAMETER, f"the path is not percent-encoded UTF-8: {error}"
            ) from None
        try:
            token = self._tokens.find(request.headers.get("password"), "https")
        except TokenError as error:
            raise _RefusedError(_TOKENS[error.kind], str(error)) from None
        label = request.visit.label = f"{token.product}/{token.name}"
        names = {"product_key": token.product, "device_name": token.name}
        self._check_rate(label)
        try:
            self._uplink.device(token.product, token.name)
        except MistakeError as mistake:
            return self._refuse(label, _RefusedError(Code.TOKEN_UNKNOWN, str(mistake)))
        verdict, dup = Verdict(), False
        try:
            if "+" in topic or "#" in topic:  # as by MQTT (3.1.1, section 3.3.2.1)
                raise MistakeError("topic", f"{topic!r} holds a wildcard")
            self._uplink.check_topic(topic, names)
            if not self._shared.platform.up:
                raise MistakeError("topic", "the platform is down (fault kill_broker?)")
        except MistakeError as mistake:
            self._uplink.file(label, topic, request.body, Verdict("refused", str(mistake)))
            return self._refuse(label, _RefusedError(Code.PUBLISH, str(mistake)))
        # The server takes any bytes; that they are no Alink is found out behind it, as by MQTT.
        if alink.is_request(topic, names):
            try:
                verdict, dup = self._uplink.judge(label, topic, json_value(request.body))
            except MistakeError as mistake:
                verdict = Verdict("rejected", f"code {codes.Code.PARAMETER}: {mistake}")
        message_id = self._uplink.file(label, topic, request.body, verdict, dup)
        if verdict.status == "rejected":
            self._report(label, "rejected", f"{topic}: {verdict.reason}")
        else:
            self._report(label, "report", f"{topic} ({len(request.body)} bytes)")
        return _reply(Code.SUCCESS, info={self._cloud.info: {"messageId": message_id}})


_TEXT = {"Content-Type": "text/plain"}


def _reply(
    code: int,
    message: str | None = None,
    info: dict[str, dict[str, object]] | None = None,
    *,
    status: int = 200,
    headers: dict[str, str] | None = None,
) -> Reply:
    """A reply with a code of the tables, or any other."""
    text = _MESSAGES.get(code, "") if message is None else message
    body = {"code": code, "message": text, **(info or {})}
    json = {"Content-Type": "application/json;charset=utf-8"}
    return Reply(status, encode(body), {**json, **(headers or {})})


def _check_host(name: str, wanted: re.Pattern[str]) -> None:
    """Addresses are taken, too: on loopback there may be no name."""
    if not wanted.fullmatch(name) and name != "localhost" and not re.fullmatch(r"[0-9.]+", name):
        raise _RefusedError(
            Code.PARAMETER, f"Host is {name!r}; this is no proxy for other hosts", 421
        )


def _check_form(request: Request, wanted: re.Pattern[str]) -> None:
    if request.method != "POST":  # the document gives no code: HTTP's own, and "param error"
        raise _RefusedError(Code.PARAMETER, f"method {request.method}; the only one is POST", 405)
    given = request.headers.get("content-type")
    if given is None or not wanted.fullmatch(given):
        name = _TYPES[wanted]
        raise _RefusedError(Code.PARAMETER, f"Content-Type is {given!r}; it is {name}")
    if len(request.body) > BODY_LIMIT:  # the document gives the limit, but no code
        raise _RefusedError(Code.PARAMETER, f"more than {BODY_LIMIT} bytes of data")


def _check_timestamp(timestamp: str | None) -> None:
    if timestamp is None:
        return
    if not (timestamp.isascii() and timestamp.isdecimal()):
        raise _RefusedError(
            Code.PARAMETER, f"timestamp is {timestamp!r}, no number of milliseconds"
        )
    away_ms = abs(time.time_ns() // 1_000_000 - int(timestamp))
    if away_ms > _TIMESTAMP_MS:  # the document gives no code: a login that is not good
        raise _RefusedError(
            Code.AUTH, f"timestamp is {away_ms / 60_000:.0f} minutes off; at most 15"
        )
