"""What does the gate ask a cloud, and in which words does the cloud answer?

The gate speaks MQTT and knows no cloud; a cloud knows names, signatures and topics and opens no
socket. Everything a cloud decides about one connection is one call below.
"""

import functools
import json
import re
import secrets
from collections.abc import Mapping
from typing import Any, ClassVar

from cryptography import x509

from tools.twin.clouds.door import Door
from tools.twin.clouds.shared import Shared
from tools.twin.clouds.values import (
    Client,
    Ending,
    Order,
    RefusedError,
    TopicRules,
    Verdict,
    Way,
)
from tools.twin.faults import Fault
from tools.twin.options import Options
from tools.twin.registry.certificates import Certificates
from tools.twin.registry.store import Device, Store
from tools.twin.wire import topics
from tools.twin.wire.packets import Connect, Publish


class Cloud:
    """One cloud's rules. The class attributes are its limits; see each cloud for their source."""

    # Who it is: in commands and device.json, and for a person.
    name: ClassVar[str]
    title: ClassVar[str]

    # Where it listens, and what else its certificate may be called, beside the doors' hosts.
    doors: ClassVar[tuple[Door, ...]]
    server_names: ClassVar[tuple[str, ...]] = ()

    # TLS. lists_suites: it takes TLS 1.2 and the suites of tools.twin.tls.contexts alone.
    # certificates: which it asks devices for: "" none, "required" those that its own CA has
    # issued, "any" that a client has the key of, which `login` judges, and "by org" those that
    # the CAs of the org have issued that the server name is of. ca: what the CA is called that
    # issues them, which lies in the twin's folder under the cloud's name. not_signed: what is
    # said of another.
    lists_suites: ClassVar[bool] = True
    client_certificates: ClassVar[str] = ""
    ca: ClassVar[str] = ""
    not_signed: ClassVar[str] = "is not signed by a CA that is known here"

    # The path that WebSocket has here; None where any will do.
    websocket_path: ClassVar[str | None] = None

    # Which CONNACK code (MQTT 3.1.1, section 3.2.2.3) each mistake gets: 1 protocol level, 2
    # client id, 3 server unavailable, 4 user name or password, 5 not authorized; None closes the
    # connection without a word. The gate itself asks for "will" and "offline".
    connack: ClassVar[Mapping[str, int | None]]

    # Which key of `identity` nobody is shown: the secret.
    hidden: ClassVar[str] = "device_secret"

    # What the registry takes, by kind: the form of a product. name_rule: what the parts of
    # products and names match, and that in words.
    product_forms: ClassVar[Mapping[str, str]] = {"device": "PRODUCT_KEY"}
    name_rule: ClassVar[tuple[re.Pattern[str], str]] = (
        re.compile(r"[A-Za-z0-9._@:-]{1,64}"),
        "64 letters, digits, or any of - _ . @ :",
    )

    # What a person is told: what a command is to this cloud, and words after `signet twin`.
    command_help: ClassVar[str]
    examples: ClassVar[tuple[tuple[str, ...], ...]] = ()

    max_payload: ClassVar[int]
    max_qos: ClassVar[int] = 1
    takes_wills: ClassVar[bool] = True
    # What a person should know whose command found the device not connected.
    offline_hint: ClassVar[str] = ""
    # Rule tables by kind of client, in the notation of tools.twin.wire.topics.
    publish_rules: ClassVar[TopicRules]
    subscribe_rules: ClassVar[TopicRules]
    # What is registered from the start: kind, product, name of a Device.
    ready: ClassVar[tuple[tuple[str, str, str], ...]]

    def __init__(self, store: Store) -> None:
        self.store = store

    def start(self, options: Options) -> None:
        """Take what is its own of how the twin is started."""

    @functools.cached_property
    def certificates(self) -> Certificates:
        """The policies, and what was uploaded and issued."""
        return Certificates(self.store)

    @staticmethod
    def identity(device: Device) -> dict[str, str]:
        """What the device's owner configures, in the cloud's own words, secret included."""
        raise NotImplementedError

    @staticmethod
    def new_secret() -> str:
        """One for a device that is added."""
        return secrets.token_hex(16)

    @staticmethod
    def org_of(server_name: str | None) -> str | None:
        """The org that a TLS server name (SNI) is of, where certificates are "by org"."""
        return None

    @staticmethod
    def new_name(product: str) -> str:
        """The name of an application that is added: an API key."""
        raise NotImplementedError

    @staticmethod
    def lines(entry: Mapping[str, Any]) -> list[str]:
        """What a person is told of it when it is ready. entry: its own of the ready file."""
        return []

    def facts(self, product: str) -> dict[str, Any]:
        """What the ready file has of it, beside ways in and devices. product: of the device."""
        return {}

    def faults(self, shared: Shared) -> Mapping[str, Fault]:
        """What control requests may break, of this cloud alone."""
        return {}

    @classmethod
    def refused(cls, mistake: str, reason: str) -> RefusedError:
        """A refusal. mistake: a key of `connack`. reason: see RefusedError."""
        return RefusedError(cls.connack[mistake], mistake, reason)

    def product_secret(self, product: str) -> dict[str, str] | None:
        """The product's secret, made at first need, in the cloud's own words; None: it has none.

        Devices that hold it may register, from when it was asked for.
        """
        return None

    def reset(self, device: Device) -> None:
        """Let a device register again; only where products have secrets."""
        raise NotImplementedError

    def trust(self, device: Device, certificate: x509.Certificate) -> None:
        """Let a device log in with its certificate alone, or with one that this CA has signed.

        Only where `client_certificates` is "any".
        """
        raise NotImplementedError

    def login(self, connect: Connect, way: Way) -> Client:
        """Check a CONNECT by the cloud's own rules. raises: RefusedError."""
        raise NotImplementedError

    def device_of_user(self, connect: Connect, key: str) -> Device:
        """The device that the user name `NAME&product` says. key: what the cloud calls a name.

        raises: RefusedError.
        """
        name, ampersand, product = (connect.user or "").partition("&")
        if not ampersand or connect.password is None:
            reason = f"user name is not `{key}&productKey`, or there is no password"
            raise self.refused("login", reason)
        device = self.store.device(self.name, "device", product, name)
        if device is None:
            hint = ""
            if self.store.device(self.name, "device", name, product):
                hint = f"; the order is `{key}&productKey`"
            reason = f"no device {name!r} in product {product!r}{hint}"
            raise self.refused("unknown", reason)
        if not device.enabled:
            raise self.refused("disabled", f"device {name!r} is disabled")
        return device

    def session_of(self, device: Device) -> str:
        """The session key of a registered device."""
        return f"{self.name}:{device.product}:{device.name}"

    def up(self, client: Client, topic: str) -> str | None:
        """The broker's topic for one that the client publishes; None if it must not."""
        if not topics.allowed(topic, self.publish_rules[client.kind], client.names):
            return None
        return self.broker_up(client, topic)

    def down(self, client: Client, topic_filter: str) -> str | None:
        """The broker's filter for one that the client subscribes; None if it must not."""
        if not topics.allowed(topic_filter, self.subscribe_rules[client.kind], client.names):
            return None
        return self.broker_down(client, topic_filter)

    # Up and down are apart: what a device publishes reaches the platform, never a device.
    def broker_up(self, client: Client, topic: str) -> str:
        """Where in the broker the client's `topic` lies when it publishes."""
        return f"{self.name}/up/{topic}"

    def broker_down(self, client: Client, topic: str) -> str:
        """Where in the broker the client's `topic` lies when it listens."""
        return f"{self.name}/down/{topic}"

    def broker_order(self, device: Device, topic: str) -> str:
        """Where in the broker a command for `device` goes."""
        return f"{self.name}/down/{topic}"

    def local(self, client: Client, broker_topic: str) -> str:
        """The topic as the client knows it."""
        return broker_topic.removeprefix(f"{self.name}/down/")

    def judge(self, client: Client, publish: Publish) -> Verdict:
        """What the platform makes of a message on a permitted topic."""
        return Verdict()

    def hides(self, topic: str) -> bool:
        """Whether a message of that topic, as the client knows it, holds a secret.

        It is filed and told with that covered: `tools.twin.registry.mask`.
        """
        return False

    def order(self, device: Device, name: str, data: dict[str, Any], message_id: str) -> Order:
        """The command `name` with `data` for a device. raises: BadCommandError."""
        raise NotImplementedError

    def reply(self, publish: Publish) -> tuple[tuple[str, str], Any] | None:
        """Is that a device's reply? Then (reply topic, message id) of its order, and its body."""
        try:
            body = json.loads(publish.payload)
            return (publish.topic, str(body["id"])), body
        except (ValueError, KeyError, TypeError, RecursionError):
            return None

    def fetcher(self, broker_topic: str) -> str | None:
        """The session that fetches by HTTP what is published there, if any does."""
        return None

    def keep(self, session: str, broker_topic: str, payload: bytes) -> bool:
        """Keep a command until that session fetches it; whether a request waits for it."""
        raise NotImplementedError

    def presence(
        self, client: Client, way: Way, action: str, why: Ending | str | None, reason: str
    ) -> Publish | None:
        """What the cloud tells applications when a client comes or goes; topic is the broker's.

        action: "Connect", "Disconnect" or "FailedConnect". why: None of the first; a key of
        `connack` of the last.
        """
        return None

    def foreign(self, client: Client, topic: str) -> bool:
        """Whether the client may not act for the device that its permitted topic names."""
        return False

    def hears(self, client: Client, topic: str) -> bool:
        """Whether the client receives a message on a topic that it subscribed to."""
        return True

    def notice(self, client: Client, request: str, topic: str, why: Ending) -> Publish | None:
        """What the cloud tells a client whose wrong topic does not close the connection.

        request: "Publish" or "Subscribe".
        """
        return None
