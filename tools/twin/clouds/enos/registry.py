"""What does EnOS keep of products and devices: secrets, topology, attributes, tags, firmware?

Sources: the vendor's documents `reference/mqtt` (topology_management, upstream/device_else,
upstream/device_tags), `howto/ota`.
"""

import hashlib
from collections import Counter
from collections.abc import Collection, Mapping
from typing import Any

from tools.twin.registry.kept import Kept
from tools.twin.registry.store import Device, Store

_MOST_VALUES = 1000  # of a kind that are kept of a device: no document has a limit


class Registry:
    """What is kept in one store. A label is a device's: product/name."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._kept = Kept(store, "enos")
        self._named: Counter[str] = Counter()  # by product, names that were tried

    def device(self, product: str, name: str) -> Device | None:
        """A registered device."""
        return self.store.device("enos", "device", product, name)

    def has_product(self, product: str) -> bool:
        """Whether a device of it is registered."""
        return self.store.has_product("enos", product)

    def add(self, product: str, name: str | None) -> Device:
        """Register a device; without a name one is made: the same in each run, for a replay."""
        return self.store.add("enos", "device", product, name or self._new_name(product))

    def _new_name(self, product: str) -> str:
        while True:
            self._named[product] += 1
            text = f"{product}/{self._named[product]}"
            name = hashlib.sha256(text.encode()).hexdigest()[:10]
            if self.device(product, name) is None:
                return name

    # Dynamic activation

    def product_secret(self, product: str) -> str:
        """That of a product, made when it is first asked for."""
        return self._kept.made_secret(product)

    def activate(self, device: Device, activated: bool = True) -> None:
        """It has its device secret now; or is as if it had not."""
        self._kept.put(device.product, device.name, "activated", activated or None)

    def is_activated(self, device: Device) -> bool:
        """Whether it was activated, and so never is again."""
        return bool(self._kept.get(device.product, device.name, "activated"))

    # Topology

    def gateway(self, label: str) -> str:
        """The label of the gateway that a device is behind, or ""."""
        gateway: str = self._kept.get(*_split(label), "gateway", "")
        return gateway

    def behind(self, gateway: str) -> list[str]:
        """The labels of the devices behind a gateway, in the order they were added."""
        labels: list[str] = self._kept.get(*_split(gateway), "behind", [])
        return labels

    def attach(self, label: str, gateway: str) -> None:
        """Put a device behind a gateway; behind "" it is behind none."""
        for changed in {self.gateway(label), gateway} - {""}:
            labels = [each for each in self.behind(changed) if each != label]
            if changed == gateway:
                labels.append(label)
            self._kept.put(*_split(changed), "behind", labels)
        self._kept.put(*_split(label), "gateway", gateway or None)

    # Of a device by kind: attributes, tags, the version it reported, upgrades that wait for it

    def values(self, label: str, kind: str) -> dict[str, Any]:
        """All of a kind: "attribute", "tag", "version" or "upgrade"."""
        values: dict[str, Any] = self._kept.get(*_split(label), kind, {})
        return values

    def set_values(self, label: str, kind: str, values: Mapping[str, Any]) -> None:
        """Set some of a kind; where they are too many, those that were set first are gone."""
        together = {**self.values(label, kind), **values}
        self._kept.put(*_split(label), kind, dict([*together.items()][-_MOST_VALUES:]))

    def remove_values(self, label: str, kind: str, names: Collection[str]) -> None:
        """Remove some of a kind."""
        values = self.values(label, kind)
        self._kept.put(*_split(label), kind, {k: values[k] for k in values if k not in names})


def _split(label: str) -> tuple[str, str]:
    product, _, name = label.rpartition("/")
    return product, name


def asset_id(label: str) -> str:
    """The platform's own name of a device: eight letters or digits, always the same."""
    return hashlib.sha256(label.encode()).hexdigest()[:8]
