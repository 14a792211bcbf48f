"""How does EnOS treat an MQTT device: its login, its topics, its answers?

Sources: "Establishing Connection with EnOS Cloud using the MQTT Protocol"; docs
`reference/mqtt/nonsdk_login`, `common_param`, `limitations`; the vendor's SDKs for topics.
A device that a certificate was issued to may still log in without TLS: no document says otherwise.
The document has MQTT 3.1.1 alone; 3.1 is let in, too, for one of the vendor's SDKs speaks it.
"""

import functools
from collections.abc import Mapping
from typing import Any, ClassVar

from tools.twin.clouds.cloud import Cloud
from tools.twin.clouds.door import Door
from tools.twin.clouds.enos import orders
from tools.twin.clouds.enos import topics as rules
from tools.twin.clouds.enos.answers import Answers
from tools.twin.clouds.enos.codes import Code
from tools.twin.clouds.enos.login import CHANNEL, identify
from tools.twin.clouds.enos.params import Check, batch
from tools.twin.clouds.enos.registry import Registry, asset_id
from tools.twin.clouds.text import decode, encode
from tools.twin.clouds.values import BadCommandError, Client, Ending, Order, Verdict, Way
from tools.twin.registry.store import Device
from tools.twin.wire import topics
from tools.twin.wire.packets import Connect, Publish

# A gateway hears commands for the devices behind it here, whichever of them are on line.
_BEHIND = "behind/{product_key}/{device_key}/"
# What a raw request looks like in the vendor's sample, and the reply: 02, its id, code 200.
_RAW_REPLY = (b"\x02", b"\x00\xc8")


