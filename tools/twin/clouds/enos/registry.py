"""What does EnOS keep of products and devices: secrets, topology, attributes, tags, firmware?

Tables in the registry's SQLite file. Sources: the vendor's documents `reference/mqtt`
(topology_management, upstream/device_else, upstream/device_tags), `howto/ota`.
"""

import hashlib
import json
import secrets
from collections.abc import Collection, Mapping
from typing import Any

from tools.twin.registry.store import Device, Store

_SCHEMA = """
CREATE TABLE IF NOT EXISTS enos_products(product TEXT PRIMARY KEY, secret TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS enos_activated(device TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS enos_topology(device TEXT PRIMARY KEY, gateway TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS enos_values(
  device TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL,
  PRIMARY KEY(device, kind, name));
"""


class Registry:
    """The tables of one store. A device is its label, product/name."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._database = store.database
        self._database.executescript(_SCHEMA)

    def device(self, product: str, name: str) -> Device | None:
        """A registered device."""
        return self.store.device("enos", "device", product, name)

    def add(self, product: str, name: str | None) -> Device:
        """Register a device; without a name one is made."""
        return self.store.add("enos", "device", product, name or secrets.token_hex(5))

    # Dynamic activation

    def product_secret(self, product: str) -> str:
        """That of a product, made when it is first asked for."""
        self._database.execute(
            "INSERT OR IGNORE INTO enos_products VALUES(?,?)", (product, secrets.token_hex(16))
        )
        row = self._database.execute(
            "SELECT secret FROM enos_products WHERE product=?", (product,)
        ).fetchone()
        secret: str = row["secret"]
        return secret

    def activate(self, device: Device) -> None:
        """It has its device secret now."""
        self._database.execute("INSERT OR IGNORE INTO enos_activated VALUES(?)", (device.label,))

    def is_activated(self, device: Device) -> bool:
        """Whether it was activated, and so never is again."""
        return bool(
            self._database.execute(
                "SELECT 1 FROM enos_activated WHERE device=?", (device.label,)
            ).fetchone()
        )

    # Topology

    def gateway(self, label: str) -> str:
        """The label of the gateway that a device is behind, or ""."""
        row = self._database.execute(
            "SELECT gateway FROM enos_topology WHERE device=?", (label,)
        ).fetchone()
        return row["gateway"] if row else ""

    def behind(self, gateway: str) -> list[str]:
        """The labels of the devices behind a gateway, in the order they were added."""
        rows = self._database.execute(
            "SELECT device FROM enos_topology WHERE gateway=? ORDER BY rowid", (gateway,)
        )
        return [row["device"] for row in rows]

    def attach(self, label: str, gateway: str) -> None:
        """Put a device behind a gateway; behind "" it is behind none."""
        if gateway:
            self._database.execute(
                "INSERT OR REPLACE INTO enos_topology VALUES(?,?)", (label, gateway)
            )
        else:
            self._database.execute("DELETE FROM enos_topology WHERE device=?", (label,))

    # Attributes, tags, the version that was reported ("version"), upgrades that wait ("upgrade")

    def values(self, label: str, kind: str) -> dict[str, Any]:
        """All of a kind: "attribute", "tag", "version" or "upgrade"."""
        rows = self._database.execute(
            "SELECT name, value FROM enos_values WHERE device=? AND kind=? ORDER BY rowid",
            (label, kind),
        )
        return {row["name"]: json.loads(row["value"]) for row in rows}

    def set_values(self, label: str, kind: str, values: Mapping[str, Any]) -> None:
        """Set some of a kind."""
        self._database.executemany(
            "INSERT OR REPLACE INTO enos_values VALUES(?,?,?,?)",
            [(label, kind, name, json.dumps(value)) for name, value in values.items()],
        )

    def remove_values(self, label: str, kind: str, names: Collection[str]) -> None:
        """Remove some of a kind."""
        self._database.executemany(
            "DELETE FROM enos_values WHERE device=? AND kind=? AND name=?",
            [(label, kind, name) for name in names],
        )


def asset_id(label: str) -> str:
    """The platform's own name of a device: eight letters or digits, always the same."""
    return hashlib.sha256(label.encode()).hexdigest()[:8]
