"""How does IBM Watson IoT Platform treat an MQTT client: its login, and where its topics lie?

Sources: "Connecting applications, devices, and gateways using the API"; the platform's docs
(`devices/mqtt.md`, `applications/mqtt.md`, `gateways/mqtt.md`); for the server's own conduct its
opened proxy, eclipse/amlen `server_proxy` (`pxmqtt.c`). Facts only, no code.
"""

import dataclasses
import hmac
import itertools
import re
import secrets
import string
from collections.abc import Mapping
from typing import Any, ClassVar

from tools.pki.names import owners
from tools.twin.clouds.cloud import Cloud
from tools.twin.clouds.door import Door
from tools.twin.clouds.text import encode
from tools.twin.clouds.values import (
    BadCommandError,
    Client,
    Ending,
    Order,
    RefusedError,
    Rules,
    Way,
)
from tools.twin.clouds.watson import gateway
from tools.twin.clouds.watson import policy as watson_policy
from tools.twin.clouds.watson import presence as watson_presence
from tools.twin.clouds.watson.gateway import PART
from tools.twin.clouds.watson.polls import Polls
from tools.twin.clouds.watson.topics import PUBLISH, SUBSCRIBE
from tools.twin.registry.store import Device
from tools.twin.wire.packets import Connect, Publish

QUICKSTART = "quickstart"

_DOMAIN = "internetofthings.ibmcloud.com"
_HOST = f"{{product}}.messaging.{_DOMAIN}"
_SPEAKS = ("mqtt", "http", "websocket")

KINDS = {"d": "device", "g": "gateway", "a": "application", "A": "application"}
"""What the registry calls each class of client id."""

# How many parts each class of client id has, the class letter included.
_PARTS = {"d": (4,), "g": (4,), "a": (3,), "A": (3, 4)}
_CHARACTERS = re.compile(r"[A-Za-z0-9._:-]+")


