"""What does Watson's device management answer, and how does it have a device act?

Sources: the platform's docs, `devices/device_mgmt/` (index, requests, custom_actions). What the
docs leave open: a device that is not managed gets 404.
"""

import re
import time
from collections.abc import Callable, Mapping
from typing import Any

from tools.twin.clouds.text import decode, encode
from tools.twin.clouds.values import BadCommandError, Order, Verdict
from tools.twin.clouds.watson.registry import Registry
from tools.twin.registry.kept import Kept
from tools.twin.registry.store import Device, Store
from tools.twin.wire.packets import Publish

_TOPIC = re.compile(r"iotdevice-1/(?:type/([^/]+)/id/([^/]+)/)?(.+)")
ACTION = re.compile(r"[^/+#]+/[^/+#]+")
"""What an action is called; no command id has a slash."""

_LEAST_LIFETIME_S = 3600
_MOST_LIFETIME_S = 1 << 31  # what is more lasts for ever, too
_MOST_BEGUN = 1000  # actions under way; the oldest go

# The platform's names of actions: which of `supports` they need, and their topic.
_ACTIONS = {
    "device/reboot": ("deviceActions", "mgmt/initiate/device/reboot"),
    "device/factoryReset": ("deviceActions", "mgmt/initiate/device/factory_reset"),
    "firmware/download": ("firmwareActions", "mgmt/initiate/firmware/download"),
    "firmware/update": ("firmwareActions", "mgmt/initiate/firmware/update"),
}
_FIRMWARE = ("version", "name", "uri", "verifier")
_DONE = (200, 202, 204)

_Step = tuple[str, str, Mapping[str, Any]]
"""The end of a request id, the topic after `iotdm-1/`, and `d` of one request to a device."""


class Management:
    """The management of the devices of one store. registry: gets what they say of themselves."""

    def __init__(self, store: Store, registry: Registry) -> None:
        self._kept = Kept(store, "watson")
        self._registry = registry
        # By label of the device and request id: what follows when that is done.
        self._next: dict[tuple[str, str], list[_Step]] = {}
        self._requests: Mapping[str, Callable[[Device, Any], tuple[int, str]]] = {
            "mgmt/manage": self._manage,
            "mgmt/unmanage": self._unmanage,
            "device/update/location": self._locate,
            "add/diag/errorCodes": self._add_code,
            "clear/diag/errorCodes": lambda device, _d: self._clear(device, "errorCodes"),
            "add/diag/log": self._add_log,
            "clear/diag/log": lambda device, _d: self._clear(device, "logs"),
            "notify": self._notify,
        }

    # From a device

    def judge(self, org: str, own: Device, publish: Publish) -> Verdict:
        """Answer a request; go on with what the platform wants, when a device has answered."""
        found = _TOPIC.fullmatch(publish.topic)
        if found is None:
            return Verdict()
        type_id, device_id, what = found.groups()
        who = f"type/{type_id}/id/{device_id}/" if type_id else ""
        product = f"{org}/{type_id}" if type_id else own.product
        device = Device("watson", "device", product, device_id or own.name, "")
        try:
            body = decode(publish.payload)
            if not isinstance(body, dict):
                raise ValueError("not an object")
        except ValueError:
            return Verdict("rejected", "the payload is not a JSON object")
        if what == "response":
            return self._go_on(device, who, body)
        request = self._requests.get(what)
        if request is None:
            code, message = 400, f"there is no request {what!r}"
        elif what != "mgmt/manage" and self.managed(device) is None:
            code, message = 404, "the device is not managed: mgmt/manage comes first"
        elif not isinstance(body.get("d") or {}, dict):
            code, message = 400, "d is not an object"
        else:
            code, message = request(device, body.get("d") or {})
        answer = {"rc": code, "reqId": body.get("reqId")} | (
            {"message": message} if message else {}
        )
        reply = None
        if body.get("reqId"):
            reply = Publish(f"iotdm-1/{who}response", encode(answer), qos=1)
        elif what == "notify" and code == 200:
            reply = self._observed(who, body["d"]["fields"])
        if code != 200:
            return Verdict("rejected", f"rc {code}: {message}", reply)
        return Verdict("stored" if what == "notify" else "answered", reply=reply)

    def managed(self, device: Device) -> dict[str, Any] | None:
        """What a device said in mgmt/manage; None when it is not managed, or no longer."""
        said: dict[str, Any] | None = self._kept.get(device.product, device.name, "managed")
        return None if said is None or (said["until"] and said["until"] < time.time()) else said

    def _manage(self, device: Device, d: Any) -> tuple[int, str]:
        lifetime_s, supports = d.get("lifetime", 0), d.get("supports", {})
        if type(lifetime_s) is not int or 0 != lifetime_s < _LEAST_LIFETIME_S:
            return 400, f"lifetime is neither 0 nor {_LEAST_LIFETIME_S} s or more"
        if not isinstance(supports, dict) or not all(type(v) is bool for v in supports.values()):
            return 400, "supports is not an object of true and false"
        if not all(isinstance(d.get(name) or {}, dict) for name in ("deviceInfo", "metadata")):
            return 400, "deviceInfo or metadata is not an object"
        until = time.time() + min(lifetime_s, _MOST_LIFETIME_S) if lifetime_s else 0
        said = {name: d.get(name) or {} for name in ("supports", "deviceInfo", "metadata")}
        self._kept.put(device.product, device.name, "managed", {**said, "until": until})
        self._registry.change(device, said["deviceInfo"], said["metadata"] or None)
        return 200, ""

    def _unmanage(self, device: Device, _d: Any) -> tuple[int, str]:
        self._kept.put(device.product, device.name, "managed", None)
        return 200, ""

    def _locate(self, device: Device, d: Any) -> tuple[int, str]:
        if problem := bad_location(d):
            return 400, problem
        self._registry.locate(device, d)
        return 200, ""

    def _add_code(self, device: Device, d: Any) -> tuple[int, str]:
        if problem := bad_code(d):
            return 400, problem
        self._registry.diagnose(device, "errorCodes", d)
        return 200, ""

    def _add_log(self, device: Device, d: Any) -> tuple[int, str]:
        if problem := bad_log(d):
            return 400, problem
        self._registry.diagnose(device, "logs", d)
        return 200, ""

    def _clear(self, device: Device, what: str) -> tuple[int, str]:
        self._registry.put_diagnostics(device, what, [])
        return 200, ""

    def _notify(self, _device: Device, d: Any) -> tuple[int, str]:
        fields = d.get("fields")
        if not isinstance(fields, list) or not all(
            isinstance(each, dict) and isinstance(each.get("field"), str) for each in fields
        ):
            return 400, "d.fields is not a list of {field, value}"
        return 200, ""

    def _observed(self, who: str, fields: Any) -> Publish | None:
        """Observe firmware no longer once it is downloaded, installed, or has failed."""
        for each in fields:
            value = each.get("value")
            if each["field"] == "mgmt.firmware" and isinstance(value, dict):
                done = value.get("state") == 2 or value.get("updateStatus", 1) != 1
                return _request(who, "cancelled", "cancel", _OBSERVED) if done else None
        return None

    # To a device

    def order(self, device: Device, name: str, data: dict[str, Any], message_id: str) -> Order:
        """An action, in the platform's name of it. raises: BadCommandError.

        Firmware takes several requests, each when the one before is answered; the last has the
        message id for its own.
        """
        said = self.managed(device)
        if said is None:
            raise BadCommandError(f"{device.label} is not managed: it sends mgmt/manage first")
        needs, topic = _ACTIONS.get(name, (name.partition("/")[0], f"mgmt/custom/{name}"))
        who = ""
        if device.gateway or device.kind == "gateway":
            who = f"type/{device.product.partition('/')[2]}/id/{device.name}/"
        if name == "device/update":
            fields = [{"field": field, "value": data[field]} for field in data]
            return Order(f"iotdm-1/{who}{name}", encode({"d": {"fields": fields}}))
        if said["supports"].get(needs) is not True:
            raise BadCommandError(f"{device.label} does not support {needs}: so its mgmt/manage")
        (end, topic, d), *following = _steps(name, topic, data)
        if following:
            self._next[device.label, message_id] = following
        if len(self._next) > _MOST_BEGUN:
            del self._next[next(iter(self._next))]
        request = _request(who, message_id + end, topic, d)
        reply = f"iotdevice-1/{who}response"
        return Order(request.topic, request.payload, reply, message_id)

    def reply(self, publish: Publish) -> tuple[tuple[str, str], Any] | None:
        """Is that a device's last answer to an action, or one that ends it?"""
        found = _TOPIC.fullmatch(publish.topic)
        if found is None or found[3] != "response":
            return None
        try:
            body = decode(publish.payload)
            message_id, step, _ = str(body["reqId"]).partition("-")
            if step and body["rc"] in _DONE:
                return None
        except (ValueError, KeyError, TypeError):
            return None
        return (publish.topic, message_id), body

    def _go_on(self, device: Device, who: str, body: Mapping[str, Any]) -> Verdict:
        message_id = str(body.get("reqId")).partition("-")[0]
        following = self._next.pop((device.label, message_id), [])
        if not following or body.get("rc") not in _DONE:
            return Verdict()
        (end, topic, d), *rest = following
        if rest:
            self._next[device.label, message_id] = rest
        return Verdict(reply=_request(who, message_id + end, topic, d))


