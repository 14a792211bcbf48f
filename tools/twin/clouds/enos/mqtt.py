"""How does EnOS treat an MQTT device: its login, its topics, its answers?

Sources: "Establishing Connection with EnOS Cloud using the MQTT Protocol"; docs
`reference/mqtt/nonsdk_login`, `common_param`, `limitations`; the vendor's SDKs for topics.
A device that a certificate was issued to may still log in without TLS: no document says otherwise.
The document has MQTT 3.1.1 alone; 3.1 is let in, too, for one of the vendor's SDKs speaks it.
"""

from collections.abc import Callable
from typing import Any, ClassVar

from tools import signing
from tools.twin.clouds.cloud import Cloud
from tools.twin.clouds.door import Door
from tools.twin.clouds.enos.topics import METHOD_HELD, PUBLISH, REQUESTS, SUBSCRIBE, batch
from tools.twin.clouds.text import decode, encode, parameters
from tools.twin.clouds.values import BadCommandError, Client, Order, TopicRules, Verdict, Way
from tools.twin.registry.store import Device
from tools.twin.wire import topics
from tools.twin.wire.packets import Connect, Publish


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
        "mode": 2,  # a securemode that this twin has not (yet)
        "login": 4,  # user name or password missing, or the user name not `deviceKey&productKey`
        "signature": 4,
        "unknown": 5,
        "disabled": 5,
        "certificate": 5,  # two-way TLS: it was not issued for this device
        "will": 5,  # the will's topic is not one the device may publish
        "offline": 3,  # the broker behind the gate is down
    }
    command_help = "`set` sets measurepoints, any other name is a service"
    examples = (("config", "enos"), ("command", "enos", "set", '{"led": 1}'))
    max_payload = 512 * 1024  # docs, limitations: publish <= 512 KB
    max_qos = 1  # docs: QoS 0 and 1
    publish_rules: ClassVar[TopicRules] = {"device": PUBLISH}
    subscribe_rules: ClassVar[TopicRules] = {"device": SUBSCRIBE}
    ready = (("device", "signetEnOS", "board-1"),)

    @staticmethod
    def identity(device: Device) -> dict[str, str]:
        """Product key, device key and secret."""
        names = ("product_key", "device_key", "device_secret")
        return dict(zip(names, (device.product, device.name, device.secret), strict=True))

    def login(self, connect: Connect, way: Way) -> Client:
        """Check client id, user name and password as `nonsdk_login` has them."""
        try:
            client_id, options = parameters(connect.client_id)
        except ValueError as error:
            raise self.refused("form", str(error)) from None
        method = options.get("signmethod", "")
        if method not in signing.ENOS_METHODS:
            known = ", ".join(name for name in signing.ENOS_METHODS if name)
            reason = f"signmethod {method!r} is unknown; use one of: {known}"
            raise self.refused("form", reason)
        mode = options.get("securemode", "2")
        if mode != "2":
            reason = f"securemode {mode!r} is not in this twin; use securemode=2 (device secret)"
            raise self.refused("mode", reason)
        device = self.device_of_user(connect, "deviceKey")
        self._check_certificate(way, device)
        fields = {
            "clientId": client_id,
            "deviceKey": device.name,
            "productKey": device.product,
        }
        if "timestamp" in options:
            fields["timestamp"] = options["timestamp"]
        signed = signing.enos(fields, device.secret, method)
        received = (connect.password or b"").decode("ascii", "replace")
        if not signing.same(signed.signature, received):
            reason = (
                f"signature differs: expected {signed.algorithm}, in hexadecimal;"
                f" the content is `{signed.content}`"
            )
            raise self.refused("signature", reason)
        names = {"product_key": device.product, "device_key": device.name}
        # The SDKs never subscribe to commands: the platform pushes them to a device unasked.
        pushed = (f"/sys/{device.product}/{device.name}/thing/service/#",)
        return Client(device, self.session_of(device), names=names, pushed=pushed)

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

    def judge(self, client: Client, publish: Publish) -> Verdict:
        """Answer a request on its `_reply` topic with the documented code."""
        rule = next((r for r in REQUESTS if topics.allowed(publish.topic, (r,), client.names)), "")
        if not rule:
            return Verdict()  # an answer to a command, or raw bytes
        code, message, message_id = self._check(client, publish, REQUESTS[rule])
        body = {"id": message_id, "code": code, "data": {}, "message": message}
        reply = Publish(publish.topic + "_reply", encode(body))
        if code != 200:
            return Verdict("rejected", f"code {code}: {message}", reply)
        parts: tuple[bytes, ...] = ()
        if REQUESTS[rule] is batch:
            request = decode(publish.payload)
            parts = tuple(encode(request | {"params": entry}) for entry in request["params"])
        return Verdict(reply=reply, parts=parts)

    def _check(
        self, client: Client, publish: Publish, check: Callable[[Any], str | None]
    ) -> tuple[int, str, str]:
        """Code, message and id of the reply. Codes: docs `common_param` and the SDKs' tables."""
        if not publish.payload:
            return 1251, "payload is empty", ""
        try:
            request = decode(publish.payload)
        except ValueError:
            return 1220, "payload is not JSON", ""
        if not isinstance(request, dict):
            return 1220, "payload is not a JSON object", ""
        message_id = request.get("id")
        if not isinstance(message_id, str) or not message_id:
            return 460, "id is not a text", ""
        if not isinstance(request.get("version"), str):
            return 460, "version is missing", message_id
        if topics.allowed(publish.topic, (METHOD_HELD,), client.names):
            method = ".".join(publish.topic.split("/")[4:])
            if request.get("method") != method:
                return 1260, f"method is not {method}", message_id
        problem = check(request.get("params"))
        return (460, problem, message_id) if problem else (200, "", message_id)

    def order(self, device: Device, name: str, data: dict[str, Any], message_id: str) -> Order:
        """`set` and `get` act on measurepoints, any other name calls that service."""
        service = {"set": "measurepoint.set", "get": "measurepoint.get"}.get(name, name)
        if not service or any(c in service for c in "/+#") or ".." in f".{service}.":
            raise BadCommandError(f"{name!r} is no service identifier")
        topic = f"/sys/{device.product}/{device.name}/thing/service/{service.replace('.', '/')}"
        body = {
            "id": message_id,
            "version": "1.0",
            "method": f"thing.service.{service}",
            "params": data,
        }
        return Order(topic, encode(body), topic + "_reply", message_id)
