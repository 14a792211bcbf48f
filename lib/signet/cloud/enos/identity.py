"""Which keys of device.json say who a device is to EnOS?

Source: EnOS "Establishing Connection using the MQTT Protocol".
"""

from micropython import const

from signet.errors import ConfigError

TLS_BY_DEFAULT = False
PORTS = {"mqtt": {False: 11883, True: 18883}}

_NOT_IN_KEYS = const(" \t\r\n/+#&|,")

FIELDS = {
    "product_key": ("text", ..., (64, _NOT_IN_KEYS), "x1y2z3"),
    "device_key": ("text", ..., (64, _NOT_IN_KEYS), "meter-7"),
    "device_secret": ("secret", ..., (256, None), "the device secret from the EnOS console"),
    "client_id": ("text", None, (64, "|"), "meter-7"),
    "sign_method": ("choice", "sha256", ("sha256", "hmacsha1"), "sha256"),
}
BY_WAY = {
    "mqtt": {
        "keepalive_s": ("int", 60, (60, 300), 60),
        "cert": ("file", None, 128, "meter-7.pem"),
        "key": ("file", None, 128, "meter-7.key"),
    }
}


def check(config):
    """Completes the configuration.

    Args:
        config: dict, checked by FIELDS; `client_id` gets its default.
    Returns:
        list of str, warnings.
    Raises:
        ConfigError: `host` is the console's, app-portal-ENV, not the mqtt-ENV beside it.
    """
    if config["host"][:11] == "app-portal-":
        text = "is the console; write mqtt- for app-portal-"
        raise ConfigError("host", text, '"mqtt-cn5.envisioniot.com"')
    if config["client_id"] is None:
        config["client_id"] = config["device_key"]
    if config["tls"]:
        text = "EnOS asks for a client certificate on its TLS port: name its file in `cert`"
        return [] if config["cert"] else [text]
    # EnOS takes secrets on its plain port only, and the time in a login is not looked at.
    text = "port {} is not encrypted: who listens can log in as this device"
    return [text.format(config["port"])]
