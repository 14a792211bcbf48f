"""Who logs in at Watson by MQTT: which device, gateway or application, of which org?

Sources: "Connecting applications, devices, and gateways using the API"; for the server's own
conduct its opened proxy, eclipse/amlen `pxmqtt.c`: facts only, no code.
"""

import hmac
import secrets

from tools.twin.clouds.cloud import Cloud
from tools.twin.clouds.values import Client, RefusedError, Way
from tools.twin.clouds.watson.client_id import ClientIdError, split
from tools.twin.clouds.watson.security import Security
from tools.twin.registry.store import Device
from tools.twin.wire.packets import Connect

QUICKSTART = "quickstart"

KINDS = {"d": "device", "g": "gateway", "a": "application", "A": "application"}
"""What the registry calls each class of client id."""


def client_of(device: Device, kind: str, session: str) -> Client:
    """A client that has proved who it is; kind: a row of the rules."""
    org, _, type_id = device.product.partition("/")
    names = {"org": org, "type": type_id, "id": device.name, "app": device.name}
    return Client(device, session, kind, names, closes=kind != "g")


class Login:
    """Logins of one cloud. security: what orgs ask."""

    def __init__(self, cloud: Cloud, security: Security) -> None:
        self._cloud = cloud
        self._security = security

    def enter(self, connect: Connect, way: Way) -> Client:
        """Check client id, org, server name, certificate, token, as `pxmqtt.c` does."""
        connect = self._security.named(connect, way)
        try:
            kind, org, parts = split(connect.client_id)
        except ClientIdError as error:
            raise self._cloud.refused(error.mistake, str(error)) from None
        self._security.check_server_name(way, org)
        self._security.check_cas(way, org)
        if org == QUICKSTART:
            return self._quickstart(connect, kind, parts, way)
        if self._cloud.store.org(self._cloud.name, org) != org:
            raise self._cloud.refused("form", f"org {org!r} is unknown")
        enter = self._device if kind in "dg" else self._application
        try:
            client = enter(connect, way, kind, org, parts)
        except RefusedError as refused:
            if kind in "dg":
                who = Device(self._cloud.name, KINDS[kind], f"{org}/{parts[0]}", parts[1], "")
                refused.client = client_of(who, kind, "")
                refused.client.client_id = connect.client_id
            raise
        client.client_id = connect.client_id
        return client

    def _quickstart(self, connect: Connect, kind: str, parts: list[str], way: Way) -> Client:
        if kind not in "da" or way.tls:
            reason = "quickstart takes `d:` and `a:` client ids, on the plain port only"
            raise self._cloud.refused("form", reason)
        if not connect.clean_session:
            raise self._cloud.refused("form", "quickstart has no durable sessions")
        product = f"{QUICKSTART}/{parts[0]}" if kind == "d" else QUICKSTART
        device = Device(self._cloud.name, KINDS[kind], product, parts[-1], "")
        return client_of(device, "q" + kind, f"{self._cloud.name}:{connect.client_id}")

    def _device(self, connect: Connect, way: Way, kind: str, org: str, parts: list[str]) -> Client:
        what = KINDS[kind]
        token = self._security.check_certificate(way, kind, org, *parts)
        device = self._cloud.store.device(self._cloud.name, what, f"{org}/{parts[0]}", parts[1])
        if device is None:
            reason = f"org {org!r} has no {what} {parts[1]!r} of type {parts[0]!r}"
            raise self._cloud.refused("unknown", reason)
        if not device.enabled:
            raise self._cloud.refused("disabled", f"{what} {parts[1]!r} is disabled")
        if token:
            # connect_devices_apps_gw.md: the one user name of a device or gateway with a token.
            if connect.user != "use-token-auth":
                raise self._cloud.refused("login", "user name is not `use-token-auth`")
            self._check_token(connect, device)
        return client_of(device, kind, f"{self._cloud.name}:{connect.client_id}")

    def _application(
        self, connect: Connect, way: Way, kind: str, org: str, parts: list[str]
    ) -> Client:
        """API key and token always: policies are of types of devices."""
        self._security.check_plain(way, org)
        device = self._cloud.store.device(self._cloud.name, "application", org, connect.user or "")
        if device is None:
            reason = f"user name is no API key of org {org!r} (API keys look like a-{org}-...)"
            raise self._cloud.refused("login", reason)
        if not device.enabled:
            raise self._cloud.refused("disabled", f"API key {device.name!r} is disabled")
        self._check_token(connect, device)
        session = f"{self._cloud.name}:{connect.client_id}"
        if kind == "A" and len(parts) == 1:
            if not connect.clean_session:
                reason = "client id `A:org:app` without an instance needs clean session = 1"
                raise self._cloud.refused("form", reason)
            session += f":{secrets.token_hex(4)}"  # all instances share one id
        client = client_of(device, kind, session)
        client.names = {**client.names, "app": parts[0]}
        return client

    def _check_token(self, connect: Connect, device: Device) -> None:
        if not hmac.compare_digest(connect.password or b"", device.secret.encode()):
            raise self._cloud.refused("login", "token (the password) is wrong or missing")
