"""How does a device report to Alibaba Cloud IoT Platform over MQTT?

The thing model: reports (see post.py; several at once, batch.py) are answered on their topic +
"_reply".  Down come `thing/service/property/set` and `thing/service/{id}`, answered in the same
way.

Source: Alink protocol, "Device properties, events, and services".
"""

from micropython import const

from signet.cloud import mqtt_session, thing_mqtt
from signet.cloud.alibaba import post
from signet.modules import call

_SUBSCRIPTIONS = const(
    (
        "event/+/post_reply",
        "event/property/batch/post_reply",
        "service/property/set",
        "service/+",
    )
)


class Dialect(thing_mqtt.Dialect):
    """See cloud/mqtt_session.py; config: dict from config.load."""

    max_payload_bytes = 262_144
    setting = "property/set"
    passing = (429, 500)  # too many requests, internal

    def __init__(self, config):
        names = config["product_key"], config["device_name"]
        super().__init__(names, _SUBSCRIPTIONS)

    def encode(self, report):
        where = post.where(report)
        return self.prefix + where, post.body(report, where, str(report.id))

    def batch(self, handover, key):
        return call("signet.cloud.alibaba.batch", "make", self.prefix, handover, key)


def session(config, log, state=None):
    """Returns the Session; config: dict from config.load, log: function of one str."""
    return mqtt_session.MqttSession(config, Dialect(config), log)
