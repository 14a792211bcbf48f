"""How does an application on a board hear and command the devices of Watson IoT Platform?

What it hears (`subscribe` in device.json) comes to `link.on_command`: `command.kind` is "event",
"command" or "status", `command.device` says whose.  It sends with

    link.report(values, device=(type_id, device_id))       an event on behalf of a device
    link.report(*application.command("esp32", "board-1", "set", {"led": 1}))

Sources: Watson IoT "MQTT connectivity for applications"; eclipse/amlen server_proxy.
"""

from signet.cloud import mqtt_session
from signet.cloud.watson import behind
from signet.cloud.watson.topics import fits
from signet.errors import Rejected
from signet.reports.messages import Command
from signet.wire.exact_json import dumps, member, parse

_STATUS = ("iot-2/type/~/id/~/mon", "iot-2/app/~/mon")


def command(type_id, device_id, name, values, form="json"):
    """Builds a command to a device, for link.report.

    Args:
        type_id, device_id: str, 1 to 36 letters, digits and -_. each.
        name: str, the command, 1 to 64 of the same characters.
        values: what has a form in JSON; with another `form` bytes or str, sent as they are.
        form: str, the format that the topic names.
    Returns:
        (payload, topic)
    Raises:
        Rejected: a name, or a value, cannot be sent.
    """
    topic = behind.topic_of((type_id, device_id), "cmd", name, form)
    return dumps(values).encode() if form == "json" else values, topic


class _Dialect(behind.Behind):
    """See cloud/mqtt_session.py."""

    publish = (behind.EVENT, behind.COMMAND)
    refusals = behind.Behind.refusals.copy()
    refusals[2] = "check org_id, app_id and instance_id"
    refusals[4] = "check api_key and token"
    refusals[5] = "check api_key, token, org_id, app_id and host"

    def __init__(self, config):
        self._config = config
        self.subscriptions = [(topic, 1) for topic in config["subscribe"]]
        if config["org_id"] == "quickstart":
            self.publish = (behind.EVENT,)

    def _device(self, report):
        if not report.device:
            raise Rejected("an application has no events of its own; say device=(type id, id)")
        return report.device

    def decode(self, topic, payload):
        if not fits(topic, _STATUS):
            return super().decode(topic, payload)
        levels = topic.split("/")
        data = parse(topic, payload)
        status = Command(member(data, "Action", topic, str), data, topic)
        status.kind = "status"
        status.device = (levels[2], levels[4]) if len(levels) == 6 else (None, levels[2])
        return ("command", status)


def session(config, log, state=None):
    """Returns the Session; config: dict from config.load, log: function of one str."""
    session = mqtt_session.MqttSession(config, _Dialect(config), log)
    session.is_exclusive = config["role"] == "application"
    return session
