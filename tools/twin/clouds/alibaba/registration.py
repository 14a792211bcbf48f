"""How does a device get its secret, or a token, from Alibaba: one product secret for all of them?

Sources: Alibaba Cloud, "Unique-certificate-per-product verification", "MQTT-based dynamic
registration", "HTTPS-based dynamic registration"; the vendor's SDKs for what they sign and read.
A product has dynamic registration once its secret was asked for.
"""

import hashlib
import secrets
from collections.abc import Mapping

from tools import signing
from tools.twin.clouds.alibaba.uplink import MistakeError
from tools.twin.clouds.cloud import Cloud
from tools.twin.registry.kept import Kept
from tools.twin.registry.store import Device, Store

_FIELDS = ("productKey", "deviceName", "random", "sign")


class Registration:
    """Of every product."""

    def __init__(self, store: Store, kept: Kept) -> None:
        self._store = store
        self._kept = kept

    def secret(self, product: str) -> str:
        """The product's secret, made when it is asked for first: registration is on then."""
        return self._kept.made_secret(product)

    def activated(self, device: Device) -> None:
        """It has logged in: from now on it cannot register."""
        if not self._kept.get(device.product, device.name, "active"):
            self._kept.put(device.product, device.name, "active", True)

    def reset(self, device: Device) -> None:
        """Let it register again; what it has logged in with so far is no longer good then."""
        for part in ("active", "client_id"):
            self._kept.put(device.product, device.name, part, None)

    def client_id(self, device: Device) -> str | None:
        """What a device that was not registered before was given with its token."""
        found: str | None = self._kept.get(device.product, device.name, "client_id")
        return found

    def register(self, fields: Mapping[str, str], method: str) -> dict[str, str]:
        """What a device that is registered gets: a new secret, unless it has logged in.

        fields: productKey, deviceName, random and sign. method: of signing.ALIBABA_METHODS.
        raises: MistakeError.
        """
        product, name = self._checked(fields, method)
        return self.give(product, name)

    def device(self, product: str, name: str) -> Device:
        """One that is registered. raises: MistakeError "unknown" or "disabled"."""
        device = self._store.device("alibaba", "device", product, name)
        if device is None:
            raise MistakeError("unknown", f"no device {name!r} in product {product!r}")
        if not device.enabled:
            raise MistakeError("disabled", f"device {name!r} is disabled")
        return device

    def give(self, product: str, name: str) -> dict[str, str]:
        """The same, of a device for which somebody has proved that it may have one."""
        self._on(product)
        self.device(product, name)
        if self._kept.get(product, name, "active"):
            reason = f"device {name!r} has logged in, so it cannot register; "
            reset = f"signet twin device reset alibaba {product} {name}"
            raise MistakeError("active", f"{reason}`{reset}` lets it again")
        # The document: a device that has not logged in may register again, the last secret counts.
        new = self._store.add("alibaba", "device", product, name)
        return {"productKey": product, "deviceName": name, "deviceSecret": new.secret}

    def register_unknown(self, fields: Mapping[str, str], method: str) -> dict[str, str]:
        """What a device gets that need not be registered: client id, and a new token each time.

        raises: MistakeError.
        """
        product, name = self._checked(fields, method)
        rule, words = Cloud.name_rule
        if not rule.fullmatch(name):
            raise MistakeError("form", f"deviceName is not 1 to {words}")
        found = self._store.device("alibaba", "device", product, name)
        if found and self.client_id(found) is None:
            reason = f"device {name!r} is registered: it asks with authType=register"
            raise MistakeError("active", reason)
        # Before the device, of which a trace tells at once: it is whole then.
        client_id = f"{hashlib.sha256(f'{product}/{name}'.encode()).hexdigest()[:16]}.{product}"
        self._kept.put(product, name, "client_id", client_id)
        new = self._store.add("alibaba", "device", product, name, secret=secrets.token_hex(32))
        own = {"productKey": product, "deviceName": name}
        return {**own, "clientId": client_id, "deviceToken": new.secret}

    def _on(self, product: str) -> str:
        found = self._kept.secret(product)
        if not found:
            command = f"signet twin device secret alibaba {product}"
            reason = f"product {product!r} has no dynamic registration; `{command}` turns it on"
            raise MistakeError("product", reason)
        return found

    def _checked(self, fields: Mapping[str, str], method: str) -> tuple[str, str]:
        """Product and name. raises: MistakeError."""
        for name in _FIELDS:
            if not fields.get(name):
                raise MistakeError("form", f"{name} is missing")
        if method not in signing.ALIBABA_METHODS:
            known = ", ".join(signing.ALIBABA_METHODS)
            raise MistakeError("form", f"sign method {method!r} is unknown; use one of: {known}")
        product = fields["productKey"]
        secret = self._on(product)
        signed = {name: fields[name] for name in _FIELDS[:3]}
        expected = signing.alibaba(signed, secret, method)
        if not signing.same(expected.signature, fields["sign"]):
            reason = (
                f"signature differs: expected {expected.algorithm.replace('device', 'product')},"
                f" in hexadecimal; the content is `{expected.content}`"
            )
            raise MistakeError("signature", reason)
        return product, fields["deviceName"]