def bad_location(d: Mapping[str, Any]) -> str:
    """What is wrong with a location; "" of a good one."""
    for name, most in (("longitude", 180), ("latitude", 90)):
        value = d.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= most:
            return f"{name} is not a number from -{most} to {most}"
    return ""


def bad_code(d: Mapping[str, Any]) -> str:
    """The same of an error code."""
    return "" if type(d.get("errorCode")) is int else "errorCode is not a whole number"


def bad_log(d: Mapping[str, Any]) -> str:
    """The same of an entry of a log."""
    if isinstance(d.get("message"), str) and d.get("severity", 0) in (0, 1, 2):
        return ""
    return "message is not a text, or severity none of 0, 1, 2"


_OBSERVED = {"fields": [{"field": "mgmt.firmware"}]}


def _steps(name: str, topic: str, data: Mapping[str, Any]) -> list[_Step]:
    """The requests that make one action. raises: BadCommandError."""
    if not name.startswith("firmware/"):
        fields = [{"field": field, "value": data[field]} for field in data]
        return [("", topic, {"fields": fields} if fields else {})]
    steps: list[_Step] = [("-observe", "observe", _OBSERVED), ("", topic, {})]
    if name == "firmware/download":
        if not isinstance(data.get("uri"), str) or set(data) - set(_FIRMWARE):
            raise BadCommandError(
                """firmware/download takes '{"uri": "https://...", "version": "1.1"}',"""
                " and name, verifier"
            )
        value = {key: data.get(key, "") for key in _FIRMWARE}
        value |= {"state": 0, "updateStatus": 0, "updatedDateTime": ""}
        fields = [{"field": "mgmt.firmware", "value": value}]
        steps.insert(0, ("-update", "device/update", {"fields": fields}))
    return steps


def _request(who: str, request_id: str, topic: str, d: Mapping[str, Any]) -> Publish:
    body: dict[str, Any] = {"reqId": request_id} | ({"d": d} if d else {})
    return Publish(f"iotdm-1/{who}{topic}", encode(body), qos=1)
