"""Which keys of device.json say who a device is to Azure IoT Hub?

Either `device_id` and the hub's `host`, or `id_scope` and `registration_id`, and `host` is that of
the Device Provisioning Service (DPS), which says the rest: see dps.py.

Sources: Azure "Communicate with an IoT hub using the MQTT protocol"; "Understand the identity
registry", device identity properties; "Symmetric key attestation with DPS".
"""

from binascii import a2b_base64

from micropython import const

from signet.errors import ConfigError

TLS_BY_DEFAULT = True
PORTS = {"mqtt": {False: 8883, True: 8883}}

_DEVICE = const((128, "-.%_*?!(),:=@$'"))
_LEAST_KEY = const(16)  # bytes

FIELDS = {
    "device_id": ("name", None, _DEVICE, "meter-7"),
    "hub": ("name", None, (253, "-."), "myhub.azure-devices.net"),
    "device_key": ("secret", None, (88, None), "the primary key from the device's page"),
    "token_s": ("int", 3600, (60, 432_000), 3600),
    "id_scope": ("name", None, (64, "-"), "0ne000A1B2C"),
    "registration_id": ("name", None, (128, "-._:"), "meter-7"),
}
BY_WAY = {
    "mqtt": {
        "keepalive_s": ("int", 240, (1, 1177), 240),
        "websocket": ("flag", False, None, "true"),
        "cert": ("file", None, 128, "meter-7.pem"),
        "key": ("file", None, 128, "meter-7.key"),
    }
}


def check(config):
    """Checks what concerns more than one key.

    Args:
        config: dict, checked by FIELDS; `hub` is `host` unless DPS assigns one, the port of
            WebSocket 443.
    Returns:
        list of str, warnings.
    Raises:
        ConfigError: a key is missing, or does not go with another.
    """
    if not config["tls"]:
        raise ConfigError("tls", "Azure takes TLS only; remove it")
    by_dps = config["id_scope"] is not None
    needed, others = "device_id", ("registration_id",)
    if by_dps:
        needed, others = "registration_id", ("device_id", "hub")
    if config[needed] is None:
        raise ConfigError(needed, "is missing", '"meter-7"')
    for key in others:
        if config[key] is not None:
            text = "does not go with `id_scope`: DPS says it; remove it"
            raise ConfigError(key, text if by_dps else "goes with `id_scope` only; remove it")
    host = config["host"].lower()
    if by_dps and host.endswith(".azure-devices.net"):
        text = "is a hub; with `id_scope` it must be that of DPS"
        raise ConfigError("host", text, '"global.azure-devices-provisioning.net"')
    if not by_dps and host.endswith(".azure-devices-provisioning.net"):
        raise ConfigError("id_scope", "is missing; `host` is that of DPS", '"0ne000A1B2C"')
    if not by_dps and config["hub"] is None:
        config["hub"] = config["host"]
    if config["cert"] is not None:
        config["cert_names"] = [config[needed]]
    _check_key(config["device_key"], config["cert"])
    if config["websocket"]:
        import hashlib

        if not hasattr(hashlib, "sha1"):
            raise ConfigError("websocket", "needs SHA-1, which this firmware lacks", "false")
        config["websocket_path"] = "/$iothub/websocket"
        if config["port"] == PORTS["mqtt"][True]:
            config["port"] = 443
    return []


def _check_key(key, cert):
    example = '"the primary key"'
    if key is None:
        if cert is None:
            raise ConfigError("device_key", "is missing, and so is `cert`", example)
        return
    if cert is not None:
        raise ConfigError("device_key", "goes without `cert`; remove one of them")
    try:
        good = len(a2b_base64(key)) >= _LEAST_KEY
    except ValueError:
        good = False
    if not good:
        text = "is not a key in base64; copy it whole, with the = at its end"
        raise ConfigError("device_key", text, example)
