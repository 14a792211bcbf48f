"""How does Azure IoT Hub treat an MQTT device: its login, its topics, its twin, its commands?

Sources: "Communicate with an IoT hub using the MQTT protocol"; "Control access to IoT Hub using
SAS tokens"; "Understand and use device twins in IoT Hub"; Microsoft's SDKs for what they send.
Each refused login gets CONNACK 5, whatever was wrong (azure-docs#38897). Not in this twin:
modules, tokens of a policy, file upload, throttling. DPS is behind the same door: dps.py.
"""

import functools
import re
from collections.abc import Mapping
from typing import Any, ClassVar

from cryptography import x509

from tools.twin.clouds.azure import topics
from tools.twin.clouds.azure.certificate import trust
from tools.twin.clouds.azure.dps import HOST, Provisioning, is_registration
from tools.twin.clouds.azure.login import DOMAIN, DOMAINS, identify
from tools.twin.clouds.azure.registry import Registry, TwinError, new_key
from tools.twin.clouds.cloud import Cloud
from tools.twin.clouds.door import Door
from tools.twin.clouds.shared import Shared
from tools.twin.clouds.text import decode, encode
from tools.twin.clouds.values import BadCommandError, Client, Ending, Order, Verdict, Way
from tools.twin.faults import Fault
from tools.twin.registry.store import Device
from tools.twin.wire.packets import Connect, Publish

# The server waits 1.5 times the keepalive, and 1767 s at most: also for those that send 0.
_LONGEST_KEEPALIVE_S = 1178
_METHOD = re.compile(r"[A-Za-z0-9._*-]{1,128}")
_SPEAKS = ("mqtt", "http", "websocket")
_ANSWERED = "$iothub/methods/res"


