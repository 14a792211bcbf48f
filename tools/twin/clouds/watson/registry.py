"""What does Watson keep of an org's types and devices: info, location, diagnostics, last events?

Device management writes it, applications read and change it by the REST calls. Sources: the
platform's docs, `devices/device_mgmt/`; wiotp-sdk for the names of members.
"""

import base64
import datetime
import secrets
from collections.abc import Mapping
from typing import Any

from tools.twin.registry.kept import Kept
from tools.twin.registry.store import Device, Store

INFO = (
    *("serialNumber", "manufacturer", "model", "deviceClass", "description"),
    *("fwVersion", "hwVersion", "descriptiveLocation"),
)
_LEFT_OUT: Mapping[str, dict[str, Any]] = {
    "logs": {"data": "", "severity": 0},
    "errorCodes": {},
}
_MOST = 100  # log entries, or error codes, of a device; the oldest go


def now() -> str:
    """ISO 8601, in UTC."""
    return time_text(datetime.datetime.now(datetime.UTC).timestamp())


def time_text(seconds: float) -> str:
    """The same of another time, since 1970."""
    time = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Registry:
    """The types and devices of every org of one store."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._kept = Kept(store, "watson")

    # Types: those that were made, and those of the devices that are registered

    def types(self, org: str) -> dict[str, dict[str, Any]]:
        """What is known of each type."""
        types = {device.product.partition("/")[2]: device.kind for device in self.devices(org)}
        found = {name: {"classId": kind.capitalize()} for name, kind in types.items()}
        return found | self._made(org)

    def type(self, org: str, name: str) -> dict[str, Any] | None:
        """The same of one; None where there is none."""
        if (made := self._made(org).get(name)) is not None:
            return made
        some = self._rows("product=? LIMIT 1", f"{org}/{name}")
        return {"classId": some[0].kind.capitalize()} if some else None

    def _made(self, org: str) -> dict[str, dict[str, Any]]:
        made: dict[str, dict[str, Any]] = self._kept.get(org, "", "types", {})
        return made

    def put_type(self, org: str, name: str, facts: Mapping[str, Any] | None) -> None:
        """Make or change a type, or remove it: None."""
        made = self._made(org)
        made.pop(name, None)
        self._kept.put(org, "", "types", made | ({} if facts is None else {name: facts}))

    # Devices

    def devices(self, org: str, type_id: str | None = None) -> list[Device]:
        """An org's devices and gateways, or those of one type, by type and id."""
        if type_id is not None:
            return self._rows("product=? ORDER BY name", f"{org}/{type_id}")
        # "0" follows "/": by the index of products, not by all of the cloud
        return self._rows("product>? AND product<? ORDER BY product, name", f"{org}/", f"{org}0")

    def _rows(self, which: str, *values: str) -> list[Device]:
        rows = self.store.database.execute(
            "SELECT * FROM devices"  # noqa: S608 - `which` is from above
            f" WHERE cloud='watson' AND kind IN ('device', 'gateway') AND {which}",
            values,
        )
        return [Device(**{**row, "enabled": bool(row["enabled"])}) for row in map(dict, rows)]

    def device(self, org: str, type_id: str, name: str) -> Device | None:
        """The device or gateway of that name."""
        store, product = self.store, f"{org}/{type_id}"
        device = store.device("watson", "device", product, name)
        return device or store.device("watson", "gateway", product, name)

    def remove(self, device: Device) -> None:
        """It, and all that is kept of it but its messages; devices behind it are no longer."""
        self.store.remove(device)
        freed = "UPDATE devices SET gateway='' WHERE cloud=? AND gateway=? AND gateway<>''"
        self.store.change(freed, (device.cloud, device.label))
        self._kept.forget(device.product, device.name)
        last = self.store.database.execute("SELECT max(id) FROM messages").fetchone()[0]
        self._kept.put(device.product, device.name, "removed", last)

    def facts(self, device: Device) -> dict[str, Any]:
        """Its `deviceInfo` and `metadata`."""
        found: dict[str, Any] = self._kept.get(device.product, device.name, "facts", {})
        return {"deviceInfo": {}, "metadata": {}} | found

    def change(self, device: Device, info: Mapping[str, Any], metadata: Any) -> None:
        """Merge into its `deviceInfo`; replace its `metadata`, unless that is None."""
        given = {name: info[name] for name in INFO if info.get(name) is not None}
        if not given and metadata is None:
            return
        found = self.facts(device)
        found["deviceInfo"] |= given
        if metadata is not None:
            found["metadata"] = metadata
        self._kept.put(device.product, device.name, "facts", found)

    def location(self, device: Device) -> Any:
        """Where it is; None where nobody has said so."""
        return self._kept.get(device.product, device.name, "location")

    def locate(self, device: Device, location: Mapping[str, Any]) -> None:
        """Replace its location."""
        times = {"measuredDateTime": now(), "updatedDateTime": now()}
        self._kept.put(device.product, device.name, "location", times | dict(location))

    def diagnostics(self, device: Device, what: str) -> list[dict[str, Any]]:
        """Its "logs" or "errorCodes", the newest first."""
        found: list[dict[str, Any]] = self._kept.get(device.product, device.name, what, [])
        return found

    def diagnose(self, device: Device, what: str, entry: Mapping[str, Any]) -> None:
        """Add one; what it lacks is made up for."""
        made = {"timestamp": now(), **_LEFT_OUT[what], **entry, "id": secrets.token_hex(12)}
        self.put_diagnostics(device, what, [made, *self.diagnostics(device, what)][:_MOST])

    def put_diagnostics(self, device: Device, what: str, entries: list[dict[str, Any]]) -> None:
        """Have these alone."""
        self._kept.put(device.product, device.name, what, entries or None)

    # Last events

    def last_events(self, device: Device) -> list[dict[str, Any]]:
        """The last message of each of its events, whoever sent it, by the event's name."""
        org, _, type_id = device.product.partition("/")
        long = f"iot-2/type/{type_id}/id/{device.name}/evt/"
        rows = self.store.database.execute(
            "SELECT topic, payload, received_ms, max(id) FROM messages WHERE cloud='watson'"
            " AND id>:removed AND direction='up' AND status='stored'"
            " AND (device=:own AND topic LIKE 'iot-2/evt/%'"
            " OR substr(topic, 1, :length)=:long AND substr(device, 1, :org_length)=:org)"
            " GROUP BY topic ORDER BY max(id)",
            {
                "removed": self._kept.get(device.product, device.name, "removed", 0),
                "own": device.label,
                "long": long,
                "length": len(long),
                "org": f"{org}/",
                "org_length": len(org) + 1,
            },
        )
        found: dict[str, dict[str, Any]] = {}
        for row in rows:
            event, _, form = row["topic"].split("/")[-3:]
            found[event] = {
                "typeId": type_id,
                "deviceId": device.name,
                "eventId": event,
                "format": form,
                "timestamp": time_text(row["received_ms"] / 1000),
                "payload": base64.b64encode(row["payload"]).decode(),
            }
        return [found[name] for name in sorted(found)]
