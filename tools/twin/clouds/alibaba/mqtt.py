"""How does Alibaba Cloud IoT Platform treat an MQTT device: its login, its topics, its answers?

Sources: help.aliyun.com documents 73742 (login), 89301 (Alink); alibabacloud.com doc-detail 30540
(what of MQTT it has); the C SDK's headers (keepalive, packet size).
"""

import functools
from collections.abc import Mapping
from typing import Any, ClassVar

from tools import signing
from tools.twin.clouds.alibaba import alink
from tools.twin.clouds.alibaba.token import Tokens
from tools.twin.clouds.alibaba.topics import OWN
from tools.twin.clouds.alibaba.uplink import Uplink
from tools.twin.clouds.cloud import Cloud
from tools.twin.clouds.door import Door
from tools.twin.clouds.shared import Shared
from tools.twin.clouds.text import decode, encode, parameters
from tools.twin.clouds.values import BadCommandError, Client, Order, TopicRules, Verdict, Way
from tools.twin.faults import Fault, quickly
from tools.twin.registry.store import Device, Store
from tools.twin.wire.packets import Connect, Publish

_REGION = "cn-shanghai.aliyuncs.com"
_LINK = "cn-shanghai.link.aliyuncs.com"


class Alibaba(Cloud):
    """The rules of Alibaba Cloud.

    uplink: what CoAP and HTTPS share. info: how HTTPS spells that key of its answers.
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
        "keepalive": 3,
        "offline": 3,
    }
    command_help = "`set` sets properties, any other name is a service"
    examples = (("config", "alibaba", "--way", "coap"),)
    max_payload = 256 * 1024  # the C SDK caps packets at 256 KB
    max_qos = 1  # doc-detail 30540: no QoS 2, no will, no retained messages
    takes_wills = False
    offline_hint = " by MQTT, and to a device that speaks CoAP or HTTPS nothing comes down"
    publish_rules: ClassVar[TopicRules] = {"device": OWN}
    subscribe_rules: ClassVar[TopicRules] = {"device": (*OWN, "/{product_key}/{device_name}/*")}
    ready = (("device", "a1SignetPk", "board-1"),)

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.uplink = Uplink(store)
        self.info = "info"

    @functools.cached_property
    def tokens(self) -> Tokens:
        """Those that CoAP and HTTPS give out."""
        return Tokens(self.token_life_s)

    def faults(self, shared: Shared) -> Mapping[str, Fault]:
        """Of tokens, and how "info" is spelt: the document's samples have "Info"."""

        def spell(request: Mapping[str, Any]) -> None:
            self.info = str(request["word"])

        return {
            "expire_tokens": quickly(lambda _: self.tokens.expire()),
            "forget_tokens": quickly(lambda _: self.tokens.forget()),
            "spell_info": quickly(spell),
        }

    @staticmethod
    def identity(device: Device) -> dict[str, str]:
        """Product key, device name and secret."""
        names = ("product_key", "device_name", "device_secret")
        return dict(zip(names, (device.product, device.name, device.secret), strict=True))

    def login(self, connect: Connect, way: Way) -> Client:
        """Check client id, user name and password as document 73742 has them."""
        try:
            client_id, options = parameters(connect.client_id)
        except ValueError as error:
            raise self.refused("form", str(error)) from None
        method = options.get("signmethod", "hmacmd5")
        if method not in signing.ALIBABA_METHODS:
            known = ", ".join(signing.ALIBABA_METHODS)
            reason = f"signmethod {method!r} is unknown; use one of: {known}"
            raise self.refused("form", reason)
        mode = "2" if way.tls else "3"
        if options.get("securemode") != mode:
            port = "the TLS port" if way.tls else "the plain port"
            reason = f"securemode is {options.get('securemode')!r}, but {port} takes {mode}"
            raise self.refused("mode", reason)
        # The C SDK's header: below 30 s refused, above 1200 s taken as 1200 s.
        if connect.keepalive_s < 30:
            reason = f"keepalive of {connect.keepalive_s} s is below 30 s"
            raise self.refused("keepalive", reason)
        device = self.device_of_user(connect, "deviceName")
        fields = {
            "clientId": client_id,
            "deviceName": device.name,
            "productKey": device.product,
        }
        if "timestamp" in options:
            fields["timestamp"] = options["timestamp"]
        self._check_signature(connect, device, fields, method)
        names = {"product_key": device.product, "device_name": device.name}
        # `_ss=1` in the client id: the platform subscribes the device to its own topics.
        pushed = (f"/sys/{device.product}/{device.name}/thing/#",)
        return Client(
            device,
            self.session_of(device),
            names=names,
            pushed=pushed if options.get("_ss") == "1" else (),
            keepalive_s=min(connect.keepalive_s, 1200),
        )

    def _check_signature(
        self, connect: Connect, device: Device, fields: dict[str, str], method: str
    ) -> None:
        """Document 73742: clientId and timestamp may be left out of the signed content."""
        received = (connect.password or b"").decode("ascii", "replace")
        for absent in ((), ("timestamp",), ("clientId",), ("clientId", "timestamp")):
            signed_fields = {name: fields[name] for name in fields if name not in absent}
            signed = signing.alibaba(signed_fields, device.secret, method)
            if signing.same(signed.signature, received):
                return
        signed = signing.alibaba(fields, device.secret, method)
        reason = (
            f"signature differs: expected {signed.algorithm}, in hexadecimal;"
            f" the content is `{signed.content}`"
        )
        raise self.refused("signature", reason)

    def up(self, client: Client, topic: str) -> str | None:
        """As every cloud, and custom topics of a category; none that is too long."""
        may = self.uplink.categories.may_publish(topic, client.names)
        return self.broker_up(client, topic) if may else None

    def judge(self, client: Client, publish: Publish) -> Verdict:
        """Answer an Alink request on its `_reply` topic."""
        if not alink.is_request(publish.topic, client.names):
            return Verdict()
        try:
            request = decode(publish.payload)
        except ValueError:
            code, message = 460, "request parameter error: payload is not JSON"
            message_id, wanted = "", True
        else:
            code, message, message_id, wanted = alink.check(publish.topic, request)
        body = {
            "code": code,
            "data": {},
            "id": message_id,
            "message": message,
            "method": alink.method(publish.topic),
            "version": "1.0",
        }
        reply = Publish(publish.topic + "_reply", encode(body)) if wanted else None
        if code != 200:
            return Verdict("rejected", f"code {code}: {message}", reply)
        return Verdict(reply=reply, parts=alink.parts(publish.topic, request))

    def order(self, device: Device, name: str, data: dict[str, Any], message_id: str) -> Order:
        """`set` and `get` act on properties, any other name calls that service."""
        service = {"set": "property.set", "get": "property.get"}.get(name, name)
        if not service or any(c in service for c in "/+#") or ".." in f".{service}.":
            raise BadCommandError(f"{name!r} is no service identifier")
        topic = f"/sys/{device.product}/{device.name}/thing/service/{service.replace('.', '/')}"
        body = {
            "method": f"thing.service.{service}",
            "id": message_id,
            "params": data,
            "version": "1.0.0",
        }
        return Order(topic, encode(body), topic + "_reply", message_id)
