"""How does Watson IoT Platform treat HTTP: events, commands to fetch, who may do what?

Sources: the platform's docs (`devices/api.md`); for the server's own conduct its opened proxy,
eclipse/amlen `iotrest.c`: facts only, no code. No socket, no aiohttp: a request in, a reply out.
"""

import asyncio
import hmac
import math
from typing import ClassVar

from tools.twin.clouds import values
from tools.twin.clouds.http_request import Ordered, Reply, Request
from tools.twin.clouds.shared import Shared
from tools.twin.clouds.throttle import Throttle
from tools.twin.clouds.values import Client, Way
from tools.twin.clouds.watson import rest
from tools.twin.clouds.watson.login import KINDS, QUICKSTART, client_of
from tools.twin.clouds.watson.mqtt import Watson
from tools.twin.clouds.watson.request import (
    CHALLENGE,
    MEDIA_TYPES,
    RefusedError,
    Target,
    credentials,
    form_of,
    host_org,
    identity,
    target_of,
    wait_s_of,
)
from tools.twin.registry.store import Device
from tools.twin.wire.packets import Publish


class WatsonHttp:
    """The rules of the HTTP messaging API, and the way to the REST calls.

    ordered: see `http_request.Ordered`.
    """

    paths: ClassVar[tuple[str, ...]] = ("events", "commands")

    def __init__(
        self, cloud: Watson, shared: Shared, throttle: Throttle, ordered: Ordered
    ) -> None:
        self._shared = shared
        self._cloud = cloud
        self._throttle = throttle
        self._ordered = ordered
        self._rest = rest.Rest(cloud.registry, cloud.management, shared)

    async def answer(self, request: Request) -> Reply:
        """What the server answers; a report is on file when this returns."""
        try:
            org = self._org(request)
            if rest.asked(request):
                return await self._call(request, org)
            if request.method != "POST":
                raise RefusedError(405, f"{request.method}; the only method is POST", Allow="POST")
            if len(request.body) > self._cloud.max_payload:
                raise RefusedError(413, f"more than {self._cloud.max_payload} bytes")
            target = target_of(request)
            if (ordered := self._ordered_reply(request, target)) is not None:
                return ordered
            if target.kind == "request":
                return await self._fetch(request, org, target)
            return self._publish(request, org, target)
        except RefusedError as refused:
            client = request.visit.client
            label = request.visit.way.peer if client is None else client.device.label
            self._report(label, "refused", f"HTTP {refused.status}: {refused}")
            return Reply(refused.status, b"", refused.headers, close=True)

    async def _call(self, request: Request, org: str) -> Reply:
        """A REST call: each proves who asks, whatever the connection is of."""
        label = request.visit.label = self._login(request, org, _REGISTRY).device.label
        self._check_rate(label)
        reply, why = await self._rest.answer(org, request)
        text = f"{request.method} {request.path}: {reply.status}"
        self._report(label, "asked", f"{text}: {why}" if why else text)
        return reply

    def _org(self, request: Request) -> str:
        """The org that Host names, as the registry writes it."""
        name = host_org(request)
        return self._cloud.store.org("watson", name) or name

    def _report(self, device: str, kind: str, text: str) -> None:
        self._shared.report("watson", device, kind, text)

    def _ordered_reply(self, request: Request, target: Target) -> Reply | None:
        path = "events" if target.kind == "events" else "commands"
        if (answer := self._ordered(path)) is None:
            return None
        status = answer.code or answer.status or 503
        self._report(request.visit.way.peer, "fault", f"{path} was answered {status} on demand")
        after = answer.retry_after_s
        headers = {} if after is None else {"Retry-After": str(after)}
        if status == 401:
            headers["WWW-Authenticate"] = CHALLENGE
        body = (answer.message or "").encode()
        return Reply(status, body, headers, close=status >= 400)

    def _publish(self, request: Request, org: str, target: Target) -> Reply:
        form = form_of(request)
        if not request.body:
            raise RefusedError(400, "the body is empty")
        client = self._client(request, org, target)
        if target.kind == "commands" and client.kind != "a":
            raise RefusedError(403, "only an application may send a command")
        action = "evt" if target.kind == "events" else "cmd"
        topic = f"{action}/{target.name}/fmt/{form}"
        if client.kind in ("d", "qd"):
            topic = f"iot-2/{topic}"
        else:
            topic = f"iot-2/type/{target.type_id}/id/{target.device_id}/{topic}"
        broker_topic = self._cloud.up(client, topic)
        if broker_topic is None:
            if client.kind in ("qd", "qa"):
                raise RefusedError(415, "quickstart takes application/json only")
            raise RefusedError(404, f"may not publish to {topic!r}")
        if not self._shared.platform.up:
            raise RefusedError(503, "the broker is down (fault kill_broker?)", Retry_After="5")
        payload = request.body
        self._cloud.store.record(
            "watson", client.device.label, "up", topic, payload, status="stored"
        )
        self._shared.platform.publish(Publish(broker_topic, payload))
        self._shared.offer("watson", broker_topic, payload)
        self._report(client.device.label, "report", f"{topic} ({len(payload)} bytes)")
        return Reply(200)

    async def _fetch(self, request: Request, org: str, target: Target) -> Reply:
        wait_s = wait_s_of(request.body)
        if "+" in (target.type_id, target.device_id) and not _gateway_asks(request):
            raise RefusedError(404, "only a gateway may ask for + as type or device")
        client = self._client(request, org, target)
        pattern = (target.type_id, target.device_id, target.name)
        if wait_s:
            self._report(client.device.label, "waits", f"for a command, {wait_s} s at most")
        try:
            command = await self._cloud.polls.fetch(client.session, pattern, wait_s)
        except asyncio.CancelledError:
            self._report(client.device.label, "left", "while it waited for a command")
            raise
        if command is None:
            return Reply(204)
        topic = f"cmd/{command.name}/fmt/{command.form}"
        if client.kind == "g":
            topic = f"type/{command.type_id}/id/{command.device_id}/{topic}"
        self._cloud.store.record(
            "watson",
            client.device.label,
            "down",
            f"iot-2/{topic}",
            command.payload,
            status="sent",
        )
        headers = {}
        if command.form in MEDIA_TYPES:
            headers["Content-Type"] = MEDIA_TYPES[command.form]
        found = (command.type_id, command.device_id, command.name)
        self._report(client.device.label, "command", f"{command.name} was fetched")
        names = ("X-deviceType", "X-deviceId", "X-commandId")
        headers |= {n: f for n, f, p in zip(names, found, pattern, strict=True) if p == "+"}
        return Reply(200, command.payload, headers)

    # Who is it?

    def _client(self, request: Request, org: str, target: Target) -> Client:
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
            self._check_registered(client.device)
        if self._cloud.foreign(client, f"iot-2/type/{target.type_id}/id/{target.device_id}/"):
            who = f"{target.type_id}/{target.device_id}"
            raise RefusedError(403, f"{who} is not a device of {client.device.label}")
        for own in self._fetched_by(client):
            self._cloud.polls.visited(client.session, org, *own)
        self._check_rate(client.device.label)
        return client

    def _check_rate(self, label: str) -> None:
        if wait_s := self._throttle.wait_s(label):
            reason = f"too many requests; the next in {wait_s:.1f} s"
            raise RefusedError(503, reason, Retry_After=str(math.ceil(wait_s)))

    def _check_registered(self, device: Device) -> None:
        """Whether the one that has logged in is still there, or was removed and added anew."""
        if not device.secret:
            return  # of quickstart
        found = self._cloud.store.device("watson", device.kind, device.product, device.name)
        if found is None or found.secret != device.secret:
            raise RefusedError(403, f"{device.label} was removed from the registry")

    def _fetched_by(self, client: Client) -> list[tuple[str, str]]:
        """Type and id of whose commands it fetches: its own, a gateway's devices' besides."""
        if client.kind not in ("d", "g"):
            return []
        behind = self._cloud.store.behind("watson", client.device.label)
        return [(d.product.partition("/")[2], d.name) for d in (client.device, *behind)]

    def _login(self, request: Request, org: str, target: Target) -> Client:
        try:
            self._cloud.security.check_server_name(request.visit.way, org)
            self._cloud.security.check_cas(request.visit.way, org)
        except values.RefusedError as error:
            raise RefusedError(403, str(error)) from None
        if org == QUICKSTART:
            return self._quickstart(request, target)
        user, password = credentials(request)
        kind, product, name = identity(org, target, user)
        self._check_policy(request.visit.way, org, kind, product, name)
        device = self._cloud.store.device("watson", KINDS[kind], product, name)
        if device is None:  # a user name is not shown: it may be a token in the wrong place
            missing = f"device {product}/{name}" if kind == "d" else KINDS[kind]
            raise RefusedError(403, f"there is no such {missing} in the org {org!r}")
        if not device.enabled:
            raise RefusedError(403, f"{device.label} is disabled")
        if not hmac.compare_digest(password.encode(), device.secret.encode()):
            raise RefusedError(403, f"{device.label}: the token (the password) is wrong")
        ids = (product, name) if kind == "a" else (*product.split("/"), name)
        return client_of(device, kind, ":".join(("watson", kind, *ids)))

    def _check_policy(self, way: Way, org: str, kind: str, product: str, name: str) -> None:
        """The certificate and TLS that a policy demands; the token is needed under every one."""
        try:
            if kind == "a":
                self._cloud.security.check_plain(way, org)
            else:
                type_id = product.partition("/")[2]
                self._cloud.security.check_certificate(way, kind, org, type_id, name)
        except values.RefusedError as error:
            raise RefusedError(403, str(error)) from None

    def _quickstart(self, request: Request, target: Target) -> Client:
        if request.visit.way.tls:
            raise RefusedError(403, "quickstart is on the plain port only")
        if target.kind != "events":
            raise RefusedError(403, "quickstart has no commands")
        kind = "qa" if target.application else "qd"
        device = Device("watson", "device", f"{QUICKSTART}/{target.type_id}", target.device_id, "")
        return client_of(device, kind, f"watson:{device.label}")


_REGISTRY = Target(application=True, type_id="", device_id="", kind="registry", name="")
_CLASSES = {**KINDS, "qd": "quickstart device", "qa": "quickstart application"}


def _gateway_asks(request: Request) -> bool:
    if request.visit.client is not None:
        return request.visit.client.kind == "g"
    try:
        return credentials(request)[0].startswith("g")
    except RefusedError:
        return True  # told so when it logs in


def _check_same(client: Client, org: str, target: Target) -> None:
    """Org, class and device of a connection never change."""
    names = client.names
    same = names["org"] == org and target.application == (client.kind in ("a", "qa"))
    if client.kind in ("d", "qd"):
        same = same and (names["type"], names["id"]) == (target.type_id, target.device_id)
    if not same:
        raise RefusedError(403, f"this connection is of {client.device.label}, not of another")
