"""What does the platform of Alibaba know of a device, and what does it answer when asked?

Sources: help.aliyun.com documents 109807 (desired properties), 89304 (tags), 89308 (remote
configuration), "OTA updates"; for the log the C SDK 4's logpost component.
"""

from collections.abc import Callable, Mapping
from typing import Any

from tools.twin.clouds.alibaba.codes import Answer, Code, bad, good
from tools.twin.registry.kept import Kept

_MOST_TAGS = 100  # of one device: "SaveDeviceProp"


class Answers:
    """Of every device; what it holds is in the registry's file."""

    def __init__(self, kept: Kept) -> None:
        self._kept = kept
        self._by_method: Mapping[str, Callable[[str, str, Any], Answer]] = {
            "thing.property.desired.get": self._desired,
            "thing.property.desired.delete": self._clear_desired,
            "thing.deviceinfo.update": self._tag,
            "thing.deviceinfo.delete": self._untag,
            "thing.config.get": self._configuration,
            "thing.ota.firmware.get": self._firmware,
            "thing.config.log.get": self._log_mode,
        }

    def answer(self, product: str, name: str, method: str, params: Any) -> Answer:
        """What a good request of that method is answered; a report changes nothing here."""
        known = self._by_method.get(method)
        return known(product, name, params) if known else good({})

    # Desired properties: {name: {"value"?, "version"}}; a version goes on when a value has gone.

    def desire(self, product: str, name: str, values: Mapping[str, Any]) -> None:
        """Set desired values, each with a version that is one higher."""
        held = self._kept.get(product, name, "desired", {})
        for key, value in values.items():
            held[key] = {"value": value, "version": held.get(key, {}).get("version", 0) + 1}
        self._kept.put(product, name, "desired", held)

    def _desired(self, product: str, name: str, params: list[str]) -> Answer:
        held = self._kept.get(product, name, "desired", {})
        found = {key: held[key] for key in params if "value" in held.get(key, {})}
        return good(found)

    def _clear_desired(self, product: str, name: str, params: dict[str, Any]) -> Answer:
        """With a version only where it is that one; without, whichever it is."""
        held = self._kept.get(product, name, "desired", {})
        for key, given in params.items():
            entry = held.get(key, {})
            if "value" in entry and given.get("version", entry["version"]) == entry["version"]:
                del entry["value"]
        self._kept.put(product, name, "desired", held)
        return good({})

    # Tags

    def _tag(self, product: str, name: str, params: list[dict[str, Any]]) -> Answer:
        held = self._kept.get(product, name, "tags", {})
        held.update({str(each["attrKey"]): each["attrValue"] for each in params})
        if len(held) > _MOST_TAGS:
            return bad(Code.PARAMETER, f"more than {_MOST_TAGS} tags")
        self._kept.put(product, name, "tags", held)
        return good({})

    def _untag(self, product: str, name: str, params: list[dict[str, Any]]) -> Answer:
        held = self._kept.get(product, name, "tags", {})
        for each in params:
            held.pop(str(each["attrKey"]), None)
        self._kept.put(product, name, "tags", held)
        return good({})

    # Remote configuration, which is a product's

    def configure(self, product: str, configuration: Mapping[str, Any]) -> None:
        """What devices of a product are told of its file."""
        self._kept.put(product, "", "config", dict(configuration))

    def _configuration(self, product: str, _name: str, _params: Any) -> Answer:
        found = self._kept.get(product, "", "config")
        return good(found) if found else bad(Code.NO_DATA)

    # OTA: {module: the package's facts}, until the device says that it has that version

    def offer(self, product: str, name: str, package: Mapping[str, Any]) -> None:
        """Have a device told of a package when it asks."""
        held = self._kept.get(product, name, "ota", {})
        held[str(package.get("module", "default"))] = dict(package)
        self._kept.put(product, name, "ota", held)

    def informed(
        self, product: str, name: str, module: str, version: str
    ) -> Mapping[str, Any] | None:
        """The package that a module with another version is told of; it is done with its own."""
        held = self._kept.get(product, name, "ota", {})
        found: Mapping[str, Any] | None = held.get(module)
        if found and found["version"] == version:
            del held[module]
            self._kept.put(product, name, "ota", held)
            return None
        return found

    def _firmware(self, product: str, name: str, params: Any) -> Answer:
        module = str(params.get("module", "default"))
        return good(self._kept.get(product, name, "ota", {}).get(module, {}))

    def _log_mode(self, _product: str, _name: str, _params: Any) -> Answer:
        return good({"getType": "content", "content": {"mode": 0}})
