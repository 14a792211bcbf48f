"""Which devices are behind a gateway of Alibaba, and which of them has it logged in?

Sources: Alibaba Cloud, "Manage topological relationships" (document 89299), "Connect or disconnect
sub-devices", "Device registration" (document 89298); the Python SDK for what it asks.
"""

import itertools
from collections.abc import Callable, Mapping
from typing import Any

from tools import signing
from tools.twin.clouds.alibaba.answers import Answers
from tools.twin.clouds.alibaba.codes import Answer, Code, bad, good
from tools.twin.clouds.alibaba.registration import Registration
from tools.twin.clouds.alibaba.uplink import MistakeError
from tools.twin.registry.kept import Kept
from tools.twin.registry.store import Device

_MOST_ADDED, _MOST_LOGGED_IN = 30, 50  # in one request
_BAD_SIGNATURE = bad(Code.PARAMETER, "a signature differs")


class Gateways:
    """Of every device, for each may be one. answers: to what is no gateway's request."""

    def __init__(self, kept: Kept, answers: Answers, registration: Registration) -> None:
        self._kept = kept
        self._answers = answers
        self._registration = registration
        self._gateway: dict[str, str] = {}  # by label of who is logged in: that of its gateway
        self._by_method: Mapping[str, Callable[[Device, Any], Answer]] = {
            "thing.topo.add": self._add,
            "thing.topo.delete": self._delete,
            "thing.topo.get": lambda gateway, _params: good(self._behind(gateway)),
            "thing.sub.register": self._register,
            "thing.proxy.provisioning.product_register": self._register_proxied,
        }
        self._by_session: Mapping[str, Callable[[Device, Any], Answer]] = {
            "login": lambda gateway, params: self._login(gateway, [params], params),
            "batch_login": lambda gateway, params: self._login(
                gateway, params["deviceList"], params
            ),
            "logout": lambda gateway, params: self._logout(gateway, [params]),
            "batch_logout": self._logout,
        }

    def answer(self, device: Device, method: str, params: Any) -> Answer:
        """What a good Alink request of a device about itself is answered."""
        if known := self._by_method.get(method):
            return _answer(known, device, params)
        return self._answers.answer(device.product, device.name, method, params)

    def session(self, gateway: Device, what: str, params: Any) -> Answer:
        """What a request is answered that logs devices in or out. what: it follows `combine/`."""
        return _answer(self._by_session[what], gateway, params)

    def begins(self, device: Device) -> None:
        """It connects by itself: no gateway has it, and it has logged nobody in yet."""
        self._gateway.pop(device.label, None)
        self.ends(device)

    def ends(self, gateway: Device) -> None:
        """Its connection is gone, and the devices behind it with it."""
        for label in [each for each, via in self._gateway.items() if via == gateway.label]:
            del self._gateway[label]

    def names(self, gateway: Device, topic: str) -> list[Mapping[str, str]]:
        """What fills `{name}` in rules, of those in `topic` that it has logged in."""
        return [
            {"product_key": product, "device_name": name}
            for product, name in itertools.pairwise(topic.split("/"))
            if self._gateway.get(f"{product}/{name}") == gateway.label
        ]

    def gateway_of(self, device: Device) -> str:
        """The label of the gateway that has logged it in, or ""."""
        return self._gateway.get(device.label, "")

    def _behind(self, gateway: Device) -> list[dict[str, str]]:
        found: list[dict[str, str]] = self._kept.get(gateway.product, gateway.name, "topo", [])
        return found

    def _add(self, gateway: Device, params: list[dict[str, Any]]) -> Answer:
        added = []
        if len(params) > _MOST_ADDED:
            return bad(Code.PARAMETER, f"more than {_MOST_ADDED} devices")
        for given in params:
            own = _own(given)
            if f"{own['productKey']}/{own['deviceName']}" == gateway.label:
                return bad(Code.ITSELF)
            # The document has the first; the SDK for Node sends the second.
            if not self._signed(given, given.get("signmethod") or given.get("signMethod", "")):
                return _BAD_SIGNATURE
            added.append(own)
        others = [each for each in self._behind(gateway) if each not in added]
        self._kept.put(gateway.product, gateway.name, "topo", others + added)
        return good(added)

    def _delete(self, gateway: Device, params: list[dict[str, Any]]) -> Answer:
        gone = [_own(given) for given in params]
        if any(each not in self._behind(gateway) for each in gone):
            return bad(Code.NOT_BEHIND)
        left = [each for each in self._behind(gateway) if each not in gone]
        self._kept.put(gateway.product, gateway.name, "topo", left)
        self._forget(gateway, gone)
        return good(gone)

    def _register(self, _gateway: Device, params: list[dict[str, Any]]) -> Answer:
        names = [_own(given) for given in params]
        given = [self._registration.give(each["productKey"], each["deviceName"]) for each in names]
        return good([{"iotId": _iot_id(each), **each} for each in given])

    def _register_proxied(self, _gateway: Device, params: dict[str, Any]) -> Answer:
        answer: dict[str, list[dict[str, Any]]] = {"successes": [], "failures": []}
        for given in params["proxieds"]:
            method = str(given.get("signMethod", "")).lower()
            try:
                made = self._registration.register(given, method)
            except MistakeError as mistake:
                failure = {**_own(given), "code": Code.PARAMETER, "message": str(mistake)}
                answer["failures"].append(failure)
            else:
                answer["successes"].append({"iotId": _iot_id(made), **made})
        return good(answer)

    def _login(self, gateway: Device, those: list[Any], params: dict[str, Any]) -> Answer:
        """All of them or none."""
        if len(those) > _MOST_LOGGED_IN:
            return bad(Code.PARAMETER, f"more than {_MOST_LOGGED_IN} devices")
        for given in those:
            if _own(given) not in self._behind(gateway):
                return bad(Code.NOT_BEHIND)
            if not self._signed(given, params["signMethod"]):
                return _BAD_SIGNATURE
        for given in those:
            self._gateway[f"{given['productKey']}/{given['deviceName']}"] = gateway.label
        return good(_told(those))

    def _logout(self, gateway: Device, those: list[Any]) -> Answer:
        self._forget(gateway, [_own(given) for given in those])
        return good(_told(those))

    def _forget(self, gateway: Device, those: list[dict[str, str]]) -> None:
        for each in those:
            label = f"{each['productKey']}/{each['deviceName']}"
            if self._gateway.get(label) == gateway.label:
                del self._gateway[label]

    def _signed(self, given: dict[str, Any], method: str) -> bool:
        """Whether a device signed it itself. raises: MistakeError when there is no such device."""
        device = self._registration.device(given["productKey"], given["deviceName"])
        names = ("clientId", "deviceName", "productKey", "timestamp")
        fields = {name: str(given[name]) for name in names}
        if (hashed := method.lower()) not in signing.ALIBABA_METHODS:
            return False
        return signing.same(
            signing.alibaba(fields, device.secret, hashed).signature, given["sign"]
        )


def _answer(known: Callable[[Device, Any], Answer], gateway: Device, params: Any) -> Answer:
    try:
        return known(gateway, params)
    except MistakeError as mistake:
        if mistake.kind in ("unknown", "disabled"):
            return bad(Code.NO_DEVICE)
        return bad(Code.PARAMETER, str(mistake))
    except (KeyError, TypeError, AttributeError):
        return bad(Code.PARAMETER)


def _own(given: Mapping[str, Any]) -> dict[str, str]:
    return {"productKey": given["productKey"], "deviceName": given["deviceName"]}


def _told(those: list[Any]) -> Any:
    own = [_own(given) for given in those]
    return own[0] if len(own) == 1 else own


def _iot_id(made: Mapping[str, str]) -> str:
    """Any text that is one device's."""
    return f"{made['productKey']}.{made['deviceName']}"