class Watson(Cloud):
    """The rules of Watson IoT."""

    name = "watson"
    title = "Watson IoT"
    hidden = "token"
    doors = (
        Door("watson", "mqtt", "127.0.0.3", 1883, False, _HOST, _SPEAKS),
        Door("watson", "mqtts", "127.0.0.3", 8883, True, _HOST, _SPEAKS),
        Door("watson", "https", "127.0.0.3", 443, True, _HOST, _SPEAKS),
    )
    server_names = (f"*.messaging.{_DOMAIN}", f"*.{_DOMAIN}")
    client_certificates = "by org"
    not_signed = "is not signed by an active CA of org {org}: signet pki register --org {org}"
    # eclipse/amlen `pxmqtt.c`: "wrong token: 5, never 4". That of "plain" is nowhere documented.
    connack: ClassVar[dict[str, int | None]] = {
        "characters": 2,  # a character or a length that no client id may have
        "form": 5,  # shape of the client id, unknown org, durable where not allowed
        "login": 5,
        "unknown": 5,
        "disabled": 5,
        "server name": 5,  # SNI names another org
        "no server name": None,  # where the org has a CA or a server certificate of its own
        "will": 5,
        "no certificate": None,  # the policy asks for one; close code 169
        "other certificate": None,  # it does not name the client; close code 170
        "CA withdrawn": None,  # since the handshake
        "CA missing": None,  # above the one that signed, where the server's is self-signed
        "plain": 5,  # the policy asks for TLS
        "offline": 3,
    }
    product_forms: ClassVar[dict[str, str]] = {
        "device": "ORG/TYPE",
        "gateway": "ORG/TYPE",
        "application": "ORG",
    }
    name_rule = (PART, "36 letters, digits, or any of - _ .")
    command_help = "the name is a command id"
    max_payload = 131072  # devices/mqtt.md: larger is refused and the connection closed (287)
    max_qos = 2
    offline_hint = " by MQTT, and has not used HTTP yet"
    publish_rules: ClassVar[Rules] = {**PUBLISH, "A": PUBLISH["a"]}
    subscribe_rules: ClassVar[Rules] = {**SUBSCRIBE, "A": SUBSCRIBE["a"]}
    ready = (
        ("device", "signet/esp32", "board-1"),
        ("gateway", "signet/router", "gateway-1"),
        ("application", "signet", "a-signet-dashboard1"),
    )

    @staticmethod
    def identity(device: Device) -> dict[str, str]:
        """Org, type, id and token; of an application its org, its own id, API key and token."""
        org, _, type_id = device.product.partition("/")
        if device.kind == "application":
            names = {"org_id": org, "app_id": "dashboard", "api_key": device.name}
        else:
            names = {"org_id": org, "type_id": type_id, "device_id": device.name}
        return names | {"token": device.secret}

    @staticmethod
    def org_of(server_name: str | None) -> str | None:
        """See tools.twin.clouds.watson.policy."""
        return watson_policy.org_of(server_name)

    @staticmethod
    def new_name(product: str) -> str:
        """As the document's example, a-orgId-a84ps90Ajs."""
        letters = string.ascii_letters + string.digits
        return f"a-{product}-" + "".join(secrets.choice(letters) for _ in range(10))

    @staticmethod
    def lines(entry: Mapping[str, Any]) -> list[str]:
        """The default policy of the ready org."""
        return [f"Watson's security policy: {entry['policy']}"]

    def facts(self, product: str) -> dict[str, Any]:
        """The default policy of the ready org."""
        return {"policy": self.certificates.policy(product.partition("/")[0])}

    def __init__(self, store: Any) -> None:
        super().__init__(store)
        self._instances = itertools.count(1)
        self.polls = Polls()

    def login(self, connect: Connect, way: Way) -> Client:
        """Check client id, org, server name, certificate, token, as `pxmqtt.c` does."""
        connect = self._named(connect, way)
        kind, org, parts = _split(connect.client_id)
        self.check_server_name(way, org)
        self.check_cas(way, org)
        if org == QUICKSTART:
            return self._quickstart(connect, kind, parts, way)
        if all(
            org not in (d.product, d.product.split("/")[0]) for d in self.store.devices("watson")
        ):
            raise self.refused("form", f"org {org!r} is unknown")
        enter = self._device if kind in "dg" else self._application
        try:
            client = enter(connect, way, kind, org, parts)
        except RefusedError as refused:
            if kind in "dg":
                who = Device(self.name, KINDS[kind], f"{org}/{parts[0]}", parts[1], "")
                refused.client = self.client(who, kind, "")
                refused.client.client_id = connect.client_id
            raise
        client.client_id = connect.client_id
        return client

    def _named(self, connect: Connect, way: Way) -> Connect:
        """With the client id that certificate and server name make, whatever the client sent."""
        org = watson_policy.org_of(way.server_name)
        if org is None or way.certificate is None or connect.client_id.startswith("A:"):
            return connect  # no certificate names a scalable application
        known = (d.product.partition("/")[0] for d in self.store.devices(self.name))
        org = next((name for name in known if name.lower() == org.lower()), org)
        derived = watson_policy.client_id(owners(way.certificate), org)
        return dataclasses.replace(connect, client_id=derived or connect.client_id)

    def check_server_name(self, way: Way, org: str) -> None:
        """Whether the TLS client named this org's host, where it must. raises: RefusedError.

        "Configuring certificates": it must once a CA is added or the server certificate replaced.
        """
        named = watson_policy.org_of(way.server_name)
        if named is not None and named.lower() != org.lower():
            reason = f"server name (SNI) is of org {named!r}, client id of org {org!r}"
            raise self.refused("server name", reason)
        uploaded = self.certificates
        if (
            way.tls
            and named is None
            and (uploaded.cas(org) or any(own.active for own in uploaded.servers(org)))
        ):
            given = f"{way.server_name!r} is" if way.server_name else "there is"
            reason = (
                f"{given} no server name (SNI) {org}.messaging.DOMAIN, which it has to be since"
                f" org {org} has a CA or a server certificate of its own"
            )
            raise self.refused("no server name", reason)

    def check_cas(self, way: Way, org: str) -> None:
        """Whether the CAs above a client's certificate still count, and are all there.

        raises: RefusedError.
        """
        if way.certificate is None:
            return
        if not way.cas <= {ca.id for ca in self.certificates.cas(org) if ca.active}:
            reason = f"org {org} has withdrawn a CA since the handshake; the next one will tell"
            raise self.refused("CA withdrawn", reason)
        if self.certificates.lacks_a_ca(org, way.certificate):
            reason = (
                f"org {org} has a self-signed server certificate, which asks for root and"
                f" intermediates of the device's: signet pki register --org {org}, each"
            )
            raise self.refused("CA missing", reason)

    def check_plain(self, way: Way, org: str) -> None:
        """Whether an org's default policy lets a client in on this way. raises: RefusedError."""
        policy = self.certificates.policy(org)
        if not (way.tls or watson_policy.POLICIES[policy].plain):
            reason = f"a connection without TLS; the default policy is {policy}"
            raise self.refused("plain", reason)

    def check_certificate(
        self, way: Way, kind: str, org: str, type_id: str, device_id: str
    ) -> bool:
        """Whether the policy of a type of device wants the token, too. raises: RefusedError."""
        policy = self.certificates.policy(org, type_id)
        shown = owners(way.certificate) if way.certificate else []
        fits = watson_policy.score(shown, kind, type_id, device_id) > 0
        mistake = watson_policy.mistake(policy, way.tls, way.certificate is not None, fits)
        if mistake is not None:
            hint = watson_policy.HINTS[mistake].format(
                policy=f"the policy of type {type_id} is {policy}",
                shown=" and ".join(shown) or "without a name",
                wanted=f"{kind}:{type_id}:{device_id}",
            )
            if mistake == "no certificate" and not any(
                ca.active for ca in self.certificates.cas(org)
            ):
                hint += (
                    f"; none is asked for without an active CA: signet pki register --org {org}"
                )
            raise self.refused(mistake, hint)
        return watson_policy.wants_token(policy, fits)

    def _quickstart(self, connect: Connect, kind: str, parts: list[str], way: Way) -> Client:
        if kind not in "da" or way.tls:
            reason = "quickstart takes `d:` and `a:` client ids, on the plain port only"
            raise self.refused("form", reason)
        if not connect.clean_session:
            raise self.refused("form", "quickstart has no durable sessions")
        product = f"{QUICKSTART}/{parts[0]}" if kind == "d" else QUICKSTART
        kinds = {"d": "device", "a": "application"}
        device = Device(self.name, kinds[kind], product, parts[-1], "")
        return self.client(device, "q" + kind, f"{self.name}:{connect.client_id}")

    def _device(self, connect: Connect, way: Way, kind: str, org: str, parts: list[str]) -> Client:
        what = KINDS[kind]
        token = self.check_certificate(way, kind, org, *parts)
        device = self.store.device(self.name, what, f"{org}/{parts[0]}", parts[1])
        if device is None:
            reason = f"org {org!r} has no {what} {parts[1]!r} of type {parts[0]!r}"
            raise self.refused("unknown", reason)
        if not device.enabled:
            raise self.refused("disabled", f"{what} {parts[1]!r} is disabled")
        if token:
            # connect_devices_apps_gw.md: the one user name of a device or gateway with a token.
            if connect.user != "use-token-auth":
                raise self.refused("login", "user name is not `use-token-auth`")
            self._check_token(connect, device)
        return self.client(device, kind, f"{self.name}:{connect.client_id}")

    def _application(
        self, connect: Connect, way: Way, kind: str, org: str, parts: list[str]
    ) -> Client:
        """API key and token always: policies are of types of devices."""
        self.check_plain(way, org)
        device = self.store.device(self.name, "application", org, connect.user or "")
        if device is None:
            reason = f"user name is no API key of org {org!r} (API keys look like a-{org}-...)"
            raise self.refused("login", reason)
        if not device.enabled:
            raise self.refused("disabled", f"API key {device.name!r} is disabled")
        self._check_token(connect, device)
        session = f"{self.name}:{connect.client_id}"
        if kind == "A" and len(parts) == 1:
            if not connect.clean_session:
                reason = "client id `A:org:app` without an instance needs clean session = 1"
                raise self.refused("form", reason)
            session += f":{next(self._instances)}"  # all instances share one id
        client = self.client(device, kind, session)
        client.names = {**client.names, "app": parts[0]}
        return client

    def _check_token(self, connect: Connect, device: Device) -> None:
        if not hmac.compare_digest(connect.password or b"", device.secret.encode()):
            raise self.refused("login", "token (the password) is wrong or missing")

    def client(self, device: Device, kind: str, session: str) -> Client:
        """A client that has proved who it is; kind: a row of the rules."""
        org, _, type_id = device.product.partition("/")
        names = {"org": org, "type": type_id, "id": device.name, "app": device.name}
        return Client(device, session, kind, names, closes=kind != "g")

    def session_of(self, device: Device) -> str:
        """That of the device or gateway itself, or of the gateway that the device is behind."""
        kind = "g" if device.gateway or device.kind == "gateway" else "d"
        return ":".join((self.name, kind, *(device.gateway or device.label).split("/")))

    def broker_up(self, client: Client, topic: str) -> str:
        """A device's short topic grows its type and id, as applications see it."""
        head, _, rest = topic.partition("/")
        names = client.names
        if client.kind in ("d", "qd") or (client.kind == "g" and not rest.startswith("type/")):
            return (
                f"{self.name}/{names['org']}/{head}/type/{names['type']}/id/{names['id']}/{rest}"
            )
        return f"{self.name}/{names['org']}/{topic}"

    def broker_down(self, client: Client, topic: str) -> str:
        """As up; instances of a scalable application share one subscription."""
        mapped = self.broker_up(client, topic)
        if client.kind == "A":
            return f"$share/{client.names['org']}-{client.names['app']}/{mapped}"
        return mapped

    def broker_order(self, device: Device, topic: str) -> str:
        """Where a command lies for applications that listen for commands."""
        org, _, type_id = device.product.partition("/")
        head, _, rest = topic.partition("/")
        who = "" if rest.startswith("type/") else f"type/{type_id}/id/{device.name}/"
        return f"{self.name}/{org}/{head}/{who}{rest}"

    def local(self, client: Client, broker_topic: str) -> str:
        """A device's own topics lose its type and id again."""
        topic = broker_topic.split("/", 2)[2]
        if client.kind not in ("d", "qd"):
            return topic
        head, _, rest = topic.partition("/")
        return f"{head}/{rest.split('/', 4)[4]}"

    def order(self, device: Device, name: str, data: dict[str, Any], message_id: str) -> Order:
        """A command in JSON; Watson has no reply to one. A gateway hears the long topic."""
        if not name or any(character in name for character in "/+#"):
            raise BadCommandError(f"{name!r} is no command id")
        who = ""
        if device.gateway or device.kind == "gateway":
            _, _, type_id = device.product.partition("/")
            who = f"type/{type_id}/id/{device.name}/"
        return Order(f"iot-2/{who}cmd/{name}/fmt/json", encode(data))

    def presence(
        self, client: Client, way: Way, action: str, why: Ending | str, reason: str
    ) -> Publish | None:
        """The retained `/mon` message."""
        return watson_presence.message(client, way, action, why, reason)

    def foreign(self, client: Client, topic: str) -> bool:
        """A gateway acts for devices behind it."""
        return client.kind == "g" and gateway.is_foreign(self.store, client, topic)

    def fetcher(self, broker_topic: str) -> str | None:
        """Who has used HTTP for the device of a command."""
        return self.polls.reader(broker_topic)

    def keep(self, session: str, broker_topic: str, payload: bytes) -> bool:
        """For its next request."""
        return self.polls.offer(session, broker_topic, payload)

    def hears(self, client: Client, topic: str) -> bool:
        """A gateway hears of devices behind it."""
        return client.kind != "g" or gateway.hears(self.store, client, topic)

    def notice(self, client: Client, request: str, topic: str, why: Ending) -> Publish | None:
        """A gateway is told on its notify topic and stays connected."""
        if client.kind != "g":
            return None
        return gateway.notice(client, request, topic, why)


def _split(client_id: str) -> tuple[str, str, list[str]]:
    """Class letter, org and the remaining parts of a client id. raises: RefusedError."""
    if not _CHARACTERS.fullmatch(client_id):
        reason = "client id holds characters other than `A-Z a-z 0-9 - _ . :`, or is empty"
        raise Watson.refused("characters", reason)
    kind, *parts = client_id.split(":")
    shape = "client id is none of d:org:type:id, g:org:type:id, a:org:app, A:org:app[:instance]"
    if kind not in _PARTS or len(parts) + 1 not in _PARTS[kind] or "" in parts:
        raise Watson.refused("form", shape)
    if not all(map(PART.fullmatch, parts[1:])):
        raise Watson.refused("characters", "a part of the client id is longer than 36")
    return kind, parts[0], parts[1:]
