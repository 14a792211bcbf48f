"""What stands in the ready file of a twin, and what does a device make of it?

{"pid", "ca_file", "control", "database", "clouds": {NAME: {"ways": {"mqtt": {"address", "port",
"tls", "host", "websocket"?}, ...}, "device": identity, "gateway"?: identity, "application"?:
identity, "policy"?: Watson's default, "enrollment"?, "group"?: of Azure's DPS}}}; "mqtts" is the
way with TLS. "coap" (symmetric encryption) and "coaps" (DTLS) are Alibaba's over UDP. "https" is
Alibaba's and Watson's; "http" is Watson's on its port for MQTT without TLS. "ws" and "wss" are
MQTT over WebSocket, on Watson's ports for MQTT, and on Azure's 443. "page": the address of the
page, with its token, where the twin has one.
"""

from collections.abc import Mapping
from typing import Any

from tools.ui import UserError, one_of

RUNNING = "running.json"
"""In the state folder while a twin runs: the ready file's contents."""


# Which identity of the ready file a role has; a device's goes without saying.
ROLES = {
    "device": "device",
    "gateway": "gateway",
    "application": "application",
    "scalable-application": "application",
    "enrollment": "enrollment",
}
_SECURED = {"coap": "CoAP over DTLS", "http": "HTTP over TLS", "ws": "WebSocket over TLS"}
_UNSAID = ("device", "enrollment")  # by `role` of device.json: other keys say it


def device_config(
    ready: Mapping[str, Any], cloud: str, way: str = "mqtt", role: str = "device"
) -> dict[str, Any]:
    """What a device.json needs for the ready device of a cloud, its secret included.

    ready: contents of the ready file. way: a way in of that cloud there. role: one of `ROLES`,
    where the cloud has it.
    """
    entry = ready["clouds"][cloud]
    return config_of(cloud, way, entry["ways"][way], entry[ROLES[role]], role)


def config_of(
    cloud: str, way: str, door: Mapping[str, Any], identity: Mapping[str, str], role: str
) -> dict[str, Any]:
    """What a device.json needs for a device. door: its way in. identity: in the cloud's words."""
    config = {
        "cloud": cloud,
        "way": "mqtt" if "websocket" in door else way.removesuffix("s"),
        "host": door["host"],
        "address": door["address"],
        "port": door["port"],
        "tls": door["tls"],
    }
    if config["way"] != "coap":  # which without DTLS encrypts by itself
        config["insecure"] = not door["tls"]
    if "websocket" in door:
        config["websocket"] = True
    if role not in _UNSAID:
        config["role"] = role
    return {**config, **identity}


def chosen_config(
    ready: Mapping[str, Any],
    cloud: str,
    way: str = "mqtt",
    role: str = "device",
    tls: bool = False,
) -> dict[str, Any]:
    """As `device_config`, for what a person asked for. tls: by MQTT, for the port with TLS.

    raises: UserError for a way or role that the twin does not have.
    """
    ways = ready["clouds"][cloud]["ways"]
    if way == "mqtt" and (tls or way not in ways):
        way = "mqtts"
    if way not in ways:
        raise UserError(f"the twin has no way {way!r} to {cloud}; {one_of(way, ways)}")
    if tls and not ways[way]["tls"]:
        raise UserError(f"--tls is for MQTT; {_SECURED[way]} is --way {way}s")
    roles = [name for name, kind in ROLES.items() if kind in ready["clouds"][cloud]]
    if role not in roles:
        raise UserError(f"{cloud} has no role {role!r}; {one_of(role, roles)}")
    return device_config(ready, cloud, way, role)
