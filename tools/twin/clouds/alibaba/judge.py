"""What becomes of a message that a device of Alibaba publishes by MQTT, and what is it answered?

Sources: help.aliyun.com document 89301 (Alink), "NTP service", "OTA updates", "Connect or
disconnect sub-devices"; the shadow's are in shadow.py.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any

from tools.twin.clouds.alibaba import alink, orders
from tools.twin.clouds.alibaba.answers import Answers
from tools.twin.clouds.alibaba.codes import Answer, Code, bad
from tools.twin.clouds.alibaba.gateway import Gateways
from tools.twin.clouds.alibaba.shadow import Shadows
from tools.twin.clouds.alibaba.topics import SESSION
from tools.twin.clouds.text import decode, encode
from tools.twin.clouds.values import Verdict
from tools.twin.registry.store import Device
from tools.twin.wire import topics
from tools.twin.wire.packets import Publish

Names = Mapping[str, str]
_STEPS = range(-4, 101)  # per cent; below 0 what failed


class Judge:
    """Judges; answers, shadows and gateways know the answers."""

    def __init__(self, answers: Answers, shadows: Shadows, gateways: Gateways) -> None:
        self._answers = answers
        self._shadows = shadows
        self._gateways = gateways
        whose = "{product_key}/{device_name}"
        self._by_topic: Mapping[str, Callable[[Device, Names, Publish], Verdict]] = {
            f"/ext/ntp/{whose}/request": _time,
            f"/shadow/update/{whose}": self._shadow,
            f"/ota/device/inform/{whose}": self._inform,
            f"/ota/device/progress/{whose}": _progress,
            **dict.fromkeys(SESSION, self._session),
        }

    def judge(self, device: Device, names: Names, publish: Publish) -> Verdict:
        """device: who publishes. names: of whom, for it may be behind a gateway."""
        if alink.is_request(publish.topic, names):
            return self._alink(device, names, publish)
        for rule, verdict in self._by_topic.items():
            if topics.allowed(publish.topic, (rule,), names):
                return verdict(device, names, publish)
        return Verdict()

    def _alink(self, device: Device, names: Names, publish: Publish) -> Verdict:
        """Answer an Alink request on its `_reply` topic."""
        topic, method = publish.topic, alink.method(publish.topic)
        request: Any = None
        try:
            request = decode(publish.payload)
        except ValueError:
            checked = alink.Checked(*bad(Code.PARAMETER, "payload is not JSON")[:2], "", True)
        else:
            checked = alink.check(topic, request)
        answer: Answer = (checked.code, checked.message, {})
        if checked.code == Code.OK:
            params, own = request.get("params"), names["device_name"] == device.name
            if own:
                answer = self._gateways.answer(device, method, params)
            else:
                product, name = names["product_key"], names["device_name"]
                answer = self._answers.answer(product, name, method, params)
        code, message, data = answer
        body = {"code": code, "data": data, "id": checked.id, "message": message}
        body |= {"method": method, "version": "1.0"}
        reply = Publish(topic + "_reply", encode(body)) if checked.wanted else None
        if code != Code.OK:
            return Verdict("rejected", f"code {code}: {message}", reply)
        if alink.is_question(topic):
            return Verdict("answered", reply=reply)
        return Verdict(reply=reply, parts=alink.parts(topic, request))

    def _shadow(self, _device: Device, names: Names, publish: Publish) -> Verdict:
        product, name = names["product_key"], names["device_name"]
        told, method, problem = self._shadows.answer(product, name, publish.payload)
        reply = Publish(f"/shadow/get/{product}/{name}", told)
        if problem:
            return Verdict("rejected", problem, reply)
        return Verdict("answered" if method == "get" else "stored", reply=reply)

    def _inform(self, _device: Device, names: Names, publish: Publish) -> Verdict:
        """A module's version: the platform answers where it has another one for it."""
        params = _params(publish)
        version = params.get("version")
        module = params.get("module", "default")
        if not isinstance(version, str) or not isinstance(module, str):
            return Verdict("rejected", "params has no version, or a module that is no text")
        product, name = names["product_key"], names["device_name"]
        package = self._answers.informed(product, name, module, version)
        reply = Publish(*orders.upgrade(product, name, package)) if package else None
        return Verdict(reply=reply)

    def _session(self, device: Device, _names: Names, publish: Publish) -> Verdict:
        """A gateway logs devices in or out, or does so for many at once."""
        method = publish.topic.rpartition("/")[2]
        request = _object(publish)
        code, message, data = self._gateways.session(device, method, request.get("params"))
        body = {"id": request.get("id"), "code": code, "message": message, "data": data}
        reply = Publish(publish.topic + "_reply", encode(body))
        if code != Code.OK:
            return Verdict("rejected", f"code {code}: {message}", reply)
        return Verdict("answered", reply=reply)


def _time(_device: Device, names: Names, publish: Publish) -> Verdict:
    now_ms = str(time.time_ns() // 1_000_000)
    sent = _object(publish).get("deviceSendTime")
    if sent is None:
        return Verdict("rejected", "deviceSendTime is missing")
    body = {"deviceSendTime": sent, "serverRecvTime": now_ms, "serverSendTime": now_ms}
    topic = f"/ext/ntp/{names['product_key']}/{names['device_name']}/response"
    return Verdict("answered", reply=Publish(topic, encode(body)))


def _progress(_device: Device, _names: Names, publish: Publish) -> Verdict:
    try:
        step = int(_params(publish)["step"])
    except (KeyError, TypeError, ValueError):
        step = _STEPS.stop
    if step in _STEPS:
        return Verdict()
    return Verdict("rejected", "step is not one of -4 to 100, as a text")


def _object(publish: Publish) -> dict[str, Any]:
    """The payload where it is an object, else an empty one."""
    try:
        value = decode(publish.payload)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _params(publish: Publish) -> dict[str, Any]:
    params = _object(publish).get("params")
    return params if isinstance(params, dict) else {}
