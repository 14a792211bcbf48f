"""What does each preset of device.json say where the file says nothing?

Defaults of keys of device.json, and beside them: `command`, the members of a command's
JSON that hold (its name, its data, its id); `set`, a topic whose messages are the command "set":
(topic, member of the data, member of the id, topic of the answer, its body). A `body` may be four:
of a report with its time, without it, of an event with its time, without it.

Loaded when device.json is checked, and forgotten.

Sources: Home Assistant "MQTT", "Discovery messages and availability"; ThingsBoard "MQTT Device
API"; AWS IoT Core "Device Shadow MQTT topics", "Device Shadow service documents", quotas.
"""

from micropython import const

from signet.errors import ConfigError
from signet.modules import call

_MOST_SLASHES = const(7)  # of a topic of AWS, those of Basic Ingest's rule not counted
_KEEPALIVE_S = const((30, 1200))  # of AWS
_WITHOUT_ALPN = const(8883)
_SHADOW = const("$aws/things/{id}/shadow/")

_REPORT = {"ts": "{time_ms}", "event": "{event}", "id": "{message_id}", "values": "{values}"}
_ANSWER = {"id": "{message_id}", "result": "{result}"}
_REPORTED = {"state": {"reported": "{values}"}, "clientToken": "{message_id}"}


def _defaults(config):
    """Returns a preset; tools/link/ takes the branches of the others out."""
    if config["preset"] == "thingsboard":
        return {
            "topic": "v1/devices/me/telemetry",
            "body": (
                {"ts": "{time_ms}", "values": "{values}"},
                "{values}",
                {"ts": "{time_ms}", "values": {"{event}": "{values}"}},
                {"{event}": "{values}"},
            ),
            "command_topic": "v1/devices/me/rpc/request/{message_id}",
            "command": ("method", "params", None),
            "answer_topic": "v1/devices/me/rpc/response/{message_id}",
            "answer_body": "{result}",
            "set": ("v1/devices/me/attributes", None, None, None, None),
        }
    found = {
        "topic": "signet/{id}/report",
        "body": _REPORT,
        "command_topic": "signet/{id}/command/{name}",
        "command": (None, None, "id"),
        "answer_topic": "signet/{id}/answer/{name}",
        "answer_body": _ANSWER,
    }
    if config["preset"] == "homeassistant":
        found["topic"] = "signet/{id}/state"
        found["body"] = "{values}"
        found["retain"] = True
        found["event_topic"] = "signet/{id}/event/{event}"
        if not config["deep_sleep"]:  # between two reports it would be called gone
            found["will_topic"] = "signet/{id}/availability"
    if config["preset"] == "aws":
        found["topic"] = "dt/{id}"
        found["command_topic"] = "cmd/{id}/{name}"
        found["answer_topic"] = "res/{id}/{name}"
    return found


def fill(config):
    """Gives the keys that device.json leaves out what its preset says.

    Args:
        config: dict, checked by identity.FIELDS; `command`, `set` and `reject_topic` are added.
    Returns:
        list of str, warnings.
    Raises:
        ConfigError: a key does not go with this preset.
    """
    config["set"] = config["reject_topic"] = None
    warnings = []
    if config["preset"] == "aws":
        warnings = _check_aws(config)
    elif config["shadow"]:
        raise ConfigError("shadow", 'goes with "preset": "aws" only; remove it')
    found = _defaults(config)
    for key in found:
        if config.get(key) is None:
            config[key] = found[key]
    config["reply_member"] = config["reply_member"] or "id"
    config["retain"] = bool(config["retain"])
    if config["body"] == _REPORT and config["reply_topic"] is None:
        config["body"] = dict(_REPORT)
        del config["body"]["id"]
    if config["sensors"] is not None:
        if config["preset"] != "homeassistant":
            text = 'goes with "preset": "homeassistant" only; remove it'
            raise ConfigError("sensors", text)
        call("signet.cloud.broker.discovery", "check", config)
    return warnings


def _check_aws(config):
    """Checks a thing of AWS IoT Core; the shadow's topics get theirs."""
    if config["websocket"]:
        raise ConfigError("websocket", "of AWS wants a login that signet has not; remove it")
    if not config["tls"]:
        raise ConfigError("tls", "AWS takes TLS only; remove it")
    low, high = _KEEPALIVE_S
    if not low <= config["keepalive_s"] <= high:
        text = "of AWS is a whole number from {} to {}".format(low, high)
        raise ConfigError("keepalive_s", text, 60)
    warnings = []
    if config["cert"] is None:
        warnings.append("AWS asks for a certificate: name its file in `cert`")
    if config["port"] != _WITHOUT_ALPN:
        text = "port {} of AWS wants ALPN, which MicroPython lacks; a domain configuration can do"
        warnings.append((text + " without").format(config["port"]))
    shadow, own = _SHADOW + "update", _SHADOW.replace("{id}", config["client_id"])
    topic = (config["topic"] or "").replace("{id}", config["client_id"])
    if topic.startswith(own) and topic.endswith("/update"):  # the report is the thing's state
        config["shadow"] = True
        shadow = topic
        for key, value in (
            ("body", _REPORTED),
            ("reply_topic", shadow + "/accepted"),
            ("reply_member", "clientToken"),
        ):
            if config[key] is None:
                config[key] = value
        config["reject_topic"] = shadow + "/rejected"
    if config["shadow"]:
        reported = {"state": {"reported": "{result}"}}
        config["set"] = (shadow + "/delta", "state", "version", shadow, reported)
    for key in ("topic", "event_topic"):
        topic = config[key] or ""
        slashes = topic.count("/") - 3 * (topic[:11] == "$aws/rules/")
        if slashes > _MOST_SLASHES:
            raise ConfigError(key, "of AWS has 7 slashes at most", '"dt/{id}"')
    text = "AWS closes the connection without a word where the policy of `cert` does not allow a"
    warnings.append(text + " topic of these: iot:Publish, iot:Subscribe, iot:Receive, iot:Connect")
    return warnings
