"""How does a device report to Watson IoT Platform over MQTT?

A gateway and an application have a file each, gateway.py and application.py.

Events go to `iot-2/evt/{event}/fmt/json` as {"d": values, "ts": time}, commands come from
`iot-2/cmd/{command}/fmt/{format}`.  There is no reply: PUBACK is the acknowledgement.  Watson
closes the connection of a device that uses any other topic, so those are refused here.

Source: Watson IoT "MQTT connectivity for devices"; topic rules of eclipse/amlen server_proxy.
"""

from signet.cloud import mqtt_session
from signet.cloud.watson.event import body
from signet.errors import Rejected
from signet.reports.messages import Command, check_name
from signet.wire.exact_json import loads


class _Dialect:
    """See cloud/mqtt_session.py; config: dict from config.load."""

    max_payload_bytes = 131_072
    refusals = {
        0: "certificate policy? check `cert`",
        2: "check org_id, type_id and device_id",
        4: "check token",
        5: "check token, org_id, type_id, device_id and host",
    }

    def __init__(self, config):
        self._config = config
        # The org quickstart takes no subscription at all.
        quickstart = config["org_id"] == "quickstart"
        self.subscriptions = [] if quickstart else [("iot-2/cmd/+/fmt/+", 1)]

    def check_topic(self, topic):
        levels = topic.split("/")
        if (
            len(levels) != 5
            or levels[:2] != ["iot-2", "evt"]
            or levels[3] != "fmt"
            or not (levels[2] and levels[4])
        ):
            raise Rejected("a device may publish to iot-2/evt/EVENT/fmt/FORMAT only, not " + topic)

    def encode(self, report, message_id):
        event = report.event or self._config["event"]
        check_name(event)
        return "iot-2/evt/{}/fmt/json".format(event), body(report), False

    def decode(self, topic, payload):
        levels = topic.split("/")
        if len(levels) != 5 or levels[:2] != ["iot-2", "cmd"] or levels[3] != "fmt":
            return None
        if levels[4] == "json":
            payload = loads(payload, topic)
        return ("command", Command(levels[2], payload, topic))

    def result(self, command, value):
        return None


def session(config, log, state=None):
    """Returns the Session of the role; config: dict from config.load, log: function of one str."""
    role = config["role"].split("-")[-1]  # scalable-application
    if role == "device":
        return mqtt_session.MqttSession(config, _Dialect(config), log)
    return __import__("signet.cloud.watson." + role, None, None, ("*",)).session(config, log)