class EnOS(Cloud):
    """The rules of EnOS."""

    name = "enos"
    title = "EnOS"
    doors = (
        Door("enos", "mqtt", "127.0.0.1", 11883, False, "mqtt.enos.test"),
        Door("enos", "mqtts", "127.0.0.1", 18883, True, "mqtt.enos.test"),
    )
    client_certificates = "required"  # two-way TLS on 18883
    ca = "signet twin EnOS CA"
    not_signed = "is not signed by the twin's EnOS CA: signet pki enos issue"
    # Nowhere documented: the codes whose MQTT name says what happened.
    connack: ClassVar[dict[str, int | None]] = {
        "form": 2,  # client id is not `id|securemode=..,signmethod=..,timestamp=..|`
        "mode": 2,  # a securemode that there is not, or activation of an activated device
        "login": 4,  # user name or password missing, or the user name not `deviceKey&productKey`
        "signature": 4,
        "unknown": 5,
        "disabled": 5,
        "certificate": 5,  # two-way TLS: it was not issued for this device
        "will": 5,  # the will's topic is not one the device may publish
        "offline": 3,  # the broker behind the gate is down
    }
    command_help = (
        "`set` sets measurepoints, `get` asks for them, `upgrade` offers firmware, `down_raw`"
        " sends bytes; `enable`, `disable`, `delete` do so to a device behind a gateway; any"
        " other name is a service, called by RRPC with `rrpc:` before it"
    )
    examples = (("config", "enos"), ("command", "enos", "set", '{"led": 1}'))
    max_payload = 512 * 1024  # docs, limitations: publish <= 512 KB
    max_qos = 1  # docs: QoS 0 and 1
    publish_rules = rules.PUBLISH
    subscribe_rules = rules.SUBSCRIBE
    ready = (("device", "signetEnOS", "board-1"),)

    @staticmethod
    def identity(device: Device) -> dict[str, str]:
        """Product key, device key and secret."""
        names = ("product_key", "device_key", "device_secret")
        return dict(zip(names, (device.product, device.name, device.secret), strict=True))

    @functools.cached_property
    def registry(self) -> Registry:
        """What it keeps beside devices."""
        return Registry(self.store)

    @functools.cached_property
    def answers(self) -> Answers:
        """What it answers to requests."""
        return Answers(self.registry)

    def product_secret(self, product: str) -> dict[str, str] | None:
        """For activation and message integration."""
        secret = self.registry.product_secret(product)
        return {"product_key": product, "product_secret": secret}

    def reset(self, device: Device) -> None:
        """Let it be activated again."""
        self.registry.activate(device, False)

    def facts(self, product: str) -> dict[str, Any]:
        """The secret of the ready device's product."""
        return {"product_secret": self.registry.product_secret(product)}

    def login(self, connect: Connect, way: Way) -> Client:
        """Check client id, user name and password as `nonsdk_login` has them."""
        device, kind = identify(self, self.registry, connect)
        self._check_certificate(way, device)
        names = {"product_key": device.product, "device_key": device.name}
        pushed = () if kind == "integration" else (*rules.PUSHED, _BEHIND + "#")
        filled = tuple(each.format(**names) for each in pushed)
        return Client(device, super().session_of(device), kind, names, filled)

    def _check_certificate(self, way: Way, device: Device) -> None:
        """Two-way TLS: the platform issued the certificate for this device (serial number)."""
        if way.certificate is None:
            return
        owner = self.certificates.issued_to(way.certificate.serial_number)
        if owner != (device.product, device.name):
            whose = "by signet pki to nobody" if owner is None else f"to device {'/'.join(owner)}"
            serial = f"{way.certificate.serial_number:x}"
            reason = f"certificate {serial} was issued {whose}, not to {device.label}"
            raise self.refused("certificate", reason)

    def session_of(self, device: Device) -> str:
        """Its own, or that of the gateway that it is behind."""
        return super().session_of(self._gateway(device) or device)

    def _gateway(self, device: Device) -> Device | None:
        """The gateway that a device is behind."""
        label = self.registry.gateway(device.label)
        return self.registry.device(*label.split("/")) if label else None

    def up(self, client: Client, topic: str) -> str | None:
        """Topics of the device itself, or of one behind it."""
        kind, names = self._row(client, topic)
        allowed = topics.allowed(topic, rules.PUBLISH[kind], names)
        return self.broker_up(client, topic) if allowed else None

    def down(self, client: Client, topic_filter: str) -> str | None:
        """As up."""
        kind, names = self._row(client, topic_filter)
        allowed = topics.allowed(topic_filter, rules.SUBSCRIBE[kind], names)
        return self.broker_down(client, topic_filter) if allowed else None

    def _row(self, client: Client, topic: str) -> tuple[str, Mapping[str, str]]:
        """Which rules hold for a topic, and for which device."""
        kind = "device" if client.kind == "activation" else client.kind
        levels = topic.split("/")
        if kind != "device" or len(levels) < 5 or levels[1] != "sys":
            return kind, client.names
        label, own = "/".join(levels[2:4]), client.device.label
        if label == own or self.registry.gateway(label) != own:
            return kind, client.names
        return "behind", {"product_key": levels[2], "device_key": levels[3]}

    def broker_order(self, device: Device, topic: str) -> str:
        """To the gateway, where the device is behind one."""
        gateway = self._gateway(device)
        if gateway is not None and topic.startswith("/sys/"):
            names = {"product_key": gateway.product, "device_key": gateway.name}
            topic = _BEHIND.format(**names) + topic.removeprefix("/")
        return super().broker_order(device, topic)

    def local(self, client: Client, broker_topic: str) -> str:
        """Without the gateway again."""
        topic = super().local(client, broker_topic)
        behind = _BEHIND.format(**client.names) if "device_key" in client.names else ""
        return "/" + topic.removeprefix(behind) if behind and topic.startswith(behind) else topic

    def judge(self, client: Client, publish: Publish) -> Verdict:
        """Answer a request on its `_reply` topic with the documented code."""
        _, names = self._row(client, publish.topic)
        found = next((r for r in rules.REQUESTS if topics.allowed(publish.topic, (r,), names)), "")
        if not found:
            return self._unasked(client, publish, names)
        code, message, message_id = self._check(publish, rules.REQUESTS[found], names)
        data: Any = {}
        if code == Code.OK:
            label = f"{names['product_key']}/{names['device_key']}"
            what = found.rpartition("}/")[2]
            code, message, data = self.answers.answer(client, label, what, decode(publish.payload))
        body = {"id": message_id, "code": code, "data": data, "message": message}
        reply = Publish(publish.topic + "_reply", encode(body))
        if code != Code.OK:
            return Verdict("rejected", f"code {code}: {message}", reply)
        if "measurepoint" not in found and "event" not in found:
            return Verdict("answered", reply=reply)
        parts: tuple[bytes, ...] = ()
        if rules.REQUESTS[found] is batch:
            request = decode(publish.payload)
            parts = tuple(encode(request | {"params": entry}) for entry in request["params"])
        return Verdict(reply=reply, parts=parts)

    def _unasked(self, client: Client, publish: Publish, names: Mapping[str, str]) -> Verdict:
        """Raw bytes, or an answer to a command."""
        payload = publish.payload
        if topics.allowed(publish.topic, rules.RAW, names):
            if len(payload) < 5:
                return Verdict()
            begin, code = _RAW_REPLY
            return Verdict(reply=Publish(publish.topic + "_reply", begin + payload[1:5] + code))
        if publish.topic == rules.ACTIVATE.format(**names) + "_reply":
            self.registry.activate(client.device)
        return Verdict()

    def _check(
        self, publish: Publish, check: Check, names: Mapping[str, str]
    ) -> tuple[int, str, str]:
        """Code, message and id of the reply. Codes: docs `common_param` and the SDKs' tables."""
        if not publish.payload:
            return Code.EMPTY, "payload is empty", ""
        try:
            request = decode(publish.payload)
        except ValueError:
            return Code.NOT_JSON, "payload is not JSON", ""
        if not isinstance(request, dict):
            return Code.NOT_JSON, "payload is not a JSON object", ""
        message_id = request.get("id")
        if not isinstance(message_id, str) or not message_id:
            return Code.PARAMETER, "id is not a text", ""
        if not isinstance(request.get("version"), str):
            return Code.PARAMETER, "version is missing", message_id
        if topics.allowed(publish.topic, (rules.METHOD_HELD,), names):
            method = ".".join(publish.topic.split("/")[4:])
            if request.get("method") != method:
                return Code.METHOD, f"method is not {method}", message_id
        problem = check(request.get("params"))
        return (Code.PARAMETER, problem, message_id) if problem else (Code.OK, "", message_id)

    def presence(
        self, client: Client, way: Way, action: str, why: Ending | str | None, reason: str
    ) -> Publish | None:
        """A device that comes gets its secret to be activated, or the upgrade that waits."""
        if action == "Disconnect":
            self.answers.offline(client)
        if action != "Connect" or client.device.name == CHANNEL:
            return None
        device = client.device
        if client.kind == "activation":
            names = {"productKey": device.product, "deviceKey": device.name}
            params = {"assetId": asset_id(device.label), **names, "deviceSecret": device.secret}
            topic, method = rules.ACTIVATE.format(**client.names), "thing.activate.info"
        else:
            waiting = list(self.registry.values(device.label, "upgrade").values())
            if not waiting:
                return None
            params = waiting[-1]
            topic, method = f"/sys/{device.label}/ota/device/upgrade", "ota.device.upgrade"
        body = {"id": "1", "version": "1.0", "method": method, "params": params}
        return Publish(self.broker_down(client, topic), encode(body), qos=1)

    def reply(self, publish: Publish) -> tuple[tuple[str, str], Any] | None:
        """To `down_raw` bytes."""
        if publish.topic.endswith("/thing/model/down_raw_reply"):
            return (publish.topic, ""), {"hex": publish.payload.hex()}
        return super().reply(publish)

    def hides(self, topic: str) -> bool:
        """Activation, registration and a login behind a gateway may tell a device secret."""
        return topic.endswith(rules.HIDDEN)

    def order(self, device: Device, name: str, data: dict[str, Any], message_id: str) -> Order:
        """See `command_help`."""
        called = name.removeprefix(orders.RRPC)
        if not called or any(c in called for c in "/+#") or ".." in f".{called}.":
            raise BadCommandError(f"{name!r} is no service identifier")
        if name == "down_raw":
            return orders.raw(device, data)
        if name == "upgrade":
            return orders.upgrade(self.registry, device, data, message_id)
        gateway = self._gateway(device)
        if gateway is not None and name in orders.FOR_GATEWAY:
            if name != "enable":
                self.answers.drop(device)
            return orders.for_gateway(self.registry, gateway, device, name, message_id)
        if gateway is not None and not self.answers.is_online(device):
            raise BadCommandError(f"{device.label} has not logged in behind {gateway.label}")
        if called != name:
            return orders.rrpc(device, called, data, message_id)
        return orders.service(device, name, data, message_id)
