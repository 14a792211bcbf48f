"""How do topics name a device that is not the client itself?  For gateways and applications.

Events are `iot-2/type/{type}/id/{id}/evt/{event}/fmt/{format}`, commands have `cmd` there.

Source: Watson IoT "MQTT connectivity for gateways", "MQTT connectivity for applications".
"""

from signet.cloud.watson.event import body
from signet.cloud.watson.mqtt import _Dialect
from signet.cloud.watson.topics import fits
from signet.errors import Rejected
from signet.reports.messages import Command, check_name
from signet.wire.exact_json import loads

_TOPIC = "iot-2/type/{}/id/{}/{}/{}/fmt/{}"
EVENT = "iot-2/type/~/id/~/evt/~/fmt/~"  # rules of topics.py
COMMAND = "iot-2/type/~/id/~/cmd/~/fmt/~"


def topic_of(device, kind, name, form):
    """Builds a topic.

    Args:
        device: (type id, device id), each of 1 to 36 letters, digits and -_.
        kind: str, "evt" or "cmd".
        name: str, of the event or command.
        form: str, "json" for JSON.
    Raises:
        Rejected: a name that cannot stand in a topic.
    """
    for word in device:
        check_name(word, "device", 36)
    check_name(name)
    check_name(form, "format")
    return _TOPIC.format(device[0], device[1], kind, name, form)


class Behind(_Dialect):
    """What both dialects share; see cloud/mqtt_session.py.

    A dialect has `publish`, a tuple of rules, and `_device(report)`: (type id, device id).
    """

    def check_topic(self, topic):
        if not fits(topic, self.publish):
            rules = " and ".join(self.publish).replace("~", "NAME")
            raise Rejected("this role may publish to {} only, not {}".format(rules, topic))

    def topic(self, report):
        """Returns the topic (str) that a report goes to."""
        if report.topic is not None:
            return report.topic
        event = report.event or self._config["event"]
        return topic_of(self._device(report), "evt", event, "json")

    def encode(self, report, message_id):
        return self.topic(report), body(report), False

    def decode(self, topic, payload):
        if not fits(topic, (EVENT, COMMAND)):
            return None
        levels = topic.split("/")
        if levels[8] == "json":
            payload = loads(payload, topic)
        command = Command(levels[6], payload, topic)
        if levels[5] == "evt":
            command.kind = "event"
        command.device = (levels[2], levels[4])
        return ("command", command)
