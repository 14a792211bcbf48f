"""What does an IoT hub and its DPS keep of devices: how they log in, twins, enrollments?

Tables in the registry's SQLite file. Sources: "Understand and use device twins in IoT Hub";
"Symmetric key attestation", "X.509 certificate attestation" of DPS.
"""

import base64
import json
import secrets
from dataclasses import dataclass, field
from typing import Any

from tools.twin.registry.store import Device, Store

CA_SIGNED = "CA"
"""In place of a thumbprint: a registered CA has signed the device's certificate."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS azure_certificates(
  hub TEXT NOT NULL, device TEXT NOT NULL, thumbprint TEXT NOT NULL, PRIMARY KEY(hub, device));
CREATE TABLE IF NOT EXISTS azure_twins(
  hub TEXT NOT NULL, device TEXT NOT NULL, part TEXT NOT NULL, properties TEXT NOT NULL,
  version INTEGER NOT NULL, PRIMARY KEY(hub, device, part));
CREATE TABLE IF NOT EXISTS azure_enrollments(
  scope TEXT NOT NULL, name TEXT NOT NULL, grouped INTEGER NOT NULL, key TEXT NOT NULL,
  thumbprint TEXT NOT NULL, hub TEXT NOT NULL, PRIMARY KEY(scope, name));
CREATE INDEX IF NOT EXISTS azure_groups ON azure_enrollments(scope) WHERE grouped;
"""

_LARGEST_PART = 32 * 1024  # of desired, and of reported properties
_DEEPEST = 10
_LONGEST_TEXT = 4096


class TwinError(Exception):
    """The properties cannot be taken; the text says why."""


@dataclass(frozen=True, slots=True)
class Enrollment:
    """Who may register with DPS, and how.

    name: the registration id; of a group its own name. key: base64, "" with a certificate.
    thumbprint: of the certificate, `CA_SIGNED`, or "" with a key. hub: where it is assigned to.
    """

    scope: str
    name: str
    grouped: bool
    key: str = field(repr=False)
    thumbprint: str
    hub: str


class Registry:
    """The tables of one store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._database = store.database
        store.make(_SCHEMA)

    # How a device logs in

    def trust(self, hub: str, device: str, thumbprint: str) -> None:
        """Let a device log in with its certificate, and no longer with its key.

        thumbprint: hexadecimal SHA-1 or SHA-256 of a certificate, or `CA_SIGNED`.
        """
        self._database.execute(
            "INSERT OR REPLACE INTO azure_certificates VALUES(?,?,?)", (hub, device, thumbprint)
        )

    def thumbprint(self, device: Device) -> str:
        """As `trust` has it; "" of a device with a key."""
        row = self._database.execute(
            "SELECT thumbprint FROM azure_certificates WHERE hub=? AND device=?",
            (device.product, device.name),
        ).fetchone()
        return row["thumbprint"] if row else ""

    # Twins

    def twin(self, device: Device) -> dict[str, Any]:
        """Both parts with their `$version`, as a device asks for them."""
        return {part: self._part(device, part) for part in ("desired", "reported")}

    def change(self, device: Device, part: str, patch: Any) -> int:
        """Merge a patch into "desired" or "reported"; null removes a member.

        returns: the part's new version. raises: TwinError.
        """
        if not isinstance(patch, dict):
            raise TwinError("the properties are not a JSON object")
        _check(patch, 1)
        properties = self._part(device, part)
        version: int = properties.pop("$version") + 1
        text = json.dumps(_merged(properties, patch))
        if len(text) > _LARGEST_PART:
            raise TwinError(f"more than {_LARGEST_PART} bytes of {part} properties")
        self._database.execute(
            "INSERT OR REPLACE INTO azure_twins VALUES(?,?,?,?,?)",
            (device.product, device.name, part, text, version),
        )
        return version

    def _part(self, device: Device, part: str) -> dict[str, Any]:
        row = self._database.execute(
            "SELECT properties, version FROM azure_twins WHERE hub=? AND device=? AND part=?",
            (device.product, device.name, part),
        ).fetchone()
        if row is None:
            return {"$version": 1}
        return {**json.loads(row["properties"]), "$version": row["version"]}

    # Enrollments of DPS

    def enroll(
        self,
        scope: str,
        name: str,
        hub: str,
        *,
        grouped: bool = False,
        key: str = "",
        thumbprint: str = "",
    ) -> Enrollment:
        """Let a device, or a group, register; without a key or a thumbprint makes a key."""
        key = key or ("" if thumbprint else new_key())
        self._database.execute(
            "INSERT OR REPLACE INTO azure_enrollments VALUES(?,?,?,?,?,?)",
            (scope, name, grouped, key, thumbprint, hub),
        )
        return Enrollment(scope, name, grouped, key, thumbprint, hub)

    def enrolled(self, scope: str, name: str, hub: str, *, grouped: bool = False) -> Enrollment:
        """The enrollment of that name, made with a new key where it is not there yet."""
        found = self.enrollment(scope, name)
        return found or self.enroll(scope, name, hub, grouped=grouped)

    def enrollment(self, scope: str, name: str) -> Enrollment | None:
        """The one of that name, of a device or a group."""
        found = self._enrollments("name=?", (scope, name))
        return found[0] if found else None

    def groups(self, scope: str) -> list[Enrollment]:
        """Those of groups in an ID scope, in the order they were added."""
        return self._enrollments("grouped ORDER BY rowid", (scope,))

    def has_scope(self, scope: str) -> bool:
        """Whether anything is enrolled in that ID scope."""
        return bool(self._enrollments("1 LIMIT 1", (scope,)))

    def _enrollments(self, which: str, values: tuple[str, ...]) -> list[Enrollment]:
        query = f"SELECT * FROM azure_enrollments WHERE scope=? AND {which}"  # noqa: S608
        rows = self._database.execute(query, values)
        return [Enrollment(**{**dict(row), "grouped": bool(row["grouped"])}) for row in rows]

    def assign(self, enrollment: Enrollment, registration_id: str, key: str) -> Device:
        """The device of a registration, made in its hub where it is not there yet."""
        hub = enrollment.hub
        found = self._store.device("azure", "device", hub, registration_id)
        if found is None or (key and found.secret != key):
            found = self._store.add("azure", "device", hub, registration_id, secret=key)
        if enrollment.thumbprint:
            self.trust(hub, registration_id, enrollment.thumbprint)
        return found


def new_key() -> str:
    """A symmetric key as Azure makes them."""
    return base64.b64encode(secrets.token_bytes(32)).decode()


def _merged(properties: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    for name, value in patch.items():
        if value is None:
            properties.pop(name, None)
        elif isinstance(value, dict):
            inner = properties.get(name)
            properties[name] = _merged(inner if isinstance(inner, dict) else {}, value)
        else:
            properties[name] = value
    return properties


def _check(value: Any, depth: int) -> None:
    """raises: TwinError for what "Tags and properties format" does not allow."""
    if isinstance(value, str) and len(value.encode()) > _LONGEST_TEXT:
        raise TwinError(f"a text of more than {_LONGEST_TEXT} bytes")
    members = value.values() if isinstance(value, dict) else value
    if isinstance(value, dict | list):
        if depth > _DEEPEST:
            raise TwinError(f"nested deeper than {_DEEPEST}")
        for name in value if isinstance(value, dict) else ():
            if not name or any(ord(c) < 32 or 127 <= ord(c) < 160 or c in ".$ " for c in name):
                raise TwinError(f"a name is {name!r}; it may hold no space, dot, $ or control")
        for member in members:
            _check(member, depth + 1)
