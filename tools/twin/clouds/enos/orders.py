"""What do EnOS's commands look like on their way to a device?

Sources: the vendor's documents, `reference/mqtt/downstream`, `topology_management/subdevices`,
`howto/ota/developing_device_ota`.
"""

from typing import Any

from tools.twin.clouds.enos.registry import Registry
from tools.twin.clouds.text import encode
from tools.twin.clouds.values import BadCommandError, Order
from tools.twin.registry.store import Device

FOR_GATEWAY = ("enable", "disable", "delete")
"""Commands about a device behind a gateway, which the gateway gets."""

RRPC = "rrpc:"
"""What stands before the name of a service that is called so."""

_FIRMWARE = {"version": str, "fileUrl": str, "fileSize": int, "sign": str, "signMethod": str}


def service(device: Device, name: str, data: dict[str, Any], message_id: str) -> Order:
    """Call a service; `set` and `get` act on measurepoints."""
    method = {"set": "measurepoint.set", "get": "measurepoint.get"}.get(name, name)
    topic = f"/sys/{device.label}/thing/service/{method.replace('.', '/')}"
    body = _body(message_id, f"thing.service.{method}", data)
    return Order(topic, body, topic + "_reply", message_id)


def rrpc(device: Device, name: str, data: dict[str, Any], message_id: str) -> Order:
    """Call a service and wait: its request is on a topic of its own. Source: the Java SDK."""
    head = f"/sys/{device.label}/rrpc/"
    body = _body(message_id, f"thing.service.{name}", data)
    return Order(f"{head}request/{message_id}", body, f"{head}response/{message_id}", message_id)


def raw(device: Device, data: dict[str, Any]) -> Order:
    """Bytes, which a product's script would make: {"hex": digits}. raises: BadCommandError."""
    try:
        payload = bytes.fromhex(data["hex"])
    except (KeyError, TypeError, ValueError):
        raise BadCommandError("""down_raw takes bytes: '{"hex": "0100000014"}'""") from None
    topic = f"/sys/{device.label}/thing/model/down_raw"
    return Order(topic, payload, topic + "_reply", "")


def upgrade(registry: Registry, device: Device, data: dict[str, Any], message_id: str) -> Order:
    """Offer firmware, which waits for a device that is not there. raises: BadCommandError.

    No reply is waited for: the vendor's own sample sends none, and reports its progress.
    """
    wrong = [name for name in data if not isinstance(data[name], _FIRMWARE.get(name, ()))]
    if wrong or not data.get("version") or not data.get("fileUrl"):
        raise BadCommandError(
            """upgrade takes '{"version": "1.1", "fileUrl": "https://..."}',"""
            " and fileSize (bytes), sign (its MD5)"
        )
    if not registry.values(device.label, "version"):
        raise BadCommandError(f"{device.label} has not reported a version: ota/device/inform")
    params = {"signMethod": "md5", "sign": "", "fileSize": 0, **data}
    registry.set_values(device.label, "upgrade", {data["version"]: params})
    topic = f"/sys/{device.label}/ota/device/upgrade"
    return Order(topic, _body(message_id, "ota.device.upgrade", params), kept=True)


def for_gateway(
    registry: Registry, gateway: Device, device: Device, name: str, message_id: str
) -> Order:
    """Do so to a device behind a gateway, and tell the gateway."""
    if name == "delete":
        registry.attach(device.label, "")
    else:
        registry.store.enable(device, name == "enable")
    topic = f"/ext/session/{gateway.label}/combine/{name}"
    names = [{"productKey": device.product, "deviceKey": device.name}]
    return Order(topic, _body(message_id, f"combine.{name}", names), topic + "_reply", message_id)


def _body(message_id: str, method: str, params: Any) -> bytes:
    return encode({"id": message_id, "version": "1.0", "method": method, "params": params})
