"""How does a device report to Alibaba Cloud IoT Platform over MQTT?

The thing model: reports (see post.py) are answered on their topic + "_reply".  Down come
`thing/service/property/set` and `thing/service/{id}`, answered in the same way.

Source: Alink protocol, "Device properties, events, and services".
"""

from signet.cloud import mqtt_session, thing_mqtt
from signet.cloud.alibaba import post

# Codes of a reply that says "not now": too many requests, internal.
_PASSING = (429, 500)


class Dialect:
    """See cloud/mqtt_session.py; config: dict from config.load."""

    max_payload_bytes = 262_144
    acked = None

    def __init__(self, config):
        self._prefix = prefix = "/sys/{}/{}/thing/".format(
            config["product_key"], config["device_name"]
        )
        self.subscriptions = [
            (prefix + "event/+/post_reply", 1),
            (prefix + "service/property/set", 1),
            (prefix + "service/+", 1),
        ]

    def check_topic(self, topic):
        pass

    def encode(self, report, message_id):
        where = post.where(report)
        return self._prefix + where, post.body(report, where, message_id), True

    def decode(self, topic, payload):
        if not topic.startswith(self._prefix):
            return None
        where = topic[len(self._prefix) :]
        if where.startswith("event/") and where.endswith("/post_reply"):
            return thing_mqtt.answer(topic, payload, _PASSING)
        if where == "service/property/set":
            return thing_mqtt.command("set", topic, payload)
        if where.startswith("service/") and not where.endswith("_reply"):
            return thing_mqtt.command(where[8:], topic, payload)
        return None  # our own answers come back where the subscription covers them

    def result(self, command, value):
        return thing_mqtt.result(command, value)


def session(config, log, state=None):
    """Returns the Session; config: dict from config.load, log: function of one str."""
    return mqtt_session.MqttSession(config, Dialect(config), log)
