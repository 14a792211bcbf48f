"""How does an application on a board hear and command the devices of Watson IoT Platform?

What it hears (`subscribe` in device.json) comes to `link.on_command`: `command.kind` is "event",
"command" or "status", `command.device` says whose.  It sends with

    link.report(values, device=(type_id, device_id))       an event on behalf of a device
    link.report(*application.command("esp32", "board-1", "set", {"led": 1}))

Sources: Watson IoT "MQTT connectivity for applications"; eclipse/amlen server_proxy.
"""

from signet.cloud.watson.topics import topic_of
from signet.reports.messages import Command, check_name
from signet.wire.exact_json import dumps, member, parse


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
    check_name(form, "format")
    topic = topic_of((type_id, device_id), "cmd", name, form)
    return dumps(values) if form == "json" else values, topic


def read_status(topic, payload):
    """Returns ("command", Command): a device, or another application, comes or goes."""
    levels = topic.split("/")
    data = parse(topic, payload)
    status = Command(member(data, "Action", topic, str), data, topic)
    status.kind = "status"
    status.device = (levels[2], levels[4]) if len(levels) == 6 else (None, levels[2])
    return ("command", status)
