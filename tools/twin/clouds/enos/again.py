"""What does a device of EnOS send again when a trace is replayed?"""

from collections.abc import Mapping
from typing import Any

from tools import signing
from tools.twin.clouds.enos.registry import Registry
from tools.twin.clouds.proof import Again, Then
from tools.twin.clouds.text import decode, parameters
from tools.twin.registry.store import Store
from tools.twin.wire.packets import Connect
from tools.ui import UserError

_SIGNED = ("/thing/topo/add", "/combine/login", "/combine/login/batch")


class EnosAgain(Again):
    """By MQTT: a signature of its own, and those of the devices behind it."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._registry = Registry(store)

    def password(self, connect: Connect, then: Then) -> bytes | None:
        """The signature of client id and user name."""
        name, _, product = (connect.user or "").partition("&")
        try:
            client_id, options = parameters(connect.client_id)
        except ValueError:  # the twin says what is wrong with it
            return None
        fields = {"clientId": client_id, "deviceKey": name, "productKey": product}
        if "timestamp" in options:
            fields["timestamp"] = options["timestamp"]
        mode = options.get("securemode", "2")
        signed = "" if then.wrong else self._signed(fields, mode, options.get("signmethod", ""))
        return signed.encode() or None

    def payload(self, topic: str, payload: bytes) -> bytes:
        """The signatures of devices that log in, or are put, behind it."""
        if not topic.endswith(_SIGNED):
            return payload
        try:
            params = decode(payload)["params"]
            entries = params if isinstance(params, list) else params.get("subDevices", [params])
            for entry in entries:
                whole = entry if isinstance(params, list) else params | entry
                if signed := self._again(whole):
                    payload = payload.replace(entry["sign"].encode(), signed.encode())
        except (ValueError, KeyError, TypeError, AttributeError):  # the twin says what is wrong
            pass
        return payload

    def _again(self, params: Mapping[str, Any]) -> str:
        names = ("clientId", "deviceKey", "productKey", "timestamp")
        method = str(params.get("signMethod") or params.get("signmethod") or "").lower()
        fields = {name: str(params[name]) for name in names}
        return self._signed(fields, str(params.get("secureMode", "2")), method)

    def _signed(self, fields: Mapping[str, str], mode: str, method: str) -> str:
        """By the device's secret, or with securemode 3 and 4 by its product's."""
        product = fields["productKey"]
        device = self._registry.device(product, fields["deviceKey"])
        if mode in ("3", "4"):
            secret = self._registry.product_secret(product)
        elif device is not None:
            secret = device.secret
        else:
            return ""
        try:
            return signing.enos(fields, secret, method).signature
        except UserError:  # the twin says what is wrong with the method
            return ""
