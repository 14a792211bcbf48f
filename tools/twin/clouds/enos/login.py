"""Who logs in at EnOS, and with which secret is the CONNECT signed: by `securemode`.

Sources: "Establishing Connection with EnOS Cloud using the MQTT Protocol"; the vendor's documents,
`reference/mqtt/nonsdk_login` and `reference/mqtt_offline/nonsdk_login_offline`; its SDKs.
"""

from tools import signing
from tools.twin.clouds.cloud import Cloud
from tools.twin.clouds.enos.registry import Registry
from tools.twin.clouds.text import parameters
from tools.twin.registry.store import Device
from tools.twin.wire.packets import Connect

CHANNEL = "%channel%"
"""In place of a device key: the one connection of a product, for message integration."""


def identify(cloud: Cloud, registry: Registry, connect: Connect) -> tuple[Device, str]:
    """The device, and the kind of client: "device", "activation" or "integration".

    raises: RefusedError.
    """
    try:
        client_id, options = parameters(connect.client_id)
    except ValueError as error:
        raise cloud.refused("form", str(error)) from None
    method = options.get("signmethod", "")
    if method not in signing.ENOS_METHODS:
        known = ", ".join(name for name in signing.ENOS_METHODS if name)
        reason = f"signmethod {method!r} is unknown; use one of: {known}"
        raise cloud.refused("form", reason)
    mode = options.get("securemode", "2")
    if mode == "4":
        device, kind = _channel(cloud, registry, connect, client_id), "integration"
        secret = registry.product_secret(device.product)
    elif mode in ("2", "3"):
        device = cloud.device_of_user(connect, "deviceKey")
        kind, secret = "device", device.secret
        if mode == "3":
            if registry.is_activated(device):
                reason = f"{device.label} is activated already: securemode=2, its device secret"
                raise cloud.refused("mode", reason)
            kind, secret = "activation", registry.product_secret(device.product)
    else:
        reason = f"securemode {mode!r} is none of 2 (device secret), 3 and 4 (product secret)"
        raise cloud.refused("mode", reason)
    fields = {"clientId": client_id, "deviceKey": device.name, "productKey": device.product}
    if "timestamp" in options:
        fields["timestamp"] = options["timestamp"]
    signed = signing.enos(fields, secret, method)
    received = (connect.password or b"").decode("ascii", "replace")
    if not signing.same(signed.signature, received):
        algorithm = signed.algorithm.replace("device", "device" if mode == "2" else "product")
        reason = (
            f"signature differs: expected {algorithm}, in hexadecimal;"
            f" the content is `{signed.content}`"
        )
        raise cloud.refused("signature", reason)
    return device, kind


def _channel(cloud: Cloud, registry: Registry, connect: Connect, client_id: str) -> Device:
    """The one connection of a product. raises: RefusedError."""
    name, _, product = (connect.user or "").partition("&")
    if name != CHANNEL or client_id != product or connect.password is None:
        reason = f"with securemode=4 the user name is `{CHANNEL}&productKey`, the id productKey"
        raise cloud.refused("login", reason)
    if not registry.has_product(product):
        raise cloud.refused("unknown", f"there is no product {product!r}")
    return Device(cloud.name, "device", product, CHANNEL, "")
