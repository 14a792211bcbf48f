"""How does Alibaba Cloud IoT Platform treat an MQTT device: its login, its topics, its answers?

Sources: help.aliyun.com documents 73742 (login), 89301 (Alink); alibabacloud.com doc-detail 30540
(what of MQTT it has); the C SDK's headers (keepalive, packet size).
"""

import time
from collections.abc import Mapping
from typing import Any, ClassVar

from tools import signing
from tools.twin.clouds.alibaba.topics import Categories
from tools.twin.clouds.cloud import (
    BadCommandError,
    Client,
    Cloud,
    Order,
    Rules,
    Verdict,
    Way,
    decode,
    encode,
    parameters,
)
from tools.twin.clouds.door import Door
from tools.twin.registry.store import Device, Store
from tools.twin.wire import topics
from tools.twin.wire.packets import Connect, Publish

_REGION = "cn-shanghai.aliyuncs.com"
_LINK = "cn-shanghai.link.aliyuncs.com"

LONGEST_TOPIC = 128  # characters: "Messaging", IoT Platform against standard MQTT

_SYS = "/sys/{product_key}/{device_name}/"
_BATCH = "thing.event.property.batch.post"
_DAY_MS = 24 * 60 * 60 * 1000

# doc-detail 30540: a device may publish and subscribe everything below its own
# `/sys/../thing/`, `/sys/../rrpc/`, and its product's; custom topics as their category says.
_OWN = (
    _SYS + "thing/*",
    _SYS + "rrpc/*",
    "/broadcast/{product_key}/*",
    "/ext/ntp/{product_key}/{device_name}/~",
    "/ext/rrpc/*",
    "/ota/device/~/{product_key}/{device_name}",
    "/shadow/~/{product_key}/{device_name}",
)

# Alink requests of a device; the reply goes to the same topic + `_reply`.
_REQUESTS = (
    _SYS + "thing/event/property/post",
    _SYS + "thing/event/property/batch/post",
    _SYS + "thing/event/~/post",
    _SYS + "thing/deviceinfo/update",
    _SYS + "thing/deviceinfo/delete",
    _SYS + "thing/property/desired/get",
    _SYS + "thing/property/desired/delete",
    _SYS + "thing/config/get",
)


class Alibaba(Cloud):
    """The rules of Alibaba Cloud."""

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
    publish_rules: ClassVar[Rules] = {"device": _OWN}
    subscribe_rules: ClassVar[Rules] = {"device": (*_OWN, "/{product_key}/{device_name}/*")}
    ready = (("device", "a1SignetPk", "board-1"),)

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._categories = Categories(store)

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
        device = self._device(connect)
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

    def _device(self, connect: Connect) -> Device:
        name, ampersand, product = (connect.user or "").partition("&")
        if not ampersand or connect.password is None:
            reason = "user name is not `deviceName&productKey`, or there is no password"
            raise self.refused("login", reason)
        device = self.store.device(self.name, "device", product, name)
        if device is None:
            hint = ""
            if self.store.device(self.name, "device", name, product):
                hint = "; the order is `deviceName&productKey`"
            reason = f"no device {name!r} in product {product!r}{hint}"
            raise self.refused("unknown", reason)
        if not device.enabled:
            raise self.refused("disabled", f"device {name!r} is disabled")
        return device

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
        return self.broker_up(client, topic) if self.may_publish(topic, client.names) else None

    def may_publish(self, topic: str, names: Mapping[str, str]) -> bool:
        """Whether the device of these names may publish to `topic`, whatever the way in."""
        if len(topic) > LONGEST_TOPIC:
            return False
        own = topics.allowed(topic, self.publish_rules["device"], names)
        return own or self._categories.allow(topic, names)

    def judge(self, client: Client, publish: Publish) -> Verdict:
        """Answer an Alink request on its `_reply` topic."""
        if not self.is_request(publish.topic, client.names):
            return Verdict()
        try:
            request = decode(publish.payload)
        except ValueError:
            code, message = 460, "request parameter error: payload is not JSON"
            message_id, wanted = "", True
        else:
            code, message, message_id, wanted = self.check(publish.topic, request)
        body = {
            "code": code,
            "data": {},
            "id": message_id,
            "message": message,
            "method": _method(publish.topic),
            "version": "1.0",
        }
        reply = Publish(publish.topic + "_reply", encode(body)) if wanted else None
        if code != 200:
            return Verdict("rejected", f"code {code}: {message}", reply)
        return Verdict(reply=reply, parts=self.parts(publish.topic, request))

    @staticmethod
    def is_request(topic: str, names: Mapping[str, str]) -> bool:
        """Whether what the device of these names publishes to `topic` is an Alink request."""
        return topics.allowed(topic, _REQUESTS, names)

    @staticmethod
    def check(topic: str, request: Any) -> tuple[int, str, str, bool]:
        """Code, message and id of an Alink reply, and whether one is wanted (document 89301).

        request: the decoded payload.
        """
        return _check(request, _method(topic))

    @staticmethod
    def parts(topic: str, request: dict[str, Any]) -> tuple[bytes, ...]:
        """The reports in a request that is good, where it holds several."""
        return _parts(request, _method(topic))

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


