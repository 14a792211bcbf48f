"""What does EnOS answer to a request of a device, and which devices are on line behind a gateway?

Sources: the vendor's documents, `reference/mqtt` (topology_management, upstream), `howto/ota`;
for codes without a document its SDKs' tables. Any device may be a gateway here: the documents'
node types of products are not in this twin, nor is their limit of 200 devices on line.
"""

from collections.abc import Callable, Mapping
from typing import Any

from tools import signing
from tools.twin.clouds.enos.codes import Code
from tools.twin.clouds.enos.registry import Registry, asset_id
from tools.twin.clouds.values import Client
from tools.twin.registry.store import Device

Answer = tuple[int, str, Any]
"""Code, message and data of a reply."""

_OK: Answer = (Code.OK, "", {})
_MAPS = ("tslAttributeMap", "tslMeasurepointMap", "tslServiceMap", "tslEventMap")


class Answers:
    """Answers by topic."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self._online: dict[str, Client] = {}  # by label of a device: the gateway it is behind
        self._answers: Mapping[str, Callable[[Client, str, Any], Answer]] = {
            "thing/attribute/update": self._set_attributes,
            "thing/attribute/query": lambda _, label, p: self._query(label, "attribute", p),
            "thing/attribute/delete": lambda _, label, p: self._remove(label, "attribute", p),
            "thing/tag/update": self._set_tags,
            "thing/tag/query": lambda _, label, p: self._query(label, "tag", p),
            "thing/tag/delete": lambda _, label, p: self._remove(label, "tag", p),
            "thing/tsltemplate/get": self._model,
            "ota/device/inform": self._version,
            "ota/device/progress": self._progress,
            "ota/device/getversion": self._upgrades,
            "thing/device/register": self._register,
            "thing/topo/add": self._attach,
            "thing/topo/delete": self._detach,
            "thing/topo/get": self._topology,
            "combine/login": self._login,
            "combine/login/batch": self._login_batch,
            "combine/logout": self._logout,
        }

    def answer(self, client: Client, label: str, what: str, request: Mapping[str, Any]) -> Answer:
        """What a request gets whose params are good.

        label: of the device that the topic names. what: the topic after its names, as a rule.
        """
        if what.startswith("integration/"):
            return self._integrated(client, what, request["params"])
        if what.startswith(("thing/measurepoint/", "thing/event/")):
            return self._reported(client, label, what, request)
        answer = self._answers.get(what)
        return answer(client, label, request.get("params")) if answer else _OK

    # Which devices are on line behind which gateway

    def is_online(self, device: Device) -> bool:
        """Whether a device has logged in behind its gateway."""
        return device.label in self._online

    def offline(self, client: Client) -> None:
        """A gateway's connection is gone, and the devices behind it with it."""
        for label in [label for label, via in self._online.items() if via is client]:
            del self._online[label]

    def drop(self, device: Device) -> None:
        """One device is no longer on line."""
        self._online.pop(device.label, None)

    def _speaks(self, client: Client, label: str) -> bool:
        return label == client.device.label or self._online.get(label) is client

    def _login(self, client: Client, _label: str, params: Any) -> Answer:
        code, message = self._log_in(client, params)
        return (code, message, self._who(params)) if code == Code.OK else (code, message, {})

    def _login_batch(self, client: Client, _label: str, params: Any) -> Answer:
        shared = {key: params.get(key) for key in ("clientId", "timestamp", "signMethod")}
        good: list[Any] = []
        bad: list[Any] = []
        first: int = Code.OK
        messages = []
        for entry in params["subDevices"]:
            code, message = self._log_in(client, shared | entry)
            if code == Code.OK:
                good.append(self._who(entry))
                continue
            first = code if first == Code.OK else first
            names = {key: entry[key] for key in ("productKey", "deviceKey")}
            bad.append(names)
            messages.append(f"{names['productKey']}&{names['deviceKey']}: {message}")
        data = {"loginedSubDevices": good, "failedSubDevices": bad}
        return first, "; ".join(messages), data

    def _log_in(self, client: Client, params: Mapping[str, Any]) -> tuple[int, str]:
        device = self._device(params)
        if device is None:
            return Code.NO_DEVICE, "there is no such device"
        if not device.enabled:
            return Code.DISABLED, "the device is disabled"
        if self.registry.gateway(device.label) != client.device.label:
            return (
                Code.NOT_BEHIND,
                "the device is not behind this gateway: thing/topo/add puts it there",
            )
        by_product = str(params.get("secureMode", "2")) == "3"
        if by_product and self.registry.is_activated(device):
            return (
                Code.ACTIVATED,
                "the device is activated already: it logs in with its device secret",
            )
        secret = self.registry.product_secret(device.product) if by_product else device.secret
        if not _is_signed(params, secret):
            return Code.SIGNATURE, "the signature is not that of the device"
        self._online[device.label] = client
        return Code.OK, ""

    def _who(self, params: Mapping[str, Any]) -> dict[str, str]:
        """A device that has logged in; with its secret where that is what it came for."""
        device = self._device(params)
        assert device is not None
        secret = {"deviceSecret": device.secret} if str(params.get("secureMode")) == "3" else {}
        return _names(device) | secret

    def _logout(self, client: Client, _label: str, params: Any) -> Answer:
        label = _label_of(params)
        if self.registry.gateway(label) != client.device.label:
            return Code.NOT_BEHIND, "the device is not behind this gateway", {}
        self._online.pop(label, None)
        return Code.OK, "", {key: params[key] for key in ("productKey", "deviceKey")}

    # Registration and topology

    def _register(self, _client: Client, _label: str, params: Any) -> Answer:
        new = set()
        for entry in params:
            if not self.registry.has_product(entry["productKey"]):
                return Code.PARAMETER, f"there is no product {entry['productKey']!r}", {}
            if "deviceKey" not in entry:
                continue
            if self._device(entry) or _label_of(entry) in new:
                return Code.PARAMETER, f"there is a device {entry['deviceKey']!r} already", {}
            new.add(_label_of(entry))
        added = []
        for entry in params:
            device = self.registry.add(entry["productKey"], entry.get("deviceKey"))
            self.registry.set_values(
                device.label, "attribute", entry.get("deviceAttributes") or {}
            )
            added.append({**_names(device), "deviceSecret": device.secret})
        return Code.OK, "", added

    def _attach(self, client: Client, _label: str, params: Any) -> Answer:
        problems = []
        gateway = client.device.label
        for entry in params:
            device, label = self._device(entry), _label_of(entry)
            if device is None:
                problems.append(f"{label} does not exist")
            elif label == gateway or self.registry.behind(label):
                problems.append(f"{label} is a gateway")
            elif self.registry.gateway(label) not in ("", gateway):
                problems.append(f"{label} is behind another gateway")
            elif not _is_signed(entry, device.secret):
                problems.append(f"the signature of {label} is wrong")
            else:
                self.registry.attach(label, gateway)
        return (Code.NOT_ADDED, "; ".join(problems), {}) if problems else _OK

    def _detach(self, client: Client, _label: str, params: Any) -> Answer:
        problems = []
        for entry in params:
            label = _label_of(entry)
            if self.registry.gateway(label) != client.device.label:
                problems.append(f"{label} is not behind this gateway")
            elif label in self._online:
                problems.append(f"{label} is on line")
            else:
                self.registry.attach(label, "")
        return (Code.NOT_DELETED, "; ".join(problems), {}) if problems else _OK

    def _topology(self, client: Client, _label: str, _params: Any) -> Answer:
        pairs = (label.split("/") for label in self.registry.behind(client.device.label))
        return Code.OK, "", [{"deviceKey": name, "productKey": product} for product, name in pairs]

    # Reports

    def _reported(
        self, client: Client, label: str, what: str, request: Mapping[str, Any]
    ) -> Answer:
        entries = request["params"] if what.endswith("/batch") else [{}]
        offline_too = request.get("allowOfflineSubDevice") is True
        for entry in entries:
            named = _label_of(entry) if entry.get("deviceKey") else label
            behind = named == label or self.registry.gateway(named) == client.device.label
            if not behind or not (self._speaks(client, named) or offline_too):
                return Code.OFFLINE, f"{named} is not on line behind this gateway", {}
        return _OK

    def _integrated(self, client: Client, what: str, params: Any) -> Answer:
        for entry in params:
            if self.registry.device(client.device.product, entry["deviceKey"]) is None:
                return Code.UNKNOWN, f"there is no device {entry['deviceKey']!r}", {}
        for entry in params if "attribute" in what else ():
            label = f"{client.device.product}/{entry['deviceKey']}"
            self.registry.set_values(label, "attribute", entry["attributes"])
        return _OK

    # What the platform keeps of a device

    def _set_attributes(self, _client: Client, label: str, params: Any) -> Answer:
        self.registry.set_values(label, "attribute", params["attributes"])
        return _OK

    def _set_tags(self, _client: Client, label: str, params: Any) -> Answer:
        tags = {tag["tagKey"]: tag["tagValue"] for tag in params}
        self.registry.set_values(label, "tag", tags)
        return _OK

    def _query(self, label: str, kind: str, params: Any) -> Answer:
        """Those that are named; all of them where none is."""
        wanted = params[kind + "s"]
        values = self.registry.values(label, kind)
        return Code.OK, "", {name: values[name] for name in values if not wanted or name in wanted}

    def _remove(self, label: str, kind: str, params: Any) -> Answer:
        self.registry.remove_values(label, kind, params[kind + "s"])
        return _OK

    def _model(self, _client: Client, label: str, _params: Any) -> Answer:
        """Products have no models here: every map is empty."""
        return Code.OK, "", {"tslModelId": label.partition("/")[0], **{name: {} for name in _MAPS}}

    def _version(self, _client: Client, label: str, params: Any) -> Answer:
        version = str(params["version"])
        self.registry.set_values(label, "version", {"version": version})
        self.registry.remove_values(label, "upgrade", [version])
        return _OK

    def _progress(self, _client: Client, label: str, params: Any) -> Answer:
        if int(str(params["step"])) < 0:  # it failed: that was the end of the task
            self.registry.remove_values(
                label, "upgrade", list(self.registry.values(label, "upgrade"))
            )
        return _OK

    def _upgrades(self, _client: Client, label: str, _params: Any) -> Answer:
        return Code.OK, "", list(self.registry.values(label, "upgrade").values())

    def _device(self, params: Mapping[str, Any]) -> Device | None:
        return self.registry.device(params["productKey"], params["deviceKey"])


def _label_of(params: Mapping[str, Any]) -> str:
    return f"{params.get('productKey')}/{params['deviceKey']}"


def _names(device: Device) -> dict[str, str]:
    names = {"productKey": device.product, "deviceKey": device.name}
    return {"assetId": asset_id(device.label), **names}


def _is_signed(params: Mapping[str, Any], secret: str) -> bool:
    """Whether a device's signature is good: SDKs leave cleanSession out, documents have it in."""
    method = str(params.get("signMethod") or params.get("signmethod") or "").lower()
    if method not in signing.ENOS_METHODS:
        return False
    fields = {
        name: str(params[name]) for name in ("clientId", "deviceKey", "productKey", "timestamp")
    }
    forms = [fields]
    if "cleanSession" in params:
        forms.append(fields | {"cleanSession": str(params["cleanSession"])})
    return any(
        signing.same(signing.enos(form, secret, method).signature, str(params["sign"]))
        for form in forms
    )
