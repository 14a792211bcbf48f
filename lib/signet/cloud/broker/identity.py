"""Which keys of device.json say who a device is to an MQTT broker, and what it says there?

Topics and bodies are templates: presets.py has those of each preset, templates.py their words.

Source: MQTT 3.1.1 (OASIS, 2014), 3.1 and 4.7.
"""

from micropython import const

from signet.errors import ConfigError
from signet.modules import call

TLS_BY_DEFAULT = True
PORTS = {"mqtt": {False: 1883, True: 8883}}

_TOPIC = const((256, "+#"))
_PRESETS = const(("json", "homeassistant", "thingsboard", "aws"))

FIELDS = {
    "preset": ("choice", "json", _PRESETS, "json"),
    "client_id": ("text", ..., (128, "/+#{}"), "meter-7"),
    "user": ("secret", None, (256, None), "meter-7"),
    "password": ("secret", None, (512, None), "the password"),
    "topic": ("text", None, _TOPIC, "home/{id}/report"),
    "body": ("any", None, None, None),
    "event_topic": ("text", None, _TOPIC, "home/{id}/event/{event}"),
    "event_body": ("any", None, None, None),
    "commands": ("flag", True, None, "true"),
    "command_topic": ("text", None, _TOPIC, "home/{id}/command/{name}"),
    "answer_topic": ("text", None, _TOPIC, "home/{id}/answer/{name}"),
    "answer_body": ("any", None, None, None),
    "reply_topic": ("text", None, _TOPIC, "home/{id}/stored"),
    "reply_member": ("name", None, (64, "_"), "id"),
    "will_topic": ("text", None, _TOPIC, "home/{id}/status"),
    "will": ("text", "offline", (1024, ""), "offline"),
    "birth": ("text", "online", (1024, ""), "online"),
    "qos": ("int", 1, (0, 1), 1),
    "retain": ("flag", None, None, "false"),
    "sensors": ("any", None, None, None),
    "shadow": ("flag", False, None, "true"),
}
BY_WAY = {
    "mqtt": {
        "keepalive_s": ("int", 60, (1, 65_535), 60),
        "websocket": ("flag", False, None, "true"),
        "websocket_path": ("text", "/mqtt", (256, " "), "/mqtt"),
        "cert": ("file", None, 128, "meter-7.pem"),
        "key": ("file", None, 128, "meter-7.key"),
    }
}


def check(config):
    """Completes the configuration; templates are worked out, see templates.py.

    Args:
        config: dict, checked by FIELDS and BY_WAY.
    Returns:
        list of str, warnings.
    Raises:
        ConfigError: a template is wrong, or nobody would prove who this is, and `insecure` does
            not say so.
    """
    if config["password"] is not None and config["user"] is None:
        raise ConfigError("user", "is missing; MQTT has no password without one", '"meter-7"')
    text = None
    if not config["tls"]:
        text = "port {} is not encrypted: who listens reads all, {}and can send commands".format(
            config["port"], "" if config["user"] is None else "the login too, "
        )
    elif config["user"] is None and config["cert"] is None:
        text = "there is neither `user` nor `cert`: nothing proves to the broker who this is"
    if text is not None and not config["insecure"]:
        raise ConfigError("insecure", text + "; mend it, or accept it", "true")
    warnings = [] if text is None else [text]
    if not config["qos"]:
        if config["reply_topic"] is not None:
            raise ConfigError("qos", "is 1 where a reply says that a report is stored", 1)
        warnings.append("qos 0: nobody says that a report has arrived; sent counts as stored")
    if config["websocket"]:
        import hashlib

        if not hasattr(hashlib, "sha1"):
            raise ConfigError("websocket", "needs SHA-1, which this firmware lacks", "false")
    warnings += call("signet.cloud.broker.presets", "fill", config)
    call("signet.cloud.broker.templates", "work_out", config)
    return warnings