def _method(topic: str) -> str:
    """The Alink method of a topic: what follows product key and device name."""
    return ".".join(topic.split("/")[4:])


def _check(request: Any, method: str) -> tuple[int, str, str, bool]:
    if not isinstance(request, dict):
        return 460, "request parameter error: payload is not an object", "", True
    system = request.get("sys")
    wanted = not isinstance(system, dict) or system.get("ack") != 0
    message_id = request.get("id")
    if not isinstance(message_id, str) or not message_id:
        return 460, "request parameter error: id is not a text", "", wanted
    if request.get("method", method) != method:
        return 460, f"request parameter error: method is not {method}", message_id, wanted
    problem = (_batch if method == _BATCH else _params)(request.get("params"))
    if problem:
        return 460, f"request parameter error: {problem}", message_id, wanted
    return 200, "success", message_id, wanted


def _batch(params: Any) -> str | None:
    """What is wrong with several reports in one, if anything: lists of values with their times."""
    if not isinstance(params, dict) or not params or params.keys() - {"properties", "events"}:
        return "params is not an object of properties and events"
    for kind, members in params.items():
        if not isinstance(members, dict) or not members:
            return f"{kind} is not an object with at least one member"
        for name, entries in members.items():
            if not isinstance(entries, list) or not entries:
                return f"{name} is not a list with at least one value"
            for entry in entries:
                if not isinstance(entry, dict) or entry.keys() != {"value", "time"}:
                    return f"{name} has a value that is not one with its time"
                if problem := _params({name: entry}):
                    return problem
    return None


def _parts(request: dict[str, Any], method: str) -> tuple[bytes, ...]:
    """The reports of a batch: values of one time are of one, each name once; then the events."""
    if method != _BATCH:
        return ()
    reports: list[dict[str, Any]] = []
    for name, entries in request["params"].get("properties", {}).items():
        for entry in entries:
            for report in reports:
                if name not in report and next(iter(report.values()))["time"] == entry["time"]:
                    report[name] = entry
                    break
            else:
                reports.append({name: entry})
    reports.sort(key=lambda report: next(iter(report.values()))["time"])
    for entries in request["params"].get("events", {}).values():
        reports += entries
    return tuple(encode(request | {"params": report}) for report in reports)


def _params(params: Any) -> str | None:
    """What is wrong with Alink params, if anything: an object; times at most a day ahead."""
    if isinstance(params, list):
        return None  # tags: thing.deviceinfo.update
    if not isinstance(params, dict):
        return "params is not an object"
    latest_ms = time.time_ns() // 1_000_000 + _DAY_MS
    for name, value in params.items():
        if isinstance(value, dict) and "value" in value and "time" in value:
            time_ms = value["time"]
            if not isinstance(time_ms, int) or isinstance(time_ms, bool):
                return f"time of {name} is not an integer of milliseconds"
            if time_ms > latest_ms:
                return f"time of {name} is more than 24 hours ahead"
    return None
