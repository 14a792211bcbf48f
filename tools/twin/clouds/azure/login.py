"""Who logs in at an IoT hub: with which token, or with which certificate?

Sources: "Communicate with an IoT hub using the MQTT protocol"; "Control access to IoT Hub using
SAS tokens". At DPS: dps.py.
"""

import re
import time

from tools.twin.clouds.azure import token
from tools.twin.clouds.azure.certificate import mismatch
from tools.twin.clouds.azure.registry import Registry
from tools.twin.clouds.cloud import Cloud
from tools.twin.clouds.values import Way
from tools.twin.registry.store import Device
from tools.twin.wire.packets import Connect

DOMAIN = "azure-devices.net"
DOMAINS = (DOMAIN, f"device.{DOMAIN}")
"""The second is of the same hub, for TLS 1.3; here by TLS 1.2, which the hub takes there, too."""

_USER = re.compile(
    r"([^/]+)/([^/]+)/\??api-version=\d{4}-\d\d-\d\d(?:-preview)?(?:&[^=&/]+=[^&/]*)*"
)


def identify(
    cloud: Cloud, registry: Registry, connect: Connect, way: Way
) -> tuple[Device, float | None]:
    """The device, and for how many seconds its token is good; None with a certificate.

    raises: RefusedError.
    """
    found = _USER.fullmatch(connect.user or "")
    if found is None:
        reason = "user name is not `{hub}/{device id}/?api-version=2021-04-12`"
        if (connect.user or "").count("/") > 2:
            reason += "; modules are not in this twin"
        raise cloud.refused("form", reason)
    hub, device_id = found[1], found[2]
    if connect.client_id != device_id:
        reason = f"client id is {connect.client_id!r}, the user name has {device_id!r}"
        raise cloud.refused("form", reason)
    named = (way.server_name or "").lower()
    if named.endswith(f".{DOMAIN}") and named != hub.lower():
        reason = f"server name (SNI) is {named!r}, the user name has {hub!r}"
        raise cloud.refused("form", reason)
    device = _device(cloud, hub, device_id)
    if thumbprint := registry.thumbprint(device):
        _check_certificate(cloud, connect, way, device, thumbprint)
        return device, None
    return device, _check_token(cloud, connect, hub, device) - time.time()


def _device(cloud: Cloud, hub: str, device_id: str) -> Device:
    product, _, domain = hub.partition(".")
    found = cloud.store.device(cloud.name, "device", product.lower(), device_id)
    if found is None or domain.lower() not in DOMAINS:
        known = [each.label for each in cloud.store.named(cloud.name, device_id)]
        wrong = f"{product}/{device_id}"
        same = [label for label in known if label.lower() == wrong.lower()]
        hint = f"; there is {same[0]!r}, and case counts" if same else ""
        if domain.lower() not in DOMAINS:
            hint = f"; its host ends in .{DOMAIN}"
        raise cloud.refused("unknown", f"no device {wrong!r}{hint}")
    if not found.enabled:
        raise cloud.refused("disabled", f"device {device_id!r} is disabled")
    return found


def _check_token(cloud: Cloud, connect: Connect, hub: str, device: Device) -> int:
    if not connect.password:
        reason = f"no password: {device.label} logs in with a token, made of its key"
        raise cloud.refused("password", reason)
    try:
        return token.check(connect.password, f"{hub}/devices/{device.name}", device.secret)
    except token.TokenError as error:
        raise cloud.refused(error.kind, str(error)) from None


def _check_certificate(
    cloud: Cloud, connect: Connect, way: Way, device: Device, thumbprint: str
) -> None:
    if connect.password:
        reason = f"a password, but {device.label} logs in with its certificate"
        raise cloud.refused("password", reason)
    if reason := mismatch(cloud.certificates, way, device.product, device.name, thumbprint):
        raise cloud.refused("certificate", reason)
