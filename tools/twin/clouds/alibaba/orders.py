"""How does a command look that goes down to a device of Alibaba?

Sources: help.aliyun.com documents 89301 (properties, services), 109807 (desired properties), 89308
(remote configuration), "OTA updates", "What is RRPC", "Device shadow data stream".
"""

import time
from collections.abc import Callable, Mapping
from typing import Any

from tools.twin.clouds.alibaba.answers import Answers
from tools.twin.clouds.alibaba.shadow import Shadows
from tools.twin.clouds.text import decode, encode
from tools.twin.clouds.values import BadCommandError, Order
from tools.twin.registry.store import Device
from tools.twin.wire.packets import Publish

HELP = (
    "`set` sets properties, `desired` also keeps them for later, `shadow` those of the shadow,"
    " `config` and `ota` tell of a file, `topo` of devices behind it, `rrpc` or `rrpc:/TOPIC`"
    ' asks, `raw` sends {"hex": "01"}, any other name is a service'
)
_CUSTOM_RRPC = "rrpc:"
# What the documents have of a file, beside where it is.
_CONFIG = ("configId", "configSize", "sign", "signMethod", "url")
_PACKAGE = ("version", "size", "sign", "signMethod", "url")


class Orders:
    """Makes them. answers, shadows: what they change."""

    def __init__(self, answers: Answers, shadows: Shadows) -> None:
        self._answers = answers
        self._shadows = shadows
        self._by_name: Mapping[str, Callable[[Device, dict[str, Any], str], Order]] = {
            "set": lambda device, data, own_id: _service(device, "property.set", data, own_id),
            "get": lambda device, data, own_id: _service(device, "property.get", data, own_id),
            "desired": self._desired,
            "shadow": self._shadow,
            "config": self._config,
            "ota": self._ota,
            "rrpc": _rrpc,
            "topo": _topo,
            "raw": _raw,
        }

    def order(self, device: Device, name: str, data: dict[str, Any], message_id: str) -> Order:
        """The command of that name. raises: BadCommandError."""
        if name.startswith(_CUSTOM_RRPC + "/"):
            return _custom_rrpc(name.removeprefix(_CUSTOM_RRPC), data, message_id)
        if known := self._by_name.get(name):
            return known(device, data, message_id)
        return _service(device, name, data, message_id)

    def _desired(self, device: Device, data: dict[str, Any], message_id: str) -> Order:
        self._answers.desire(device.product, device.name, data)
        order = _service(device, "property.set", data, message_id)
        order.kept = True
        return order

    def _shadow(self, device: Device, data: dict[str, Any], _message_id: str) -> Order:
        told = self._shadows.desire(device.product, device.name, data)
        return Order(f"/shadow/get/{device.product}/{device.name}", told, kept=True)

    def _config(self, device: Device, data: dict[str, Any], message_id: str) -> Order:
        configuration = {"signMethod": "Sha256", "getType": "file", **data}
        _check(configuration, _CONFIG)
        self._answers.configure(device.product, configuration)
        topic = f"/sys/{device.product}/{device.name}/thing/config/push"
        order = _alink(topic, "thing.config.push", configuration, message_id)
        order.kept = True
        return order

    def _ota(self, device: Device, data: dict[str, Any], _message_id: str) -> Order:
        package = {"signMethod": "SHA256", **data}
        _check(package, _PACKAGE)
        self._answers.offer(device.product, device.name, package)
        return Order(*upgrade(device.product, device.name, package), kept=True)


def upgrade(product: str, name: str, package: Mapping[str, Any]) -> tuple[str, bytes]:
    """Topic and payload that tell a device of a package."""
    body = {"code": "1000", "data": package, "id": time.time_ns() // 1_000_000}
    return f"/ota/device/upgrade/{product}/{name}", encode({**body, "message": "success"})


def reply(publish: Publish) -> tuple[tuple[str, str], Any] | None:
    """Is that a device's reply, which has no Alink id? Then (topic, message id), and its body."""
    levels = publish.topic.split("/")
    if levels[1:3] == ["ext", "rrpc"] and len(levels) > 4:
        return (publish.topic, levels[3]), _body(publish.payload)
    if levels[4:6] == ["rrpc", "response"] and len(levels) == 7:
        return (publish.topic, levels[6]), _body(publish.payload)
    if levels[4:] == ["thing", "model", "down_raw_reply"]:
        return (publish.topic, ""), {"hex": publish.payload.hex()}
    return None


def _body(payload: bytes) -> Any:
    try:
        return decode(payload)
    except ValueError:
        return payload.decode("utf-8", "backslashreplace")


def _check(data: Mapping[str, Any], names: tuple[str, ...]) -> None:
    if missing := [name for name in names if name not in data]:
        raise BadCommandError(f"it needs {', '.join(names)}; missing: {', '.join(missing)}")


def _alink(topic: str, method: str, params: Any, message_id: str) -> Order:
    body = {"method": method, "id": message_id, "params": params, "version": "1.0.0"}
    return Order(topic, encode(body), topic + "_reply", message_id)


def _service(device: Device, service: str, data: dict[str, Any], message_id: str) -> Order:
    if not service or any(c in service for c in "/+#") or ".." in f".{service}.":
        raise BadCommandError(f"{service!r} is no service identifier")
    topic = f"/sys/{device.product}/{device.name}/thing/service/{service.replace('.', '/')}"
    return _alink(topic, f"thing.service.{service}", data, message_id)


def _topo(device: Device, data: dict[str, Any], message_id: str) -> Order:
    topic = f"/sys/{device.product}/{device.name}/thing/topo/change"
    order = _alink(topic, "thing.topo.change", data, message_id)
    order.reply_topic = None  # the document has one, the vendor's SDKs send none
    return order


def _rrpc(device: Device, data: dict[str, Any], message_id: str) -> Order:
    asked = f"/sys/{device.product}/{device.name}/rrpc/"
    answered = f"{asked}response/{message_id}"
    return Order(f"{asked}request/{message_id}", encode(data), answered, message_id, qos=0)


def _custom_rrpc(topic: str, data: dict[str, Any], message_id: str) -> Order:
    if any(c in topic for c in "+#") or "//" in topic or topic.endswith("/"):
        raise BadCommandError(f"{topic!r} is no topic")
    asked = f"/ext/rrpc/{message_id}{topic}"
    return Order(asked, encode(data), asked, message_id, qos=0)


def _raw(device: Device, data: dict[str, Any], _message_id: str) -> Order:
    try:
        payload = bytes.fromhex(data["hex"])
    except (KeyError, TypeError, ValueError):
        raise BadCommandError('it needs {"hex": "0102"}') from None
    topic = f"/sys/{device.product}/{device.name}/thing/model/down_raw"
    return Order(topic, payload, topic + "_reply")
