"""How does Watson IoT Platform treat HTTP: events, commands to fetch, who may do what?

Sources: the platform's docs (`devices/api.md`); for the server's own conduct its opened proxy,
eclipse/amlen `iotrest.c`: facts only, no code. No socket, no aiohttp: a request in, a reply out.
"""

import base64
import hmac
import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from tools.twin.clouds import base
from tools.twin.clouds.base import Client
from tools.twin.clouds.http_request import Reply, Request, decoded, host_name, media_type
from tools.twin.clouds.watson import QUICKSTART, Watson
from tools.twin.http_faults import Answer
from tools.twin.packets import Publish
from tools.twin.store import Device
from tools.twin.throttle import Throttle

if TYPE_CHECKING:
    from tools.twin.hub import Hub

_PATH = re.compile(
    r"/api/v0002/(device|application)/types/([^/]+)/devices/([^/]+)"
    r"/(events|commands)/([^/]+)(/request)?/?"
)
_HOST = re.compile(r"([a-z0-9-]+)(\.messaging)?\.internetofthings\.ibmcloud\.com")
_PART = re.compile(r"[A-Za-z0-9._-]{1,36}")

# Content-Type to the last level of the topic, beside text/*; and back.
_FORMS = {
    "application/json": "json",
    "application/xml": "xml",
    "application/octet-stream": "bin",
}
_MEDIA_TYPES = {form: name for name, form in _FORMS.items()} | {"text": "text/plain;charset=utf-8"}
_LONGEST_WAIT_S = 3600


class _RefusedError(Exception):
    """A request is answered with an HTTP status; the text says why."""

    def __init__(self, status: int, reason: str, **headers: str) -> None:
        super().__init__(reason)
        self.status = status
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


@dataclass(slots=True)
class _Target:
    """What a path speaks of. kind: "events", "commands", or "request" to fetch commands."""

    application: bool
    type_id: str
    device_id: str
    kind: str
    name: str


