"""What does Home Assistant have to know of a device, so that its sensors show by themselves?

One message for all of them, on `homeassistant/device/{object id}/config`: the device, its origin,
and a component for each entry of `sensors` in device.json, with the options of Home Assistant's
documents ("unit_of_measurement", "device_class", "p" for another platform than "sensor").

Loaded when device.json is checked, and forgotten.

Source: Home Assistant "MQTT", "Device discovery payload"; an object id is of [a-zA-Z0-9_-].
"""

import json

from micropython import const

from signet.errors import ConfigError

_EXAMPLE = const('{"t": {"device_class": "temperature", "unit_of_measurement": "\xb0C"}}')


def check(config):
    """Raises ConfigError unless `sensors` is an object of objects, by names of values."""
    sensors = config["sensors"]
    if isinstance(sensors, dict):
        for name in sensors:
            if "'" in name or not isinstance(sensors[name], dict):
                break
        else:
            return
    raise ConfigError("sensors", "must be an object: name of a value -> its options", _EXAMPLE)


def message(config):
    """Returns (topic, text); config: dict whose topics are worked out."""
    id = ""
    for each in config["client_id"]:
        id += each if each.isalpha() or each.isdigit() or each == "-" else "_"
    components = {}
    for name in config["sensors"]:
        components[name] = component = {
            "p": "sensor",
            "name": name,
            "unique_id": "{}_{}".format(config["client_id"], name),
            "value_template": "{{ value_json['" + name + "'] }}",
        }
        component.update(config["sensors"][name])
    found = {
        "dev": {"ids": [config["client_id"]], "name": config["client_id"]},
        "o": {"name": "signet"},
        "cmps": components,
        "state_topic": config["topic"],
    }
    if config["will_topic"] is not None:
        found["availability_topic"] = config["will_topic"]
        found["payload_available"] = config["birth"]
        found["payload_not_available"] = config["will"]
    text = json.dumps(found).replace("{id}", json.dumps(config["client_id"])[1:-1])
    return "homeassistant/device/" + id + "/config", text
