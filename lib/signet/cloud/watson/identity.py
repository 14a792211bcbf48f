"""Which keys of device.json say who a device is to Watson IoT Platform?

Those that only an application has are checked in application_identity.py.

Source: Watson IoT "Connecting applications, devices, and gateways"; organisation ids have six
characters there, but any length on Maximo Application Suite. IBM ended its own service on
2023-12-01; Maximo's IoT tool listens on 443 only ("Secure MQTT messaging").
"""

from micropython import const

from signet import modules
from signet.errors import ConfigError

TLS_BY_DEFAULT = True
PORTS = {"mqtt": {False: 1883, True: None}, "http": {False: 1883, True: None}}  # see check
QUICKSTART = "quickstart"

_NAME = const((36, "-_."))
_NOT_IN_KEYS = const(" \t\r\n:")
_ROLES = const(("device", "gateway", "application", "scalable-application"))

FIELDS = {
    "org_id": ("name", ..., _NAME, "myorg1"),
    "type_id": ("name", None, _NAME, "meter"),
    "device_id": ("name", None, _NAME, "meter-7"),
    "token": ("secret", None, (256, None), "the device's authentication token"),
    "event": ("name", "status", (64, "-_."), "status"),
}
BY_WAY = {
    "mqtt": {
        "keepalive_s": ("int", 60, (1, 65_535), 60),
        "role": ("choice", "device", _ROLES, "device"),
        "websocket": ("flag", False, None, "true"),
        "cert": ("file", None, 128, "board-1.pem"),
        "key": ("file", None, 128, "board-1.key"),
        "app_id": ("name", None, _NAME, "dashboard"),
        "instance_id": ("name", None, _NAME, "1"),
        "api_key": ("text", None, (256, _NOT_IN_KEYS), "a-myorg1-a84ps90Ajs"),
        "subscribe": ("any", None, None, None),
    },
    "http": {
        "role": ("choice", "device", ("device", "gateway"), "device"),
        "command": ("name", "+", (64, "-_.+"), "+"),
        "command_poll_s": ("int", 60, (0, 86_400), 60),
        "command_wait_s": ("int", 0, (0, 3600), 0),
    },
}


def check(config):
    """Checks what concerns more than one key.

    Args:
        config: dict, checked by FIELDS; `subscribe` of an application gets its default, and `port`
            over TLS: 443 for a host in Maximo's form, 8883 for any other.
    Returns:
        list of str, warnings.
    Raises:
        ConfigError: a key is missing, or does not go with another; or the token would go out in
            clear.
    """
    warnings = []
    org, role = config["org_id"], config["role"]
    quickstart = org == QUICKSTART
    if quickstart:
        _check_quickstart(config)
    if "application" in config["role"]:
        modules.call("signet.cloud.watson.application_identity", "check", config, quickstart)
    else:
        _check_device(config, role)
    if quickstart:
        config["clean_session"] = True
        config["command_poll_s"] = 0
    elif not config["tls"]:
        if not config["insecure"]:
            raise ConfigError(
                "insecure",
                "port {} would carry the token in clear; use TLS, or accept it".format(
                    config["port"]
                ),
                "true",
            )
        warnings.append(
            "port {} is not encrypted: who listens has the token".format(config["port"])
        )
    if config.get("command_wait_s", 0) > config["report_interval_s"]:
        warnings.append(
            "command_wait_s is longer than report_interval_s: reports wait until the cloud answers"
        )
    if config.get("websocket"):
        import hashlib

        if not hasattr(hashlib, "sha1"):
            raise ConfigError("websocket", "needs SHA-1, which this firmware lacks", "false")
    first, _, rest = config["host"].lower().partition(".")
    maximo = rest[:14] == "messaging.iot."
    if config["port"] is None:
        config["port"] = 443 if maximo else 8883
    if maximo and config["port"] != 443:
        warnings.append("Maximo listens on port 443 only, not on {}".format(config["port"]))
    # With an `address` the name is not looked up, and may be that of a twin.
    if rest.endswith("internetofthings.ibmcloud.com") and not config["address"]:
        warnings.append("IBM ended this service in 2023; Maximo is at ORG_ID.messaging.iot...")
    if rest[:10] == "messaging." and first != org.lower():
        text = "host is that of the organisation {}, not of org_id: the login will be refused"
        warnings.append(text.format(first))
    if len(org) != 6 and not quickstart and not maximo:
        warnings.append("org_id is usually six characters; this one has {}".format(len(org)))
    return warnings


def _check_quickstart(config):
    if config["role"] not in ("device", "application"):
        text = "quickstart has no {}s".format(config["role"])
        raise ConfigError("role", text, '"device"')
    if config.get("cert") is not None:
        raise ConfigError("cert", "quickstart has no certificates; remove it")
    if config["tls"]:
        raise ConfigError("tls", "quickstart has no TLS", "false")


def _check_device(config, role):
    for key, example in (("type_id", '"meter"'), ("device_id", '"meter-7"')):
        if config[key] is None:
            raise ConfigError(key, "is missing", example)
    for key in ("app_id", "instance_id", "api_key", "subscribe"):
        if config.get(key) is not None:
            text = 'is of applications only; remove it, or say "role": "application"'
            raise ConfigError(key, text)
    if config.get("cert"):  # "Configuring certificates"; eclipse/amlen server_proxy, auth.c
        of_type = "{}:{}:".format(role[0], config["type_id"])
        config["cert_names"] = [of_type + config["device_id"], of_type]  # or any of that type
    if config["token"] is None and config.get("cert") is None and config["org_id"] != QUICKSTART:
        raise ConfigError("token", "is missing", '"the device\'s authentication token"')