class WatsonHttp:
    """The rules of the HTTP messaging API.

    ordered: the answer that a control request ordered for a path, "events" or "commands".
    """

    def __init__(
        self,
        hub: "Hub",
        cloud: Watson,
        throttle: Throttle,
        ordered: Callable[[str], Answer | None],
    ) -> None:
        self._hub = hub
        self._cloud = cloud
        self._throttle = throttle
        self._ordered = ordered

    async def answer(self, request: Request) -> Reply:
        """What the server answers; a report is on file when this returns."""
        try:
            org = self._org(request)
            if request.method != "POST":
                raise _RefusedError(
                    405, f"{request.method}; the only method is POST", Allow="POST"
                )
            if len(request.body) > self._cloud.max_payload:
                raise _RefusedError(413, f"more than {self._cloud.max_payload} bytes")
            target = _target(request)
            self._check_ordered(request, target)
            if target.kind == "request":
                return await self._fetch(request, org, target)
            return self._publish(request, org, target)
        except _RefusedError as refused:
            client = request.visit.client
            label = request.visit.way.peer if client is None else client.device.label
            self._report(label, "refused", f"HTTP {refused.status}: {refused}")
            return Reply(refused.status, b"", refused.headers, close=True)
        except _OrderedError as error:
            return error.reply

    def _org(self, request: Request) -> str:
        """The org that Host names, whose case is no matter; both forms of it are documented."""
        name = host_name(request)
        found = _HOST.fullmatch(name)
        if found is None:
            forms = "{org}[.messaging].internetofthings.ibmcloud.com"
            raise _RefusedError(400, f"Host is {name!r}; it names the org: {forms}")
        known = (d.product.partition("/")[0] for d in self._cloud.store.devices("watson"))
        return next((org for org in known if org.lower() == found[1]), found[1])

    def _report(self, device: str, kind: str, text: str) -> None:
        self._hub.report("watson", device, kind, text)

    def _check_ordered(self, request: Request, target: _Target) -> None:
        path = "events" if target.kind == "events" else "commands"
        if (answer := self._ordered(path)) is None:
            return
        status = answer.code or answer.status or 503
        self._report(request.visit.way.peer, "fault", f"{path} was answered {status} on demand")
        after = answer.retry_after_s
        headers = {} if after is None else {"Retry-After": str(after)}
        body = (answer.message or "").encode()
        raise _OrderedError(Reply(status, body, headers, close=status >= 400))

    def _publish(self, request: Request, org: str, target: _Target) -> Reply:
        form = _form(request)
        if not request.body:
            raise _RefusedError(400, "the body is empty")
        client = self._client(request, org, target)
        if target.kind == "commands" and client.kind != "a":
            raise _RefusedError(403, "only an application may send a command")
        action = "evt" if target.kind == "events" else "cmd"
        topic = f"{action}/{target.name}/fmt/{form}"
        if client.kind in ("d", "qd"):
            topic = f"iot-2/{topic}"
        else:
            topic = f"iot-2/type/{target.type_id}/id/{target.device_id}/{topic}"
        broker_topic = self._cloud.up(client, topic)
        if broker_topic is None:
            if client.kind in ("qd", "qa"):
                raise _RefusedError(415, "quickstart takes application/json only")
            raise _RefusedError(404, f"may not publish to {topic!r}")
        if not self._hub.platform.up:
            raise _RefusedError(503, "the broker is down (fault kill_broker?)", Retry_After="5")
        payload = request.body
        self._hub.store.record(
            "watson", client.device.label, "up", topic, payload, status="stored"
        )
        self._hub.platform.publish(Publish(broker_topic, payload))
        self._hub.offer(broker_topic, payload)
        self._report(client.device.label, "report", f"{topic} ({len(payload)} bytes)")
        return Reply(200)

    async def _fetch(self, request: Request, org: str, target: _Target) -> Reply:
        wait_s = _wait_s(request.body)
        if "+" in (target.type_id, target.device_id) and not _gateway_asks(request):
            raise _RefusedError(404, "only a gateway may ask for + as type or device")
        client = self._client(request, org, target)
        pattern = (target.type_id, target.device_id, target.name)
        if wait_s:
            self._report(client.device.label, "waits", f"for a command, {wait_s} s at most")
        command = await self._hub.polls.fetch(client.session, pattern, wait_s)
        if command is None:
            return Reply(204)
        topic = f"cmd/{command.name}/fmt/{command.form}"
        if client.kind == "g":
            topic = f"type/{command.type_id}/id/{command.device_id}/{topic}"
        self._hub.store.record(
            "watson",
            client.device.label,
            "down",
            f"iot-2/{topic}",
            command.payload,
            status="sent",
        )
        headers = {}
        if command.form in _MEDIA_TYPES:
            headers["Content-Type"] = _MEDIA_TYPES[command.form]
        found = (command.type_id, command.device_id, command.name)
        self._report(client.device.label, "command", f"{command.name} was fetched")
        names = ("X-deviceType", "X-deviceId", "X-commandId")
        headers |= {n: f for n, f, p in zip(names, found, pattern, strict=True) if p == "+"}
        return Reply(200, command.payload, headers)

    # Who is it?

    def _client(self, request: Request, org: str, target: _Target) -> Client:
        """Who is on this connection: asked once, and then always the same."""
        visit = request.visit
        if visit.client is None:
            client = self._login(request, org, target)
            visit.client = client
            how = "HTTPS" if visit.way.tls else "HTTP"
            self._report(client.device.label, "connected", f"{how}, as {_CLASSES[client.kind]}")
        else:
            client = visit.client
            _check_same(client, org, target)
        if "+" not in (target.type_id, target.device_id) and client.kind in ("d", "g"):
            ids = (target.type_id, target.device_id)
            self._hub.polls.visited(client.session, org, *ids)
        if client.kind == "g":  # it fetches its own commands, whatever it asks for
            own = (client.names["type"], client.names["id"])
            self._hub.polls.visited(client.session, org, *own)
        if wait_s := self._throttle.wait_s(client.device.label):
            reason = f"too many requests; the next in {wait_s:.1f} s"
            raise _RefusedError(503, reason, Retry_After=str(math.ceil(wait_s)))
        return client

    def _login(self, request: Request, org: str, target: _Target) -> Client:
        try:
            self._cloud.check_server_name(request.visit.way, org)
        except base.RefusedError as error:
            raise _RefusedError(403, str(error)) from None
        if org == QUICKSTART:
            return self._quickstart(request, target)
        user, password = _credentials(request)
        kind, product, name = _identity(org, target, user)
        device = self._cloud.store.device(
            "watson", "application" if kind == "a" else "device", product, name
        )
        if device is None:
            raise _RefusedError(403, f"there is no {_CLASSES[kind]} {product}/{name}")
        if not device.enabled:
            raise _RefusedError(403, f"{device.label} is disabled")
        if device.policy == "certificate":
            raise _RefusedError(403, f"{device.label}: its policy asks for a client certificate")
        if not hmac.compare_digest(password.encode(), device.secret.encode()):
            raise _RefusedError(403, f"{device.label}: the token (the password) is wrong")
        ids = (product, name) if kind == "a" else (*product.split("/"), name)
        return self._cloud.client(device, kind, ":".join(("watson", kind, *ids)))

    def _quickstart(self, request: Request, target: _Target) -> Client:
        if request.visit.way.tls:
            raise _RefusedError(403, "quickstart is on the plain port only")
        if target.kind != "events":
            raise _RefusedError(403, "quickstart has no commands")
        kind = "qa" if target.application else "qd"
        device = Device("watson", "device", f"{QUICKSTART}/{target.type_id}", target.device_id, "")
        return self._cloud.client(device, kind, f"watson:{device.label}")


