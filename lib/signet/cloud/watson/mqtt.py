"""How does a client of Watson IoT Platform report and hear over MQTT, in whatever role?

Events go out as {"d": values, "ts": time}, commands come in any format; which topics carry them,
roles.py says.  There is no reply: PUBACK is the acknowledgement.  Watson closes the connection of
a device that uses any other topic, so those are refused here.

Source: Watson IoT "MQTT connectivity for devices".
"""

from signet import modules
from signet.cloud import mqtt_session
from signet.cloud.watson.event import body
from signet.cloud.watson.topics import fits, topic_of
from signet.errors import Rejected
from signet.reports.messages import Command
from signet.wire.exact_json import loads


class Dialect:
    """See cloud/mqtt_session.py; config: dict from config.load, log: function of one str.

    Attributes:
        publishes, hears: rules of roles.py.
        own: (type id, device id), whose an event is that names no device; None where its topic
            does not say so, () where it must name one.
        read: as `decode`, for topics that are neither of an event nor of a command.
    """

    max_payload_bytes = 131_072
    replies = False
    own = acked = None

    def __init__(self, config, log):
        self._event = config["event"]
        self._last = None, None  # the device and event, and the topic, of the last report
        modules.call("signet.cloud.watson.roles", "assign", self, config, log)

    def check_topic(self, topic):
        if not fits(topic, self.publishes):
            rules = " and ".join(self.publishes).replace("~", "NAME")
            raise Rejected("may publish to {} only, not {!r}".format(rules, topic))

    def encode(self, report):
        device = report.device or self.own
        if device == ():
            raise Rejected("an application has no events of its own; say device=(type id, id)")
        what = device, report.event or self._event
        if what != self._last[0]:
            self._last = what, topic_of(device, "evt", what[1])
        return self._last[1], body(report)

    def decode(self, topic, payload):
        if not fits(topic, self.hears):
            return None
        levels = topic.split("/")
        if not len(levels) & 1:  # neither event nor command
            return self.read(topic, payload)
        if levels[-1] == "json":
            payload = loads(payload, topic)
        command = Command(levels[-3], payload, topic)
        if levels[-4] == "evt":
            command.kind = "event"
        if len(levels) == 9 and (levels[2], levels[4]) != self.own:
            command.device = (levels[2], levels[4])
        return ("command", command)


def session(config, log, state=None):
    """Returns the Session of the role; config: dict from config.load, log: function of one str."""
    session = mqtt_session.MqttSession(config, Dialect(config, log), log)
    session.is_exclusive = config["role"] != "scalable-application"
    return session
