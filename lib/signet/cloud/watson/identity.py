"""Which keys of device.json say who a device is to Watson IoT Platform?

Source: Watson IoT "Connecting applications, devices, and gateways"; organisation ids have six
characters there, but any length on Maximo Application Suite.
"""

from signet.errors import ConfigError

TLS_BY_DEFAULT = True
PORTS = {"mqtt": {False: 1883, True: 8883}, "http": {False: 1883, True: 8883}}
QUICKSTART = "quickstart"

_NAME = (36, "-_.")

FIELDS = (
    ("org_id", "word", ..., _NAME, "myorg1"),
    ("type_id", "word", ..., _NAME, "meter"),
    ("device_id", "word", ..., _NAME, "meter-7"),
    ("token", "secret", None, (256, None), "the device's authentication token"),
    ("event", "word", "status", (64, "-_."), "status"),
)
BY_WAY = {
    "mqtt": (("keepalive_s", "int", 60, (1, 65_535), 60),),
    "http": (
        ("role", "choice", "device", ("device", "gateway"), "device"),
        ("command", "word", "+", (64, "-_.+"), "+"),
        ("command_poll_s", "int", 60, (0, 86_400), 60),
        ("command_wait_s", "int", 0, (0, 3600), 0),
    ),
}


def check(config):
    """Checks what concerns more than one key.

    Args:
        config: dict, checked by FIELDS.
    Returns:
        list of str, warnings.
    Raises:
        ConfigError: the token is missing, or would go out in clear.
    """
    warnings = []
    org = config["org_id"]
    if org == QUICKSTART and config.get("role") == "gateway":
        raise ConfigError("role", "quickstart has no gateways", '"device"')
    if org == QUICKSTART:
        if config["tls"]:
            raise ConfigError("tls", "quickstart has no TLS", "false")
        config["clean_session"] = True
        config["command_poll_s"] = 0
    elif config["token"] is None:
        raise ConfigError("token", "is missing", '"the device\'s authentication token"')
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
    if len(org) != 6 and org != QUICKSTART:
        warnings.append("org_id is usually six characters; this one has {}".format(len(org)))
    return warnings