_CLASSES = {
    "d": "device",
    "g": "gateway",
    "a": "application",
    "qd": "quickstart device",
    "qa": "quickstart application",
}


class _OrderedError(Exception):
    """The reply that a control request ordered."""

    def __init__(self, reply: Reply) -> None:
        super().__init__()
        self.reply = reply


def _target(request: Request) -> _Target:
    """What the path speaks of; several slashes count as one."""
    found = _PATH.fullmatch(re.sub("/+", "/", request.path))
    if found is None:
        _not_found(request)
    role, *parts, kind, name, fetch = found.groups()
    try:
        type_id, device_id, name = map(decoded, (*parts, name))
    except ValueError:
        _not_found(request)
    application = role == "application"
    if fetch and (application or kind != "commands"):
        _not_found(request)
    kind = "request" if fetch else kind
    for part in (type_id, device_id):
        if not (_PART.fullmatch(part) or (fetch and part == "+")):
            _not_found(request)
    if (not name or not name.isprintable() or any(c in name for c in "/+#")) and not (
        fetch and name == "+"
    ):
        _not_found(request)
    return _Target(application, type_id, device_id, kind, name)


def _not_found(request: Request) -> NoReturn:
    raise _RefusedError(404, f"no such path: {request.path!r}")


def _form(request: Request) -> str:
    """The last level of the topic. Parameters of Content-Type are ignored."""
    name = media_type(request)
    if name in _FORMS:
        return _FORMS[name]
    if name.startswith("text/") and name != "text/":
        return "text"
    known = ", ".join((*_FORMS, "text/*"))
    raise _RefusedError(415, f"Content-Type is {name!r}; it is one of: {known}")


def _wait_s(body: bytes) -> int:
    """How long a request for commands waits: nothing, `{}` or `{"waitTimeSecs": 0 to 3600}`."""
    if not body:
        return 0
    try:
        value = json.loads(body.decode())
    except (ValueError, RecursionError):
        raise _RefusedError(400, "the body is not JSON") from None
    if not isinstance(value, dict) or set(value) - {"waitTimeSecs"}:
        raise _RefusedError(400, "the body is no object with waitTimeSecs alone")
    wait_s = value.get("waitTimeSecs", 0)
    if type(wait_s) is not int or not 0 <= wait_s <= _LONGEST_WAIT_S:
        raise _RefusedError(400, f"waitTimeSecs is no whole number from 0 to {_LONGEST_WAIT_S}")
    return wait_s


def _credentials(request: Request) -> tuple[str, str]:
    """User and password of HTTP Basic (RFC 7617)."""
    scheme, _, text = request.headers.get("authorization", "").partition(" ")
    try:
        if scheme.lower() != "basic":
            raise ValueError
        user, colon, password = (
            base64.b64decode(text.strip(), validate=True).decode().partition(":")
        )
        if not colon:
            raise ValueError
    except ValueError:
        challenge = 'Basic realm="Watson IoT Platform"'
        reason = "there is no Authorization of the scheme Basic"
        raise _RefusedError(401, reason, WWW_Authenticate=challenge) from None
    return user, password


def _gateway_asks(request: Request) -> bool:
    if request.visit.client is not None:
        return request.visit.client.kind == "g"
    try:
        return _credentials(request)[0].startswith("g")
    except _RefusedError:
        return True  # told so when it logs in


def _identity(org: str, target: _Target, user: str) -> tuple[str, str, str]:
    """Class letter, product and name, as the registry has them, of a user name."""
    if target.application:
        return "a", org, user
    if user == "use-token-auth":
        return "d", f"{org}/{target.type_id}", target.device_id
    if user.startswith("g/"):
        parts = user.split("/")
    elif user.startswith("g-"):
        parts = user.split("-", 3)
    else:
        reason = "the user name is neither `use-token-auth` nor `g/org/type/id` (`g-org-type-id`)"
        raise _RefusedError(403, reason)
    if len(parts) != 4 or not all(parts) or parts[1].lower() != org.lower():
        raise _RefusedError(403, f"the user name is not `g/org/type/id` of the org {org!r}")
    return "g", f"{org}/{parts[2]}", parts[3]


def _check_same(client: Client, org: str, target: _Target) -> None:
    """Org, class and device of a connection never change."""
    names = client.names
    same = names["org"] == org and target.application == (client.kind in ("a", "qa"))
    if client.kind in ("d", "qd"):
        same = same and (names["type"], names["id"]) == (target.type_id, target.device_id)
    if not same:
        raise _RefusedError(403, f"this connection is of {client.device.label}, not of another")