class Azure(Cloud):
    """The rules of Azure IoT Hub, and of DPS."""

    name = "azure"
    title = "Azure IoT Hub"
    hidden = "device_key"
    doors = (
        Door("azure", "mqtts", "127.0.0.4", 8883, True, f"{{product}}.{DOMAIN}", ("mqtt",)),
        Door("azure", "wss", "127.0.0.4", 443, True, f"{{product}}.{DOMAIN}", _SPEAKS),
    )
    server_names = (*(f"*.{each}" for each in DOMAINS), HOST)
    websocket_path = "/$iothub/websocket"
    client_certificates = "any"
    connack: ClassVar[dict[str, int | None]] = {
        "level": 1,
        "form": 5,
        "unknown": 5,
        "disabled": 5,
        "password": 5,
        "resource": 5,
        "policy": 5,
        "expired": 5,
        "signature": 5,
        "certificate": 5,
        "will": 5,
        "offline": 3,
    }
    product_forms: ClassVar[dict[str, str]] = {"device": "HUB"}
    command_help = (
        "`set` changes desired properties, `message` is one, any other name is a direct method"
    )
    examples = (("config", "azure"), ("command", "azure", "set", '{"led": 1}'))
    max_payload = 256 * 1024
    max_qos = 1  # QoS 2 closes the connection; a subscription gets 1 at most
    offline_hint = ", and a direct method does not wait"
    ready = (("device", "signet-hub", "board-1"),)

    @functools.cached_property
    def registry(self) -> Registry:
        """Certificates, twins and enrollments."""
        return Registry(self.store)

    @functools.cached_property
    def _provisioning(self) -> Provisioning:
        return Provisioning(self, self.registry)

    @staticmethod
    def identity(device: Device) -> dict[str, str]:
        """Hub, device id and key."""
        return {
            "hub": f"{device.product}.{DOMAIN}",
            "device_id": device.name,
            "device_key": device.secret,
        }

    @staticmethod
    def new_secret() -> str:
        """A symmetric key, in base64."""
        return new_key()

    def facts(self, product: str) -> dict[str, Any]:
        """Two enrollments of DPS: of one device, and of a group."""
        return self._provisioning.facts(product)

    def faults(self, shared: Shared) -> Mapping[str, Fault]:
        """`expire_logins`: the tokens of all who are connected end now."""

        async def expire(_request: Mapping[str, Any]) -> None:
            for each in list(shared.connections):
                if each.client and each.cloud_name == self.name and each.client.good_for_s:
                    await each.end("its token has ended", Ending.SERVER)

        return {"expire_logins": expire}

    def trust(self, device: Device, certificate: x509.Certificate) -> None:
        """By its thumbprint, or by a CA of the hub and the device id as common name."""
        trust(self.certificates, self.registry, device, certificate)

    def login(self, connect: Connect, way: Way) -> Client:
        """Check user name, client id, and token or certificate."""
        if connect.level != 4:
            raise self.refused("level", "MQTT 3.1; Azure speaks 3.1.1")
        if is_registration(connect.user):
            return self._provisioning.login(connect, way)
        device, good_for_s = identify(self, self.registry, connect, way)
        will = connect.will
        if will and not will.topic.startswith(topics.events(device.name)):
            reason = f"a will goes to {topics.events(device.name)}, not to {will.topic!r}"
            raise self.refused("will", reason)
        return Client(
            device,
            self.session_of(device),
            closes=True,
            keepalive_s=min(connect.keepalive_s or _LONGEST_KEEPALIVE_S, _LONGEST_KEEPALIVE_S),
            good_for_s=good_for_s,
        )

    def up(self, client: Client, topic: str) -> str | None:
        """The documented topics only."""
        if client.kind == "registration":
            allowed = topics.registration_publishes(topic)
        else:
            allowed = topics.device_publishes(topic, client.device.name)
        return self.broker_up(client, topic) if allowed else None

    def down(self, client: Client, topic_filter: str) -> str | None:
        """The documented filters only."""
        known = topics.device_hears(client.device.name)
        if client.kind == "registration":
            known = topics.REGISTRATION_HEARS
        return self.broker_down(client, topic_filter) if topic_filter in known else None

    def broker_up(self, client: Client, topic: str) -> str:
        """Topics are the same for all devices, so the device stands before them."""
        return f"{self.name}/up/{client.device.label}/{topic}"

    def broker_down(self, client: Client, topic: str) -> str:
        """As up."""
        return self.broker_order(client.device, topic)

    def broker_order(self, device: Device, topic: str) -> str:
        """As up."""
        return f"{self.name}/down/{device.label}/{topic}"

    def local(self, client: Client, broker_topic: str) -> str:
        """Without the device again."""
        return broker_topic.removeprefix(self.broker_order(client.device, ""))

    def judge(self, client: Client, publish: Publish) -> Verdict:
        """Answer what is asked of the twin, and of DPS; a message has no answer but PUBACK."""
        if client.kind == "registration":
            return self._provisioning.judge(client, publish)
        if rid := topics.request_id(publish.topic, topics.TWIN_GET):
            twin = encode(self.registry.twin(client.device))
            topic = f"{topics.TWIN_ANSWER}200/?$rid={topics.quoted(rid)}"
            return Verdict("answered", reply=Publish(topic, twin))
        if rid := topics.request_id(publish.topic, topics.TWIN_REPORT):
            return self._reported(client.device, rid, publish.payload)
        if topics.method_answer(publish.topic) and not _is_json(publish.payload):
            return Verdict("rejected", "an answer to a direct method is JSON, or empty")
        return Verdict(reason="mqtt-retain=true" if publish.retain else "")

    def _reported(self, device: Device, rid: str, payload: bytes) -> Verdict:
        head = topics.TWIN_ANSWER
        try:
            version = self.registry.change(device, "reported", decode(payload))
        except (ValueError, TwinError) as error:
            reply = Publish(f"{head}400/?$rid={topics.quoted(rid)}", b"")
            return Verdict("rejected", f"status 400: {error}", reply)
        return Verdict(
            reply=Publish(f"{head}204/?$rid={topics.quoted(rid)}&$version={version}", b"")
        )

    def order(self, device: Device, name: str, data: dict[str, Any], message_id: str) -> Order:
        """`set` changes desired properties, `message` is one; any other name calls that method."""
        if name == "set":
            try:
                version = self.registry.change(device, "desired", data)
            except TwinError as error:
                raise BadCommandError(str(error)) from None
            topic = f"{topics.TWIN_DESIRED}?$version={version}"
            return Order(topic, encode({**data, "$version": version}), qos=0, kept=True)
        if name == "message":
            to = topics.quoted(f"/{topics.bound(device.name)[:-1]}")
            topic = f"{topics.bound(device.name)}%24.mid={message_id}&%24.to={to}"
            return Order(topic, encode(data))
        if not _METHOD.fullmatch(name):
            raise BadCommandError(f"{name!r} is no method name")
        rid = f"{int(message_id):x}"  # any text: the cloud's own are hexadecimal, too
        topic = f"{topics.METHOD}{name}/?$rid={rid}"
        return Order(topic, encode(data), _ANSWERED, rid, qos=0)

    def reply(self, publish: Publish) -> tuple[tuple[str, str], Any] | None:
        """A direct method's, whose status and `$rid` are in the topic."""
        found = topics.method_answer(publish.topic)
        if found is None or not _is_json(publish.payload):
            return None
        payload = decode(publish.payload) if publish.payload else None
        return (_ANSWERED, found[1]), {"status": found[0], "payload": payload}


def _is_json(payload: bytes) -> bool:
    try:
        decode(payload or b"null")
    except ValueError:
        return False
    return True
