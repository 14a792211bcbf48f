"""How does Alibaba Cloud IoT Platform treat an MQTT device: its login, its topics, its answers?

Sources: help.aliyun.com documents 73742 (login), 89301 (Alink); alibabacloud.com doc-detail 30540
(what of MQTT it has); the C SDK's headers (keepalive, packet size).
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from tools.twin.clouds.alibaba import login, orders
from tools.twin.clouds.alibaba.answers import Answers
from tools.twin.clouds.alibaba.downlink import Downlink
from tools.twin.clouds.alibaba.gateway import Gateways
from tools.twin.clouds.alibaba.judge import Judge
from tools.twin.clouds.alibaba.orders import Orders
from tools.twin.clouds.alibaba.registration import Registration
from tools.twin.clouds.alibaba.shadow import Shadows
from tools.twin.clouds.alibaba.token import Tokens
from tools.twin.clouds.alibaba.topics import HEARD, PUBLISHED, PUSHED, PUSHED_RRPC, REGISTERED
from tools.twin.clouds.alibaba.uplink import Uplink
from tools.twin.clouds.cloud import Cloud
from tools.twin.clouds.door import Door
from tools.twin.clouds.shared import Shared
from tools.twin.clouds.text import encode
from tools.twin.clouds.values import Client, Ending, Order, TopicRules, Verdict, Way
from tools.twin.faults import Fault, quickly
from tools.twin.options import TOKEN_LIFE_S, Options
from tools.twin.registry.kept import Kept
from tools.twin.registry.store import Device, Store
from tools.twin.wire import topics
from tools.twin.wire.packets import Connect, Publish

_REGION = "cn-shanghai.aliyuncs.com"
_LINK = "cn-shanghai.link.aliyuncs.com"
# What is answered with a device's secret: by MQTT when it registers, itself or by its gateway.
_SECRET = (
    *REGISTERED.values(),
    "/thing/sub/register_reply",
    "/thing/proxy/provisioning/product_register_reply",
)


_WITH_RRPC = ("1", "3", "5", "7")  # `ext` of a client id: bit 0


class Alibaba(Cloud):
    """The rules of Alibaba Cloud.

    uplink: what CoAP and HTTPS share; tokens: those that they give out. info: how HTTPS spells
    that key of its answers.
    """

    name = "alibaba"
    title = "Alibaba Cloud IoT"
    doors = (
        Door("alibaba", "mqtt", "127.0.0.2", 1883, False, f"{{product}}.iot-as-mqtt.{_REGION}"),
        Door("alibaba", "mqtts", "127.0.0.2", 8883, True, f"{{product}}.iot-as-mqtt.{_REGION}"),
        Door("alibaba", "https", "127.0.0.2", 443, True, f"iot-as-http.{_REGION}", ("http",)),
        Door("alibaba", "coap", "127.0.0.2", 5682, False, f"{{product}}.coap.{_LINK}"),
        Door("alibaba", "coaps", "127.0.0.2", 5684, True, f"{{product}}.coap.{_LINK}"),
    )
    server_names = (
        f"*.iot-as-mqtt.{_REGION}",
        "*.mqtt.iothub.aliyuncs.com",
        f"iot-as-http.{_REGION}",
        f"iot-auth.{_REGION}",
        "*.http.iothub.aliyuncs.com",
        f"*.coap.{_LINK}",
        "*.coap.iothub.aliyuncs.com",
    )
    lists_suites = False
    # Documented: that of keepalive ("below 30 s refused as server unavailable", the C SDK's
    # header). The others are the codes whose MQTT name says what happened.
    connack: ClassVar[dict[str, int | None]] = {
        "form": 2,
        "mode": 2,  # securemode 2 on the plain port, or 3 on the TLS port
        "login": 4,
        "signature": 4,
        "unknown": 5,
        "disabled": 5,
        "product": 5,  # has no dynamic registration
        "active": 5,  # registers, and need not
        "keepalive": 3,
        "offline": 3,
    }
    command_help = orders.HELP
    examples = (("config", "alibaba", "--way", "coap"),)
    max_payload = 256 * 1024  # the C SDK caps packets at 256 KB
    max_qos = 1  # doc-detail 30540: no QoS 2, no will, no retained messages
    takes_wills = False
    offline_hint = (
        " by MQTT, and to a device that speaks CoAP or HTTPS nothing comes down,"
        " unless it asks by CoAP: POST /pull"
    )
    publish_rules: ClassVar[TopicRules] = {"device": PUBLISHED, "registration": ()}
    subscribe_rules: ClassVar[TopicRules] = {
        "device": HEARD,
        "registration": tuple(REGISTERED.values()),
    }
    ready = (("device", "a1SignetPk", "board-1"),)

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        kept = Kept(store, self.name)
        answers, shadows = Answers(kept), Shadows(kept)
        self.registration = Registration(store, kept)
        self._gateways = Gateways(kept, answers, self.registration)
        self.uplink = Uplink(store, self._gateways.answer, self.registration.activated)
        self.downlink = Downlink()
        self.tokens = Tokens(TOKEN_LIFE_S)
        self.info = "info"
        self._judge = Judge(answers, shadows, self._gateways)
        self._orders = Orders(answers, shadows)

    def start(self, options: Options) -> None:
        """How long a token is good."""
        self.tokens.life_s = options.token_life_s

    def faults(self, shared: Shared) -> Mapping[str, Fault]:
        """Of the tokens of CoAP and HTTPS, and of what both answer.

        fail_auth: logins by CoAP get 5.00. answer_4_02: reports by CoAP get that, as libcoap
        answers, and are not stored; "n" of either, 1 unless told. spell_info ("word"): how HTTPS
        spells "info" from now on; the document's samples have "Info".
        """

        def spell(request: Mapping[str, Any]) -> None:
            self.info = str(request["word"])

        return {
            "expire_tokens": quickly(lambda _: self.tokens.expire()),
            "forget_tokens": quickly(lambda _: self.tokens.forget()),
            "fail_auth": shared.swallowing("auths"),
            "answer_4_02": shared.swallowing("topics"),
            "spell_info": quickly(spell),
        }

    @staticmethod
    def identity(device: Device) -> dict[str, str]:
        """Product key, device name and secret."""
        names = ("product_key", "device_name", "device_secret")
        return dict(zip(names, (device.product, device.name, device.secret), strict=True))

    def product_secret(self, product: str) -> dict[str, str] | None:
        """Dynamic registration is on once this was asked for."""
        return {"product_key": product, "product_secret": self.registration.secret(product)}

    def reset(self, device: Device) -> None:
        """As if it had never logged in: it may register."""
        self.registration.reset(device)

    def login(self, connect: Connect, way: Way) -> Client:
        """Check client id, user name and password as document 73742 has them."""
        _, options = given = login.parts(self, connect)
        if options.get("authType") in REGISTERED:
            return self._register(connect, way, options)
        device = login.identify(self, self.registration, connect, way, given)
        self.registration.activated(device)
        self._gateways.begins(device)
        names = {"product_key": device.product, "device_name": device.name}
        pushed = [each.format(**names) for each in PUSHED]
        if options.get("ext") in _WITH_RRPC:
            pushed.append(PUSHED_RRPC.format(**names))
            names["rrpc"] = "rrpc"
        return Client(
            device,
            self.session_of(device),
            names=names,
            pushed=tuple(pushed) if options.get("_ss") == "1" else (),
            keepalive_s=min(connect.keepalive_s, login.LONGEST_KEEPALIVE_S),
        )

    def _register(self, connect: Connect, way: Way, options: Mapping[str, str]) -> Client:
        """A login that is for that alone; its keepalive is not looked at."""
        device, told = login.register(self, self.registration, connect, way, options)
        kind = options["authType"]
        topic = REGISTERED[kind]
        client = Client(device, f"{self.name}:{kind}:{device.label}", "registration", clean=True)
        client.pushed = (topic,)
        client.first = Publish(self.broker_down(client, topic), encode(told))
        return client

    def presence(
        self, client: Client, way: Way, action: str, why: Ending | str | None, reason: str
    ) -> Publish | None:
        """A device that registers is told its secret as soon as it is there."""
        if action == "Disconnect" and client.kind == "device":
            self._gateways.ends(client.device)
        return client.first if action == "Connect" else None

    def session_of(self, device: Device) -> str:
        """Of a device that a gateway has logged in the gateway's."""
        return f"{self.name}:{self._gateways.gateway_of(device) or device.label}"

    def _all_names(self, client: Client, topic: str) -> list[Mapping[str, str]]:
        """Its own, and those of the devices in a topic that it has logged in."""
        return [client.names, *self._gateways.names(client.device, topic)]

    def up(self, client: Client, topic: str) -> str | None:
        """As every cloud, and custom topics of a category; none that is too long."""
        if client.kind != "device":
            return None
        may = self.uplink.categories.may_publish
        allowed = any(may(topic, names) for names in self._all_names(client, topic))
        return self.broker_up(client, topic) if allowed else None

    def down(self, client: Client, topic_filter: str) -> str | None:
        """As every cloud, also for those that it has logged in."""
        rules = self.subscribe_rules[client.kind]
        every = self._all_names(client, topic_filter)
        allowed = any(topics.allowed(topic_filter, rules, names) for names in every)
        return self.broker_down(client, topic_filter) if allowed else None

    def _place(self, way: str, device: Device, topic: str) -> str:
        """Where in the broker a device's topic lies; some are the same for all devices."""
        own = device.label if topic.startswith("/ext/r") else ""
        return f"{self.name}/{way}/{own}{topic}"

    def broker_up(self, client: Client, topic: str) -> str:
        """See `_place`."""
        return self._place("up", client.device, topic)

    def broker_down(self, client: Client, topic: str) -> str:
        """See `_place`."""
        return self._place("down", client.device, topic)

    def broker_order(self, device: Device, topic: str) -> str:
        """See `_place`."""
        return self._place("down", device, topic)

    def local(self, client: Client, broker_topic: str) -> str:
        """Without that again."""
        topic = broker_topic.removeprefix(f"{self.name}/down/")
        return topic.removeprefix(client.device.label)

    def judge(self, client: Client, publish: Publish) -> Verdict:
        """What it is answered, if anything."""
        names, *others = self._all_names(client, publish.topic)
        for each in others:
            if topics.allowed(publish.topic, PUBLISHED, each):
                names = each
        if self.uplink.categories.echoes(publish.topic, names):
            return Verdict(reply=Publish(publish.topic, publish.payload))
        return self._judge.judge(client.device, names, publish)

    def hides(self, topic: str) -> bool:
        """Answers of registrations."""
        return topic.endswith(_SECRET)

    def order(self, device: Device, name: str, data: dict[str, Any], message_id: str) -> Order:
        """See `orders`."""
        return self._orders.order(device, name, data, message_id)

    def reply(self, publish: Publish) -> tuple[tuple[str, str], Any] | None:
        """With an Alink id, or without."""
        return orders.reply(publish) or super().reply(publish)

    def fetcher(self, broker_topic: str) -> str | None:
        """The session of a device that has asked with /pull."""
        found = self.downlink.reader(broker_topic)
        return None if found is None else f"{self.name}:{found}"

    def keep(self, session: str, broker_topic: str, payload: bytes) -> bool:
        """No request waits."""
        label = session.removeprefix(f"{self.name}:")
        topic = broker_topic.removeprefix(f"{self.name}/down/").removeprefix(label)
        self.downlink.keep(label, topic, payload)
        return False
