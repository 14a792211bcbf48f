"""What does a device of Azure IoT Hub, or of DPS, send again when a trace is replayed?"""

import base64
import re
import secrets
import urllib.parse
from collections.abc import Mapping
from typing import Any

from cryptography import x509

from tools import signing
from tools.twin.clouds.azure.certificate import normal, thumbprints
from tools.twin.clouds.azure.registry import Registry, new_key
from tools.twin.clouds.proof import Again, Then
from tools.twin.registry import mask
from tools.twin.registry.store import Store
from tools.twin.wire.packets import Connect

_HUB = re.compile(r"([^/.]+)\.[^/]+/([^/]+)/")
_SCOPE = re.compile(r"([^/]+)/registrations/([^/]+)/")


_NORMAL = "lower(replace(thumbprint, ':', ''))"
_TABLES = ("azure_certificates", "azure_enrollments")


class AzureAgain(Again):
    """By MQTT: a shared access signature."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._registry = Registry(store)
        self._thumbprints: dict[str, str] = {}

    def secret(self, table: str, row: Mapping[str, Any]) -> str:
        """A symmetric key."""
        return new_key()

    def row(self, table: str, row: Mapping[str, Any]) -> Mapping[str, Any]:
        """With the thumbprint of what is in place of a certificate."""
        if table not in _TABLES:
            return row
        now = self._thumbprints.get(normal(row["thumbprint"]))
        return {**row, "thumbprint": now} if now else row

    def remade(self, then: x509.Certificate, now: x509.Certificate) -> None:
        """Who is registered with the one is with the other."""
        for old, new in zip(thumbprints(then), thumbprints(now), strict=True):
            if self._thumbprints.get(old) == new:
                continue
            self._thumbprints[old] = new
            for table in _TABLES:
                query = f"UPDATE {table} SET thumbprint=? WHERE {_NORMAL}=?"  # noqa: S608
                self.store.change(query, (new, old))

    def password(self, connect: Connect, then: Then) -> bytes | None:
        """What stands in it is as it was, but when it ends, and the signature."""
        text = (connect.password or b"").decode("ascii", "replace")
        found = re.search(r"\bse=(\d{1,12})(?![^&])", text)
        resource = re.search(r"\bsr=([^&]*)", text)
        if found is None or resource is None:
            return None
        ends_s = int(found[1]) + then.later_ms // 1000
        text = text.replace(found[0], f"se={ends_s}")
        covered = mask.COVERED.search(text)
        key = self._key(connect.user or "")
        if covered is None or not key:
            return text.encode()
        signature = signing.azure(urllib.parse.unquote(resource[1]), key, ends_s).signature
        if then.wrong:
            signature = base64.b64encode(secrets.token_bytes(32)).decode()
        signed = urllib.parse.quote(signature, safe="")
        return (text[: covered.start()] + signed + text[covered.end() :]).encode()

    def _key(self, user: str) -> str:
        if (named := _SCOPE.match(user)) is not None:
            own = self._registry.enrollment(named[1], named[2])
            if own is not None:
                return own.key
            for group in self._registry.groups(named[1]):
                if group.key:
                    return signing.azure_device_key(group.key, named[2])
        elif (named := _HUB.match(user)) is not None:
            device = self.store.device("azure", "device", named[1], named[2])
            return device.secret if device else ""
        return ""
