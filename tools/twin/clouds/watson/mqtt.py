"""How does IBM Watson IoT Platform treat an MQTT client: its login, and where its topics lie?

Sources: "Connecting applications, devices, and gateways using the API"; the platform's docs
(`devices/mqtt.md`, `applications/mqtt.md`, `gateways/mqtt.md`); for the server's own conduct its
opened proxy, eclipse/amlen `server_proxy` (`pxmqtt.c`). Facts only, no code.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from tools.twin.clouds.cloud import Cloud
from tools.twin.clouds.door import Door
from tools.twin.clouds.text import encode
from tools.twin.clouds.values import (
    BadCommandError,
    Client,
    Ending,
    Order,
    TopicRules,
    Verdict,
    Way,
)
from tools.twin.clouds.watson import gateway, policy, presence
from tools.twin.clouds.watson.client_id import PART, new_api_key
from tools.twin.clouds.watson.login import Login
from tools.twin.clouds.watson.management import ACTION, Management
from tools.twin.clouds.watson.polls import Polls
from tools.twin.clouds.watson.registry import Registry
from tools.twin.clouds.watson.security import Security
from tools.twin.clouds.watson.topics import PUBLISH, SUBSCRIBE, long
from tools.twin.options import Options
from tools.twin.registry.store import Device
from tools.twin.wire.packets import Connect, Publish

_DOMAIN = "internetofthings.ibmcloud.com"
_HOST = f"{{product}}.messaging.{_DOMAIN}"
_SPEAKS = ("mqtt", "http", "websocket")


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
        "no certificate": None,  # the policy asks for one
        "other certificate": None,  # it does not name the client
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
    command_help = (
        "a name with a slash is an action of device management: device/reboot,"
        " device/factoryReset, device/update, firmware/download, firmware/update, BUNDLE/ACTION;"
        " any other name is a command id"
    )
    max_payload = 131072  # devices/mqtt.md: larger is refused and the connection closed
    max_qos = 2
    offline_hint = " by MQTT, and has not used HTTP yet"
    publish_rules: ClassVar[TopicRules] = {**PUBLISH, "A": PUBLISH["a"]}
    subscribe_rules: ClassVar[TopicRules] = {**SUBSCRIBE, "A": SUBSCRIBE["a"]}
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
        return policy.org_of(server_name)

    @staticmethod
    def new_name(product: str) -> str:
        """See `client_id`."""
        return new_api_key(product)

    @staticmethod
    def lines(entry: Mapping[str, Any]) -> list[str]:
        """The default policy of the ready org."""
        return [f"Watson's security policy: {entry['policy']}"]

    def facts(self, product: str) -> dict[str, Any]:
        """The default policy of the ready org."""
        return {"policy": self.certificates.policy(product.partition("/")[0])}

    def __init__(self, store: Any) -> None:
        super().__init__(store)
        self.polls = Polls()
        self.security = Security(self)
        self._login = Login(self, self.security)
        self.registry = Registry(store)
        self.management = Management(store, self.registry)

    def start(self, options: Options) -> None:
        """The default policy of the ready org, where one is given."""
        if options.policy is not None:
            self.certificates.set_policy(self.ready[0][1].partition("/")[0], options.policy)

    def login(self, connect: Connect, way: Way) -> Client:
        """Check client id, org, server name, certificate, token, as `pxmqtt.c` does."""
        return self._login.enter(connect, way)

    def session_of(self, device: Device) -> str:
        """That of the device or gateway itself, or of the gateway that the device is behind."""
        kind = "g" if device.gateway or device.kind == "gateway" else "d"
        return ":".join((self.name, kind, *(device.gateway or device.label).split("/")))

    def broker_up(self, client: Client, topic: str) -> str:
        """A device's short topic grows its type and id, as applications see it."""
        names = client.names
        if client.kind in ("d", "qd", "g"):
            topic = long(topic, names["type"], names["id"])
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
        return f"{self.name}/{org}/{long(topic, type_id, device.name)}"

    def local(self, client: Client, broker_topic: str) -> str:
        """A device's own topics lose its type and id again."""
        topic = broker_topic.split("/", 2)[2]
        if client.kind not in ("d", "qd"):
            return topic
        head, _, rest = topic.partition("/")
        return f"{head}/{rest.split('/', 4)[4]}"

    def judge(self, client: Client, publish: Publish) -> Verdict:
        """Requests of device management have answers; events have none."""
        return self.management.judge(client.names["org"], client.device, publish)

    def reply(self, publish: Publish) -> tuple[tuple[str, str], Any] | None:
        """To actions of device management."""
        return self.management.reply(publish)

    def order(self, device: Device, name: str, data: dict[str, Any], message_id: str) -> Order:
        """A command in JSON; Watson has no reply to one. A gateway hears the long topic."""
        if ACTION.fullmatch(name):
            return self.management.order(device, name, data, message_id)
        if not name or any(character in name for character in "/+#"):
            raise BadCommandError(f"{name!r} is no command id")
        topic = f"iot-2/cmd/{name}/fmt/json"
        if device.gateway or device.kind == "gateway":
            topic = long(topic, device.product.partition("/")[2], device.name)
        return Order(topic, encode(data))

    def presence(
        self, client: Client, way: Way, action: str, why: Ending | str | None, reason: str
    ) -> Publish | None:
        """The retained `/mon` message."""
        return presence.message(client, way, action, why, reason)

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
        return gateway.notice(client, request, topic, why) if client.kind == "g" else None
